"""`--fix` writes files whole or not at all, only those that it may, and says so if it cannot."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import stat
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imglint.engine.fix import fix_file
from imglint.output import UnwrittenFile, replace_content
from imglint.plugins.load import readers
from imglint.source import FILE_SIZE_MAX, set_stdin

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Imglint

    from imglint.engine.fix import FixedFile

MOVE = "images:\n- {match: docker.io/acme/*, approved: false, use-instead: ghcr.io/acme/*}\n- match: '**'\n"
BEFORE, AFTER = b"FROM acme/a:1.0\nUSER 1\n", b"FROM ghcr.io/acme/a:1.0\nUSER 1\n"
FIX = ("--fix", "--unsafe-fixes")
COMMAND = [str(Path(sys.executable).parent / "imglint"), *FIX]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with a policy by which acme's images have to move, and five Dockerfiles that use one."""
    folder = tmp_path / "tree"
    for name in "abcde":
        (folder / name).mkdir(parents=True)
        (folder / name / "Dockerfile").write_bytes(BEFORE)
    (folder / ".imglint.yaml").write_text(MOVE)
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    return folder


def fixed(tree: Path) -> str:
    """Return the names of the folders with a fixed Dockerfile. The others must be as before."""
    contents = {path.parent.name: path.read_bytes() for path in sorted(tree.glob("?/Dockerfile"))}
    assert set(contents.values()) <= {BEFORE, AFTER}
    return "".join(name for name, content in contents.items() if content == AFTER)


def leftovers(tree: Path) -> list[str]:
    return [path.name for path in tree.rglob("*.tmp")]


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o664, 0o6755, 0o200 | 0o444, 0o2644])
def test_the_mode_stays(mode: int, tree: Path, imglint: Imglint) -> None:
    path = tree / "a" / "Dockerfile"
    path.chmod(mode)
    assert imglint(*FIX, cwd=tree).status == 0
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert fixed(tree) == "abcde"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_stays(tree: Path, imglint: Imglint) -> None:
    path = tree / "a" / "Dockerfile"
    os.chown(path, 1234, 2345)
    path.chmod(0o6755)
    assert imglint(*FIX, cwd=tree).status == 0
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 2345, 0o6755)


def test_bits_that_run_as_the_owner_go_if_the_owner_cannot_stay(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    path = tree / "a" / "Dockerfile"
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(path, 1234, 2345)
    path.chmod(0o6755)
    monkeypatch.setattr(os, "fchown", refuse)
    replace_content(str(path), BEFORE, AFTER)
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    assert path.read_bytes() == AFTER


def test_a_read_only_file_is_not_fixed(tree: Path, imglint: Imglint) -> None:
    (tree / "c" / "Dockerfile").chmod(0o444)
    outcome = imglint(*FIX, cwd=tree)
    assert (outcome.status, fixed(tree)) == (1, "abde")
    assert "use ghcr.io/acme/a:1.0; not fixed: the file is read-only (.imglint.yaml:2)\n" in outcome.out
    assert imglint("--diff", "--unsafe-fixes", cwd=tree).out == ""


@pytest.mark.parametrize("output_format", ["text", "concise", "json", "sarif", "github", "gitlab"])
def test_every_format_has_the_reason(output_format: str, tree: Path, imglint: Imglint) -> None:
    (tree / "c" / "Dockerfile").chmod(0o444)
    outcome = imglint(*FIX, "--format", output_format, cwd=tree)
    assert "; not fixed: the file is read-only" in outcome.out
    assert "[*" not in outcome.out
    if output_format == "json":
        assert [finding["fix"] for finding in json.loads(outcome.out)["findings"]] == [None]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tree: Path, imglint: Imglint) -> None:
    (tree / "c").chmod(0o555)
    outcome = imglint(*FIX, cwd=tree)
    (tree / "c").chmod(0o755)
    assert (outcome.status, fixed(tree)) == (2, "abde")
    assert "imglint: c/Dockerfile: cannot be written: Permission denied\n" in outcome.err


def test_a_file_that_cannot_be_written_does_not_keep_the_others(
    tree: Path, imglint: Imglint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace(old: str, new: str) -> None:
        if new == "c/Dockerfile":
            raise OSError(errno.ENOSPC, "No space left on device")
        rename(old, new)

    rename = os.rename
    monkeypatch.setattr(os, "replace", replace)
    outcome = imglint(*FIX, cwd=tree)
    assert (outcome.status, fixed(tree), leftovers(tree)) == (2, "abde", [])
    assert outcome.err == ("imglint: c/Dockerfile: cannot be written: No space left on device\nfixed 4 findings in 4 files\n")
    assert "not fixed: the file cannot be written: No space left on device" in outcome.out
    assert outcome.out.count("unapproved-image") == 1


def test_a_full_disk(tree: Path) -> None:
    large = tree / "c" / "Dockerfile"
    large.write_bytes(BEFORE + b"# x\n" * 30_000)
    content = large.read_bytes()

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    run = subprocess.run(COMMAND, cwd=tree, capture_output=True, text=True, preexec_fn=limit, check=False)
    assert large.read_bytes() == content
    large.write_bytes(BEFORE)
    assert (run.returncode, fixed(tree), leftovers(tree)) == (2, "abde", [])
    assert "imglint: c/Dockerfile: cannot be written: File too large\n" in run.stderr


def test_a_kill_half_way_loses_nothing(tree: Path, imglint: Imglint) -> None:
    script = (
        "import os, signal, sys; from imglint import main, output; "
        "output._take_over = lambda *_: os.kill(os.getpid(), signal.SIGKILL); main.run(sys.argv[1:])"
    )
    run = subprocess.run([sys.executable, "-c", script, *FIX], cwd=tree, capture_output=True, check=False)
    assert run.returncode == -signal.SIGKILL
    assert fixed(tree) == ""
    [left] = leftovers(tree)
    assert left.startswith(".imglint-")
    assert not any(fnmatchcase(left, pattern) for reader in readers() for pattern in reader.files)
    outcome = imglint(*FIX, cwd=tree)
    assert (outcome.status, fixed(tree), leftovers(tree)) == (0, "abcde", [left])


@pytest.mark.parametrize("content", [b"FROM acme/b:1.0\nUSER 1\n", BEFORE[:-1], BEFORE + b"\n", b"", None])
def test_a_file_that_changes_meanwhile_is_not_written(
    content: bytes | None, tree: Path, imglint: Imglint, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tree / "c" / "Dockerfile"

    def change(*arguments: object) -> FixedFile:
        file = fix_file(*arguments)  # type: ignore[arg-type]
        if file.path == "c/Dockerfile":
            path.unlink() if content is None else path.write_bytes(content)
        return file

    monkeypatch.setattr("imglint.commands.fix.fix_file", change)
    outcome = imglint(*FIX, cwd=tree)
    assert outcome.status == 2
    assert (path.read_bytes() if path.exists() else None) == content
    reason = (
        "cannot be written: No such file or directory" if content is None else "changed while imglint was running; run it again"
    )
    assert outcome.err == f"imglint: c/Dockerfile: {reason}\nfixed 4 findings in 4 files\n"


def test_a_pipe_in_place_of_the_file(tree: Path) -> None:
    path = tree / "a" / "Dockerfile"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UnwrittenFile, match="changed"):
        replace_content(str(path), BEFORE, AFTER)
    assert leftovers(tree) == []


def test_no_link_is_written_through(tree: Path, imglint: Imglint) -> None:
    (tree / "a" / "Dockerfile").rename(tree / "target")
    (tree / "a" / "Dockerfile").symlink_to("../target")
    (tree / "link").symlink_to("b")
    outcome = imglint(*FIX, "a/Dockerfile", "link/Dockerfile", cwd=tree)
    assert (outcome.status, (tree / "target").read_bytes(), (tree / "b" / "Dockerfile").read_bytes()) == (1, BEFORE, BEFORE)
    assert "a/Dockerfile:1:6: error unapproved-image: docker.io/acme/a is not" in outcome.out
    assert "not fixed: the file is a symbolic link" in outcome.out
    assert "not fixed: the file is below link, which is a symbolic link" in outcome.out
    assert imglint("--diff", "--unsafe-fixes", "a/Dockerfile", "link", cwd=tree).out == ""
    assert (tree / "a" / "Dockerfile").is_symlink()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a/Dockerfile"], "a"),
        (["./a/Dockerfile", "a/Dockerfile", "a"], "a"),
        (["a", "./b/", "../tree/c"], "abc"),
        ([".", "--exclude", "b"], "acde"),
        (["b/Dockerfile", "--exclude", "b"], ""),
        (["--jobs", "2"], "abcde"),
        (["--select", "latest-tag"], ""),
        (["--ignore", "unapproved-image"], ""),
        ([".imglint.yaml", "d"], "d"),
        (["--min-level", "error"], "abcde"),
    ],
)  # fmt: skip
def test_only_what_is_named_or_walked_is_fixed(arguments: list[str], expected: str, tree: Path, imglint: Imglint) -> None:
    diff = imglint("--diff", "--unsafe-fixes", *arguments, cwd=tree)
    assert diff.status == bool(expected)
    assert [line[6] for line in diff.out.splitlines() if line.startswith("+++ ")] == [*expected]
    assert fixed(tree) == ""
    assert imglint(*FIX, *arguments, cwd=tree).status in (0, 1)
    assert fixed(tree) == expected


def test_what_other_files_name_is_not_fixed(tree: Path, imglint: Imglint) -> None:
    (tree / "named").write_bytes(BEFORE)
    (tree / "compose.yaml").write_text("services:\n  a:\n    build: {context: ., dockerfile: named}\n")
    outcome = imglint(*FIX, "compose.yaml", cwd=tree)
    assert "named:1:6: error unapproved-image" in outcome.out
    assert (tree / "named").read_bytes() == BEFORE


def test_what_a_baseline_has_is_not_fixed(tree: Path, imglint: Imglint) -> None:
    assert imglint("--write-baseline", "known.json", "a", "b", cwd=tree).status == 0
    assert imglint(*FIX, "--baseline", "known.json", cwd=tree).status == 0
    assert fixed(tree) == "cde"
    assert imglint(*FIX, "--write-baseline", "rest.json", "a", cwd=tree).status == 0
    assert (fixed(tree), json.loads((tree / "rest.json").read_text())["findings"]) == ("acde", [])


def test_what_has_not_changed_since_is_not_fixed(tree: Path, imglint: Imglint, git: Callable[..., None]) -> None:
    (tree / ".git" / "HEAD").unlink()
    (tree / ".git").rmdir()
    git(tree, "init", "--quiet")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "--message", "All")
    (tree / "b" / "Dockerfile").write_bytes(b"FROM acme/a:1.0 AS a\nFROM acme/a:1.0\nUSER 1\n")
    assert imglint(*FIX, "--since", "HEAD", cwd=tree).status == 0
    assert (tree / "b" / "Dockerfile").read_bytes() == b"FROM ghcr.io/acme/a:1.0 AS a\nFROM acme/a:1.0\nUSER 1\n"
    (tree / "b" / "Dockerfile").write_bytes(BEFORE)
    assert fixed(tree) == ""


@pytest.mark.parametrize(
    ("text", "expected", "status"),
    [
        (BEFORE, AFTER, 0),
        (BEFORE.replace(b"\n", b"\r\n"), AFTER.replace(b"\n", b"\r\n"), 0),
        (BEFORE[:-1], AFTER[:-1], 0),
        ("\ufeffFROM acme/a:1.0\nUSER 1".encode("utf-16-le"), "\ufeffFROM ghcr.io/acme/a:1.0\nUSER 1".encode("utf-16-le"), 0),
        (b"FROM nginx:1.27\nUSER 1\n", None, 0),
        (b"FROM nginx\nUSER 1\n", None, 1),
        (b"", None, 1),
        (b"FROM acme/a:1.0\nUSER 1\n# \xff\n", None, 1),
        (BEFORE + b"x" * FILE_SIZE_MAX, None, 1),
        (BEFORE + b"x" * (FILE_SIZE_MAX + 3_000_000), None, 1),
    ],
    ids=[
        "fixed",
        "carriage returns",
        "no end",
        "utf-16",
        "nothing",
        "other finding",
        "empty",
        "invalid",
        "too large",
        "far too large",
    ],
)
def test_the_fixed_text_of_stdin_is_printed(text: bytes, expected: bytes | None, status: int, tree: Path) -> None:
    arguments = [*COMMAND, "--stdin-filename", "a/Dockerfile", "-"]
    run = subprocess.run(arguments, input=text, cwd=tree, capture_output=True, check=False)
    assert run.stdout == (text if expected is None else expected)
    assert run.returncode == status
    assert fixed(tree) == ""


def test_stdin_that_cannot_be_read(tree: Path) -> None:
    command = f"{' '.join(COMMAND)} --stdin-filename a/Dockerfile --output report -"
    for redirected in ("<&-", "<b"):
        run = subprocess.run(f"{command} {redirected}", shell=True, cwd=tree, capture_output=True, text=True, check=False)  # noqa: S602
        assert (run.returncode, run.stdout) == (1, "")
        assert "cannot read this file" in (tree / "report").read_text()


def test_stdin_has_the_report_elsewhere(tree: Path, imglint: Imglint, stdin: Callable[[bytes], None]) -> None:
    stdin(BEFORE + b"FROM nginx\nUSER 1\n")
    outcome = imglint(*FIX, "--stdin-filename", "a/Dockerfile", "--format", "json", "--output", "report", "-", cwd=tree)
    assert (outcome.status, outcome.out) == (1, AFTER.decode() + "FROM nginx\nUSER 1\n")
    assert [finding["rule"] for finding in json.loads((tree / "report").read_text())["findings"]][-1] == "latest-tag"
    stdin(BEFORE)
    outcome = imglint("--diff", "--unsafe-fixes", "--stdin-filename", "a/Dockerfile", "-", cwd=tree)
    assert outcome.out.startswith("--- a/a/Dockerfile\n+++ b/a/Dockerfile\n@@ -1,2 +1,2 @@\n-FROM acme")


@pytest.mark.parametrize("option", ["--fix", "--diff"])
def test_stdin_comes_alone(option: str, tree: Path, imglint: Imglint) -> None:
    set_stdin(b"")
    outcome = imglint(option, "-", "a", cwd=tree)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err == "imglint: --fix and --diff take '-' as the only path\n"


def test_a_failure_of_a_fix_is_reported(tree: Path, imglint: Imglint, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> FixedFile:
        if arguments[0].path == "c/Dockerfile":  # type: ignore[attr-defined]
            raise ValueError("no way")
        return fix_file(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("imglint.commands.fix.fix_file", fail)
    outcome = imglint(*FIX, cwd=tree)
    assert (outcome.status, fixed(tree)) == (2, "abde")
    assert "imglint: c/Dockerfile: fixing failed with ValueError: no way; run again with --debug" in outcome.err
    assert "not fixed: fixing failed with ValueError: no way" in outcome.out
    assert "Traceback" in imglint(*FIX, "--debug", cwd=tree).err


@pytest.mark.parametrize(
    "name", ["a b", " a", "a ", 'a"b', "a\\b", "a\nb", "a\tb", "-a", "größe", "a\x1bb", b"\xff".decode(errors="surrogateescape")]
)
@pytest.mark.parametrize("program", [["git", "apply"], ["patch", "-p1", "--silent"]], ids=["git", "patch"])
def test_a_diff_of_files_with_odd_names_applies(name: str, program: list[str], tree: Path) -> None:
    (tree / "a").rename(tree / name)
    diff = subprocess.run([*COMMAND[:1], "--diff", "--unsafe-fixes"], cwd=tree, capture_output=True, check=False).stdout
    subprocess.run(program, input=diff, cwd=tree, check=True)
    assert (tree / name / "Dockerfile").read_bytes() == AFTER


def test_a_diff_on_a_terminal_has_no_escapes(tree: Path, imglint: Imglint, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "a" / "Dockerfile").write_bytes(b"# \x1b[31m\n" + BEFORE)
    arguments = ("--diff", "--unsafe-fixes", "--no-color", "a")
    assert "\n # \x1b[31m\n" in imglint(*arguments, cwd=tree).out
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True, raising=False)
    assert "\n # \\x1b[31m\n" in imglint(*arguments, cwd=tree).out


def test_drafts_have_short_names_of_their_own(tree: Path, imglint: Imglint) -> None:
    name = "Dockerfile." + "x" * 240
    (tree / name).write_bytes(BEFORE)
    assert imglint(*FIX, name, cwd=tree).status == 0
    assert (tree / name).read_bytes() == AFTER
