"""Trees of files for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


def build(root: Path, files: Mapping[str, str]) -> None:
    """Write files, given by their paths relative to a folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def commit(git: Callable[..., None], folder: Path, files: Mapping[str, str] | None = None) -> None:
    """Write files and commit all changes of a repository, even if there are none."""
    build(folder, files or {})
    git(folder, "add", "--all", ".")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "Change files")
