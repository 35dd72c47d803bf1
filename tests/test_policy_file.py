"""Policy files: valid ones load, invalid ones give every error with its location, and the JSON Schema agrees with the loader.

`IMGLINT_UPDATE=1 pytest tests/test_policy_file.py` writes the current errors beside the invalid files: read the diff.
"""

from __future__ import annotations

import json
import os
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from imglint import Severity
from imglint.errors import Diagnostic, PolicyError
from imglint.patterns.tag import PLACEHOLDERS
from imglint.plugins import load as plugins
from imglint.policy.checked_nodes import VALUES_MAX, plain_type
from imglint.policy.load import EXCEPTION_KEYS, EXTENDS_MAX, FILES_MAX, KEYS, ROW_KEYS, load
from imglint.policy.lookup import Policy
from imglint.yaml.documents import InvalidYaml, parse_document
from imglint.yaml.nodes import Mapping, Node, Scalar

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "fixtures" / "policy-files"
GOOD, BAD, BEYOND = (sorted((FOLDER / name).glob("*.yaml")) for name in ("good", "bad", "bad-beyond-schema"))
POLICIES = sorted(
    [*ROOT.glob("examples/**/.imglint.yaml"), *ROOT.glob("examples/**/registry.yaml"), *ROOT.glob("fixtures/**/.imglint.yaml")]
)
SCHEMA = json.loads(files("imglint").joinpath("policy", "schema.json").read_text(encoding="utf-8"))
BUILT_IN = [name for name, rule in plugins.rules().items()]


def name(path: Path) -> str:
    return path.stem


def read(path: Path | str) -> Policy:
    return load(str(path), plugins.rules(), plugins.kinds())


def written(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / ".imglint.yaml"
    path.write_text(text, encoding="utf-8")
    return read(path)


def errors(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        written(tmp_path, text)
    return [str(diagnostic).removeprefix(f"{tmp_path}/") for diagnostic in caught.value.diagnostics]


def as_json(node: Node | None) -> Any:
    """Return a document as an editor passes it to a JSON Schema validator: YAML 1.2, where `off` and dates are strings."""
    if isinstance(node, Mapping):
        return {key.value: as_json(value) for key, value in node.entries if isinstance(key, Scalar)}
    if not isinstance(node, Scalar):
        return [as_json(item) for item in node.items] if node else None
    kind = plain_type(node)
    number = int(node.value) if re.fullmatch("-?[0-9]+", node.value) else node.value
    return {
        "null": None,
        "bool": node.value == "true",
        "number": float(number) if isinstance(number, str) and kind == "number" else number,
    }.get(kind, node.value)


def schema_accepts(path: Path) -> bool:
    return not list(Draft202012Validator(SCHEMA).iter_errors(as_json(parse_document(path.read_text(encoding="utf-8")))))


@pytest.mark.parametrize("path", GOOD, ids=name)
def test_a_valid_policy_loads_and_the_schema_accepts_it(path: Path) -> None:
    assert read(path).path == str(path)
    assert schema_accepts(path)


@pytest.mark.parametrize("path", [*BAD, *BEYOND], ids=name)
def test_every_error_is_reported_with_its_location(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    with pytest.raises(PolicyError) as caught:
        read(path.name)
    expected = path.with_suffix(".errors")
    if os.environ.get("IMGLINT_UPDATE"):
        expected.write_text(f"{caught.value}\n", encoding="utf-8")
    assert f"{caught.value}\n" == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", BAD, ids=name)
def test_the_schema_rejects_what_the_loader_rejects(path: Path) -> None:
    assert not schema_accepts(path)


@pytest.mark.parametrize("path", BEYOND, ids=name)
def test_errors_that_involve_several_values_are_rejected_only_by_the_loader(path: Path) -> None:
    try:
        assert schema_accepts(path)
    except InvalidYaml:
        errors = path.with_suffix(".errors").read_text(encoding="utf-8")
        assert "invalid YAML" in errors or "second YAML document" in errors


def test_the_schema_is_valid_and_has_every_rule_and_placeholder() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["properties"]["rules"]["properties"]) == set(BUILT_IN)
    assert all(f"{{{placeholder}}}" in SCHEMA["$defs"]["tag"]["description"] for placeholder in PLACEHOLDERS)
    assert all(placeholder in SCHEMA["$defs"]["tag"]["pattern"] for placeholder in PLACEHOLDERS)


def test_the_schema_has_an_address_and_every_key() -> None:
    assert SCHEMA["$id"].startswith(f"{plugins.PROJECT.replace('github.com', 'raw.githubusercontent.com')}/main/")
    assert (ROOT / SCHEMA["$id"].partition("/main/")[2]).read_text(encoding="utf-8") == json.dumps(SCHEMA, indent=2) + "\n"
    assert set(KEYS) == set(SCHEMA["properties"])
    assert set(ROW_KEYS) == set(SCHEMA["$defs"]["row"]["properties"])
    assert set(EXCEPTION_KEYS) == set(SCHEMA["$defs"]["exception"]["properties"])


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_schema_accepts_every_policy_of_an_example(path: Path) -> None:
    assert schema_accepts(path)


@pytest.mark.parametrize(
    ("extended", "good"),
    [
        ("policy/registry.yaml", True),
        ("../registry.yaml", True),
        ("package:acme_policy/registry.yaml", True),
        ("package:acme_policy/parts/registry.yaml", True),
        ("package:acme_policy", False),
        ("package:acme-policy/registry.yaml", False),
        ("package:acme_policy/registry.yml", False),
        ("https://example.com/policy.yaml", False),
        ("HTTP:policy.yaml", False),
        ("git+ssh://x/y", False),
        ("", False),
    ],
)
def test_the_schema_knows_what_extends_takes(extended: str, good: bool) -> None:
    assert Draft202012Validator(SCHEMA).is_valid({"extends": [extended]}) == good


def test_lists_of_the_extending_file_come_first_and_its_rules_win() -> None:
    policy = read(FOLDER / "good" / "extending.yaml")
    assert policy.table is not None
    assert [row.match[0].text for row in policy.table.rows] == ["quay.io/own/*", "quay.io/shared/*"]
    assert [Path(row.path).name for row in policy.table.rows] == ["extending.yaml", "registry.yaml"]
    assert {name: [entry.level for entry in found] for name, found in policy.rules.items()} == {
        "latest-tag": [Severity.OFF],
        "root-user": [Severity.WARNING],
    }


def test_patterns_of_an_extended_file_are_relative_to_the_extending_one() -> None:
    policy = read(FOLDER / "good" / "extending.yaml")
    assert policy.environment_of(str(FOLDER / "good" / "staging" / "a.yaml")) == "staging"
    assert policy.environment_of(str(FOLDER / "good" / "parts" / "staging" / "a.yaml")) == "production"


def test_lists_of_one_environment_are_concatenated_and_scalars_replaced(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        "environments: {staging: [b/], development: [c/]}\nfail-on: never\nvariables: {A: 1, B: 2}\n"
    )
    policy = written(tmp_path, "extends: [base.yaml]\nenvironments: {staging: [a/]}\nfail-on: error\nvariables: {A: 3}\n")
    found = [policy.environment_of(str(tmp_path / folder / "f")) for folder in "abcd"]
    assert found == ["staging", "staging", "development", "production"]
    assert (policy.fail_on, policy.variables) == ("error", {"A": "3", "B": "2"})


@pytest.mark.parametrize(("length", "good"), [(EXTENDS_MAX, True), (EXTENDS_MAX + 1, False)])
def test_a_chain_of_files_is_limited(tmp_path: Path, length: int, good: bool) -> None:
    for number in range(length):
        following = f"extends: [p{number + 1}.yaml]\n" if number + 1 < length else ""
        (tmp_path / f"p{number}.yaml").write_text(f"{following}fail-on: never\n")
    if good:
        assert read(tmp_path / "p0.yaml").fail_on == "never"
    else:
        with pytest.raises(PolicyError, match=rf"p{EXTENDS_MAX - 1}.yaml:1:11: extends: chain of more than {EXTENDS_MAX} files"):
            read(tmp_path / "p0.yaml")


@pytest.mark.parametrize(("count", "good"), [(FILES_MAX - 1, True), (FILES_MAX, False)])
def test_the_files_of_a_policy_are_limited(tmp_path: Path, count: int, good: bool) -> None:
    for number in range(count):
        (tmp_path / f"p{number}.yaml").write_text("fail-on: never\n")
    text = f"extends: [{', '.join(f'p{number}.yaml' for number in range(count))}]\n"
    if good:
        assert written(tmp_path, text).fail_on == "never"
    else:
        assert [error for error in errors(tmp_path, text) if f"more than {FILES_MAX} files" in error]


def test_a_policy_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"nowhere.yaml:1:1: cannot read policy: No such file or directory$"):
        read(tmp_path / "nowhere.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"fail-on: error\n# \xe9\n")
    with pytest.raises(PolicyError, match=r"latin.yaml:2:3: .*not valid UTF-8"):
        read(tmp_path / "latin.yaml")
    with pytest.raises(PolicyError, match=r":1:1: .*not a regular file"):
        read(tmp_path)


def test_values_are_counted_with_aliases_expanded(tmp_path: Path) -> None:
    roles = ", ".join(["build"] * 2000)
    rows = "".join("  - *row\n" for _ in range(VALUES_MAX // 2000 + 1))
    text = f"images:\n  - &row\n    match: acme/*\n    roles: [{roles}]\n{rows}"
    assert f"more than {VALUES_MAX} values" in errors(tmp_path, text)[-1]


def test_an_error_inside_a_string_has_its_column(tmp_path: Path) -> None:
    found = errors(tmp_path, "images:\n  - match: acme/*\n    tags: ['v{major}.{minr}']\n")
    assert found == [".imglint.yaml:3:22: tags: unknown placeholder `{minr}`; did you mean `{minor}`?"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[prod]", "unknown environment `prod`; did you mean `production`?"),
        ("[PRD]", "unknown environment `PRD`; did you mean `production`?"),
        ("[live]", "unknown environment `live`; did you mean `production`?"),
        ("[zzz]", "unknown environment `zzz`; use one of production, ci"),
    ],
)
def test_other_names_for_production_are_recognized(tmp_path: Path, text: str, expected: str) -> None:
    found = errors(tmp_path, f"images: [{{match: acme/*, environments: {text}}}]\n")
    assert [one.rpartition("environments: ")[2] for one in found] == [expected]


def test_nothing_is_suggested_if_nothing_is_similar(tmp_path: Path) -> None:
    assert errors(tmp_path, "fail-on: zzz\n") == [
        ".imglint.yaml:1:10: fail-on: expected note, warning, error or never, found `zzz`"
    ]


ANY_KEYS = [
    "extends",
    "environments",
    "images",
    "rules",
    "exceptions",
    "kinds",
    "match",
    "tags",
    "level",
    "latest-tag",
    "<<",
    "production",
]
VALUES = st.recursive(
    st.sampled_from(["error", "off", "", "~", "16", "1.20", "true", "acme/*", "{major}", "{", "!a", "2026-02-09", "production"])
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(ANY_KEYS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
@example({"extends": ["\ud83d", "\0"]})
@example({"images": [[{"match": "a"}]]})
@example({"rules": {"root-user": {"uid": {}}}})
@settings(max_examples=200)
def test_every_document_loads_or_gives_errors_with_a_location(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(json.dumps(value), encoding="utf-8")
    found: tuple[Diagnostic, ...] = ()
    try:
        read(path)
    except PolicyError as error:
        found = error.diagnostics
    lines = path.read_text(encoding="utf-8").splitlines() or [""]
    assert all(one.line <= len(lines) and 0 < one.column <= len(lines[one.line - 1]) + 1 for one in found)
