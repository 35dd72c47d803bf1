"""Pipelines: the files that they name, ignore comments, and fixes at each of their places."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from imglint.testing import check_text, examples, fix_text

if TYPE_CHECKING:
    from tests.conftest import Imglint

WORKFLOW = ".github/workflows/ci.yml"
PIPELINE = ".gitlab-ci.yml"
PRODUCTION = "environments: {production: ['**']}\n"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def images(imglint: Imglint, tree: Path) -> Any:
    """Return a function that writes files and returns the path, line and reference of each image at some paths."""

    def run(files: dict[str, str], *paths: str) -> list[tuple[str, int, str | None]]:
        for name, text in files.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(text)
        found = json.loads(imglint("images", "--format", "json", *(paths or (".",))).out)
        return [(Path(use["path"]).as_posix(), use["line"], use["reference"]) for use in found]

    return run


def test_an_action_names_its_dockerfile(images: Any) -> None:
    action = "runs: {using: docker, image: build/image}\n"
    files = {"tools/action.yml": action, "tools/build/image": "# a comment\nFROM a:1\nUSER $X\nx"}
    assert images(files) == [("tools/build/image", 2, "a:1")]
    files = {"tools/action.yml": action.replace("build/image", "Dockerfile"), "tools/Dockerfile": "FROM a:2\n"}
    assert ("tools/Dockerfile", 1, "a:2") in images(files)
    Path("tools/Dockerfile").unlink()
    assert ("tools/Dockerfile", 1, "a:2") not in images({})


INCLUDED = "a: {image: 'a:1'}\n"


@pytest.mark.parametrize(
    ("include", "read"),
    [
        ("ci/build.yml", ["ci/build.yml"]),
        ("/ci/build.yml", ["ci/build.yml"]),
        ("{local: ci/build.yml}", ["ci/build.yml"]),
        ("[ci/build.yml, {local: /ci/more/test.yml}]", ["ci/build.yml", "ci/more/test.yml"]),
        ("[{local: 'ci/*.yml'}]", ["ci/build.yml"]),
        ("[{local: 'ci/**.yml'}]", ["ci/build.yml", "ci/more/test.yml"]),
        ("[{local: 'ci/**/*.yml'}]", ["ci/more/test.yml"]),
        ("[{local: '*/build.yml'}]", ["ci/build.yml"]),
        ("[{local: '**'}]", ["ci/build.yml", "ci/more/test.yml", "other/x.yml"]),
        ("[{local: '../*/build.yml'}, {local: 'none/*.yml'}]", []),
        ("{local: $FOLDER/build.yml}", ["ci/build.yml"]),
        ("[{project: acme/ci, file: ci/build.yml}, {remote: 'https://acme.example/ci/build.yml'}]", []),
        ("['https://acme.example/ci/build.yml', {template: ci/build.yml}, {component: acme.example/ci@1}]", []),
    ],
)
def test_a_pipeline_names_the_files_that_it_includes(include: str, read: list[str], images: Any) -> None:
    files = dict.fromkeys(("ci/build.yml", "ci/more/test.yml", "other/x.yml"), INCLUDED)
    for text in (f"include: {include}\n", f"child: {{trigger: {{include: {include}}}}}\n"):
        files[PIPELINE] = f"{text}variables: {{FOLDER: ci}}\n"
        assert images(files) == [(name, 1, "a:1") for name in read]


def test_an_included_file_includes_others_from_the_same_root(images: Any) -> None:
    files = {
        "vendored/.gitlab-ci.yml": "include: /ci/a.yml\n",
        "vendored/ci/a.yml": "include: [/ci/b.yml, /ci/a.yml, /.gitlab-ci.yml]\n",
        "vendored/ci/b.yml": INCLUDED,
    }
    expected = [("vendored/ci/b.yml", 1, "a:1")]
    assert images(files) == expected
    assert images({}, "vendored/.gitlab-ci.yml") == expected
    assert images({"other/ci/lib.gitlab-ci.yml": "include: /vendored/ci/b.yml\n"}) == expected


@pytest.mark.parametrize(
    ("include", "rule", "message"),
    [
        ("none.yml", "unresolved-reference", "cannot read this file: none.yml does not exist"),
        ("../../none.yml", "unread-file", "is outside the repository"),
        ("$CI_PROJECT_NAME.yml", "unresolved-reference", "cannot read this file: CI_PROJECT_NAME has no value in this file; "),
        (f"{'$A' * 99}.yml", "unread-file", "cannot read this file: resolving the variables of this file takes more than "),
    ],
)
def test_an_included_file_that_cannot_be_read_is_reported(
    include: str, rule: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imglint.readers._alternatives.STEPS_MAX", 150)
    findings = check_text(f"include: {include}\n", PIPELINE)
    assert [finding.rule for finding in findings] == [rule]
    assert message in findings[0].message
    assert findings[0].text == include


def test_ignore_comments_hold_for_the_line_of_the_image_and_of_its_value() -> None:
    workflow = (
        "jobs:\n  a:\n    strategy: {matrix: {v: [18,\n      latest]}}\n    container: node:${{ matrix.v }}\n    steps:\n"
        "      - uses: docker://alpine # imglint: ignore[latest-tag] x\n"
    )
    policy = PRODUCTION
    for line in ("      latest]", "    container: node:${{ matrix.v }}"):
        text = workflow.replace(line, f"{line} # imglint: ignore[latest-tag] x")
        assert not check_text(text, WORKFLOW, rule="latest-tag", policy=policy)
    assert [finding.text for finding in check_text(workflow, WORKFLOW, rule="latest-tag", policy=policy)] == ["latest"]
    pipeline = "variables:\n  V: latest\na:\n  # imglint: ignore[latest-tag] x\n  image: node:$V\n"
    assert not check_text(pipeline, PIPELINE, rule="latest-tag", policy=policy)
    pipeline = pipeline.replace("  # imglint: ignore[latest-tag] x\n", "")
    assert [finding.text for finding in check_text(pipeline, PIPELINE, rule="latest-tag", policy=policy)] == ["latest"]


def test_a_job_that_extends_too_many_others_keeps_its_image_and_variables() -> None:
    text = f"a: {{image: 'a:$V', variables: {{V: latest}}, extends: [{'b, ' * 65}]}}\n"
    findings = {(finding.rule, finding.text) for finding in check_text(text, PIPELINE)}
    assert findings == {("unread-file", "["), ("implicit-registry", "a")}
    findings = {(finding.rule, finding.text) for finding in check_text(text, PIPELINE, rule="latest-tag", policy=PRODUCTION)}
    assert findings == {("unread-file", "["), ("latest-tag", "latest")}


SAFE = "images: [{match: '**'}]\n"
INSTEAD = "images: [{match: acme/*, approved: false, use-instead: ghcr.io/acme/*, roles: [ci]}, {match: '**'}]\n"
FIXES = [
    (WORKFLOW, "jobs: {a: {container: acme/a:1}}\n"),
    (WORKFLOW, "jobs: {a: {container: {image: 'acme/a:1'}}}\n"),
    (WORKFLOW, "jobs: {a: {container: 'docker://acme/a:1'}}\n"),
    (WORKFLOW, 'jobs: {a: {services: {db: {image: "acme/a@sha256:' + "0" * 64 + '"}}}}\n'),
    (WORKFLOW, "jobs:\n  a:\n    steps:\n      - uses: docker://acme/a # why\n"),
    (WORKFLOW, "jobs:\n  a:\n    strategy:\n      matrix:\n        x: ['acme/a:1']\n    container: ${{ matrix.x }}\n"),
    (WORKFLOW, "jobs:\n  a:\n    strategy: {matrix: {x: [1, 2]}}\n    container: acme/a:${{ matrix.x }}\n"),
    (WORKFLOW, "jobs:\n  a: {container: \"${{ github.ref && 'acme/a:1' || 'quay.io/b:1' }}\"}\n"),
    ("action.yml", "runs:\n  using: docker\n  image: docker://acme/a:1\n"),
    ("action.yml", "runs:\n  using: composite\n  steps:\n  - {uses: 'docker://acme/a:1'}\n"),
    (PIPELINE, "image: acme/a:1\n"),
    (PIPELINE, "default: {image: {name: 'acme/a:1'}, services: [quay.io/b:1]}\n"),
    (PIPELINE, "a:\n  services:\n  - name: acme/a\n    alias: b\n"),
    (PIPELINE, "variables: {X: acme/a:1}\na: {image: $X}\n"),
    (PIPELINE, ".x: {image: acme/a:$V}\na: {extends: .x, variables: {V: 1}}\nb: {extends: .x, variables: {V: 2}}\n"),
    (PIPELINE, "a: {image: $X, parallel: {matrix: [{X: [acme/a:1, quay.io/b:1]}]}}\n"),
]


@pytest.mark.parametrize(("name", "text"), FIXES)
def test_each_place_is_fixed(name: str, text: str) -> None:
    fixed = fix_text(text, name, rule="implicit-registry", policy=SAFE, unsafe=False)
    assert fixed == text.replace("acme/a", "docker.io/acme/a")
    fixed = fix_text(text, name, rule="unapproved-image", policy=INSTEAD)
    assert fixed == text.replace("acme/a", "ghcr.io/acme/a")


def test_a_name_in_several_parts_is_not_fixed() -> None:
    text = "jobs: {a: {strategy: {matrix: {x: [a]}}, container: 'acme/${{ matrix.x }}:1'}}\n"
    assert fix_text(text, WORKFLOW, rule="unapproved-image", policy=INSTEAD) == text
    text = "a: {image: 'acme/$X:1', variables: {X: a}}\n"
    assert fix_text(text, PIPELINE, rule="unapproved-image", policy=INSTEAD) == text


def test_an_example_in_a_rule_is_a_workflow() -> None:
    rule = ModuleType("acme.no_node")
    rule.__doc__ = "## Flagged\n```yaml github-actions\njobs: {a: {container: node}}\n```\n"
    assert [example.filename for example in examples(rule)] == [WORKFLOW]
    assert check_text(examples(rule)[0].text, WORKFLOW, rule="implicit-registry")


def test_pipelines_are_judged_only_if_a_row_names_them() -> None:
    text = "a: {image: 'quay.io/a:1'}\n"
    for policy, rules in (
        ("images: [{match: x}]\n", []),
        ("images: [{match: x}, {match: y, roles: [ci]}]\n", ["unapproved-image"]),
    ):
        assert [finding.rule for finding in check_text(text, PIPELINE, policy=policy)] == rules
