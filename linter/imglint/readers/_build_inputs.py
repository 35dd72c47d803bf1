"""What a build names besides its Dockerfile: contexts and caches, as BuildKit and buildx read them. Imports traced texts."""

from __future__ import annotations

from imglint.source import Source
from imglint.traced import PLACEHOLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.model import ImageUse, Span

FRONTEND_ARGUMENT = "BUILDKIT_SYNTAX"
"""The build argument that replaces the frontend of `# syntax=` (moby/buildkit, frontend/dockerfile/builder/build.go)."""


def context_name(use: ImageUse) -> str | None:
    """Return the name that an additional context needs in order to replace an image, or None if it is unknown.

    BuildKit looks for a context with the familiar name of the image, without `:latest` (`NamedContext` in moby/buildkit, frontend/dockerui/config.go).
    Compose passes the names of contexts on as they are written.
    """
    reference = use.reference
    if reference is None or not use.tag_known:
        return None
    name = reference.name.removeprefix("docker.io/")
    official = name.removeprefix("library/")
    tag = f":{reference.tag}" if reference.tag else ""
    digest = f"@{reference.digest}" if reference.digest else ""
    return f"{name if '/' in official else official}{tag}{digest}".removesuffix(":latest")


def is_remote(path: str) -> bool:
    """Return whether a build context or a file is not on this machine (`isRemoteContext` in compose-spec/compose-go, paths/context.go)."""
    return "://" in path or path.startswith(("github.com/", "git@"))


def cached_images(text: str) -> list[Span]:
    """Return the spans of the images in a cache: written alone, or as `type=registry,ref=IMAGE`.

    Keys are read as buildx does (`UnmarshalText` in docker/buildx, util/buildflags/cache.go). A type that is unknown may be `registry`.
    """
    from imglint.dockerfile.instructions import csv_fields

    fields = csv_fields(text)
    if "=" not in text:
        return [(start, end) for start, end in fields if start < end]
    refs, types, is_unknown = [], [], False
    for start, end in fields:
        key, _, value = text[start:end].partition("=")
        if key.strip().lower() == "ref":
            refs.append((end - len(value), end))
        elif key.strip().lower() == "type":
            types.append(value.strip())
        is_unknown = is_unknown or PLACEHOLDER in key
    is_registry = any(value == "registry" or PLACEHOLDER in value for value in types) if types else is_unknown
    return refs if is_registry else []


def generators(text: str) -> list[Span]:
    """Return the spans of the image in an attestation, `type=sbom,generator=IMAGE`, that makes the SBOM.

    The fields are those of https://docs.docker.com/build/metadata/attestations/sbom/.
    """
    from imglint.dockerfile.instructions import csv_fields

    fields = [(start, end, *text[start:end].partition("=")[::2]) for start, end in csv_fields(text)]
    if not any(key.strip().lower() == "type" and value.strip() in ("sbom", PLACEHOLDER) for _, _, key, value in fields):
        return []
    return [(end - len(value), end) for _, end, key, value in fields if key.strip().lower() == "generator" and value]


def is_dockerfile_name(path: str) -> bool:
    """Return whether a file is a Dockerfile by its name alone."""
    from imglint.readers import dockerfile

    return dockerfile.claims(Source(path, ""))
