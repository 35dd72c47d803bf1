"""Fingerprints of lines, as GitHub's code scanning computes them, so that a finding is known again when lines above it move. Imports nothing.

The algorithm is that of the CodeQL action's uploader: a polynomial hash, modulo 2**64, over the UTF-16 code units from the start of the line on,
100 of them, spaces and tabs left out and line breaks made one, with U+FFFF for the end of the file and zeros behind it. A number tells equal hashes
in one file apart.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

BLOCK_SIZE = 100
"""UTF-16 code units that a line's hash covers."""

_END = "\uffff"
_MASK = (1 << 64) - 1
_POWERS = tuple([pow(37, BLOCK_SIZE - 1 - place, 1 << 64) for place in range(BLOCK_SIZE)])


def line_hashes(text: str, lines: Collection[int]) -> dict[int, str]:
    """Return `hash:occurrence` for each of the lines, which count from 1, that the text has. A carriage return ends a line here, as it does there."""
    units = _units(text)
    starts = _starts(units, max(lines, default=0))
    # Two lines have the same hash where they have the same block; only collisions of the 64 bits are told apart here and not there.
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
    """Return where the first lines begin, at most as many."""
    starts = [0] * bool(count)
    while len(starts) < count and (end := units.find("\n", starts[-1])) >= 0:
        starts.append(end + 1)
    return starts


def _units(text: str) -> str:
    """Return what the hash sees of a text: one character for each UTF-16 code unit."""
    kept = text.replace("\r\n", "\n").replace("\r", "\n").replace(" ", "").replace("\t", "")
    if not kept.isascii() and max(kept) > "\uffff":
        kept = "".join([char if char <= "\uffff" else _pair(ord(char) - 0x10000) for char in kept])
    return kept + _END


def _pair(code: int) -> str:
    return chr(0xD800 + (code >> 10)) + chr(0xDC00 + (code & 0x3FF))


def _hash(block: str) -> int:
    # A block that the end of the file cuts short is followed by zeros, which add nothing.
    return sum([ord(unit) * power for unit, power in zip(block, _POWERS, strict=False)]) & _MASK
