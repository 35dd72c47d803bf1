"""Facts: from a path to what its file holds, placed by the policy. Imports the model, the policy's lookup, the plugins."""

from __future__ import annotations

import sys

from imglint.engine.discover import Found, WalkError, discover
from imglint.errors import PluginError
from imglint.model import Comment, ImageUse, Problem, RunUser
from imglint.plugins import readers
from imglint.record import record, replace
from imglint.source import Source, UnreadFile, read_stdin, read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from imglint.model import Fact, Span
    from imglint.plugins import Reader, Rule
    from imglint.policy.lookup import Policy

FACTS_MAX = 100_000
"""Images, users, comments and problems of one file; what follows is not read, which is reported."""
STDIN = "-"
"""The path that stands for the text of stdin."""
INTERNAL_ERROR = "internal-error"
UNREAD_FILE = "unread-file"


@record
class Settings:
    """What a run is held to: the policy, the rules by id, and what the command line says of them.

    `environment` is that of all files, where it is given. `stdin_filename` is what the text of stdin, the path `-`, is taken for.
    `today` is the day in UTC, yyyy-mm-dd, by which exceptions end. `jobs` is the
    number of worker processes, None where the number of files decides.
    """

    policy: Policy
    rules: dict[str, Rule]
    environment: str | None = None
    selected: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    excluded: Callable[[str, bool], bool] | None = None
    comments: bool = True
    fingerprints: bool = False
    stdin_filename: str = "-"
    today: str = ""
    jobs: int | None = None
    verbose: bool = False
    debug: bool = False


def files(paths: Sequence[str], settings: Settings) -> Iterator[Found | WalkError]:
    """Yield the files to look into."""
    looked_into: list[Callable[[str], object]] = []

    def wanted(path: str) -> bool:
        if not looked_into:
            looked_into.append(_one_of({pattern for reader in readers() for pattern in reader.files}))
        name = path[path.rfind("/") + 1 :].lower()
        return looked_into[0](name) is not None or settings.policy.kind_of(path) is not None

    def excluded(path: str, is_folder: bool) -> bool:
        path = settings.stdin_filename if path == STDIN else path
        by_option = settings.excluded is not None and settings.excluded(path, is_folder)
        return by_option or settings.policy.excluded(path, is_folder)

    return discover(paths, wanted, excluded)


def _one_of(patterns: Iterable[str]) -> Callable[[str], object]:
    """Return a function that matches a file's name against patterns, as one expression: a walk asks it of every file there is."""
    import re
    from fnmatch import translate

    return re.compile("|".join(map(translate, patterns))).match


@record
class Facts:
    """What a file holds. The source has no kind where no reader took it."""

    source: Source
    facts: tuple[Fact, ...]


def facts_of(found: Found | WalkError, settings: Settings) -> Facts:
    """Return the facts of one file, placed by the policy."""
    if isinstance(found, WalkError):
        return _unread(Source(found.path, ""), (0, 0), found.reason, settings)
    path = settings.stdin_filename if found.path == STDIN else found.path
    try:
        text = read_stdin() if found.path == STDIN else read_text(path)
    except UnreadFile as error:
        return _undecoded(path, error, settings)
    return _read_if_claimed(path, text, lambda source, reader: read_facts(source, reader, settings), settings)


def _undecoded(path: str, error: UnreadFile, settings: Settings) -> Facts:
    """Report a file that could not be read; not one of which so much could be read that it is surely of no known kind."""

    def report(source: Source, _reader: object = None) -> list[Fact]:
        span = (error.offset, min(error.offset + 1, len(error.text)))
        return [problem_at(source, span, f"this file was not read: {error.reason}", UNREAD_FILE, settings)]

    if error.text:
        return _read_if_claimed(path, error.text, report, settings)
    source = Source(path, "")
    return Facts(source, tuple(report(source)))


def _read_if_claimed(path: str, text: str, read: Callable[[Source, Reader], list[Fact]], settings: Settings) -> Facts:
    try:
        source, reader = claimed(path, text, settings.policy)
    except PluginError:
        raise
    except Exception as error:
        source = Source(path, text)
        return Facts(source, (failure(source, "deciding on the kind of this file", error, settings),))
    return Facts(source, tuple(read(source, reader)) if reader else ())


def claimed(path: str, text: str, policy: Policy) -> tuple[Source, Reader | None]:
    """Return the source of a file's text, and the reader that its kind in the policy, its name or its content call for."""
    kind = policy.kind_of(path)
    source = Source(path, text, kind or "", policy.variables, policy.targets)
    for reader in readers(source.name):
        if reader.kind == kind if kind else reader.claims(source):
            source.kind = reader.kind
            return source, reader
    return source, None


def read_facts(source: Source, reader: Reader, settings: Settings) -> list[Fact]:
    """Return what a reader finds in a source, placed by the policy; where the reader fails, that is a fact too."""
    facts: list[Fact] = []
    try:
        for fact in reader.read(source):
            if len(facts) == FACTS_MAX:
                message = f"more than {FACTS_MAX} images, users and comments in one file; what follows was not read"
                facts.append(problem_at(source, fact.span, message, UNREAD_FILE, settings))
                break
            facts.append(_placed(fact, settings))
    except Exception as error:
        facts.append(failure(source, f"the reader {reader.kind}", error, settings))
    return facts


def _unread(source: Source, span: Span, message: str, settings: Settings) -> Facts:
    return Facts(source, (problem_at(source, span, message, UNREAD_FILE, settings),))


def problem_at(source: Source, span: Span, message: str, rule: str, settings: Settings) -> Problem:
    """Return a problem of one of the engine's rules, with the environment of its file."""
    return Problem(source, span, message, rule, settings.environment or settings.policy.environment_of(source.path))


def _placed(fact: Fact, settings: Settings) -> Fact:
    """Return a fact with its environment and, for an image, its row in the policy."""
    policy, environment = settings.policy, settings.environment
    if isinstance(fact, ImageUse):
        return policy.resolve(fact, environment)
    if isinstance(fact, Comment):
        return fact
    environment = environment or policy.environment_of(fact.source.path)
    if isinstance(fact, RunUser) and fact.image:
        return replace(fact, image=policy.resolve(fact.image, environment), environment=environment)
    return replace(fact, environment=environment)


def failure(source: Source, what: str, error: Exception, settings: Settings) -> Problem:
    """Return the problem that reports an exception in imglint or a plugin."""
    if settings.debug:
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, PluginError):
        # It names the plugin that breaks its contract, and how.
        message = str(error)
    else:
        message = f"{what} failed here with {type(error).__name__}: {error}; run with --debug for the traceback, and report it"
    return problem_at(source, (0, 0), message, INTERNAL_ERROR, settings)
