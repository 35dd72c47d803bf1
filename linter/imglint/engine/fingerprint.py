"""Line hashes as GitHub code scanning computes them, so that findings are matched across line shifts.

The algorithm is that of the CodeQL action's uploader: a polynomial hash modulo 2**64 over the 100 UTF-16 code units from the start of the line, without
spaces and tabs, with each line break as one unit, U+FFFF at the end of the file, and zeros after that. A number distinguishes equal hashes in one file.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

BLOCK_SIZE = 100
"""UTF-16 code units that a line's hash covers."""

_END = "\uffff"
_MASK = (1 << 64) - 1
_POWERS = tuple([pow(37, BLOCK_SIZE - 1 - index, 1 << 64) for index in range(BLOCK_SIZE)])


def line_hashes(text: str, lines: Collection[int]) -> dict[int, str]:
    """Return `hash:occurrence` for each of the given lines, counted from 1, that exists. A carriage return ends a line, as in GitHub's algorithm."""
    units = _units(text)
    starts = _starts(units, max(lines, default=0))
    # Occurrences are counted by block, not by hash: only a collision of 64 bits would make a difference.
    seen = {units[at : at + BLOCK_SIZE]: 0 for number, at in enumerate(starts, 1) if number in lines}
    hashes: dict[int, str] = {}
    for number, at in enumerate(starts, 1):
        block = units[at : at + BLOCK_SIZE]
        if block in seen:
            seen[block] += 1
            if number in lines:
                hashes[number] = f"{_hash(block):x}:{seen[block]}"
    return hashes


def _starts(units: str, count: int) -> list[int]:
    """Return the offsets of the first `count` lines, or of all if there are fewer."""
    starts = [0] * bool(count)
    while len(starts) < count and (end := units.find("\n", starts[-1])) >= 0:
        starts.append(end + 1)
    return starts


def _units(text: str) -> str:
    """Return the hashed part of a text, with one character per UTF-16 code unit."""
    kept = text.replace("\r\n", "\n").replace("\r", "\n").replace(" ", "").replace("\t", "")
    if not kept.isascii() and max(kept) > "\uffff":
        kept = "".join([char if char <= "\uffff" else _pair(ord(char) - 0x10000) for char in kept])
    return kept + _END


def _pair(code: int) -> str:
    return chr(0xD800 + (code >> 10)) + chr(0xDC00 + (code & 0x3FF))


def _hash(block: str) -> int:
    # A block at the end of the file may be shorter; the zeros after it add nothing.
    return sum([ord(unit) * power for unit, power in zip(block, _POWERS, strict=False)]) & _MASK
