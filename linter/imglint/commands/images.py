"""`imglint images`: lists every place where an image is named, in one of the formats of `imglint.commands.inventory`."""

from __future__ import annotations

import os

from imglint.commands.inventory._entries import Repository, entry_of
from imglint.commands.options import CLEAN, FAILED, CommandOptions, known_name, run_command, settings_for
from imglint.engine.facts import read_files
from imglint.model import INTERNAL_ERROR, ImageUse, Problem
from imglint.output import SpooledReport, warn, write_stdout
from imglint.plugins.load import image_format, image_formats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.commands.inventory._entries import Entry
    from imglint.engine.facts import Settings


def images(options: CommandOptions) -> int:
    """Print all image references in file and line order, and return the exit status. Problems with files go to stderr."""
    return run_command(options, _images)


def _images(options: CommandOptions) -> int:
    write = image_format(known_name("format", options.format, image_formats()))
    settings = settings_for(options)
    roots = _Roots(settings)
    entries: list[Entry] = []
    problems: list[Problem] = []
    for file in read_files(options.paths or ("",), settings):
        for fact in file.facts:
            if isinstance(fact, ImageUse):
                entries.append(entry_of(fact, roots.of(fact.source.path)))
            elif isinstance(fact, Problem):
                problems.append(fact)
    for problem in sorted(problems, key=lambda problem: (problem.source.path, problem.span)):
        warn(f"{problem.location}: {problem.message}")
    entries.sort(key=_position)
    # Printed only once it is complete, so that a failure leaves stdout empty.
    report = SpooledReport()
    write(entries, report)
    for piece in report.pieces():
        write_stdout(piece)
    return FAILED if any(problem.rule == INTERNAL_ERROR for problem in problems) else CLEAN


def _position(entry: Entry) -> tuple[str, int, int, int, int]:
    location = entry.location
    return location.path, location.line, location.column, location.end_line, location.end_column


class _Roots:
    """The repositories of the files of a run."""

    def __init__(self, settings: Settings) -> None:
        self._policies = settings.policies
        self._known: dict[str, Repository] = {}

    def of(self, path: str) -> Repository:
        """Return the repository of a file."""
        root = self._policies.root_of(os.path.dirname(os.path.abspath(path)))
        if root not in self._known:
            self._known[root] = Repository(os.path.basename(root) or root, lambda: _commit(root))
        return self._known[root]


def _commit(root: str) -> str | None:
    """Return the commit of a repository. A repository that Git cannot read has none, which is reported."""
    from imglint.engine.commits import head_commit
    from imglint.git import GitError

    try:
        return head_commit(root)
    except GitError as error:
        warn(f"{root}: cannot read the commit: {error}")
        return None
