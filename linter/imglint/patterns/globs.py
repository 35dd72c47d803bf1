"""Globs: texts with wildcards, matched in one pass over the text whatever they say. Imports only the records.

A regular expression made from `*a*b*c` tries every way to share a text out among its stars. A glob instead keeps the set of places in the
pattern that the text so far can have led to, as the bits of one number.
"""

from __future__ import annotations

from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PATTERN_MAX = 1024
"""Characters of a pattern; what is named by one is never as long."""

WITHIN = "within"
"""The wildcard for any run of characters without a slash."""
ANY = "any"
"""The wildcard for any run of characters."""


class InvalidPattern(ValueError):
    """A pattern that cannot be read. `reason` says why and what is allowed; `start` and `end` bound the wrong piece in it."""

    def __init__(self, reason: str, start: int, end: int) -> None:
        super().__init__(reason)
        self.reason, self.start, self.end = reason, start, end


def check_length(text: str) -> None:
    """Raise InvalidPattern where a pattern is too long to be matched in bounded time."""
    if len(text) > PATTERN_MAX:
        raise InvalidPattern(f"a pattern has at most {PATTERN_MAX} characters, this has {len(text)}", 0, len(text))


@record
class Characters:
    """Any one character of these ranges, or of none of them."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool = False

    def hold(self, character: str) -> bool:
        """Whether the character is one of these."""
        return self.negated != any(low <= character <= high for low, high in self.ranges)


Token = str | Characters
"""One piece of a glob: a character that stands for itself, Characters, WITHIN or ANY."""


class Glob:
    """A pattern made of tokens. State i is reached when the i-th of its characters has been matched; a wildcard lets the text stay in a state."""

    __slots__ = ("_any", "_characters", "_prefix", "_steps", "_suffix", "_within")

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._characters: list[Token] = []
        self._any = self._within = 0
        self._steps: dict[str, int] = {}
        for token in tokens:
            if token == ANY:
                self._any |= 1 << len(self._characters)
            elif token == WITHIN:
                self._within |= 1 << len(self._characters)
            else:
                self._characters.append(token)
        self._prefix, self._suffix = _literal_prefix(tokens), _literal_prefix(tokens[::-1])[::-1]

    def fits(self, text: str) -> bool:
        """Whether the whole text is one that this pattern stands for. Takes time in proportion to the text."""
        if not text.startswith(self._prefix) or not text.endswith(self._suffix):
            return False
        states = 1 << len(self._prefix)
        for character in text[len(self._prefix) :]:
            states = self._step(states, character)
            if not states:
                return False
        return bool(states >> len(self._characters) & 1)

    def held(self, text: str) -> list[str] | None:
        """Return what each wildcard stands for in the text, in order and the first as short as can be; None where the text does not fit."""
        history = [1]
        for character in text:
            history.append(self._step(history[-1], character))
        state = len(self._characters)
        if not history[-1] >> state & 1:
            return None
        runs = [""] * (state + 1)
        for at in range(len(text) - 1, -1, -1):
            if history[at] & self._stays(text[at]) & 1 << state:
                runs[state] = text[at] + runs[state]
            else:
                state -= 1
        return [run for number, run in enumerate(runs) if (self._any | self._within) >> number & 1]

    def _step(self, states: int, character: str) -> int:
        step = self._steps.get(character)
        if step is None:
            step = sum([1 << at for at, token in enumerate(self._characters) if _holds(token, character)])
            self._steps[character] = step
        return (states & step) << 1 | states & self._stays(character)

    def _stays(self, character: str) -> int:
        return self._any if character == "/" else self._any | self._within


def _holds(token: Token, character: str) -> bool:
    return token.hold(character) if isinstance(token, Characters) else token == character


def _literal_prefix(tokens: Sequence[Token]) -> str:
    prefix = ""
    for token in tokens:
        if isinstance(token, Characters) or token in (ANY, WITHIN):
            break
        prefix += token
    return prefix
