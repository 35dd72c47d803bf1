"""Image patterns: `match`, `built` and `use-instead` of a policy. Imports the matcher and the grammar of references.

A pattern matches the normalized name of an image and, if the pattern has a tag or a digest, those too. `*` matches any number of characters
except slashes, `**` any number of characters.
"""

from __future__ import annotations

import re

from imglint.patterns.matcher import ANY, NO_SLASH, Glob, InvalidPattern, Wildcard, check_length
from imglint.reference import complete, could_be_registry

EVERYTHING = "**"
_ANY, _NO_SLASH = Wildcard(ANY), Wildcard(NO_SLASH)
_NOT_ALLOWED = re.compile(r"[^a-z0-9._/:@*\[\]-]", re.IGNORECASE)


class ImagePattern:
    """One pattern for images.

    `text` is the pattern as the policy has it, `at` its location as `path:line`. `name` is the normalized name part, `tag` and `digest` are the
    other parts, None if the pattern has none.
    """

    __slots__ = ("_digest", "_name", "_tag", "at", "digest", "name", "tag", "text")

    def __init__(self, text: str, at: str = "") -> None:
        """Read a pattern. Raises InvalidPattern if it can match no image."""
        _check(text)
        self.text, self.at = text, at
        written, name, tag, digest = text, text, None, None
        if "@" in written:
            written, _, digest = written.partition("@")
            name = written
        if ":" in written.rpartition("/")[2]:
            name, _, tag = written.rpartition(":")
        self.name, self.tag, self.digest = _normalized(name, text), tag, digest
        self._name = _glob(self.name)
        self._tag = None if tag is None else _glob(tag)
        self._digest = None if digest is None else _glob(digest)

    @property
    def rest(self) -> str:
        """The part after the name, with its separators: `:tag`, `@digest`, both or empty."""
        return f"{'' if self.tag is None else f':{self.tag}'}{'' if self.digest is None else f'@{self.digest}'}"

    @property
    def wildcards(self) -> int:
        """The number of wildcards in the name."""
        return len(re.findall(r"\*+", self.name))

    def fits(self, name: str, tag: str | None, digest: str | None, *, any_tag: bool = False) -> bool:
        """Return whether the pattern matches an image by its normalized name, tag and digest; with `any_tag`, its tag matches every tag."""
        if not self._name.fits(name):
            return False
        if self._tag is not None and not any_tag and (tag is None or not self._tag.fits(tag)):
            return False
        return self._digest is None or (digest is not None and self._digest.fits(digest))

    def fill(self, name: str, template: str) -> str | None:
        """Return the template with its wildcards replaced, in order, by the text that the wildcards of this pattern match in a name.

        Wildcards of the template beyond those of this pattern stay. Returns None if the pattern does not match the name.
        """
        captures = self._name.captures(name)
        if captures is None:
            return None
        texts = iter(captures)
        return re.sub(r"\*+", lambda star: next(texts, star[0]), template)


def _check(text: str) -> None:
    """Raise InvalidPattern if the text cannot be part of any image reference."""
    if not text:
        raise InvalidPattern("empty pattern; `**` matches every image", 0, 0)
    check_length(text)
    if "://" in text:
        end = text.index("://") + 3
        raise InvalidPattern("image names have no scheme; remove it", 0, end)
    match = _NOT_ALLOWED.search(text)
    if match:
        raise InvalidPattern(
            f"{match[0]!r} is not allowed in an image name; the wildcards are `*` and `**`", match.start(), match.end()
        )
    if text.endswith("/"):
        raise InvalidPattern(f"pattern ends with a slash; write `{text}**` for everything below it", 0, len(text))
    if text.startswith("/") or "//" in text:
        at = 0 if text.startswith("/") else text.index("//") + 1
        raise InvalidPattern("empty path component", at, at + 1)


def _normalized(name: str, text: str) -> str:
    """Add the registry and namespace that a reference without them has: a first part that cannot be a registry means Docker Hub."""
    if name.startswith(EVERYTHING):
        return name
    first, slash, path = name.partition("/")
    is_registry = could_be_registry(first)
    if is_registry and not slash:
        raise InvalidPattern(f"{first} is a registry, not an image; write `{first}/**` for all its images", 0, len(text))
    if not (slash and (is_registry or first == "*")):
        first, path = "", name
    registry, repository = complete(first, path)
    if path.startswith(EVERYTHING):
        # It matches names with a namespace too, so `library/` must not be added.
        repository = path
    if repository.lower() != repository:
        raise InvalidPattern(f"repository must be lowercase; write `{repository.lower()}`", 0, len(text))
    return f"{registry}/{repository}"


def _glob(text: str) -> Glob:
    pieces = re.findall(r"\*\*+|.", text)
    return Glob([_ANY if len(piece) > 1 else _NO_SLASH if piece == "*" else piece for piece in pieces])
