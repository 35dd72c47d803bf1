"""The progress bars are shown on a terminal, after a second, and nowhere else."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
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
    return _shown_by(PATIENT.format(patience=patience, arguments=list(arguments)), folder)


def _shown_by(script: str, folder: Path, columns: int = 80) -> tuple[str, str]:
    """Run a script with stderr on a terminal, and return its output there and on stdout."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
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


ASKING = """
import sys
from imglint.commands import progress
progress.PATIENCE_S, progress.INTERVAL_S = {patience}, 0
asking = progress.Asking()
for answered, known in {answers}:
    asking(answered, known)
    {then}
"""


def _asked(answers: list[tuple[int, int]], folder: Path, *, patience: float = 0, columns: int = 80, then: str = "") -> str:
    return _shown_by(ASKING.format(patience=patience, answers=answers, then=then), folder, columns)[0]


def test_asking_registries_shows_how_far_it_is(tmp_path: Path) -> None:
    lines = _asked([(1, 4), (1500, 3000), (3000, 3000), (3000, 4000)], tmp_path).split("\r")
    assert [line.rstrip() for line in lines] == [
        "",
        f"Asking registries  [{'#' * 9}{'-' * 27}]   25%  1 of 4",
        f"Asking registries  [{'#' * 18}{'-' * 18}]   50%  1,500 of 3,000",
        "",
        "",
        f"Asking registries  [{'#' * 27}{'-' * 9}]   75%  3,000 of 4,000",
    ]
    assert max(map(len, lines)) < 80


def test_asking_clears_its_line(tmp_path: Path) -> None:
    shown = _asked([(10, 20), (1, 2), (2, 2)], tmp_path).split("\r")
    assert len(shown[1]) == len(shown[2]) > len(shown[3]) == len(shown[2].rstrip())
    assert shown[3].isspace()
    assert shown[4:] == [""]


def test_asking_fits_a_narrow_terminal(tmp_path: Path) -> None:
    assert max(map(len, _asked([(1, 4), (4, 4)], tmp_path, columns=30).split("\r"))) == 29


def test_short_questions_show_no_bar(tmp_path: Path) -> None:
    assert _asked([(1, 4), (4, 4)], tmp_path, patience=60) == ""


def test_a_terminal_that_is_gone_ends_the_bar(tmp_path: Path) -> None:
    assert _asked([(1, 4), (2, 4), (4, 4)], tmp_path, then="sys.stderr = open('/dev/full', 'w')").count("Asking") == 1
