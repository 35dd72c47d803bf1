"""File contents and file names reach terminals, CI logs and reports only as plain text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imglint.printable import printable

if TYPE_CHECKING:
    from tests.conftest import Imglint

PAYLOADS = {
    "terminal escape sequence": "\x1b[2J\x1b]0;owned\x07",
    "one-character control sequence": "\x9b31m",
    "bidirectional override": "\u202egnp\u2066",
    "line feed and command": "\n::error::owned",
    "carriage return and command": "\r::set-output name=a::b",
    "line separator": "\u2028::warning::owned",
    "next line character": "\x85::warning::owned",
    "escaped line feed": "%0A::error::owned",
    "command property": ",line=1::owned",
    "SARIF link": "[owned](https://example.com)",
    "quotes and backslashes": '"\'\\"</script>',
    "invisible characters": "\u200b\u00ad\ufeff",
    "undecodable byte": "\udcff",
    "backspace": "safe\b\b\b\bowned",
}
COMMAND = re.compile(
    r"::(?:error|warning|notice) file=[^:,]+,line=\d+,col=\d+,endLine=\d+(?:,endColumn=\d+)?,title=imglint [a-z-]+::.*"
)


@pytest.fixture(params=[*PAYLOADS.values()], ids=[*PAYLOADS])
def payload(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def quoted(text: str) -> str:
    """Return a text as a double-quoted YAML scalar, which can represent any character."""
    return json.dumps(text.encode("utf-8", "replace").decode())


def written(payload: str) -> list[tuple[str, str]]:
    """Return files with a payload wherever their author can put one: as a name, key, tag, stage or instruction."""
    plain = payload.encode("utf-8", "replace").decode()
    one_line = re.sub(r"[\n\r\u2028\x85]", " ", plain)
    key = quoted(payload)
    return [
        (
            "Dockerfile",
            f"FROM a:latest{one_line}\nFROM b:latest AS {one_line}x\n{one_line} y\nCOPY --from={one_line} a b\nUSER {one_line}\n",
        ),
        (
            "args.Dockerfile",
            f"ARG A=a:latest{one_line}\nFROM $A\nFROM ${{{one_line}}}\n# imglint: ignore[{one_line.replace(']', '')}]\n",
        ),
        ("raw.Dockerfile", f"FROM a:latest{plain}\nRUN <<{one_line}\n"),
        (
            "pod.yaml",
            f"apiVersion: v1\nkind: {key}\nmetadata: {{name: {key}}}\nspec: {{containers: [{{name: {key}, image: {key}}}, {{image: b}}]}}\n",
        ),
        ("broken.yaml", f"apiVersion: v1\nkind: Pod\nspec: *{one_line}\n"),
        ("compose.yaml", f"services: {{{key}: {{image: {key}, user: {key}}}, a: {{image: 'b:latest'}}}}\n"),
        ("values.yaml", f"image: {{repository: {key}, tag: {key}}}\n{key}: {{image: {{repository: a, tag: latest}}}}\n"),
    ]


@pytest.fixture
def tree(payload: str, tmp_path: Path) -> Path:
    for name, text in written(payload):
        (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    folder = tmp_path / ("x" + payload.replace("/", "|"))
    folder.mkdir()
    (folder / f"{payload.replace('/', '|')}.Dockerfile").write_text("FROM a:latest\n")
    return tmp_path


def is_plain(text: str) -> bool:
    return all(line.isprintable() for line in text.removesuffix("\n").split("\n"))


@pytest.mark.parametrize(
    "command",
    [
        ["--no-color"],
        ["--format", "github"],
        ["images"],
        ["images", "--format", "csv"],
        ["explain", "pod.yaml"],
        ["explain", "compose.yaml"],
        ["--debug"],
    ],
)
def test_output_for_people_and_logs_is_printable(command: list[str], tree: Path, imglint: Imglint) -> None:
    outcome = imglint(*command, cwd=tree)
    assert outcome.status in (0, 1)
    assert outcome.out
    assert is_plain(outcome.out)
    assert is_plain(outcome.err)


def test_colors_are_the_only_escapes_in_colored_text(tree: Path, imglint: Imglint) -> None:
    assert is_plain(re.sub(r"\x1b\[(?:0|1|2|1;3[136])m", "", imglint("--color", cwd=tree).out))


def test_github_log_has_one_command_for_each_finding(tree: Path, imglint: Imglint) -> None:
    findings = json.loads(imglint("--format", "json", cwd=tree).out)["findings"]
    lines = imglint("--format", "github", cwd=tree).out.splitlines()
    assert len(lines) == len(findings) > len(written(""))
    assert [line for line in lines if not COMMAND.fullmatch(line)] == []


def test_machine_readable_reports_are_valid_ascii(tree: Path, imglint: Imglint) -> None:
    images = ("images", "--format")
    for arguments in (
        ["--format", "json"],
        ["--format", "sarif"],
        ["--format", "gitlab"],
        [*images, "json"],
        [*images, "cyclonedx"],
    ):
        out = imglint(*arguments, cwd=tree).out
        assert out.isascii()
        assert json.loads(out)
        json.dumps(json.loads(out), ensure_ascii=False).encode()


def test_sarif_messages_have_no_links(tree: Path, imglint: Imglint) -> None:
    [run] = json.loads(imglint("--format", "sarif", cwd=tree).out)["runs"]
    for result in run["results"]:
        assert not re.search(r"(?<!\\)\[[^\]]*(?<!\\)\]\(", result["message"]["text"])


def test_policy_contents_are_printed_as_text(payload: str, imglint: Imglint, tmp_path: Path) -> None:
    key = quoted(payload)
    (tmp_path / "Dockerfile").write_text("FROM a:latest\n")
    policies = {
        "errors": f"{key}: 1\nimages: [{{match: {key}}}]\nrules: {{{key}: off}}\nenvironments: {{{key}: []}}\nextends: [{key}]\n",
        "reasons": f"images: [{{match: a, approved: false, reason: {key}}}]\n"
        f"exceptions: [{{match: a, rules: [latest-tag], reason: {key}, approved-by: {key}, until: 2020-01-01}}]\n",
    }
    for text in policies.values():
        (tmp_path / ".imglint.yaml").write_text(text)
        for arguments in ([], ["--format", "github"], ["--format", "json"], ["--config", f"x{payload}"], ["--select", payload]):
            outcome = imglint(*arguments)
            assert is_plain(outcome.out)
            assert is_plain(outcome.err)
        assert all(COMMAND.fullmatch(line) for line in imglint("--format", "github").out.splitlines())


def test_usage_errors_are_printable(payload: str, imglint: Imglint) -> None:
    for arguments in (
        ["--format"],
        ["--environment"],
        ["--exclude"],
        ["--baseline"],
        ["--output"],
        ["--fail-on"],
        ["--report"],
        [],
    ):
        outcome = imglint(*arguments, f"missing/{payload}")
        assert is_plain(outcome.err)
        assert is_plain(outcome.out)
        # Any environment name is valid without a policy, and any text is a valid pattern.
        if arguments not in (["--exclude"], ["--environment"]):
            assert (outcome.status, outcome.out) == (2, "")


def test_printable_text_can_be_converted_back(payload: str) -> None:
    shown = printable(payload)
    assert shown.isprintable()
    if "\\" not in payload:
        assert shown.encode("ascii", "backslashreplace").decode("unicode_escape") == payload
