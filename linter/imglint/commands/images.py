"""`imglint images`: every place where an image is named, for people or as JSON. Imports the engine and check's settings; json for JSON."""

from __future__ import annotations

from imglint.commands.options import CLEAN, FAILED, CommandOptions, run_command, settings_for
from imglint.engine.facts import INTERNAL_ERROR, facts_of, files
from imglint.model import UNRESOLVED, ImageUse, Problem
from imglint.output import encoded, warn, write_stdout
from imglint.printable import printable, well_formed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def images(request: CommandOptions) -> int:
    """Print the places of the request's paths in file and line order, and return the exit status; what could not be read goes to stderr."""
    return run_command(request, _images)


def _images(request: CommandOptions) -> int:
    settings = settings_for(request)
    uses: list[ImageUse] = []
    problems: list[Problem] = []
    for found in files(request.paths or ("",), settings):
        for fact in facts_of(found, settings).facts:
            if isinstance(fact, ImageUse):
                uses.append(fact)
            elif isinstance(fact, Problem):
                problems.append(fact)
    for problem in sorted(problems, key=lambda problem: (problem.source.path, problem.span)):
        place = problem.location
        warn(f"{place.path}:{place.line}:{place.column}: {problem.message}")
    uses.sort(key=lambda use: (use.source.path, use.span))
    write = _write_json if request.format == "json" else _write_text
    write_stdout(encoded("".join(write(uses))))
    return FAILED if any(problem.rule == INTERNAL_ERROR for problem in problems) else CLEAN


def _write_text(uses: list[ImageUse]) -> Iterator[str]:
    for use in uses:
        place = use.location
        name = str(use.reference) if use.reference else use.text
        why = f" ({use.problem.message})" if use.problem else ""
        yield (
            printable(f"{place.path}:{place.line}:{place.column}: {name}, {use.role}, {use.where}, {use.environment}{why}") + "\n"
        )


def _write_json(uses: list[ImageUse]) -> Iterator[str]:
    from json import JSONEncoder

    encode = JSONEncoder().encode
    lines = [encode(_entry(use)) for use in uses]
    yield "[\n  " + ",\n  ".join(lines) + "\n]\n" if lines else "[]\n"


def _entry(use: ImageUse) -> dict[str, object]:
    """Return the documented object of one place."""
    place, reference = use.location, use.reference
    row = use.row
    return {
        "path": well_formed(place.path),
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "kind": use.source.kind,
        "place": use.place,
        "where": well_formed(use.where),
        "text": well_formed(use.text),
        "reference": reference and well_formed(reference.text),
        "valid": None if use.problem and use.problem.rule == UNRESOLVED else reference is not None,
        "registry": reference and reference.registry,
        "repository": reference and reference.repository,
        "tag": reference and reference.tag,
        "digest": reference and reference.digest,
        "registry_explicit": reference and reference.registry_explicit,
        "parts": {name: _point(use, span) for name, span in sorted(_apart(use))},
        "role": use.role,
        "environment": use.environment,
        "row": row and row.line,
    }


def _apart(use: ImageUse) -> Iterable[tuple[str, tuple[int, int]]]:
    """Return the parts that stand outside of the name part's own text."""
    low, high = use.span
    return [(name, span) for name, span in use.parts.items() if name != "whole" and not low <= span[0] <= span[1] <= high]


def _point(use: ImageUse, span: tuple[int, int]) -> dict[str, int]:
    place = use.source.location(*span)
    return {"line": place.line, "column": place.column}
