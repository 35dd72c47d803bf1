"""The snippets for editors find what imglint prints, and the schema reaches the policy by the names in them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

if TYPE_CHECKING:
    from tests.conftest import Imglint

ROOT = Path(__file__).parent.parent
SNIPPETS = ROOT / "examples" / "editors"
PAGE = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
SCHEMA = ".imglint.schema.json"
VIM = shutil.which("vim") or shutil.which("nvim")

POLICY = "images: [{match: ghcr.io/**}, {match: quay.io/**, approved: deprecated}]\nrules: {implicit-registry: note}\n"
DOCKERFILE = (
    "FROM quay.io/acme/build:v1.0.0 AS build\n\nFROM evil.example:5000/web:v1.0.0\nCOPY --from=ghcr.io/acme/tools /a: /b\n"
)
"""An error, a warning and a note."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / ".imglint.yaml").write_text(POLICY)
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "Dockerfile").write_text(DOCKERFILE)
    return tmp_path


def findings(imglint: Imglint, tree: Path) -> list[tuple[str, int, int, str, str]]:
    """Return the findings of imglint, which must have all levels: path, line, column, level and `rule: message`."""
    found = json.loads(imglint("--format", "json", cwd=tree).out)["findings"]
    assert {finding["level"] for finding in found} == {"error", "warning", "note"}
    return [
        (finding["path"], finding["line"], finding["column"], finding["level"], f"{finding['rule']}: {finding['message']}")
        for finding in found
    ]


def task() -> dict[str, Any]:
    tasks: list[dict[str, Any]] = json.loads((SNIPPETS / "vscode" / "tasks.json").read_text(encoding="utf-8"))["tasks"]
    (only,) = tasks
    return only


def test_the_problem_matcher_of_vs_code_finds_every_finding(imglint: Imglint, tree: Path) -> None:
    pattern = task()["problemMatcher"]["pattern"]
    command = task()["command"].split()
    assert command[0] == "imglint"
    lines = imglint(*command[1:], "--min-level", "note", cwd=tree).out.splitlines()
    matches = [match for line in lines if (match := re.search(pattern["regexp"], line))]
    assert len(matches) == len(lines)
    parts = [{part: match[group] for part, group in pattern.items() if part != "regexp"} for match in matches]
    assert [
        (part["file"], int(part["line"]), int(part["column"]), part["severity"], f"{part['code']}: {part['message']}")
        for part in parts
    ] == findings(imglint, tree)


def test_no_other_line_matches_the_problem_matcher(imglint: Imglint, tree: Path) -> None:
    closing = imglint("--format", "concise", cwd=tree).out.splitlines()[-2:]
    assert not any(re.search(task()["problemMatcher"]["pattern"]["regexp"], line) for line in closing)


def errorformats() -> dict[str, str]:
    """Return the error formats of Vim in the snippets, as the option 'errorformat' takes them."""
    vim = re.search(r"^set errorformat=(.*)$", (SNIPPETS / "imglint.vim").read_text(encoding="utf-8"), re.MULTILINE)
    lua = re.search(r'from_errorformat\("(.*?)"', (SNIPPETS / "nvim-lint.lua").read_text(encoding="utf-8"))
    efm = YAML(typ="safe").load(SNIPPETS / "efm-langserver.yaml")["tools"]["imglint"]["lint-formats"]
    assert vim is not None
    assert lua is not None
    return {"vim": vim[1].replace("\\ ", " "), "nvim-lint": lua[1], "efm-langserver": ",".join(efm)}


@pytest.mark.skipif(VIM is None, reason="no Vim")
@pytest.mark.parametrize("editor", errorformats())
def test_the_error_formats_of_vim_find_every_finding(editor: str, imglint: Imglint, tree: Path) -> None:
    lines = imglint("--format", "concise", "--quiet", "--min-level", "note", cwd=tree).out
    (tree / "lines").write_text(lines)
    (tree / "check.vim").write_text(
        f"let items = getqflist({{'lines': readfile('lines'), 'efm': {_quoted(errorformats()[editor])}}}).items\n"
        "call map(items, {_, item -> [bufname(item.bufnr), item.lnum, item.col, item.type, item.text, item.valid]})\n"
        "call writefile([json_encode(items)], 'items.json')\nqall!\n"
    )
    mode = ["-Nes", "-u", "NONE"] if "nvim" not in str(VIM) else ["--headless", "-u", "NONE"]
    subprocess.run([str(VIM), *mode, "-S", "check.vim"], cwd=tree, check=True, stdin=subprocess.DEVNULL, timeout=60)
    assert json.loads((tree / "items.json").read_text()) == [
        [path, line, column, level[0], message, 1] for path, line, column, level, message in findings(imglint, tree)
    ]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def test_the_schema_reaches_the_policy_by_the_names_in_the_snippets(imglint: Imglint, tmp_path: Path) -> None:
    """The comment in the policy and the settings of VS Code name the file to which the page writes the schema."""
    (schema,) = re.findall(r"^imglint schema > (\S+)$", PAGE, re.MULTILINE)
    (comment,) = re.findall(r"^# yaml-language-server: \$schema=(\S+)$", PAGE, re.MULTILINE)
    settings = json.loads((SNIPPETS / "vscode" / "settings.json").read_text(encoding="utf-8"))
    assert comment == schema == SCHEMA
    assert settings == {"yaml.schemas": {SCHEMA: [".imglint.yaml"]}}
    (tmp_path / schema).write_text(imglint("schema").out)
    policy = re.search(r"^(# yaml-language-server: .*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert policy is not None
    assert _schema_accepts(tmp_path, policy[1])
    assert not _schema_accepts(tmp_path, policy[1].replace("match", "mach"))


def _schema_accepts(folder: Path, policy: str) -> bool:
    (folder / ".imglint.yaml").write_text(policy)
    command = [str(Path(sys.executable).parent / "check-jsonschema"), "--schemafile", SCHEMA, ".imglint.yaml"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


def test_the_saved_schema_is_not_read_as_a_manifest(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / SCHEMA).write_text(imglint("schema").out)
    assert json.loads(imglint("--format", "json").out)["summary"]["files"] == 0
