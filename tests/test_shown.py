"""What the formats for people show: levels, closing lines, counts by rule, and lines that fit the terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imglint.formats.text import LINE_MIN, excerpt
from imglint.printable import printable, short_digests

if TYPE_CHECKING:
    from tests.conftest import Imglint

IMGLINT = str(Path(sys.executable).parent / "imglint")
NOTE, WARNING, ERROR = "implicit-registry", "root-user", "latest-tag"
ALL = [NOTE, WARNING, ERROR]
NO_POLICY = "No policy found; run `imglint init` to write one from the images in use."
FOUND = "Found 1 error, 1 warning and 1 note in 1 file (2 images)."
FIXABLE = "1 finding can be fixed with `--fix --unsafe-fixes`"
NOTE_HIDDEN = "1 note not shown: 1 implicit-registry (show with `--min-level note`)"
DIGITS = "0123456789abcdef"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with a Dockerfile that has a note, a warning and an error."""
    (tmp_path / "Dockerfile").write_text("FROM alpine:3.20.1 AS a\nFROM quay.io/a/b:latest\nUSER root\n")
    return tmp_path


def rules_shown(out: str) -> list[str]:
    return sorted(re.findall(r"^Dockerfile:\d+:\d+: [a-z]+ ([a-z-]+): ", out, re.MULTILINE))


@pytest.mark.parametrize("form", ["text", "concise"])
@pytest.mark.parametrize(
    ("arguments", "shown", "hidden", "status"),
    [
        ([], [ERROR, WARNING], NOTE_HIDDEN, 1),
        (["--fail-on", "note"], ALL, None, 1),
        (["--fail-on", "warning"], [ERROR, WARNING], NOTE_HIDDEN, 1),
        (["--fail-on", "error"], [ERROR, WARNING], NOTE_HIDDEN, 1),
        (["--fail-on", "never"], [ERROR, WARNING], NOTE_HIDDEN, 0),
        (["--select", f"{NOTE},{WARNING},{ERROR}"], ALL, None, 1),
        (["--min-level", "note"], ALL, None, 1),
        (["--min-level", "warning", "--select", ",".join(ALL)], [ERROR, WARNING], NOTE_HIDDEN, 1),
        (
            ["--min-level", "error", "--fail-on", "note"],
            [ERROR],
            "1 warning and 1 note not shown: 1 implicit-registry, 1 root-user (show with `--min-level note`)",
            1,
        ),
        (
            ["--min-level", "error", "--ignore", NOTE],
            [ERROR],
            "1 warning not shown: 1 root-user (show with `--min-level warning`)",
            1,
        ),
    ],
)
def test_levels_that_are_shown(
    form: str, arguments: list[str], shown: list[str], hidden: str | None, status: int, tree: Path, imglint: Imglint
) -> None:
    outcome = imglint("--format", form, *arguments)
    assert (outcome.status, outcome.err) == (status, "")
    assert rules_shown(outcome.out) == sorted(shown)
    closing = [*([FIXABLE] if NOTE in shown else []), *([hidden] if hidden else []), NO_POLICY]
    assert outcome.out.splitlines()[-len(closing) - 1 : -1] == closing
    closing.append(outcome.out.splitlines()[-1])
    assert closing[-1].startswith("Found 1 error")
    quiet = imglint("--format", form, "-q", *arguments)
    assert quiet.out == "".join([line for line in outcome.out.splitlines(keepends=True) if line.strip() not in closing])


def test_the_policy_can_fail_on_notes(tree: Path, imglint: Imglint) -> None:
    (tree / ".imglint.yaml").write_text("fail-on: note\n")
    outcome = imglint()
    assert rules_shown(outcome.out) == sorted(ALL)
    assert NO_POLICY not in outcome.out


def test_the_policy_of_a_delegated_folder_can_fail_on_its_notes(tree: Path, imglint: Imglint) -> None:
    (tree / "sub").mkdir()
    (tree / "sub" / "Dockerfile").write_text("FROM alpine:3.20.1\nUSER 1\n")
    (tree / ".imglint.yaml").write_text("delegates: [sub/]\n")
    (tree / "sub" / ".imglint.yaml").write_text("fail-on: note\n")
    out = imglint("--format", "concise").out
    assert [line.split(" ")[2] for line in out.splitlines()[:-3]] == [f"{ERROR}:", f"{WARNING}:", f"{NOTE}:"]
    assert out.splitlines()[-4].startswith("sub/Dockerfile:1:6: ")
    assert out.splitlines()[-3:-1] == [FIXABLE, NOTE_HIDDEN]


def test_a_run_without_shown_findings_does_not_look_clean(tree: Path, imglint: Imglint) -> None:
    (tree / "Dockerfile").write_text("FROM alpine:3.20.1\nFROM redis:7.2\nUSER 1\n")
    hidden = "2 notes not shown: 2 implicit-registry (show with `--min-level note`)"
    assert imglint() == (0, f"{hidden}\n{NO_POLICY}\nFound 2 notes in 1 file (2 images).\n", "")
    assert imglint("--fail-on", "note", "--min-level", "error").status == 1


def test_a_run_without_findings_advises_nothing(tree: Path, imglint: Imglint) -> None:
    (tree / "Dockerfile").write_text("FROM quay.io/a/b:1.2.3\nUSER 1\n")
    assert imglint() == (0, "No findings in 1 file (1 image).\n", "")


@pytest.mark.parametrize(("lowest", "shown"), [(None, ALL), ("note", ALL), ("warning", [ERROR, WARNING]), ("error", [ERROR])])
def test_other_formats_contain_every_level_from_the_lowest(
    lowest: str | None, shown: list[str], tree: Path, imglint: Imglint
) -> None:
    arguments = ["--min-level", lowest] if lowest else []
    outcome = imglint("--format", "json", "--report", "github=github.txt", "--write-baseline", "b.json", "-q", *arguments)
    assert (outcome.status, json.loads(outcome.out)["findings"]) == (0, [])
    assert len(json.loads((tree / "b.json").read_text())["findings"]) == len(ALL)
    report = json.loads(imglint("--format", "json", "--report", "github=github.txt", *arguments).out)
    assert sorted(finding["rule"] for finding in report["findings"]) == sorted(shown)
    assert [report["summary"][level] for level in ("note", "warning", "error")] == [int(rule in shown) for rule in ALL]
    assert (tree / "github.txt").read_text().count("::") == 2 * len(shown)
    assert imglint("--format", "json", "--fail-on", "note", "--min-level", "error", "--ignore", f"{WARNING},{ERROR}").status == 1


def test_concise_prints_one_line_for_each_finding(tree: Path, imglint: Imglint) -> None:
    shown = [line for line in imglint("--min-level", "note").out.splitlines() if line.startswith("Dockerfile:")]
    assert imglint("--min-level", "note", "--format", "concise").out.splitlines() == [*shown, FIXABLE, NO_POLICY, FOUND]
    assert imglint("--format", "concise", "--color").out.startswith("\x1b[1mDockerfile:2:18:\x1b[0m \x1b[1;31merror\x1b[0m ")


@pytest.mark.parametrize("form", ["text", "concise"])
def test_statistics(form: str, tree: Path, imglint: Imglint) -> None:
    (tree / "more.dockerfile").write_text("FROM a:1 AS a\n" * 10 + "USER 1\n")
    table = " 1  error    latest-tag\n 1  warning  root-user\n11  note     implicit-registry\n"
    ends = f"{NO_POLICY}\nFound 1 error, 1 warning and 11 notes in 2 files (12 images).\n"
    assert imglint("--statistics", "--format", form) == (1, table + ends, "")
    assert imglint("--statistics", "-q", "--output", "out.yaml") == (1, "", "")
    assert (tree / "out.yaml").read_text() == table
    assert imglint("--statistics", "-o", "out.yaml").status == 1
    outcome = imglint("--statistics", "--min-level", "error", "--report", "json=out.json")
    assert outcome.out.startswith("1  error    latest-tag\n1 warning and 11 notes not shown: ")
    assert json.loads((tree / "out.json").read_text())["summary"]["error"] == 1
    assert "\x1b[1;33mwarning\x1b[0m  root-user\n" in imglint("--statistics", "--color").out


def test_statistics_are_text(tree: Path, imglint: Imglint) -> None:
    message = "imglint: --statistics prints text; use it with the format text or concise, not json\n"
    assert imglint("--statistics", "--format", "json") == (2, "", message)


def test_a_baseline_that_is_written_is_reported(tree: Path, imglint: Imglint) -> None:
    outcome = imglint("--write-baseline", "b.json", "--min-level", "error")
    assert (outcome.status, outcome.err) == (0, "wrote 3 findings to b.json\n")
    assert imglint("--write-baseline", "b.json", "-q").err == ""
    (tree / "Dockerfile").write_bytes(b"FROM quay.io/a/b:latest\nUSER 1\n# \xff")
    assert imglint("--write-baseline", "c.json").err == "wrote 0 findings to c.json\n"


def test_short_options(tree: Path, imglint: Imglint) -> None:
    assert imglint("-V") == imglint("--version")
    assert imglint("-v") == imglint("--verbose")
    assert imglint("-qo", "out.txt") == (1, "", "")
    assert (tree / "out.txt").read_text() == imglint("--quiet").out


@pytest.mark.parametrize("argument", ["-v", "-oout", "-qv", "-V"])
def test_a_file_named_like_a_short_option_is_an_error(argument: str, tree: Path, imglint: Imglint) -> None:
    (tree / argument).write_text("")
    message = f"imglint: `{argument}` is an option and the name of a file; write `./{argument}` for the file, or rename it\n"
    assert imglint(argument, "Dockerfile") == (2, "", message)


@pytest.mark.parametrize(
    ("arguments", "ignored"),
    [
        (["--ignore", f"{NOTE},{ERROR}"], [NOTE, ERROR]),
        (["--ignore", f"{NOTE}, {ERROR}", "--ignore", WARNING], ALL),
        (["--select", f"{WARNING},{ERROR}", "--ignore", ERROR], [NOTE, ERROR]),
    ],
)
def test_lists_of_rules(arguments: list[str], ignored: list[str], tree: Path, imglint: Imglint) -> None:
    assert rules_shown(imglint("--min-level", "note", *arguments).out) == sorted(set(ALL) - set(ignored))


@pytest.mark.parametrize("value", ["", ",", f"{NOTE},", f"{NOTE},,{ERROR}"])
def test_an_empty_name_in_a_list_is_an_error(value: str, tree: Path, imglint: Imglint) -> None:
    outcome = imglint("--select", value)
    assert (outcome.status, outcome.out) == (2, "")
    assert "expected rules separated by commas, such as latest-tag,root-user" in outcome.err


COLORED = {"FORCE_COLOR=1": True, "FORCE_COLOR=1 TERM=dumb": True, "FORCE_COLOR=": False, "FORCE_COLOR=1 NO_COLOR=1": False}


@pytest.mark.parametrize(("given", "colored"), COLORED.items())
def test_color_in_a_pipe(given: str, colored: bool, tree: Path, imglint: Imglint, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, _, value in (setting.partition("=") for setting in given.split()):
        monkeypatch.setenv(name, value)
    assert ("\x1b" in imglint().out) is colored
    assert "\x1b" not in imglint("--no-color").out
    assert "\x1b" in imglint("--color").out
    imglint("--output", "out.txt")
    assert "\x1b" not in (tree / "out.txt").read_text()


def on_terminal(folder: Path, columns: int, **environment: str) -> str:
    """Run imglint on a terminal of a width, and return its output."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1", **environment}
    done = subprocess.Popen([IMGLINT], cwd=folder, stdout=theirs, stderr=subprocess.DEVNULL, env=environment)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # Linux raises this when the other end is closed.
        pass
    os.close(ours)
    done.wait()
    return shown.decode()


@pytest.mark.parametrize(
    ("columns", "environment", "widest"),
    [
        (80, {}, 80),
        (150, {}, 150),
        (10, {}, 8 + LINE_MIN),
        (0, {}, 128),
        (80, {"COLUMNS": "100"}, 100),
        (80, {"COLUMNS": "x"}, 80),
    ],
)
def test_source_lines_fit_the_terminal(columns: int, environment: dict[str, str], widest: int, tree: Path) -> None:
    environment = {"COLUMNS": "", **environment}
    image, more = f"quay.io/{'a' * 90}:latest", "x" * 200
    (tree / "pod.yaml").write_text(f"kind: Pod\napiVersion: v1\nspec: {{containers: [{{image: '{image}', args: [{more}]}}]}}\n")
    lines = on_terminal(tree, columns, **environment).splitlines()
    framed = [len(line) for line in lines if re.match(r" +\d* \| ", line)]
    assert framed
    assert widest - 3 <= max(framed) <= widest


@given(
    st.text(st.sampled_from("aa  \t\u4e2d\u0301\u202e"), max_size=80),
    st.integers(0, 90),
    st.integers(0, 90),
    st.integers(LINE_MIN, 60),
)
def test_an_excerpt_fits_and_marks_what_it_shows(line: str, start: int, end: int, room: int) -> None:
    shown, before, marked = excerpt(line, start, end, room)
    columns, wanted = _columns(shown), _columns(printable(line[start:end].replace("\t", "    ")))
    assert len(columns) <= room
    assert not wanted or wanted.startswith(columns[before:][:marked])


def _columns(text: str) -> str:
    """Return text with each character as often as it has columns."""
    return text.replace("\u4e2d", "\u4e2d\u4e2d").replace("\u0301", "")


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("a@sha256:" + DIGITS * 4 + " b", "a@sha256:0123456789ab... b"),
        (f"sha512:{DIGITS * 8}, sha384:{DIGITS * 6}", "sha512:0123456789ab..., sha384:0123456789ab..."),
        ("sha256:" + DIGITS * 3, "sha256:" + DIGITS * 3),
        ("md5:" + DIGITS * 4, "md5:" + DIGITS * 4),
        ("write `sha256:` and 64 digits", "write `sha256:` and 64 digits"),
    ],
)
def test_messages_shorten_digests(text: str, short: str) -> None:
    assert short_digests(text) == short


def test_messages_of_all_formats_shorten_digests(tree: Path, imglint: Imglint) -> None:
    (tree / "Dockerfile").write_text(f"FROM quay.io/a/b:1@sha256:{DIGITS * 4}\nUSER 1\n")
    (tree / ".imglint.yaml").write_text(f"images: [{{match: 'ghcr.io/a/b@sha256:{DIGITS * 4}'}}]\n")
    for form in ("text", "concise", "json", "github"):
        out = imglint("--format", form, "--no-color").out
        assert "did you mean ghcr.io/a/b@sha256:0123456789ab..." in out
    [finding] = json.loads(imglint("--format", "json").out)["findings"]
    assert finding["text"].endswith(DIGITS * 4)


@pytest.mark.parametrize("word", ["chekc", "rule", "image", "expalin", "Check"])
def test_a_word_near_a_command(word: str, tree: Path, imglint: Imglint) -> None:
    close = {"chekc": "check", "rule": "rules", "image": "images", "expalin": "explain", "Check": "check"}[word]
    message = f"imglint: {word}: no such file or folder; did you mean the command `{close}`?\n"
    assert imglint(word) == imglint("-q", word) == (2, "", message)
    (tree / word).mkdir()
    assert imglint(word).status == 0


@pytest.mark.parametrize("word", ["lint", "scan", "deploy", "src/check", "./rule", "checks.yaml"])
def test_a_word_that_is_no_command(word: str, tree: Path, imglint: Imglint) -> None:
    assert imglint(word) == (2, "", f"imglint: {word}: no such file or folder\n")


def test_a_command_after_an_option(tree: Path, imglint: Imglint) -> None:
    message = "imglint: images: no such file or folder; did you mean the command `images`?\n"
    assert imglint("--quiet", "images") == (2, "", message)


@pytest.mark.parametrize("command", [[], ["images"], ["explain", "Dockerfile"]])
@pytest.mark.parametrize("name", ["prod", "prd", "live", "PROD", ""])
def test_an_environment_that_means_production(command: list[str], name: str, tree: Path, imglint: Imglint) -> None:
    advice = "did you mean `production`?" if name else "known environments: ci, production"
    message = f"imglint: unknown environment `{name}`; {advice}\n"
    assert imglint(*command, "--environment", name) == (2, "", message)
    (tree / ".imglint.yaml").write_text("environments: {staging: [deploy/]}\n")
    assert imglint(*command, "--environment", name).status == 2
    assert imglint(*command, "--environment", "production").status == (0 if command else 1)


def test_any_other_environment_is_valid_without_a_policy(tree: Path, imglint: Imglint) -> None:
    assert rules_shown(imglint("--environment", "test").out) == [WARNING]
