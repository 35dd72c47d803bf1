"""The command line: shell completion, help, usage errors."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from imglint.commands import COMMANDS

if TYPE_CHECKING:
    from tests.conftest import Imglint

RUN = [sys.executable, "-m", "imglint"]
LINES, COLUMNS = 24, 80


def _complete(words: str) -> set[str]:
    """Return the completions that bash gets for the last word."""
    typed = words.split(" ")
    environment = {"_IMGLINT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(typed) - 1)}
    done = subprocess.run(RUN, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines())


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("imglint ", {*(f"plain,{name}" for name in COMMANDS), "file,"}),
        ("imglint in", {"plain,init", "file,in"}),
        ("imglint deploy", {"file,deploy"}),
        ("imglint --fail", {"plain,--fail-on"}),
        ("imglint --vers", {"plain,--version"}),
        ("imglint deploy --base", {"plain,--baseline"}),
        ("imglint --fail-on ", {"plain,note", "plain,warning", "plain,error", "plain,never"}),
        ("imglint check --format s", {"plain,sarif"}),
        ("imglint --select latest", {"plain,latest-tag"}),
        ("imglint --select latest-tag,root", {"plain,latest-tag,root-user"}),
        ("imglint --format co", {"plain,concise"}),
        ("imglint --min-level ", {"plain,note", "plain,warning", "plain,error"}),
        ("imglint --stat", {"plain,--statistics"}),
        ("imglint --fi", {"plain,--fix"}),
        ("imglint --di", {"plain,--diff"}),
        ("imglint --un", {"plain,--unsafe-fixes"}),
        ("imglint rules mi", {"plain,misplaced-image", "plain,missing-digest", "plain,missing-label", "plain,missing-platform"}),
        ("imglint explain Do", {"file,Do"}),
    ],
)
def test_completion(words: str, offered: set[str]) -> None:
    assert _complete(words) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(shell: str) -> None:
    done = subprocess.run(
        RUN, env={**os.environ, "_IMGLINT_COMPLETE": f"{shell}_source"}, capture_output=True, text=True, check=True
    )
    assert f"_IMGLINT_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_fits_on_a_screen(option: str, imglint: Imglint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    outcome = imglint(option)
    lines = outcome.out.splitlines()
    assert (outcome.status, outcome.err) == (0, "")
    assert len(lines) < LINES
    assert max(map(len, lines)) <= COLUMNS
    assert not [line for line in lines[1:] if line.endswith("...")]
    assert {line.split()[0] for line in lines[lines.index("Commands:") + 1 :]} == set(COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["--formt", "json"],
            "imglint: no such option '--formt'; did you mean `--format` or `--report`? (see `imglint check --help`)\n",
        ),
        (["--\x1b[31m"], r"imglint: no such option '--\x1b[31m'"),
        (["--jobs", "0", "."], "imglint: invalid value for '--jobs'"),
        (["--report", "sarif", "."], "imglint: invalid value for '--report': expected FORMAT=FILE"),
        (["rules", "a", "b\nc"], "imglint: got unexpected extra argument"),
        (["explain"], "imglint: missing argument 'FILE[:LINE]'"),
        (["--select", "latst-tag", "."], "imglint: unknown rule `latst-tag`; did you mean `latest-tag`?"),
        (["--select", "foo", "."], "imglint: unknown rule `foo`; run `imglint rules` for a list"),
        (["--format", "x", "."], "imglint: unknown format `x`; known formats: concise, github, gitlab, json, sarif, text"),
        (["no\x1b[31mwhere"], r"imglint: no\x1b[31mwhere: no such file or folder"),
    ],
)
def test_usage_errors_take_one_line(arguments: list[str], expected: str, imglint: Imglint) -> None:
    outcome = imglint(*arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(expected)
    assert outcome.err.count("\n") == 1
