"""Tag patterns: what a policy's `tags` and `forbidden-tags` say. Imports globs for their errors.

A pattern is literal text, `*` and placeholders, as registry documents write them. It becomes an automaton that takes one step for each
character of a tag, whatever the pattern says: the set of states that the text so far can have led to.
"""

from __future__ import annotations

import re
import string

from imglint.patterns.globs import InvalidPattern, check_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SHA_MIN, SHA_MAX = 6, 40

_DIGITS = frozenset(string.digits)
_LETTERS = frozenset(string.ascii_letters)
_NAME = _LETTERS | _DIGITS | {"-"}
_TAG = _NAME | {"_", "."}
_HEX_LETTERS = frozenset("abcdefABCDEF")
_TOKEN = re.compile(r"\{([^{}]*)\}|(\*)|(.)", re.DOTALL)


class TagPattern:
    """One pattern for tags. `text` is what the policy says."""

    __slots__ = ("_automaton", "_end", "text")

    def __init__(self, text: str) -> None:
        """Read a pattern. Raises InvalidPattern."""
        if not text:
            raise InvalidPattern("a pattern for tags cannot be empty; * stands for every tag", 0, 0)
        check_length(text)
        self.text = text
        self._automaton = _Automaton()
        state = 0
        for match in _TOKEN.finditer(text):
            placeholder, star, literal = match.groups()
            if star:
                state = _run(self._automaton, self._automaton.skip(state), _TAG)
            elif placeholder is not None:
                state = _placeholder(placeholder, match)(self._automaton, state)
            elif literal in _TAG:
                state = self._automaton.step(state, frozenset(literal))
            else:
                raise InvalidPattern(_foreign(literal), match.start(), match.end())
        self._end = state

    def fits(self, tag: str) -> bool:
        """Whether the whole tag is one that this pattern stands for. Takes time in proportion to the tag."""
        return self._automaton.leads(tag, self._end)


class _Automaton:
    """States from 0; from each some steps, taken with one of some characters, and some skips, taken with none."""

    __slots__ = ("_skips", "_steps")

    def __init__(self) -> None:
        self._steps: list[list[tuple[frozenset[str], int]]] = [[]]
        self._skips: list[list[int]] = [[]]

    def step(self, start: int, characters: frozenset[str], end: int | None = None) -> int:
        """Add a step from start, to a new state where end is left out; return where it leads."""
        end = self.state() if end is None else end
        self._steps[start].append((characters, end))
        return end

    def skip(self, start: int, end: int | None = None) -> int:
        """Add a skip from start, to a new state where end is left out; return where it leads."""
        end = self.state() if end is None else end
        self._skips[start].append(end)
        return end

    def leads(self, text: str, end: int) -> bool:
        """Whether the text leads from state 0 to the state end."""
        states = self._skipped({0})
        for character in text:
            steps = [step for state in states for step in self._steps[state]]
            states = self._skipped({after for characters, after in steps if character in characters})
            if not states:
                return False
        return end in states

    def _skipped(self, states: set[int]) -> set[int]:
        waiting = list(states)
        while waiting:
            for after in self._skips[waiting.pop()]:
                if after not in states:
                    states.add(after)
                    waiting.append(after)
        return states

    def state(self) -> int:
        """Add a state."""
        self._steps.append([])
        self._skips.append([])
        return len(self._steps) - 1


def _run(automaton: _Automaton, start: int, characters: frozenset[str]) -> int:
    """Stay at start for any run of the characters, none included."""
    automaton.step(start, characters, start)
    return start


def _number(automaton: _Automaton, start: int) -> int:
    """Add a number without leading zeros."""
    end = automaton.step(start, frozenset("0"))
    digits = _run(automaton, automaton.step(start, _DIGITS - {"0"}), _DIGITS)
    return automaton.skip(digits, end)


def _name(automaton: _Automaton, start: int) -> int:
    """Add letters, digits and dashes."""
    return automaton.skip(_run(automaton, automaton.step(start, _NAME), _NAME))


def _branch(automaton: _Automaton, start: int) -> int:
    """Add a branch name as a tag can carry it: what a tag may hold, and what it may begin with."""
    return automaton.skip(_run(automaton, automaton.step(start, _TAG - {".", "-"}), _TAG))


def _date(automaton: _Automaton, start: int) -> int:
    """Add year, month and day."""
    for _ in range(4):
        start = automaton.step(start, _DIGITS)
    months = automaton.step(automaton.step(start, frozenset("0")), _DIGITS - {"0"})
    automaton.step(automaton.step(start, frozenset("1")), frozenset("012"), months)
    days = automaton.step(automaton.step(months, frozenset("0")), _DIGITS - {"0"})
    automaton.step(automaton.step(months, frozenset("12")), _DIGITS, days)
    return automaton.step(automaton.step(months, frozenset("3")), frozenset("01"), days)


def _sha(automaton: _Automaton, start: int) -> int:
    """Add the hexadecimal digits of a commit. A short one has a digit among them, so that `decade` is none."""
    letters, mixed, end = start, start, automaton.state()
    for length in range(1, SHA_MAX + 1):
        after = automaton.step(letters, _DIGITS)
        if length > 1:
            automaton.step(mixed, _DIGITS | _HEX_LETTERS, after)
        letters, mixed = automaton.step(letters, _HEX_LETTERS), after
        if length >= SHA_MIN:
            automaton.skip(mixed, end)
    return automaton.skip(letters, end)


def _prerelease(automaton: _Automaton, start: int) -> int:
    """Add the prerelease of a semantic version: names and numbers between dots; a number has no leading zeros (semver.org, 9)."""
    start = automaton.skip(start)
    number = _number(automaton, start)
    digits = _run(automaton, automaton.skip(start), _DIGITS)
    name = _run(automaton, automaton.step(digits, _NAME - _DIGITS), _NAME)
    end = automaton.skip(number)
    automaton.skip(name, end)
    automaton.step(end, frozenset("."), start)
    return end


def _semver(automaton: _Automaton, start: int) -> int:
    """Add a whole semantic version, without build metadata, for which a tag has no character."""
    dot = frozenset(".")
    minor = _number(automaton, automaton.step(_number(automaton, start), dot))
    patch = _number(automaton, automaton.step(minor, dot))
    prerelease = _prerelease(automaton, automaton.step(patch, frozenset("-")))
    return automaton.skip(patch, automaton.skip(prerelease))


PLACEHOLDERS: dict[str, Callable[[_Automaton, int], int]] = {
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
"""What a pattern may hold in braces, and what adds it to an automaton: from a state, to the state that it returns."""


def _placeholder(name: str, match: re.Match[str]) -> Callable[[_Automaton, int], int]:
    if name not in PLACEHOLDERS:
        from imglint.spelling import closest

        close = closest(name, PLACEHOLDERS)
        hint = f"; did you mean {{{close}}}?" if close else ""
        known = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
        raise InvalidPattern(f"there is no placeholder {{{name}}}{hint or f'; there are {known}'}", match.start(), match.end())
    return PLACEHOLDERS[name]


def _foreign(character: str) -> str:
    if character in "{}":
        return f"{character!r} without its other half; placeholders are written {{major}}"
    return f"{character!r} cannot stand in a tag; letters, digits, '_', '.', '-', * and placeholders can"
