"""The documents are correct: commands print the output shown, policies load, and the files and options that they name exist.

The info string of a fenced block is its kind, and each kind of block has its test; a block of an unknown kind fails.

- `console`: lines that start with `$ ` are commands, the others are their output. The commands run in a copy of the checkout, or in the folder
  of it that a comment `<!-- in FOLDER -->` above the block names; with `, as a repository`, in a repository that has only this folder, committed
  to `main`; with `, as repositories`, each folder in it is such a repository; with `, with the package`, where the example packages are installed;
  with `, with registries`, `--online` asks registries in memory (`tests/registries_of_documents`).
- `sh`: commands without output. They run in the same way, except that make only prints what it would run.
- `yaml policy`, and `yaml` in the pages about the policy: a policy that loads.
- `yaml pre-commit`, `yaml github` and others that begin so, `yaml gitlab`: configuration that these services accept.
- `LANGUAGE file=PATH`: a quotation from a file.
- `dockerfile`, `yaml compose`: files without findings.

`IMGLINT_UPDATE=1 pytest tests/test_documents.py` writes the output of the commands, docs/rules.md and docs/terminal.svg: read the difference
before you commit it.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from ruamel.yaml import YAML
from tests.test_policy_file import schema_accepts

from imglint.commands.cli import cli
from imglint.commands.rules import page
from imglint.plugins.load import formats, image_formats, kinds, rules
from imglint.policy.load import load
from imglint.records import record

if TYPE_CHECKING:
    from tests.conftest import Imglint

ROOT = Path(__file__).parent.parent
PAGES = sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", *PAGES)
POLICY_PAGES = ("docs/policy.md", "docs/policy-reference.md")
HOOKS = {hook["id"] for hook in YAML(typ="safe").load(ROOT / ".pre-commit-hooks.yaml")}
COMMANDS = Path(sys.executable).parent
REGISTRIES = ROOT / "tests" / "registries_of_documents"
SCHEMA = ROOT / "linter" / "imglint" / "policy" / "schema.json"
OTHER_NAMES = {
    "docs/ci.md": {"security-events"},
    "docs/extending.md": {"past-the-mirror", "unreviewed-image", "other-key", "signed-by"},
    "docs/migrating.md": {
        *("run-as-non-root", "disallow-latest-tag", "restrict-image-registries", "require-image-checksum"),
        *("require-run-as-nonroot", "require-run-as-non-root-user"),
    },
    "docs/policy.md": {"devices-backend", "mentor-backend"},
    "docs/policy-reference.md": {"main-decade", "main-latest"},
}
"""Names in code style that are not those of imglint, by document."""
UPDATE = bool(os.environ.get("IMGLINT_UPDATE"))

_BLOCK = re.compile(
    r"(?:^<!-- in (?P<folder>\S+?)(?P<repository>, as a repository)?(?P<repositories>, as repositories)?(?P<package>, with the package)?"
    r"(?P<registries>, with registries)? -->\n)?"
    r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@record
class Block:
    """A fenced block: its position, its info string, its text, all of it with the comment above, and where its commands run."""

    document: str
    line: int
    info: str
    text: str
    whole: str
    folder: str
    repository: bool
    repositories: bool
    package: bool
    registries: bool

    @property
    def at(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def kind(self) -> str:
        if self.document in POLICY_PAGES and self.info == "yaml":
            return "policy"
        if self.document == "docs/rules.md":
            return "rule"
        return "file" if "file=" in self.info else self.info.removeprefix("yaml ")


def blocks(document: str) -> Iterator[Block]:
    text = (ROOT / document).read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("info")) + 1
        marks = [match[mark] is not None for mark in ("repository", "repositories", "package", "registries")]
        yield Block(document, line, match["info"], match["text"], match[0], match["folder"] or ".", *marks)


BLOCKS = {block.at: block for document in DOCUMENTS for block in blocks(document)}
KINDS = {
    "console", "sh", "policy", "pre-commit", "github", "github-pull-request", "github-organization", "github-caller", "github-step", "github-online",
    "gitlab", "gitlab-online",
    "file", "dockerfile", "compose", "rule", "text",
}  # fmt: skip


def of_kind(*names: str) -> list[str]:
    return [at for at, block in BLOCKS.items() if block.kind in names]


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory, git: Callable[..., None]) -> Path:
    """Return a copy of this checkout without generated files, as a Git repository of its own."""
    folder = tmp_path_factory.mktemp("repository") / "imglint"
    patterns = [line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if "/" not in line.rstrip("/")]
    generated = shutil.ignore_patterns(".git", *patterns)

    def ignore(parent: str, names: list[str]) -> set[str]:
        return generated(parent, names) | ({".env"} if Path(parent) == ROOT / "bench" else set())

    shutil.copytree(ROOT, folder, ignore=ignore)
    git(folder, "init", "--quiet")
    return folder


@pytest.fixture
def checkout(repository: Path, tmp_path: Path) -> Path:
    """Return a fresh checkout."""
    return Path(shutil.copytree(repository, tmp_path / "imglint", symlinks=True))


def test_every_block_is_of_a_known_kind() -> None:
    assert {at: block.info for at, block in BLOCKS.items() if block.kind not in KINDS} == {}


@pytest.fixture
def folder_of(checkout: Path, tmp_path: Path, git: Callable[..., None]) -> Callable[[Block], Path]:
    """Return a function that returns the folder in which the commands of a block run."""

    def folder(block: Block) -> Path:
        if not block.repository and not block.repositories:
            return checkout / block.folder
        alone = (checkout / block.folder).rename(tmp_path / "repository")
        for repository in [alone] if block.repository else [path for path in alone.iterdir() if path.is_dir()]:
            git(repository, "init", "--quiet", "--initial-branch=main")
            git(repository, "add", "--all")
            git(repository, "commit", "--quiet", "--message", "Add everything")
        return alone

    return folder


@pytest.mark.parametrize("at", of_kind("console"))
def test_commands_print_what_is_shown(at: str, folder_of: Callable[[Block], Path], request: pytest.FixtureRequest) -> None:
    block = BLOCKS[at]
    commands = request.getfixturevalue("with_example") if block.package else COMMANDS
    printed = _transcript(block.text, folder_of(block), commands, REGISTRIES if block.registries else None)
    if UPDATE:
        path = ROOT / block.document
        updated = block.whole.replace(f"\n{block.text}```", f"\n{printed}```")
        path.write_text(path.read_text(encoding="utf-8").replace(block.whole, updated), encoding="utf-8")
    else:
        assert block.text == printed


def _transcript(text: str, folder: Path, commands: Path, modules: Path | None = None) -> str:
    """Return the commands of a block with their output, run one after the other as in one terminal. `modules` is a folder of Python modules."""
    environment = {**os.environ, "PATH": f"{commands}:{os.environ['PATH']}", "COLUMNS": "80"}
    if modules is not None:
        # A cache folder inside of the checked one is not used.
        environment |= {"PYTHONPATH": str(modules), "XDG_CACHE_HOME": str(folder)}
    printed, status = "", 0
    for command in re.findall(r"^\$ (.*)$", text, re.MULTILINE):
        # `echo $?` shows the status of the command before, and `cd` changes the folder of the commands after it.
        script = f"trap 'pwd >&3' EXIT\n(exit {status})\n{command}"
        reading, writing = os.pipe()
        outcome = subprocess.run(
            ["bash", "-c", f"exec 3>&{writing} {writing}>&-\n{script}"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(writing,),
            text=True,
            check=False,
        )
        os.close(writing)
        with os.fdopen(reading) as pipe:
            folder = Path(pipe.read().removesuffix("\n"))
        status = outcome.returncode
        printed += f"$ {command}\n{outcome.stdout}"
    return printed


@pytest.mark.parametrize("at", [at for at in of_kind("sh") if BLOCKS[at].document != "README.md"])
def test_shell_commands_succeed(at: str, folder_of: Callable[[Block], Path]) -> None:
    environment = {**os.environ, "PATH": f"{COMMANDS}:{os.environ['PATH']}", "MAKEFLAGS": "n"}
    _succeeds("bash", "-ec", BLOCKS[at].text, cwd=folder_of(BLOCKS[at]), env=environment)


def test_the_installation_in_the_readme_works(checkout: Path, tmp_path: Path) -> None:
    (at,) = [at for at in of_kind("sh") if BLOCKS[at].document == "README.md"]
    _succeeds(sys.executable, "-m", "venv", "venv", cwd=tmp_path, env={**os.environ})
    environment = {**os.environ, "PATH": f"{tmp_path / 'venv' / 'bin'}:{os.environ['PATH']}"}
    _succeeds("bash", "-ec", BLOCKS[at].text, cwd=checkout, env=environment)
    assert _succeeds("imglint", "--version", cwd=tmp_path, env=environment).startswith("imglint ")


def test_make_demo_shows_the_findings_of_the_demo(checkout: Path) -> None:
    (checkout / ".venv").symlink_to(sys.prefix)
    shown = _succeeds("make", "--assume-old=.venv/.ready", "demo", cwd=checkout, env={**os.environ})
    assert "deploy/prod/shop.yaml:10:36: error unconventional-tag: " in shown


@pytest.mark.parametrize("at", of_kind("policy"))
def test_policies_load_and_the_schema_accepts_them(at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT / "examples" / "policy-package" / "acme-policy")
    path = tmp_path / ".imglint.yaml"
    path.write_text(BLOCKS[at].text, encoding="utf-8")
    for name in YAML(typ="safe").load(path).get("extends", ()):
        if not name.startswith("package:"):
            (tmp_path / name).parent.mkdir()
            (tmp_path / name).write_text("rules: {latest-tag: error}\n")
    assert load(str(path), rules(), kinds()).path == str(path)
    assert schema_accepts(path)


@pytest.mark.parametrize("at", of_kind("pre-commit"))
def test_pre_commit_accepts_the_snippets_and_the_hooks_exist(at: str, tmp_path: Path) -> None:
    path = tmp_path / ".pre-commit-config.yaml"
    path.write_text(BLOCKS[at].text)
    _succeeds(str(COMMANDS / "pre-commit"), "validate-config", str(path))
    assert {hook["id"] for repo in YAML(typ="safe").load(path)["repos"] for hook in repo["hooks"]} <= HOOKS


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        *[(f"github{kind}", "vendor.github-workflows") for kind in ("", "-pull-request", "-organization", "-caller", "-online")],
        ("gitlab", "vendor.gitlab-ci"),
        ("gitlab-online", "vendor.gitlab-ci"),
    ],
)
def test_ci_snippets_match_the_schemas_of_the_services(kind: str, schema: str, tmp_path: Path) -> None:
    for at in of_kind(kind):
        (tmp_path / "ci.yml").write_text(BLOCKS[at].text)
        _succeeds(str(COMMANDS / "check-jsonschema"), "--builtin-schema", schema, str(tmp_path / "ci.yml"))


@pytest.mark.parametrize(
    ("kind", "example"),
    [
        ("github", "examples/github/imglint.yml"),
        ("github-pull-request", "examples/github/pull-requests.yml"),
        ("github-organization", "examples/github/organization.yml"),
        ("github-caller", "examples/github/caller.yml"),
        ("github-step", "examples/github/imglint.yml"),
        ("github-online", "examples/github/registries.yml"),
        ("gitlab", "examples/gitlab/.gitlab-ci.yml"),
        ("gitlab-online", "examples/gitlab/registries.gitlab-ci.yml"),
    ],
)
def test_ci_snippets_are_parts_of_the_examples(kind: str, example: str) -> None:
    """The snippets and the complete examples must change together."""
    whole = [line.strip(" -") for line in (ROOT / example).read_text().splitlines()]
    for at in of_kind(kind):
        lines = [line.strip(" -") for line in BLOCKS[at].text.splitlines()]
        assert [line for line in lines if not any(other.startswith(line) for other in whole)] == []


@pytest.mark.parametrize("at", of_kind("file"))
def test_quotations_are_in_the_file_that_they_name(at: str) -> None:
    named = BLOCKS[at].info.partition("file=")[2]
    assert BLOCKS[at].text in (ROOT / named).read_text(encoding="utf-8")


@pytest.mark.parametrize("at", of_kind("dockerfile", "compose"))
def test_files_that_are_shown_have_no_findings(at: str, tmp_path: Path, imglint: Imglint) -> None:
    name = "Dockerfile" if BLOCKS[at].info == "dockerfile" else "compose.yaml"
    (tmp_path / name).write_text(BLOCKS[at].text)
    assert len(json.loads(imglint("images", "--format", "json").out)) == 1
    assert json.loads(imglint("--format", "json").out)["findings"] == []


def test_the_page_of_the_rules_is_current() -> None:
    path = ROOT / "docs" / "rules.md"
    if UPDATE:
        path.write_text(page(), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == page()


def test_the_picture_of_the_terminal_is_current(tmp_path: Path) -> None:
    current = ROOT / "docs" / "terminal.svg"
    target = current if UPDATE else tmp_path / "terminal.svg"
    _succeeds(sys.executable, str(ROOT / "scripts" / "screenshot"), str(target))
    assert current.read_bytes() == target.read_bytes()


def test_the_picture_escapes_text_and_breaks_long_lines() -> None:
    image = runpy.run_path(str(ROOT / "scripts" / "screenshot"))["image"]
    columns = 100
    svg = image(f"\x1b[1ma <b> & 'c'\x1b[0m\n{'word ' * 30}\n{'x' * (columns + 1)}\n")
    texts = [(bold, unescape(text)) for bold, text in re.findall(r"<text [^>]*?(bold)?\"?>([^<]*)</text>", svg)]
    assert texts == [
        ("bold", "a <b> & 'c'"),
        ("", ("word " * 20).strip()),
        ("", ("word " * 10).strip()),
        ("", "x" * columns),
        ("", "x"),
    ]


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


@pytest.mark.parametrize("document", DOCUMENTS)
def test_options_and_make_targets_in_the_text_exist(document: str) -> None:
    prose = _BLOCK.sub("", (ROOT / document).read_text(encoding="utf-8"))
    code = re.findall(r"`([^`\n]+)`", prose)
    options = {option for command in cli.commands.values() for option in _options(command)} | {"--help", "--version"}
    named = {option for text in code if text.startswith(("imglint ", "--")) for option in re.findall(r"--[a-z][a-z-]*", text)}
    assert named <= options
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {text.split()[1] for text in code if text.startswith("make ")} <= targets


@pytest.mark.parametrize("document", [page for page in DOCUMENTS if page != "docs/rules.md"])
def test_names_with_dashes_in_the_text_exist(document: str) -> None:
    """Names of rules, keys of the policy, kinds, formats and hooks."""
    prose = _BLOCK.sub("", (ROOT / document).read_text(encoding="utf-8"))
    known = {*rules(), *_keys(json.loads(SCHEMA.read_text(encoding="utf-8"))), *kinds(), *formats(), *HOOKS, "ignore-file"}
    assert set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", prose)) - known <= OTHER_NAMES.get(document, set())


def _keys(schema: object) -> Iterator[str]:
    """Yield the names of all properties in a JSON Schema."""
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
    for value in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _keys(value)


def test_the_page_about_files_covers_every_kind() -> None:
    text = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    table = text.partition("\n## What is read\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z-]+)`[ :]", table, re.MULTILINE)) == set(kinds())


def test_the_index_lists_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[([a-z-]+\.md)\]\(\1\) \|", index, re.MULTILINE)
    assert {f"docs/{name}" for name in listed} == {*PAGES} - {"docs/index.md"}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_the_readme_lists_every_rule_with_its_default() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([a-z-]+)` \| .* \| ([a-z ]+) \|$", readme, re.MULTILINE))
    known = {rule.id: rule for rule in rules().values() if rule.check_image or rule.check_user}
    default = {
        name: f"{rule.level} in {', '.join(rule.environments)}" if rule.level and rule.environments else str(rule.level)
        for name, rule in known.items()
    }
    assert listed == default


def test_the_page_of_the_command_line_covers_every_command_and_format() -> None:
    text = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert {"check", *re.findall(r"^\| `imglint ([a-z]+) ?", text, re.MULTILINE)} == set(cli.commands)
    table = text.partition("\n## Formats\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z]+)` \|", table, re.MULTILINE)) == set(formats())
    inventory = (ROOT / "docs" / "inventory.md").read_text(encoding="utf-8").partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z]+)` \|", inventory, re.MULTILINE)) == set(image_formats())
    shown = set(re.findall(r"^\$ imglint (?:([a-z]+) )?--help$", text, re.MULTILINE))
    assert shown == {"", *cli.commands}


def test_the_page_about_ci_lists_every_hook() -> None:
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(imglint[a-z-]*)` \|", text, re.MULTILINE)) == HOOKS


def _options(command: click.Command) -> set[str]:
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    return {name for option in options for name in (*option.opts, *option.secondary_opts)}


def _headings(file: Path) -> set[str]:
    """Return the anchors of a document's headings on GitHub, which numbers those that occur twice."""
    text = _BLOCK.sub("", file.read_text(encoding="utf-8"))
    anchors: list[str] = []
    for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        again = anchors.count(anchor)
        anchors += [anchor, f"{anchor}-{again}"] if again else [anchor]
    return set(anchors)


def _succeeds(*command: str, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    """Run a command that must succeed; return its output."""
    outcome = subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout
    return outcome.stdout
