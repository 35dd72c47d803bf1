"""Exit statuses, reports on stdout and in files, messages on stderr, and files that must not be touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Imglint

IMGLINT = str(Path(sys.executable).parent / "imglint")
NOTE = "FROM alpine:3.20.1\nUSER 1001\n"
WARNING = "FROM docker.io/library/alpine:3.20.1\nUSER root\n"
ERROR = "FROM docker.io/library/alpine\nUSER 1001\n"
GOOD = "FROM docker.io/library/alpine:3.20.1\nUSER 1001\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with a Dockerfile that has an error."""
    (tmp_path / "Dockerfile").write_text(ERROR)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "statuses"),
    [(GOOD, "0000"), (NOTE, "1000"), (WARNING, "1100"), (ERROR, "1110")],
    ids=["nothing", "a note", "a warning", "an error"],
)
def test_exit_status_by_fail_on(text: str, statuses: str, tmp_path: Path, imglint: Imglint) -> None:
    (tmp_path / "Dockerfile").write_text(text)
    given = ["note", "warning", "error", "never"]
    assert "".join([str(imglint("--fail-on", level).status) for level in given]) == statuses
    (tmp_path / ".imglint.yaml").write_text("fail-on: note\n")
    assert str(imglint().status) == statuses[0]
    assert str(imglint("--fail-on", "error").status) == statuses[2]


WRONG = {
    "an unknown option": ["--formt", "json"],
    "an unknown format": ["--format", "jsn"],
    "an unknown level": ["--fail-on", "warn"],
    "an unknown rule to select": ["--select", "latest"],
    "an unknown rule to ignore": ["--ignore", "latest"],
    "a path that does not exist": ["Dockerfile", "gone"],
    "a policy that does not exist": ["--config", "gone.yaml"],
    "a wrong policy": ["--config", "wrong.yaml"],
    "a report without a file": ["--report", "sarif"],
    "a folder to write": ["--output", "folder"],
    "a folder that does not exist to write in": ["--output", "gone/out.txt"],
    "two reports in one file": ["--report", "sarif=a.txt", "--report", "json=./a.txt"],
    "a name for stdin without stdin": ["--stdin-filename", "Dockerfile"],
    "no number of processes": ["--jobs", "0"],
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("fail_on", ["note", "never"])
def test_usage_error_exits_with_2_and_writes_no_report(case: str, fail_on: str, tree: Path, imglint: Imglint) -> None:
    (tree / "wrong.yaml").write_text("rulez: {}\n")
    (tree / "folder").mkdir()
    before = sorted(tree.rglob("*"))
    outcome = imglint("--report", "gitlab=report.json", "--fail-on", fail_on, *WRONG[case])
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err
    assert "Traceback" not in outcome.err
    assert sorted(tree.rglob("*")) == before


def test_report_that_cannot_be_written_leaves_stdout_empty(tree: Path, imglint: Imglint) -> None:
    outcome = imglint("--report", "json=/dev/full")
    assert outcome == (2, "", "imglint: /dev/full: cannot be written: No space left on device\n")


def test_stdout_that_cannot_be_written_exits_with_2(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(GOOD)
    with Path("/dev/full").open("w") as full:
        outcome = subprocess.run([IMGLINT], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert outcome.returncode == 2
    assert "No space left on device" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_closed_pipe_is_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(ERROR * 5000)
    outcome = subprocess.run(["bash", "-c", f"{IMGLINT} | head -n 1"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (outcome.stdout.count("\n"), outcome.stderr) == (1, "")


@pytest.mark.parametrize("name", ["text", "concise", "json", "sarif", "github", "gitlab"])
def test_output_file_equals_stdout(name: str, tree: Path, imglint: Imglint) -> None:
    shown = imglint("--format", name).out
    outcome = imglint("--format", name, "--output", "out", "--report", f"{name}=report", "--color")
    assert outcome == (1, "", "")
    assert (tree / "out").read_text() == (tree / "report").read_text() == shown


def test_reports_in_addition_to_stdout(tree: Path, imglint: Imglint) -> None:
    outcome = imglint("--format", "github", "--report", "sarif=a.sarif", "--report", "json=b.json")
    assert outcome.out.startswith("::error file=Dockerfile,line=1,")
    assert json.loads((tree / "a.sarif").read_text())["version"] == "2.1.0"
    assert json.loads((tree / "b.json").read_text())["summary"]["error"] == 1


def test_output_file_is_replaced_atomically(tree: Path, imglint: Imglint) -> None:
    (tree / "out").write_text("x" * 100_000)
    with (tree / "out").open() as reader:
        imglint("--output", "out", "--format", "json")
        # A process that has the old file open can still read all of it.
        assert len(reader.read()) == 100_000
    assert json.loads((tree / "out").read_text())["summary"]["error"] == 1
    assert sorted(path.name for path in tree.iterdir()) == ["Dockerfile", "out"]


def test_output_does_not_follow_symbolic_links(tree: Path, imglint: Imglint, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "kept").write_text("kept")
    (tree / "link").symlink_to(elsewhere / "kept")
    (tree / "folder").symlink_to(elsewhere)
    assert imglint("--output", "link").status == 1
    assert not (tree / "link").is_symlink()
    for option in (["--output", "folder/new"], ["--report", "json=folder/new"], ["--write-baseline", "folder/new"]):
        outcome = imglint(*option)
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.startswith("imglint: folder/new: folder is a symbolic link")
    assert [path.name for path in elsewhere.iterdir()] == ["kept"]
    assert (elsewhere / "kept").read_text() == "kept"


def test_quiet_prints_only_the_findings(tree: Path, imglint: Imglint) -> None:
    shown = imglint().out
    findings, blank, closing = shown.rpartition("\n\n")
    assert [line.partition(" ")[0] for line in closing.splitlines()] == ["No", "Found"]
    assert imglint("--quiet") == (1, findings + blank, "")
    (tree / "Dockerfile").write_text(GOOD)
    assert imglint("--quiet") == (0, "", "")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_verbose_prints_the_policy_and_the_files(jobs: str, tree: Path, imglint: Imglint) -> None:
    shown = imglint().out
    assert imglint("--verbose", "--jobs", jobs) == (
        1,
        shown,
        "policy: none; using the defaults\nDockerfile: dockerfile, production\n",
    )
    (tree / ".imglint.yaml").write_text("environments: {production: [], development: [Dockerfile]}\n")
    (tree / "notes.yaml").write_text("a: 1\n")
    outcome = imglint("--verbose", "--jobs", jobs)
    assert sorted(outcome.err.splitlines()) == [
        ".imglint.yaml: skipped; not a known kind of file, or unreadable",
        "Dockerfile: dockerfile, development",
        "notes.yaml: skipped; not a known kind of file, or unreadable",
        "policy: .imglint.yaml",
    ]


def test_quiet_and_select_do_not_hide_unread_files(tmp_path: Path, imglint: Imglint) -> None:
    (tmp_path / "Dockerfile").write_bytes(b"FROM a\xff\n")
    outcome = imglint("--quiet", "--select", "latest-tag")
    assert outcome.status == 1
    assert outcome.out.startswith("Dockerfile:1:7: error unread-file: ")


def test_select_enables_a_rule_that_is_off(tmp_path: Path, imglint: Imglint) -> None:
    (tmp_path / "Dockerfile").write_text(GOOD)
    outcome = imglint("--select", "missing-digest")
    assert outcome.status == 1
    assert outcome.out.startswith("Dockerfile:1:6: warning missing-digest: ")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--select", "latest-tag"], 1),
        (["--select", "root-user"], 0),
        (["--ignore", "latest-tag"], 0),
        (["--exclude", "Docker*"], 0),
        (["--exclude", "/Dockerfile"], 0),
        (["--exclude", "docs/"], 1),
        (["--environment", "production"], 1),
        (["check"], 1),
        (["check", "."], 1),
        (["--", "Dockerfile"], 1),
    ],
)
def test_options_that_narrow_a_run(arguments: list[str], status: int, tree: Path, imglint: Imglint) -> None:
    assert imglint(*arguments).status == status


def test_folder_named_like_a_command(tree: Path, imglint: Imglint) -> None:
    (tree / "images").mkdir()
    (tree / "images" / "Dockerfile").write_text(ERROR)
    assert imglint("./images").out.startswith("./images/Dockerfile:1:6: error latest-tag")


def test_no_ignore_comments(tmp_path: Path, imglint: Imglint) -> None:
    (tmp_path / "Dockerfile").write_text(f"# imglint: ignore[latest-tag] the vendor publishes no other\n{ERROR}")
    assert imglint().status == 0
    assert imglint("--no-ignore-comments").status == 1


@pytest.mark.parametrize(
    ("name", "text", "out"),
    [
        ("api/Dockerfile", ERROR, "api/Dockerfile:1:6: error latest-tag: "),
        ("compose.yaml", "services: {web: {image: 'quay.io/a/b:latest'}}\n", "compose.yaml:1:38: error latest-tag: "),
        ("notes.txt", "FROM here on", ""),
        (None, ERROR, "-:1:6: error latest-tag: "),
    ],
)
def test_stdin_filename(name: str | None, text: str, out: str, tmp_path: Path) -> None:
    outcome = _from_stdin(text.encode(), tmp_path, *(["--stdin-filename", name] if name else []))
    assert outcome.stdout.startswith(out)
    assert (outcome.returncode, outcome.stderr) == (1 if out else 0, "")


def test_policy_applies_to_the_stdin_filename(tmp_path: Path) -> None:
    (tmp_path / ".imglint.yaml").write_text("environments: {development: [dev/], production: [prod/]}\nexclude: [vendor/]\n")
    assert _from_stdin(ERROR.encode(), tmp_path, "--stdin-filename", "dev/Dockerfile").returncode == 0
    assert _from_stdin(ERROR.encode(), tmp_path, "--stdin-filename", "prod/Dockerfile").returncode == 1
    assert _from_stdin(ERROR.encode(), tmp_path, "--stdin-filename", "vendor/Dockerfile").returncode == 0


def test_stdin_that_is_not_text(tmp_path: Path) -> None:
    outcome = _from_stdin(b"FROM a\xff", tmp_path, "--stdin-filename", "Dockerfile")
    assert outcome.returncode == 1
    assert outcome.stdout.startswith("Dockerfile:1:7: error unread-file: ")


@pytest.mark.parametrize("given", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {}])
def test_no_color_in_a_pipe(given: dict[str, str], tree: Path) -> None:
    outcome = subprocess.run([IMGLINT], cwd=tree, env={**os.environ, **given}, capture_output=True, check=False)
    assert b"\x1b" not in outcome.stdout
    assert (
        b"\x1b"
        in subprocess.run([IMGLINT, "--color"], cwd=tree, env={**os.environ, **given}, capture_output=True, check=False).stdout
    )


def test_python_m_imglint(tree: Path) -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "imglint", "--version"], cwd=tree, capture_output=True, text=True, check=False
    )
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "imglint 0.1.0\n", "")


def _from_stdin(data: bytes, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    outcome = subprocess.run([IMGLINT, "-", *arguments], cwd=folder, input=data, capture_output=True, check=False)
    return subprocess.CompletedProcess(outcome.args, outcome.returncode, outcome.stdout.decode(), outcome.stderr.decode())
