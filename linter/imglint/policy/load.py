"""Loads a policy file: reads it and the files it extends, reports all errors, and merges the files into a Policy.

This module defines the meaning of every key; schema.json, which editors read, describes the keys for people.
"""

from __future__ import annotations

import os
import re
from functools import partial

from imglint.errors import Diagnostic, PolicyError, UsageError
from imglint.model import CI, PRODUCTION, ROLES, SETTING_KEYS, ImageTable, Row, Severity
from imglint.patterns.image import ImagePattern
from imglint.patterns.matcher import InvalidPattern
from imglint.patterns.path import PathPattern, PathPatterns
from imglint.patterns.tag import TagPattern
from imglint.patterns.version import Versions
from imglint.plugins.load import imported, option_kinds
from imglint.policy.checked_nodes import Nodes, plain_type
from imglint.policy.find import WorkingTree
from imglint.policy.lookup import FILE_NAME, PACKAGE, Policy, PolicyException, RuleSetting, default_level
from imglint.printable import listed
from imglint.records import record, replace
from imglint.repository import root_of
from imglint.source import Source, UnreadFile
from imglint.spelling import MEAN_PRODUCTION, closest
from imglint.yaml.documents import documents
from imglint.yaml.nodes import Mapping, Scalar, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from collections.abc import Mapping as AbstractMapping
    from typing import TypeVar

    from imglint.plugins.load import Rule
    from imglint.policy.find import Place
    from imglint.policy.registries import PemFiles
    from imglint.registry.hosts import RegistryEntry
    from imglint.registry.images import PublicKey, Quantity
    from imglint.yaml.nodes import Node

    T = TypeVar("T")


EXTENDS_MAX = 16
"""Files in a chain of `extends`."""
TARGETS_MAX = 100
"""Items of `targets`; each is compared with the stages of each Dockerfile."""
FILES_MAX = 100
"""Files of one policy."""

KEYS = (
    "extends", "delegates", "environments", "default-environment", "images", "built", "targets", "variables", "rules", "exceptions", "exclude",
    "kinds", "fail-on", "registries",
)  # fmt: skip
ROW_KEYS = (
    "match", "environments", "roles", "files", "tags", "forbidden-tags", "versions", "digest", "uid", "approved", "reason", "use-instead",
    "rules", "platforms", "signed", "labels", "max-size", "max-age",
)  # fmt: skip
EXCEPTION_KEYS = ("match", "rules", "files", "reason", "approved-by", "until")
REGISTRY_KEYS = frozenset(("platforms", "signed", "labels", "max-size", "max-age"))
"""The keys of rows that only rules for `--online` use."""
LEVELS = {str(level): level for level in Severity}
FAIL_ON = ("note", "warning", "error", "never")
DIGEST = {"required": Severity.ERROR, "optional": Severity.OFF}
DIGEST_RULE = "missing-digest"
DEPRECATED = "deprecated"
APPROVED = ("true", "false", DEPRECATED)
_ADDRESS = re.compile(r"https?:|[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_WILDCARD = re.compile(r"[*?\[\\]")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def load(
    path: str,
    rules: AbstractMapping[str, Rule],
    kinds: Collection[str] = (),
    place: Place | None = None,
    *,
    found: bool = False,
    online: bool = False,
) -> Policy:
    """Return the policy of a file and the files it extends. `rules` are the known rules by id, `kinds` the kinds of file that readers know.

    `place` is where the files are, by default the working tree. A policy that was `found` there, not given by the user, may come from anyone: no file
    outside of its root is read for it, and in an `online` run it cannot set where credentials go. Only such a policy has delegates.

    Raises PolicyError, with all errors in the files.
    """
    place = place or WorkingTree(root_of(path))
    files = _Files(place, found)
    policy = None
    try:
        files.open(path, place)
        policy = _Builder(path, place, files.layers, rules, kinds, found, online).policy() if files.layers else None
    except PolicyError:
        # There are too many errors. `files` has those so far.
        pass
    if policy is None or files.errors:
        raise PolicyError(sorted(files.shown_errors(), key=lambda one: (one.path != path, one.path, one.line, one.column)))
    return policy


@record
class Layer:
    """One file of a policy: where it is, its nodes, and the values of its top-level keys.

    `named_at` is the entry of `extends` through which a file outside of the root became a part of the policy, with an empty message; None for others.
    """

    place: Place
    nodes: Nodes
    values: dict[str, Node]
    named_at: Diagnostic | None = None


class _Files:
    """The files of a policy, each once and before the files it extends, and the errors in them.

    Files outside of the root of the first are not read if that was `found`, except those of packages. Errors in the files outside are not shown: they
    would quote the file.
    """

    def __init__(self, place: Place, found: bool) -> None:
        self.layers: list[Layer] = []
        self.errors: list[Diagnostic] = []
        self._place = place
        self._seen: set[str] = set()
        self._found = found
        self._outside: dict[str, Diagnostic] = {}

    def shown_errors(self) -> list[Diagnostic]:
        """Return the errors. If there are errors in files outside of the root, return only which files these are."""
        outside = [self._outside[path] for path in dict.fromkeys([error.path for error in self.errors]) if path in self._outside]
        return outside or self.errors

    def open(self, path: str, place: Place, chain: tuple[str, ...] = (), named_at: Diagnostic | None = None) -> str:
        """Read a file and the files it extends. Return why the file cannot be used, for the error at its name; empty if it can.

        `named_at` has the location of its name in another file.
        """
        try:
            real = place.identity(path)
        except ValueError:
            return f"invalid path {path!a}"
        is_outside = place.is_outside(path)
        if is_outside and self._found:
            return self._refused(path, chain)
        is_outside = is_outside or place.root != self._place.root
        if real in chain:
            return f"circular reference to {path}"
        if len(chain) >= EXTENDS_MAX:
            return f"chain of more than {EXTENDS_MAX} files"
        if real in self._seen:
            return ""
        if len(self._seen) >= FILES_MAX:
            return f"policy has more than {FILES_MAX} files"
        self._seen.add(real)
        try:
            source = Source(path, place.read(path))
        except UnreadFile as error:
            if not chain:
                Nodes(Source(path, error.text), self.errors).error_at(error.offset, f"cannot read policy: {error.reason}")
            return f"cannot read {path}: {error.reason}"
        if is_outside:
            message = f"{path} is not a valid policy; run `imglint --config {real}` for its errors"
            self._outside.setdefault(path, replace(named_at or Diagnostic(path, 1, 1, ""), message=message))
        nodes = Nodes(source, self.errors)
        layer = Layer(place, nodes, _top(nodes), named_at if is_outside else None)
        self.layers.append(layer)
        if "extends" in layer.values:
            self._extend(layer, (*chain, real))
        return ""

    def _refused(self, path: str, chain: tuple[str, ...]) -> str:
        """Return why a policy that was found cannot use a file outside of its root."""
        if chain:
            return f"{path} is outside of {self._place.root}; use a file inside, or pass the policy with --config"
        message = f"symbolic link out of {self._place.root}; replace it with a file, or pass the policy with --config"
        self.errors.append(Diagnostic(path, 1, 1, message))
        return message

    def _extend(self, layer: Layer, chain: tuple[str, ...]) -> None:
        nodes = layer.nodes
        for item in nodes.items(layer.values["extends"], "extends"):
            name = nodes.text(item, "extends")
            if name is None:
                continue
            location = nodes.source.location(item.start, item.start)
            named_at = layer.named_at or Diagnostic(nodes.source.path, location.line, location.column, "")
            message = self._extended(name, layer, chain, named_at)
            if message:
                nodes.error(item, "extends", message)

    def _extended(self, name: str, layer: Layer, chain: tuple[str, ...], named_at: Diagnostic) -> str:
        """Read a file that another one names. Return why it cannot be used; empty if it can."""
        if name.startswith(PACKAGE):
            from imglint.policy.packages import Package

            try:
                return self.open(name, Package(name, self._place.root), chain, named_at)
            except UsageError as error:
                return str(error)
        if _ADDRESS.match(name):
            return "a policy cannot be loaded from an address; save it as a file, or install it as a package, and name that"
        return self.open(layer.place.beside(layer.nodes.source.path, name), layer.place, chain, named_at)


def _top(nodes: Nodes) -> dict[str, Node]:
    """Return the values of a file's top-level keys."""
    roots: list[Node] = []
    for document in documents(nodes.source.text):
        if document.broken:
            nodes.error_at(document.broken.offset, f"invalid YAML: {document.broken.reason}")
            return {}
        if document.root is not None:
            roots.append(document.root)
    if (
        not roots
        or (isinstance(roots[0], Scalar) and roots[0].is_null)
        or (isinstance(roots[0], Mapping) and not roots[0].entries)
    ):
        has_comments = any(line.lstrip().startswith("#") for line in nodes.source.text.splitlines())
        state = "has only comments" if has_comments else "is empty"
        nodes.error_at(0, f"policy {state}; add a key such as `images` or `rules`")
        return {}
    if len(roots) > 1:
        nodes.error(roots[1], "", "second YAML document; a policy file must have only one")
    if not isinstance(roots[0], Mapping):
        nodes.unexpected(roots[0], "", "a mapping with keys such as `images` and `rules`")
        return {}
    return nodes.mapping(roots[0], "", KEYS)


class _Builder:
    """Merges layers: lists are concatenated; of everything else, the first layer wins."""

    def __init__(
        self,
        path: str,
        place: Place,
        layers: list[Layer],
        rules: AbstractMapping[str, Rule],
        kinds: Collection[str],
        found: bool,
        online: bool,
    ) -> None:
        self.path, self.place, self.layers, self.rules, self.kinds, self.found = path, place, layers, rules, kinds, found
        self.online = online
        self.default = PRODUCTION
        self.environments: tuple[str, ...] = ()

    def policy(self) -> Policy:
        """Return the policy, without the parts that have errors."""
        files = self._environments()
        exclude = self._list("exclude", lambda nodes, node: nodes.patterns(node, "exclude", PathPattern, empty=True))
        return Policy(
            self.path,
            self.place.folder(self.path),
            read=self._read,
            files=files,
            default_environment=self.default,
            table=self._image_table(),
            built=tuple(self._list("built", lambda nodes, node: nodes.patterns(node, "built", ImagePattern, empty=True))),
            targets=tuple(self._list("targets", _targets)),
            variables=self._variables(),
            rules=self._rules(),
            exceptions=tuple(self._list("exceptions", self._exceptions)),
            exclude=PathPatterns(exclude) if exclude else None,
            kinds=self._kinds(),
            delegates=self._delegates(),
            sources=tuple([layer.nodes.source.path for layer in self.layers]),
            registries=self._registries(),
            fail_on=self._first("fail-on", lambda nodes, node: nodes.choice(node, "fail-on", FAIL_ON)) or "warning",
        )

    def _registries(self) -> tuple[RegistryEntry, ...] | None:
        """Return the entries of `registries`; None if no file has that key. Of two for a host, the first wins."""
        layers = [layer for layer in self.layers if "registries" in layer.values]
        if not layers:
            return None
        from imglint.policy.registries import entries

        # Anyone can change the working tree in a pull request, but not a revision.
        is_guarded = self.online and self.found and isinstance(self.place, WorkingTree)
        found: list[RegistryEntry] = []
        for layer in layers:
            refuse = partial(self._refuse, layer) if is_guarded else None
            found += entries(layer.nodes, layer.values["registries"], self._pem_files(layer.nodes), refuse)
        return tuple(found)

    def _refuse(self, layer: Layer, node: Node, name: str) -> None:
        """Report a key of `registries` in a policy that anyone may have changed. A package is chosen by the file that extends it."""
        advice = "pass the policy with --config or --config-from"
        if layer.named_at is None:
            layer.nodes.error(
                node, "registries", f"with --online, a policy found in the repository cannot set `{name}`; {advice}"
            )
        else:
            path = layer.nodes.source.path
            message = f"extends: with --online, a policy found in the repository cannot take `{name}` from {path}; {advice}"
            refused = replace(layer.named_at, message=message)
            if refused not in layer.nodes.errors:
                layer.nodes.errors.append(refused)

    def _pem_files(self, nodes: Nodes) -> PemFiles:
        """Return the files that a policy file can name."""
        from imglint.policy.registries import PemFiles

        place = next(layer.place for layer in self.layers if layer.nodes is nodes)
        return PemFiles(place, self.found)

    def _read(self, path: str) -> str:
        """Return the text of one of the files, or of another one of the same place. Raises UnreadFile."""
        place = next((layer.place for layer in self.layers if layer.nodes.source.path == path), self.place)
        return place.read(path)

    def _with(self, key: str) -> Iterator[tuple[Nodes, Node]]:
        for layer in self.layers:
            if key in layer.values:
                yield layer.nodes, layer.values[key]

    def _list(self, key: str, read: Callable[[Nodes, Node], Collection[T]]) -> list[T]:
        return [item for nodes, node in self._with(key) for item in read(nodes, node)]

    def _first(self, key: str, read: Callable[[Nodes, Node], T | None]) -> T | None:
        found = [read(nodes, node) for nodes, node in self._with(key)]
        return found[0] if found else None

    def _environments(self) -> dict[str, PathPatterns]:
        """Return the patterns of each environment. Sets `default`, and the names that rows, rules and exceptions may use."""
        merged = self._merged("environments", None)
        names: list[tuple[Nodes, Node, str]] = [
            (nodes, key, key.value)
            for nodes, node in self._with("environments")
            if isinstance(node, Mapping)
            for key, _ in node.entries
            if isinstance(key, Scalar)
        ]
        default = self._first("default-environment", lambda nodes, node: nodes.text(node, "default-environment"))
        self.default = default or PRODUCTION
        self.environments = tuple(dict.fromkeys([*merged, self.default, PRODUCTION, CI]))
        for nodes, node in self._with("default-environment"):
            if isinstance(node, Scalar):
                names.append((nodes, node, node.value))
                self._check_default(nodes, node, {*merged, PRODUCTION})
        self._check_names(names)
        return merged

    def _check_default(self, nodes: Nodes, node: Scalar, declared: set[str]) -> None:
        """Report a default that looks like a misspelled environment: it would silently become an environment of its own."""
        close = None if node.value in declared or node.value in MEAN_PRODUCTION else closest(node.value, declared)
        if close:
            nodes.error(node, "default-environment", f"unknown environment `{node.value}`; did you mean `{close}`?")

    def _check_names(self, names: list[tuple[Nodes, Node, str]]) -> None:
        calls_production = any(name == PRODUCTION for _, _, name in names)
        for nodes, node, name in names:
            if name in MEAN_PRODUCTION and not calls_production:
                nodes.error(node, "", f"no rule treats environment `{name}` as production; rename it to `{PRODUCTION}`")
            elif _NAME.fullmatch(name) is None and name:
                nodes.error(node, "", f"invalid environment name `{name}`; use letters, digits, `.`, `_` and `-`")

    def _merged(self, key: str, known: Collection[str] | None) -> dict[str, PathPatterns]:
        """Return the patterns of a mapping from names to lists of patterns. The lists of one name are concatenated."""
        found: dict[str, list[PathPattern]] = {}
        for nodes, node in self._with(key):
            for name, value in nodes.mapping(node, key, known).items():
                found.setdefault(name, []).extend(nodes.patterns(value, f"{key}.{name}", PathPattern, empty=True))
        return {name: PathPatterns(patterns) for name, patterns in found.items()}

    def _kinds(self) -> dict[str, PathPatterns]:
        return self._merged("kinds", self.kinds or None)

    def _delegates(self) -> PathPatterns | None:
        """Return the patterns of the delegated folders. Extended files do not count: a delegate may extend the policy that lists it."""
        delegates: list[PathPattern] = []
        for nodes, node in self._with("delegates"):
            for item in nodes.items(node, "delegates", empty=True):
                pattern = nodes.pattern(item, "delegates", _folder_pattern)
                if pattern is not None and self.found and nodes is self.layers[0].nodes:
                    self._check_delegate(nodes, item, pattern.text)
                    delegates.append(pattern)
        return PathPatterns(delegates) if delegates else None

    def _check_delegate(self, nodes: Nodes, node: Node, folder: str) -> None:
        """Report a folder without a policy. A pattern with wildcards may match any number of folders."""
        path = os.path.join(self.place.folder(self.path), folder.strip("/"))
        if not _WILDCARD.search(folder) and self.place.find(path, (FILE_NAME,)) is None:
            nodes.error(node, "delegates", f"no {FILE_NAME} in {folder}; add one, or remove this entry")

    def _variables(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for nodes, node in self._with("variables"):
            for name, value in nodes.mapping(node, "variables").items():
                text = nodes.text(value, f"variables.{name}", literal=True)
                found.setdefault(name, text or "")
        return found

    def _image_table(self) -> ImageTable | None:
        if not any(True for _ in self._with("images")):
            return None
        rows = [
            row
            for nodes, node in self._with("images")
            for item in nodes.items(node, "images", empty=True)
            if (row := self._row(nodes, item)) is not None
        ]
        return ImageTable(tuple([nodes.source.path for nodes, _ in self._with("images")]), tuple(rows))

    def _row(self, nodes: Nodes, node: Node) -> Row | None:
        values = nodes.mapping(node, "images", ROW_KEYS, ("match",))
        location = nodes.source.location(node.start, node.start)
        match = _images(nodes, values)
        approved = _approved(nodes, values)
        levels = {DIGEST_RULE: level} if (level := _digest(nodes, values)) is not None else {}
        row = Row(
            nodes.source.path,
            location.line,
            location.column,
            match,
            self._named_environments(nodes, values),
            nodes.choices(values["roles"], "roles", ROLES, "role") if "roles" in values else (),
            _files(nodes, values, "files"),
            _tags(nodes, values, "tags"),
            _tags(nodes, values, "forbidden-tags"),
            approved is not False,
            _text(nodes, values, "reason"),
            _replacement(nodes, values, match, approved is True),
            levels | self._levels(nodes, values),
            nodes.pattern(values["versions"], "versions", lambda text, _at: Versions(text)) if "versions" in values else None,
            _uids(nodes, values),
            approved == DEPRECATED,
            *_in_registry(nodes, values, self._pem_files),
        )
        return row if match else None

    def _named_environments(self, nodes: Nodes, values: dict[str, Node]) -> tuple[str, ...]:
        if "environments" not in values:
            return ()
        return nodes.choices(values["environments"], "environments", self.environments, "environment")

    def _levels(self, nodes: Nodes, values: dict[str, Node]) -> dict[str, Severity]:
        """Return the levels under `rules` of a row."""
        if "rules" not in values:
            return {}
        found = {}
        for name, value in self._by_rule(nodes, values["rules"]).items():
            level = nodes.choice(value, f"rules.{name}", LEVELS)
            if level is not None:
                found[name] = LEVELS[level]
        return found

    def _by_rule(self, nodes: Nodes, node: Node) -> dict[str, Node]:
        values = nodes.mapping(node, "rules")
        if isinstance(node, Mapping):
            for key, _ in node.entries:
                if isinstance(key, Scalar):
                    nodes.choice(key, "rules", self.rules, "rule")
        return {name: value for name, value in values.items() if name in self.rules}

    def _rules(self) -> dict[str, tuple[RuleSetting, ...]]:
        found: dict[str, tuple[RuleSetting, ...]] = {}
        for nodes, node in self._with("rules"):
            for name, value in self._by_rule(nodes, node).items():
                found.setdefault(name, self._settings(nodes, imported(self.rules[name]), value))
        return found

    def _settings(self, nodes: Nodes, rule: Rule, node: Node) -> tuple[RuleSetting, ...]:
        """Return the settings of one rule: a level, a mapping, or a list of either.

        The default environments of the rule apply unless one of the settings has `environments`.
        """
        items = nodes.items(node, f"rules.{rule.id}") if isinstance(node, Sequence) else [node]
        named = any(isinstance(item, Mapping) and item.get("environments") is not None for item in items)
        settings = [self._setting(nodes, rule, item, () if named else rule.environments or ()) for item in items]
        return tuple([setting for setting in settings if setting is not None])

    def _setting(self, nodes: Nodes, rule: Rule, node: Node, environments: tuple[str, ...]) -> RuleSetting | None:
        key, line = f"rules.{rule.id}", nodes.source.location(node.start, node.start).line
        options = rule.options() if rule.options else None
        if isinstance(node, Scalar):
            level = nodes.choice(node, key, LEVELS)
            if level is None:
                return None
            return RuleSetting(LEVELS[level], options, environments, None, None, nodes.source.path, line)
        own = option_names(rule)
        values = nodes.mapping(node, key, (*SETTING_KEYS, *own), () if rule.level else ("level",))
        level = nodes.choice(values["level"], f"{key}.level", LEVELS) if "level" in values else None
        if rule.options:
            options = _options(nodes, rule, {name: values[name] for name in own if name in values})
        return RuleSetting(
            LEVELS[level] if level else default_level(rule, any("images" in layer.values for layer in self.layers)),
            options,
            self._named_environments(nodes, values) or environments,
            _files(nodes, values, "files"),
            _files(nodes, values, "exclude"),
            nodes.source.path,
            line,
        )

    def _exceptions(self, nodes: Nodes, node: Node) -> list[PolicyException]:
        return [self._exception(nodes, item) for item in nodes.items(node, "exceptions", empty=True)]

    def _exception(self, nodes: Nodes, node: Node) -> PolicyException:
        values = nodes.mapping(node, "exceptions", EXCEPTION_KEYS, ("rules",))
        if isinstance(node, Mapping) and not {"match", "files"} & values.keys():
            nodes.error(node, "exceptions", "missing key `match` or `files`; add one to limit the exception")
        rules = nodes.choices(values["rules"], "rules", self.rules, "rule") if "rules" in values else ()
        until = _day(nodes, values["until"]) if "until" in values else ""
        location = nodes.source.location(node.start, node.start)
        return PolicyException(
            nodes.source.path,
            location.line,
            location.column,
            frozenset(rules),
            until,
            _images(nodes, values),
            _files(nodes, values, "files"),
            _text(nodes, values, "reason"),
            _text(nodes, values, "approved-by"),
            not self.found or any(layer.nodes is nodes and layer.place is not self.place for layer in self.layers),
        )


def _in_registry(
    nodes: Nodes, values: dict[str, Node], pem_files: Callable[[Nodes], PemFiles]
) -> tuple[tuple[str, ...], PublicKey | None, tuple[str, ...], Quantity | None, Quantity | None] | tuple[()]:
    """Return the fields of a row about what registries know."""
    if REGISTRY_KEYS.isdisjoint(values):
        return ()
    from imglint.policy import registries

    return (
        registries.platforms(nodes, values["platforms"]) if "platforms" in values else (),
        registries.signed(nodes, values["signed"], pem_files(nodes)) if "signed" in values else None,
        registries.labels(nodes, values["labels"]) if "labels" in values else (),
        registries.size(nodes, values["max-size"]) if "max-size" in values else None,
        registries.age(nodes, values["max-age"]) if "max-age" in values else None,
    )


def _folder_pattern(text: str, at: str) -> PathPattern:
    """Return the pattern of a delegated folder. Unlike other patterns, it is always relative to the folder of the policy.

    Raises InvalidPattern.
    """
    if {os.curdir, os.pardir} & set(text.split("/")):
        raise InvalidPattern("a delegate is a folder below that of the policy, without `.` and `..`", 0, len(text))
    PathPattern(text, at)
    pattern = PathPattern(f"/{text.strip('/')}/", at)
    pattern.text = text
    return pattern


def _targets(nodes: Nodes, node: Node) -> list[str]:
    items = nodes.items(node, "targets", empty=True)
    if len(items) > TARGETS_MAX:
        nodes.error(items[TARGETS_MAX], "targets", f"list has more than {TARGETS_MAX} items")
    return [text for item in items if (text := nodes.text(item, "targets"))]


def _text(nodes: Nodes, values: dict[str, Node], key: str) -> str:
    return nodes.text(values[key], key) or "" if key in values else ""


def _images(nodes: Nodes, values: dict[str, Node]) -> tuple[ImagePattern, ...]:
    """Return the patterns of `match`: one, or a list."""
    if "match" not in values:
        return ()
    node = values["match"]
    if isinstance(node, Scalar):
        pattern = nodes.pattern(node, "match", ImagePattern)
        return () if pattern is None else (pattern,)
    return nodes.patterns(node, "match", ImagePattern)


def _files(nodes: Nodes, values: dict[str, Node], key: str) -> PathPatterns | None:
    return PathPatterns(nodes.patterns(values[key], key, PathPattern)) if key in values else None


def _tags(nodes: Nodes, values: dict[str, Node], key: str) -> tuple[TagPattern, ...]:
    return nodes.patterns(values[key], key, lambda text, _at: TagPattern(text), literal=True) if key in values else ()


def _digest(nodes: Nodes, values: dict[str, Node]) -> Severity | None:
    choice = nodes.choice(values["digest"], "digest", DIGEST) if "digest" in values else None
    return None if choice is None else DIGEST[choice]


def _approved(nodes: Nodes, values: dict[str, Node]) -> bool | str | None:
    """Return True, False or DEPRECATED; None after an error."""
    if "approved" not in values:
        return True
    node = values["approved"]
    if isinstance(node, Scalar) and plain_type(node) == "bool":
        return nodes.flag(node, "approved")
    choice = nodes.choice(node, "approved", APPROVED)
    if choice in (None, DEPRECATED):
        return choice
    # It is `true` or `false` in quotes.
    nodes.unexpected(node, "approved", listed(APPROVED))
    return None


def _uids(nodes: Nodes, values: dict[str, Node]) -> tuple[int, ...]:
    uids = _option(nodes, values["uid"], "uid", frozenset(("int", "tuple[int,...]"))) if "uid" in values else None
    return uids if isinstance(uids, tuple) else (uids,) if isinstance(uids, int) else ()


def _replacement(nodes: Nodes, values: dict[str, Node], match: tuple[ImagePattern, ...], approved: bool) -> str:
    """Return `use-instead`. Its wildcards are filled from `match`, which must have as many."""
    if "use-instead" not in values:
        return ""
    node = values["use-instead"]
    pattern = nodes.pattern(node, "use-instead", ImagePattern)
    if approved:
        nodes.error(node, "use-instead", "this row approves its images; add `approved: false` or `approved: deprecated`")
    if pattern is None:
        return ""
    short = next((one for one in match if one.wildcards < pattern.wildcards), None)
    if short is not None:
        nodes.error(node, "use-instead", f"more wildcards than `{short.text}` in `match`")
    return pattern.text


def _day(nodes: Nodes, node: Node) -> str:
    """Return a date as yyyy-mm-dd, empty after an error."""
    from datetime import date

    value = nodes.text(node, "until", literal=True)
    if value is None:
        return ""
    try:
        if _DATE.fullmatch(value):
            date.fromisoformat(value)
            return value
    except ValueError:
        pass
    nodes.error(node, "until", f"invalid date `{value}`; write it as yyyy-mm-dd")
    return ""


def option_names(rule: Rule) -> tuple[str, ...]:
    """Return the keys of a rule's own options as written in a policy."""
    fields: tuple[str, ...] = getattr(rule.options, "__slots__", ())
    return tuple([field.replace("_", "-") for field in fields])


def _options(nodes: Nodes, rule: Rule, values: dict[str, Node]) -> object:
    """Return the options of a rule: those in the policy, and the defaults of the others."""
    kinds = option_kinds(rule.options) if rule.options else {}
    found = {}
    for name, node in values.items():
        field = name.replace("-", "_")
        value = _option(nodes, node, f"rules.{rule.id}.{name}", kinds[field])
        if value is not None:
            found[field] = value
    return rule.options(**found) if rule.options else None


def _option(nodes: Nodes, node: Node, key: str, kinds: frozenset[str]) -> object:
    """Return the value of an option. `kinds` are the types that it may have, as annotations without spaces."""
    if isinstance(node, Sequence):
        if "tuple[int,...]" in kinds:
            numbers = [nodes.number(item, key) for item in nodes.items(node, key)]
            return tuple([number for number in numbers if number is not None])
        if "tuple[str,...]" in kinds:
            texts = [nodes.text(item, key) for item in nodes.items(node, key)]
            return tuple([text for text in texts if text is not None])
    elif isinstance(node, Scalar):
        kind = plain_type(node)
        if kind == "number" and "int" in kinds:
            return nodes.number(node, key)
        if kind == "bool" and "bool" in kinds:
            return nodes.flag(node, key)
        if kind == "string" and "str" in kinds:
            return nodes.text(node, key)
    words = {
        "int": "a number",
        "bool": "true or false",
        "str": "a string",
        "tuple[int,...]": "a list of numbers",
        "tuple[str,...]": "a list of strings",
    }
    nodes.unexpected(node, key, " or ".join([word for kind, word in words.items() if kind in kinds]))
    return None
