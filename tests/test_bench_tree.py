"""The tree that the bench measures on: the same every time, and full of places that imglint finds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bench.tree import generate


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_tree(tmp_path: Path) -> None:
    trees = [generate(str(tmp_path / name), 40, seed) for name, seed in (("a", 7), ("b", 7), ("c", 8))]
    assert trees[0] == trees[1]
    assert _contents(tmp_path / "a") == _contents(tmp_path / "b") != _contents(tmp_path / "c")


def test_imglint_finds_every_place_and_can_read_every_file(tmp_path: Path) -> None:
    tree = generate(str(tmp_path / "tree"), 200)
    command = (sys.executable, "-m", "imglint")
    listed = subprocess.run((*command, "images", "--format", "json"), cwd=tmp_path / "tree", capture_output=True, check=True)
    assert len(json.loads(listed.stdout)) == tree.places > 200
    checked = subprocess.run((*command, "--format", "json"), cwd=tmp_path / "tree", capture_output=True, check=False)
    assert {finding["rule"] for finding in json.loads(checked.stdout)["findings"]} == {
        "chart-image-drift",
        "latest-tag",
        "implicit-registry",
        "unstated-user",
    }
