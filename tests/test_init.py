"""`imglint init` writes a policy that approves every image that a tree uses today.

A case is a folder under `fixtures/init/` with a `tree` and the policy `expected.yaml`. To add one, make the tree, run
`IMGLINT_UPDATE=1 pytest tests/test_init.py`, and review the policy that it writes.
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

from imglint.commands.init_heuristics import TAG_PATTERNS, environment_patterns, escaped, tag_pattern
from imglint.patterns.path import PathPattern
from imglint.patterns.tag import TagPattern
from imglint.plugins import load as plugins
from imglint.policy.load import load

if TYPE_CHECKING:
    from tests.conftest import Imglint

ROOT = Path(__file__).parent.parent / "fixtures" / "init"
CASES = sorted(path.parent.name for path in ROOT.glob("*/tree"))
POLICY = ".imglint.yaml"
APPROVING = {"unapproved-image", "misplaced-image", "unconventional-tag"}
"""Rules that report nothing in the tree that a starter policy was generated from."""

POD = "apiVersion: v1\nkind: Pod\nspec: {{containers: [{{name: a, image: {}}}]}}\n"
DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize("case", CASES)
def test_policy_of_a_tree(case: str, imglint: Imglint, tmp_path: Path) -> None:
    tree, expected = tmp_path / "tree", ROOT / case / "expected.yaml"
    shutil.copytree(ROOT / case / "tree", tree)
    outcome = imglint("init", cwd=tree)
    assert (outcome.status, outcome.err) == (0, "")
    written = (tree / POLICY).read_text(encoding="utf-8")
    if os.environ.get("IMGLINT_UPDATE"):
        expected.write_text(written, encoding="utf-8")
    assert written == expected.read_text(encoding="utf-8")
    assert not _found(imglint, tree) & APPROVING


@pytest.mark.parametrize("case", CASES)
def test_commented_out_lines_are_valid(case: str, tmp_path: Path) -> None:
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
        (
            ["nginx:1"],
            ["# implicit-registry: error  # no image has a registry", "# missing-digest: warning  # no image has a digest"],
        ),
        (
            ["quay.io/a/b:1"],
            ["implicit-registry: error  # all images have a registry", "# missing-digest: warning  # no image has a digest"],
        ),
        (
            [f"quay.io/a/b@{DIGEST}"],
            ["implicit-registry: error  # all images have a registry", "missing-digest: error  # all images have a digest"],
        ),
        (
            ["a:1", f"b@{DIGEST}", "quay.io/a/b:1"],
            [
                "# implicit-registry: error  # 1 of 3 images has a registry",
                "# missing-digest: warning  # 1 of 3 images has a digest",
            ],
        ),
        (
            ["quay.io/a/b:1", f"b@{DIGEST}", f"quay.io/a/b@{DIGEST}"],
            [
                "# implicit-registry: error  # 2 of 3 images have a registry",
                "missing-digest: warning  # 2 of 3 images have a digest",
            ],
        ),
    ],
)
def test_levels_and_comments_by_the_images_in_use(
    images: list[str], expected: list[str], imglint: Imglint, tmp_path: Path
) -> None:
    (tmp_path / "compose.yml").write_text(json.dumps({"services": {f"s{n}": {"image": one} for n, one in enumerate(images)}}))
    assert imglint("init").status == 0
    lines = re.findall("^(# *| *(?:# )?)((?:implicit-registry|missing-digest):.*)", (tmp_path / POLICY).read_text(), re.MULTILINE)
    assert [f"{'# ' if '#' in start else ''}{line}" for start, line in lines] == expected


def _found(imglint: Imglint, tree: Path) -> set[str]:
    """Return the rules with findings in a tree."""
    outcome = imglint("check", "--format", "json", "--fail-on", "never", ".", cwd=tree)
    assert (outcome.status, outcome.err) == (0, "")
    return {finding["rule"] for finding in json.loads(outcome.out)["findings"]}


def test_summary_and_next_step(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "it's here").mkdir()
    (tmp_path / "it's here" / "Dockerfile").write_text("FROM nginx\n")
    outcome = imglint("init", "it's here")
    assert outcome.out == (
        "Wrote .imglint.yaml with 1 row for 1 image in 1 file.\nReview the file, then run: imglint 'it'\"'\"'s here'\n"
    )


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("nowhere")])
def test_existing_policy_is_not_overwritten(make: object, imglint: Imglint, tmp_path: Path) -> None:
    assert callable(make)
    make(tmp_path / POLICY)
    outcome = imglint("init")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err == f"imglint: {POLICY}: already exists; rename or delete it first\n"
    assert [path.name for path in tmp_path.iterdir()] == [POLICY]
    assert not (tmp_path / POLICY).is_file() or (tmp_path / POLICY).read_text() == ""


def test_nothing_is_written_if_a_path_does_not_exist(imglint: Imglint, tmp_path: Path) -> None:
    assert imglint("init", "nowhere") == (2, "", "imglint: nowhere: no such file or folder\n")
    assert list(tmp_path.iterdir()) == []


def test_warning_about_a_policy_in_a_parent_folder(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / POLICY).write_text("images: []\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / "below").mkdir()
    outcome = imglint("init", cwd=tmp_path / "below")
    assert outcome.status == 0
    assert outcome.err == (
        f"imglint: ../{POLICY} applies to this folder; {POLICY} has no effect before ../{POLICY} lists the folder under `delegates`\n"
    )


def test_syntax_errors_are_reported(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("apiVersion: v1\nkind: Pod\nspec: [\n")
    outcome = imglint("init")
    assert outcome.status == 0
    assert outcome.err.startswith("broken.yaml:3:")


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
def test_environments_from_file_and_folder_names(files: list[str], expected: dict[str, list[str]]) -> None:
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
def test_compose_files_belong_to_development_by_default(file: str, expected: dict[str, list[str]]) -> None:
    assert environment_patterns([(file, "compose", True)]) == expected


def test_weak_words_in_file_names() -> None:
    files = [
        ("ci.Dockerfile", "dockerfile", True),
        ("values-live.yaml", "helm-values", True),
        ("values-ci-x.yaml", "helm-values", True),
    ]
    assert environment_patterns(files) == {"production": ["values-live.yaml"], "test": ["ci.Dockerfile"]}


def test_many_compose_files_get_one_pattern() -> None:
    files = [(f"docker-compose-{number}.yml", "compose", True) for number in range(20)]
    assert environment_patterns(files) == {"development": ["docker-compose*.yml"]}


def test_name_of_a_file_without_images_is_ignored() -> None:
    files = [("staging/values-dev.yaml", "helm-values", False), ("docker-compose.yml", "compose", False)]
    assert environment_patterns(files) == {"staging": ["staging/"]}


PATHS = st.lists(
    st.text(st.characters(exclude_characters="/\0"), min_size=1).filter(lambda name: name not in (".", "..")), min_size=1
)


@given(PATHS.map("/".join))
def test_escaped_path_matches_the_path(path: str) -> None:
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
def test_pattern_that_all_tags_share(tags: str, expected: str | None) -> None:
    assert tag_pattern([("app", tag) for tag in tags.split()]) == expected


def test_one_tag_with_many_uses_has_no_pattern() -> None:
    assert tag_pattern([("app", "v1.2.3")] * 10) is None
    assert tag_pattern([(name, "v1.2.3") for name in "abc"]) == "v{major}.{minor}.{patch}"


def test_tag_patterns_are_valid() -> None:
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
    """Return the path and the text of a file with an image."""
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
def test_policy_approves_the_tree_that_it_was_generated_from(
    imglint: Imglint, tmp_path: Path, files: list[tuple[str, str]]
) -> None:
    tree = tmp_path / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    for path, text in files:
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text, encoding="utf-8")
    tree.mkdir(exist_ok=True)
    outcome = imglint("init", cwd=tree)
    assert outcome.status == 0
    assert not _found(imglint, tree) & APPROVING
