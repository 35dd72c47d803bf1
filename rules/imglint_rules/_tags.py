"""The order of tags: which tags follow another one, as people write them, and which name a release.

Two tags have the same shape if they differ in their numbers alone: `3.12-slim` and `3.13-slim`, but neither `3.13` nor `3.13.1-slim`. Numbers are
compared from left to right, those of a suffix after those of the version: `3.12-alpine3.19`, `3.12-alpine3.20`, `3.13-alpine3.19`.

- A prerelease (`alpha`, `beta`, `pre`, `preview`, `rc`) comes before its release and follows only prereleases: `1.0.0-rc1` is followed by `1.0.0-rc2`,
  `1.0.0` and `2.0.0-rc1`, `1.0.0` by neither prerelease. Other words, such as `dev`, are names of variants.
- A number with a leading zero is followed by numbers with as many digits: `2024.01` by `2024.10`, not by `2024.2`.
- Dates are not compared with other numbers, nor are versions with numbers of four and more digits at their beginning: `3` is not followed by
  `20240606` or `10543`, which count something else.
- A tag with a commit has no order.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from imglint import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Number = tuple[int, str]
    """The number of digits without leading zeros, and these digits: the order of numbers, without their values, which take long to compute."""
    Order = tuple[list[Number], bool, int, Number, list[Number]]

TAG_MAX = 128
"""Characters of a tag, by the specification of OCI."""
PRERELEASES = ("alpha", "beta", "pre", "preview", "rc")
"""The words of prereleases, in their order."""
LONG = 4
"""Digits from which the first number of a tag is that of a year, a date or a build."""
PLATFORM = """
    amd64(?:v[1-4])? | x86[-_]64(?:[-_]v[1-4])? | i[36]86 | (?:linux[-_])386
    | arm64(?:v8)? | aarch64 | arm32(?:v[5-7])? | armv[5-8][a-z]* | armhf | armel | (?:linux[-_])arm | arm(?=\\Z)
    | ppc64(?:le|el)? | s390x | riscv64 | mips64(?:le|el)? | loong(?:arch)?64
    """
"""The names of platforms, for a verbose pattern. `386` and `arm` have other meanings too, so they need `linux` or an end."""
_NUMBER, _LONG_NUMBER, _DATE = "\0", "\1", "\2"


@record
class Prerelease:
    """The word of a prerelease, as its place in the order, its number, and how they are written. `index` is the number of numbers before it."""

    word: int
    number: Number
    style: tuple[str, str, bool]
    index: int


@record
class Shape:
    """A tag with marks in place of its numbers, the numbers as written, and its prerelease, which `text` does not have."""

    text: str
    numbers: tuple[str, ...]
    prerelease: Prerelease | None


@lru_cache(maxsize=256)
def newer(tag: str, tags: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the tags that follow a tag, the newest first."""
    old = shape(tag)
    if old is None:
        return ()
    index = old.prerelease.index if old.prerelease else len(old.numbers)
    key = _order(index)
    start = key(old)
    found = [(key(new), other) for other in tags if (new := shape(other)) is not None and _is_alike(old, new)]
    return tuple([other for order, other in sorted(found, reverse=True) if order > start])


@lru_cache(maxsize=256)
def releases(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the tags that have a version or a date, those first that name a release best.

    These are releases before prereleases, tags with fewer words before those of variants, versions before dates, newer tags before older ones, and
    exact versions before the less exact ones: `1.27.3`, `1.27`, `1.26.0`, `20240101`, `1.27.3-alpine`, `1.28.0-rc1`.
    """
    found = [(known, tag) for tag in tags if (known := shape(tag)) is not None]
    found.sort(key=lambda entry: ([_number(text) for text in entry[0].numbers], -len(entry[1]), entry[1]), reverse=True)
    found.sort(key=lambda entry: (entry[0].prerelease is not None, _words(entry[1]), _is_long(entry[0].numbers[0])))
    return tuple([tag for _, tag in found])


def shape(tag: str) -> Shape | None:
    """Return the shape of a tag; None if it has no number or names a commit, so that it has no order."""
    if len(tag) > TAG_MAX or not any(character.isdecimal() for character in tag) or _commit().search(tag):
        return None
    found = _prerelease().search(tag)
    if found is None:
        text, numbers = _without_numbers(tag)
        return Shape(text, numbers, None) if numbers else None
    before, numbers = _without_numbers(tag[: found.start()])
    after, others = _without_numbers(tag[found.end() :], is_first=False)
    dash, word, dot, number = found.groups()
    style = (dash, dot or "", number is not None)
    prerelease = Prerelease(PRERELEASES.index(word.lower()), _number(number or ""), style, len(numbers))
    return Shape(before + after, numbers + others, prerelease) if numbers else None


def _without_numbers(text: str, is_first: bool = True) -> tuple[str, tuple[str, ...]]:
    """Return a text with a mark for each number, and the numbers. `is_first` is whether the first one is that of the tag."""
    numbers: list[str] = []

    def mark(match: re.Match[str]) -> str:
        number = match[1]
        if number is None:
            return match[0]
        numbers.append(number)
        if _date().fullmatch(number):
            return f"{_DATE}{len(number)}{_DATE}"
        return _LONG_NUMBER if is_first and len(numbers) == 1 and _is_long(number) else _NUMBER

    return _token().sub(mark, text), tuple(numbers)


def _is_alike(old: Shape, new: Shape) -> bool:
    """Return whether two tags have the same shape, where the new one may be the release of a prerelease."""
    if old.text != new.text or not all(map(_have_equal_widths, old.numbers, new.numbers)):
        return False
    if new.prerelease is None:
        return True
    if old.prerelease is None:
        return False
    return (old.prerelease.style, old.prerelease.index) == (new.prerelease.style, new.prerelease.index)


def _have_equal_widths(one: str, other: str) -> bool:
    """Return whether two numbers are written alike: if one has leading zeros, both have as many digits."""
    is_padded = any(len(number) > 1 and number[0] == "0" for number in (one, other))
    return not is_padded or len(one) == len(other)


def _order(index: int) -> Callable[[Shape], Order]:
    """Return the key by which tags of a shape are compared, where a prerelease is after `index` numbers."""

    def key(shape: Shape) -> Order:
        numbers, prerelease = [_number(text) for text in shape.numbers], shape.prerelease
        word, number = (prerelease.word, prerelease.number) if prerelease else (0, (0, ""))
        return numbers[:index], prerelease is None, word, number, numbers[index:]

    return key


def _number(text: str) -> Number:
    digits = text.lstrip("0")
    return len(digits), digits


def _is_long(number: str) -> bool:
    return len(number) >= LONG


def _words(tag: str) -> int:
    """Return the number of words in a tag, without a `v` in front."""
    return len(re.findall("[A-Za-z]+", tag)) - (re.match("[vV][0-9]", tag) is not None)


@cache
def _token() -> re.Pattern[str]:
    """Return the pattern of what a shape is made of: the name of a platform, which has other numbers than a version, or a number."""
    return re.compile(rf"(?<![^-_.])(?:{PLATFORM} | x86 | x64)(?![^-_.]) | ([0-9]+)", re.VERBOSE)


@cache
def _date() -> re.Pattern[str]:
    """Return the pattern of a date: year and month, a day, and a time of day, without separators."""
    return re.compile(
        r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:(?:0[1-9]|[12][0-9]|3[01])(?:(?:[01][0-9]|2[0-3])(?:[0-5][0-9]){0,2})?)?"
    )


@cache
def _prerelease() -> re.Pattern[str]:
    """Return the pattern of a prerelease after a number, as a word of its own."""
    words = "|".join(sorted(PRERELEASES, key=len, reverse=True))
    return re.compile(rf"(?<=[0-9])([-_.]?)({words})(?:([-_.]?)([0-9]+)(?![A-Za-z0-9])|(?![A-Za-z0-9]))", re.IGNORECASE)


@cache
def _commit() -> re.Pattern[str]:
    """Return the pattern of a commit: hexadecimal digits with letters among them, or after a word that announces one."""
    return re.compile(
        r"""(?<![^-_.]) (?:
        (?=[0-9]*[a-f]) (?=[a-f]*[0-9]) [0-9a-f]{6,64}  # both letters and digits
        | g[0-9a-f]{7,64}                               # as `git describe` writes it
        | (?:sha|sha1|sha256|git|commit|rev)[-_.]?[0-9a-f]{6,64}
        | [0-9a-f]{40} | [0-9a-f]{64}
        ) (?![^-_.])""",
        re.VERBOSE | re.IGNORECASE,
    )
