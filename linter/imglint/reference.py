"""Parse and normalize container image references.

The grammar, the length limits and the completion of short names follow the distribution project's reference library
(github.com/distribution/reference), which Docker, containerd, BuildKit and Kubernetes share.
"""

from __future__ import annotations

import re
from functools import lru_cache

from imglint.printable import clipped
from imglint.records import record

DOCKER_HUB = "docker.io"
LEGACY_DOCKER_HUB = "index.docker.io"
OFFICIAL_NAMESPACE = "library"
PATH_MAX = 255
TAG_MAX = 128
DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}

_HOST_PART = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"(?:{_HOST_PART}(?:\.{_HOST_PART})*|\[[A-Fa-f0-9:]+\])(?::[0-9]+)?"
_COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]+"
_REMAINDER = re.compile(rf"({_PATH})(?::({_TAG}))?(?:@({_DIGEST}))?")
# Compiled when they are first used (the re module keeps them): most small runs need none of them.
_SEPARATORS = r"[._/-]+"
_VALID_SEPARATOR = r"[._/]|__|-+"
_PLACEHOLDER = (
    r"<[^<>/]+>|@\w+@|\{[^{}/]+\}|\[[^\[\]/:]+\]|%%?\w+%%?|(?<![^/])__\w+__(?![^/:])"
    r"|(?<![^/])(?:[A-Z0-9]+(?:[ _-]+[A-Z0-9]+)+|(?=[A-Z0-9]*(?:IMAGE|REGISTRY|REPLACE))[A-Z0-9]++)(?![^/:])"
)
"""Names that people and scripts replace: `<image>`, `@IMAGE@`, `{image}`, `[image]`, `%IMAGE%`, `__IMAGE__`, `YOUR_IMAGE`, `BASEIMAGE`."""


class InvalidReference(ValueError):
    """Raised for text that is not an image reference. `reason` is the message; `start` and `end` are the offsets of the invalid part."""

    def __init__(self, reason: str, start: int, end: int) -> None:
        super().__init__(reason)
        self.reason, self.start, self.end = reason, start, end


@record
class ImageReference:
    """An image reference, normalized as Docker does it.

    `text` is the reference as written. `registry` and `repository` are complete (`docker.io`, `library/nginx`). `tag` and `digest` are None if
    the text has none; `registry_explicit` is True if the text names the registry. `spans` maps each written part (`registry`, `repository`,
    `tag`, `digest`) to its start and end offset in `text`.
    """

    text: str
    registry: str
    repository: str
    tag: str | None
    digest: str | None
    registry_explicit: bool
    spans: dict[str, tuple[int, int]]

    @property
    def name(self) -> str:
        """The normalized name without tag and digest, such as `docker.io/library/nginx`."""
        return f"{self.registry}/{self.repository}"

    def __str__(self) -> str:
        tag = "" if self.tag is None else f":{self.tag}"
        digest = "" if self.digest is None else f"@{self.digest}"
        return f"{self.name}{tag}{digest}"


@lru_cache(maxsize=4096)
def parse(text: str) -> ImageReference:
    """Parse an image reference.

    Raises InvalidReference if the text is not one.
    """
    if len(text) == 64 and not text.strip("0123456789abcdef"):
        raise InvalidReference("64 hexadecimal digits are an image ID; use an image name", 0, 64)
    start = _registry_end(text)
    match = _REMAINDER.fullmatch(text, start)
    if match is None:
        raise _diagnose(text, start)
    path, tag, digest = match.groups()
    registry, repository = complete(text[: max(start - 1, 0)], path)
    _check_limits(match, repository, tag, digest)
    spans = {"repository": match.span(1)}
    if start:
        spans["registry"] = (0, start - 1)
    if tag is not None:
        spans["tag"] = match.span(2)
    if digest is not None:
        spans["digest"] = match.span(3)
    return ImageReference(text, registry, repository, tag, digest, bool(start), spans)


def _registry_end(text: str) -> int:
    """Return the offset after the registry and its slash, or 0 if the text names no registry."""
    first, slash, _ = text.partition("/")
    if not slash or not could_be_registry(first):
        return 0
    # Compiling the pattern takes long for a small run, which often names no other registry.
    if first != DOCKER_HUB and re.fullmatch(_HOST, first) is None:
        reason = "invalid registry host"
        if text.startswith("://", len(first) - 1):
            reason = f"image references have no URL scheme; remove `{clipped(first)}//`"
        raise _placeholder_error(text, 0) or InvalidReference(reason, 0, len(first))
    return len(first) + 1


def could_be_registry(segment: str) -> bool:
    """Whether the first of several path segments is a registry rather than a Docker Hub namespace."""
    return segment == "localhost" or "." in segment or ":" in segment or segment.lower() != segment


def complete(registry: str, path: str) -> tuple[str, str]:
    """Return the complete registry and repository. An empty `registry` stands for Docker Hub."""
    if registry in ("", LEGACY_DOCKER_HUB):
        registry = DOCKER_HUB
    if registry == DOCKER_HUB and "/" not in path:
        path = f"{OFFICIAL_NAMESPACE}/{path}"
    return registry, path


def _check_limits(match: re.Match[str], repository: str, tag: str | None, digest: str | None) -> None:
    if len(repository) > PATH_MAX:
        raise InvalidReference(f"repository name has {len(repository)} characters; the limit is {PATH_MAX}", *match.span(1))
    if tag is not None and len(tag) > TAG_MAX:
        raise InvalidReference(f"tag has {len(tag)} characters; the limit is {TAG_MAX}", *match.span(2))
    if digest is not None:
        reason = _digest_error(digest)
        if reason:
            raise InvalidReference(reason, *match.span(3))


def _digest_error(digest: str) -> str | None:
    algorithm, _, encoded = digest.partition(":")
    length = DIGEST_LENGTHS.get(algorithm)
    if length is None:
        return f"unknown digest algorithm {clipped(algorithm)}; use sha256, sha384 or sha512"
    if len(encoded) != length:
        return f"{algorithm} digest has {len(encoded)} hexadecimal digits; it must have {length}"
    if encoded.lower() != encoded:
        return "digest must be lowercase"
    return None


def _diagnose(text: str, start: int) -> InvalidReference:
    """Return the error for a text that does not match the grammar after its registry."""
    if not text:
        return InvalidReference("image reference is empty", 0, 0)
    placeholder = _placeholder_error(text, start)
    if placeholder is not None:
        return placeholder
    name, _, _ = text[start:].partition("@")
    path, colon, tag = name.partition(":")
    path_end, name_end = start + len(path), start + len(name)
    if not path:
        return InvalidReference("repository name is missing", start, len(text))
    if re.fullmatch(_PATH, path) is None:
        return InvalidReference(_repository_error(path), start, path_end)
    if colon and not tag:
        return InvalidReference("no tag after ':'; add a tag or remove the ':'", path_end, name_end)
    if colon and re.fullmatch(_TAG, tag) is None:
        return InvalidReference(_tag_error(tag), path_end + 1, name_end)
    return InvalidReference("invalid digest; write `sha256:` and 64 hexadecimal digits", name_end, len(text))


def _placeholder_error(text: str, start: int) -> InvalidReference | None:
    """Return the error for the first placeholder at or after an offset, None if there is none."""
    found = re.compile(_PLACEHOLDER).search(text, start)
    return found and InvalidReference(f"{clipped(found[0])} looks like a placeholder; replace it", *found.span())


def _repository_error(path: str) -> str:
    if re.fullmatch(_PATH, path.lower()) is not None:
        return f"repository name must be lowercase; write {clipped(path.lower())}"
    invalid = re.search(r"[^A-Za-z0-9._/-]", path)
    if invalid is not None:
        return f"invalid character {invalid[0]!r} in repository name"
    misplaced = next(run for run in re.finditer(_SEPARATORS, path) if not _separates(run))
    return f"misplaced '{clipped(misplaced[0])}' in repository name"


def _separates(run: re.Match[str]) -> bool:
    """Whether a run of separator characters joins two parts of a repository name as the grammar allows."""
    return run.start() > 0 and run.end() < len(run.string) and re.fullmatch(_VALID_SEPARATOR, run[0]) is not None


def _tag_error(tag: str) -> str:
    invalid = re.search(r"[^A-Za-z0-9_.-]", tag)
    if invalid is not None:
        return f"invalid character {invalid[0]!r} in tag"
    return f"tag cannot start with '{tag[0]}'"
