"""The GitHub Action works as documented, and the action and the CI examples pass the validators of GitHub and GitLab."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
ACTION = YAML(typ="safe").load(ROOT / "action.yml")
WORKFLOW = ROOT / "examples" / "github" / "imglint.yml"
ORGANIZATION = ROOT / "examples" / "github" / "organization.yml"
PULL_REQUESTS = ROOT / "examples" / "github" / "pull-requests.yml"
WORKFLOWS = sorted((ROOT / "examples" / "github").glob("*.yml"))
EXAMPLE = ROOT / "examples" / "policy-package" / "acme-policy"
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
LATEST = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n    - {name: web, image: quay.io/acme/web:latest}\n"
)


def hostile(checkout: Path) -> Path:
    """Write a module for every name that Python, pip or imglint imports. Each leaves the file `hacked` when it is executed."""
    code = f"open({str(checkout / 'hacked')!r}, 'w').close()\nraise SystemExit(99)\n"
    for name in {
        *sys.stdlib_module_names,
        "pip",
        "setuptools",
        "click",
        "ruamel",
        "sarif_om",
        "imglint",
        "imglint_rules",
        "sitecustomize",
    }:
        (checkout / f"{name}.py").write_text(code)
    (checkout / "setup.cfg").write_text("[install]\nprefix = hacked\n")
    return checkout


@pytest.fixture(scope="module")
def runner(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the temporary folder of a runner after the first step of the action, which installs imglint, in a hostile checkout."""
    folder, checkout = tmp_path_factory.mktemp("runner"), hostile(tmp_path_factory.mktemp("checkout"))
    package = Path(shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("package") / "acme-policy"))
    inputs = {"python": sys.executable, "packages": f"\n{package}\n"}
    outcome = _run("Install imglint", folder, checkout, inputs, project)
    assert outcome.returncode == 0, outcome.stderr
    assert not (checkout / "hacked").exists()
    return folder


class Run:
    """Runs the action on a checkout and keeps its outputs."""

    def __init__(self, runner: Path, checkout: Path) -> None:
        self.runner, self.checkout = runner, checkout
        self.stdout, self.outputs = "", ""

    def __call__(self, **inputs: str) -> int:
        outcome = _run("Check image references", self.runner, self.checkout, inputs)
        self.stdout = outcome.stdout
        self.outputs = (self.runner / "outputs").read_text()
        return outcome.returncode

    def results(self, name: str = "imglint.sarif") -> list[str]:
        """Return the rules of the results in a SARIF file."""
        log = json.loads((self.checkout / name).read_text())
        return [result["ruleId"] for result in log["runs"][0]["results"]]


@pytest.fixture
def action(runner: Path, tmp_path: Path) -> Run:
    (tmp_path / "web.yaml").write_text(LATEST)
    (tmp_path / "some folder").mkdir()
    (tmp_path / "some folder" / "Dockerfile").write_text("FROM docker.io/library/alpine:3.20.1\nUSER 1001\n")
    return Run(runner, tmp_path)


def test_findings_fail_the_step_and_leave_a_report(action: Run) -> None:
    assert action() == 1
    assert action.outputs == "status=1\nsarif=imglint.sarif\n"
    assert action.results() == ["latest-tag"]
    assert action.stdout.startswith("::error file=web.yaml,line=6,")


def test_a_checkout_without_findings_has_an_empty_report(action: Run) -> None:
    assert action(paths="some folder", sarif="out.sarif") == 0
    assert action.outputs == "status=0\nsarif=out.sarif\n"
    assert action.results("out.sarif") == []


def test_an_invalid_policy_leaves_no_report_not_even_of_an_earlier_run(action: Run) -> None:
    action()
    (action.checkout / ".imglint.yaml").write_text("rulez: {}\n")
    assert action() == 2
    assert action.outputs == "status=2\n"
    assert not (action.checkout / "imglint.sarif").exists()


@pytest.mark.parametrize("path", ["", ".", "src"])
def test_no_module_of_the_checkout_is_executed(action: Run, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile(action.checkout)
    if path:
        monkeypatch.setenv("PYTHONPATH", path)
    assert (action(), action.results()) == (1, ["latest-tag"])
    assert not (action.checkout / "hacked").exists()


@pytest.mark.parametrize("policy", ["", "rulez: {}\n"])
def test_a_file_that_is_no_report_is_neither_removed_nor_uploaded(action: Run, policy: str) -> None:
    (action.checkout / ".imglint.yaml").write_text(policy or "rules: {}\n")
    assert action(sarif="web.yaml") == 2
    assert action.outputs == "status=2\n"
    assert (action.checkout / "web.yaml").read_text() == LATEST


def test_a_report_that_a_stranger_committed_is_not_uploaded(action: Run) -> None:
    (action.checkout / "imglint.sarif").write_text('{"version": "2.1.0", "runs": []}')
    assert action() == 1
    assert action.results() == ["latest-tag"]
    (action.checkout / "imglint.sarif").write_text('{"version": "2.1.0", "runs": []}')
    (action.checkout / ".imglint.yaml").write_text("rulez: {}\n")
    assert action() == 2
    assert action.outputs == "status=2\n"


@pytest.mark.parametrize(
    ("inputs", "status", "outputs"),
    [
        ({"fail-on": "never"}, 0, "status=0\nsarif=imglint.sarif\n"),
        ({"sarif": ""}, 1, "status=1\n"),
        ({"sarif": "a\nb"}, 2, ""),
        ({"sarif": "nowhere/imglint.sarif"}, 2, "status=2\n"),
        ({"args": "--ignore\nlatest-tag"}, 0, "status=0\nsarif=imglint.sarif\n"),
        ({"paths": "some folder\nweb.yaml\n"}, 1, "status=1\nsarif=imglint.sarif\n"),
        ({"paths": "gone"}, 2, "status=2\n"),
        ({"config": "gone.yaml"}, 2, "status=2\n"),
        (
            {"config": "package:acme_policy/registry.yaml", "args": "--select\nunapproved-image"},
            1,
            "status=1\nsarif=imglint.sarif\n",
        ),
        ({"config": "package:gone/registry.yaml"}, 2, "status=2\n"),
        ({"args": "--since\nHEAD"}, 2, "status=2\n"),
    ],
)
def test_inputs_reach_the_command(action: Run, inputs: dict[str, str], status: int, outputs: str) -> None:
    assert (action(**inputs), action.outputs) == (status, outputs)


@pytest.mark.parametrize("name", [name for name in ACTION["inputs"] if name != "python"])
@pytest.mark.parametrize("text", ["$(touch hacked)", '"; touch hacked; "', "`touch hacked`", "' || touch hacked #"])
def test_no_input_can_inject_a_command(action: Run, name: str, text: str) -> None:
    action(**{name: text})
    assert not (action.checkout / "hacked").exists()


def test_the_action_matches_its_schema() -> None:
    _passes("check-jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml")


def test_the_gitlab_example_matches_its_schema() -> None:
    _passes("check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", "examples/gitlab/.gitlab-ci.yml")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_the_workflows_pass_actionlint(workflow: Path, node: str, peers: Path) -> None:
    tool = peers / "@tktco" / "node-actionlint" / "bin" / "node-actionlint.js"
    outcome = subprocess.run([node, str(tool), str(workflow)], capture_output=True, text=True, check=False)
    assert "All workflow files passed" in outcome.stdout, outcome.stdout + outcome.stderr


def test_action_and_workflows_pass_zizmor() -> None:
    options = ["--offline", "--quiet", "--config", "tests/peers/zizmor.yml"]
    _passes("zizmor", *options, "action.yml", *map(str, WORKFLOWS))


@pytest.mark.parametrize("workflow", [WORKFLOW, ORGANIZATION], ids=lambda path: path.stem)
def test_the_workflows_use_inputs_and_outputs_that_exist_and_upload_only_a_written_report(workflow: Path) -> None:
    steps = YAML(typ="safe").load(workflow)["jobs"]["imglint"]["steps"]
    check, upload = steps[-2:]
    assert check.get("with", {}).keys() <= ACTION["inputs"].keys()
    used = set(re.findall(r"steps\.imglint\.outputs\.(\w+)", upload["if"] + upload["with"]["sarif_file"]))
    assert used <= ACTION["outputs"].keys()
    assert upload["if"] == "${{ !cancelled() && steps.imglint.outputs.sarif != '' }}"


def test_a_pull_request_is_checked_by_the_policy_of_its_base(runner: Path, tmp_path: Path, git: Callable[..., None]) -> None:
    """The inputs of the example, and the commits that its checkout fetches: HEAD, which merges the pull request, and its parents."""
    checkout, check = YAML(typ="safe").load(PULL_REQUESTS)["jobs"]["imglint"]["steps"]
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()

    def commit(files: dict[str, str], *branch: str) -> None:
        git(origin, "checkout", "--quiet", *branch)
        for name, text in files.items():
            (origin / name).write_text(text)
        git(origin, "add", ".")
        git(origin, "commit", "--quiet", "--message", "Change files")

    git(origin, "init", "--quiet")
    commit({".imglint.yaml": "images: [{match: ghcr.io/**}]\n"}, "-b", "main")
    commit({".imglint.yaml": "images: [{match: '**'}]\n", "Dockerfile": "FROM quay.io/a/b:1\nUSER 1\n"}, "-b", "change")
    commit({"README": ""}, "main")
    git(origin, "merge", "--quiet", "--no-ff", "--message", "Merge", "change")
    git(tmp_path, "clone", "--quiet", f"--depth={checkout['with']['fetch-depth']}", f"file://{origin}", str(clone))
    action = Run(runner, clone)
    assert action(sarif="") == 0
    assert action(**check["with"]) == 1
    assert "imglint unapproved-image" in action.stdout


@pytest.mark.parametrize("part", ["inputs", "outputs"])
def test_the_page_about_ci_lists_every_input_and_output(part: str) -> None:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    table = page.partition(f"| {part.removesuffix('s').capitalize()} | Meaning")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == [*ACTION[part]]


def _run(
    step: str, runner: Path, checkout: Path, inputs: dict[str, str], source: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run one step as a GitHub runner does: its script in bash, with the expressions in its environment replaced."""
    outputs = runner / "outputs"
    outputs.write_text("")
    values = {name: entry["default"] for name, entry in ACTION["inputs"].items()} | inputs
    filled = {name: _filled(text, values, source) for name, text in STEPS[step]["env"].items()}
    given = {**os.environ, **filled, "RUNNER_TEMP": str(runner), "GITHUB_OUTPUT": str(outputs)}
    script = runner / "script.sh"
    script.write_text(STEPS[step]["run"])
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
    return subprocess.run(command, cwd=checkout, env=given, capture_output=True, text=True, check=False)


def _filled(text: str, values: dict[str, Any], source: Path) -> str:
    def value(match: re.Match[str]) -> str:
        return str(values[match[1]] if match[1] else source)

    return re.sub(r"\$\{\{ (?:inputs\.([\w-]+)|github\.action_path) \}\}", value, text)


def _passes(tool: str, *arguments: str) -> None:
    command = Path(sys.executable).parent / tool
    outcome = subprocess.run([command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
