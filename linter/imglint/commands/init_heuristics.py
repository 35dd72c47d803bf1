"""Heuristics for a starter policy: environments and excluded folders from the names of files and folders, and the pattern that tags share."""

from __future__ import annotations

import re

from imglint.model import PRODUCTION
from imglint.patterns.matcher import PATTERN_MAX
from imglint.patterns.tag import TagPattern
from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

STAGING, TEST, DEVELOPMENT = "staging", "test", "development"
COMPOSE = "compose"
"""The kind of file that is for development if other files are manifests or charts."""
MANIFEST = "kubernetes"
"""The kind of file that is usually named after its content, not its environment."""
DEPLOYED = frozenset((MANIFEST, "helm-values", "helm-template"))
"""Kinds of files that are deployed, so that compose files beside them are not."""

STRONG = {
    TEST: ("test", "tests", "testing", "e2e", "qa", "fixtures"),
    PRODUCTION: ("production", "prod", "prd"),
    STAGING: ("staging", "stage", "stg", "uat", "preprod", "preproduction"),
    DEVELOPMENT: ("development", "develop", "dev", "devel"),
}
"""Words that identify an environment, in the order of the lists in the policy, in which the first match decides: a test of production is a test, but
otherwise the strictest environment comes first."""

WEAK = {
    TEST: ("ci", "integration"),
    PRODUCTION: ("live",),
    DEVELOPMENT: ("local", "localdev", "sandbox", "playground", "hack", "devcontainer"),
}
"""Words that identify an environment only as a whole folder name, or as the last word of a file name other than a manifest's: not in `live-chat`."""

EXAMPLES = ("example", "examples", "sample", "samples", "demo", "demos")
"""Folders with examples. They are for development, unless nearly all images are in them: then the examples are the product."""
OTHERS_MIN = 0.02
"""The share of files with images outside of such folders from which on examples are not the product."""

AMBIGUOUS = frozenset(("test", "tests", "testing", "stage", "fixtures"))
"""Strong words that, among others in a name, usually do not mean an environment: `test-runner`."""

PATTERNS_MAX = 6
"""Patterns for the folders, and for the files, of one environment. If there would be more, wider patterns replace them."""
LIST_MAX = 50
"""Patterns of one list. The policy leaves out the others, so their files are production."""
PLACES_MIN = 3
"""Folders of one environment with the same name from which on one pattern without a path replaces their paths."""

TAG_PATTERNS = (
    "v{major}.{minor}.{patch}",
    "{major}.{minor}.{patch}",
    "{major}.{minor}.{patch}-{name}",
    "v{semver}",
    "{semver}",
    "{date}",
    "{sha}",
    "sha-{sha}",
    "{branch}-{sha}",
)
"""Candidate patterns for tags, narrowest first. Tags that move, such as `{major}.{minor}`, are no convention to impose: it would forbid exact ones."""

TAGS_MIN = 3
"""Different pairs of image and tag that a pattern must match to count as a convention."""

_EXCLUDED = re.compile(r"vendor|third[-_]?party|node_modules|testdata|[._]?archived?", re.IGNORECASE)
"""Names of folders with copies of other repositories, input for tests, and files that are no longer used."""
_TESTS = re.compile(
    r".*[-_.]tests|__tests__"
    r"|(?:.*[-_.])?(?:acceptance|conformance|e2e|functional|integration|load|perf|performance|regression|smoke|system|unit)[-_]?tests?"
)
_NOT_PRODUCTION = re.compile(r"(non|not|no|pre)[-_.](?=prod)", re.IGNORECASE)
_FORMATS = frozenset(("yaml", "yml", "json", "tpl", "dockerfile", "containerfile"))
_COMPOSE_NAME = re.compile(r"(?P<front>(?:docker-|podman-)?compose)(?P<more>.*)(?P<end>\.ya?ml)", re.IGNORECASE)
_OVERRIDE = re.compile(r".*compose\.override\.ya?ml", re.IGNORECASE)
"""The compose file that Compose merges with the main one on a developer's machine, without being told."""


@record
class File:
    """A file of a known kind. `path` is relative to the folder of the policy, with slashes.

    `is_used` is whether it sets an image or a user, `is_pipeline` whether it is a pipeline or a development container.
    """

    path: str
    kind: str
    is_used: bool = True
    is_pipeline: bool = False


def tag_pattern(tags: Collection[tuple[str, str]]) -> str | None:
    """Return the narrowest pattern that matches all tags, given as pairs of image and tag; None if there is none, or fewer than TAGS_MIN pairs."""
    if len(set(tags)) < TAGS_MIN:
        return None
    different = {tag for _, tag in tags}
    return next((text for text in TAG_PATTERNS if _fits_all(TagPattern(text), different)), None)


def _fits_all(pattern: TagPattern, tags: Iterable[str]) -> bool:
    return all(pattern.fits(tag) for tag in tags)


def excluded_folders(files: Iterable[File]) -> list[str]:
    """Return patterns for the folders that a policy excludes: those with a name such as `vendor` and with images, unless nothing else has images."""
    folders: dict[str, str] = {}
    is_all = True
    for file in files:
        if file.is_used:
            *above, _ = file.path.split("/")
            depth = next((depth for depth, name in enumerate(above) if _EXCLUDED.fullmatch(name)), None)
            if depth is None:
                is_all = False
            else:
                _add_folder(folders, above, depth)
    return [] if is_all else _few(folders, 2)


def environment_patterns(files: Collection[File]) -> dict[str, list[str]]:
    """Return file patterns for each environment that the paths suggest, in the order of a policy.

    The name of a file that sets no image and no user is ignored, but its folders count, except those of tests and examples.
    """
    examples = _examples(files)
    folders: dict[str, dict[str, str]] = {name: {} for name in STRONG}
    unnamed: list[File] = []
    elsewhere: set[str] = set()
    kinds: set[str] = set()
    for file in files:
        *above, name = file.path.split("/")
        environment, depth = _of_folders(above, examples)
        is_deployed = environment != TEST and (environment is None or above[depth].lower() not in examples)
        if file.is_used and is_deployed:
            kinds.add(file.kind)
        if environment is None:
            unnamed.append(file)
            continue
        elsewhere.add(name)
        if file.is_used or is_deployed:
            _add_folder(folders[environment], above, depth)
    names = _names([file for file in unnamed if file.is_used], elsewhere, kinds)
    found = {name: [*_few(folders[name]), *_few(names.get(name, {}))] for name in STRONG}
    return {name: patterns for name, patterns in found.items() if patterns}


def _examples(files: Collection[File]) -> Collection[str]:
    """Return the names of folders with examples; none if nearly all files with images are in such folders."""
    are_examples = [not set(EXAMPLES).isdisjoint(file.path.lower().split("/")[:-1]) for file in files if file.is_used]
    return EXAMPLES if are_examples.count(False) > OTHERS_MIN * len(are_examples) else ()


def _of_folders(above: list[str], examples: Collection[str]) -> tuple[str | None, int]:
    """Return the environment that the folders above a file suggest, and the depth of the outermost folder that suggests it."""
    found: dict[str, int] = {}
    for depth, folder in enumerate(above):
        environment = _of_folder(folder)
        if environment is not None:
            found.setdefault(environment, depth)
    example = next((depth for depth, folder in enumerate(above) if folder.lower() in examples), None)
    if example is not None and TEST not in found:
        return DEVELOPMENT, example
    return next(((name, found[name]) for name in STRONG if name in found), (None, 0))


def _names(files: Collection[File], elsewhere: Collection[str], kinds: Collection[str]) -> dict[str, dict[str, str]]:
    """Return patterns for the names of files, and wider ones that can replace them, by environment.

    `elsewhere` are names of files with an environment by their folder, and `kinds` the kinds of all files but those of tests and examples.
    """
    are_deployed = not DEPLOYED.isdisjoint(kinds)
    mixed = {file.path.rpartition("/")[0] for file in files if file.kind != COMPOSE}
    names: dict[str, dict[str, str]] = {}
    for file in files:
        folder, _, name = file.path.rpartition("/")
        environment, word = _of_file(name, file.kind)
        if environment is not None:
            # The tests come first in the policy, so their patterns must not match a file in a folder of another environment.
            text = f"/{file.path}" if environment == TEST and name in elsewhere else name
            names.setdefault(environment, {})[escaped(text)] = _wider(name, word)
        elif file.kind == COMPOSE and (are_deployed or _OVERRIDE.fullmatch(name)):
            narrow, wide = _compose_patterns(folder, name, is_mixed=folder in mixed)
            names.setdefault(DEVELOPMENT, {})[narrow] = wide
    return names


def _compose_patterns(folder: str, name: str, *, is_mixed: bool) -> tuple[str, str]:
    """Return a pattern for a compose file, and a wider one. A name that says nothing needs its folder, which is not enough if it is mixed."""
    named = _COMPOSE_NAME.fullmatch(name)
    if named:
        return escaped(name), f"{named['front']}*{named['end']}"
    path = escaped(f"{folder}/{name}")
    return path, path if is_mixed or not folder else f"{escaped(folder)}/*.{escaped(name.rpartition('.')[2])}"


def _add_folder(folders: dict[str, str], above: list[str], depth: int) -> None:
    path, name = escaped("/".join(above[: depth + 1])) + "/", escaped(above[depth]) + "/"
    folders[path if len(path) <= PATTERN_MAX else name] = name


def _few(patterns: Mapping[str, str], places_min: int = PLACES_MIN) -> list[str]:
    """Return the narrow patterns, sorted. The wider ones that they map to replace all of them if there are more than PATTERNS_MAX.

    A pattern for a folder's name replaces at least `places_min` paths of that name, or if one is at the top, where a path means the name anyway.
    """
    found = set(patterns)
    for wide in set(patterns.values()):
        same = {narrow for narrow, wider in patterns.items() if wider == wide}
        if wide.endswith("/") and (wide in same or len(same) >= places_min):
            found = found - same | {wide}
    few = found if len(found) <= PATTERNS_MAX else set(patterns.values())
    return sorted([text for text in few if len(text) <= PATTERN_MAX])[:LIST_MAX]


def _of_folder(name: str) -> str | None:
    plain = _plain(name)
    if _TESTS.fullmatch(plain):
        return TEST
    # A dot does not separate words, because folders may be named after domains: `operator.example.dev`.
    words = [word for word in re.split("[-_]", plain.removeprefix(".")) if word]
    if len(words) == 1:
        return _environment(words[0], STRONG) or _environment(words[0], WEAK)
    ends = [word for word in (*words[-1:], *words[:1]) if word not in AMBIGUOUS]
    return next((found for word in ends if (found := _environment(word, STRONG))), None)


def _of_file(name: str, kind: str) -> tuple[str | None, str]:
    """Return the environment that a file name suggests, and the word for it."""
    words = [word for word in re.split("[-_.]", _plain(name)) if word not in _FORMATS]
    if not words:
        return None, ""
    last = words[-1]
    found = _environment(last, STRONG) or (_environment(last, WEAK) if kind != MANIFEST else None)
    if found:
        return found, last
    others = [word for word in words if word not in AMBIGUOUS]
    return next(((found, word) for word in others if (found := _environment(word, STRONG))), (None, ""))


def _plain(name: str) -> str:
    """Return a name in lower case, with `pre-prod` joined to one word."""
    return _NOT_PRODUCTION.sub(r"\1", name).lower()


def _environment(word: str, known: Mapping[str, tuple[str, ...]]) -> str | None:
    return next((environment for environment, words in known.items() if word in words), None)


def _wider(name: str, word: str) -> str:
    """Return a pattern for all file names with the word in the same position: at the start, in the middle, or at the end."""
    at = name.lower().find(word)
    if at < 0:
        return escaped(name)
    before, after = at > 0, at + len(word) < len(name)
    return f"{'*[-_.]' if before else ''}{name[at : at + len(word)]}{'[-_.]*' if after else ''}"


def escaped(path: str) -> str:
    """Return a gitignore pattern that matches a path. Characters that are not printable and a final space become `?`."""
    text = "".join([_escaped(character) for character in path])
    if text.endswith(" "):
        text = text[:-1] + "?"
    return f"\\{text}" if text.startswith(("!", "#")) else text


def _escaped(character: str) -> str:
    if not character.isprintable():
        return "?"
    return f"\\{character}" if character in "*?[\\" else character
