"""The readers of manifests, Kustomize files, Helm values and Helm templates: the files that they claim, and properties of every file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imglint.model import Fact, ImageUse, Problem, RunUser
from imglint.readers import helm_template, helm_values, kubernetes
from imglint.source import Source, read_text

READERS = {"kubernetes": kubernetes, "helm-values": helm_values, "helm-template": helm_template}
FIXTURES = Path(__file__).parent.parent / "fixtures" / "readers"
INPUTS = sorted(
    str(path).removesuffix(".facts.json") for kind in READERS for path in FIXTURES.joinpath(kind).rglob("*.facts.json")
)
POD = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: nginx\n"


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("a.yaml", POD, "kubernetes"),
        ("a.yaml", "---\n# first\n---\n" + POD, "kubernetes"),
        ("a.yaml", "kind: Pod\r\napiVersion: v1\r\n", "kubernetes"),
        ("a.yaml", "".join(f"  {line}\n" for line in POD.splitlines()), "kubernetes"),
        ("a.yaml", "{apiVersion: v1, kind: Pod}", "kubernetes"),
        ("a.json", '{"kind": "Pod",\n "apiVersion": "v1"}', "kubernetes"),
        ("a.json", '{"properties": {"kind": {"type": "string"}, "apiVersion": {"type": "string"}}}', None),
        ("a.yaml", "apiVersion: v1\nkind: Pod\n  broken", "kubernetes"),
        ("pod", POD, "kubernetes"),
        ("README.md", f"Apply this:\n\n{POD}", None),
        ("deploy.sh", f"#!/bin/sh\nkubectl apply -f - <<END\n{POD}END\n", None),
        ("a.yaml", "apiVersion: v2\nname: chart\n", None),
        ("a.yaml", f"objects:\n- |\n{POD.replace('apiVersion', '  apiVersion').replace('kind', '  kind')}", None),
        ("a.yaml", "image: nginx\n", None),
        ("kustomization.yaml", "images: []\n", "kubernetes"),
        ("Kustomization", "images: []\n", "kubernetes"),
        ("values.yaml", "image: nginx\n", "helm-values"),
        ("Values.YAML", "image: nginx\n", "helm-values"),
        ("values-dev.yml", "image: nginx\n", "helm-values"),
        ("values.dev.yaml", "image: nginx\n", "helm-values"),
        ("values_dev.yaml", "image: nginx\n", "helm-values"),
        ("dev-values.yaml", "image: nginx\n", "helm-values"),
        ("dev.values.yaml", "image: nginx\n", "helm-values"),
        ("values.yaml", POD, "kubernetes"),
        ("values.schema.json", '{"image": "nginx"}', None),
        ("myvalues.yaml", "image: nginx\n", None),
        ("chart/templates/a.yaml", "{{ .Values.x }}\n" + POD, "helm-template"),
        ("chart/templates/deep/values.yaml", "image: {{ .Values.x }}\n", "helm-template"),
        ("chart/templates/_a.tpl", "image: {{ .Values.x }}\n", "helm-template"),
        ("chart/templates/kustomization.yaml", "images: {{ .Values.x }}\n", "helm-template"),
        ("chart/templates/NOTES.txt", "image: {{ .Values.x }}\n", None),
        ("chart/templates/a.yaml", POD, "kubernetes"),
        ("chart/crds/a.yaml", POD, "kubernetes"),
        ("other/templates/a.yaml", "{{ .Values.x }}\n" + POD, "kubernetes"),
        ("other/templates/a.yaml", "image: {{ .Values.x }}\n", None),
    ],
)
def test_a_file_is_claimed_by_the_reader_of_its_kind_only(tmp_path: Path, path: str, text: str, kind: str | None) -> None:
    tmp_path.joinpath("chart").mkdir()
    tmp_path.joinpath("chart", "Chart.yaml").write_text("name: chart\n")
    source = Source(str(tmp_path / path), text)
    assert [name for name, reader in READERS.items() if reader.claims(source)] == ([kind] if kind else [])


def test_a_template_is_claimed_from_inside_its_chart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.joinpath("templates").mkdir()
    tmp_path.joinpath("Chart.yaml").write_text("name: chart\n")
    monkeypatch.chdir(tmp_path / "templates")
    assert helm_template.claims(Source("a.yaml", "image: {{ .Values.x }}\n"))


FRAGMENTS = st.sampled_from(
    [
        *("apiVersion: v1\n", "kind: Pod\n", "kind: List\n", "metadata:\n", "  name: a\n", "spec:\n", "items:\n", "status:\n"),
        *("containers:\n", "  containers:\n", "initContainers:\n", "volumes:\n", "images:\n", "templates:\n", "steps:\n"),
        *("- image: nginx\n", "  - image: acme/a:1\n", "    image: 'b'\n", '  image: "c"\n', "- name: x\n", "  newTag: 1\n"),
        *("image:\n", "  repository: acme/a\n", "  tag: 1\n", "  tag:\n", "  registry: quay.io\n", "  digest: x\n", "global:\n"),
        *("securityContext:\n", "  runAsUser: 0\n", "  runAsNonRoot: false\n", "---\n", "...\n", "{", "}", "[", "]", ",", ": "),
        *("&a ", "*a", "<<: *a\n", "!!str ", "|\n", ">-\n", "# imglint: ignore[x]\n", "{{ ", " }}", "{{/*", "*/}}", "{%", "$(x)"),
        *(
            "'",
            '"',
            "\\",
            "\t",
            "\r\n",
            "\n",
            "  ",
            "\N{NEXT LINE}",
            "\N{LINE SEPARATOR}",
            "\0",
            "\ud800",
            "\N{SNOWMAN}",
            "? ",
            "@",
            "`",
        ),
    ]
)
MANGLED = st.lists(FRAGMENTS, max_size=40).map("".join)
ANY_TEXT = MANGLED | st.text(max_size=60) | st.builds(lambda *parts: "".join(parts), MANGLED, st.text(max_size=10), MANGLED)


@pytest.mark.parametrize("kind", READERS)
@given(text=ANY_TEXT)
def test_no_text_makes_a_reader_raise_and_every_fact_is_within_the_text(kind: str, text: str) -> None:
    source = Source("values.yaml", text, kind)
    READERS[kind].claims(source)
    for fact in READERS[kind].read(source):
        assert 0 <= fact.span[0] <= fact.span[1] <= len(text)
        if isinstance(fact, ImageUse):
            assert fact.text
            for start, end in fact.parts.values():
                assert 0 <= start < end <= len(text)
        if isinstance(fact, Problem):
            assert text
            assert fact.message


@pytest.mark.parametrize("path", INPUTS)
def test_the_text_of_a_use_is_at_its_location(path: str) -> None:
    source = _source(path)
    lines = source.text.split("\n")
    for use in _read(source):
        if isinstance(use, ImageUse) and "\n" not in use.text:
            place = use.location
            assert lines[place.line - 1][place.column - 1 : place.end_column - 1] == use.text


@pytest.mark.parametrize("path", INPUTS)
def test_the_parts_of_a_reference_are_at_their_spans(path: str) -> None:
    source = _source(path)
    for use in _read(source):
        if isinstance(use, ImageUse) and use.reference is not None and "\\" not in use.text and "$(" not in use.text:
            tag, digest = use.reference.tag, use.reference.digest
            # A tag may be in another file.
            assert tag is None or tag not in source.text or source.text[slice(*use.parts["tag"])] == tag
            assert digest is None or digest.removeprefix("sha256:") in source.text[slice(*use.parts["digest"])]


TEMPLATED = """apiVersion: apps/v1
kind: Deployment
metadata:
  labels: {{- include "app.labels" . | nindent 4 }}
spec:
  template:
    spec:
      containers:
      - image: quay.io/acme/app:1
"""


@pytest.mark.parametrize(("documents", "lines"), [(30, 500), (2, 20_000)])
def test_many_or_long_templated_documents_outside_of_a_chart_are_no_syntax_error(documents: int, lines: int) -> None:
    text = "---\n".join([TEMPLATED + "# more\n" * lines] * documents)
    found = list(kubernetes.read(Source("a.yaml", text, "kubernetes")))
    assert [fact.text for fact in found if isinstance(fact, ImageUse)] == ["quay.io/acme/app:1"] * documents
    assert [fact for fact in found if isinstance(fact, Problem)] == []


def test_a_long_document_that_only_one_parser_reads_is_reported() -> None:
    # The template is in a comment. YAML 1.2 reads an image that libyaml does not.
    text = f"{POD}# {{{{ a }}}}\n  x: a\u2028]\n" + "# more\n" * 20_000
    assert any(isinstance(fact, Problem) for fact in kubernetes.read(Source("a.yaml", text, "kubernetes")))


SPACED = [
    path
    for path in INPUTS
    if not {"odd", "app"} & set(Path(path).parts) and "|\n" not in read_text(path) and ">-\n" not in read_text(path)
]
"""Valid inputs without block scalars: lines can be added to them without changing their meaning."""


@pytest.mark.parametrize("path", SPACED)
@given(data=st.data())
def test_comments_and_blank_lines_change_only_positions(path: str, data: st.DataObject) -> None:
    source = _source(path)
    lines = source.text.splitlines(keepends=True)
    fillers = data.draw(
        st.lists(
            st.sampled_from(["", "\n", "# image: a/b:1\n", "   # comment\n", "\r\n"]), min_size=len(lines), max_size=len(lines)
        )
    )
    if path.endswith(".json"):
        fillers = [filler if "#" not in filler else "\n" for filler in fillers]
    filled = Source(path, "".join(part for pair in zip(fillers, lines, strict=True) for part in pair), source.kind)
    assert [_content(fact) for fact in _read(filled)] == [_content(fact) for fact in _read(source)]


@pytest.mark.parametrize("path", INPUTS)
def test_both_parsers_agree_on_fixtures(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = _source(path)
    with_c = [(_content(fact), fact.span) for fact in _read(source) if not isinstance(fact, Problem)]
    monkeypatch.setattr("imglint.yaml.documents._c_parser", lambda: None)
    assert [(_content(fact), fact.span) for fact in _read(source) if not isinstance(fact, Problem)] == with_c


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("image: nginx:1 # {{ x }}", "nginx:1"),
        ("image: 'nginx:1' # {{ x }}", "nginx:1"),
        ('- image: "acme/{{ x }}:1"', "acme/{{ x }}:1"),
        ("image: acme/{{ x # y }}:1 # z", "acme/{{ x # y }}:1"),
        ('image: "acme/{{ "x" }}:1"', 'acme/{{ "x" }}:1'),
        ("image: acme/{{ x # y", "acme/{{ x # y"),
        ('image: "acme/{{ x"', None),
        ('image: "acme', None),
        ("image: {{ x }}", None),
        ("image: '{{ x }}:{{ y }}'", None),
        ("image: ''", None),
        ("image: |", None),
        ("image: [nginx]", None),
        ("image: *nginx", None),
        ("image: # nginx", None),
        ("{{/* image: nginx */}}", None),
        ("{{- /*\nimage: nginx\n*/ -}}", None),
        ("{{/* never closed\nimage: nginx", None),
        ("# image: nginx", None),
    ],
)
def test_a_template_names_an_image_as_far_as_its_line_shows_it(line: str, found: str | None) -> None:
    source = Source("a.yaml", f"{line}\n", "helm-template")
    assert [fact.text for fact in helm_template.read(source) if isinstance(fact, ImageUse)] == ([found] if found else [])


def test_a_schema_in_a_list_requests_nothing() -> None:
    schema = "{apiVersion: v1, kind: CustomResourceDefinition, spec: {containers: [{image: nginx}]}}"
    text = f"apiVersion: v1\nkind: List\nitems:\n- {schema}\n- spec: {{containers: [{{image: redis}}]}}\n"
    uses = [fact for fact in kubernetes.read(Source("a.yaml", text)) if isinstance(fact, ImageUse)]
    assert [use.text for use in uses] == ["redis"]


@pytest.mark.parametrize("value", ["", "~", "''", "' '", "null", "{}", "[]"])
def test_a_value_without_text_is_not_an_image(value: str) -> None:
    text = f"image: {value}\nsidecarImage: {value}\nweb: {{image: {value}, tag: 1}}\n"
    assert list(helm_values.read(Source("values.yaml", text))) == []


def test_a_name_that_cannot_be_parsed_gets_the_default_registry() -> None:
    text = "global: {imageRegistry: quay.io}\nimage: {repository: Acme/App, tag: 1}\n"
    [use] = helm_values.read(Source("values.yaml", text))
    assert isinstance(use, ImageUse)
    assert use.problem is not None
    assert (use.text, use.problem.rule) == ("Acme/App", "invalid-reference")


NAMES = st.sampled_from(["nginx", "acme/app", "ghcr.io/acme/app:1.2", "localhost:5000/a@sha256:" + "0" * 64, "Wrong", "${X}/a"])
CONTAINERS = st.lists(
    st.tuples(NAMES, st.sampled_from(["{}", "'{}'", '"{}"', "&a {}", "!!str '{}'", ">-\n      {}"])), max_size=5
)


@given(CONTAINERS)
def test_each_container_of_a_pod_is_found_once_with_its_image(containers: list[tuple[str, str]]) -> None:
    items = "".join(f"  - image: {form.format(name)}\n    name: c{at}\n" for at, (name, form) in enumerate(containers))
    source = Source("pod.yaml", f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n{items}", "kubernetes")
    uses = [fact for fact in kubernetes.read(source) if isinstance(fact, ImageUse)]
    assert [use.where for use in uses] == [f"Pod/p container c{at}" for at in range(len(containers))]
    assert [use.text.rpartition("\n")[2].strip() for use in uses] == [name for name, _ in containers]


TAGS = st.sampled_from(
    [("1.20", "1.20"), ('"1.20"', "1.20"), ("''", None), ("null", None), ("~", None), ("", None), ("1e3", "1e3")]
)


@given(tag=TAGS, registry=st.sampled_from(["quay.io", "", "null"]), everywhere=st.sampled_from(["mirror.example", "''"]))
def test_a_map_of_values_is_one_reference(tag: tuple[str, str | None], registry: str, everywhere: str) -> None:
    text = f"global: {{imageRegistry: {everywhere}}}\nimage:\n  repository: acme/app\n  tag: {tag[0]}\n  registry: {registry}\n"
    [use] = helm_values.read(Source("values.yaml", text, "helm-values"))
    assert isinstance(use, ImageUse)
    assert use.reference is not None
    assert use.text == "acme/app"
    assert use.reference.repository == "acme/app"
    assert use.reference.tag == tag[1]
    assert use.tag_known is (tag[1] is not None)
    assert use.pulled_tag == tag[1]
    given_registry = registry.replace("null", "") or everywhere.replace("'", "")
    assert use.reference.registry == (given_registry or "docker.io")
    assert use.reference.registry_explicit is bool(given_registry)


def test_a_million_open_brackets_are_a_problem() -> None:
    text = "apiVersion: v1\nkind: Pod\nspec: " + "[" * 1_000_000
    [problem] = kubernetes.read(Source("pod.yaml", text, "kubernetes"))
    assert isinstance(problem, Problem)


@pytest.mark.parametrize(
    ("kind", "once", "each"),
    [
        ("kubernetes", "a: &a {CONTENT}\n", "- {<<: *a, containers: [{image: b}]}\n"),
        ("kubernetes", "a: &a\n  ITEMS", "- containers: *a\n"),
        ("helm-values", "a: &a {CONTENT}\n", "- {<<: *a, repository: b, tag: c}\n"),
    ],
)
def test_what_aliases_share_is_read_once(kind: str, once: str, each: str) -> None:
    def cost(size: int) -> int:
        content = ", ".join(f"k{at}: {at}" for at in range(size))
        shared = once.replace("CONTENT", content).replace("ITEMS", "- image: b\n  " * size + "- x\n")
        source = Source("values.yaml", f"{shared}b:\n{each * size}", kind)
        return _steps(lambda: list(READERS[kind].read(source)))

    assert cost(400) < 2.5 * cost(200)


def _steps(call: Callable[[], object]) -> int:
    """Count the Python lines and calls that a call takes: a measure of work that does not depend on the load of the machine."""
    count = 0

    def step(_frame: object, _event: str, _argument: object) -> Any:
        nonlocal count
        count += 1
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def _source(path: str) -> Source:
    kind = Path(path).relative_to(FIXTURES).parts[0]
    return Source(path, read_text(path), kind)


def _read(source: Source) -> list[Fact]:
    reader: Any = import_module(f"imglint.readers.{source.kind.replace('-', '_')}")
    return list(reader.read(source))


def _content(fact: Fact) -> tuple[object, ...]:
    """Return the content of a fact without its position."""
    if isinstance(fact, ImageUse):
        problem = fact.problem and (fact.problem.rule, fact.problem.message)
        return fact.place, fact.where, fact.role, fact.text, str(fact.reference), problem, sorted(fact.parts), fact.tag_known
    if isinstance(fact, RunUser):
        return fact.place, fact.where, fact.user, fact.nonroot, fact.known, fact.explicit, fact.image and fact.image.text
    return type(fact).__name__, getattr(fact, "message", None), getattr(fact, "text", None)
