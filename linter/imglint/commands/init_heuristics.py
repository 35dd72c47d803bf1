"""Heuristics for a starter policy: environments from file and folder names, and the pattern that tags share."""

from __future__ import annotations

import re

from imglint.model import PRODUCTION
from imglint.patterns.tag import TagPattern

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

DEVELOPMENT = "development"
COMPOSE = "compose"
"""The kind of file that belongs to development by default."""

STRONG = {
    PRODUCTION: ("production", "prod", "prd"),
    "staging": ("staging", "stage", "stg", "uat", "preprod", "preproduction"),
    "test": ("test", "tests", "testing", "e2e", "qa"),
    DEVELOPMENT: ("development", "develop", "dev", "devel"),
}
"""Words that identify an environment, strictest first: the order of the lists in the policy, in which the first match decides."""

MANIFEST = "kubernetes"
"""The kind of file that is usually named after its content, not its environment."""

WEAK = {PRODUCTION: ("live",), "test": ("ci",), DEVELOPMENT: ("local", "localdev")}
"""Words that identify an environment only as a whole folder name, or as the last word of a file name other than a manifest's: not in `live-chat`."""

AMBIGUOUS = frozenset(("test", "tests", "testing", "stage"))
"""Strong words that, among others in a name, usually do not mean an environment: `test-runner`."""

PATTERNS_MAX = 6
"""Patterns for the folders, and for the files, of one environment. If there would be more, wider patterns replace them."""

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
"""Candidate patterns for tags, narrowest first."""

TAGS_MIN = 3
"""Different pairs of image and tag that a pattern must match to count as a convention."""

_NOT_PRODUCTION = re.compile(r"(non|not|no|pre)[-_.](?=prod)", re.IGNORECASE)
_FORMATS = frozenset(("yaml", "yml", "json", "tpl", "dockerfile", "containerfile"))
_COMPOSE_NAME = re.compile(r"(?P<front>(?:docker-|podman-)?compose)(?P<more>.*)(?P<end>\.ya?ml)", re.IGNORECASE)


def tag_pattern(tags: Collection[tuple[str, str]]) -> str | None:
    """Return the narrowest pattern that matches all tags, given as pairs of image and tag; None if there is none, or fewer than TAGS_MIN pairs."""
    if len(set(tags)) < TAGS_MIN:
        return None
    different = {tag for _, tag in tags}
    return next((text for text in TAG_PATTERNS if _fits_all(TagPattern(text), different)), None)


def _fits_all(pattern: TagPattern, tags: Iterable[str]) -> bool:
    return all(pattern.fits(tag) for tag in tags)


def environment_patterns(files: Iterable[tuple[str, str, bool]]) -> dict[str, list[str]]:
    """Return file patterns for each environment that the paths suggest, in the order of a policy.

    Each file is given as its path (relative to the policy's folder, with slashes), its kind, and whether it sets an image or a user. The name of a file
    that does not is ignored, but its folders count.
    """
    folders: dict[str, dict[str, str]] = {}
    names: dict[str, dict[str, str]] = {}
    for path, kind, is_used in files:
        *above, name = path.split("/")
        in_folders = set[str]()
        for depth, folder in enumerate(above, 1):
            environment = _of_folder(folder)
            if environment and environment not in in_folders:
                in_folders.add(environment)
                folders.setdefault(environment, {})[escaped("/".join(above[:depth])) + "/"] = escaped(folder) + "/"
        environment, word = _of_file(name, kind) if is_used else (None, "")
        if environment:
            names.setdefault(environment, {})[escaped(name)] = _wider(name, word)
        elif is_used and kind == COMPOSE and not in_folders:
            named = _COMPOSE_NAME.fullmatch(name)
            wide = f"{named['front']}*{named['end']}" if named else escaped(name)
            narrow = name if named else path if above else f"/{path}"
            names.setdefault(DEVELOPMENT, {})[escaped(narrow)] = wide
    found = {name: [*_few(folders.get(name, {})), *_few(names.get(name, {}))] for name in STRONG}
    return {name: patterns for name, patterns in found.items() if patterns}


def _few(patterns: dict[str, str]) -> list[str]:
    """Return the narrow patterns, or, if there are more than PATTERNS_MAX, the wider ones that they map to."""
    return sorted(patterns if len(patterns) <= PATTERNS_MAX else set(patterns.values()))


def _of_folder(name: str) -> str | None:
    # A dot does not separate words, because folders may be named after domains: `operator.example.dev`.
    words = re.split("[-_]", _plain(name))
    if len(words) == 1:
        return _environment(words[0], STRONG) or _environment(words[0], WEAK)
    ends = [word for word in (words[-1], words[0]) if word not in AMBIGUOUS]
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


def _environment(word: str, known: dict[str, tuple[str, ...]]) -> str | None:
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
