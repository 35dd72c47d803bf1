"""The entries that `imglint images` lists, and their fields for programs."""

from __future__ import annotations

from imglint.model import INVALID
from imglint.printable import well_formed
from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from imglint.model import ImageUse
    from imglint.reference import ImageReference
    from imglint.source import Location


class Repository:
    """A repository with images: the name of its folder, and its commit, which is looked up when a format asks for it.

    Outside of Git, it is the folder that limits what is read, and has no commit.
    """

    def __init__(self, name: str, commit: Callable[[], str | None]) -> None:
        self.name, self._look_up = name, commit
        self._commit: tuple[str | None, ...] = ()

    @property
    def commit(self) -> str | None:
        """The full name of the commit at HEAD, None if there is none."""
        if not self._commit:
            self._commit = (self._look_up(),)
        return self._commit[0]


@record
class Entry:
    """One place where an image is named, without the text of its file, so that a list of many entries stays small.

    `problem` is the reason why there is no reference. `pulled_tag` is the tag that a pull uses. `parts` has the line and column of each part of the
    reference that is written apart from the name.
    """

    repository: Repository
    location: Location
    kind: str
    place: str
    where: str
    text: str
    reference: ImageReference | None
    valid: bool | None
    problem: str
    pulled_tag: str | None
    parts: Mapping[str, dict[str, int]]
    role: str
    environment: str
    row: int | None


def entry_of(use: ImageUse, repository: Repository) -> Entry:
    """Return the entry of a use."""
    problem, row = use.problem, use.row
    return Entry(
        repository,
        use.location,
        use.source.kind,
        use.place,
        use.where,
        use.text,
        use.reference,
        None if problem and problem.rule != INVALID else use.reference is not None,
        problem.message if problem else "",
        use.pulled_tag,
        _parts_outside_name(use),
        use.role,
        use.environment,
        row.line if row is not None else None,
    )


def _parts_outside_name(use: ImageUse) -> dict[str, dict[str, int]]:
    """Return the positions of the parts outside the text of the name, such as a separate `tag`."""
    low, high = use.span
    found = {}
    for name, (start, end) in sorted(use.parts.items()):
        if name != "whole" and not low <= start <= end <= high:
            location = use.source.location(start, end)
            found[name] = {"line": location.line, "column": location.column}
    return found


def fields(entry: Entry) -> dict[str, object]:
    """Return the fields of an entry, as the format `json` has them."""
    # Imported here because the format `text` needs neither this nor the module json.
    from imglint.formats.json import location_object

    reference = entry.reference
    return {
        **location_object(entry.location),
        "kind": entry.kind,
        "place": entry.place,
        "where": well_formed(entry.where),
        "text": well_formed(entry.text),
        "reference": reference and well_formed(reference.text),
        "valid": entry.valid,
        "registry": reference and reference.registry,
        "repository": reference and reference.repository,
        "tag": reference and reference.tag,
        "digest": reference and reference.digest,
        "registry_explicit": reference and reference.registry_explicit,
        "parts": entry.parts,
        "role": entry.role,
        "environment": entry.environment,
        "row": entry.row,
    }


def fields_with_repository(entry: Entry) -> dict[str, object]:
    """Return the fields of an entry, after the name and the commit of its repository."""
    return {"root": well_formed(entry.repository.name), "commit": entry.repository.commit, **fields(entry)}
