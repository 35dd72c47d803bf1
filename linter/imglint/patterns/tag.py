"""Tag patterns: `tags` and `forbidden-tags` of a policy. Imports the matcher.

A pattern is literal text, `*` and placeholders such as `{major}`, as registry strategies write them.
"""

from __future__ import annotations

import re
import string

from imglint.patterns.matcher import Automaton, InvalidPattern, check_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SHA_MIN, SHA_MAX = 6, 40
"""Hexadecimal digits of a commit: the fewest that `{sha}` accepts, and all of them."""

_DIGITS = frozenset(string.digits)
_LETTERS = frozenset(string.ascii_letters)
_NAME = _LETTERS | _DIGITS | {"-"}
_TAG = _NAME | {"_", "."}
_HEX_LETTERS = frozenset("abcdefABCDEF")
_TOKEN = re.compile(r"\{([^{}]*)\}|(\*)|(.)", re.DOTALL)


class TagPattern:
    """One pattern for tags. `text` is the pattern as the policy has it."""

    __slots__ = ("_automaton", "text")

    def __init__(self, text: str) -> None:
        """Read a pattern. Raises InvalidPattern if it is empty, too long, or has an unknown placeholder or a character that no tag has."""
        if not text:
            raise InvalidPattern("empty pattern; `*` matches every tag", 0, 0)
        check_length(text)
        self.text = text
        self._automaton = Automaton()
        end = 0
        for match in _TOKEN.finditer(text):
            placeholder, star, literal = match.groups()
            if star:
                end = _any_number(self._automaton, end, _TAG)
            elif placeholder is not None:
                end = _placeholder(placeholder, match)(self._automaton, end)
            elif literal in _TAG:
                end = self._automaton.step(end, literal)
            else:
                raise InvalidPattern(_invalid_character(literal), match.start(), match.end())
        self._automaton.end = end

    def fits(self, tag: str) -> bool:
        """Return whether the pattern matches the whole tag. Takes time proportional to the length of the tag."""
        return self._automaton.fits(tag)


def _any_number(automaton: Automaton, start: int, characters: frozenset[str]) -> int:
    """Add any number of the characters, none included."""
    return automaton.step(start, characters, start)


def _number(automaton: Automaton, start: int) -> int:
    """Add a number without leading zeros."""
    end = automaton.step(start, "0")
    digits = _any_number(automaton, automaton.step(start, _DIGITS - {"0"}), _DIGITS)
    return automaton.skip(digits, end)


def _name(automaton: Automaton, start: int) -> int:
    """Add letters, digits and dashes, at least one."""
    return _any_number(automaton, automaton.step(start, _NAME), _NAME)


def _branch(automaton: Automaton, start: int) -> int:
    """Add a branch name as it appears in a tag: the characters of a tag, without a dot or dash in front."""
    return _any_number(automaton, automaton.step(start, _TAG - {".", "-"}), _TAG)


def _date(automaton: Automaton, start: int) -> int:
    """Add year, month and day as yyyymmdd; every month may have 31 days."""
    for _ in range(4):
        start = automaton.step(start, _DIGITS)
    zero, one = automaton.step(start, "0"), automaton.step(start, "1")
    month = automaton.step(zero, _DIGITS - {"0"})
    automaton.step(one, "012", month)
    zero, tens, thirty = automaton.step(month, "0"), automaton.step(month, "12"), automaton.step(month, "3")
    day = automaton.step(zero, _DIGITS - {"0"})
    automaton.step(tens, _DIGITS, day)
    return automaton.step(thirty, "01", day)


def _sha(automaton: Automaton, start: int) -> int:
    """Add the hexadecimal digits of a commit. A short one needs a decimal digit, so that words such as `decade` are no commits."""
    letters, mixed, end = start, start, automaton.state()
    for length in range(1, SHA_MAX + 1):
        after = automaton.step(letters, _DIGITS)
        if length > 1:
            automaton.step(mixed, _DIGITS | _HEX_LETTERS, after)
        letters, mixed = automaton.step(letters, _HEX_LETTERS), after
        if length >= SHA_MIN:
            automaton.skip(mixed, end)
    return automaton.skip(letters, end)


def _prerelease(automaton: Automaton, start: int) -> int:
    """Add the prerelease of a semantic version: identifiers between dots, numeric ones without leading zeros (semver.org, item 9)."""
    start = automaton.skip(start)
    number = _number(automaton, start)
    digits = _any_number(automaton, automaton.skip(start), _DIGITS)
    name = _any_number(automaton, automaton.step(digits, _NAME - _DIGITS), _NAME)
    end = automaton.skip(number)
    automaton.skip(name, end)
    automaton.skip(automaton.step(end, "."), start)
    return end


def _semver(automaton: Automaton, start: int) -> int:
    """Add a semantic version (semver.org) without build metadata: a tag cannot contain the plus sign."""
    minor = _number(automaton, automaton.step(_number(automaton, start), "."))
    patch = _number(automaton, automaton.step(minor, "."))
    prerelease = _prerelease(automaton, automaton.step(patch, "-"))
    return automaton.skip(patch, automaton.skip(prerelease))


PLACEHOLDERS: dict[str, Callable[[Automaton, int], int]] = {
    "major": _number,
    "minor": _number,
    "patch": _number,
    "n": _number,
    "semver": _semver,
    "prerelease": _prerelease,
    "sha": _sha,
    "date": _date,
    "branch": _branch,
    "name": _name,
}
"""The placeholders by name. Each adds its states to an automaton, from the state given to the state returned."""


def _placeholder(name: str, match: re.Match[str]) -> Callable[[Automaton, int], int]:
    if name not in PLACEHOLDERS:
        from imglint.spelling import closest

        close = closest(name, PLACEHOLDERS)
        hint = f"; did you mean `{{{close}}}`?" if close else ""
        raise InvalidPattern(f"unknown placeholder `{match[0]}`{hint}", match.start(), match.end())
    return PLACEHOLDERS[name]


def _invalid_character(character: str) -> str:
    if character in "{}":
        return f"unbalanced `{character}`; write placeholders as `{{major}}`"
    return f"{character!r} is not allowed in a tag"
