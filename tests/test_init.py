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

from imglint.commands.init_heuristics import TAG_PATTERNS, File, environment_patterns, escaped, excluded_folders, tag_pattern
from imglint.patterns.path import PathPattern
from imglint.patterns.tag import TagPattern
from imglint.plugins import load as plugins
from imglint.policy.load import load

if TYPE_CHECKING:
    from tests.conftest import Imglint

ROOT = Path(__file__).parent.parent / "fixtures" / "init"
OTHERS = sorted(
    str(path.relative_to(ROOT.parent))
    for pattern in ("demo", "explain/*", "readers/*/*")
    for path in ROOT.parent.glob(pattern)
    if path.is_dir()
)
"""Folders below `fixtures/` that other tests check."""
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


@pytest.mark.parametrize("folder", OTHERS)
def test_policy_approves_any_tree(folder: str, imglint: Imglint, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(ROOT.parent / folder, tree, ignore=shutil.ignore_patterns(POLICY))
    assert imglint("init", cwd=tree).status == 0
    assert not _found(imglint, tree) & APPROVING


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (["nginx:1"], []),
        (["quay.io/a/b:1"], ["implicit-registry: error"]),
        ([f"quay.io/a/b@{DIGEST}"], ["implicit-registry: error", "missing-digest: error"]),
        ([*[f"quay.io/a/b{n}@{DIGEST}" for n in range(9)], "a:1"], ["missing-digest: warning"]),
        ([*[f"quay.io/a/b{n}@{DIGEST}" for n in range(8)], "a:1"], []),
    ],
)
def test_rules_that_the_images_in_use_comply_with(
    images: list[str], expected: list[str], imglint: Imglint, tmp_path: Path
) -> None:
    (tmp_path / "compose.yml").write_text(json.dumps({"services": {f"s{n}": {"image": one} for n, one in enumerate(images)}}))
    assert imglint("init").status == 0
    assert _rules(tmp_path) == expected


def _rules(tree: Path) -> list[str]:
    """Return the lines under `rules` of the policy in a folder."""
    return re.findall(r"^  +([a-z-]+: .*|[a-z-]+:)$", (tree / POLICY).read_text().partition("\nrules:\n")[2], re.MULTILINE)


@pytest.mark.parametrize(
    ("users", "pod", "expected"),
    [
        (["1001", "1001:0", "1001"], "", ["root-user:", "level: warning", "uid: 1001"]),
        (["1001", "1001", "1001"], "1001", ["root-user:", "level: warning", "uid: 1001"]),
        (["1001", "1001", "1001"], "1002", []),
        (["1001", "1001", "1002"], "", []),
        (["1001", "1001", ""], "", []),
        (["1001", "1001"], "", []),
        (["app", "app", "app"], "", []),
        (["0", "0", "root"], "", []),
    ],
)
def test_user_of_all_dockerfiles(users: list[str], pod: str, expected: list[str], imglint: Imglint, tmp_path: Path) -> None:
    for number, user in enumerate(users):
        (tmp_path / f"{number}.dockerfile").write_text(f"FROM nginx:1.27.0\n{f'USER {user}' if user else ''}\n")
    context = f", securityContext: {{runAsUser: {pod}}}" if pod else ""
    (tmp_path / "pod.yaml").write_text(POD.format(f"nginx:1.27.0{context}"))
    assert imglint("init").status == 0
    assert _rules(tmp_path) == expected


def _found(imglint: Imglint, tree: Path) -> set[str]:
    """Return the rules with findings in a tree."""
    outcome = imglint("check", "--format", "json", "--fail-on", "never", ".", cwd=tree)
    assert (outcome.status, outcome.err) == (0, "")
    return {finding["rule"] for finding in json.loads(outcome.out)["findings"]}


def test_summary_and_next_step(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "it's here").mkdir()
    (tmp_path / "it's here" / "Dockerfile").write_text("FROM nginx\n")
    assert imglint("init", "it's here").out.splitlines() == [
        "Wrote .imglint.yaml: 1 row for 1 image in 1 file.",
        "1 error remains: 1 latest-tag.",
        "Review the policy, then run: imglint 'it'\"'\"'s here'",
    ]


@pytest.mark.parametrize(("number", "is_offered"), [(20, False), (21, True)])
def test_baseline_is_offered_if_much_remains(number: int, is_offered: bool, imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "pods.yaml").write_text("---\n".join([POD.format("quay.io/a/b")] * (number - 1)))
    (tmp_path / "images" / "Dockerfile").write_text("FROM quay.io/a/b:1\nUSER 0\n")
    out = imglint("init", "images").out.splitlines()
    assert out[1:3] == [
        f"{number - 1} errors and 1 warning remain: {number - 1} latest-tag, 1 root-user.",
        "Review the policy, then run: imglint ./images",
    ]
    commands = [line.partition(", run: imglint ")[2] for line in out[3:]]
    assert len(commands) == 2 * is_offered
    for command in commands:
        assert imglint(*command.split()).status == 0
    assert not commands or json.loads((tmp_path / ".imglint-baseline.json").read_text())["findings"]


def test_first_line_names_the_schema_for_editors(imglint: Imglint, tmp_path: Path) -> None:
    assert imglint("init").status == 0
    address = json.loads(imglint("schema").out)["$id"]
    assert (tmp_path / POLICY).read_text().splitlines()[0] == f"# yaml-language-server: $schema={address}"


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


def test_misspelled_policy_is_not_ignored(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / ".imglint.yml").touch()
    outcome = imglint("init")
    assert outcome.err == f"imglint: .imglint.yml: not read as a policy; rename it to {POLICY}, or delete it\n"
    assert (outcome.status, os.listdir(tmp_path)) == (2, [".imglint.yml"])


def test_nothing_is_written_where_the_policy_would_not_apply(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "below").mkdir()
    (tmp_path / "Dockerfile").write_text("FROM nginx:1\n")
    outside = imglint("init", "../Dockerfile", cwd=tmp_path / "below")
    assert (
        outside.err == "imglint: ../Dockerfile: outside of the current folder; run `imglint init` in a folder that contains it\n"
    )
    (tmp_path / POLICY).write_text("images: []\n")
    overridden = imglint("init", cwd=tmp_path / "below")
    assert overridden.err == (
        f"imglint: ../{POLICY} applies to this folder; add `below/` to its `delegates` first, or edit that policy\n"
    )
    assert (outside.status, overridden.status, os.listdir(tmp_path / "below")) == (2, 2, [])


def test_policy_of_a_folder_that_the_policy_above_delegates(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / POLICY).write_text("images: []\ndelegates: [below/]\n")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "Dockerfile").write_text("FROM nginx:1\n")
    outcome = imglint("init", cwd=tmp_path / "below")
    assert (outcome.status, outcome.err) == (0, "")
    assert "this folder only" not in outcome.out
    assert not _found(imglint, tmp_path / "below") & APPROVING


def test_policy_below_the_root_of_a_repository(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "below").mkdir()
    outcome = imglint("init", cwd=tmp_path / "below")
    assert "The policy applies to this folder only; to cover the repository, run `imglint init` in `..`.\n" in outcome.out


def test_folders_with_a_policy_keep_it(imglint: Imglint, tmp_path: Path) -> None:
    for folder in ("a", "a/b", "[c]", "vendor/d"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / POLICY).write_text("images: [{match: quay.io/acme/*}]\n")
        (tmp_path / folder / "Dockerfile").write_text("FROM quay.io/acme/app:1\n")
    for path in ("Dockerfile", "vendor/Dockerfile"):
        (tmp_path / path).write_text("FROM nginx:1\n")
    (tmp_path / "e" / ".git").mkdir(parents=True)
    (tmp_path / "e" / "Dockerfile").write_text("FROM redis:1\n")
    assert imglint("init").out.startswith(f"Wrote {POLICY}: 1 row for 1 image in 1 file.\n")
    policy = load(str(tmp_path / POLICY), plugins.rules(), plugins.kinds(), found=True)
    text = (tmp_path / POLICY).read_text()
    assert 'delegates: ["\\\\[c]/", a/]' in text
    assert policy.table
    assert [str(row.match[0].text) for row in policy.table.rows] == ["docker.io/library/nginx"]
    assert not _found(imglint, tmp_path) & APPROVING


def test_invalid_policy_of_a_folder_is_reported(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / POLICY).write_text("imagse: []\n")
    (tmp_path / "a" / "Dockerfile").write_text("FROM nginx:1\n")
    outcome = imglint("init")
    assert (outcome.status, outcome.out, os.listdir(tmp_path)) == (2, "", ["a"])
    assert outcome.err.startswith(f"a/{POLICY}:1:1:")


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
        (["test/prod/a.yaml", "prod/test/a.yaml", "dev/test/a.yaml"], {"test": ["test/"]}),
        (["prod/dev/a.yaml", "prod/dev-tools/a.yaml"], {"production": ["prod/"]}),
        (["a/e2e-tests/a.yaml", "integrationtest/a.yaml", "speed-test/a.yaml"], {"test": ["a/e2e-tests/", "integrationtest/"]}),
        (["a/tests/b.yaml", "b/tests/b.yaml"], {"test": ["a/tests/", "b/tests/"]}),
        (["a/tests/b.yaml", "b/tests/b.yaml", "c/tests/b.yaml"], {"test": ["tests/"]}),
        (["prod/web.test.yaml", "web.test.yaml"], {"test": ["/web.test.yaml"], "production": ["prod/"]}),
        (["web.test.yaml", "a/web.test.yaml"], {"test": ["web.test.yaml"]}),
        (["examples/prod/a.yaml", "prod/a.yaml"], {"production": ["prod/"], "development": ["examples/"]}),
        (["test/examples/a.yaml", "a.yaml"], {"test": ["test/"]}),
        (["examples/prod/a.yaml", "Examples/a.yaml"], {"production": ["examples/prod/"]}),
        (["web.pre-prod.yaml"], {"staging": ["web.pre-prod.yaml"]}),
        (["prod /a/b.yaml", "a/live /b.yaml", "a/prod-b /c.yaml"], {"production": ["a/prod-b?/"]}),
        (["hack/a.yaml", ".devcontainer/Dockerfile"], {"development": [".devcontainer/", "hack/"]}),
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
    assert environment_patterns([File(file, "kubernetes") for file in files]) == expected


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
    assert environment_patterns([File(file, "compose"), File("a.yaml", "kubernetes")]) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["vendor/a.yaml", "b.yaml"], ["vendor/"]),
        (["a/third_party/b.yaml", "a/Third-Party/b.yaml", "b.yaml"], ["a/Third-Party/", "a/third_party/"]),
        (["a/testdata/b.yaml", "b/testdata/b.yaml", "b.yaml"], ["testdata/"]),
        (
            ["a/archive/b.yaml", "_archived/b.yaml", ".archive/b.yaml", "archives/b.yaml"],
            [".archive/", "_archived/", "a/archive/"],
        ),
        (["a/vendor/testdata/b.yaml", "b.yaml"], ["a/vendor/"]),
        (["vendor", "vendored/a.yaml", "latestdata/a.yaml"], []),
        (["vendor/a.yaml", "testdata/b.yaml"], []),
    ],
)
def test_excluded_folders(files: list[str], expected: list[str]) -> None:
    unused = File("c/vendor/c.yaml", "kubernetes", is_used=False)
    assert excluded_folders([*[File(file, "kubernetes") for file in files], unused]) == expected


def test_compose_files_of_a_tree_that_is_run_with_compose() -> None:
    files = [File("compose.yaml", "compose"), File("compose.override.yaml", "compose"), File("Dockerfile", "dockerfile")]
    others = [
        File("test/pod.yaml", "kubernetes"),
        File("demo/pod.yaml", "kubernetes"),
        File("crd.yaml", "kubernetes", is_used=False),
    ]
    assert environment_patterns([*files, *others]) == {"test": ["test/"], "development": ["demo/", "compose.override.yaml"]}


@pytest.mark.parametrize(("other", "expected"), [("a.yaml", ["a/b/*.yml"]), ("a/b/a.yaml", [f"a/b/{n}.yml" for n in range(7)])])
def test_many_compose_files_with_names_of_their_own(other: str, expected: list[str]) -> None:
    files = [*[File(f"a/b/{number}.yml", "compose") for number in range(7)], File(other, "kubernetes")]
    assert environment_patterns(files) == {"development": expected}


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (["a/x:1", "a/y:1"], [["docker.io/a/x", "docker.io/a/y"]]),
        (["a/x:1", "a/y:1", "a/z:dev"], [["docker.io/a/*"]]),
        (["nginx", "redis", "mysql", "b/x:1", "quay.io/a/x:1"], [["docker.io/b/x", "docker.io/library/*"], ["quay.io/a/x"]]),
        (["quay.io/a/x:1", "quay.io/a/b/x:1", "quay.io/a/b/y:1"], [["quay.io/a/**"]]),
        (["quay.io/a/b/x:1", "quay.io/a/b/y:1", "quay.io/a/b/c/z:1"], [["quay.io/a/b/**"]]),
        (["registry.k8s.io/x:1", "registry.k8s.io/y:1", "registry.k8s.io/z:2", "registry.k8s.io/a/z:2"],
         [["registry.k8s.io/*", "registry.k8s.io/a/z"]]),
        (["ghcr.io/a/x:v1.2.3", "ghcr.io/a/x:v1.2.4", "ghcr.io/a/y:v1.2.3", "ghcr.io/b/x:1"],
         [["ghcr.io/a/x", "ghcr.io/a/y"], ["ghcr.io/b/x"]]),
        (["nginx:1.2", "redis:1.2", "mysql:1.3"], [["docker.io/library/*"]]),
        (["controller"], []),
    ],
)  # fmt: skip
def test_rows(images: list[str], expected: list[list[str]], imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "pods.yaml").write_text("---\n".join([POD.format(image) for image in images]))
    assert imglint("init").status == 0
    policy = load(str(tmp_path / POLICY), plugins.rules(), plugins.kinds())
    rows = policy.table.rows if policy.table else ()
    assert [[pattern.text for pattern in row.match] for row in rows] == expected
    assert [[tag.text for tag in row.tags] for row in rows if row.tags] == (
        [["v{major}.{minor}.{patch}"]] if "ghcr" in images[0] else []
    )
    assert not _found(imglint, tmp_path) & APPROVING


WORKFLOW = "on: push\njobs: {{a: {{runs-on: b, services: {}}}}}\n"


@pytest.mark.parametrize(
    ("ci", "built", "pod", "expected"),
    [
        (["node:22"], "", "", [(["docker.io/library/node"], ["ci"])]),
        (["a/x:1", "a/y:1", "a/z:1", "quay.io/b/x:1"], "", "", [(["docker.io/a/*"], ["ci"]), (["quay.io/b/x"], ["ci"])]),
        (["a/x:1", "a/y:1", "a/z:1"], "a/app", "", [(["docker.io/a/x", "docker.io/a/y", "docker.io/a/z"], ["ci"])]),
        (["a/app:1"], "a/app", "", [(["docker.io/a/app"], ["ci"]), (["docker.io/a/app"], [])]),
        (["x:1", "app:1"], "app", "", [(["docker.io/library/x"], ["ci"])]),
        (["node:22"], "", "node:20", [(["docker.io/library/node"], ["ci"]), (["docker.io/library/node"], [])]),
        (["${{ vars.A }}"], "", "node:20", [(["docker.io/library/node"], [])]),
        ([f"ghcr.io/a{n}/x:1" for n in range(201)], "", "", [(["ghcr.io/**"], ["ci"])]),
        (
            [f"ghcr.io/a{n}/x:1" for n in range(201)],
            "ghcr.io/b/app",
            "",
            [(sorted(f"ghcr.io/a{n}/x" for n in range(201)), ["ci"])],
        ),
    ],
)
def test_rows_of_pipelines(
    ci: list[str], built: str, pod: str, expected: list[tuple[list[str], list[str]]], imglint: Imglint, tmp_path: Path
) -> None:
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    services = json.dumps({f"s{number}": image for number, image in enumerate(ci)})
    (tmp_path / ".github" / "workflows" / "deploy-prod.yml").write_text(WORKFLOW.format(services))
    if built:
        service = f"services: {{a: {{build: ., image: {built}, pull_policy: build}}}}\n"
        (tmp_path / "compose.yml").write_text(service)
    if pod:
        (tmp_path / "pod.yaml").write_text(POD.format(pod))
    assert imglint("init").status == 0
    policy = load(str(tmp_path / POLICY), plugins.rules(), plugins.kinds())
    rows = policy.table.rows if policy.table else ()
    assert [([pattern.text for pattern in row.match], [*row.roles]) for row in rows] == expected
    assert policy.environment_of(".github/workflows/deploy-prod.yml", "ci") == "ci"
    assert not _found(imglint, tmp_path) & APPROVING


def test_many_images_and_folders(imglint: Imglint, tmp_path: Path) -> None:
    pods = [POD.format(f"ghcr.io/a{number}/x:1") for number in range(201)] + [
        POD.format(f"ghcr.io/b/x:v1.2.{n}") for n in range(3)
    ]
    for number, pod in enumerate(pods):
        folder = tmp_path / f"a{number}" / f"prod-{number}"
        folder.mkdir(parents=True)
        (folder / "pod.yaml").write_text(pod)
    long = tmp_path / "/".join(["long" * 50] * 10) / "dev"
    long.mkdir(parents=True)
    (long / "pod.yaml").write_text(POD.format("ghcr.io/b/x:v1.2.3"))
    (long / POLICY).parent.with_name("web.test.yaml").write_text(POD.format("ghcr.io/b/x:v1.2.3"))
    (long / "delegate").mkdir()
    (long / "delegate" / POLICY).write_text("images: []\n")
    (tmp_path / "a0" / "prod-0" / "web.test.yaml").write_text(POD.format("ghcr.io/b/x:v1.2.3"))
    assert imglint("init").status == 0
    policy = load(str(tmp_path / POLICY), plugins.rules(), plugins.kinds())
    assert policy.table
    assert [[pattern.text for pattern in row.match] for row in policy.table.rows] == [["ghcr.io/b/x"], ["ghcr.io/**"]]
    text = (tmp_path / POLICY).read_text()
    assert (text.count("/prod-"), text.count("long")) == (0, 0)
    assert text.count("- prod-") == 50
    assert "development: [dev/]" in text


def test_weak_words_in_file_names() -> None:
    files = [
        File("ci.Dockerfile", "dockerfile"),
        File("values-live.yaml", "helm-values"),
        File("values-ci-x.yaml", "helm-values"),
    ]
    assert environment_patterns(files) == {"production": ["values-live.yaml"], "test": ["ci.Dockerfile"]}


def test_many_compose_files_get_one_pattern() -> None:
    files = [*[File(f"docker-compose-{number}.yml", "compose") for number in range(20)], File("a.yaml", "kubernetes")]
    assert environment_patterns(files) == {"development": ["docker-compose*.yml"]}


def test_name_of_a_file_without_images_is_ignored() -> None:
    files = [File("staging/values-dev.yaml", "helm-values", is_used=False), File("docker-compose.yml", "compose", is_used=False)]
    files += [File("tests/crd.yaml", "kubernetes", is_used=False), File("a.yaml", "kubernetes")]
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
        ("1.27.0-alpine 1.27.1-alpine 8.0.1-slim", "{major}.{minor}.{patch}-{name}"),
        ("16-alpine 15-alpine 8-slim", None),
        ("1.2 1.3 2.0", None),
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
                (f".github/workflows/{number}.yml", WORKFLOW.format(json.dumps({"a": {"image": image}}))),
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
