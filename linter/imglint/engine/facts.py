"""Facts: from a path to what a reader finds in the file, with the environment and the policy row of each fact."""

from __future__ import annotations

import os

from imglint.engine.discover import Found, WalkError, discover
from imglint.errors import PluginError
from imglint.model import INTERNAL_ERROR, UNREAD_FILE, UNRESOLVED, Comment, ImageUse, NamedFile, Problem, RunUser
from imglint.output import warn_traceback
from imglint.plugins.load import readers
from imglint.printable import clipped
from imglint.records import record, replace
from imglint.repository import leaves, root_of
from imglint.source import Source, UnreadFile, read_stdin, read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from imglint.engine.discover import Skipped
    from imglint.engine.online import Online
    from imglint.model import Fact, Span, Tree
    from imglint.plugins.load import Reader, Rule
    from imglint.policy.find import Policies
    from imglint.policy.lookup import Policy

FACTS_MAX = 20_000
"""Facts of one file. The rest of the file is not read, which is reported."""
STDIN = "-"
"""The path that means standard input."""


@record
class Settings:
    """The settings of a run: the policies of the files, the rules by id, and what the command line adds.

    `environment` overrides the environment of all files. `selected` and `ignored` are rule ids. `excluded` returns whether the command line excludes
    a path, which is a folder or not. `stdin_filename` is the path under which standard input is checked. `today` is the current day in UTC,
    yyyy-mm-dd. `jobs` is the number of worker processes, None to choose it by the number of files. `tree` knows the images that the repositories of
    the files build and rewrite, None if nothing asks for them.
    `online` asks registries; it is None without `--online`.
    """

    policies: Policies
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
    tree: Tree | None = None
    online: Online | None = None


def files(
    paths: Sequence[str], settings: Settings, skip: Callable[[Skipped], object] | None = None
) -> Iterator[Found | WalkError]:
    """Yield the files to read: those with a name that a reader asks for, or a kind set by the policy. `skip` gets those that a walk skips."""
    matchers: list[Callable[[str], object]] = []

    def wanted(path: str) -> bool:
        if not matchers:
            matchers.append(_any_of({pattern for reader in readers() for pattern in reader.files}))
        name = path[path.rfind("/") + 1 :].lower()
        return matchers[0](name) is not None or settings.policies.of(path).kind_of(path) is not None

    def excluded(path: str, is_folder: bool) -> bool:
        path = settings.stdin_filename if path == STDIN else path
        by_option = settings.excluded is not None and settings.excluded(path, is_folder)
        return by_option or settings.policies.of(path).excluded(path, is_folder)

    return discover(paths, wanted, excluded, skip)


def _any_of(patterns: Iterable[str]) -> Callable[[str], object]:
    """Return a function that matches a file name against patterns: a single expression, because a walk calls it for every file."""
    import re
    from fnmatch import translate

    return re.compile("|".join(map(translate, patterns))).match


@record
class FileFacts:
    """A source, the facts in it, and the files that it names. The source has no kind if no reader claimed it."""

    source: Source
    facts: tuple[Fact, ...]
    named_files: tuple[Found, ...] = ()


def read_files(paths: Sequence[str], settings: Settings) -> Iterator[FileFacts]:
    """Yield the facts of all files at the paths, then those of the files that they name."""
    named: list[Found] = []
    for found in files(paths, settings):
        file = read_file(found, settings)
        named += file.named_files
        yield file
    seen: set[str] = set()
    while named := new_files(named, paths, seen, settings):
        read = [read_file(found, settings) for found in named]
        yield from read
        named = [found for file in read for found in file.named_files]


def new_files(named: Iterable[Found], paths: Sequence[str], seen: set[str], settings: Settings) -> list[Found]:
    """Return the files that other files name, without those that a run over the paths reads anyway or that were seen. Add them to `seen`."""
    given = {os.path.abspath(path) for path in paths}
    new = []
    for found in sorted(named, key=lambda found: (found.path, found.kind)):
        key = f"{os.path.abspath(found.path)}\0{found.kind}"
        if key not in seen and not (os.path.abspath(found.path) in given and _is_claimed(found, settings)):
            new.append(found)
        seen.add(key)
    return new


def _is_claimed(found: Found, settings: Settings) -> bool:
    """Return whether a file is of a kind by its own name and content."""
    try:
        _, reader = claim(found.path, read_text(found.path), settings.policies.of(found.path))
    except UnreadFile:
        return True
    return reader is not None and reader.kind == found.kind


def read_file(found: Found | WalkError, settings: Settings) -> FileFacts:
    """Read one file and return its facts. A file that cannot be read is a fact, too."""
    if isinstance(found, WalkError):
        return _unread(Source(found.path, ""), (0, 0), found.reason, settings)
    path = settings.stdin_filename if found.path == STDIN else found.path
    try:
        text = read_stdin() if found.path == STDIN else read_text(path)
    except UnreadFile as error:
        return _undecoded(path, error, settings, found.kind)
    return read_as(path, text, found, settings)


def read_as(path: str, text: str, found: Found, settings: Settings) -> FileFacts:
    """Return the facts of a file with this text. `path` is the one to report, `found` where the file was found."""

    def read(source: Source, reader: Reader) -> list[Fact | NamedFile]:
        return read_facts(source, reader, settings)

    return _read_if_claimed(path, text, read, settings, found.kind, found.under)


def _undecoded(path: str, error: UnreadFile, settings: Settings, kind: str) -> FileFacts:
    """Report a file that could not be read, unless its readable part shows that it is not of a known kind."""

    def report(source: Source, _reader: object = None) -> list[Fact | NamedFile]:
        span = (error.offset, min(error.offset + 1, len(error.text)))
        return [problem_at(source, span, f"cannot read this file: {error.reason}", UNREAD_FILE, settings)]

    if error.text:
        return _read_if_claimed(path, error.text, report, settings, kind)
    return _unread(Source(path, ""), (0, 0), f"cannot read this file: {error.reason}", settings)


def _read_if_claimed(
    path: str,
    text: str,
    read: Callable[[Source, Reader], list[Fact | NamedFile]],
    settings: Settings,
    kind: str,
    under: str | None = None,
) -> FileFacts:
    try:
        source, reader = claim(path, text, settings.policies.of(path), kind, under)
    except PluginError:
        raise
    except Exception as error:
        source = Source(path, text)
        return FileFacts(source, (failure(source, "detecting the kind of this file", error, settings),))
    facts: list[Fact] = []
    named: list[Found] = []
    for fact in read(source, reader) if reader else ():
        if not isinstance(fact, NamedFile):
            facts.append(fact)
        elif not _is_walked(fact, settings):
            found = _found(fact, settings)
            if isinstance(found, Problem):
                facts.append(found)
            else:
                named.append(found)
    return FileFacts(source, tuple(facts), tuple(named))


def _is_walked(named: NamedFile, settings: Settings) -> bool:
    """Return whether a walk considers a file by its name as of the kind that another file gives it, or the settings exclude it."""
    path = named.full_path
    name = path[path.rfind("/") + 1 :].lower()
    policy = settings.policies.of(path)
    excluded = settings.excluded is not None and settings.excluded(path, False)
    if excluded or policy.excluded(path) or policy.kind_of(path) is not None:
        return True
    return any(reader.kind == named.kind and reader.claims(Source(path, "")) for reader in readers(name))


def _found(named: NamedFile, settings: Settings) -> Found | Problem:
    """Return the file that another file names, or the problem that keeps it from being read."""
    path = named.full_path
    if leaves(path, root_of(named.source.path)):
        return problem_at(
            named.source, named.span, f"cannot read this file: {clipped(path)} is outside the repository", UNREAD_FILE, settings
        )
    if not os.path.lexists(path):
        return problem_at(
            named.source, named.span, f"cannot read this file: {clipped(path)} does not exist", UNRESOLVED, settings
        )
    return Found(path, False, named.kind)


def claim(path: str, text: str, policy: Policy, kind: str = "", under: str | None = None) -> tuple[Source, Reader | None]:
    """Return the source of a file, and the reader for `kind`, for the kind that the policy sets, or else for the name and content of the file.

    `under` is the path that the user named, by default that of the file.
    """
    kind = kind or policy.kind_of(path) or ""
    source = Source(path, text, kind, policy.variables, policy.targets, under)
    for reader in readers(source.name):
        if reader.kind == kind if kind else reader.claims(source):
            source.kind, source.environment = reader.kind, reader.environment
            return source, reader
    return source, None


def read_facts(source: Source, reader: Reader, settings: Settings) -> list[Fact | NamedFile]:
    """Return the facts that a reader finds in a source. A failure of the reader is a fact, too."""
    facts: list[Fact | NamedFile] = []
    placed: dict[int, tuple[ImageUse, ImageUse]] = {}
    try:
        for fact in reader.read(source):
            if len(facts) == FACTS_MAX:
                message = f"more than {FACTS_MAX} images, users and comments in this file; the rest was not read"
                facts.append(problem_at(source, fact.span, message, UNREAD_FILE, settings))
                break
            facts.append(fact if isinstance(fact, NamedFile) else _placed(fact, settings, placed))
    except Exception as error:
        facts.append(failure(source, f"reader {reader.kind}", error, settings))
    return facts


def _unread(source: Source, span: Span, message: str, settings: Settings) -> FileFacts:
    return FileFacts(source, (problem_at(source, span, message, UNREAD_FILE, settings),))


def problem_at(source: Source, span: Span, message: str, rule: str, settings: Settings) -> Problem:
    """Return a problem of one of the engine's rules, with the environment of its file."""
    policy = settings.policies.of(source.path)
    environment = settings.environment or policy.environment_of(source.path, source.environment)
    return Problem(source, span, message, rule, environment)


def _placed(fact: Fact, settings: Settings, placed: dict[int, tuple[ImageUse, ImageUse]]) -> Fact:
    """Return a fact with its environment and, for an image, its policy row.

    `placed` has the images so far, without and with their rows, by the id of the former. The image of a user usually is one of them. Keeping the
    former alive ensures that no other image gets its id.
    """
    policy, environment = settings.policies.of(fact.source.path), settings.environment
    online = settings.online.of(policy) if settings.online is not None else None
    if isinstance(fact, ImageUse):
        if id(fact) not in placed:
            placed[id(fact)] = fact, policy.resolve(fact, environment, settings.tree, online)
        return placed[id(fact)][1]
    if isinstance(fact, Comment):
        return fact
    environment = environment or policy.environment_of(fact.source.path, fact.source.environment)
    if isinstance(fact, RunUser) and fact.image:
        return replace(fact, image=_placed(fact.image, settings, placed), environment=environment)
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
