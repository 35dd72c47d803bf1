"""The sdist and the wheel built from it are complete: imglint runs in a fresh environment."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "fixtures" / "demo"


@pytest.fixture(scope="module")
def commands(environment: Callable[..., Path], wheel: Path) -> Path:
    """Return the commands of an environment with only the wheel and its dependencies."""
    return environment(wheel)


def run(commands: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(commands / "imglint"), *arguments], cwd=cwd, capture_output=True, text=True, check=False)


def test_the_wheel_contains_every_module_and_data_file(wheel: Path) -> None:
    expected = {
        path.relative_to(ROOT / root).as_posix()
        for root in ("linter", "rules")
        for path in (ROOT / root).rglob("*")
        if path.suffix in (".py", ".json", ".typed")
    }
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == expected


def test_the_wheel_contains_the_license(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        assert [name for name in archive.namelist() if name.endswith("LICENSE")]


def test_the_sdist_contains_the_files_that_the_wheel_is_built_from(distributions: Path) -> None:
    with tarfile.open(next(distributions.glob("*.tar.gz"))) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "linter/imglint/policy/schema.json",
        "rules/imglint_rules/latest_tag.py",
    } <= held


def test_the_installed_command_finds_the_same_as_this_checkout(commands: Path, tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path / "demo")
    here = run(Path(sys.executable).parent, "--format", "sarif", cwd=tmp_path / "demo")
    there = run(commands, "--format", "sarif", cwd=tmp_path / "demo")
    assert here.returncode == 1
    assert (there.returncode, there.stdout, there.stderr) == (here.returncode, here.stdout, here.stderr)


@pytest.mark.parametrize(
    "arguments", [("rules",), ("schema",), ("images",), ("--version",), ("explain", "Dockerfile"), ("--help",)]
)
def test_every_installed_command_runs(commands: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    shutil.copytree(DEMO, tmp_path / "demo")
    outcome = run(commands, *arguments, cwd=tmp_path / "demo")
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert outcome.stdout


def test_the_wheel_without_the_c_parser_reads_the_same(commands: Path, tmp_path: Path) -> None:
    """On a machine without a compiled libyaml, the YAML parser in Python is used."""
    shutil.copytree(DEMO, tmp_path / "demo")
    shutil.copytree(commands.parent, tmp_path / "environment", symlinks=True)
    compiled = list((tmp_path / "environment").rglob("_ruamel_yaml*.so"))
    assert compiled
    for part in compiled:
        part.unlink()
    code = "import sys; from imglint.main import run; sys.exit(run(sys.argv[1:]))"
    command = [str(tmp_path / "environment" / "bin" / "python"), "-c", code, "--format", "json"]
    pure = subprocess.run(command, cwd=tmp_path / "demo", capture_output=True, text=True, check=False)
    assert pure.stdout == run(commands, "--format", "json", cwd=tmp_path / "demo").stdout
    assert pure.returncode == 1
