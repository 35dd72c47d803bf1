"""No Dockerfile hides an image: what BuildKit takes is listed at its place, or the file is reported with an error.

EVIL is the image to find. Each trick is a Dockerfile from which BuildKit takes it, and a control is a similar one from which it does not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import dockerfile
import pytest

if TYPE_CHECKING:
    from tests.conftest import Imglint

EVIL = "evil.example/x:1"
LISTED, UNREAD, SYNTAX = "listed", "unread-file", "syntax-error"
ALL, LATER, EARLIER = "all", "later", "earlier"
"""The releases of BuildKit that take the image: all, those after v0.12 (which the package contains), or only earlier than the latest."""

TRICKS: dict[str, tuple[str, str, str, str]] = {
    # What the run does, which releases take the image, the Dockerfile, the control.
    "rejected line opens no heredoc": (LISTED, ALL, "FROM a:1\nRUN ${#PATH} <<EOF\nFROM @\n", "FROM a:1\nRUN ${PATH} <<EOF\nFROM @\nEOF\n"),
    "open brace opens no heredoc": (LISTED, ALL, "FROM a:1\nRUN ${ 3<<EOF\nFROM @\n", "FROM a:1\nRUN { 3<<EOF\nFROM @\nEOF\n"),
    "unclosed quote opens no heredoc": (LISTED, ALL, "FROM a:1\nRUN don't <<EOF\nFROM @\n", "FROM a:1\nRUN do <<EOF\nFROM @\nEOF\n"),
    "heredoc in a default": (LISTED, ALL, "FROM a:1\nRUN ${A:- <<E}\nE}\nFROM @\n", "FROM a:1\nRUN ${A:- <<E}\nFROM @\nE}\n"),
    "heredoc name with a byte order mark": (LISTED, ALL, "FROM a:1\nRUN <<\ufeffE\nE\nFROM @\n", "FROM a:1\nRUN <<\ufeffE\nFROM @\nE\n"),
    "space is not white space for Python": (LISTED, ALL, "FROM a:1\n\xa0FROM @\n", "FROM a:1\n# \xa0FROM @\n"),
    "white space for Python only": (LISTED, ALL, "FROM a:1\nRUN x\\\n\x1c\nFROM @\n", "FROM a:1\nRUN x\\\n\xa0\nFROM @\n"),
    "comment behind white space for Python only": (LISTED, ALL, "FROM a:1\nRUN x\\\n\x1c#\nFROM @\n", "FROM a:1\nRUN x\\\n\xa0#\nFROM @\n"),
    "space before the image": (LISTED, ALL, "FROM \xa0@\n", "FROM b:1\n"),
    "space after the image": (LISTED, ALL, "FROM @\u3000\n", "FROM b:1\n"),
    "byte order mark before the image": (LISTED, ALL, "FROM \ufeff@\n", "FROM b:1\n"),
    "byte order mark as a value": (LISTED, ALL, "ARG A=\ufeff\nFROM ${A:-@}\n", "ARG A=b:1\nFROM ${A:-@}\n"),
    "character ends a flag": (LISTED, ALL, "FROM a:1\nCOPY --chown=\xe0--from=@ b c\n", "FROM a:1\nCOPY --chown=\xe1--from=@ b c\n"),
    "long character ends a flag": (LISTED, ALL, "FROM a:1\nCOPY --chown=\u2145 --from=@ b c\n", "FROM a:1\nCOPY --chown=x\\ --from=@ b c\n"),
    "quoted flag": (LISTED, ALL, 'FROM a:1\nCOPY --"from=@" b c\n', 'FROM a:1\nCOPY "--from=@" b c\n'),
    "escaped flag": (LISTED, ALL, "FROM a:1\nCOPY --fr\\om=@ b c\n", "FROM a:1\nCOPY -\\-from=@ b c\n"),
    "long flag with quotes": (UNREAD, ALL, "FROM a:1\nCOPY --\"from=@" + '"' * 5001 + " b c\n", "FROM a:1\nCOPY --from=b:1 b c\n"),
    "flag of many pieces": (UNREAD, ALL, "FROM a:1\nCOPY --from=" + "''".join(f"evil.example/{'x' * 70}:1") + " b c\n",
        "FROM a:1\nCOPY --from=b:1 b c\n"),
    "quoted terminator of flags": (LISTED, ALL, 'FROM a:1\nONBUILD --"" COPY --from=@ b c\n', "FROM a:1\nONBUILD COPY --from=b:1 b c\n"),
    "keyword in another alphabet": (LISTED, ALL, "FROM a:1\nONBU\u0130LD COPY --from=@ b c\n", "FROM a:1\nONBUILD COPY --from=b:1 b c\n"),
    "as in another alphabet": (LISTED, ALL, "FROM @ A\u017f b\nFROM b\n", "FROM c:1 AS b\nFROM b\n"),
    "stage name with a variable": (SYNTAX, ALL, "ARG N=b\nFROM @ AS $N\n", "ARG N=b\nFROM b:1 AS n\n"),
    "long value": (UNREAD, ALL, f"ARG A={'x' * 1100}\nFROM ${{A:+@}}\n", "ARG A=x\nFROM ${A:+b:1}\n"),
    "long word": (UNREAD, ALL, f"FROM ${{A:-@{'$B' * 600}}}\n", "FROM ${A:-b:1}\n"),
    "many pieces": (UNREAD, ALL, f"ARG E=x\nFROM evil.example/{'$E' * 70}:1\n", "ARG E=x\nFROM b/$E$E:1\n"),
    "chain of arguments": (UNREAD, ALL, "ARG A0=@\n" + "".join([f"ARG A{at + 1}=$A{at}\n" for at in range(70)]) + "FROM $A70\n", "FROM b:1\n"),
    "many levels": (UNREAD, ALL, f"FROM {'${A:-' * 40}@{'}' * 40}\n", "FROM b:1\n"),
    "long pattern": (UNREAD, LATER, f"ARG A=@y\nFROM ${{A%{'*' * 200}y}}\n", "ARG A=by\nFROM ${A%y}\n"),
    "replacement with groups": (UNREAD, LATER, "ARG A=evil.example/x:1\nFROM ${A//q/\\$1}\n", "ARG A=b\nFROM ${A//q/1}\n"),
    "replacement of nothing": (LISTED, LATER, 'ARG A=example/x:1\nFROM ${A/""/evil.}\n', 'ARG A=x:1\nFROM ${A/""/b}\n'),
    "escape in a pattern": (LISTED, LATER, "ARG A=@*\nFROM ${A%\\*}\n", "ARG A=b*\nFROM ${A%\\*}\n"),
    "undeclared variable in a name": (LISTED, ALL, "FROM ${NOPE}@\n", "FROM ${NOPE}b:1\n"),
    "undeclared variable in a tag": (LISTED, ALL, "FROM @${NOPE}\n", "FROM b:1${NOPE}\n"),
    "line over the limit": (UNREAD, ALL, f"FROM a:1\n#{'x' * 65_600}\nFROM @\n", "FROM a:1\n#\nFROM b:1\n"),
    "heredoc of later releases": (LISTED, EARLIER, 'FROM a:1\nRUN x << "USER 1"\nFROM @\nUSER 1\n', "FROM a:1\nRUN x << EOF\nFROM @\nEOF\n"),
    "exec form of earlier releases": (LISTED, EARLIER, 'FROM a:1\nRUN ["x"] <<"USER 1"\nFROM @\nUSER 1\n', 'FROM a:1\nRUN ["x"] <<EOF\nFROM @\nEOF\n'),
    "pattern before a heredoc": (LISTED, EARLIER, 'FROM a:1\nRUN ${A#x} <<"USER 1"\nFROM @\nUSER 1\n', "FROM a:1\nRUN ${A#x} <<EOF\nFROM @\nEOF\n"),
    "name that later releases lose": (LISTED, LATER, "FROM a:1\nRUN <<${A:-b}\nFROM @\nRUN x\n", "FROM a:1\nRUN <<b\nFROM @\nb\n"),
    "escape after a check": (LISTED, EARLIER, "# check=skip=all\n# escape=`\nFROM a:1\nRUN x `\nFROM @\n",
        "# check=skip=all\nFROM a:1\nRUN x \\\nFROM @\n"),
    "escape behind another space": (LISTED, EARLIER, "#\xa0escape=`\nFROM a:1\nRUN x `\nFROM @\n", "# escape=`\nFROM a:1\nRUN x `\nFROM @\n"),
    "escape in a flag": (LISTED, EARLIER, "# escape=`\nFROM a:1\nCOPY --chown=x` --from=@ b c\n", "FROM a:1\nCOPY --chown=x\\ --from=@ b c\n"),
}  # fmt: skip


def taken(text: str) -> list[str]:
    """Return the images that the release of BuildKit in the package takes from a Dockerfile without variables."""
    found = []
    try:
        commands = dockerfile.parse_string(text)
    except dockerfile.GoParseError:
        return []
    for command in commands:
        found += list(command.value[:1]) if command.cmd.lower() == "from" else []
        found += [flag.rpartition("from=")[2] for flag in command.flags]
    return found


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_hides_an_image(trick: str, imglint: Imglint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome, releases, text, control = TRICKS[trick]
    text, control = text.replace("@", EVIL), control.replace("@", EVIL)
    assert EVIL not in listed(imglint, control)
    assert "evil" not in json.dumps(findings(imglint, control))
    expands = any("$" in line for line in text.split("\n") if line.startswith(("FROM", "ARG")))
    if outcome == LISTED and not expands and "\ufeff@" not in TRICKS[trick][2] and "ONBU" not in text:
        assert (EVIL in taken(text)) == (releases != LATER)
    if outcome == LISTED:
        assert EVIL in listed(imglint, text)
    else:
        assert outcome in [finding["rule"] for finding in findings(imglint, text)]
        assert imglint("Dockerfile").status == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # A mount has no stage numbers, and TARGETVARIANT and V can be empty.
        ("FROM a:1\nRUN --mount=from=0 x\n", ["a:1", "0"]),
        ("FROM a:1 AS b\nRUN --mount=from=b x\n", ["a:1"]),
        ("ARG V\nFROM a:1 AS evil-x\nFROM evil${V}\n", ["a:1", None]),
        ("FROM a:1 AS evil-x\nFROM evil${TARGETVARIANT}\n", ["a:1", None]),
        ("FROM a:1 AS evil-x\nFROM evil-${TARGETARCH}\n", ["a:1"]),
        ("ARG V\nFROM a:1 AS evil-x\nFROM evil-${V}\n", ["a:1"]),
    ],
)
def test_name_that_is_no_stage_is_an_image(
    text: str, expected: list[str | None], imglint: Imglint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert listed(imglint, text) == expected


def listed(imglint: Imglint, text: str) -> list[str | None]:
    """Return the references of the images in a Dockerfile, each of which is at its place."""
    Path("Dockerfile").write_text(text, encoding="utf-8", newline="")
    found = json.loads(imglint("images", "--format", "json", "Dockerfile").out)
    lines = text.split("\n")
    for use in found:
        assert use["end_line"] > use["line"] or lines[use["line"] - 1][use["column"] - 1 : use["end_column"] - 1] == use["text"]
    return [use["reference"] for use in found]


def findings(imglint: Imglint, text: str) -> list[dict[str, object]]:
    Path("Dockerfile").write_text(text, encoding="utf-8", newline="")
    found: list[dict[str, object]] = json.loads(imglint("Dockerfile", "--format", "json").out)["findings"]
    return found
