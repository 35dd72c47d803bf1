"""`imglint init` writes a policy that approves all that the tree uses today, whatever the tree is.

A case is a folder under `fixtures/init/`: a `tree`, and the policy `expected.yaml` that is written for it. To add one, make the tree, run
`IMGLINT_UPDATE=1 pytest tests/test_init.py`, and read what it wrote: it is right only because somebody has looked.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imglint import plugins
from imglint.commands.init_heuristics import TAG_PATTERNS, environment_patterns, escaped, tag_pattern
from imglint.patterns.path import PathPattern
from imglint.patterns.tag import TagPattern
from imglint.policy.load import load

if TYPE_CHECKING:
    from tests.conftest import Imglint

ROOT = Path(__file__).parent.parent / "fixtures" / "init"
CASES = sorted(path.parent.name for path in ROOT.glob("*/tree"))
POLICY = ".imglint.yaml"
APPROVING = {"unapproved-image", "misplaced-image", "unconventional-tag"}
"""What a starter policy never gives a finding of, over the tree that it was written from."""

POD = "apiVersion: v1\nkind: Pod\nspec: {{containers: [{{name: a, image: {}}}]}}\n"
DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize("case", CASES)
def test_the_policy_is_the_one_beside_the_tree(case: str, imglint: Imglint, tmp_path: Path) -> None:
    tree, expected = tmp_path / "tree", ROOT / case / "expected.yaml"
    shutil.copytree(ROOT / case / "tree", tree)
    told = imglint("init", cwd=tree)
    assert (told.status, told.err) == (0, "")
    written = (tree / POLICY).read_text(encoding="utf-8")
    if os.environ.get("IMGLINT_UPDATE"):
        expected.write_text(written, encoding="utf-8")
    assert written == expected.read_text(encoding="utf-8")
    assert not _found(imglint, tree) & APPROVING


@pytest.mark.parametrize("case", CASES)
def test_each_line_that_is_commented_out_holds_once_its_mark_is_deleted(case: str, tmp_path: Path) -> None:
    text = (ROOT / case / "expected.yaml").read_text(encoding="utf-8")
    opened, count = re.subn(r"^( *)# ( *(?:- )?[a-z-]+: )", r"\1\2", text, flags=re.MULTILINE)
    opened = re.sub(r"^# ([a-z-]+:)$", r"\1", opened, flags=re.MULTILINE)
    assert count
    (tmp_path / POLICY).write_text(opened, encoding="utf-8")
    policy = load(str(tmp_path / POLICY), plugins.rules(), plugins.kinds())
    assert policy.exceptions
    assert "moving-tag" in policy.rules


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (["nginx:1"], ["implicit-registry: error  # the image has none", "missing-digest: warning  # no image has one"]),
        (
            ["a:1", "b:1"],
            ["implicit-registry: error  # all 2 images have none", "missing-digest: warning  # no image has one"],
        ),
        (
            ["a:1", f"b@{DIGEST}", "quay.io/a/b:1"],
            ["implicit-registry: error  # 2 of 3 images have none", "missing-digest: warning  # 1 of 3 images has one"],
        ),
        (
            ["quay.io/a/b:1", f"b@{DIGEST}", f"quay.io/a/b@{DIGEST}"],
            ["implicit-registry: error  # 1 of 3 images has none", "missing-digest: warning  # 2 of 3 images have one"],
        ),
    ],
)
def test_it_counts_what_a_rule_would_find(images: list[str], expected: list[str], imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text(json.dumps({"services": {f"s{n}": {"image": one} for n, one in enumerate(images)}}))
    assert imglint("init").status == 0
    assert re.findall("(?:implicit-registry|missing-digest):.*", (tmp_path / POLICY).read_text()) == expected


def _found(imglint: Imglint, tree: Path) -> set[str]:
    """Return the rules that find something in a tree."""
    told = imglint("check", "--format", "json", "--fail-on", "never", ".", cwd=tree)
    assert (told.status, told.err) == (0, "")
    return {finding["rule"] for finding in json.loads(told.out)["findings"]}


def test_it_tells_what_it_wrote_and_what_to_do_next(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "it's here").mkdir()
    (tmp_path / "it's here" / "Dockerfile").write_text("FROM nginx\n")
    told = imglint("init", "it's here")
    assert told.out == (
        "Wrote .imglint.yaml: 1 row for 1 image in 1 file.\n"
        "Read it and correct what was guessed, then run: imglint 'it'\"'\"'s here'\n"
    )


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("nowhere")])
def test_it_never_overwrites(make: object, imglint: Imglint, tmp_path: Path) -> None:
    assert callable(make)
    make(tmp_path / POLICY)
    told = imglint("init")
    assert (told.status, told.out) == (2, "")
    assert (
        told.err == f"imglint: {POLICY}: this file exists already and is left as it is; move it away to have a new one written\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == [POLICY]
    assert not (tmp_path / POLICY).is_file() or (tmp_path / POLICY).read_text() == ""


def test_a_path_that_does_not_exist_is_a_wrong_call_and_nothing_is_written(imglint: Imglint, tmp_path: Path) -> None:
    assert imglint("init", "nowhere") == (2, "", "imglint: nowhere: there is no such file or folder\n")
    assert list(tmp_path.iterdir()) == []


def test_it_says_that_a_policy_above_no_longer_holds(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / POLICY).write_text("this: [is not read\n")
    (tmp_path / "below").mkdir()
    told = imglint("init", cwd=tmp_path / "below")
    assert told.status == 0
    assert (
        told.err == f"imglint: ../{POLICY} no longer holds in this folder; name it under `extends` in {POLICY} where it shall\n"
    )


def test_what_cannot_be_read_is_told(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("apiVersion: v1\nkind: Pod\nspec: [\n")
    told = imglint("init")
    assert told.status == 0
    assert told.err.startswith("broken.yaml:3:")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["deploy/prod/a.yaml"], {"production": ["deploy/prod/"]}),
        (["deploy/Staging/a.yaml"], {"staging": ["deploy/Staging/"]}),
        (["k8s/eu-prod/a.yaml", "k8s/dev-1/a.yaml"], {"production": ["k8s/eu-prod/"], "development": ["k8s/dev-1/"]}),
        (["pre-prod/a.yaml", "preprod/a.yaml"], {"staging": ["pre-prod/", "preprod/"]}),
        (["non-prod/a.yaml", "live-chat/a.yaml", "test-runner/a.yaml", "device/a.yaml", "products/a.yaml"], {}),
        (["live/a.yaml", "local/a.yaml", "ci/a.yaml"], {"production": ["live/"], "test": ["ci/"], "development": ["local/"]}),
        (["values-dev.yaml", "a/values-dev.yaml"], {"development": ["values-dev.yaml"]}),
        (["values.prod-eu.yaml", "web_stg.json"], {"production": ["values.prod-eu.yaml"], "staging": ["web_stg.json"]}),
        (["Dockerfile.dev", "dev.Dockerfile"], {"development": ["Dockerfile.dev", "dev.Dockerfile"]}),
        (["example.dev/a.yaml", "probes-live.yaml"], {}),
        (["local-path-provisioner.yaml", "livestream.yaml", "Dockerfile", "yaml"], {}),
        ([f"apps/{number}/prod/a.yaml" for number in range(20)], {"production": ["prod/"]}),
        ([f"{number}/web-{number}-prod.yaml" for number in range(20)], {"production": ["*[-_.]prod[-_.]*"]}),
        (["a*b/[x]/prod/a.yaml"], {"production": [r"a\*b/\[x]/prod/"]}),
        (["!a/prod/a.yaml", "#a/prod/a.yaml"], {"production": [r"\!a/prod/", r"\#a/prod/"]}),
        (["a\nimages: []\udcff/prod/a.yaml"], {"production": ["a?images: []?/prod/".replace("[", r"\[")]}),
    ],
)
def test_names_of_files_and_folders_tell_environments(files: list[str], expected: dict[str, list[str]]) -> None:
    assert environment_patterns([(file, "kubernetes", True) for file in files]) == expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("a/docker-compose.yml", {"development": ["docker-compose.yml"]}),
        ("compose.override.yaml", {"development": ["compose.override.yaml"]}),
        ("stack.yml", {"development": ["/stack.yml"]}),
        ("a/stack.yml", {"development": ["a/stack.yml"]}),
        ("docker-compose.prod.yml", {"production": ["docker-compose.prod.yml"]}),
        ("prod/docker-compose.yml", {"production": ["prod/"]}),
    ],
)
def test_a_compose_file_is_of_development_unless_its_path_says_otherwise(file: str, expected: dict[str, list[str]]) -> None:
    assert environment_patterns([(file, "compose", True)]) == expected


def test_weak_words_tell_of_files_that_are_no_manifests() -> None:
    files = [
        ("ci.Dockerfile", "dockerfile", True),
        ("values-live.yaml", "helm-values", True),
        ("values-ci-x.yaml", "helm-values", True),
    ]
    assert environment_patterns(files) == {"production": ["values-live.yaml"], "test": ["ci.Dockerfile"]}


def test_many_compose_files_get_one_pattern() -> None:
    files = [(f"docker-compose-{number}.yml", "compose", True) for number in range(20)]
    assert environment_patterns(files) == {"development": ["docker-compose*.yml"]}


def test_a_file_that_uses_nothing_tells_by_its_folders_alone() -> None:
    files = [("staging/values-dev.yaml", "helm-values", False), ("docker-compose.yml", "compose", False)]
    assert environment_patterns(files) == {"staging": ["staging/"]}


PATHS = st.lists(
    st.text(st.characters(exclude_characters="/\0"), min_size=1).filter(lambda name: name not in (".", "..")), min_size=1
)


@given(PATHS.map("/".join))
def test_a_path_as_a_pattern_fits_the_path(path: str) -> None:
    pattern = escaped(path)
    assert pattern.isprintable()
    assert PathPattern(f"{pattern}/").fits(f"{path}/x")


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("v1.2.3 v1.2.4 v2.0.0", "v{major}.{minor}.{patch}"),
        ("v1.2.3 v1.2.4-rc.1 v2.0.0", "v{semver}"),
        ("1.2.3 1.2.4 2.0.0", "{major}.{minor}.{patch}"),
        ("20240601 20240612 20231224", "{date}"),
        ("3f2a91c 40a91c2 0000abc", "{sha}"),
        ("main-3f2a91c main-40a91c2 fix_x-0000abc", "{branch}-{sha}"),
        ("16-alpine 15-alpine 8-slim", "{major}-{name}"),
        ("v1.2.3 1.2.4 2.0.0", None),
        ("v1.2.3 v1.2.4", None),
        ("main edge v1", None),
        ("", None),
    ],
)
def test_a_pattern_is_taken_for_a_convention_where_all_tags_share_it(tags: str, expected: str | None) -> None:
    assert tag_pattern([("app", tag) for tag in tags.split()]) == expected


def test_one_tag_of_many_uses_is_no_convention() -> None:
    assert tag_pattern([("app", "v1.2.3")] * 10) is None
    assert tag_pattern([(name, "v1.2.3") for name in "abc"]) == "v{major}.{minor}.{patch}"


def test_every_pattern_that_is_tried_can_be_written() -> None:
    assert [TagPattern(text).text for text in TAG_PATTERNS] == list(TAG_PATTERNS)


REGISTRIES = st.sampled_from(
    ["", "docker.io/", "index.docker.io/", "ghcr.io/", "localhost:5000/", "MyHost/", "[::1]:5000/", "a.b.c/"]
)
PIECES = st.from_regex(r"[a-z0-9]{1,3}(?:[._-][a-z0-9]{1,2})?", fullmatch=True)
TAGS = st.sampled_from(
    ["", ":latest", ":1.2.3", ":v1.2.3", ":1", ":v1.0.0-rc1", ":main-3f2a91c", f"@{DIGEST}", f":v2.0.0@{DIGEST}"]
)
IMAGES = st.builds(
    lambda registry, path, tag: f"{registry}{'/'.join(path)}{tag}", REGISTRIES, st.lists(PIECES, min_size=1, max_size=3), TAGS
)
FOLDERS = st.lists(
    st.sampled_from(["prod", "dev", "a'b", 'q"', "x: y", "# z", "!n", "*", "- a", "\n", "é", "\\", " "]), max_size=3
)


@st.composite
def _files(draw: st.DrawFn) -> tuple[str, str]:
    """Return a path, and the text of a file in which an image is named."""
    folder, image = "/".join(draw(FOLDERS)), draw(IMAGES)
    number = draw(st.integers(0, 9))
    name, text = draw(
        st.sampled_from(
            [
                (f"pod{number}.yaml", POD.format(json.dumps(image))),
                (f"{number}.dockerfile", f"FROM {image}\nUSER {number}\n"),
                (f"{number}.compose.yml", f"services: {{a: {{image: {json.dumps(image)}}}}}\n"),
                (f"{number}-compose.yml", f"services: {{a: {{build: ., image: {json.dumps(image)}}}}}\n"),
                (f"values-{number}.yaml", f"image: {{repository: {json.dumps(image.partition('@')[0])}}}\n"),
            ]
        )
    )
    return os.path.join(folder, name), text


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_files(), max_size=8))
def test_what_it_writes_approves_the_tree_it_was_written_from(
    imglint: Imglint, tmp_path: Path, files: list[tuple[str, str]]
) -> None:
    tree = tmp_path / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    for path, text in files:
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text, encoding="utf-8")
    tree.mkdir(exist_ok=True)
    told = imglint("init", cwd=tree)
    assert told.status == 0
    assert not _found(imglint, tree) & APPROVING
