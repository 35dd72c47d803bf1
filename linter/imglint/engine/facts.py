"""Facts: from a path to what a reader finds in the file, with the environment and the policy row of each fact."""

from __future__ import annotations

from imglint.engine.discover import Found, WalkError, discover
from imglint.errors import PluginError
from imglint.model import INTERNAL_ERROR, UNREAD_FILE, Comment, ImageUse, Problem, RunUser
from imglint.output import warn_traceback
from imglint.plugins.load import readers
from imglint.records import record, replace
from imglint.source import Source, UnreadFile, read_stdin, read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from imglint.model import Fact, Span
    from imglint.plugins.load import Reader, Rule
    from imglint.policy.lookup import Policy

FACTS_MAX = 100_000
"""Facts of one file. The rest of the file is not read, which is reported."""
STDIN = "-"
"""The path that means standard input."""


@record
class Settings:
    """The settings of a run: the policy, the rules by id, and what the command line adds.

    `environment` overrides the environment of all files. `selected` and `ignored` are rule ids. `excluded` tells whether a path, a folder or not, is
    excluded by the command line. `stdin_filename` is the path under which standard input is checked. `today` is the current day in UTC, yyyy-mm-dd.
    `jobs` is the number of worker processes, None to choose it by the number of files.
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
    """Yield the files to read: those with a name that a reader asks for, or a kind set by the policy."""
    matchers: list[Callable[[str], object]] = []

    def wanted(path: str) -> bool:
        if not matchers:
            matchers.append(_any_of({pattern for reader in readers() for pattern in reader.files}))
        name = path[path.rfind("/") + 1 :].lower()
        return matchers[0](name) is not None or settings.policy.kind_of(path) is not None

    def excluded(path: str, is_folder: bool) -> bool:
        path = settings.stdin_filename if path == STDIN else path
        by_option = settings.excluded is not None and settings.excluded(path, is_folder)
        return by_option or settings.policy.excluded(path, is_folder)

    return discover(paths, wanted, excluded)


def _any_of(patterns: Iterable[str]) -> Callable[[str], object]:
    """Return a function that matches a file name against patterns: a single expression, because a walk calls it for every file."""
    import re
    from fnmatch import translate

    return re.compile("|".join(map(translate, patterns))).match


@record
class FileFacts:
    """A source and the facts in it. The source has no kind if no reader claimed it."""

    source: Source
    facts: tuple[Fact, ...]


def read_file(found: Found | WalkError, settings: Settings) -> FileFacts:
    """Read one file and return its facts. A file that cannot be read is a fact, too."""
    if isinstance(found, WalkError):
        return _unread(Source(found.path, ""), (0, 0), found.reason, settings)
    path = settings.stdin_filename if found.path == STDIN else found.path
    try:
        text = read_stdin() if found.path == STDIN else read_text(path)
    except UnreadFile as error:
        return _undecoded(path, error, settings)
    return _read_if_claimed(path, text, lambda source, reader: read_facts(source, reader, settings), settings, found.under)


def _undecoded(path: str, error: UnreadFile, settings: Settings) -> FileFacts:
    """Report a file that could not be read, unless its readable part shows that it is not of a known kind."""

    def report(source: Source, _reader: object = None) -> list[Fact]:
        span = (error.offset, min(error.offset + 1, len(error.text)))
        return [problem_at(source, span, f"cannot read this file: {error.reason}", UNREAD_FILE, settings)]

    if error.text:
        return _read_if_claimed(path, error.text, report, settings)
    source = Source(path, "")
    return FileFacts(source, tuple(report(source)))


def _read_if_claimed(
    path: str, text: str, read: Callable[[Source, Reader], list[Fact]], settings: Settings, named: str | None = None
) -> FileFacts:
    try:
        source, reader = claim(path, text, settings.policy, named)
    except PluginError:
        raise
    except Exception as error:
        source = Source(path, text)
        return FileFacts(source, (failure(source, "detecting the kind of this file", error, settings),))
    return FileFacts(source, tuple(read(source, reader)) if reader else ())


def claim(path: str, text: str, policy: Policy, named: str | None = None) -> tuple[Source, Reader | None]:
    """Return the source of a file, found at a named path, and the reader for the kind that the policy sets, or else for its name and content."""
    kind = policy.kind_of(path)
    source = Source(path, text, kind or "", policy.variables, policy.targets, named)
    for reader in readers(source.name):
        if reader.kind == kind if kind else reader.claims(source):
            source.kind = reader.kind
            return source, reader
    return source, None


def read_facts(source: Source, reader: Reader, settings: Settings) -> list[Fact]:
    """Return the facts that a reader finds in a source. A failure of the reader is a fact, too."""
    facts: list[Fact] = []
    try:
        for fact in reader.read(source):
            if len(facts) == FACTS_MAX:
                message = f"more than {FACTS_MAX} images, users and comments in this file; the rest was not read"
                facts.append(problem_at(source, fact.span, message, UNREAD_FILE, settings))
                break
            facts.append(_placed(fact, settings))
    except Exception as error:
        facts.append(failure(source, f"reader {reader.kind}", error, settings))
    return facts


def _unread(source: Source, span: Span, message: str, settings: Settings) -> FileFacts:
    return FileFacts(source, (problem_at(source, span, message, UNREAD_FILE, settings),))


def problem_at(source: Source, span: Span, message: str, rule: str, settings: Settings) -> Problem:
    """Return a problem of one of the engine's rules, with the environment of its file."""
    return Problem(source, span, message, rule, settings.environment or settings.policy.environment_of(source.path))


def _placed(fact: Fact, settings: Settings) -> Fact:
    """Return a fact with its environment and, for an image, its policy row."""
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
        warn_traceback(error)
    if isinstance(error, PluginError):
        # It names the plugin that breaks its contract, and how.
        message = str(error)
    else:
        message = f"{what} failed with {type(error).__name__}: {error}; run again with --debug and report the traceback"
    return problem_at(source, (0, 0), message, INTERNAL_ERROR, settings)
