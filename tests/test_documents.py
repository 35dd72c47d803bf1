"""Everything that README, docs and CONTRIBUTING show is so: commands print what is shown, policies load, files and options that are named exist.

A fenced block says by its info string what it is, and each kind is tried in its own way; a block of no known kind fails. In a block `console`, lines
that start with `$ ` are commands and the others what they print, stdout and stderr as a terminal shows them. It runs in a copy of the folder that a
comment `<!-- in FOLDER -->` above it names, fixtures/demo where there is none. `IMGLINT_UPDATE=1 pytest tests/test_documents.py` writes what the
commands print into the documents: read the difference before you commit it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from ruamel.yaml import YAML

from imglint.commands.cli import cli
from imglint.commands.rules import page
from imglint.plugins import kinds, rules
from imglint.policy.load import load
from imglint.record import record

if TYPE_CHECKING:
    from tests.conftest import Imglint

ROOT = Path(__file__).parent.parent
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/policy.md", "docs/rules.md", "docs/extending.md")
HOOKS = {hook["id"] for hook in YAML(typ="safe").load(ROOT / ".pre-commit-hooks.yaml")}
README = (ROOT / "README.md").read_text(encoding="utf-8")

_BLOCK = re.compile(
    r"(?:^<!-- in (?P<folder>\S+?)(?P<package>, with the package)? -->\n)?^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@record
class Block:
    """A fenced block: where it stands, what it is, and in which folder it runs."""

    document: str
    line: int
    info: str
    text: str
    folder: str
    package: bool

    @property
    def at(self) -> str:
        return f"{self.document}:{self.line}"


def blocks(document: str) -> Iterator[Block]:
    text = (ROOT / document).read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("info")) + 1
        yield Block(
            document, line, match["info"], match["text"], match["folder"] or "fixtures/demo", match["package"] is not None
        )


BLOCKS = {block.at: block for document in DOCUMENTS for block in blocks(document)}


def of_kind(*infos: str) -> list[str]:
    return [at for at, block in BLOCKS.items() if _kind(block) in infos]


def _kind(block: Block) -> str:
    if block.document == "docs/policy.md" and block.info == "yaml":
        return "policy"
    if block.document == "docs/rules.md":
        return "rule"
    return "file" if "file=" in block.info else block.info.removeprefix("yaml ")


def test_every_block_is_of_a_kind_that_is_tried() -> None:
    tried = {"console", "sh", "policy", "pre-commit", "github", "gitlab", "file", "dockerfile", "compose", "rule", "text"}
    assert {at: block.info for at, block in BLOCKS.items() if _kind(block) not in tried} == {}


@pytest.mark.parametrize("at", of_kind("console"))
def test_commands_print_what_is_shown(at: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    block = BLOCKS[at]
    shutil.copytree(ROOT / block.folder, tmp_path / "there")
    commands = request.getfixturevalue("with_example") if block.package else Path(sys.executable).parent
    printed = _transcript(block.text, tmp_path / "there", commands)
    if os.environ.get("IMGLINT_UPDATE"):
        path = ROOT / block.document
        path.write_text(path.read_text(encoding="utf-8").replace(f"\n{block.text}```", f"\n{printed}```"), encoding="utf-8")
    else:
        assert block.text == printed


def _transcript(text: str, folder: Path, commands: Path) -> str:
    """Return the commands of a block with what they print, run one after the other in one folder."""
    given = {**os.environ, "PATH": f"{commands}:{os.environ['PATH']}", "COLUMNS": "80"}
    printed, status = "", 0
    for command in re.findall(r"^\$ (.*)$", text, re.MULTILINE):
        # `echo $?` shows the status of the command before it.
        script = f"(exit {status})\n{command}"
        call = ["bash", "-c", script]
        outcome = subprocess.run(
            call, cwd=folder, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        status = outcome.returncode
        printed += f"$ {command}\n{outcome.stdout}"
    return printed


@pytest.mark.parametrize("at", of_kind("policy"))
def test_policies_load(at: str, tmp_path: Path) -> None:
    path = tmp_path / ".imglint.yaml"
    path.write_text(BLOCKS[at].text, encoding="utf-8")
    assert load(str(path), rules(), kinds()).path == str(path)


@pytest.mark.parametrize("at", of_kind("pre-commit"))
def test_pre_commit_takes_the_snippets_and_the_hooks_exist(at: str, tmp_path: Path) -> None:
    path = tmp_path / ".pre-commit-config.yaml"
    path.write_text(BLOCKS[at].text)
    _passes("pre-commit", "validate-config", str(path))
    assert {hook["id"] for repo in YAML(typ="safe").load(path)["repos"] for hook in repo["hooks"]} <= HOOKS


@pytest.mark.parametrize(("kind", "schema"), [("github", "vendor.github-workflows"), ("gitlab", "vendor.gitlab-ci")])
def test_ci_snippets_are_what_the_services_expect(kind: str, schema: str, tmp_path: Path) -> None:
    for at in of_kind(kind):
        (tmp_path / "ci.yml").write_text(BLOCKS[at].text)
        _passes("check-jsonschema", "--builtin-schema", schema, str(tmp_path / "ci.yml"))


def test_ci_snippets_are_the_examples_in_short() -> None:
    """What the README shows of a job is what the whole example does, so that neither is mended without the other."""
    for kind, example in (("github", "examples/github/imglint.yml"), ("gitlab", "examples/gitlab/.gitlab-ci.yml")):
        (block,) = [BLOCKS[at] for at in of_kind(kind)]
        whole = {line.strip() for line in (ROOT / example).read_text().splitlines()}
        assert [line for line in block.text.splitlines() if line.strip() not in whole] == []


@pytest.mark.parametrize("at", of_kind("file"))
def test_code_that_is_shown_stands_in_the_file_that_is_named(at: str) -> None:
    named = BLOCKS[at].info.partition("file=")[2]
    assert BLOCKS[at].text in (ROOT / named).read_text(encoding="utf-8")


@pytest.mark.parametrize("at", of_kind("dockerfile", "compose"))
def test_files_that_are_shown_give_no_finding(at: str, tmp_path: Path, imglint: Imglint) -> None:
    name = "Dockerfile" if BLOCKS[at].info == "dockerfile" else "compose.yaml"
    (tmp_path / name).write_text(BLOCKS[at].text)
    assert imglint("--fail-on", "note") == (0, "No findings in 1 file (1 image).\n", "")


@pytest.mark.parametrize("at", of_kind("sh"))
def test_commands_for_a_shell_exist(at: str) -> None:
    known = {
        "pip install imglint",
        *(f"make {target}" for target in re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)),
    }
    assert {line.partition("#")[0].strip() for line in BLOCKS[at].text.splitlines()} <= known


def test_the_page_of_the_rules_is_current() -> None:
    """`make docs` writes it."""
    assert (ROOT / "docs" / "rules.md").read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files_and_headings_that_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    prose = re.sub(r"`[^`\n]*`", "", _BLOCK.sub("", text))
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        path, _, heading = target.partition("#")
        if path.startswith("https:"):
            continue
        file = (ROOT / document).parent / path if path else ROOT / document
        if not file.exists() or (heading and heading not in _headings(file)):
            broken.append(target)
    assert broken == []


def test_the_readme_s_table_of_rules_says_what_the_rules_say() -> None:
    said = dict(re.findall(r"^\| `([a-z-]+)` \| .* \| ([a-z ]+) \|$", README, re.MULTILINE))
    known = {rule.id: rule for rule in rules().values() if rule.check_image or rule.check_user}
    default = {
        name: f"{rule.level} in {', '.join(rule.environments)}" if rule.level and rule.environments else str(rule.level)
        for name, rule in known.items()
    }
    assert said == default


def test_the_readme_s_table_of_options_holds_every_option() -> None:
    check = cli.commands["check"]
    options = {
        text for option in check.params if isinstance(option, click.Option) for text in (*option.opts, *option.secondary_opts)
    }
    rows = re.findall(r"^\| (`--.*?) \| ", README, re.MULTILINE)
    assert {option for row in rows for option in re.findall(r"--[a-z-]+", row)} == options - {"-h", "--help"}


def test_the_readme_s_table_of_commands_holds_every_command() -> None:
    assert {"check", *re.findall(r"^\| `imglint ([a-z]+) ?", README, re.MULTILINE)} == set(cli.commands)


def _headings(file: Path) -> set[str]:
    """Return the anchors that the headings of a document have on GitHub, where one that comes again gets a number."""
    text = _BLOCK.sub("", file.read_text(encoding="utf-8"))
    anchors: list[str] = []
    for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        again = anchors.count(anchor)
        anchors += [anchor, f"{anchor}-{again}"] if again else [anchor]
    return set(anchors)


def _passes(tool: str, *arguments: str) -> None:
    outcome = subprocess.run([str(Path(sys.executable).parent / tool), *arguments], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
