"""Traced: a text that knows where each piece of it stands in the file it was read from. Imports only the records.

An image reference is often put together from pieces: `FROM ${BASE}:${TAG}` takes both from ARG defaults on lines above. A finding about the tag
has to stand at the default of TAG, one about the whole at the FROM. So whoever resolves a variable keeps, for each piece of the result, its
**frames**: from the outermost text in which it is used to the innermost one in which it is written.
"""

from __future__ import annotations

from imglint.records import record

Frame = tuple[int, int, int]
"""Offset at which a text starts in the file, which names it, and the start and end in the file of the stretch of it that gave the piece."""


@record
class Piece:
    """A stretch of a traced text. Where it is `exact`, its last frame is as long as its text and holds the very characters."""

    text: str
    frames: tuple[Frame, ...]
    exact: bool


@record
class Traced:
    """A text with the places its pieces come from."""

    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The text itself."""
        return "".join([piece.text for piece in self.pieces])

    def cut(self, start: int, end: int) -> Traced:
        """Return the characters from start to end, with their places."""
        kept = []
        for piece, at in self._placed():
            low, high = max(start - at, 0), min(end - at, len(piece.text))
            if low < high:
                kept.append(_clip(piece, low, high))
        return Traced(tuple(kept))

    def used_at(self, frame: int, start: int, end: int) -> Traced:
        """Return this text as the value of an expression that stands at start to end in the text that begins at frame."""
        return Traced(tuple([Piece(piece.text, ((frame, start, end), *piece.frames), piece.exact) for piece in self.pieces]))

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the narrowest stretch of the file, as offsets, that holds the characters from start to end.

        It lies in the innermost text that all of them share: in an ARG default where it gives them all, else in the text that joins them.
        """
        if len(self.pieces) == 1 and self.pieces[0].exact and start < end:
            # Nearly all texts are a single literal.
            at = self.pieces[0].frames[-1][1]
            return at + start, at + end
        frames = [piece.frames for piece in self.cut(start, end).pieces] or [piece.frames for piece in self.pieces]
        low, high = 0, 0
        for level in zip(*frames, strict=False):
            if len({frame for frame, _, _ in level}) > 1:
                break
            low, high = min([begin for _, begin, _ in level]), max([finish for _, _, finish in level])
        return low, high

    def _placed(self) -> list[tuple[Piece, int]]:
        placed, at = [], 0
        for piece in self.pieces:
            placed.append((piece, at))
            at += len(piece.text)
        return placed


def literal(text: str, start: int, frame: int | None = None) -> Traced:
    """Return text that stands, character by character, at start in the file, as part of the text that begins at frame (itself if left out)."""
    return Traced((Piece(text, ((start if frame is None else frame, start, start + len(text)),), True),))


def opaque(text: str, frame: int, start: int, end: int) -> Traced:
    """Return text that the stretch from start to end stands for as a whole: an escape sequence, a value from elsewhere."""
    return Traced((Piece(text, ((frame, start, end),), False),))


def joined(parts: list[Traced]) -> Traced:
    """Return the parts one after the other."""
    return Traced(tuple([piece for part in parts for piece in part.pieces]))


def _clip(piece: Piece, low: int, high: int) -> Piece:
    if not piece.exact:
        return Piece(piece.text[low:high], piece.frames, False)
    *outer, (frame, start, _) = piece.frames
    return Piece(piece.text[low:high], (*outer, (frame, start + low, start + high)), True)
