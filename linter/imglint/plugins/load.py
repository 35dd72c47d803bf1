"""Find and import the installed plugins: rules, readers and formats.

A plugin is a module in a package that an entry point of the group `imglint.rules`, `imglint.readers` or `imglint.formats` names. The entry points are
read from the small text files beside the installed packages, because importing `importlib.metadata` takes longer than checking a file.
"""

from __future__ import annotations

import os
import sys
from functools import cache

from imglint.errors import PluginError
from imglint.model import UNVERIFIED_IMAGE, Severity
from imglint.records import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from types import ModuleType

    from imglint.model import Fact, Finding, ImageUse, NamedFile, RunUser
    from imglint.source import Source

RULES, ONLINE_RULES, READERS, FORMATS = "imglint.rules", "imglint.online_rules", "imglint.readers", "imglint.formats"
IMAGE_FORMATS = "imglint.commands.inventory"
"""The package of the formats of `imglint images`."""
OWN = "imglint"
"""The distribution of the built-in plugins, which come after those of other distributions."""
PROJECT = "https://github.com/imglint/imglint"


@record
class Rule:
    """One rule, as its module defines it.

    `environments` is None if the rule applies in all of them, `options` if it has none of its own. `security` is its score for SARIF, from 0.0 to
    10.0, and `url` the page that documents it. `covers` are the rules whose findings are redundant where this one is reported. `fix` says what its
    fixes change, and whether they are safe; it is empty if it offers none. A rule that is `online` needs registries, and runs only with `--online`.
    `kinds` are the kinds of files that it checks, all if it is empty.
    """

    id: str
    level: Severity
    environments: tuple[str, ...] | None
    options: type | None
    doc: str
    tags: tuple[str, ...] = ()
    security: str | None = None
    check_image: Callable[[ImageUse, object], Iterable[Finding]] | None = None
    check_user: Callable[[RunUser, object], Iterable[Finding]] | None = None
    url: str | None = None
    covers: tuple[str, ...] = ()
    fix: str = ""
    online: bool = False
    kinds: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The first line of the documentation."""
        return self.doc.partition("\n")[0]


@record
class Reader:
    """One reader: its kind, the patterns of the file names that a walk reads for it, and its two functions.

    `environment` is that of its files, unless the policy lists them in another one; empty if the policy alone decides.
    """

    kind: str
    files: tuple[str, ...]
    claims: Callable[[Source], bool]
    read: Callable[[Source], Iterable[Fact | NamedFile]]
    environment: str = ""


@record
class Format:
    """One output format.

    With `fingerprints`, it uses those of the findings. With `terminal`, `write` takes `color` and `summary`, and with `view`, a View.
    """

    name: str
    write: Callable[..., None]
    fingerprints: bool
    terminal: bool
    view: bool


@record
class Plugin:
    """A module that is a plugin: its package, its name there and as a plugin, and whether it is built in. It is not imported yet."""

    package: str
    stem: str
    name: str
    is_own: bool

    @property
    def module(self) -> str:
        """The name to import."""
        return f"{self.package}.{self.stem}"


@cache
def offline_rules() -> dict[str, Rule]:
    """Return all rules by id, as a run without registries needs them: of those that ask registries, only the names.

    Raises PluginError if one breaks its contract.
    """
    from imglint.plugins.own_rules import OWN_FIXES, OWN_RULES

    found = {
        name: Rule(
            name,
            level,
            None,
            None,
            doc,
            ("policy",),
            url=_documentation(name),
            fix=OWN_FIXES.get(name, ""),
            online=name == UNVERIFIED_IMAGE,
        )
        for name, (level, doc) in OWN_RULES.items()
    }
    for plugin in _plugins(RULES):
        _check_new(plugin, found)
        found[plugin.name] = rule_of(_import(plugin.module), plugin.is_own)
    if not all(plugin.is_own for plugin in _plugins(RULES)):
        from imglint.plugins.contracts import check_covers

        check_covers({rule.id: rule.covers for rule in found.values()})
    for plugin in _plugins(ONLINE_RULES):
        _check_new(plugin, found)
        found[plugin.name] = Rule(plugin.name, Severity.OFF, None, None, "", online=True)
    return found


@cache
def rules() -> dict[str, Rule]:
    """Return all rules by id: the engine's own, then those of the packages.

    Raises PluginError if one breaks its contract.
    """
    found = offline_rules()
    return found | {name: imported(rule) for name, rule in found.items() if rule.online}


def imported(rule: Rule) -> Rule:
    """Return a rule of `offline_rules` with its module imported.

    Raises PluginError if it breaks its contract.
    """
    if not rule.online or rule.doc:
        return rule
    [plugin] = [plugin for plugin in _plugins(ONLINE_RULES) if plugin.name == rule.id]
    return _online_rule(plugin)


@cache
def _online_rule(plugin: Plugin) -> Rule:
    return replace(rule_of(_import(plugin.module), plugin.is_own), online=True)


def _check_new(plugin: Plugin, found: Collection[str]) -> None:
    if plugin.name in found:
        raise PluginError(f"{plugin.module}: rule `{plugin.name}` already exists; rename this module")


def readers(name: str = "") -> Iterator[Reader]:
    """Yield the readers, those of other packages first, so that they can take over files. Each one is imported when it is reached.

    Within a package, readers of a kind that is part of the file name `name` come first, then those in the package's `ASKED_FIRST`. This saves
    importing the others; it changes nothing else, because no two built-in readers claim the same file.

    Raises PluginError if one breaks its contract.
    """
    name = name.lower()
    plugins, found = _in_order(tuple([kind for kind in kinds() if kind in name]))
    for at, plugin in enumerate(plugins):
        if at == len(found):
            found.append(_reader(plugin))
        yield found[at]


@cache
def _in_order(in_name: tuple[str, ...]) -> tuple[list[Plugin], list[Reader]]:
    """Return the readers in their order, and those of them that were imported so far: a list that grows, because a walk asks for it for every file."""
    known = _plugins(READERS)
    packages = list(dict.fromkeys([plugin.package for plugin in known]))

    def order(plugin: Plugin) -> tuple[int, int]:
        hints = (*in_name, *getattr(sys.modules[plugin.package], "ASKED_FIRST", ()))
        return packages.index(plugin.package), hints.index(plugin.name) if plugin.name in hints else len(hints)

    return sorted(known, key=order), []


@cache
def kinds() -> tuple[str, ...]:
    """Return the kinds of the readers, without importing them."""
    return tuple([plugin.name for plugin in _plugins(READERS)])


def formats() -> tuple[str, ...]:
    """Return the names of the formats, without importing them."""
    return tuple(sorted([plugin.name for plugin in _plugins(FORMATS)]))


def output_format(name: str) -> Format:
    """Return a format by its name, which `formats` lists.

    Raises PluginError if it breaks its contract, and KeyError if there is none of that name.
    """
    for plugin in _plugins(FORMATS):
        if plugin.name == name:
            return format_of(_import(plugin.module), plugin.is_own)
    raise KeyError(name)


def image_formats() -> tuple[str, ...]:
    """Return the names of the formats of `imglint images`, without importing them."""
    return tuple(_modules(IMAGE_FORMATS) or ())


def image_format(name: str) -> Callable[..., None]:
    """Return the function `write` of a format of `imglint images`, which `image_formats` lists."""
    write: Callable[..., None] = _import(f"{IMAGE_FORMATS}.{name}").write
    return write


def rule_of(module: ModuleType, is_own: bool = False) -> Rule:
    """Return the rule that a module defines. Unless it is built in, it is checked, and so is each finding that it yields.

    Raises PluginError if it breaks its contract.
    """
    name, options = plugin_name(module), getattr(module, "Options", None)
    check_image, check_user = getattr(module, "check_image", None), getattr(module, "check_user", None)
    url = _documentation(name) if is_own else getattr(module, "URL", None)
    if not is_own:
        from imglint.plugins.contracts import check_rule, checked_findings

        check_rule(module, option_kinds(options))
        check_image = check_image and checked_findings(module.__name__, "check_image", check_image)
        check_user = check_user and checked_findings(module.__name__, "check_user", check_user)
    return Rule(
        name,
        module.LEVEL,
        getattr(module, "ENVIRONMENTS", None),
        options,
        (module.__doc__ or "").strip(),
        getattr(module, "TAGS", ()),
        getattr(module, "SECURITY_SEVERITY", None),
        check_image,
        check_user,
        url,
        getattr(module, "COVERS", ()),
        getattr(module, "FIX", ""),
        getattr(module, "ONLINE", False),
        getattr(module, "KINDS", ()),
    )


def reader_of(module: ModuleType, is_own: bool = False) -> Reader:
    """Return the reader that a module defines. Unless it is built in, it is checked, and so is each fact that it yields.

    Raises PluginError if it breaks its contract.
    """
    environment = getattr(module, "ENVIRONMENT", "")
    if is_own:
        return Reader(plugin_name(module), module.FILES, module.claims, module.read, environment)
    from imglint.plugins.contracts import check_reader, checked_call, checked_facts

    check_reader(module)
    claims = checked_call(module.__name__, "claims", module.claims)
    return Reader(plugin_name(module), module.FILES, claims, checked_facts(module.__name__, module.read), environment)


def format_of(module: ModuleType, is_own: bool = False) -> Format:
    """Return the format that a module defines. Unless it is built in, it is checked.

    Raises PluginError if it breaks its contract.
    """
    write = module.write if is_own else _checked_write(module)
    flags = [getattr(module, name, False) for name in ("FINGERPRINTS", "TERMINAL", "VIEW")]
    return Format(plugin_name(module), write, *flags)


def _checked_write(module: ModuleType) -> Callable[..., None]:
    from imglint.plugins.contracts import check_format, checked_call

    check_format(module)
    return checked_call(module.__name__, "write", module.write)


def plugin_name(module: ModuleType) -> str:
    """Return the name of a plugin: that of its module, with dashes for underscores."""
    return module.__name__.rpartition(".")[2].replace("_", "-")


def _documentation(rule: str) -> str:
    """Return the URL of a built-in rule's documentation."""
    return f"{PROJECT}/blob/main/docs/rules.md#{rule}"


@cache
def _reader(plugin: Plugin) -> Reader:
    return reader_of(_import(plugin.module), plugin.is_own)


def option_kinds(options: type | None) -> dict[str, frozenset[str]]:
    """Return the types of each field of a rule's options: the parts of its annotation, which is a string or a type, without spaces."""
    written = {
        field: kind.__name__ if isinstance(kind, type) else str(kind)
        for field, kind in getattr(options, "__annotations__", {}).items()
    }
    return {field: frozenset(kind.replace(" ", "").split("|")) for field, kind in written.items()}


def _import(name: str) -> ModuleType:
    try:
        # Like importlib.import_module, but without the modules that importlib itself imports.
        __import__(name)
        return sys.modules[name]
    except (Exception, SystemExit) as error:
        raise PluginError(f"{name} cannot be imported: {type(error).__name__}: {error}") from error


@cache
def _plugins(group: str) -> tuple[Plugin, ...]:
    """Return every plugin of a group: those of other packages first, each package's in order of name."""
    found: dict[str, Plugin] = {}
    for package, is_own in _entry_points().get(group, {}).items():
        stems = _modules(package)
        if stems is None:
            raise PluginError(f"{package}: {group} must name a package, found a module; name the package that contains it")
        if not stems:
            raise PluginError(f"{package}: {group} names this package, but it contains no modules")
        for stem in stems:
            plugin = Plugin(package, stem, stem.replace("_", "-"), is_own)
            other = found.setdefault(plugin.name, plugin)
            if other is not plugin:
                raise PluginError(f"{plugin.module}: {other.module} has the same name in {group}; rename one of them")
    if not found and group != ONLINE_RULES:
        raise PluginError(f"no package has entry points of the group {group}; install imglint again")
    return tuple(found.values())


def _modules(package: str) -> list[str] | None:
    """Return the modules of a package, without those that begin with an underscore; None if it is no package."""
    folders = getattr(_import(package), "__path__", None)
    if folders is None:
        return None
    files = sorted({entry for folder in folders for entry in os.listdir(folder) if entry.endswith(".py")})
    return [file.removesuffix(".py") for file in files if not file.startswith("_")]


@cache
def _entry_points() -> dict[str, dict[str, bool]]:
    """Return the packages that installed distributions name, by group, and whether they are built in; the built-in ones come last."""
    found: dict[str, str] = {}
    for folder in sys.path:
        try:
            entries = os.listdir(folder or ".")
        except OSError:
            continue
        for entry in sorted(entries):
            if entry.endswith(".dist-info"):
                found.setdefault(entry.partition("-")[0].lower(), os.path.join(folder, entry, "entry_points.txt"))
    groups: dict[str, dict[str, bool]] = {}
    for distribution, path in sorted(found.items(), key=lambda item: item[0] == OWN):
        _read_entry_points(path, distribution == OWN, groups)
    return groups


def _read_entry_points(path: str, is_own: bool, groups: dict[str, dict[str, bool]]) -> None:
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
            groups.setdefault(group, {}).setdefault(line.partition("=")[2].strip(), is_own)
