"""A tree in which a stranger chose every name and every byte: it runs no code, shows no other file, and overwrites and commands nothing."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from imglint.repository import root_of
from imglint.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Imglint

ERROR = "FROM docker.io/library/alpine\nUSER 1001\n"

# How runners find commands: GitHub's `::` at the start of a line, and `##[` anywhere in it; Azure Pipelines' `##vso[`; TeamCity's `##teamcity[`.
COMMAND = re.compile(r"^\s*::|##\w*\[", re.MULTILINE)

COMMANDS = [
    "::error file=a,line=1::owned",
    "  ::error::owned",
    "::stop-commands::x",
    "##[error]owned",
    "###[set-output name=sarif]owned",
    "##vso[task.setvariable variable=a]owned",
    "##teamcity[message text='owned']",
    "a ##[add-mask]owned",
]


@pytest.fixture(params=COMMANDS)
def commanding(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return a command of a CI runner that is a file name, and stands wherever else an author can write it."""
    command = str(request.param)
    quoted = json.dumps(command)
    (tmp_path / command).mkdir()
    (tmp_path / command / "Dockerfile").write_text(f"FROM a:latest\nFROM {command}\n# {command}\nOOPS {command}\n")
    (tmp_path / f"{command}.yaml").write_text(
        f"apiVersion: v1\nkind: {quoted}\nmetadata: {{name: {quoted}}}\n"
        f"spec: {{containers: [{{name: {quoted}, image: {quoted}}}, {{image: b}}, {{name: {quoted}, image: c}}]}}\n"
    )
    (tmp_path / f"{command}.dockerfile").write_text("FROM a:latest\nUSER root\n")
    (tmp_path / "split.yaml").write_text('apiVersion: v1\nkind: Pod\nspec: {containers: [{image: "#"}, {image: ##[error]}]}\n')
    (tmp_path / "compose.yaml").write_text(f"x-a: &a {{image: 'b:latest'}}\nservices: {{{quoted}: *a, b: *a}}\n")
    return command


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--no-color", "--verbose", "--environment", "production"],
        ["--verbose", "--jobs", "2"],
        ["--color"],
        ["--format", "json"],
        ["--format", "sarif"],
        ["--format", "gitlab"],
        ["images"],
        ["images", "--format", "json"],
        ["images", "--format", "ndjson"],
        ["images", "--format", "csv"],
        ["images", "--format", "cyclonedx"],
        ["init"],
    ],
    ids=" ".join,
)
def test_names_and_contents_are_no_commands_of_a_runner(arguments: list[str], commanding: str, imglint: Imglint) -> None:
    outcome = imglint(*arguments)
    assert outcome.out
    assert COMMAND.findall(outcome.out) == []
    assert COMMAND.findall(outcome.err) == []


def test_the_github_format_has_commands_of_its_own_alone(commanding: str, imglint: Imglint) -> None:
    out = imglint("--format", "github").out
    assert all(re.match(r"::(error|warning|notice) file=", line) for line in out.splitlines())
    assert not re.search(r"##\w*\[", out)


def test_explain_prints_no_commands(commanding: str, imglint: Imglint, tmp_path: Path) -> None:
    for path in [*tmp_path.rglob("*.yaml"), *tmp_path.rglob("*ockerfile")]:
        if path.is_file():
            outcome = imglint("explain", path.relative_to(tmp_path))
            assert (COMMAND.findall(outcome.out), COMMAND.findall(outcome.err)) == ([], [])


@pytest.mark.parametrize("name", ["::error::" + "x" * 100, "  ::error::" + "x" * 100, "b   ::error::" + "x" * 100])
def test_explain_wraps_no_name_into_a_command(name: str, imglint: Imglint, tmp_path: Path) -> None:
    quoted = json.dumps(name)
    (tmp_path / "pod.yaml").write_text(
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {quoted}}}\nspec: {{containers: [{{name: {quoted}, image: b}}]}}\n"
    )
    (tmp_path / ".imglint.yaml").write_text(f"images: [{{match: b, approved: false, reason: {quoted}}}]\nexclude: [{quoted}]\n")
    out = imglint("explain", "pod.yaml").out
    assert "::error::" in out
    assert COMMAND.findall(out) == []


def test_errors_in_a_policy_and_in_a_call_are_no_commands(commanding: str, imglint: Imglint, tmp_path: Path) -> None:
    quoted = json.dumps(commanding)
    (tmp_path / ".imglint.yaml").write_text(f"{quoted}: 1\nextends: [{quoted}]\n")
    (tmp_path / commanding / "policy.yaml").write_text(f"{quoted}: 1\n")
    for arguments in (
        [],
        ["--config", f"{commanding}/policy.yaml"],
        ["--baseline", f"{commanding}.yaml", "--config", "none"],
        ["--output", f"{commanding}/a/b"],
        ["--select", commanding],
        [f"{commanding}/gone"],
        [f"--{commanding}"],
        ["explain", f"{commanding}/gone"],
    ):
        outcome = imglint(*arguments)
        assert (outcome.status, outcome.out) == (2, "")
        assert COMMAND.findall(outcome.err) == []


def test_a_path_that_begins_like_a_command_stays_a_path(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "::error::x.dockerfile").write_text(ERROR)
    path = imglint().out.split(":1:")[0]
    assert path == "./::error::x.dockerfile"
    assert (tmp_path / path).exists()
    assert imglint("images").out.startswith("./::error::x.dockerfile:1:6: ")
    assert imglint("explain", "::error::x.dockerfile").out.startswith("./::error::x.dockerfile\n")


CONFIDENTIAL = "s3cret-of-the-runner"


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder outside of the tree with a file that is no policy, and one that is."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "shadow").write_text(f"root:{CONFIDENTIAL}:19000:0:\n{CONFIDENTIAL}: [{CONFIDENTIAL}\n")
    (folder / "secrets.yaml").write_text(
        f"environments: {{{CONFIDENTIAL}: []}}\n{CONFIDENTIAL}: {CONFIDENTIAL}\nfail-on: {CONFIDENTIAL}\n"
    )
    (folder / "many.yaml").write_text("".join([f"{CONFIDENTIAL}{number}: 1\n" for number in range(200)]))
    (folder / "valid.yaml").write_text("fail-on: never\n")
    return folder


FILES = ["shadow", "secrets.yaml", "many.yaml", "valid.yaml", "gone"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["absolute", "relative", "link", "link in the middle"])
@pytest.mark.parametrize("is_repository", [True, False])
def test_a_found_policy_extends_no_file_outside(
    name: str, how: str, is_repository: bool, outside: Path, imglint: Imglint, tmp_path: Path
) -> None:
    if is_repository:
        (tmp_path / ".git").mkdir()
    (tmp_path / "Dockerfile").write_text(ERROR)
    (tmp_path / "link").symlink_to(outside / name)
    (tmp_path / "folder").symlink_to(outside)
    given = {
        "absolute": str(outside / name),
        "relative": f"../{outside.name}/{name}",
        "link": "link",
        "link in the middle": f"folder/{name}",
    }[how]
    (tmp_path / ".imglint.yaml").write_text(f"environments: {{staging: [a]}}\nextends: [{given}]\nrules: {{latest-tag: oof}}\n")
    outcome = imglint()
    assert (outcome.status, outcome.out) == (2, "")
    assert f".imglint.yaml:2:11: extends: {given if how != 'relative' else '../'}" in outcome.err
    assert f" is outside of {tmp_path}; " in outcome.err
    assert CONFIDENTIAL not in outcome.err
    assert "No such file" not in outcome.err


def test_a_found_policy_extends_files_inside(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "api").mkdir()
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "base.yaml").write_text("fail-on: never\n")
    (tmp_path / "link.yaml").symlink_to("policies/base.yaml")
    (tmp_path / "api" / "Dockerfile").write_text(ERROR)
    for name in ("../policies/base.yaml", "../link.yaml", str(tmp_path / "policies" / "base.yaml")):
        (tmp_path / "api" / ".imglint.yaml").write_text(f"extends: [{name}]\n")
        assert imglint(cwd=tmp_path / "api").status == 0


def test_a_policy_that_is_a_link_out_is_not_read(outside: Path, imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(ERROR)
    for name in FILES:
        (tmp_path / ".imglint.yaml").symlink_to(outside / name)
        for arguments in ([], ["images"], ["explain", "Dockerfile"]):
            outcome = imglint(*arguments)
            assert (outcome.status, outcome.out) == (2, "")
            assert outcome.err.startswith(f".imglint.yaml:1:1: symbolic link out of {tmp_path}; ")
            assert CONFIDENTIAL not in outcome.err
        (tmp_path / ".imglint.yaml").unlink()
    (tmp_path / "policy").write_text("fail-on: never\n")
    (tmp_path / ".imglint.yaml").symlink_to("policy")
    assert imglint().status == 0


@pytest.mark.parametrize("name", FILES[:3])
def test_no_error_quotes_what_a_given_policy_extends_outside(name: str, outside: Path, imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(ERROR)
    (tmp_path / "policy.yaml").write_text(
        f"environments: {{staging: [a]}}\nextends: [{outside / name}]\ndefault-environment: x\n"
    )
    (tmp_path / "link.yaml").symlink_to(outside / name)
    advice = f"{outside / name} is not a valid policy; run `imglint --config {outside / name}` for its errors\n"
    assert imglint("--config", "policy.yaml") == (2, "", f"policy.yaml:2:11: {advice}")
    shown = imglint("--config", "link.yaml")
    assert shown == (2, "", f"link.yaml:1:1: {advice.replace(str(outside / name), 'link.yaml', 1)}")
    assert "is not a valid policy" not in imglint("--config", outside / name).err


def test_a_given_policy_extends_valid_policies_anywhere(outside: Path, imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(ERROR)
    (tmp_path / "policy.yaml").write_text(f"extends: [{outside / 'valid.yaml'}]\n")
    assert imglint("--config", "policy.yaml").status == 0
    assert imglint("--config", outside / "valid.yaml").status == 0


@pytest.mark.parametrize(
    "address", ["https://example.com/policy.yaml", "http:policy.yaml", "HTTPS://x", "git+ssh://x/y", "file:///x"]
)
@pytest.mark.parametrize("option", [[], ["--config", ".imglint.yaml"]])
def test_an_address_in_extends_is_an_error(address: str, option: list[str], imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / ".imglint.yaml").write_text(f"extends: [{address}]\n")
    advice = "a policy cannot be loaded from an address; save it as a file, or install it as a package, and name that"
    outcome = imglint(*option)
    assert (outcome.status, outcome.out, outcome.err.splitlines()[0]) == (2, "", f".imglint.yaml:1:11: extends: {advice}")


@pytest.mark.parametrize("is_repository", [True, False])
@pytest.mark.parametrize("named", ["", "api", "api/compose.yaml", "absolute"])
def test_no_link_leads_a_file_that_is_read_beside_another_out_of_the_tree(
    named: str, is_repository: bool, outside: Path, imglint: Imglint, tmp_path: Path
) -> None:
    if is_repository:
        (tmp_path / ".git").mkdir()
    (outside / "env").write_text(f"TAG={CONFIDENTIAL}\n")
    (outside / "Chart.yaml").write_text(f"annotations: {{}}\nname: x\nappVersion: {CONFIDENTIAL}\n")
    for folder in ("api", "chart/templates"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "api" / "compose.yaml").write_text("services: {a: {image: 'b:${TAG}'}}\n")
    (tmp_path / "chart" / "values.yaml").write_text("image: {repository: ghcr.io/a/b}\n")
    (tmp_path / "api" / ".env").symlink_to(outside / "env")
    (tmp_path / "chart" / "Chart.yaml").symlink_to(outside / "Chart.yaml")
    cwd, path = (outside, tmp_path) if named == "absolute" else (tmp_path, named)
    for arguments in (["images"], ["images", "--format", "json"], []):
        outcome = imglint(*arguments, *([path] if path else []), cwd=cwd)
        assert CONFIDENTIAL not in outcome.out + outcome.err
    (tmp_path / "env").write_text("TAG=v1.2.3\n")
    (tmp_path / "api" / ".env").unlink()
    (tmp_path / "api" / ".env").symlink_to("../env")
    assert "library/b:v1.2.3" in imglint("images", *([path] if path else []), cwd=cwd).out


@pytest.mark.parametrize("name", ["/etc/hostname", "../secret", "link/secret", "\0"])
def test_a_reader_gets_no_file_outside_of_the_root(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text(CONFIDENTIAL)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to("..")
    (tmp_path / "tree" / "own").write_text("own")
    for cwd, path in ((tmp_path / "tree", "a.yaml"), (Path("/"), str(tmp_path / "tree" / "a.yaml"))):
        monkeypatch.chdir(cwd)
        if cwd != Path("/"):
            assert Source(path, "").beside(name) is None
        assert Source(path, "").beside("own") == "own"
        assert Source(path, "").beside("../tree/own") == "own"
    (tmp_path / "tree" / ".git").mkdir()
    assert Source(str(tmp_path / "tree" / "a.yaml"), "").beside(name) is None


def test_the_root_of_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, git: Callable[..., None]) -> None:
    for name in ("plain/a/b", "other", "outer/d", "inner"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("outer", "inner"):
        git(tmp_path / name, "init", "--quiet")
        (tmp_path / name / "Dockerfile").write_text(ERROR)
        git(tmp_path / name, "add", ".")
        git(tmp_path / name, "commit", "--quiet", "--message", "One")
    outer = tmp_path / "outer"
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "inner"), "libs/inner")
    git(outer, "worktree", "add", "--quiet", "trees/one")
    git(outer, "worktree", "add", "--quiet", str(tmp_path / "two"))
    git(tmp_path, "clone", "--quiet", "inner", "outer/clone")
    monkeypatch.chdir(tmp_path / "plain")
    for path, root in {
        "": "plain",
        "a/b": "plain",
        "gone": "plain",
        "../other": "other",
        "../other/Dockerfile": "other",
        "../outer/d": "outer",
        "../outer/Dockerfile": "outer",
        "../outer/libs/inner/Dockerfile": "outer",
        "../outer/trees/one": "outer/trees/one",
        "../outer/clone": "outer/clone",
        "../two/Dockerfile": "two",
    }.items():
        assert root_of(path) == str(tmp_path / root)
    git(tmp_path / "two", "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init")
    git(tmp_path / "two", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "inner"), "libs/two")
    assert root_of("../two/libs/two") == str(tmp_path / "two")


def test_a_git_file_of_any_kind_does_not_stop_a_run(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "compose.yaml").write_text("services: {a: {image: 'b:${TAG}'}}\n")
    (tmp_path / "sub" / ".env").write_text("TAG=1.2.3\n")
    for make in (
        os.mkfifo,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to("nowhere"),
        lambda path: path.write_bytes(b"gitdir: \xff\0/modules/" * 10_000),
        lambda path: path.write_bytes(b""),
    ):
        make(tmp_path / "sub" / ".git")
        assert "1.2.3" in imglint("images", "sub").out
        (tmp_path / "sub" / ".git").unlink()


def test_a_gitignore_that_is_a_link_ignores_nothing(outside: Path, imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "Dockerfile").write_text(ERROR)
    (tmp_path / "ignored").write_text("Dockerfile\n")
    (outside / "ignored").write_text("*\n")
    for target in ("ignored", outside / "ignored", "/dev/zero", "nowhere"):
        (tmp_path / ".gitignore").symlink_to(target)
        for path in (".", "api"):
            outcome = imglint("--quiet", path)
            assert (outcome.status, outcome.err) == (1, "")
            assert "unread-file" not in outcome.out
        (tmp_path / ".gitignore").unlink()
    (tmp_path / "ignored").rename(tmp_path / ".gitignore")
    assert imglint("--quiet", ".").status == 0


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """Return a tree with an error that the policy does not silence."""
    (tmp_path / "Dockerfile").write_text(ERROR)
    (tmp_path / "evil.yaml").write_text("rules: {latest-tag: off}\n")
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "--config=evil.yaml", "--exclude=Dockerfile", "--ignore=latest-tag", "--fail-on=never", "--version", "--help", "-h", "--environment=x.yaml",
        "--output=x.yaml", "--stdin-filename=x.yaml", "--baseline=evil.yaml", "-", "-x", "--config=a/b.yaml",
    ],
)  # fmt: skip
@pytest.mark.parametrize("front", [[], ["check"], ["images"], ["--no-color"], ["--config", "evil.yaml"], ["Dockerfile"]])
def test_the_name_of_a_file_is_no_option(name: str, front: list[str], clean: Path, imglint: Imglint) -> None:
    (clean / name).parent.mkdir(exist_ok=True)
    (clean / name).write_text("a: 1\n")
    before = sorted(clean.rglob("*"))
    outcome = imglint(*front, name, "Dockerfile")
    error = f"imglint: `{name}` is an option and the name of a file; write `./{name}` for the file, or rename it\n"
    assert outcome == (2, "", error)
    assert sorted(clean.rglob("*")) == before
    if name != "-":
        assert imglint("check", "--", name, "Dockerfile").status == 1
    assert imglint(f"./{name}", "Dockerfile").status == 1


def test_a_dangling_link_is_the_name_of_a_file_too(clean: Path, imglint: Imglint) -> None:
    (clean / "--exclude=Dockerfile").symlink_to("nowhere")
    assert imglint("--exclude=Dockerfile", ".").status == 2


@pytest.mark.parametrize("command", [[], ["check"], ["images"]])
def test_the_policy_is_given_once(command: list[str], clean: Path, imglint: Imglint) -> None:
    (clean / "own.yaml").write_text("rules: {latest-tag: error}\n")
    outcome = imglint(*command, "--config", "own.yaml", "Dockerfile", "--config=evil.yaml")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("imglint: invalid value for '--config': given more than once")


READ = {
    "Dockerfile": ERROR,
    "api/prod.dockerfile": ERROR,
    "deploy/web.yaml": "a: 1\n",
    "package.json": "{}\n",
    "list.json": "[1]\n",
    ".env": "TAG=1\n",
    "sub/.gitignore": "a\n",
    "sub/.imglint.yaml": "rules: {}\n",
    "chart/Chart.yaml": "name: a\n",
    "chart/templates/_a.tpl": "a\n",
    "Kustomization": "a: 1\n",
    "base.policy": "fail-on: warning\n",
    "odd.kind": "a: 1\n",
}
"""Files that a run over the tree reads, or would read if they had other contents."""


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("option", ["--output", "--report", "--write-baseline"])
@pytest.mark.parametrize("how", ["", "./", "link"])
def test_no_file_that_a_run_reads_is_replaced(name: str, option: str, how: str, imglint: Imglint, tmp_path: Path) -> None:
    for path, text in READ.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / ".imglint.yaml").write_text("extends: [base.policy]\nkinds: {kubernetes: ['*.kind']}\n")
    (tmp_path / "link").symlink_to(name)
    target = "link" if how == "link" else how + name
    outcome = imglint(option, f"sarif={target}" if option == "--report" else target, ".")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("imglint: ")
    assert (tmp_path / name).read_text() == READ[name]
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("name", ["report.json", "report.yaml", "dockerfile-report.txt", "Dockerfile.new", "report.txt"])
@pytest.mark.parametrize("form", ["text", "concise", "json", "sarif", "github", "gitlab"])
@pytest.mark.parametrize("text", [ERROR, "FROM scratch\nUSER 1001\n", "FROM alpine:3.20.1\nUSER 1001\n", "", None])
@pytest.mark.parametrize("skipped", [[], ["venv", "node_modules"]])
def test_a_report_replaces_the_last_one(
    name: str, form: str, text: str | None, skipped: list[str], imglint: Imglint, tmp_path: Path
) -> None:
    for folder in ("", *skipped):
        (tmp_path / "tree" / folder).mkdir()
    if text is not None:
        (tmp_path / "tree" / "Dockerfile").write_text(text)
    written = set()
    for _ in range(3):
        outcome = imglint("--format", form, "--output", name, "--report", f"{form}=2{name}", "tree")
        assert (outcome.status in (0, 1), outcome.out, outcome.err) == (True, "", "")
        written |= {(tmp_path / name).read_text(), (tmp_path / f"2{name}").read_text()}
    assert len(written) == 1


def test_a_report_replaces_an_empty_file_and_one_of_another_format(clean: Path, imglint: Imglint) -> None:
    (clean / "report.json").write_text("")
    for form in ("json", "gitlab", "sarif", "text", "github", "json"):
        assert imglint("--format", form, "--output", "report.json", "Dockerfile").status == 1
    (clean / "report.json").write_text(json.dumps(json.loads((clean / "report.json").read_text()), indent=4))
    assert imglint("--output", "report.json", "Dockerfile").status == 1


@pytest.mark.parametrize("text", [ERROR, "FROM scratch\nUSER 1001\n"])
def test_a_baseline_replaces_a_baseline_alone(text: str, imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(text)
    name = ".imglint-baseline.json"
    for _ in range(2):
        assert imglint("--write-baseline", name).status == 0
    (tmp_path / name).write_text(json.dumps(json.loads((tmp_path / name).read_text()), indent=4))
    assert imglint("--baseline", name, "--write-baseline", name).status == 0
    before = (tmp_path / name).read_text()
    assert imglint("--output", name).status == 2
    assert imglint("--format", "json", "--baseline", name, "--output", name).status == 2
    assert (tmp_path / name).read_text() == before
    imglint("--format", "json", "--output", "report.json")
    assert imglint("--write-baseline", "report.json").status == 2


def test_only_streams_and_devices_are_written_in_place(clean: Path, imglint: Imglint) -> None:
    assert imglint("--report", "json=/dev/null").status == 1
    assert json.loads(imglint("--quiet", "--report", "json=/dev/stdout", "--output", "/dev/null").out)
    memory = Path("/dev/shm")  # noqa: S108  a folder of its own is made there
    if not memory.is_dir():
        pytest.skip("no /dev/shm")
    with TemporaryDirectory(dir=memory) as folder:
        (clean / "kept").write_text("kept")
        (Path(folder) / "out").symlink_to(clean / "kept")
        assert imglint("--output", f"{folder}/out").status == 1
        assert (clean / "kept").read_text() == "kept"
