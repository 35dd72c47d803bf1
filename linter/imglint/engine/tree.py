"""The images that the repository of a file builds, and the references that its kustomizations rewrite. Imports nothing that reads a file.

The answers are looked up when a rule asks for them, which it does only for a use that it would report otherwise. Then the files that Git tracks are
listed, and those that mention the name are read, each once in a process.
"""

from __future__ import annotations

import os
from bisect import bisect_left

from imglint.model import Rewrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imglint.engine.builds import Builds
    from imglint.engine.kustomizations import Kustomizations
    from imglint.engine.tree_files import TreeFiles
    from imglint.model import ImageUse
    from imglint.policy.find import Policies

CONTAINERS = ("container", "init-container")
"""The kinds of places that Kustomize rewrites: `containers` and `initContainers`
(`LegacyFilter` in kubernetes-sigs/kustomize, api/filters/imagetag/legacy.go)."""


class Trees:
    """The repositories of the files of a run.

    What an excluded file writes is not checked, so it does not count here either: a file that `excluded` names, or the policy of the file that
    names the image. No policy is looked up for other files, because that would report those that do not apply.
    """

    def __init__(self, policies: Policies, excluded: Callable[[str, bool], bool] | None = None) -> None:
        self._policies, self._excluded = policies, excluded
        self._files: dict[tuple[str, bool, int], TreeFiles] = {}
        self._last: tuple[str, TreeFiles, str] | None = None
        self._tracked: dict[str, Sequence[str]] = {}
        self._builds: dict[TreeFiles, Builds] = {}
        self._kustomizations: dict[TreeFiles, Kustomizations] = {}

    def built_at(self, use: ImageUse) -> str:
        """Return where another file of the repository builds an image, as `path:line`; empty if none does."""
        files, _ = self._files_of(use)
        if use.reference is None or not files.may_build(use.reference.name):
            return ""
        if files not in self._builds:
            from imglint.engine.builds import Builds

            self._builds[files] = Builds(files, self._policies.of(use.source.path).variables)
        return self._builds[files].built_at(use)

    def rewrite_of(self, use: ImageUse) -> Rewrite:
        """Return what the kustomizations that reach the file of a use set in its reference.

        An entry of `images` is judged as it is written, although another kustomization may rewrite it again: otherwise nothing would judge what is
        written for those who use the first one alone.
        """
        if use.reference is None or use.place not in CONTAINERS:
            return Rewrite()
        files, path = self._files_of(use)
        if files not in self._kustomizations:
            from imglint.engine.kustomizations import Kustomizations

            self._kustomizations[files] = Kustomizations(files)
        return self._kustomizations[files].rewrite_of(path, use.reference)

    def _files_of(self, use: ImageUse) -> tuple[TreeFiles, str]:
        """Return the files of the repository of a use, and the path of its own file in it.

        Where Git does not track the file, the repository is walked: the file may be new, and the files that it belongs to as well.
        """
        if self._last is not None and self._last[0] == use.source.path:
            return self._last[1:]
        from imglint.engine.tree_files import TreeFiles

        absolute, policy = os.path.abspath(use.source.path), self._policies.of(use.source.path)
        root = self._policies.root_of(os.path.dirname(absolute))
        path = absolute[len(os.path.join(root, "")) :].replace(os.sep, "/")
        key = root, self._is_tracked(root, path), id(policy)
        if key not in self._files:
            excluded = self._excluded

            def is_left_out(path: str) -> bool:
                return policy.excluded(path) or (excluded is not None and excluded(path, False))

            self._files[key] = TreeFiles(*key[:2], is_left_out)
        self._last = use.source.path, self._files[key], path
        return self._files[key], path

    def _is_tracked(self, root: str, path: str) -> bool:
        """Return whether Git tracks a file, by its path relative to the root. A file that does not exist counts as tracked if any file is."""
        if root not in self._tracked:
            from imglint.git_index import tracked_files

            self._tracked[root] = tracked_files(root) or ()
        tracked = self._tracked[root]
        at = bisect_left(tracked, path)
        return tracked[at : at + 1] == [path] or (bool(tracked) and not os.path.lexists(os.path.join(root, path)))
