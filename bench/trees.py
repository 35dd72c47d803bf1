"""The trees that a run measures on, generated in bench/.env if they are missing."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from bench.environment import HOME, ROOT

TENFOLD = 10
SMALL = 20
"""How many times smaller the small tree is."""
FINDINGS = 10_000
CONTAINERS = 50
"""Containers, each with a finding, in each file of the tree with findings."""

MOVE = "images:\n- {match: docker.io/acme/*, approved: false, use-instead: registry.example/acme/*}\n- match: '**'\n"
"""A policy by which the images of the tree with findings have to move."""

SMALL_FILES = {
    "Dockerfile": (
        "FROM python:3.13-slim\nWORKDIR /app\nCOPY requirements.txt .\n"
        'RUN pip install --no-cache-dir -r requirements.txt\nCOPY . .\nEXPOSE 8000\nUSER 1001\nCMD ["python", "-m", "app"]\n'
    ),
    "compose.yaml": (
        "services:\n  web:\n    build: .\n    ports: ['8000:8000']\n    depends_on: [db]\n"
        "  db:\n    image: postgres:${POSTGRES:-17.2}\n    volumes: ['data:/var/lib/postgresql/data']\nvolumes:\n  data: {}\n"
    ),
    "pod.yaml": (
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4.2\n"
        "    ports:\n    - containerPort: 8000\n    securityContext:\n      runAsNonRoot: true\n"
    ),
}


class Trees:
    """The given tree, or a generated one, and the trees derived from it."""

    def __init__(self, given: Path | None, manifests: int) -> None:
        self.given, self.manifests = given, manifests

    def tree(self) -> Path:
        """Return the tree."""
        return self.given or self._generated(self.manifests, 1)

    def tenfold(self) -> Path:
        """Return ten trees in one: ten different generated ones, or ten copies of the given one."""
        folder = HOME / "trees" / (f"tenfold-of-{self.given.name}" if self.given else f"tenfold-{self.manifests}-{_generator()}")
        for n in range(1, TENFOLD + 1):
            part = folder / str(n)
            if not part.is_dir():
                shutil.copytree(
                    self.given or self._generated(self.manifests, n), part, symlinks=True, ignore=shutil.ignore_patterns(".git")
                )
        return _tracked(folder)

    def small_tree(self) -> Path:
        """Return a tree with about a hundred manifests."""
        return self._generated(max(self.manifests // SMALL, 1), 1)

    def small_files(self) -> Path:
        """Return a folder with a small file of each kind."""
        folder = HOME / "trees" / "files"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in SMALL_FILES.items():
            (folder / name).write_text(text)
        return _tracked(folder)

    def faulty(self) -> tuple[Path, int]:
        """Return a folder of manifests in which every container uses the tag `latest`, and the number of containers."""
        folder = HOME / "trees" / "faulty"
        folder.mkdir(parents=True, exist_ok=True)
        for n in range(FINDINGS // CONTAINERS):
            containers = "".join([f"  - name: c{c}\n    image: docker.io/acme/app-{n}-{c}:latest\n" for c in range(CONTAINERS)])
            (folder / f"{n}.yaml").write_text(
                f"apiVersion: v1\nkind: Pod\nmetadata:\n  name: pod-{n}\nspec:\n  containers:\n{containers}"
            )
        return _tracked(folder), FINDINGS

    def moved(self) -> tuple[Path, int]:
        """Return the folder of `faulty` with a policy by which all its images have to move, and their number."""
        folder, count = self.faulty()
        moved = HOME / "trees" / "moved"
        moved.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.yaml"):
            (moved / path.name).write_text(path.read_text().replace(":latest", ":1.0"))
        (moved / ".imglint.yaml").write_text(MOVE)
        return _tracked(moved), count

    def _generated(self, manifests: int, seed: int) -> Path:
        folder = HOME / "trees" / f"{manifests}-{seed}-{_generator()}"
        if not folder.is_dir():
            draft = folder.with_suffix(".draft")
            shutil.rmtree(draft, ignore_errors=True)
            call = f"from bench.tree import generate; generate({str(draft)!r}, {manifests}, {seed})"
            subprocess.run((sys.executable, "-c", call), cwd=ROOT, check=True)
            draft.rename(folder)
        return _tracked(folder)


def _generator() -> str:
    """Return a fingerprint of the generator, so that a change of it generates the trees again."""
    return hashlib.sha256(Path(__file__).with_name("tree.py").read_bytes()).hexdigest()[:8]


def _tracked(folder: Path) -> Path:
    """Make a folder the root of a Git repository that tracks its files, as the trees are that people check, and return it."""
    if not (folder / ".git" / "index").exists():
        for arguments in (("init", "--quiet"), ("add", "--all", "--force")):
            subprocess.run(("git", "-c", "core.autocrlf=false", *arguments), cwd=folder, check=True)
    return folder
