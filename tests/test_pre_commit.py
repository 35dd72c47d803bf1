"""The hooks in pre-commit itself: it installs the project, selects the files, and accepts or rejects commits."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from imglint.plugins.load import readers

Git = Callable[..., None]

PRE_COMMIT = Path(sys.executable).parent / "pre-commit"
DOCKERFILE = "FROM quay.io/acme/base:latest\nUSER 1001\n"
PINNED = "FROM quay.io/acme/base:v1.0.0\nUSER 1001\n"
COMPOSE = "services:\n  web:\n    image: quay.io/acme/web:latest\n"
MANIFEST = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n    - {name: web, image: quay.io/acme/web:latest}\n"
)
MANIFEST_JSON = (
    '{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "web", "image": "quay.io/acme/web:latest"}]}}\n'
)
VALUES = "image:\n  repository: quay.io/acme/web\n  tag: latest\n"
TEMPLATE = "{{ if .Values.web }}\nspec:\n  containers:\n    - image: quay.io/acme/web:latest\n{{ end }}\n"
KUSTOMIZATION = "images:\n  - name: quay.io/acme/web\n    newTag: latest\n"

WORKFLOW = "on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    container: quay.io/acme/web:latest\n"
ACTION = "name: acme\nruns:\n  using: docker\n  image: docker://quay.io/acme/web:latest\n"
BAKE = 'target "web" {\n  contexts = {\n    base = "docker-image://quay.io/acme/web:latest"\n  }\n}\n'
UNIT = "[Container]\nImage=quay.io/acme/web:latest\n"

CHECKED = {
    "Dockerfile": DOCKERFILE,
    "docker/Dockerfile": DOCKERFILE,
    "docker/dockerfile": DOCKERFILE,
    "docker/api.dockerfile": DOCKERFILE,
    "docker/api.Dockerfile": DOCKERFILE,
    "docker/Dockerfile-dev": DOCKERFILE,
    "docker/Dockerfile.dev": DOCKERFILE,
    "podman/Containerfile": DOCKERFILE,
    "docker-compose.yml": COMPOSE,
    "dev/compose.yaml": COMPOSE,
    "deploy/web.yaml": MANIFEST,
    "deploy/web.json": MANIFEST_JSON,
    "deploy/kustomization.yaml": KUSTOMIZATION,
    "overlay/Kustomization": KUSTOMIZATION,
    "charts/web/values.yaml": VALUES,
    "charts/web/templates/web.yaml": TEMPLATE,
    "charts/web/templates/_web.tpl": TEMPLATE,
    ".github/workflows/test.yml": WORKFLOW,
    "action.yml": ACTION,
    ".devcontainer/devcontainer.json": '{"image": "quay.io/acme/web:latest"}\n',
    "docker-bake.hcl": BAKE,
    "units/web.container": UNIT,
    "units/web.image": UNIT.replace("Container", "Image"),
    "units/web.container.d/image.conf": UNIT,
}
"""Files that pre-commit must pass to the hook, with one finding each."""

SKIPPED = {
    "charts/web/Chart.yaml": "name: web\n",
    "mkdocs.yml": "site_name: imglint\n",
    "broken.yaml": "a: [\n",
    ".github/dependabot.yml": "version: 2\nupdates: []\n",
    "package.json": '{"name": "web", "image": "quay.io/acme/web:latest"}\n',
    "vendor/Dockerfile": DOCKERFILE,
    "docs/Dockerfile.md": "FROM here on, the reader knows.\n",
    "terraform.hcl": 'locals {\n  image = "quay.io/acme/web:latest"\n}\n',
}
"""Files of no known kind, or excluded by the policy."""

POLICY = "exclude: [vendor/]\nenvironments: {production: ['**']}\n"


class Repository:
    """A Git repository that uses the hooks."""

    def __init__(self, folder: Path, home: Path, git: Git) -> None:
        self.folder, self.git = folder, git
        self.environment = {**os.environ, "PRE_COMMIT_HOME": str(home), "PRE_COMMIT_COLOR": "never"}

    def add(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git(self.folder, "add", "--force", ".")

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        call = [str(word) for word in command]
        return subprocess.run(call, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)

    def commit(self) -> subprocess.CompletedProcess[str]:
        author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
        return self.run("git", *author, "commit", "--message", "A change")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of installed hooks, which the tests of this module share."""
    return tmp_path_factory.mktemp("pre-commit")


@pytest.fixture
def repository(tmp_path: Path, home: Path, project: Path, git: Git) -> Repository:
    git(tmp_path, "init", "--quiet")
    repository = Repository(tmp_path, home, git)
    revision = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=project, capture_output=True, text=True, check=True
    ).stdout.strip()
    hooks = "[{id: imglint}, {id: imglint-all, stages: [manual]}, {id: imglint-fix, stages: [manual]}]"
    repository.add(
        {
            ".pre-commit-config.yaml": f"repos:\n  - repo: {project}\n    rev: {revision}\n    hooks: {hooks}\n",
            ".imglint.yaml": POLICY,
        }
    )
    return repository


def test_try_repo(repository: Repository, project: Path) -> None:
    repository.add({"Dockerfile": DOCKERFILE})
    outcome = repository.run(PRE_COMMIT, "try-repo", project, "imglint", "--all-files")
    assert outcome.returncode == 1
    assert "Dockerfile:1:24: error latest-tag" in outcome.stdout


def test_commit_with_findings_is_rejected(repository: Repository) -> None:
    assert repository.run(PRE_COMMIT, "install").returncode == 0
    repository.add({"api/Dockerfile": DOCKERFILE})
    stopped = repository.commit()
    assert stopped.returncode == 1
    assert "api/Dockerfile:1:24: error latest-tag" in stopped.stderr
    repository.add({"api/Dockerfile": PINNED})
    passed = repository.commit()
    assert passed.returncode == 0, passed.stderr
    assert "imglint..................................................................Passed" in passed.stderr


def test_commit_with_an_invalid_policy_is_rejected(repository: Repository) -> None:
    assert repository.run(PRE_COMMIT, "install").returncode == 0
    repository.add({".imglint.yaml": "exclud: [vendor/]\n"})
    stopped = repository.commit()
    assert stopped.returncode == 1
    assert ".imglint.yaml:1:1: " in stopped.stderr
    assert "exit code: 2" in stopped.stderr


def test_files_that_the_hook_checks(repository: Repository) -> None:
    repository.add(CHECKED | SKIPPED)
    outcome = repository.run(PRE_COMMIT, "run", "imglint")
    assert outcome.returncode == 1
    found = [line.partition(":")[0] for line in outcome.stdout.splitlines() if " latest-tag: " in line]
    assert found == sorted(CHECKED)
    assert f"Found {len(CHECKED)} errors in {len(CHECKED)} files" in outcome.stdout
    assert not [name for name in SKIPPED if name in outcome.stdout]


def test_no_file_is_taken_for_an_option_and_no_module_is_executed(repository: Repository) -> None:
    repository.add({"Dockerfile": DOCKERFILE, "evil.yaml": "rules: {latest-tag: off}\n"})
    modules = {*sys.stdlib_module_names, "click", "ruamel", "sarif_om", "semver", "imglint", "imglint_rules", "sitecustomize"}
    repository.add({f"{name}.py": "open('hacked', 'w').close()\n" for name in modules})
    outcome = repository.run(PRE_COMMIT, "run", "imglint")
    assert "Dockerfile:1:24: error latest-tag" in outcome.stdout
    assert not (repository.folder / "hacked").exists()
    for name in ("--config=evil.yaml", "--exclude=Dockerfile", "--fail-on=never.yaml"):
        repository.add({name: "a: 1\n"})
        outcome = repository.run(PRE_COMMIT, "run", "imglint")
        assert outcome.returncode == 1
        assert f"`{name}` is an option and the name of a file" in outcome.stdout
        repository.git(repository.folder, "rm", "--quiet", "--force", "--", name)


def test_one_process_checks_all_files(repository: Repository) -> None:
    # More files than pre-commit passes to one process of a hook that does not set require_serial.
    repository.add({f"deploy/{'long-' * 20}{number}.yaml": MANIFEST for number in range(100)})
    outcome = repository.run(PRE_COMMIT, "run", "imglint")
    assert outcome.stdout.count("Found ") == 1
    assert "Found 100 errors in 100 files" in outcome.stdout


def test_imglint_all_checks_the_whole_tree(repository: Repository) -> None:
    repository.add({"Dockerfile": DOCKERFILE, "README.md": ""})
    assert repository.commit().returncode == 0
    repository.add({"README.md": "No image here.\n"})
    outcome = repository.run(PRE_COMMIT, "run", "--hook-stage", "manual", "imglint-all")
    assert outcome.returncode == 1
    assert "Dockerfile:1:24: error latest-tag" in outcome.stdout


FIXABLE = "FROM alpine:3.20.1\nUSER 1001\n"
FIXING = """\
images: [{match: ["docker.io/library/*", "ghcr.io/acme/*"]}, {match: "docker.io/acme/*", approved: false, use-instead: "ghcr.io/acme/*"}]
rules: {implicit-registry: error}
"""


def test_imglint_fix_fixes_the_files_of_the_commit(repository: Repository) -> None:
    moved = "FROM docker.io/acme/api:v1\nUSER 1001\n"
    repository.add({".imglint.yaml": FIXING, "other/Dockerfile": FIXABLE, "moved/Dockerfile": moved})
    assert repository.commit().returncode == 0
    repository.add({"api/Dockerfile": FIXABLE})
    first = repository.run(PRE_COMMIT, "run", "--hook-stage", "manual", "imglint-fix")
    # Nothing remains to be reported, but a hook that changes files fails, so that the changes are reviewed and added.
    assert first.returncode == 1
    assert "files were modified by this hook" in first.stdout
    assert "fixed 1 finding in 1 file\nNo findings in 1 file (1 image).\n" in first.stdout
    text = {name: (repository.folder / name / "Dockerfile").read_text() for name in ("api", "other", "moved")}
    assert text == {"api": f"FROM docker.io/library/{FIXABLE.removeprefix('FROM ')}", "other": FIXABLE, "moved": moved}
    repository.git(repository.folder, "add", "api/Dockerfile")
    assert repository.run(PRE_COMMIT, "run", "--hook-stage", "manual", "imglint-fix").returncode == 0


def test_imglint_fix_takes_unsafe_fixes_as_an_argument(repository: Repository) -> None:
    config = (repository.folder / ".pre-commit-config.yaml").read_text()
    config = config.replace("id: imglint-fix,", "id: imglint-fix, args: [--unsafe-fixes],")
    repository.add(
        {".pre-commit-config.yaml": config, ".imglint.yaml": FIXING, "Dockerfile": "FROM docker.io/acme/api:v1\nUSER 1\n"}
    )
    assert repository.run(PRE_COMMIT, "run", "--hook-stage", "manual", "imglint-fix").returncode == 1
    assert (repository.folder / "Dockerfile").read_text() == "FROM ghcr.io/acme/api:v1\nUSER 1\n"


def test_the_hooks_select_every_name_that_a_reader_asks_for(project: Path) -> None:
    selected = re.compile(YAML(typ="safe").load(project / ".pre-commit-hooks.yaml")[0]["files"])
    names = {f"a/{pattern.replace('*', part)}" for reader in readers() for pattern in reader.files for part in ("", "x")}
    assert [name for name in sorted(names) if not selected.search(name)] == []


def test_the_hooks_select_the_same_files(project: Path) -> None:
    hooks = {hook["id"]: hook for hook in YAML(typ="safe").load(project / ".pre-commit-hooks.yaml")}
    assert hooks["imglint-fix"]["files"] == hooks["imglint"]["files"]
