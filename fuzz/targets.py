"""The fuzz targets: each takes bytes and raises if imglint violates one of its guarantees.

The guarantees: only documented exceptions; the text of every use is at its position; the YAML parsers in C and in Python give the same uses; plain YAML
gives the same nodes with and without a parser.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
from base64 import b64encode
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from imglint.commands.options import CommandOptions, settings_for
from imglint.engine import fix as fixing
from imglint.engine.discover import Found
from imglint.engine.facts import claim, read_as
from imglint.engine.fix import fix_file
from imglint.engine.judge import judge_file
from imglint.errors import PolicyError
from imglint.model import INVALID, Comment, ImageUse, NamedFile, Problem, RunUser
from imglint.plugins import load as plugins
from imglint.policy import load as policyfile
from imglint.policy.lookup import default_policy
from imglint.readers import compose, dockerfile, helm_template, helm_values, kubernetes
from imglint.reference import ImageReference, InvalidReference, parse
from imglint.source import Source, UnreadFile, decode
from imglint.yaml import documents as yamltree
from imglint.yaml.nodes import Mapping, Scalar
from imglint.yaml.plain import NotPlain, read_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imglint.engine.facts import FileFacts, Settings
    from imglint.engine.judge import Verdict
    from imglint.model import Fact, Span
    from imglint.yaml.nodes import Node

FIXTURES = Path(__file__).parent.parent / "fixtures"
YAML_READERS = (compose, kubernetes, helm_values, helm_template)
DEFAULT_POLICY = default_policy()
_UNLIKE = frozenset("$\\\"'\n\r{}`|>")
"""Characters of quoting, folding and variables: text with one of them may have another value."""
_CUTTING = re.compile(r"\$\{[^}]*[/#%]")
"""An expression that removes a part of a value: the result has the position of the whole expression."""


class ViolationError(AssertionError):
    """A guarantee that imglint violated."""


def reference(data: bytes) -> None:
    """Check the reference parser: a reference in its full form parses to the same reference, and its parts are at their spans."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        found = parse(text)
    except InvalidReference as error:
        _require(0 <= error.start <= error.end <= len(text), "an error lies in the text", text)
        return
    again = parse(str(found))
    _require(_normal(again) == _normal(found), "a normalized reference parses to itself", text)
    for name, (start, end) in found.spans.items():
        _require(start < end <= len(text), "a part has a span in the text", text)
        if name in ("tag", "digest"):
            _require(text[start:end] == getattr(found, name), "a part is at its span", text)


def _normal(one: ImageReference) -> tuple[object, ...]:
    return one.registry, one.repository, one.tag, one.digest


def a_dockerfile(data: bytes) -> None:
    """Check the Dockerfile reader."""
    text = _decoded(data)
    if text is not None:
        source = Source("Dockerfile", text, "dockerfile", {"GIVEN": "given/image:1.0", "EMPTY": ""}, ("final",))
        dockerfile.claims(source)
        check(source, list(dockerfile.read(source)))


def buildkit(data: bytes) -> None:
    """Check that BuildKit's own parser reads a Dockerfile as the scanner does. The bytes are a Dockerfile, or choices that generate one."""
    from fuzz.buildkit import difference, generate

    if data[:1] < b"\x80":
        choices = iter(data[1:])
        text: str | None = generate(lambda count: next(choices, 0) % count)
    else:
        text = _decoded(data[1:])
    found = None if text is None else difference(text)
    _require(found is None, "BuildKit reads the same", (found, text))


def yaml(data: bytes) -> None:
    """Check the YAML readers; the first byte selects one."""
    text = _decoded(data[1:])
    if not data or text is None:
        return
    reader = YAML_READERS[data[0] % len(YAML_READERS)]
    path = {compose: "compose.yaml", kubernetes: "deploy.yaml"}.get(reader, "values.yaml")
    kind = reader.__name__.rpartition(".")[2].replace("_", "-")

    def read() -> tuple[list[Fact], bool]:
        source = Source(path, text, kind, {"GIVEN": "given/image:1.0"})
        reader.claims(source)
        facts = list(reader.read(source))
        check(source, facts)
        return facts, all(document.broken is None for document in yamltree.documents(text))

    for document in yamltree.documents(text):
        is_plain(text[document.start : document.end])
    facts, whole = read()
    with python_parser():
        again, whole_again = read()
    if whole and whole_again:
        _require(contents(facts) == contents(again), "both YAML parsers give the same facts", (text, _difference(facts, again)))


def _difference(one: list[Fact], other: list[Fact]) -> list[tuple[object, ...]]:
    return [fact for fact in (*contents(one), *contents(other)) if fact not in contents(one) or fact not in contents(other)][:4]


def is_plain(document: str) -> bool:
    """Return whether a document is read without a parser. Its nodes must then equal those of the parser."""
    try:
        root = read_plain(document, 5)
    except NotPlain:
        return False
    try:
        events = yamltree.parse_events(document, 5)
    except yamltree.InvalidYaml as error:
        raise ViolationError(f"plain YAML is valid YAML, {error}: {document!r}") from None
    _require(shape(root) == shape(events), "plain YAML gives the nodes that events give", document)
    return True


def shape(node: Node | None) -> object:
    """Return a node with its positions and children, for comparison."""
    if isinstance(node, Scalar):
        return node.value, node.start, node.end, node.style, node.tag
    if isinstance(node, Mapping):
        return "mapping", node.start, [(shape(key), shape(value)) for key, value in node.entries]
    return node and ("sequence", node.start, [shape(item) for item in node.items])


@contextmanager
def python_parser() -> Iterator[None]:
    """Read YAML with the parser in Python, plain YAML too."""
    with patch.object(yamltree, "_c_parser", lambda: None), patch.object(yamltree, "read_plain", not_plain):
        yield


def not_plain(_text: str, _base: int = 0) -> Node:
    """Replace `read_plain`, so that every document is read by a parser."""
    raise NotPlain


def hidden(data: bytes) -> None:
    """Check that what ruamel loads as the image of a container is listed, or a problem is reported, in a manifest that the bytes spell."""
    path, text = _Speller(data).file()
    try:
        loader = YAML(typ="safe", pure=True)
        wanted = {image.strip() for document in loader.load_all(text.lstrip("\ufeff")) for image in _container_images(document)}
    except (YAMLError, ValueError, AttributeError, TypeError):
        return
    source, reader = claim(path, text, DEFAULT_POLICY)
    facts = [fact for fact in reader.read(source) if not isinstance(fact, NamedFile)] if reader else []
    check(source, facts)
    listed = {use.reference.text for use in facts if isinstance(use, ImageUse) and use.reference}
    reported = any(isinstance(fact, Problem) for fact in facts)
    _require(reported or wanted <= listed, "an image is listed or the file is reported", (path, text, wanted - listed))


def _container_images(document: object) -> Iterator[str]:
    if not isinstance(document, dict) or "kind" not in document or document["kind"] == "CustomResourceDefinition":
        return
    if "apiVersion" in document or "items" in document:
        for item in [document, *(document.get("items") or ())]:
            spec = item.get("spec") if isinstance(item, dict) else None
            containers = spec.get("containers") if isinstance(spec, dict) else None
            yield from [one["image"] for one in containers or () if isinstance(one, dict) and isinstance(one.get("image"), str)]


class _Speller:
    """Spells a manifest in one of many ways, which bytes choose."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)

    def choose(self, *options: str) -> str:
        # Most choices are the first option, so that several tricks rarely spoil each other.
        number = next(self._data, 0)
        return options[number % len(options)] if number >= 128 else options[0]

    def file(self) -> tuple[str, str]:
        path = self.choose(
            "pod.yaml", "compose.yaml", "values.yaml", "pod.json", "stack.yml", "dev-values.yaml", "docker-compose.yml"
        )
        first = self.choose(
            "", "---\n", "~\n---\n", "# {{ a }}\n", "--- # a\n", "\ufeff", "a: b\n---\n", "services: {}\n---\n", "\ufeff\ufeff",
            "%YAML 1.2\n---\n", "{}\n---\n", "a: '\n\nkind: CustomResourceDefinition\n\n'\n", "'\n\nkind: b\n\n': c\n", "--- !!map\n", "--- &r\n",
        )  # fmt: skip
        manifest = self.flow() if self.choose("block", "flow") == "flow" else self.block()
        last = self.choose(
            "", "---\n", "...\n", "---\na: b\n", "a: |\n  kind: b\n", "status: {a: b}\n", "---\nservices: {}\n", "# a\u2028b\n"
        )
        indent = self.choose("", "  ", "    ")
        text = "".join([indent + line for line in manifest.splitlines(keepends=True)])
        return path, (first + text + last).replace("\n", self.choose("\n", "\r\n", "\r"))

    def flow(self) -> str:
        api, kind, spec, containers, image = map(self.flow_key, ("apiVersion", "kind", "spec", "containers", "image"))
        space = self.choose("", " ", "\n", "\n  ", "\t")
        value = self.choose('"evil/x:1"', "'evil/x:1'", '"\\x65vil/x:1"', "!!str 'evil/x:1'", "&b 'evil/x:1'")
        pod = f'"v1",{space}{kind}{space}"Pod",{space}{spec} {{{containers} [{{{image} {value}}}]}}'
        return f"{{{api} {pod}}}\n"

    def flow_key(self, key: str) -> str:
        escaped = f'"\\u{ord(key[0]):04x}{key[1:]}":'
        return self.choose(
            f'"{key}":', f"{key}:", escaped, f"!!str {key}:", f"&{key} {key}:", f"? {key}\n :", f"'{key}' :", f"{key}\n :"
        )

    def key(self, key: str, indent: str) -> str:
        escaped = "".join([f"\\x{ord(character):02x}" for character in key[:2]]) + key[2:]
        binary = b64encode(key.encode()).decode()
        folded = f'? "{key[:2]}\\\n{indent}  {key[2:]}"\n{indent}:'
        return self.choose(
            f"{key}:", f'"{key}":', f"'{key}':", f'"{escaped}":', f"!!str {key}:", f"&{key} {key}:", f"? {key}\n{indent}:", f"{key} :",
            folded,
            f"? |-\n{indent}  {key}\n{indent}:", f"! {key}:", f"!<tag:yaml.org,2002:str> {key}:", f"# a\u2028\n{indent}{key}:", f"!!binary {binary}:",
        )  # fmt: skip

    def block(self) -> str:
        value = self.choose(
            "evil/x:1", "'evil/x:1'", '"evil\\u002fx:1"', ">-\n      evil/x:1", "|\n      evil/x:1", "\n      evil/x:1", "!!str evil/x:1",
            "&b evil/x:1", "# a\n      evil/x:1", "*v",
        )  # fmt: skip
        labels = "  a: &v evil/x:1\n" if value == "*v" else "  a: b\n"
        container = f"  - {self.choose('', '# a', '&c')}\n    {self.key('image', '    ')} {value}\n"
        if self.choose("", "merge") == "merge":
            container = f"  - <<: {{{self.flow_key('image')} 'evil/x:1'}}\n"
        head = f"{self.key('apiVersion', '')} v1\n{self.key('kind', '')} {self.choose('Pod', 'List', '!!str Pod')}\n"
        spec = f"{self.key('spec', '')}\n  {self.key('containers', '  ')}\n{container}"
        return self.choose(f"{head}metadata:\n{labels}{spec}", f"metadata:\n{labels}{spec}{head}")


def policy(data: bytes) -> None:
    """Check the policy loader, and that a loaded policy can be applied to any use."""
    with tempfile.TemporaryDirectory(prefix="imglint-fuzz-") as folder:
        path = os.path.join(folder, ".imglint.yaml")
        Path(path).write_bytes(data)
        try:
            loaded = policyfile.load(path, plugins.rules(), plugins.kinds())
        except PolicyError as error:
            _require(bool(error.diagnostics), "an error has a diagnostic", data)
            located = all(found.line > 0 and found.column > 0 and found.message for found in error.diagnostics)
            _require(located, "a diagnostic has a location and a message", data)
            return
        source = Source(os.path.join(folder, "deploy", "Dockerfile"), "FROM nginx\nFROM ghcr.io/acme/app:v1.2.3\n", "dockerfile")
        for fact in dockerfile.read(source):
            if isinstance(fact, ImageUse):
                placed = loaded.resolve(fact)
                for rule in plugins.rules().values():
                    decision = loaded.decision(rule, placed)
                    if rule.check_image and decision.level:
                        list(rule.check_image(placed, decision.options))
                    loaded.exception_for(rule.id, placed, source.path, "2026-01-01")
        loaded.excluded(source.path)


def fix(data: bytes) -> None:
    """Check that a fixed file reads as the fixes expect, and that its bytes outside of the changes are as before.

    The first bytes select the kind of file, its encoding and line ends, and the rows of a policy.
    """
    head, rest = data[:FIX_HEAD].ljust(FIX_HEAD, b"\0"), data[FIX_HEAD:]
    path = os.path.join(_empty_folder(), _FIXED_FILES[head[0] % len(_FIXED_FILES)])
    content = _spelled(rest, head[1])
    settings = _moving(frozenset(choice % len(_ROWS) for choice in head[2:]), path)
    found = Found(path, True)
    try:
        text = decode(content)
    except UnreadFile:
        return
    before = read_as(path, text, found, settings)
    fixable = [verdict for verdict in judge_file(before, settings)[0] if verdict.is_reported and verdict.finding.fix]
    fixed = fix_file(found, content, settings, lambda _finding: True)
    about = (fixed, sorted(head[2:]), text)
    if fixed.failure or not fixable:
        _require(fixed.after == content and not fixed.fixed, "a file that cannot be fixed stays as it is", about)
        return
    _require(fixed.after != content and fixed.fixed > 0, "a fix changes a file, or fails", about)
    pieces, at = [], 0
    for start, end, new in fixed.changes:
        _require(at <= start <= end, "changes are in order", about)
        pieces += [content[at:start], new]
        at = end
    _require(b"".join([*pieces, content[at:]]) == fixed.after, "the bytes outside of the changes are as before", about)
    with patch.object(fixing, "PASSES_MAX", 1):
        once = fix_file(found, content, settings, lambda _finding: True)
    _check_fixed(before, read_as(path, decode(once.after), found, settings), fixable, about)
    again = fix_file(found, fixed.after, settings, lambda _finding: True)
    _require(again.after == fixed.after and not again.failure, "a second run changes nothing", (again, about))


def _check_fixed(before: FileFacts, after: FileFacts, fixable: list[Verdict], about: object) -> None:
    """Check that after one pass the facts with a fix read as before or as one of their fixes expects, and all others as before."""
    expected: dict[int, list[str]] = {}
    for verdict in fixable:
        for subject in verdict.subjects:
            expected.setdefault(id(subject), []).append(verdict.finding.fix.expects if verdict.finding.fix else "")
    old, new = ([fact for fact in file.facts if not isinstance(fact, Comment)] for file in (before, after))
    _require(len(old) == len(new), "a fix neither adds nor removes facts", about)
    for one, other in zip(old, new, strict=True):
        said, now = _said(one), _said(other)
        ways = [(*said[:-1], _full(wanted)) if wanted else said for wanted in expected.get(id(one), [])]
        # Of several fixes, one is made in a pass, or none if all touch others.
        _require(now == said or now in ways, "a fact reads as before, or as a fix expects", (now, said, ways, about))


def _full(wanted: str) -> str:
    """Return what a fix expects: a reference in its full form, or a user."""
    return wanted if wanted.isdecimal() else str(parse(wanted))


def _said(fact: Fact) -> tuple[object, ...]:
    """Return what a fact says: last, the reference or the user."""
    if isinstance(fact, ImageUse):
        return fact.place, fact.where, fact.role, fact.tag_known, fact.reference and str(fact.reference)
    if isinstance(fact, RunUser):
        return fact.place, fact.where, fact.nonroot, fact.user
    return (fact.message if isinstance(fact, Problem) else "",)


FIX_HEAD = 6
"""Bytes of an input that are not content: kind, encoding, rows."""
_FIXED_FILES = ("Dockerfile", "compose.yaml", "pod.yaml", "values.yaml", "pod.json", "kustomization.yaml")
_ROWS = (
    "{match: docker.io/library/*, approved: false, use-instead: mirror.example/hub/*}",
    "{match: docker.io/*/*, approved: deprecated, use-instead: 'ghcr.io:443/*-*'}",
    "{match: '**', roles: [build, base], approved: deprecated, use-instead: a/b}",
    "{match: '**', approved: false, use-instead: 'mirror.example/all:1.0'}",
    "{match: '**/a*', approved: deprecated, use-instead: 'mirror.example/**/b*'}",
    "{match: 'docker.io/**'}",
    "{match: ghcr.io/**, tags: ['v*'], digest: required}",
    "{match: '**', uid: 1001}",
    "{match: mirror.example/**, approved: deprecated, use-instead: quay.io/**}",
)


@cache
def _empty_folder() -> str:
    """Return a folder that files can be beside of. It is the root of a repository, so that no policy above applies."""
    folder = tempfile.mkdtemp(prefix="imglint-fuzz-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.mkdir(os.path.join(folder, ".git"))
    return folder


@cache
def _moving(rows: frozenset[int], path: str) -> Settings:
    """Return settings with a policy of some rows, so that many images have to move."""
    text = "".join([f"- {_ROWS[number]}\n" for number in sorted(rows)])
    config = Path(_empty_folder(), "policy.yml")
    config.write_text(f"images:\n{text}- match: '**'\nrules: {{platform-repository: warning, root-user: {{uid: 5}}}}\n")
    if not os.path.exists(path):
        Path(path).touch()
    return settings_for(CommandOptions(paths=(path,), config=str(config)))


def _spelled(content: bytes, choice: int) -> bytes:
    """Return content in UTF-8 with other line ends, in another encoding, or as it is."""
    ends = (b"\n", b"\r\n", b"\r")[choice % 3]
    content = content.replace(b"\n", ends)
    encoding = ("", "", "", "utf-8-sig", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")[choice // 3 % 8]
    if not encoding:
        return content
    text = content.decode(errors="replace").removeprefix("\ufeff")
    return text.encode(encoding) if encoding == "utf-8-sig" else f"\ufeff{text}".encode(encoding)


def check(source: Source, facts: list[Fact]) -> None:
    """Raise ViolationError if a fact is not at its position."""
    for fact in facts:
        _within(source, fact.span)
        location = source.location(*fact.span)
        _require(source.offset(location.line, location.column) == fact.span[0], "a location has its offset", source.text)
        if isinstance(fact, ImageUse):
            _check_use(source, fact)
        elif isinstance(fact, RunUser) and fact.image is not None:
            _check_use(source, fact.image)
        elif isinstance(fact, Comment):
            _require(fact.text.startswith("#") and "imglint:" in fact.text, "a comment is at its span", source.text)


def _check_use(source: Source, use: ImageUse) -> None:
    for bounds in (use.span, *use.parts.values(), *([use.problem.span] if use.problem else [])):
        _within(source, bounds)
    _require((use.reference is None) == (use.problem is not None), "a use has a reference or a problem", source.text)
    if use.reference is None:
        return
    for name in ("tag", "digest"):
        value, span = getattr(use.reference, name), use.parts.get(name)
        _require((value is None) == (span is None), f"a {name} has a span", source.text)
        if value is not None and span is not None:
            written = source.text[slice(*span)]
            plain = _UNLIKE.isdisjoint(written) and "given" not in use.reference.text and not _CUTTING.search(source.text)
            _require(not plain or value.endswith(written), f"a {name} is at its span", (written, value, source.text))
    if use.text and _UNLIKE.isdisjoint(use.text) and not any(char.isspace() for char in use.text):
        _require(
            _is_part(use.text, use.reference.text),
            "the text of a use is at its span",
            (use.text, use.reference.text, source.text),
        )


def _is_part(name: str, whole: str) -> bool:
    """Return whether a name is part of a written reference, between parts at other positions."""
    at = whole.find(name)
    while at >= 0:
        after = at + len(name)
        if (at == 0 or whole[at - 1] == "/") and (after == len(whole) or whole[after] in "/:@"):
            return True
        at = whole.find(name, at + 1)
    return False


def _within(source: Source, span: Span) -> None:
    _require(0 <= span[0] <= span[1] <= len(source.text), "a span lies in the file", (span, source.text))


def contents(facts: list[Fact]) -> list[tuple[object, ...]]:
    """Return the contents and positions of facts, for comparison."""
    return sorted([_content(fact) for fact in facts], key=repr)


def _content(fact: Fact) -> tuple[object, ...]:
    if isinstance(fact, ImageUse):
        problem = fact.problem and (fact.problem.rule, fact.problem.rule == INVALID and fact.problem.message, fact.problem.span)
        return fact.span, fact.place, fact.where, fact.role, str(fact.reference), problem, sorted(fact.parts.items()), fact.built
    if isinstance(fact, RunUser):
        return fact.span, fact.place, fact.where, fact.user, fact.nonroot, fact.known, fact.explicit
    return fact.span, type(fact).__name__


def _decoded(data: bytes) -> str | None:
    try:
        return decode(data)
    except UnreadFile:
        return None


def _require(kept: bool, promise: str, about: object) -> None:
    if not kept:
        raise ViolationError(f"{promise}: {about!r}")


def seeds(name: str) -> Iterator[bytes]:
    """Yield the seeds of a target: the fixtures of the project."""
    if name == "buildkit":
        yield from [b"\x80" + data for data in seeds("dockerfile")]
        yield from [bytes(range(start, start + 100)) for start in range(0, 128, 8)]
    elif name == "dockerfile":
        yield from [path.read_bytes() for path in _files("readers/dockerfile") if not path.name.endswith(".json")]
    elif name == "yaml":
        for number, reader in enumerate(YAML_READERS):
            kind = reader.__name__.rpartition(".")[2].replace("_", "-")
            yield from [
                bytes((number,)) + path.read_bytes()
                for path in _files(f"readers/{kind}")
                if path.suffix in (".yaml", ".yml", ".json", ".tpl") and not path.name.endswith(".facts.json")
            ]
    elif name == "hidden":
        yield from [bytes([0] * at + [128 + choice]) for at in range(24) for choice in range(15)]
    elif name == "fix":
        files = [path for path in (*_files("readers"), *_files("fix")) if not path.name.endswith(".facts.json")]
        for number, path in enumerate(files):
            rows = [number % 9, number % 5, 5 + number % 4, number // 3 % 9]
            yield bytes([_kind_of(path), number % 24 * (number % 3 == 0), *rows]) + path.read_bytes()
    elif name == "policy":
        yield from [path.read_bytes() for path in (*_files("policy-files"), *_files("policies")) if path.suffix == ".yaml"]
    else:
        yield from [text.encode() for text in _REFERENCES]


def _kind_of(path: Path) -> int:
    """Return the number of the name in _FIXED_FILES that a fixture is like."""
    if path.suffix == ".json":
        return _FIXED_FILES.index("pod.json")
    if path.name.startswith("kustomization"):
        return _FIXED_FILES.index("kustomization.yaml")
    kinds = {"compose": "compose.yaml", "kubernetes": "pod.yaml", "helm-values": "values.yaml", "helm-template": "values.yaml"}
    part = next((part for part in path.parts if part in kinds), path.stem)
    return _FIXED_FILES.index(kinds.get(part, "Dockerfile" if path.suffix not in (".yaml", ".yml") else "compose.yaml"))


def _files(folder: str) -> list[Path]:
    return sorted(path for path in (FIXTURES / folder).rglob("*") if path.is_file())


_REFERENCES = (
    "nginx",
    "nginx:1.27-alpine",
    "docker.io/library/nginx",
    "localhost:5000/a/b__c.d-e:latest",
    "[2001:db8::1]:443/x",
    f"ghcr.io/acme/app:v1.2.3@sha256:{'0' * 64}",
    f"a@sha512:{'f' * 128}",
    "Upper/case",
    "https://x/y",
)

TARGETS: dict[str, Callable[[bytes], None]] = {
    "reference": reference,
    "dockerfile": a_dockerfile,
    "buildkit": buildkit,
    "yaml": yaml,
    "hidden": hidden,
    "policy": policy,
    "fix": fix,
}
