"""The progress bar is shown on a terminal, after a second, and nowhere else."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

PATIENT = """
import sys
from time import sleep
from imglint.commands import check
from imglint.commands import progress
progress.PATIENCE_S = {patience}
sys.argv[1:] = {arguments}
from imglint.main import main
main()
"""


def _on_terminal(folder: Path, patience: float, *arguments: str) -> tuple[str, str]:
    """Run imglint with stderr on a terminal, and return its output there and on stdout."""
    ours, theirs = pty.openpty()
    script = PATIENT.format(patience=patience, arguments=list(arguments))
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
        check=False,
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # Linux raises this when the other end is closed.
        pass
    os.close(ours)
    return shown.decode(), done.stdout.decode()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for number in range(3):
        (tmp_path / f"{number}.dockerfile").write_text("FROM docker.io/library/nginx:1.27.0\nUSER 1\n")
    return tmp_path


def test_long_run_shows_the_bar(tree: Path) -> None:
    terminal, out = _on_terminal(tree, 0, "check", "--jobs", "1", ".")
    assert "Checking" in terminal
    assert "100%" in terminal
    assert out == "No findings in 3 files (3 images).\n"


@pytest.mark.parametrize(("patience", "arguments"), [(60, ("check", ".")), (60, ()), (0, ("check", "--quiet", "."))])
def test_short_or_quiet_run_shows_no_bar(patience: float, arguments: tuple[str, ...], tree: Path) -> None:
    assert _on_terminal(tree, patience, *arguments)[0] == ""


def test_no_bar_without_a_terminal(tree: Path) -> None:
    script = PATIENT.format(patience=0, arguments=["check", "."])
    done = subprocess.run([sys.executable, "-c", script], cwd=tree, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
