"""A walk skips the files that Git ignores, for every .gitignore, in bounded time."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from imglint.engine.discover import Found, WalkError, discover
from imglint.engine.gitignore import PATTERNS_MAX, GitIgnore, lines_of
from imglint.patterns.matcher import PATTERN_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = [
    "a",
    "b",
    "ab.c",
    "a.b",
    "#a",
    "!a",
    "a b",
    "b ",
    "[a",
    "a\\b",
    "é",
    "d/a",
    "d/b",
    "d/ab.c",
    "d/e/a",
    "d/e/b",
    "a.d/a",
    "a.d/d/e/a",
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, git: Callable[..., None]) -> Path:
    root = tmp_path_factory.mktemp("tree")
    git(root, "init", "--quiet")
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    return root


def listed_by_git(root: Path) -> set[str]:
    command = ["git", "-c", "core.excludesFile=", "ls-files", "-z", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout.decode().split("\0")
    return {name for name in listed if name and not name.endswith(".gitignore")}


def walked(root: Path) -> set[str]:
    entries = list(discover([str(root)], lambda path: not path.endswith(".gitignore"), lambda _path, _is_folder: False))
    assert all(isinstance(entry, Found) for entry in entries)
    return {str(Path(entry.path).relative_to(root)) for entry in entries}


PIECES = st.sampled_from(
    [*"ab/*?!#\\[]^-. ", "**", "**/", "/**", "d", "e", "a.d", "[a-c]", "[!a]", "[[:alpha:]]", "é", "  ", "\t", "\r"]
)
UNDEFINED = re.compile(r"[^/]\*\*+(?:\\?/|$)")
"""Git's result for these patterns depends on its memory layout, because it compares pointers to different strings."""
LINES = st.lists(st.lists(PIECES, min_size=1, max_size=5).map("".join), max_size=5).map("\n".join)


@settings(max_examples=150)
@given(LINES, st.just("") | LINES)
@example("a\n!a", "")
@example("d/\n!d/a", "")
@example("/a\nd/b\n", "!a\n")
@example("*\n!d/\n!d/a", "")
@example("**/a\n!/d/**", "")
@example("d/**\n!d/e/", "")
@example("d//a\n./a\n//a", "")
@example("a\\\n[a\n[[:none:]]\n!\n/\n", "")
@example("b \na\\ b\n\\#a\n\\!a", "")
@example("a.d/*/\n#a", "b")
@example("a\r\nb\r\n", "")
@example("\ufeffa", "")
@example("**\\/**", "")
@example("d/**\\/a\n**\\/b", "***\\/a")
@example("[b-[!a]", "")
def test_git_ignores_the_same(tree: Path, top: str, nested: str) -> None:
    assume(not any(UNDEFINED.search(line.removeprefix("!")) for line in (top + "\n" + nested).split("\n")))
    (tree / ".gitignore").write_text(top, newline="")
    (tree / "d" / ".gitignore").write_text(nested, newline="")
    assert walked(tree) == listed_by_git(tree)


# lines, path, whether it is a folder, what Git decides; None if no line matches
RESULTS: list[tuple[list[str], str, bool, bool | None]] = [
    ([], "a", False, None),
    (["b"], "a", False, None),
    (["a"], "a", False, True),
    (["a"], "d/a", True, True),
    (["!a"], "a", False, False),
    (["a", "!a"], "a", False, False),
    (["!a", "a"], "a", False, True),
    (["#a", "", "!"], "#a", False, None),
    (["\\#a"], "#a", False, True),
    (["*", "!#a*"], "#ab", False, False),
    (["*", "!#a*"], "ab", False, True),
    (["a  "], "a", False, True),
    (["a\t"], "a", False, None),
    (["a\t"], "a\t", False, True),
    ([" a"], " a", False, True),
    ([" a"], "a", False, None),
    (["aX"], "aX", False, True),
    (["aX"], "a", False, None),
    (["d/"], "d", True, True),
    (["d/"], "d", False, None),
    (["d/ "], "d", True, True),
    (["d/ "], "d", False, None),
    (["d/", "!d"], "d", True, False),
    (["!d", "d/"], "d", True, True),
    (["d*/"], "de", True, True),
    (["d*/"], "de", False, None),
    (["a*", "b"], "b", False, True),
    (["a*", "!ab"], "ab", False, False),
    (["!ab", "a*"], "ab", False, True),
    (["ab", "!a*"], "ab", False, False),
    (["/a"], "a", False, True),
    (["/a"], "d/a", False, None),
    (["é*"], "éa", False, True),
    (["é"], "é", False, True),
]


@pytest.mark.parametrize(("lines", "path", "is_folder", "expected"), RESULTS)
def test_last_matching_line_decides(lines: list[str], path: str, is_folder: bool, expected: bool | None) -> None:
    assert GitIgnore(lines_of("\n".join(lines).encode())).ignores(path, is_folder) is expected


def test_plain_names_are_not_compared_one_by_one() -> None:
    assert GitIgnore(["a", "d/", "!b", "#c*", "", "a b "]).patterns == 0
    assert GitIgnore(["a*", "/a", "a/b", "!a?", "[a]", "\\a"]).patterns == 6


def test_pattern_that_is_not_utf_8(tree: Path) -> None:
    (tree / ".gitignore").write_bytes(b"\xe9\n")
    odd = Path(str(tree / "\udce9"))
    odd.write_text("")
    try:
        assert walked(tree) == listed_by_git(tree)
        assert "\udce9" not in walked(tree)
    finally:
        odd.unlink()


@pytest.mark.parametrize("entered", ["d", "d/e"])
def test_ignored_folder_that_is_named_is_not_walked(tree: Path, entered: str) -> None:
    (tree / "d" / ".gitignore").write_text("")
    (tree / ".gitignore").write_text("d/\n")
    assert walked(tree / entered) == set()


def test_limit_of_patterns_that_apply(tmp_path: Path) -> None:
    def not_applied(count: int) -> list[str]:
        (tmp_path / ".gitignore").write_text("a*b\n" * count + "x\n" * PATTERNS_MAX)
        entries = discover([str(tmp_path)], lambda _path: False, lambda _path, _is_folder: False)
        return [Path(entry.path).name for entry in entries if isinstance(entry, WalkError)]

    assert not_applied(PATTERNS_MAX) == []
    assert not_applied(PATTERNS_MAX + 1) == [".gitignore"]


def test_limit_of_a_pattern() -> None:
    accepted, refused = GitIgnore(["*" + "a" * (PATTERN_MAX - 1)]), GitIgnore(["*" + "a" * PATTERN_MAX, "*"])
    assert (accepted.patterns, accepted.too_long) == (1, False)
    assert (refused.patterns, refused.too_long) == (1, True)


def test_lines_are_split_as_in_git() -> None:
    assert lines_of(b"\xef\xbb\xbfa\r\nb\x0cc\nd") == ["a", "b\x0cc", "d"]
