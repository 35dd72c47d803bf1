"""Reading the JSON that registries answer with, which can be anything."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from imglint.errors import Unverified
from imglint.reference import DIGEST_LENGTHS

if TYPE_CHECKING:
    from imglint.registry.hosts import Endpoint


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
    algorithm, _, digits = digest.partition(":")
    if len(digits) != DIGEST_LENGTHS.get(algorithm) or not re.fullmatch("[0-9a-f]+", digits):
        raise Unverified(endpoint.registry, "answered with an invalid digest")
    return digest
