"""Text that keeps track of where each of its pieces was written in the file.

Image references are often assembled: `FROM ${BASE}:${TAG}` takes both values from ARG defaults on earlier lines. A finding about the tag belongs
at the default of TAG, a finding about the whole reference at the FROM. Code that resolves variables therefore keeps the **frames** of each piece
of the result, from the outermost text that uses it to the innermost text in which it is written.
"""

from __future__ import annotations

from imglint.records import record

Frame = tuple[int, int, int]
"""Three offsets in the file: the start of a text, which identifies it, and the start and end of the part of it that produced the piece."""


PLACEHOLDER = "\0"
"""The text of a piece whose value is unknown. No image reference contains it."""


@record
class Piece:
    """A part of a traced text.

    If it is `exact`, its last frame spans exactly these characters in the file. If it is not `known`, its text is a placeholder for a value that the
    files do not give.
    """

    text: str
    frames: tuple[Frame, ...]
    exact: bool
    known: bool = True


@record
class Traced:
    """A text made of pieces with known origins."""

    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The plain text."""
        return "".join([piece.text for piece in self.pieces])

    @property
    def unknown_at(self) -> int:
        """The offset of the first character that stands for an unknown value, or -1."""
        offset = 0
        for piece in self.pieces:
            if not piece.known:
                return offset
            offset += len(piece.text)
        return -1

    def cut(self, start: int, end: int) -> Traced:
        """Return the characters from start to end, with their frames."""
        kept, offset = [], 0
        for piece in self.pieces:
            low, high = max(start - offset, 0), min(end - offset, len(piece.text))
            if low < high:
                kept.append(_cut_piece(piece, low, high))
            offset += len(piece.text)
        return Traced(tuple(kept))

    def used_at(self, frame: int, start: int, end: int) -> Traced:
        """Return this text as the value of the expression at start to end in the text that starts at frame."""
        return Traced(
            tuple([Piece(piece.text, ((frame, start, end), *piece.frames), piece.exact, piece.known) for piece in self.pieces])
        )

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the narrowest span of the file that produced the characters from start to end.

        The span lies in the innermost text that all of them share: the ARG default if one default produced all of them, otherwise the text that
        combines them.
        """
        if len(self.pieces) == 1 and self.pieces[0].exact and start < end:
            # Fast path: nearly every text is a single literal.
            offset = self.pieces[0].frames[-1][1]
            return offset + start, offset + end
        frames = [piece.frames for piece in self.cut(start, end).pieces] or [piece.frames for piece in self.pieces]
        low, high = 0, 0
        for level in zip(*frames, strict=False):
            if len({frame for frame, _, _ in level}) > 1:
                break
            low, high = min([first for _, first, _ in level]), max([last for _, _, last in level])
        return low, high


def literal(text: str, start: int, frame: int | None = None) -> Traced:
    """Return text that is written as it is at `start` in the file, as part of the text that starts at `frame` (default: `start`)."""
    return Traced((Piece(text, ((start if frame is None else frame, start, start + len(text)),), True),))


def opaque(text: str, frame: int, start: int, end: int) -> Traced:
    """Return text that start to end produces as a whole, such as the value of an escape sequence."""
    return Traced((Piece(text, ((frame, start, end),), False),))


def unknown(frame: int, start: int, end: int) -> Traced:
    """Return a placeholder for the value of the expression at start to end, which the files do not give."""
    return Traced((Piece(PLACEHOLDER, ((frame, start, end),), False, False),))


def without_unknown_version(text: Traced) -> Traced | None:
    """Return an image reference without its tag or digest if a part of that is unknown, or None if a part of the name is unknown.

    A digest after an unknown tag is kept. A text in which everything is known is returned as it is.
    """
    first = text.unknown_at
    if first < 0:
        return text
    whole = text.text
    version = min([at for at in (whole.find(mark, whole.rfind("/") + 1) for mark in ":@") if at >= 0], default=len(whole))
    if first < version:
        return None
    name, digest = text.cut(0, version), text.cut(max(whole.rfind("@"), version), len(whole))
    return joined([name, digest]) if digest.text.startswith("@") and digest.unknown_at < 0 else name


def joined(parts: list[Traced]) -> Traced:
    """Return the concatenated parts."""
    return Traced(tuple([piece for part in parts for piece in part.pieces]))


def _cut_piece(piece: Piece, low: int, high: int) -> Piece:
    if not piece.exact:
        return Piece(piece.text[low:high], piece.frames, False, piece.known)
    *outer, (frame, start, _) = piece.frames
    return Piece(piece.text[low:high], (*outer, (frame, start + low, start + high)), True)
