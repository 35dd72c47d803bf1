"""Reading what registries answer with, which can be anything: JSON, digests and tags."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from imglint.errors import Unverified
from imglint.reference import DIGEST_LENGTHS, TAG_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imglint.registry.hosts import Endpoint

_TAG = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{TAG_MAX - 1}}}")


def document(data: bytes) -> dict[str, Any] | None:
    """Return a JSON object, or None if it is not one."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def mapping(value: object) -> dict[str, Any]:
    """Return a value if it is an object, or an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[dict[str, Any]]:
    """Return the objects in a value if it is a list, or an empty list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def string(value: object) -> str:
    """Return a value if it is a string, or an empty one."""
    return value if isinstance(value, str) else ""


def digest_of(descriptor: dict[str, Any], endpoint: Endpoint) -> str:
    """Return the digest of a descriptor. Raises Unverified if it is not valid."""
    digest = string(descriptor.get("digest"))
    if not is_digest(digest):
        raise Unverified(endpoint.registry, "answered with an invalid digest")
    return digest


def is_digest(text: str) -> bool:
    """Return whether a text is a digest, with an algorithm that imglint knows."""
    algorithm, _, digits = text.partition(":")
    return len(digits) == DIGEST_LENGTHS.get(algorithm) and re.fullmatch("[0-9a-f]+", digits) is not None


def content_digest(content: bytes, target: str) -> str:
    """Return the digest of a content, with the algorithm of `target` if that is a digest, or else SHA-256."""
    algorithm = target.partition(":")[0] if ":" in target else "sha256"
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def valid_tags(tags: Iterable[object]) -> list[str]:
    """Return the tags that a reference can have."""
    return [tag for tag in tags if isinstance(tag, str) and _TAG.fullmatch(tag)]
