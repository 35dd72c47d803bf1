"""ImageReference: the grammar and the normalisation of container image references. Imports only the records.

The grammar, the limits and the way a short name is completed are those of the distribution project's reference library
(github.com/distribution/reference), which Docker, containerd, BuildKit and Kubernetes share.
"""

from __future__ import annotations

import re
from functools import lru_cache

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
_REGISTRY = re.compile(_HOST)


class InvalidReference(ValueError):
    """Text that is no image reference. `reason` says what is wrong and what is allowed; `start` and `end` bound the wrong piece in it."""

    def __init__(self, reason: str, start: int, end: int) -> None:
        super().__init__(reason)
        self.reason, self.start, self.end = reason, start, end


@record
class ImageReference:
    """One image reference, normalised as Docker does.

    `text` is what was read. `registry` and `repository` are complete (`docker.io`, `library/nginx`); `tag` and `digest` are None where they are
    not written, and `registry_explicit` tells whether the registry is. `spans` says where each written part stands in the text: pairs of offsets
    by the names `registry`, `repository`, `tag` and `digest`.
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
        """The normalised name without tag and digest, such as `docker.io/library/nginx`."""
        return f"{self.registry}/{self.repository}"

    def __str__(self) -> str:
        tag = "" if self.tag is None else f":{self.tag}"
        digest = "" if self.digest is None else f"@{self.digest}"
        return f"{self.name}{tag}{digest}"


@lru_cache(maxsize=4096)
def parse(text: str) -> ImageReference:
    """Read one image reference.

    Raises InvalidReference where the text is none.
    """
    if len(text) == 64 and not text.strip("0123456789abcdef"):
        raise InvalidReference("64 hexadecimal digits alone name an image by its identifier; write a name in front", 0, 64)
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
    """Return the offset after the registry and its slash, 0 where the first segment is no registry."""
    first, slash, _ = text.partition("/")
    if not slash or not could_be_registry(first):
        return 0
    if _REGISTRY.fullmatch(first) is None:
        reason = "'//' cannot stand in an image name; leave the scheme out" if first.endswith(":") else "this is no registry host"
        raise InvalidReference(reason, 0, len(first))
    return len(first) + 1


def could_be_registry(segment: str) -> bool:
    """Whether the first segment of a name with several stands for a registry, and not for a namespace of Docker Hub."""
    return segment == "localhost" or "." in segment or ":" in segment or segment.lower() != segment


def complete(registry: str, path: str) -> tuple[str, str]:
    """Return registry and repository in full. A registry that is not written is empty."""
    if registry in ("", LEGACY_DOCKER_HUB):
        registry = DOCKER_HUB
    if registry == DOCKER_HUB and "/" not in path:
        path = f"{OFFICIAL_NAMESPACE}/{path}"
    return registry, path


def _check_limits(match: re.Match[str], repository: str, tag: str | None, digest: str | None) -> None:
    if len(repository) > PATH_MAX:
        raise InvalidReference(f"a repository has at most {PATH_MAX} characters, this has {len(repository)}", *match.span(1))
    if tag is not None and len(tag) > TAG_MAX:
        raise InvalidReference(f"a tag has at most {TAG_MAX} characters, this has {len(tag)}", *match.span(2))
    if digest is not None:
        reason = _digest_fault(digest)
        if reason:
            raise InvalidReference(reason, *match.span(3))


def _digest_fault(digest: str) -> str | None:
    algorithm, _, encoded = digest.partition(":")
    length = DIGEST_LENGTHS.get(algorithm)
    if length is None:
        return f"unknown digest algorithm {algorithm}; known are {', '.join(DIGEST_LENGTHS)}"
    if len(encoded) != length:
        return f"a {algorithm} digest has {length} hexadecimal digits, this has {len(encoded)}"
    if encoded.lower() != encoded:
        return "a digest is written in lower case"
    return None


def _diagnose(text: str, start: int) -> InvalidReference:
    """Find out which piece of a text that does not match the grammar is to blame."""
    if not text:
        return InvalidReference("an image reference cannot be empty", 0, 0)
    name, _, _ = text[start:].partition("@")
    path, colon, tag = name.partition(":")
    path_end, name_end = start + len(path), start + len(name)
    if not path:
        return InvalidReference("the name in front of the tag or digest is missing", start, len(text))
    if re.fullmatch(_PATH, path) is None:
        reason = "a repository is made of lower-case letters and digits, joined by '/', '.', '_', '__' or dashes"
        if re.fullmatch(_PATH, path.lower()) is not None:
            reason = f"a repository is written in lower case: {path.lower()}"
        return InvalidReference(reason, start, path_end)
    if colon and not tag:
        return InvalidReference("the tag after ':' is missing", path_end, name_end)
    if colon and re.fullmatch(_TAG, tag) is None:
        reason = "a tag is made of letters, digits, '_', '.' and '-', and starts with neither of the last two"
        return InvalidReference(reason, path_end + 1, name_end)
    return InvalidReference("a digest is written algorithm:hexadecimal, such as sha256:...", name_end, len(text))
