"""A reader of a new kind of YAML file needs only `imglint` and `imglint.yaml`.

The reader below is for a made-up pipeline format. It is as short as a reader can be; the tests show that every way of writing a value in YAML then
gives exact positions.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import imglint.yaml
from imglint import BUILD, Comment, ImageUse, Problem, Source
from imglint.yaml import Mapping, Scalar, has_template_actions, image_use_of, is_templated, read_documents, traced_text, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Fact

FILES = ("*.pipeline",)


def claims(source: Source) -> bool:
    """Return whether the file is a pipeline by its name."""
    return source.name.endswith(".pipeline")


def read(source: Source) -> Iterator[Fact]:
    """Yield the images of the steps, each once, however many aliases lead to it."""
    roots, facts = read_documents(source)
    yield from facts
    seen = set()
    for root in roots:
        for step in root.sequence("steps") if isinstance(root, Mapping) else ():
            use = image_of(source, step) if isinstance(step, Mapping) else None
            if use and use.span not in seen:
                seen.add(use.span)
                yield use


def image_of(source: Source, step: Mapping) -> ImageUse | None:
    """Return the image that a step names: `image` as text, `image` as a map of name and version, or `uses` with a scheme."""
    where = f"step {step.text('name')}"
    split = step.mapping("image")
    if split:
        name, version = split.scalar("name"), split.scalar("version")
        if name is None:
            return None
        parts: list[Scalar | str] = [name, ":", version] if version else [name]
        tag_known = version is not None
        return image_use_of(
            source, name, place="step", where=where, role=BUILD, parts=parts, prefix="docker://", tag_known=tag_known
        )
    image = step.scalar("image") or step.scalar("uses")
    return image_use_of(source, image, place="step", where=where, role=BUILD, prefix="docker://") if image else None


def facts_of(text: str) -> list[Fact]:
    source = Source("ci/release.pipeline", text)
    assert claims(source)
    return list(read(source))


def uses_of(text: str) -> list[ImageUse]:
    return [fact for fact in facts_of(text) if isinstance(fact, ImageUse)]


@pytest.mark.parametrize(
    "text",
    [
        "steps:\n- image: ghcr.io/acme/app:1.2\n",
        "steps:\n- image: ghcr.io/acme/app:1.2 # the builder\n",
        "steps:\n- image: 'ghcr.io/acme/app:1.2'\n",
        'steps:\n- image: "ghcr.io/acme/app:1.2"\n',
        'steps:\r\n- image: "ghcr.io/acme/app:1.2"\r\n',
        "steps: [{image: ghcr.io/acme/app:1.2}]\n",
        'steps: [{name: a, image: "ghcr.io/acme/app:1.2"}, {name: b}]\n',
        '{"steps": [{"image": "ghcr.io/acme/app:1.2"}]}\n',
        "steps:\n- image: !!str ghcr.io/acme/app:1.2\n",
        "steps:\n- ? image\n  : ghcr.io/acme/app:1.2\n",
        "steps:\n- image: >-\n    ghcr.io/acme/app:1.2\n",
        "steps:\n- image: >\n\n    ghcr.io/acme/app:1.2\n  name: a\n",
        "steps:\n- image: |\n    ghcr.io/acme/app:1.2\n",
        "steps:\n- image: |-2\n    ghcr.io/acme/app:1.2\n",
        "builder: &builder ghcr.io/acme/app:1.2\nsteps:\n- image: *builder\n- image: *builder\n",
        "steps:\n- &first {image: ghcr.io/acme/app:1.2}\n- *first\n",
        "base: &base {image: ghcr.io/acme/app:1.2}\nsteps:\n- <<: *base\n  name: a\n- {<<: *base, name: b}\n",
        "a: &a {image: ghcr.io/acme/app:1.2}\nb: &b {<<: *a}\nc: &c {image: x}\nsteps:\n- <<: [*b, *c]\n",
        "base: &base {steps: [{image: ghcr.io/acme/app:1.2}]}\n<<: *base\n",
        "name: first\n---\nsteps:\n- image: ghcr.io/acme/app:1.2\n---\nname: last\n",
        "steps: [\n---\nsteps:\n- image: ghcr.io/acme/app:1.2\n",
        "# ☃\nsteps:\n- {name: ☃☃, image: ghcr.io/acme/app:1.2}\n",
        "steps:\n- uses: docker://ghcr.io/acme/app:1.2\n",
        "steps:\n- uses: 'docker://ghcr.io/acme/app:1.2'\n",
        "steps:\n- uses: >-\n    docker://ghcr.io/acme/app:1.2\n",
    ],
)
def test_a_reference_and_its_tag_are_found_where_they_are_written(text: str) -> None:
    [use] = uses_of(text)
    start = text.index("ghcr.io/acme/app:1.2")
    assert str(use.reference) == "ghcr.io/acme/app:1.2"
    assert use.parts["whole"] == (start, start + 20)
    assert use.parts["tag"] == (start + 17, start + 20)
    location = use.finding("wrong tag", "tag").location
    assert text.split("\n")[location.line - 1][location.column - 1 : location.end_column - 1] == "1.2"


@pytest.mark.parametrize("image", ['"ghcr.io/acme/app:\\x31"', '"ghcr.io\\\n    /acme/app:1"'])
def test_a_text_with_escapes_is_read_and_found_as_a_whole(image: str) -> None:
    text = f"steps:\n- image: {image}\n  name: a\n"
    [use] = uses_of(text)
    assert str(use.reference) == "ghcr.io/acme/app:1"
    assert use.parts["tag"] == use.parts["whole"] == use.span
    assert use.text == image.strip('"')


def test_a_reference_may_be_split_over_scalars() -> None:
    text = "versions:\n  app: &version '1.2'\nsteps:\n- image: {name: ghcr.io/acme/app, version: *version}\n- image: {name: acme/b}\n"
    split, without_version = uses_of(text)
    assert (str(split.reference), split.text, split.tag_known) == ("ghcr.io/acme/app:1.2", "ghcr.io/acme/app", True)
    assert split.source.location(*split.parts["tag"]).line == 2
    assert text[slice(*split.parts["tag"])] == "1.2"
    assert (str(without_version.reference), without_version.tag_known) == ("docker.io/acme/b", False)


def test_a_scheme_is_not_part_of_a_split_reference() -> None:
    [use] = uses_of("steps:\n- image: {name: docker://acme/app, version: 1.2}\n")
    assert (str(use.reference), use.text) == ("docker.io/acme/app:1.2", "acme/app")
    assert use.source.text[slice(*use.parts["whole"])] == "acme/app"


@pytest.mark.parametrize(
    "image", ["'{{ image }}'", "acme/app:${TAG}", "acme/app:$(params.tag)", "$IMAGE", "docker://acme/app:${TAG}", "ko://acme/app"]
)
def test_a_templated_image_is_unresolved(image: str) -> None:
    [use] = uses_of(f"steps:\n- image: {image}\n")
    assert use.reference is None
    assert use.problem is not None
    assert use.problem.rule == "unresolved-reference"
    assert use.text == image.strip("'").removeprefix("docker://")
    assert is_templated(use.text)


@pytest.mark.parametrize("value", ["''", "' '", "~", "null", "", "[]", "{}", "[a]"])
def test_a_value_without_text_is_not_an_image(value: str) -> None:
    assert uses_of(f"steps:\n- image: {value}\n") == []


@pytest.mark.parametrize("uses", ["docker://", "'docker://'"])
def test_a_scheme_without_an_image_is_an_invalid_reference_at_the_scalar(uses: str) -> None:
    [use] = uses_of(f"steps:\n- uses: {uses}\n")
    assert (use.text, use.problem and use.problem.rule) == ("docker://", "invalid-reference")


def test_comments_are_facts_and_text_that_looks_like_one_is_not() -> None:
    text = "# imglint: ignore[a] one\nsteps:\n- name: '# imglint: ignore[b]'\n  script: |\n    # imglint: ignore[c]\n# imglint: ignore[d]\n"
    assert [fact.text for fact in facts_of(text) if isinstance(fact, Comment)] == [
        "# imglint: ignore[a] one",
        "# imglint: ignore[d]",
    ]


def test_a_broken_document_is_a_problem_where_it_breaks() -> None:
    text = "steps:\n- image: acme/a:1\n---\nsteps:\n- image: @b\n---\nsteps:\n- image: acme/c:1\n"
    [problem] = [fact for fact in facts_of(text) if isinstance(fact, Problem)]
    assert text[slice(*problem.span)] == "@"
    assert problem.message.startswith("invalid YAML: ")
    assert [use.text for use in uses_of(text)] == ["acme/a:1", "acme/c:1"]


def test_more_merge_keys_than_are_read_are_a_problem() -> None:
    text = (
        "a0: &a0 {image: x}\n" + "".join(f"a{at}: &a{at} {{<<: *a{at - 1}}}\n" for at in range(1, 70)) + "steps: [*a63, *a69]\n"
    )
    problems = [fact for fact in facts_of(text) if isinstance(fact, Problem)]
    assert [problem.rule for problem in problems] == ["unread-file"] * 6
    assert [use.text for use in uses_of(text)] == ["x"]


def test_a_template_that_is_not_yaml_gives_its_literal_images() -> None:
    text = "{{ if .Values.build }}\nsteps:\n- image: acme/app:1.2\n- image: acme/app:{{ .Values.tag }}\n{{ end }}\n"
    assert has_template_actions(text)
    literal, unresolved = uses_of(text)
    assert (literal.place, literal.text, str(literal.reference)) == ("template-image", "acme/app:1.2", "docker.io/acme/app:1.2")
    assert (unresolved.text, unresolved.reference) == ("acme/app:{{ .Values.tag }}", None)


def test_documents_that_are_not_wanted_are_checked_and_have_no_root() -> None:
    source = Source("a.pipeline", "image: a\n---\nb: c\n---\nd: [\n")
    roots, facts = read_documents(source, wanted=lambda text: "image" in text)
    assert [root.start for root in roots] == [0]
    assert [type(fact) for fact in facts] == [Problem]


def test_a_mapping_includes_merged_keys() -> None:
    source = Source("a.pipeline", "a: &a {x: 1, y: 2, n: ~}\nb: {y: 3, <<: *a, z: [4]}\n")
    [root], _ = read_documents(source)
    assert isinstance(root, Mapping)
    mapping = root.mapping("b")
    assert mapping is not None
    assert [key for key, _ in mapping.items()] == ["y", "z", "x", "n"]
    assert [mapping.text(key) for key in ("x", "y", "n", "z", "none")] == ["1", "3", "", "", ""]
    assert ("x" in mapping, "none" in mapping, mapping.scalar("n"), mapping.mapping("x")) == (True, False, None, None)
    assert (len(mapping.sequence("z")), mapping.sequence("x")) == (1, [])
    assert [key.value for key, _ in mapping.entries if isinstance(key, Scalar)] == ["y", "<<", "z"]


def test_the_text_of_a_scalar_can_be_cut_with_its_positions() -> None:
    source = Source("a.pipeline", "- 'type=image,ref=acme/app:1'\n")
    [root], _ = read_documents(source)
    [scalar] = [node for node in walk(root) if isinstance(node, Scalar)]
    text, span = traced_text(source, scalar)
    reference = text.cut(text.text.index("ref=") + 4, len(text.text))
    assert source.text[slice(*span)] == "type=image,ref=acme/app:1"
    assert source.text[slice(*reference.span(0, len(reference.text)))] == reference.text == "acme/app:1"


@pytest.mark.parametrize("name", imglint.yaml.__all__)
def test_every_public_name_exists_and_is_documented(name: str) -> None:
    value = getattr(imglint.yaml, name)
    assert name == "Node" or value.__doc__


def test_a_private_name_is_not_an_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nonblank'"):
        _ = imglint.yaml.nonblank  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("module", "loads_all"),
    [
        ("imglint.policy.load", False),
        ("imglint.yaml", False),
        ("imglint.yaml.nodes", False),
        ("imglint.yaml.facts", True),
        ("imglint.readers.compose", True),
    ],
)
def test_each_module_can_be_imported_first_and_the_policy_loader_needs_no_reader_api(module: str, loads_all: bool) -> None:
    code = f"import {module}, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert ("imglint.yaml.facts" in loaded) is loads_all
