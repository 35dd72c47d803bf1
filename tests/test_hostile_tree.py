"""A tree in which a stranger chose every name and every byte: it runs no code, shows no other file, and overwrites and commands nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Imglint

ERROR = "FROM docker.io/library/alpine\nUSER 1001\n"

# How runners find commands: GitHub's `::` at the start of a line, and `##[` anywhere in it; Azure Pipelines' `##vso[`; TeamCity's `##teamcity[`.
COMMAND = re.compile(r"^\s*::|##\w*\[", re.MULTILINE)

COMMANDS = [
    "::error file=a,line=1::owned",
    "  ::error::owned",
    "::stop-commands::x",
    "##[error]owned",
    "###[set-output name=sarif]owned",
    "##vso[task.setvariable variable=a]owned",
    "##teamcity[message text='owned']",
    "a ##[add-mask]owned",
]


@pytest.fixture(params=COMMANDS)
def commanding(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return a command of a CI runner that is a file name, and stands wherever else an author can write it."""
    command = str(request.param)
    quoted = json.dumps(command)
    (tmp_path / command).mkdir()
    (tmp_path / command / "Dockerfile").write_text(f"FROM a:latest\nFROM {command}\n# {command}\nOOPS {command}\n")
    (tmp_path / f"{command}.yaml").write_text(
        f"apiVersion: v1\nkind: {quoted}\nmetadata: {{name: {quoted}}}\n"
        f"spec: {{containers: [{{name: {quoted}, image: {quoted}}}, {{image: b}}, {{name: {quoted}, image: c}}]}}\n"
    )
    (tmp_path / f"{command}.dockerfile").write_text("FROM a:latest\nUSER root\n")
    (tmp_path / "split.yaml").write_text('apiVersion: v1\nkind: Pod\nspec: {containers: [{image: "#"}, {image: ##[error]}]}\n')
    (tmp_path / "compose.yaml").write_text(f"x-a: &a {{image: 'b:latest'}}\nservices: {{{quoted}: *a, b: *a}}\n")
    return command


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--no-color", "--verbose", "--environment", "production"],
        ["--verbose", "--jobs", "2"],
        ["--color"],
        ["--format", "json"],
        ["--format", "sarif"],
        ["--format", "gitlab"],
        ["images"],
        ["images", "--format", "json"],
        ["init"],
    ],
    ids=" ".join,
)
def test_names_and_contents_are_no_commands_of_a_runner(arguments: list[str], commanding: str, imglint: Imglint) -> None:
    outcome = imglint(*arguments)
    assert outcome.out
    assert COMMAND.findall(outcome.out) == []
    assert COMMAND.findall(outcome.err) == []


def test_the_github_format_has_commands_of_its_own_alone(commanding: str, imglint: Imglint) -> None:
    out = imglint("--format", "github").out
    assert all(re.match(r"::(error|warning|notice) file=", line) for line in out.splitlines())
    assert not re.search(r"##\w*\[", out)


def test_explain_prints_no_commands(commanding: str, imglint: Imglint, tmp_path: Path) -> None:
    for path in [*tmp_path.rglob("*.yaml"), *tmp_path.rglob("*ockerfile")]:
        if path.is_file():
            outcome = imglint("explain", path.relative_to(tmp_path))
            assert (COMMAND.findall(outcome.out), COMMAND.findall(outcome.err)) == ([], [])


@pytest.mark.parametrize("name", ["::error::" + "x" * 100, "  ::error::" + "x" * 100, "b   ::error::" + "x" * 100])
def test_explain_wraps_no_name_into_a_command(name: str, imglint: Imglint, tmp_path: Path) -> None:
    quoted = json.dumps(name)
    (tmp_path / "pod.yaml").write_text(
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {quoted}}}\nspec: {{containers: [{{name: {quoted}, image: b}}]}}\n"
    )
    (tmp_path / ".imglint.yaml").write_text(f"images: [{{match: b, approved: false, reason: {quoted}}}]\nexclude: [{quoted}]\n")
    out = imglint("explain", "pod.yaml").out
    assert "::error::" in out
    assert COMMAND.findall(out) == []


def test_errors_in_a_policy_and_in_a_call_are_no_commands(commanding: str, imglint: Imglint, tmp_path: Path) -> None:
    quoted = json.dumps(commanding)
    (tmp_path / ".imglint.yaml").write_text(f"{quoted}: 1\nextends: [{quoted}]\n")
    (tmp_path / commanding / "policy.yaml").write_text(f"{quoted}: 1\n")
    for arguments in (
        [],
        ["--config", f"{commanding}/policy.yaml"],
        ["--baseline", f"{commanding}.yaml", "--config", "none"],
        ["--output", f"{commanding}/a/b"],
        ["--select", commanding],
        [f"{commanding}/gone"],
        [f"--{commanding}"],
        ["explain", f"{commanding}/gone"],
    ):
        outcome = imglint(*arguments)
        assert (outcome.status, outcome.out) == (2, "")
        assert COMMAND.findall(outcome.err) == []


def test_a_path_that_begins_like_a_command_stays_a_path(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "::error::x.dockerfile").write_text(ERROR)
    path = imglint().out.split(":1:")[0]
    assert path == "./::error::x.dockerfile"
    assert (tmp_path / path).exists()
    assert imglint("images").out.startswith("./::error::x.dockerfile:1:6: ")
    assert imglint("explain", "::error::x.dockerfile").out.startswith("./::error::x.dockerfile\n")
