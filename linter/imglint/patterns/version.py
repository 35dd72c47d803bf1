"""Version bounds: `versions` of a policy, and the versions that tags begin with. Imports the exception of the matcher and the records.

The order is that of semantic versions (semver.org, item 11), with any count of numbers. The package semver, which takes as long to import as a small
run, orders prereleases of the same version; it is imported when two of them are compared.
"""

from __future__ import annotations

import operator
import re
from functools import cache

from imglint.patterns.matcher import InvalidPattern, check_length
from imglint.printable import clipped
from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from semver import Version

    Order = tuple[tuple[int, ...], bool, Version | None]

COMPARISONS_MAX = 32
"""Comparisons of one row, each of which may be made for thousands of tags."""
OPERATORS: dict[str, Callable[[Order, Order], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}


@record
class TagVersion:
    """A version: that of a tag, or one that a comparison names.

    `text` is the version as written, without `v`. `numbers` are as many as the text has. `prerelease` is the word and, if there is one, the number.
    """

    text: str
    numbers: tuple[int, ...]
    prerelease: tuple[str, ...] = ()

    def release(self) -> tuple[int, ...]:
        """Return the numbers without zeros at the end, which are the same for all ways to write a version: 3.12 and 3.12.0."""
        numbers = self.numbers
        while numbers and numbers[-1] == 0:
            numbers = numbers[:-1]
        return numbers

    def order(self) -> Order:
        """Return the key that versions are compared by: the numbers, then a release after its prereleases, then the prerelease."""
        if not self.prerelease:
            return self.release(), True, None
        from semver import Version

        return self.release(), False, Version(0, prerelease=".".join(self.prerelease))

    def meanings(self, bound: TagVersion) -> Iterator[TagVersion]:
        """Yield versions that a tag with this version can mean: itself and, if the bound is more exact, the bound and what follows it."""
        yield self
        if self.prerelease:
            count = len(self.prerelease)
            is_same = self.release() == bound.release() and self.prerelease == bound.prerelease[:count]
            if is_same and count < len(bound.prerelease):
                word, number = bound.prerelease
                yield bound
                yield TagVersion("", bound.numbers, (word, str(int(number) + 1)))
        elif len(self.numbers) < len(bound.numbers) and self.numbers == bound.numbers[: len(self.numbers)]:
            yield TagVersion("", bound.numbers)
            yield TagVersion("", (*bound.numbers[:-1], bound.numbers[-1] + 1))


def version_of(tag: str) -> TagVersion | None:
    """Return the version that a tag begins with; None if there is none, or if the tag begins with a commit."""
    match = _version().match(tag)
    if match is None or _commit().match(tag):
        return None
    return _as_version(match)


class Versions:
    """Comparisons that a version must satisfy, such as `>=3.11 <4`. `text` is the value as the policy has it."""

    __slots__ = ("_comparisons", "text")

    def __init__(self, text: str) -> None:
        """Read comparisons, separated by spaces. Raises InvalidPattern at the first invalid one."""
        check_length(text)
        self.text = text
        self._comparisons: list[tuple[str, TagVersion]] = []
        for word in re.finditer(r"\S+", text):
            sign = re.match("[<>=!]=?", word[0])
            match = _version().fullmatch(word[0], sign.end()) if sign else None
            if sign is None or sign[0] not in OPERATORS or match is None:
                raise InvalidPattern(
                    f"invalid comparison `{clipped(word[0])}`; write comparisons such as `>=3.11` or `!=3.12.1`, separated by spaces",
                    *word.span(),
                )
            if len(self._comparisons) == COMPARISONS_MAX:
                raise InvalidPattern(f"more than {COMPARISONS_MAX} comparisons", *word.span())
            self._comparisons.append((sign[0], _as_version(match)))
        if not self._comparisons:
            raise InvalidPattern("no comparison; write one such as `>=3.11`", 0, len(text))

    def excluded(self, tag: str) -> TagVersion | None:
        """Return the version that a tag begins with if it is excluded; None if it is allowed, or if the tag begins with no version."""
        version = version_of(tag)
        return None if version is None or self._allow(version) else version

    def _allow(self, version: TagVersion) -> bool:
        bounds = [bound for _, bound in self._comparisons]
        if version.prerelease and not any(bound.prerelease and bound.release() == version.release() for bound in bounds):
            # A prerelease precedes its version, but `<4` is not meant to allow 4.0.0-rc1, nor `>=3.11` every test build after it.
            return False
        return all(
            any(OPERATORS[sign](meant.order(), bound.order()) for meant in version.meanings(bound))
            for sign, bound in self._comparisons
        )


def _as_version(match: re.Match[str]) -> TagVersion:
    """Return the version of a match. Leading zeros are dropped: 24.04 is 24.4, and rc01 is rc1."""
    numbers, word, number = match.groups()
    prerelease = (word.lower(), *([str(int(number))] if number else [])) if word else ()
    return TagVersion(match[0].lstrip("vV"), tuple([int(part) for part in numbers.split(".")]), prerelease)


@cache
def _version() -> re.Pattern[str]:
    """Return the pattern of a version at the start of a text. The words are separate ones: `1.2-development` is no prerelease."""
    return re.compile(
        r"""[vV]? ([0-9]+(?:\.[0-9]+)*)
        (?: [-_.]? (alpha|beta|rc|preview|pre|dev|snapshot) (?: [-_.]? ([0-9]+) | (?![A-Za-z0-9]) ) )?""",
        re.VERBOSE | re.IGNORECASE,
    )


@cache
def _commit() -> re.Pattern[str]:
    """Return the pattern of a commit at the start of a tag: 6 to 40 hexadecimal digits, with a letter among them."""
    return re.compile(r"(?=[0-9]*[a-f])[0-9a-f]{6,40}(?=\Z|[-_.])")
