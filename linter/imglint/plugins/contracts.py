"""Check the contracts of plugins: the attributes that a rule, reader or format must have, and the values that it must yield.

`load` imports this only for modules of other packages, so that other runs need not. The tests check the built-in modules.
"""

from __future__ import annotations

from itertools import pairwise

from imglint.errors import PluginError
from imglint.model import (
    INVALID,
    PARTS,
    ROLES,
    SETTING_KEYS,
    UNREAD_FILE,
    UNRESOLVED,
    UNSILENCEABLE,
    Comment,
    Edit,
    Finding,
    Fix,
    ImageUse,
    Problem,
    ReferenceProblem,
    RunUser,
    Severity,
)
from imglint.printable import clipped, listed
from imglint.reference import ImageReference, InvalidReference, parse
from imglint.source import Location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from types import ModuleType
    from typing import NoReturn, TypeGuard, TypeVar

    from imglint.model import Fact
    from imglint.source import Source

    T = TypeVar("T")

RULE = ("LEVEL", "ENVIRONMENTS", "TAGS", "SECURITY_SEVERITY", "URL", "COVERS", "FIX", "Options", "check_image", "check_user")
READER = ("FILES", "claims", "read")
FORMAT = ("FINGERPRINTS", "TERMINAL", "VIEW", "write")
STYLE = {"TERMINAL": ("color", "summary"), "VIEW": ("view",)}
"""The keyword arguments that a format with one of these flags is called with."""
OPTION_TYPES = {"int": int, "bool": bool, "str": str, "tuple[int,...]": int, "tuple[str,...]": str, "None": type(None)}
"""The types of a rule's options: the annotation without spaces, and the type of the value, or of the items of a tuple."""
READER_RULES = ("syntax-error", "unread-file")
"""The rules under which a reader can report a problem."""
SIMILAR = 0.8
"""The similarity, from 0 to 1, from which a name counts as a misspelling of an attribute."""
_OPTIONS = "int, bool, str, tuple[int, ...], tuple[str, ...] or None, joined by |"


def check_rule(module: ModuleType, kinds: Mapping[str, Collection[str]]) -> None:
    """Raise PluginError if a module is not a rule. `kinds` holds the annotation of each field of its options."""
    _check_spelling(module, RULE)
    doc = module.__doc__
    _expect(module, "the docstring", bool(doc and doc.strip()), "the documentation of the rule", doc and doc.strip())
    level = getattr(module, "LEVEL", None)
    _expect(module, "LEVEL", isinstance(level, Severity), "a Severity", level)
    environments = getattr(module, "ENVIRONMENTS", None)
    is_environments = environments is None or (environments != () and _is_strings(environments))
    _expect(module, "ENVIRONMENTS", is_environments, "a tuple of at least one string", environments)
    tags = getattr(module, "TAGS", ())
    _expect(module, "TAGS", _is_strings(tags), "a tuple of strings", tags)
    severity = getattr(module, "SECURITY_SEVERITY", None)
    _expect(module, "SECURITY_SEVERITY", severity is None or _is_score(severity), 'a string from "0.0" to "10.0"', severity)
    url = getattr(module, "URL", None)
    _expect(module, "URL", url is None or _is_url(url), "a string that starts with https://", url)
    covers = getattr(module, "COVERS", ())
    _expect(module, "COVERS", _is_strings(covers), "a tuple of rule ids", covers)
    fix = getattr(module, "FIX", None)
    _expect(module, "FIX", fix is None or (isinstance(fix, str) and bool(fix.strip())), "a sentence", fix)
    online = getattr(module, "ONLINE", False)
    _expect(module, "ONLINE", isinstance(online, bool), "True or False", online)
    _expect(module, "KINDS", _is_strings(getattr(module, "KINDS", ())), "a tuple of kinds of files", getattr(module, "KINDS", ()))
    if not UNSILENCEABLE.isdisjoint(covers):
        never = min(UNSILENCEABLE.intersection(covers))
        raise PluginError(f"{module.__name__}: COVERS must not name `{never}`, which is always reported")
    options = getattr(module, "Options", None)
    if options is not None:
        check_options(module, options, kinds)
    checks = [name for name in ("check_image", "check_user") if hasattr(module, name)]
    if not checks:
        raise PluginError(f"{module.__name__}: a rule needs a function check_image(use, options) or check_user(user, options)")
    for name in checks:
        _check_function(module, name, 2)


def check_covers(covers: Mapping[str, Collection[str]]) -> None:
    """Raise PluginError if a rule covers itself, directly or through others: such rules would silence each other.

    `covers` holds the ids of the rules that each rule covers. Unknown ones are ignored, because their package may not be installed.
    """
    for rule in covers:
        reached, waiting = {rule}, list(covers[rule])
        while waiting:
            name = waiting.pop()
            if name == rule:
                raise PluginError(f"rule `{rule}` covers itself, directly or through other rules; remove it from their COVERS")
            if name not in reached:
                reached.add(name)
                waiting.extend(covers.get(name, ()))


def check_reader(module: ModuleType) -> None:
    """Raise PluginError if a module is not a reader."""
    _check_spelling(module, READER)
    files = getattr(module, "FILES", None)
    _expect(module, "FILES", _is_patterns(files), "a tuple of lower-case file name patterns without folders", files)
    environment = getattr(module, "ENVIRONMENT", "")
    _expect(module, "ENVIRONMENT", isinstance(environment, str), "the name of an environment", environment)
    _check_function(module, "claims", 1)
    _check_function(module, "read", 1)


def check_format(module: ModuleType) -> None:
    """Raise PluginError if a module is not a format."""
    _check_spelling(module, FORMAT)
    keywords: list[str] = []
    for name in ("FINGERPRINTS", "TERMINAL", "VIEW"):
        flag = getattr(module, name, False)
        _expect(module, name, isinstance(flag, bool), "True or False", flag)
        keywords += STYLE.get(name, ()) if flag else ()
    _check_function(module, "write", 2, tuple(keywords))


def check_options(module: ModuleType, options: type, kinds: Mapping[str, Collection[str]]) -> None:
    """Raise PluginError if the options of a rule are not a record of fields that a policy can set, each with a default of its type.

    `kinds` holds the annotation of each field, as words of OPTION_TYPES.
    """
    is_record = isinstance(options, type) and hasattr(options, "__slots__")
    _expect(module, "Options", is_record, "a class with the decorator @imglint.record", options)
    for field, known in kinds.items():
        name = f"Options.{field}"
        _expect(module, name, OPTION_TYPES.keys() >= set(known), f"annotated with {_OPTIONS}", " | ".join(sorted(known)))
        if field in SETTING_KEYS:
            raise PluginError(f"{module.__name__}: {name} must have another name; `{field}` is a key of every rule")
    try:
        defaults = options()
    except TypeError as error:
        raise PluginError(f"{module.__name__}: every field of Options must have a default: {error}") from None
    for field, known in kinds.items():
        value = getattr(defaults, field)
        is_one = any(_is_option(value, kind) for kind in known)
        _expect(module, f"Options.{field}", is_one, listed(sorted(known)), value)


def _is_option(value: object, kind: str) -> bool:
    if kind.startswith("tuple"):
        return isinstance(value, tuple) and all(type(item) is OPTION_TYPES[kind] for item in value)
    return type(value) is OPTION_TYPES[kind]


def checked_findings(module: str, name: str, check: Callable[..., Iterable[Finding]]) -> Callable[..., Iterator[Finding]]:
    """Wrap a function of a rule to check each finding that it yields. The result raises PluginError."""

    def checked(subject: ImageUse | RunUser, options: object) -> Iterator[Finding]:
        for finding in _yielded(module, name, "findings", check, subject, options):
            if not isinstance(finding, Finding):
                _refuse(module, f"{name}() must yield findings", finding)
            _check_finding(module, finding, subject.source)
            _check_fix(module, finding.fix, subject)
            yield finding

    return checked


def checked_facts(module: str, read: Callable[[Source], Iterable[Fact]]) -> Callable[[Source], Iterator[Fact]]:
    """Wrap the function `read` of a reader to check each fact that it yields. The result raises PluginError."""

    def checked(source: Source) -> Iterator[Fact]:
        for fact in _yielded(module, "read", "facts", read, source):
            if not isinstance(fact, ImageUse | RunUser | Problem | Comment):
                _refuse(module, "read() must yield ImageUse, RunUser, Problem or Comment", fact)
            _FactCheck(module, source).check(fact)
            yield fact

    return checked


def checked_call(module: str, name: str, function: Callable[..., T]) -> Callable[..., T]:
    """Wrap a function of a plugin to raise RuntimeError if it tries to end the process."""

    def checked(*arguments: object, **options: object) -> T:
        try:
            return function(*arguments, **options)
        except SystemExit:
            raise RuntimeError(f"{module}: {name}() must not end the process") from None

    return checked


def _yielded(
    module: str, name: str, what: str, function: Callable[..., Iterable[object]], *arguments: object
) -> Iterator[object]:
    """Yield the items that a function of a plugin yields, or those of the list that it returns."""
    try:
        found = function(*arguments)
        if isinstance(found, str) or not hasattr(found, "__iter__"):
            _refuse(module, f"{name}() must yield {what} or return a list of them", found)
        yield from found
    except SystemExit:
        raise PluginError(f"{module}: {name}() must not end the process") from None


def _check_finding(module: str, finding: Finding, source: Source) -> None:
    if not isinstance(finding.message, str) or not finding.message.strip():
        _refuse(module, "Finding.message must be a non-empty string", finding.message)
    for field in ("text", "line_text", "policy"):
        if not isinstance(getattr(finding, field), str):
            _refuse(module, f"Finding.{field} must be a string", getattr(finding, field))
    if not _is_in(finding.location, source):
        raise PluginError(f"{module}: Finding.location must lie in {source.path}, found {_shown(finding.location)}")
    if not isinstance(finding.known_by, tuple) or not all(isinstance(name, str) for name in finding.known_by):
        _refuse(module, "Finding.known_by must be a tuple of strings", finding.known_by)
    if not isinstance(finding.related, tuple) or not all(_is_location(location) for location in finding.related):
        _refuse(module, "Finding.related must be a tuple of Location", finding.related)


def _check_fix(module: str, fix: object, subject: ImageUse | RunUser) -> None:
    if fix is None:
        return
    if not isinstance(fix, Fix):
        _refuse(module, "Finding.fix must be a Fix or None", fix)
    if not isinstance(fix.description, str) or not fix.description.strip():
        _refuse(module, "Fix.description must be a non-empty string", fix.description)
    if not isinstance(fix.safe, bool):
        _refuse(module, "Fix.safe must be True or False", fix.safe)
    if not isinstance(fix.edits, tuple) or not fix.edits or not all(isinstance(edit, Edit) for edit in fix.edits):
        _refuse(module, "Fix.edits must be a tuple of at least one Edit", fix.edits)
    for edit in fix.edits:
        if not _is_in(edit.location, subject.source):
            raise PluginError(f"{module}: Edit.location must lie in {subject.source.path}, found {_shown(edit.location)}")
        if not isinstance(edit.text, str):
            _refuse(module, "Edit.text must be a string", edit.text)
    spans = sorted(_span(edit.location) for edit in fix.edits)
    for one, other in pairwise(spans):
        if other[0] < one[1] or one == other:
            line, column = other[0]
            raise PluginError(f"{module}: Fix.edits must not overlap, found two at {subject.source.path}:{line}:{column}")
    _check_expected(module, fix.expects, subject)


def _check_expected(module: str, expects: object, subject: ImageUse | RunUser) -> None:
    if not isinstance(expects, str):
        _refuse(module, "Fix.expects must be a string", expects)
    if expects and isinstance(subject, ImageUse):
        try:
            parse(expects)
        except InvalidReference as error:
            raise PluginError(f"{module}: Fix.expects must be an image reference, found {clipped(expects)}: {error}") from None


def _span(location: Location) -> tuple[tuple[int, int], tuple[int, int]]:
    return (location.line, location.column), (location.end_line, location.end_column)


def _shown(location: object) -> str:
    return str(location) if isinstance(location, Location) else _repr(location)


def _is_in(location: object, source: Source) -> bool:
    """Return whether a location lies in a source: its line and column exist, and so do those of its end."""
    if not _is_location(location) or location.path != source.path:
        return False
    start, end = (location.line, location.column), (location.end_line, location.end_column)
    return start <= end and source.location(source.offset(*start), source.offset(*end)) == location


def _is_location(value: object) -> TypeGuard[Location]:
    """Return whether a value is a Location with a path, lines and columns."""
    if not isinstance(value, Location) or not isinstance(value.path, str):
        return False
    return all(type(number) is int and number > 0 for number in (value.line, value.column, value.end_line, value.end_column))


class _FactCheck:
    """Checks the facts of a reader, field by field."""

    def __init__(self, module: str, source: Source) -> None:
        self.module, self.source = module, source

    def check(self, fact: Fact) -> None:
        name = type(fact).__name__
        if fact.source is not self.source:
            _refuse(self.module, f"{name}.source must be the source given to read()", fact.source)
        self.span(f"{name}.span", fact.span)
        if isinstance(fact, ImageUse):
            self.use(fact)
        elif isinstance(fact, RunUser):
            self.user(fact)
        elif isinstance(fact, Problem):
            self.text("Problem.message", fact.message)
            self.one_of("Problem.rule", fact.rule, READER_RULES)

    def use(self, use: ImageUse) -> None:
        self.text("ImageUse.place", use.place)
        self.text("ImageUse.where", use.where)
        self.one_of("ImageUse.role", use.role, ROLES)
        self.typed("ImageUse.reference", use.reference, ImageReference, None)
        self.typed("ImageUse.problem", use.problem, ReferenceProblem, None)
        if use.problem is not None:
            self.one_of("ImageUse.problem.rule", use.problem.rule, (INVALID, UNRESOLVED, UNREAD_FILE))
            self.text("ImageUse.problem.message", use.problem.message)
            self.span("ImageUse.problem.span", use.problem.span)
        elif use.reference is None:
            _refuse(self.module, "ImageUse.problem must be set if ImageUse.reference is None", None)
        self.typed("ImageUse.tag_known", use.tag_known, bool)
        self.typed("ImageUse.built", use.built, bool)
        self.typed("ImageUse.platform", use.platform, str)
        self.typed("ImageUse.built_or_pulled", use.built_or_pulled, bool)
        if not hasattr(use.parts, "items"):
            _refuse(self.module, "ImageUse.parts must map names of parts to spans", use.parts)
        for part, span in use.parts.items():
            self.one_of("a key of ImageUse.parts", part, PARTS)
            self.span(f"ImageUse.parts[{part!r}]", span)

    def user(self, user: RunUser) -> None:
        self.text("RunUser.place", user.place)
        self.text("RunUser.where", user.where)
        self.typed("RunUser.user", user.user, str, None)
        self.typed("RunUser.nonroot", user.nonroot, bool, None)
        self.typed("RunUser.known", user.known, bool)
        self.typed("RunUser.explicit", user.explicit, bool)
        self.typed("RunUser.base", user.base, ImageReference, None)
        self.typed("RunUser.image", user.image, ImageUse, None)
        if user.image is not None:
            self.check(user.image)

    def span(self, name: str, span: object) -> None:
        end = len(self.source.text)
        if not (
            isinstance(span, tuple)
            and len(span) == 2
            and all(type(offset) is int for offset in span)
            and 0 <= span[0] <= span[1] <= end
        ):
            _refuse(self.module, f"{name} must be a start and an end offset in the file, from 0 to {end}", span)

    def text(self, name: str, value: object) -> None:
        if not isinstance(value, str) or not value.strip():
            _refuse(self.module, f"{name} must be a non-empty string", value)

    def one_of(self, name: str, value: object, known: tuple[str, ...]) -> None:
        if not isinstance(value, str) or value not in known:
            _refuse(self.module, f"{name} must be {listed(known)}", value)

    def typed(self, name: str, value: object, *kinds: type | None) -> None:
        if not any(value is None if kind is None else isinstance(value, kind) for kind in kinds):
            _refuse(self.module, f"{name} must be {listed([kind.__name__ if kind else 'None' for kind in kinds])}", value)


def _check_spelling(module: ModuleType, attributes: tuple[str, ...]) -> None:
    """Raise PluginError for a name that looks like a misspelled attribute."""
    missing = [attribute for attribute in attributes if not hasattr(module, attribute)]
    for name, value in vars(module).items():
        is_own = name.isupper() or getattr(value, "__module__", None) == module.__name__
        if is_own and name not in attributes and name[0] != "_":
            similar = next((attribute for attribute in missing if _is_similar(name, attribute)), None)
            if similar is not None:
                raise PluginError(f"{module.__name__}: unknown attribute `{name}`; did you mean `{similar}`?")


def _is_similar(name: str, attribute: str) -> bool:
    if name[0] != attribute[0] or abs(len(name) - len(attribute)) > 2:
        return False
    from difflib import SequenceMatcher

    return SequenceMatcher(None, name, attribute).ratio() >= SIMILAR


def _check_function(module: ModuleType, name: str, arguments: int, keywords: tuple[str, ...] = ()) -> None:
    """Raise PluginError if a function does not take this number of positional arguments and these keyword arguments."""
    function = getattr(module, name, None)
    wanted = f"{arguments} argument{'' if arguments == 1 else 's'}"
    if keywords:
        wanted += f" and the keyword argument{'' if len(keywords) == 1 else 's'} {listed(keywords, 'and')}"
    _expect(module, name, callable(function), f"a function of {wanted}", function)
    code = getattr(function, "__code__", None)
    if code is not None and code.co_argcount == arguments and not code.co_kwonlyargcount and not keywords:
        return
    from inspect import signature

    try:
        found = signature(function)  # type: ignore[arg-type]
    except ValueError:
        # A function written in C need not have a signature.
        return
    try:
        found.bind(*[None] * arguments, **dict.fromkeys(keywords))
    except TypeError:
        raise PluginError(f"{module.__name__}: {name} must take {wanted}, found {name}{found}") from None


def _is_strings(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(item, str) and item.strip() for item in value)


def _is_patterns(value: object) -> bool:
    return isinstance(value, tuple) and value != () and all(isinstance(item, str) and _is_pattern(item) for item in value)


def _is_pattern(text: str) -> bool:
    return text != "" and text == text.lower() and "/" not in text


def _is_score(value: object) -> bool:
    import re

    return isinstance(value, str) and re.fullmatch(r"(?:[0-9](?:\.[0-9]+)?|10(?:\.0+)?)", value) is not None


def _is_url(value: object) -> bool:
    import re

    return isinstance(value, str) and re.fullmatch(r"https://[!-~]+", value) is not None


def _expect(module: ModuleType, name: str, holds: bool, expected: str, found: object) -> None:
    if not holds:
        _refuse(module.__name__, f"{name} must be {expected}", found)


def _refuse(module: str, message: str, found: object) -> NoReturn:
    """Raise PluginError with the invalid value; None is shown as nothing."""
    raise PluginError(f"{module}: {message}, found {'nothing' if found is None else clipped(_repr(found))}")


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception:
        return f"a {type(value).__name__}"
