"""The Dockerfile scanner reads as BuildKit's own parser does."""

from __future__ import annotations

from hashlib import sha256
from itertools import count
from pathlib import Path

import dockerfile
import pytest
from fuzz.buildkit import KEYWORDS, SPACES, TOKENS, difference, generate

from imglint.dockerfile.heredocs import find_heredocs
from imglint.dockerfile.instructions import LATEST_RELEASE, parse_dockerfile
from imglint.source import UnreadFile, read_text

ROOT = Path(__file__).parent.parent
FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("fixtures", "examples")
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and ("ockerfile" in path.name or "ontainerfile" in path.name) and path.suffix not in (".json", ".py")
)


@pytest.mark.parametrize("seed", range(6))
def test_generated_dockerfiles_are_read_as_by_buildkit(seed: int) -> None:
    choices = (byte for block in count() for byte in sha256(f"{seed} {block}".encode()).digest())
    for _ in range(1000):
        text = generate(lambda size: next(choices) % size)
        assert difference(text) is None, text


def test_every_token_and_space_is_read_as_by_buildkit() -> None:
    for keyword in KEYWORDS:
        for token in TOKENS:
            for space in (*SPACES, "\n"):
                text = f"{keyword} {token}{space}--from=a {token}\nEOF\n"
                assert difference(text) is None, text


@pytest.mark.parametrize("path", FILES)
def test_files_are_read_as_by_buildkit(path: str) -> None:
    try:
        text = read_text(str(ROOT / path))
    except UnreadFile:
        return
    assert difference(text) is None


def test_differences_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.buildkit.RELEASE", LATEST_RELEASE)
    assert difference("RUN cat << EOF\nRUN x\nEOF\n") is not None
    assert difference("# check=a\n# escape=`\nRUN x `\nRUN y\n") is not None
    assert difference('RUN ["a"] <<EOF\nRUN x\nEOF\n') is not None


@pytest.mark.parametrize("size", [65_535, 65_536])
@pytest.mark.parametrize(
    ("start", "end"), [("RUN ", ""), ("RUN ", "\n"), ("RUN x\n# ", "\n"), ("RUN é", "\r\n"), ("RUN <<A\n", "\nA\n")]
)
def test_buildkit_rejects_the_lines_that_are_over_the_limit(size: int, start: str, end: str) -> None:
    head = start.rpartition("\n")[2]
    text = start + "x" * (size - len(head.encode()) - end.startswith("\r")) + end
    if size > 65_535:
        with pytest.raises(dockerfile.GoParseError):
            dockerfile.parse_string(text)
    else:
        assert dockerfile.parse_string(text)
    assert (parse_dockerfile(text).unread is not None) == (size > 65_535)


@pytest.mark.parametrize(
    ("text", "names", "changes"),
    [
        ("RUN cat <<EOF", ["EOF"], []),
        ("RUN cat << EOF", ["EOF"], [22]),
        ("RUN cat <<\t\r EOF", ["EOF"], [22]),
        ("RUN cat <<- EOF", [], []),
        ("RUN cat <<-EOF <<'A B'", ["EOF", "A B"], []),
        ("RUN cat << EOF << 'A B'", ["EOF", "A B"], [22]),
        ("RUN x${A:-b}<<EOF", [], [15]),
        ("RUN <<E${A:-b}", [], [15]),
        ('RUN <<"E${A:-b}"', [], [15]),
        ("RUN ${A:-b <<EOF }", ["EOF"], []),
        ("RUN ${A:=b} <<EOF", ["EOF"], []),
        ("RUN ${A#b} <<EOF", ["EOF"], [13]),
        ("RUN ${A%%b} <<EOF", ["EOF"], [13]),
        ("RUN ${A/b/c} <<EOF", ["EOF"], [13]),
        ("RUN ${A//b/c} <<EOF", ["EOF"], [13]),
        ("RUN ${A/b} <<EOF", [], [13]),
        ("RUN ${A:#b} <<EOF", [], [13]),
        ("RUN ${#A} <<EOF", [], []),
        ("RUN ${A,,} <<EOF", [], []),
        ("RUN 'a <<EOF", [], []),
        ("RUN <<\ufeffEOF", ["EOF"], []),
    ],
)
def test_heredocs_of_the_latest_release(text: str, names: list[str], changes: list[int]) -> None:
    noted: set[int] = set()
    assert [name for name, _, _ in find_heredocs(text, LATEST_RELEASE, noted.add)] == names
    assert sorted(noted) == changes
