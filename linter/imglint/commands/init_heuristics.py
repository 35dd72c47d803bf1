"""Guesses for a starter policy: the environments that names of files and folders tell, the pattern that tags share. Imports the tag patterns."""

from __future__ import annotations

import re

from imglint.model import PRODUCTION
from imglint.patterns.tag import TagPattern

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

DEVELOPMENT = "development"
COMPOSE = "compose"
"""The kind of file that is of development unless its path says otherwise."""

STRONG = {
    PRODUCTION: ("production", "prod", "prd"),
    "staging": ("staging", "stage", "stg", "uat", "preprod", "preproduction"),
    "test": ("test", "tests", "testing", "e2e", "qa"),
    DEVELOPMENT: ("development", "develop", "dev", "devel"),
}
"""Words of a name that tell the environment, in the order in which a policy lists them: of a file that two lists name, the strictest speaks."""

MANIFEST = "kubernetes"
"""The kind of file whose name says what it holds, rather than for whom."""

WEAK = {PRODUCTION: ("live",), "test": ("ci",), DEVELOPMENT: ("local", "localdev")}
"""Words that tell it where they are all of a folder's name, or the last word of a file's that is no manifest: `live-chat` is no environment."""

AMBIGUOUS = frozenset(("test", "tests", "testing", "stage"))
"""Strong words that as one of several in a folder's name more often tell what it is about: `test-runner`."""

PATTERNS_MAX = 6
"""Patterns of one environment and sort; where there would be more, wider ones take their place."""

TAG_PATTERNS = (
    "v{major}.{minor}.{patch}",
    "{major}.{minor}.{patch}",
    "v{semver}",
    "{semver}",
    "v{major}.{minor}",
    "{major}.{minor}",
    "v{major}",
    "{date}",
    "{major}",
    "{sha}",
    "sha-{sha}",
    "{branch}-{sha}",
    "{major}.{minor}.{patch}-{name}",
    "{major}.{minor}-{name}",
    "{major}-{name}",
)
"""Patterns that tags are tried with, the narrowest first."""

TAGS_MIN = 3
"""Different images and tags that a pattern has to fit before it is taken for a convention."""

_NOT_PRODUCTION = re.compile(r"(non|not|no|pre)[-_.](?=prod)", re.IGNORECASE)
_FORMATS = frozenset(("yaml", "yml", "json", "tpl", "dockerfile", "containerfile"))
_COMPOSE_NAME = re.compile(r"(?P<front>(?:docker-|podman-)?compose)(?P<more>.*)(?P<end>\.ya?ml)", re.IGNORECASE)


def tag_pattern(tags: Collection[tuple[str, str]]) -> str | None:
    """Return the narrowest pattern that fits all tags, each given with its image; None where there is none, or too few to tell."""
    if len(set(tags)) < TAGS_MIN:
        return None
    different = {tag for _, tag in tags}
    return next((text for text in TAG_PATTERNS if _fits_all(TagPattern(text), different)), None)


def _fits_all(pattern: TagPattern, tags: Iterable[str]) -> bool:
    return all(pattern.fits(tag) for tag in tags)


def environment_patterns(files: Iterable[tuple[str, str, bool]]) -> dict[str, list[str]]:
    """Return patterns for the files of each environment that paths tell of, in the order for a policy.

    Of each file are given the path, relative to the policy's folder and parted by slashes, the kind, and whether it names an image or a user: of
    one that does not, only the folders count.
    """
    folders: dict[str, dict[str, str]] = {}
    names: dict[str, dict[str, str]] = {}
    for path, kind, says in files:
        *above, name = path.split("/")
        told = set[str]()
        for depth, folder in enumerate(above, 1):
            environment = _of_folder(folder)
            if environment and environment not in told:
                told.add(environment)
                folders.setdefault(environment, {})[escaped("/".join(above[:depth])) + "/"] = escaped(folder) + "/"
        environment, word = _of_file(name, kind) if says else (None, "")
        if environment:
            names.setdefault(environment, {})[escaped(name)] = _wider(name, word)
        elif says and kind == COMPOSE and not told:
            named = _COMPOSE_NAME.fullmatch(name)
            wide = f"{named['front']}*{named['end']}" if named else escaped(name)
            narrow = name if named else path if above else f"/{path}"
            names.setdefault(DEVELOPMENT, {})[escaped(narrow)] = wide
    found = {name: [*_few(folders.get(name, {})), *_few(names.get(name, {}))] for name in STRONG}
    return {name: patterns for name, patterns in found.items() if patterns}


def _few(patterns: dict[str, str]) -> list[str]:
    """Return the narrow patterns, or, where they are too many, the wider ones that they map to."""
    return sorted(patterns if len(patterns) <= PATTERNS_MAX else set(patterns.values()))


def _of_folder(name: str) -> str | None:
    # A dot parts the name of a domain here, as in `operator.example.dev`.
    words = re.split("[-_]", _plain(name))
    if len(words) == 1:
        return _environment(words[0], STRONG) or _environment(words[0], WEAK)
    ends = [word for word in (words[-1], words[0]) if word not in AMBIGUOUS]
    return next((found for word in ends if (found := _environment(word, STRONG))), None)


def _of_file(name: str, kind: str) -> tuple[str | None, str]:
    """Return the environment that a file's name tells, and the word that does."""
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
    """Return a name in lower case, in which `pre-prod` is one word."""
    return _NOT_PRODUCTION.sub(r"\1", name).lower()


def _environment(word: str, known: dict[str, tuple[str, ...]]) -> str | None:
    return next((environment for environment, words in known.items() if word in words), None)


def _wider(name: str, word: str) -> str:
    """Return a pattern for all files whose names hold a word where this one does."""
    at = name.lower().find(word)
    if at < 0:
        return escaped(name)
    before, after = at > 0, at + len(word) < len(name)
    return f"{'*[-_.]' if before else ''}{name[at : at + len(word)]}{'[-_.]*' if after else ''}"


def escaped(path: str) -> str:
    """Return a path as a pattern that fits it. A character that cannot be printed is left open, as is a space at the end."""
    text = "".join([_escaped(character) for character in path])
    if text.endswith(" "):
        text = text[:-1] + "?"
    return f"\\{text}" if text.startswith(("!", "#")) else text


def _escaped(character: str) -> str:
    if not character.isprintable():
        return "?"
    return f"\\{character}" if character in "*?[\\" else character
