"""The start and the end of the process: modules of the current folder are not executed, and interrupts and closed streams end a run in order."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
ERROR = "FROM docker.io/library/alpine\nUSER 1001\n"
PACKAGES = (
    "click",
    "ruamel",
    "_ruamel_yaml",
    "sarif_om",
    "semver",
    "attr",
    "imglint_rules",
    "pip",
    "setuptools",
    "sitecustomize",
    "usercustomize",
)
STARTED = "import sys; print(*[name for name in sys.modules if name not in sys.builtin_module_names])"
COMMANDS = [
    ("--version",),
    (".",),
    ("Dockerfile", "compose.yaml", "odd.yaml"),
    ("--format", "sarif", "--report", "json=out.json", "--write-baseline", "base.json"),
    ("images", "--format", "json"),
    ("images", "--format", "ndjson"),
    ("images", "--format", "csv"),
    ("images", "--format", "cyclonedx"),
    ("explain", "Dockerfile"),
    ("rules",),
    ("init",),
]


@pytest.fixture(scope="module")
def installed(environment: Callable[..., Path], wheel: Path) -> Path:
    """Return the `bin` folder of an environment with imglint."""
    return environment(wheel)


def hostile(folder: Path, spared: set[str]) -> Path:
    """Write a module for every name that Python or imglint imports. Each leaves a file when it is executed."""
    folder.mkdir()
    for name in (sys.stdlib_module_names | {*PACKAGES}) - spared:
        code = f"open({str(folder / 'executed')!r}, 'a').write(__name__ + '\\n')\nraise SystemExit(99)\n"
        (folder / f"{name}.py").write_text(code)
        if name in PACKAGES:
            (folder / name).mkdir()
            (folder / name / "__init__.py").write_text(code)
    (folder / "Dockerfile").write_text(ERROR)
    (folder / "compose.yaml").write_text("services: {a: {image: 'b:${TAG:-1}', build: .}}\n")
    (folder / "odd.yaml").write_text("apiVersion: v1\nkind: &a Pod\nspec: {containers: [{image: b}]}\n")
    return folder


def executed(folder: Path) -> str:
    return (folder / "executed").read_text() if (folder / "executed").exists() else ""


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("entry", ["imglint", "python -I -m imglint", "python -P -m imglint"])
def test_no_module_of_the_current_folder_is_executed(
    entry: str, arguments: tuple[str, ...], installed: Path, tmp_path: Path
) -> None:
    tree = hostile(tmp_path / "tree", set())
    command, *options = entry.split()
    run = subprocess.run([installed / command, *options, *arguments], cwd=tree, capture_output=True, text=True, check=False)
    assert (run.returncode in (0, 1), executed(tree), run.stderr.count("Traceback")) == (True, "", 0)
    assert run.stdout


@pytest.mark.parametrize(
    ("option", "arguments"),
    [
        *[(["-m", "imglint"], arguments) for arguments in COMMANDS],
        (["-mimglint"], ()),
        (["-Bsm", "imglint"], ("check",)),
        (["-W", "ignore", "-mimglint"], ("--", ".")),
    ],
)
def test_as_a_module_only_python_itself_imports_from_the_current_folder(
    option: list[str], arguments: tuple[str, ...], installed: Path, tmp_path: Path
) -> None:
    # What Python imports for `-m`, before it imports the package.
    (tmp_path / "probe").mkdir()
    (tmp_path / "probe" / "__init__.py").write_text(STARTED)
    (tmp_path / "probe" / "__main__.py").write_text("")
    probe = subprocess.run([installed / "python", "-m", "probe"], cwd=tmp_path, capture_output=True, text=True, check=True)
    tree = hostile(tmp_path / "tree", set(probe.stdout.split()))
    run = subprocess.run([installed / "python", *option, *arguments], cwd=tree, capture_output=True, text=True, check=False)
    assert (run.returncode in (0, 1), executed(tree), run.stderr) == (True, "", run.stderr)
    assert "Traceback" not in run.stderr
    assert run.stdout


def test_a_program_that_imports_imglint_keeps_its_path(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "mimglint").mkdir()
    (tmp_path / "mimglint" / "__init__.py").write_text("import imglint, beside")
    (tmp_path / "mimglint" / "__main__.py").write_text(
        "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    )
    (tmp_path / "beside.py").write_text("")
    run = subprocess.run([installed / "python", "-m", "mimglint"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "True\n", "")


def test_from_its_own_folder_the_module_runs_as_it_is(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "imglint", "--version"], cwd=ROOT / "linter", capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")


def interrupted(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "module", ["imglint.records", "imglint.model", "imglint.main", "imglint.commands.check", "imglint.engine.run", "click"]
)
def test_an_interrupt_during_an_import_ends_in_order(module: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(ERROR)
    code = f"""
import os, signal, sys
sys.argv = ["/usr/bin/imglint", "--no-color"]
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from imglint.main import main
main()
"""
    run = interrupted(code, tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "")


def test_an_ignored_interrupt_stays_ignored(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(ERROR)
    code = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.argv = ["imglint", "--quiet"]
from imglint.main import main
os.kill(os.getpid(), signal.SIGINT)
main()
"""
    assert interrupted(code, tmp_path).returncode == 1


def test_interrupts_at_any_time_print_no_traceback(installed: Path, tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number}.Dockerfile").write_text(ERROR * 20)
    for milliseconds in range(30, 400, 30):
        with subprocess.Popen(
            [installed / "imglint", "--jobs", "2", "--output", "out"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as run:
            time.sleep(milliseconds / 1000)
            run.send_signal(signal.SIGINT)
            out, err = run.communicate()
        assert out == b""
        # A traceback that does not name the package is one of the start of Python, or of the script that pip made.
        assert (run.returncode in (1, 130), err.strip()) == (True, b"") or b"/imglint/" not in err
    assert {path.name for path in tmp_path.iterdir() if path.suffix != ".Dockerfile"} <= {"out"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text(ERROR)
    return tmp_path


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    call = command.replace("imglint", str(Path(sys.executable).parent / "imglint"))
    return subprocess.run(["bash", "-c", call], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    ["imglint", "imglint --format json", "imglint images", "imglint explain Dockerfile", "imglint rules", "imglint schema"],
)
@pytest.mark.parametrize(("stream", "reason"), [(">&-", "it is closed"), ("> /dev/full", "No space left on device")])
def test_a_stdout_that_cannot_be_written_is_an_error(command: str, stream: str, reason: str, tree: Path) -> None:
    run = shell(f"{command} {stream}", tree)
    assert (run.returncode, run.stdout, run.stderr) == (2, "", f"imglint: stdout: cannot be written: {reason}\n")


@pytest.mark.parametrize("stream", [">&-", "> /dev/full"])
@pytest.mark.parametrize(
    ("command", "status"), [("imglint --output out", 1), ("imglint -- gone", 2), ("imglint --quiet --ignore latest-tag", 0)]
)
def test_a_stdout_that_is_not_needed_may_be_closed(command: str, status: int, stream: str, tree: Path) -> None:
    run = shell(f"{command} {stream}", tree)
    assert run.returncode == status
    assert "stdout" not in run.stderr


@pytest.mark.parametrize("stream", ["2>&-", "2> /dev/full"])
@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("imglint", 1),
        ("imglint --verbose", 1),
        ("imglint --verbose --jobs 2", 1),
        ("imglint --fail-on never --verbose", 0),
        ("imglint images", 0),
        ("imglint --formt", 2),
        ("imglint gone", 2),
        ("imglint --config gone --debug", 2),
        ("imglint --verbose > /dev/full", 2),
        ("imglint --verbose >&-", 2),
    ],
)
def test_a_stderr_that_cannot_be_written_does_not_change_the_status(command: str, status: int, stream: str, tree: Path) -> None:
    (tree / "compose.yaml").write_text("services: [\n")
    assert shell(f"{command} {stream}", tree).returncode == status


def test_the_reader_of_stderr_may_go(tree: Path) -> None:
    run = shell("(imglint --verbose; echo $? > status) 2>&1 > /dev/null | true; sleep 1; cat status", tree)
    assert run.stdout == "1\n"


NEEDED_ONLINE = ("imglint.registry", "imglint_rules.online.", "imglint_rules._registry", "imglint_rules._tags", "urllib3")


def test_modules_for_registries_are_imported_only_if_they_are_needed(tmp_path: Path) -> None:
    Path(tmp_path, "Dockerfile").write_text("FROM docker.io/library/nginx:1.27.0\nUSER 1001\n")
    code = (
        "import sys; from imglint.main import run; status = run(sys.argv[1:]); "
        f"print(sorted(name for name in sys.modules if name.startswith({NEEDED_ONLINE})), file=sys.stderr)"
    )

    def modules(*arguments: str) -> str:
        command = [sys.executable, "-c", code, *arguments, "Dockerfile"]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True).stderr.splitlines()[-1]

    assert modules() == modules("--format", "json") == "[]"
    Path(tmp_path, ".imglint.yaml").write_text("rules: {unknown-image: note}\n")
    assert modules() == "['imglint_rules.online.unknown_image']"
