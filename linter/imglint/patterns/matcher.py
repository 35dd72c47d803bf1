"""Matching of patterns in one pass over the text. Imports only the records.

A regular expression made from `*a*b*c` tries every way to divide a text among its stars. An automaton keeps the set of states that the text so
far can lead to, as the bits of one number, so that no pattern makes matching slow.
"""

from __future__ import annotations

from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    _Moves = tuple[int, int, tuple[tuple[int, int], ...]]

PATTERN_MAX = 1024
"""Characters of a pattern; image names, tags and paths are shorter."""


class InvalidPattern(ValueError):
    """Raised for an invalid pattern. `reason` is the message; `start` and `end` are the offsets of the invalid part."""

    def __init__(self, reason: str, start: int, end: int) -> None:
        super().__init__(reason)
        self.reason, self.start, self.end = reason, start, end


def check_length(text: str) -> None:
    """Raise InvalidPattern if a pattern has more than PATTERN_MAX characters."""
    if len(text) > PATTERN_MAX:
        raise InvalidPattern(f"pattern has {len(text)} characters; the limit is {PATTERN_MAX}", 0, len(text))


@record
class Characters:
    """The characters in some ranges, both ends included; if negated, all others."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool = False

    def __contains__(self, character: str) -> bool:
        for low, high in self.ranges:
            if low <= character <= high:
                return not self.negated
        return self.negated


@record
class Wildcard:
    """Any number of these characters."""

    characters: Characters


ANY = Characters((), negated=True)
NO_SLASH = Characters((("/", "/"),), negated=True)


CharacterSet = str | frozenset[str] | Characters
Token = str | Characters | Wildcard
"""One piece of a Glob; a text is a character that matches itself."""


class Automaton:
    """A nondeterministic automaton that starts in state 0 and accepts in state `end`. A step consumes one character, a skip none."""

    __slots__ = ("_moves", "_size", "_skipping", "_skips", "_steps", "end")

    def __init__(self) -> None:
        self.end = 0
        self._size = 1
        self._steps: list[tuple[int, int, CharacterSet]] = []
        self._skips: dict[int, int] = {}
        self._skipping = 0
        self._moves: dict[str, _Moves] = {}

    def state(self) -> int:
        """Add a state."""
        self._size += 1
        return self._size - 1

    def step(self, start: int, characters: CharacterSet, end: int | None = None) -> int:
        """Add a step on one of the characters to `end`, by default a new state, and return `end`. It must not be below `start`."""
        end = self.state() if end is None else end
        self._steps.append((1 << start, end - start, characters))
        return end

    def skip(self, start: int, end: int | None = None) -> int:
        """Add a skip to `end`, by default a new state, and return `end`."""
        end = self.state() if end is None else end
        self._skips[1 << start] = self._skips.get(1 << start, 0) | 1 << end
        self._skipping |= 1 << start
        return end

    def fits(self, text: str) -> bool:
        """Return whether the pattern matches the whole text. Takes time proportional to the length of the text."""
        return bool(self._run(self._skipped(1), text) >> self.end & 1)

    def _run(self, states: int, text: str) -> int:
        """Return the states to which the text leads from any of the states."""
        all_moves, skipping = self._moves, self._skipping
        for character in text:
            moves = all_moves.get(character)
            if moves is None:
                moves = all_moves[character] = self._moves_on(character)
            loops, advances, jumps = moves
            after = states & loops | (states & advances) << 1
            for distance, starts in jumps:
                after |= (states & starts) << distance
            if after & skipping:
                after = self._skipped(after)
            if not after:
                return 0
            states = after
        return states

    def _moves_on(self, character: str) -> _Moves:
        """Return the states with a step on a character: those that lead back to themselves, one state on, and further, by distance."""
        starts_by_distance = {0: 0, 1: 0}
        for start, distance, characters in self._steps:
            if character in characters:
                starts_by_distance[distance] = starts_by_distance.get(distance, 0) | start
        loops, advances = starts_by_distance.pop(0), starts_by_distance.pop(1)
        return loops, advances, tuple(starts_by_distance.items())

    def _skipped(self, states: int) -> int:
        """Return the states and all that skips lead to from them."""
        waiting = states & self._skipping
        while waiting:
            state = waiting & -waiting
            new = self._skips[state] & ~states
            states |= new
            waiting = (waiting ^ state) | new & self._skipping
        return states


class Glob(Automaton):
    """A pattern of characters, sets of characters and wildcards. State i is reached after i characters; a wildcard is a step to the same state."""

    __slots__ = ("_prefix", "_suffix", "_wildcards")

    def __init__(self, tokens: Sequence[Token]) -> None:
        super().__init__()
        self._wildcards: dict[int, Characters] = {}
        for token in tokens:
            if isinstance(token, Wildcard):
                self._wildcards[self.end] = token.characters
                self.step(self.end, token.characters, self.end)
            else:
                self.end = self.step(self.end, token)
        self._prefix = _literal_prefix(tokens)
        self._suffix = _literal_prefix(tokens[len(self._prefix) :][::-1])[::-1]

    def fits(self, text: str) -> bool:
        """Return whether the pattern matches the whole text. Takes time proportional to the length of the text."""
        if not text.startswith(self._prefix) or not text.endswith(self._suffix):
            return False
        start, end = len(self._prefix), len(text) - len(self._suffix)
        return end >= start and bool(self._run(1 << start, text[start:end]) >> self.end - len(self._suffix) & 1)

    def ends(self, text: str, start: int = 0) -> Iterator[int]:
        """Yield the end offset of each match that begins at `start`, in ascending order."""
        if text.startswith(self._prefix, start):
            for at, states in enumerate(self._history(text[start:]), start):
                if states >> self.end & 1:
                    yield at

    def captures(self, text: str) -> list[str] | None:
        """Return the text that each wildcard matches, the first as short as possible; None if the pattern does not match the text."""
        history = list(self._history(text))
        state = self.end
        if not history[-1] >> state & 1:
            return None
        found = dict.fromkeys(self._wildcards, "")
        for at in reversed(range(len(text))):
            if state in found and history[at] >> state & 1 and text[at] in self._wildcards[state]:
                found[state] = text[at] + found[state]
            else:
                state -= 1
        return list(found.values())

    def _history(self, text: str) -> Iterator[int]:
        """Yield the states after 0, 1, 2 ... characters of the text, up to the first 0."""
        states = 1
        yield states
        for character in text:
            states = self._run(states, character)
            yield states
            if not states:
                return


def _literal_prefix(tokens: Sequence[Token]) -> str:
    prefix = ""
    for token in tokens:
        if not isinstance(token, str):
            break
        prefix += token
    return prefix
