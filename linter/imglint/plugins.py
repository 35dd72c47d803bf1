"""Plugins: finds the rules, readers and formats that are installed, and holds them to their contracts. Imports the model's severities.

A plugin is a module in a package that an entry point of the group `imglint.rules`, `imglint.readers` or `imglint.formats` names. The entry points stand
in small text files beside the installed packages; they are read here, because `importlib.metadata` takes longer than checking a file does.
"""

from __future__ import annotations

import os
import sys
from functools import cache

from imglint.errors import PluginError
from imglint.model import Severity
from imglint.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType
    from typing import Any

    from imglint.model import Fact, Finding, ImageUse, RunUser
    from imglint.source import Source

RULES, READERS, FORMATS = "imglint.rules", "imglint.readers", "imglint.formats"
OWN = "imglint"
"""The distribution whose plugins come after those of others."""
OPTION_KINDS = frozenset(("int", "bool", "str", "tuple[int,...]", "tuple[str,...]", "None"))
"""What an option of a rule can be, as it is annotated, without spaces."""


@record
class Rule:
    """One rule: what its module says. `environments` is None where the rule speaks in all of them, `options` where it has none of its own."""

    id: str
    level: Severity
    environments: tuple[str, ...] | None
    options: type | None
    doc: str
    tags: tuple[str, ...] = ()
    security: str | None = None
    check_image: Callable[[ImageUse, object], Iterable[Finding]] | None = None
    check_user: Callable[[RunUser, object], Iterable[Finding]] | None = None

    @property
    def summary(self) -> str:
        """The first line of the documentation."""
        return self.doc.partition("\n")[0]


@record
class Reader:
    """One reader: its kind, the patterns of the file names that a walk looks into for it, and its two functions."""

    kind: str
    files: tuple[str, ...]
    claims: Callable[[Source], bool]
    read: Callable[[Source], Iterable[Fact]]


@record
class Format:
    """One output format. `fingerprints` tells whether it needs those of the findings; `terminal` whether `write` takes colour and summary."""

    name: str
    write: Callable[..., None]
    fingerprints: bool
    terminal: bool


@cache
def rules() -> dict[str, Rule]:
    """Return all rules by id: those of the packages, and the engine's own.

    Raises PluginError.
    """
    from imglint.own_rules import OWN_RULES

    found = {name: Rule(name, level, None, None, doc, ("policy",)) for name, (level, doc) in OWN_RULES.items()}
    for package, file, name in _names(RULES):
        if name in found:
            raise PluginError(f"{package}.{file}: a rule {name} exists already; give this file another name")
        found[name] = _rule(_import(f"{package}.{file}"), name)
    return found


def readers(name: str = "") -> Iterator[Reader]:
    """Yield the readers, those of other packages first, so that they can take over files; each is imported when its turn comes.

    A reader whose kind is in the file name `name` comes before the others of its package, then those of `ASKED_FIRST` in imglint's readers.
    This saves importing the others; since no two built-in readers claim the same file, it changes nothing else.

    Raises PluginError.
    """
    name = name.lower()
    for package, file, kind in _in_order(tuple([kind for kind in kinds() if kind in name])):
        yield _reader(f"{package}.{file}", kind)


@cache
def _in_order(in_name: tuple[str, ...]) -> list[tuple[str, str, str]]:
    from imglint.readers import ASKED_FIRST

    known = _names(READERS)
    packages = list(dict.fromkeys([package for package, _, _ in known]))
    hints = (*in_name, *ASKED_FIRST)
    return sorted(known, key=lambda entry: (packages.index(entry[0]), hints.index(entry[2]) if entry[2] in hints else len(hints)))


@cache
def kinds() -> tuple[str, ...]:
    """Return the kinds of file that the readers know, without importing them."""
    return tuple([name for _, _, name in _names(READERS)])


def formats() -> tuple[str, ...]:
    """Return the names of the formats, without importing them."""
    return tuple(sorted(name for _, _, name in _names(FORMATS)))


def output_format(name: str) -> Format:
    """Return a format by its name, which `formats` lists.

    Raises PluginError where it breaks its contract, and KeyError where there is none of that name.
    """
    for package, file, found in _names(FORMATS):
        if found == name:
            module = _import(f"{package}.{file}")
            write = _required(module, "write")
            return Format(name, write, bool(getattr(module, "FINGERPRINTS", False)), bool(getattr(module, "TERMINAL", False)))
    raise KeyError(name)


@cache
def _reader(name: str, kind: str) -> Reader:
    module = _import(name)
    return Reader(kind, _required(module, "FILES", tuple), _required(module, "claims"), _required(module, "read"))


def _rule(module: ModuleType, name: str) -> Rule:
    doc = (module.__doc__ or "").strip()
    if not doc:
        raise PluginError(f"{module.__name__}: a rule's docstring is its documentation; write one")
    level = _required(module, "LEVEL", Severity)
    check_image, check_user = getattr(module, "check_image", None), getattr(module, "check_user", None)
    if not callable(check_image) and not callable(check_user):
        raise PluginError(f"{module.__name__}: a rule has a function check_image(use, options) or check_user(user, options)")
    options = getattr(module, "Options", None)
    if options is not None:
        _check_options(module.__name__, options)
    tags, security = tuple(getattr(module, "TAGS", ())), getattr(module, "SECURITY_SEVERITY", None)
    return Rule(name, level, getattr(module, "ENVIRONMENTS", None), options, doc, tags, security, check_image, check_user)


def _check_options(module: str, options: type) -> None:
    if not hasattr(options, "__slots__"):
        raise PluginError(f"{module}: Options has to be a class under @imglint.record")
    for field, kinds in option_kinds(options).items():
        if not kinds <= OPTION_KINDS:
            known = ", ".join(sorted(OPTION_KINDS))
            raise PluginError(
                f"{module}: Options.{field} is annotated with what no policy can say; known are {known}, joined by |"
            )
    try:
        options()
    except TypeError as error:
        raise PluginError(f"{module}: {error}; every field of Options has a default") from None


def option_kinds(options: type) -> dict[str, frozenset[str]]:
    """Return what may stand for each field of a rule's options: words of OPTION_KINDS, taken from its annotation, be that a text or a type."""
    written = {
        field: kind.__name__ if isinstance(kind, type) else str(kind)
        for field, kind in getattr(options, "__annotations__", {}).items()
    }
    return {field: frozenset(kind.replace(" ", "").split("|")) for field, kind in written.items()}


def _required(module: ModuleType, name: str, kind: type | None = None) -> Any:
    """Return what the contract asks of a module: an instance of kind, a function where it is left out."""
    value = getattr(module, name, None)
    if callable(value) if kind is None else isinstance(value, kind):
        return value
    raise PluginError(f"{module.__name__}: {name} is missing or is no {kind.__name__ if kind else 'function'}")


def _import(name: str) -> ModuleType:
    try:
        # What importlib.import_module does, without the modules that importlib itself imports.
        __import__(name)
        return sys.modules[name]
    except (Exception, SystemExit) as error:
        raise PluginError(f"{name} cannot be imported: {type(error).__name__}: {error}") from error


@cache
def _names(group: str) -> tuple[tuple[str, str, str], ...]:
    """Return package, module and plugin name of every plugin of a group: those of other packages first, each package's in order of name."""
    found: dict[str, tuple[str, str, str]] = {}
    for package in _entry_points().get(group, ()):
        folders = getattr(_import(package), "__path__", None)
        if folders is None:
            raise PluginError(
                f"{package}: the group {group} takes packages, and this is a module; name the package that holds it"
            )
        files = sorted({entry for folder in folders for entry in os.listdir(folder) if entry.endswith(".py")})
        stems = [file.removesuffix(".py") for file in files if not file.startswith("_")]
        if not stems:
            raise PluginError(f"{package}: the group {group} names this package, but it has no modules")
        for stem in stems:
            name = stem.replace("_", "-")
            if name in found:
                raise PluginError(
                    f"{package}.{stem}: {'.'.join(found[name][:2])} has the same name in {group}; rename one of them"
                )
            found[name] = (package, stem, name)
    if not found:
        raise PluginError(f"no package has entry points of the group {group}; install imglint again")
    return tuple(found.values())


@cache
def _entry_points() -> dict[str, list[str]]:
    """Return the packages that installed distributions name, by group; those of imglint itself come last."""
    found: dict[str, str] = {}
    for folder in sys.path:
        try:
            entries = os.listdir(folder or ".")
        except OSError:
            continue
        for entry in sorted(entries):
            if entry.endswith(".dist-info"):
                found.setdefault(entry.partition("-")[0].lower(), os.path.join(folder, entry, "entry_points.txt"))
    groups: dict[str, list[str]] = {}
    for _, path in sorted(found.items(), key=lambda item: item[0] == OWN):
        _read_entry_points(path, groups)
    return groups


def _read_entry_points(path: str, groups: dict[str, list[str]]) -> None:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError:
        return
    if "imglint." not in text:
        return
    group = ""
    for line in text.splitlines():
        if line.startswith("["):
            group = line.strip("[] \t")
        elif group.startswith("imglint.") and "=" in line:
            package = line.partition("=")[2].strip()
            if package not in groups.setdefault(group, []):
                groups[group].append(package)
