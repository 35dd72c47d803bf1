"""`imglint images`: lists every image reference, as text or JSON. Imports json for JSON only."""

from __future__ import annotations

from imglint.commands.options import CLEAN, FAILED, CommandOptions, run_command, settings_for
from imglint.engine.facts import read_files
from imglint.model import INTERNAL_ERROR, INVALID, ImageUse, Problem
from imglint.output import encoded, warn, write_stdout
from imglint.printable import json_line, printable_line, well_formed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def images(options: CommandOptions) -> int:
    """Print all image references in file and line order, and return the exit status. Problems with files go to stderr."""
    return run_command(options, _images)


def _images(options: CommandOptions) -> int:
    settings = settings_for(options)
    uses: list[ImageUse] = []
    problems: list[Problem] = []
    for file in read_files(options.paths or ("",), settings):
        for fact in file.facts:
            if isinstance(fact, ImageUse):
                uses.append(fact)
            elif isinstance(fact, Problem):
                problems.append(fact)
    for problem in sorted(problems, key=lambda problem: (problem.source.path, problem.span)):
        warn(f"{problem.location}: {problem.message}")
    uses.sort(key=lambda use: (use.source.path, use.span))
    write = _write_json if options.format == "json" else _write_text
    write_stdout(encoded("".join(write(uses))))
    return FAILED if any(problem.rule == INTERNAL_ERROR for problem in problems) else CLEAN


def _write_text(uses: list[ImageUse]) -> Iterator[str]:
    for use in uses:
        name = str(use.reference) if use.reference else use.text
        problem = f" ({use.problem.message})" if use.problem else ""
        yield printable_line(f"{use.location}: {name}, {use.role}, {use.where}, {use.environment}{problem}") + "\n"


def _write_json(uses: list[ImageUse]) -> Iterator[str]:
    from json import JSONEncoder

    from imglint.formats.json import location_object

    encode = JSONEncoder().encode
    lines = [json_line(encode(location_object(use.location) | _entry(use))) for use in uses]
    yield "[\n  " + ",\n  ".join(lines) + "\n]\n" if lines else "[]\n"


def _entry(use: ImageUse) -> dict[str, object]:
    """Return the JSON object of one image reference, without its location."""
    reference, row = use.reference, use.row
    return {
        "kind": use.source.kind,
        "place": use.place,
        "where": well_formed(use.where),
        "text": well_formed(use.text),
        "reference": reference and well_formed(reference.text),
        "valid": None if use.problem and use.problem.rule != INVALID else reference is not None,
        "registry": reference and reference.registry,
        "repository": reference and reference.repository,
        "tag": reference and reference.tag,
        "digest": reference and reference.digest,
        "registry_explicit": reference and reference.registry_explicit,
        "parts": {name: _point(use, span) for name, span in sorted(_parts_outside_name(use))},
        "role": use.role,
        "environment": use.environment,
        "row": row and row.line,
    }


def _parts_outside_name(use: ImageUse) -> Iterable[tuple[str, tuple[int, int]]]:
    """Return the names and spans of the parts outside the text of the name, such as a separate `tag`."""
    low, high = use.span
    return [(name, span) for name, span in use.parts.items() if name != "whole" and not low <= span[0] <= span[1] <= high]


def _point(use: ImageUse, span: tuple[int, int]) -> dict[str, int]:
    location = use.source.location(*span)
    return {"line": location.line, "column": location.column}
