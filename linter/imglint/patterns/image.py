"""Image patterns: what a policy's `match` says. Imports globs and the normalisation of references.

A pattern is compared with the normalised name of an image, and, where it bears a tag or a digest, with those too. `*` stands for any run of characters
without a slash, `**` for any run, `**` alone for every image.
"""

from __future__ import annotations

import re

from imglint.patterns.matcher import ANY, NO_SLASH, Glob, InvalidPattern, Wildcard, check_length
from imglint.reference import complete, could_be_registry

EVERYTHING = "**"
_ANY, _NO_SLASH = Wildcard(ANY), Wildcard(NO_SLASH)
_FOREIGN = re.compile(r"[^a-z0-9._/:@*\[\]-]", re.IGNORECASE)


class ImagePattern:
    """One pattern for images.

    `text` is what the policy says, `at` where, as `path:line`; `name` is the normalised pattern, `tag` and `digest` are those that it bears, or None.
    """

    __slots__ = ("_digest", "_name", "_tag", "at", "digest", "name", "tag", "text")

    def __init__(self, text: str, at: str = "") -> None:
        """Read a pattern. Raises InvalidPattern."""
        _check(text)
        self.text, self.at = text, at
        written, name, tag, digest = text, text, None, None
        if "@" in written:
            written, _, digest = written.partition("@")
            name = written
        if ":" in written.rpartition("/")[2]:
            name, _, tag = written.rpartition(":")
        self.name, self.tag, self.digest = _normalise(name, text), tag, digest
        self._name = _glob(self.name)
        self._tag = None if tag is None else _glob(tag)
        self._digest = None if digest is None else _glob(digest)

    @property
    def rest(self) -> str:
        """What it bears behind the name: a tag, a digest, both or neither, with what stands in front of them."""
        return f"{'' if self.tag is None else f':{self.tag}'}{'' if self.digest is None else f'@{self.digest}'}"

    @property
    def wildcards(self) -> int:
        """How many wildcards its name has."""
        return len(re.findall(r"\*+", self.name))

    def fits(self, name: str, tag: str | None, digest: str | None, *, any_tag: bool = False) -> bool:
        """Whether an image of this normalised name, tag and digest fits; `any_tag` lets every tag pass."""
        if not self._name.fits(name):
            return False
        if self._tag is not None and not any_tag and (tag is None or not self._tag.fits(tag)):
            return False
        return self._digest is None or (digest is not None and self._digest.fits(digest))

    def fill(self, name: str, template: str) -> str | None:
        """Return the template with what this pattern's wildcards hold in name in place of its own, in order; None where name does not fit."""
        held = self._name.captures(name)
        if held is None:
            return None
        runs = iter(held)
        return re.sub(r"\*+", lambda star: next(runs, star[0]), template)


def _check(text: str) -> None:
    """Refuse what could never fit any image."""
    if not text:
        raise InvalidPattern("a pattern for images cannot be empty; ** alone stands for every image", 0, 0)
    check_length(text)
    if "://" in text:
        end = text.index("://") + 3
        raise InvalidPattern("an image name has no scheme; leave it out", 0, end)
    foreign = _FOREIGN.search(text)
    if foreign:
        raise InvalidPattern(
            f"{foreign[0]!r} cannot stand in an image name; the wildcards are * and **", foreign.start(), foreign.end()
        )
    if text.endswith("/"):
        raise InvalidPattern(f"this names no image; write {text}** for all below it", 0, len(text))
    if text.startswith("/") or "//" in text:
        at = 0 if text.startswith("/") else text.index("//") + 1
        raise InvalidPattern("a part between slashes is empty", at, at + 1)


def _normalise(name: str, text: str) -> str:
    """Complete a name as references are completed: what could not be a registry stands for a name on Docker Hub."""
    if name.startswith(EVERYTHING):
        return name
    first, slash, path = name.partition("/")
    is_registry = could_be_registry(first)
    if is_registry and not slash:
        raise InvalidPattern(f"{first} is a registry and names no image; write {first}/** for all of it", 0, len(text))
    if not (slash and (is_registry or first == "*")):
        first, path = "", name
    registry, repository = complete(first, path)
    if path.startswith(EVERYTHING):
        # It stands for names with a namespace too.
        repository = path
    if repository.lower() != repository:
        raise InvalidPattern(f"a repository is written in lower case: {repository.lower()}", 0, len(text))
    return f"{registry}/{repository}"


def _glob(text: str) -> Glob:
    pieces = re.findall(r"\*\*+|.", text)
    return Glob([_ANY if len(piece) > 1 else _NO_SLASH if piece == "*" else piece for piece in pieces])
