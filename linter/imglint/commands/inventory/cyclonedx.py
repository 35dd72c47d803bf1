"""The format `cyclonedx`: a bill of materials in CycloneDX JSON 1.6, for SBOM tools. The output is ASCII, so it is valid in every encoding.

An image is one component of type `container`, wherever it is used; the places are its `evidence.occurrences`. Two references are the same image if a
pull uses the same name, tag and digest. Version 1.6 is the newest that all common tools read, and newer ones add nothing that is needed here.

The package URLs have the type `oci`: it covers all images in registries, "including container images built by Docker"; `repository_url` is the whole
name, and the tag is not confused with the digest. In the type `docker`, the version is a tag or the ID of an image, and the registry is part of the
namespace or not (https://github.com/package-url/purl-spec, types `oci` and `docker`).

The same entries give the same document, byte for byte: there is no timestamp, and the serial number is derived from the content.
"""

from __future__ import annotations

from json import JSONEncoder

from imglint.printable import json_line, well_formed
from imglint.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from imglint.commands.inventory._entries import Entry

SPEC_VERSION = "1.6"
NAMESPACE = "imglint:"
"""The namespace of the names of properties, as the property taxonomy of CycloneDX asks for."""


def write(entries: Iterable[Entry], out: TextIO) -> None:
    """Write a document with a component for each image, in order of their package URLs."""
    from hashlib import sha256
    from uuid import NAMESPACE_URL, uuid5

    encode = JSONEncoder().encode
    images: dict[str, list[Entry]] = {}
    unnamed: list[Entry] = []
    repositories: set[str] = set()
    for entry in entries:
        repositories.add(_repository(entry))
        if entry.reference is None:
            unnamed.append(entry)
        else:
            images.setdefault(_package_url(entry), []).append(entry)
    components = [json_line(encode(_component(url, found))) for url, found in sorted(images.items())]
    properties = [*_properties("repository", repositories), *[_property("left-out", _left_out(entry)) for entry in unnamed]]
    composition: dict[str, object] = {"compositions": [{"aggregate": "incomplete"}]} if unnamed else {}
    tail = json_line(encode({**composition, "properties": properties}))
    digest = sha256("\n".join([*components, tail]).encode()).hexdigest()
    head = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC_VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, digest)}",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "pre-build"}],
            "tools": {"components": [{"type": "application", "name": "imglint", "version": VERSION}]},
        },
    }
    out.write(encode(head)[:-1] + ', "components": [')
    separator = "\n  "
    for component in components:
        out.write(separator + component)
        separator = ",\n  "
    out.write(("\n], " if components else "], ") + tail[1:] + "\n")


def _component(url: str, entries: list[Entry]) -> dict[str, object]:
    """Return the component of an image from its package URL and the places that name it."""
    reference = entries[0].reference
    assert reference is not None
    version = "@".join([part for part in (entries[0].pulled_tag, reference.digest) if part])
    return {
        "type": "container",
        "bom-ref": url,
        "name": reference.name,
        **({"version": version} if version else {}),
        "purl": url,
        "evidence": {"occurrences": [_occurrence(entry) for entry in entries]},
        "properties": [
            *_properties("repository", map(_repository, entries)),
            *_properties("environment", [entry.environment for entry in entries]),
            *_properties("role", [entry.role for entry in entries]),
            *_properties("kind", [entry.kind for entry in entries]),
        ],
    }


def _package_url(entry: Entry) -> str:
    """Return the package URL of the image that a pull uses. An image with an unknown tag has none in its package URL."""
    from urllib.parse import quote

    reference = entry.reference
    assert reference is not None
    version = f"@{reference.digest}" if reference.digest else ""
    tag = f"&tag={quote(entry.pulled_tag, safe=':')}" if entry.pulled_tag else ""
    name = quote(reference.repository.rpartition("/")[2], safe=":")
    return f"pkg:oci/{name}{version}?repository_url={quote(reference.name, safe=':')}{tag}"


def _occurrence(entry: Entry) -> dict[str, object]:
    """Return one place. The column has no field of its own, and `offset` counts in a unit that CycloneDX does not define."""
    context = f"{_repository(entry)}, {entry.environment}, {entry.role}, {entry.kind}, {entry.place}: {entry.where}"
    return {"location": well_formed(entry.location.path), "line": entry.location.line, "additionalContext": well_formed(context)}


def _repository(entry: Entry) -> str:
    """Return the repository of an entry with its commit, if it has one: `web@3f2a91c...`."""
    commit = entry.repository.commit
    return well_formed(entry.repository.name) + (f"@{commit}" if commit else "")


def _left_out(entry: Entry) -> str:
    """Return the place of an image without a name, which cannot be a component."""
    return well_formed(f"{entry.location}: {entry.text}: {entry.problem}")


def _properties(name: str, values: Iterable[str]) -> list[dict[str, str]]:
    """Return a property for each different value."""
    return [_property(name, value) for value in sorted(set(values))]


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": f"{NAMESPACE}{name}", "value": value}
