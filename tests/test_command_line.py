"""The command line: what a shell completes, what help shows, what a wrong call is told."""

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
    """Return what bash would be offered for the last of the words."""
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
        ("imglint rules mi", {"plain,misplaced-image", "plain,missing-digest"}),
        ("imglint explain Do", {"file,Do"}),
    ],
)
def test_a_shell_completes(words: str, offered: set[str]) -> None:
    assert _complete(words) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_taught_to_complete(shell: str) -> None:
    done = subprocess.run(
        RUN, env={**os.environ, "_IMGLINT_COMPLETE": f"{shell}_source"}, capture_output=True, text=True, check=True
    )
    assert f"_IMGLINT_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_fits_on_a_screen(option: str, imglint: Imglint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    told = imglint(option)
    lines = told.out.splitlines()
    assert (told.status, told.err) == (0, "")
    assert len(lines) < LINES
    assert max(map(len, lines)) <= COLUMNS
    assert not [line for line in lines[1:] if line.endswith("...")]
    assert {line.split()[0] for line in lines[lines.index("Commands:") + 1 :]} == set(COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--formt", "json"], "imglint: No such option '--formt'"),
        (["--\x1b[31m"], r"imglint: No such option '--\x1b[31m'"),
        (["--jobs", "0", "."], "imglint: Invalid value for '--jobs'"),
        (["--report", "sarif", "."], "imglint: Invalid value for '--report': expected FORMAT=FILE"),
        (["rules", "a", "b\nc"], "imglint: Got unexpected extra argument"),
        (["explain"], "imglint: Missing argument 'FILE[:LINE]'"),
        (["no\x1b[31mwhere"], r"imglint: no\x1b[31mwhere: there is no such file or folder"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(arguments: list[str], says: str, imglint: Imglint) -> None:
    told = imglint(*arguments)
    assert (told.status, told.out) == (2, "")
    assert told.err.startswith(says)
    assert told.err.count("\n") == 1
