"""Helpers for the tests of rules, readers and formats. They need no test framework and no installed plugin.

from imglint.testing import check_examples, check_text, read_text, write_report
from acme_plugins.rules import past_the_mirror

def test_examples() -> None:
    check_examples(past_the_mirror)
"""

from __future__ import annotations

import os
import re
from contextlib import chdir, contextmanager
from itertools import zip_longest
from tempfile import TemporaryDirectory
from time import gmtime, strftime, time
from typing import TYPE_CHECKING, Any

from imglint.engine.discover import Found
from imglint.engine.facts import Settings, claim
from imglint.engine.fix import fix_file
from imglint.engine.online import Online
from imglint.engine.run import run
from imglint.engine.tree import Trees
from imglint.errors import Diagnostic, PluginError
from imglint.model import INTERNAL_ERROR, WHOLE, NamedFile
from imglint.output import SpooledReport
from imglint.plugins.load import format_of, kinds, plugin_name, reader_of, readers, rule_of, rules
from imglint.policy import registries as sizes_and_ages
from imglint.policy.checked_nodes import Nodes
from imglint.policy.find import one_for_all
from imglint.policy.load import load
from imglint.policy.lookup import FILE_NAME, default_policy
from imglint.records import record
from imglint.registry.answers import Answers
from imglint.registry.examples import ExampleRegistries
from imglint.source import Source
from imglint.yaml.documents import parse_document
from imglint.yaml.nodes import Mapping as YamlMapping
from imglint.yaml.nodes import Scalar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

    from imglint.model import Fact, Finding, Report
    from imglint.plugins.load import Reader
    from imglint.yaml.nodes import Node

__all__ = [
    "Example",
    "ExampleRegistries",
    "FixedExample",
    "check_examples",
    "check_text",
    "example_registries",
    "examples",
    "fix_text",
    "fixed_examples",
    "read_text",
    "write_report",
]

FLAGGED, PASSED, FIXED = "Flagged", "Passed", "Fixed"
POLICY, REGISTRY = "policy", "registry"
"""The kinds of example blocks that are the policy, and the images in registries, for the blocks after them."""
IMAGE_KEYS = ("platforms", "user", "labels", "created", "age", "size", "also", "signed-by")
"""The keys of an image in an example block of registries."""
BESIDE = "beside"
"""The word before the name of a file that is not checked itself, but in the folder of the blocks after it."""
FILENAMES = {
    "dockerfile": "Dockerfile",
    "compose": "compose.yaml",
    "kubernetes": "web.yaml",
    "helm-values": "values.yaml",
    "helm-chart": "Chart.yaml",
    "bake": "docker-bake.hcl",
    "skaffold": "skaffold.yaml",
    "github-actions": ".github/workflows/ci.yml",
}
"""The file names of examples; those of other kinds are made from the first of the reader's `FILES`."""

_BLOCK = re.compile(r"^## (?P<section>[^\n]*)$|^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@record
class Example:
    """One example in the docstring of a rule: a file, and the policy for it, empty for none.

    `line` is the line of the docstring, from 1, on which the text of the file begins. `registry` is the text of the block with the images in
    registries, None without one. `files` are the other files in its folder, by name.
    """

    rule: str
    flagged: bool
    policy: str
    filename: str
    text: str
    line: int
    registry: str | None = None
    files: Mapping[str, str] = {}


@record
class FixedExample:
    """A pair of examples in the docstring of a rule: a file, and the file after the fixes of the rule, safe or not.

    `line` is the line of the docstring, from 1, on which the text of the file after the fixes begins.
    """

    rule: str
    policy: str
    filename: str
    before: str
    after: str
    line: int
    registry: str | None = None


def examples(rule: ModuleType) -> list[Example]:
    """Return the examples in the docstring of a rule: the fenced blocks under `## Flagged` and `## Passed`.

    The last word after the fence is the kind of file; with the word `beside` before it, it is the name of a file that the blocks after it need.
    Raises ValueError if no reader is of that kind.
    """
    name = plugin_name(rule)
    return [
        Example(
            name,
            block.section == FLAGGED,
            block.policy,
            _filename(block.kind),
            block.text,
            block.line,
            block.registry,
            block.files,
        )
        for block in _blocks(rule)
        if block.section != FIXED
    ]


def fixed_examples(rule: ModuleType) -> list[FixedExample]:
    """Return the pairs of fenced blocks under `## Fixed` in the docstring of a rule.

    Raises ValueError if a block has no other one of its kind after it, or if no reader is of the kind.
    """
    found = [block for block in _blocks(rule) if block.section == FIXED]
    pairs = []
    for before, after in zip_longest(found[::2], found[1::2]):
        if after is None or after.kind != before.kind:
            raise ValueError(
                f"line {before.line} of the docstring: expected a block of the kind `{before.kind}` after this one, with the fixed file"
            )
        filename = _filename(before.kind)
        pairs.append(
            FixedExample(plugin_name(rule), before.policy, filename, before.text, after.text, after.line, before.registry)
        )
    return pairs


@record
class _Block:
    """A block of an example file, with the policy, registries and other files that apply to it."""

    section: str
    policy: str
    registry: str | None
    files: Mapping[str, str]
    kind: str
    text: str
    line: int


def _blocks(rule: ModuleType) -> Iterator[_Block]:
    """Yield the examples in the docstring of a rule."""
    doc, section, policy, registry = rule.__doc__ or "", "", "", None
    files: dict[str, str] = {}
    for block in _BLOCK.finditer(doc):
        if block["section"] is not None:
            section = block["section"].strip()
        elif section in (FLAGGED, PASSED, FIXED):
            before, _, kind = block["info"].rpartition(" ")
            if kind == POLICY:
                policy = block["text"]
            elif kind == REGISTRY:
                registry = block["text"]
            elif before.endswith(BESIDE):
                files = {**files, kind: block["text"]}
            else:
                line = doc.count("\n", 0, block.start("text")) + 1
                yield _Block(section, policy, registry, files, kind, block["text"], line)


def example_registries(text: str) -> ExampleRegistries:
    """Return the registries that a block `registry` describes.

    The block maps the name of each image to a mapping with IMAGE_KEYS. Raises ValueError if it does not.
    """
    registries, errors = ExampleRegistries(), list[Diagnostic]()
    nodes = Nodes(Source(REGISTRY, text), errors)
    images = {
        name: {} if isinstance(node, Scalar) and node.is_null else _image(nodes, nodes.mapping(node, name, IMAGE_KEYS))
        for name, node in nodes.mapping(parse_document(text) or YamlMapping(0), "").items()
    }
    if errors:
        raise ValueError(f"block `{REGISTRY}`, line {errors[0].line}: {errors[0].message}")
    for name, values in images.items():
        registries.add(name, **values)
    return registries


def _registries_of(example: Example | FixedExample) -> ExampleRegistries | None:
    return example_registries(example.registry) if example.registry is not None else None


def _image(nodes: Nodes, values: dict[str, Node]) -> dict[str, Any]:
    """Return what `ExampleRegistries.add` takes for an image in a block of registries."""
    found: dict[str, Any] = {}
    for key, node in values.items():
        value: object
        if key in ("platforms", "also"):
            value = [nodes.text(item, key, literal=True) for item in nodes.items(node, key)]
        elif key == "labels":
            value = {label: nodes.text(text, label) for label, text in nodes.mapping(node, key).items()}
        elif key == "size":
            size = sizes_and_ages.size(nodes, node)
            value = size and size.value
        elif key == "age":
            age = sizes_and_ages.age(nodes, node)
            value = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(time() - 86_400 * age.value)) if age else None
        else:
            value = nodes.text(node, key, literal=True)
        if value is not None:
            found["created" if key == "age" else key.replace("-", "_")] = value
    return found


def _filename(kind: str) -> str:
    if kind in FILENAMES:
        return FILENAMES[kind]
    reader = next((reader for reader in readers() if reader.kind == kind), None)
    if reader is None:
        raise ValueError(f"no reader is of the kind `{kind}`; known are {', '.join(sorted((*kinds(), POLICY, REGISTRY)))}")
    return reader.files[0].replace("*", "example")


def check_examples(rule: ModuleType) -> None:
    """Check the examples in the docstring of a rule.

    It must yield exactly one finding for each flagged one, and none for each passed one. Of two fixed ones, its fixes must turn the first into the
    second. Raises AssertionError if that is not so, or if there is no flagged or no passed example.
    """
    found = examples(rule)
    wrong = [f"no example under `## {name}`" for name, flagged in ((FLAGGED, True), (PASSED, False)) if not _has(found, flagged)]
    for example in found:
        findings = [
            finding
            for finding in _check(example.text, example.filename, example.policy, example.files, rule, _registries_of(example))
            if finding.rule == example.rule
        ]
        if len(findings) != example.flagged:
            messages = "".join([f"\n    {finding.location.line}: {finding.message}" for finding in findings])
            expected = "1 finding" if example.flagged else "no findings"
            wrong.append(f"line {example.line} of the docstring: expected {expected}, found {len(findings)}{messages}")
    for pair in fixed_examples(rule):
        try:
            registries = _registries_of(pair)
            after = fix_text(pair.before, pair.filename, rule=rule, policy=pair.policy, registries=registries)
        except ValueError as error:
            after = f"{error}\n"
        if after != pair.after:
            wrong.append(f"line {pair.line} of the docstring: expected this text after the fixes, found:\n{after}")
    if wrong:
        raise AssertionError("\n".join([f"{rule.__name__}: {message}" for message in wrong]))


def _has(found: list[Example], flagged: bool) -> bool:
    return any(example.flagged == flagged for example in found)


def check_text(
    text: str,
    filename: str,
    *,
    rule: ModuleType | str | None = None,
    policy: str = "",
    files: Mapping[str, str] | None = None,
    registries: ExampleRegistries | None = None,
) -> list[Finding]:
    """Return the findings in the text of a file, by its name, in line order.

    Only `rule`, if given, is applied: a module, installed or not, or the id of an installed rule. If it is off by default, its level is warning.
    `policy` is the text of a policy file, and `files` are other files, such as `.env`, by their paths in the same folder. With `registries`, the rules
    ask these, as with `--online`.

    Raises ValueError if no reader claims the file, PolicyError if the policy is invalid, and PluginError if a plugin fails.
    """
    selected = plugin_name(rule) if rule is not None and not isinstance(rule, str) else rule
    if isinstance(rule, str) and rule not in rules():
        raise ValueError(f"no rule is called `{rule}`; known are {', '.join(sorted(rules()))}")
    return _check(text, filename, policy, files or {}, None if isinstance(rule, str) else rule, registries, selected)


def fix_text(
    text: str,
    filename: str,
    *,
    rule: ModuleType | str,
    policy: str = "",
    files: Mapping[str, str] | None = None,
    unsafe: bool = True,
    registries: ExampleRegistries | None = None,
) -> str:
    """Return the text of a file after the fixes of a rule, without the unsafe ones if `unsafe` is False.

    The arguments are those of `check_text`. Raises what that raises, and ValueError if the fixed file does not read as the fixes expect.
    """
    selected = rule if isinstance(rule, str) else plugin_name(rule)
    check_text(text, filename, rule=rule, policy=policy, files=files, registries=registries)
    module = None if isinstance(rule, str) else rule

    def is_wanted(finding: Finding) -> bool:
        return finding.rule == selected and finding.fix is not None and (finding.fix.safe or unsafe)

    with _folder(_with_policy(text, filename, policy, files or {}, registries)):
        fixed = fix_file(Found(filename, True), text.encode(), _settings(policy, module, selected, registries), is_wanted)
    if fixed.failure:
        raise ValueError(f"the fixes fail: {fixed.failure}")
    return fixed.after.decode()


def _check(
    text: str,
    filename: str,
    policy: str,
    files: Mapping[str, str],
    rule: ModuleType | None,
    registries: ExampleRegistries | None,
    selected: str | None = None,
) -> list[Finding]:
    with _folder(_with_policy(text, filename, policy, files, registries)):
        report = run([filename], _settings(policy, rule, selected, registries))
    if not report.files:
        raise ValueError(f"no reader claims {filename}")
    failed = [finding for finding in report.findings if finding.rule == INTERNAL_ERROR]
    if failed:
        raise PluginError(failed[0].message)
    return list(report.findings)


def _with_policy(
    text: str, filename: str, policy: str, files: Mapping[str, str], registries: ExampleRegistries | None
) -> dict[str, str]:
    keys = registries.files if registries else {}
    return {**keys, **files, filename: text, **({FILE_NAME: policy} if policy else {})}


def _settings(policy: str, rule: ModuleType | None, selected: str | None, registries: ExampleRegistries | None) -> Settings:
    """Return the settings of a run in the current folder, which has the policy unless that is empty."""
    known = rules() if rule is None else {**rules(), plugin_name(rule): rule_of(rule)}
    policies = one_for_all(load(FILE_NAME, known, kinds()) if policy else default_policy())
    return Settings(
        policies,
        known,
        selected=frozenset([selected] if selected else []),
        today=strftime("%Y-%m-%d", gmtime()),
        jobs=1,
        # The traceback of a plugin that fails goes to stderr.
        debug=True,
        tree=Trees(policies),
        online=Online(Answers(registries.ask)) if registries else None,
    )


def read_text(
    text: str, filename: str, *, reader: ModuleType | None = None, files: Mapping[str, str] | None = None
) -> list[Fact]:
    """Return the facts that a reader finds in the text of a file.

    `reader` is a module, installed or not; by default, the installed reader that claims the file is used. `files` are other files, by their paths in
    the same folder.

    Raises ValueError if no reader claims the file, PluginError if the reader breaks its contract, and any exception of the reader.
    """
    with _folder({**(files or {}), filename: text}):
        if reader is not None:
            known = reader_of(reader)
            return _facts(known, Source(filename, text, known.kind))
        source, claiming = claim(filename, text, default_policy())
        if claiming is None:
            raise ValueError(f"no reader claims {filename}")
        return _facts(claiming, source)


def _facts(reader: Reader, source: Source) -> list[Fact]:
    return [fact for fact in reader.read(source) if not isinstance(fact, NamedFile)]


def write_report(report: Report, output_format: ModuleType) -> str:
    """Return a report as a format writes it: all findings, and without color if it is one for terminals.

    Raises PluginError if the format breaks its contract, and any exception of the format.
    """
    known = format_of(output_format)
    out = SpooledReport()
    style = {"color": False, "summary": True} if known.terminal else {}
    known.write(report, out, **style, **({"view": WHOLE} if known.view else {}))
    return b"".join(out.pieces()).decode()


@contextmanager
def _folder(files: Mapping[str, str]) -> Iterator[None]:
    """Change to a temporary folder with these files."""
    with TemporaryDirectory() as folder, chdir(folder):
        for path, text in files.items():
            if os.path.isabs(path) or os.pardir in path.split("/"):
                raise ValueError(f"{path}: expected a path inside of the folder")
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        yield
