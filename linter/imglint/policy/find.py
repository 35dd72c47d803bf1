"""Find the policy of each file: the outermost policy file of its repository, or one in a folder that this policy delegates."""

from __future__ import annotations

import os

from imglint.errors import Diagnostic, PolicyError
from imglint.policy.lookup import FILE_NAME, Policy, Recent, default_policy
from imglint.records import record
from imglint.repository import GIT, is_below, leaves, outermost_repository
from imglint.source import read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import Protocol

    class Place(Protocol):
        """Where the files of a policy are: the working tree, or a revision."""

        root: str
        """The absolute path of the folder that limits which files may be read."""

        def find(self, folder: str, names: tuple[str, ...], /) -> str | None:
            """Return the path of the first file of these names that exists in a folder of the working tree."""
            ...

        def read(self, path: str, /) -> str:
            """Return the text of a policy file. Raises UnreadFile."""
            ...

        def read_pem(self, path: str, /) -> str:
            """Return the text of a file with certificates or a key. Raises UnreadFile."""
            ...

        def identity(self, path: str, /) -> str:
            """Return the same text for all paths of a file. Raises ValueError for a path that no file can have."""
            ...

        def is_outside(self, path: str, /) -> bool:
            """Return whether a file is outside of the root."""
            ...

        def beside(self, path: str, relative: str, /) -> str:
            """Return the path of a file from its path relative to the folder of another file."""
            ...

        def folder(self, path: str, /) -> str:
            """Return the absolute path that the folder of a file has in the working tree."""
            ...

    Step = Callable[[str, str, Policy | None], Policy]
    """Returns the policy of a folder, given also its root and the policy of the folder above, which is None at the root. Folders are absolute."""

MISSPELLED = (".imglint.yml", "imglint.yaml")
"""Names of files that are probably meant to be policies."""


class WorkingTree:
    """The file system below a root, as the place where the files of a policy are."""

    read = read_pem = staticmethod(read_text)

    def __init__(self, root: str) -> None:
        self.root = root

    def find(self, folder: str, names: tuple[str, ...]) -> str | None:
        """Return the path, relative to the current folder, of the first file of these names in a folder."""
        paths = [path for name in names if os.path.lexists(path := os.path.join(folder, name))]
        return os.path.relpath(paths[0]) if paths else None

    def identity(self, path: str) -> str:
        """Return the same text for all paths of a file. Raises ValueError for a path that no file can have."""
        return os.path.realpath(path)

    def is_outside(self, path: str) -> bool:
        """Return whether a file is outside of the root."""
        return leaves(path, self.root)

    def beside(self, path: str, relative: str) -> str:
        """Return the path of a file from its path relative to the folder of another file."""
        return os.path.normpath(os.path.join(os.path.dirname(path), relative))

    def folder(self, path: str) -> str:
        """Return the absolute path of the folder of a file."""
        return os.path.dirname(os.path.abspath(path))


@record
class UnusedPolicy:
    """A policy file that does not apply to its own folder, which is absolute, and the policy that applies there."""

    path: str
    folder: str
    policy: Policy


class Policies:
    """The policies of the files of a run. A policy is loaded when the first file below its folder is looked up.

    The root of a file is the root of its repository. Outside of a repository, it is the current folder if the file is below that, else the folder
    that contains the file among the `named` paths and the folders of named files. `unused` grows with the folders that are looked up.
    """

    def __init__(self, step: Step, named: Sequence[str] = (), unused: Collection[UnusedPolicy] = ()) -> None:
        self.unused = unused
        self._step = step
        self._folders = [os.getcwd(), *sorted([_folder_of(path) for path in named])]
        self._used: dict[int, Policy] = {}
        self._by_prefix: dict[str, Policy] = Recent()
        self._by_folder: dict[str, Policy] = Recent()
        self._repositories: dict[str, str | None] = Recent()

    def of(self, path: str) -> Policy:
        """Return the policy of a file, or of a folder if its path ends in a slash.

        Raises PolicyError if the policy is invalid.
        """
        prefix = path[: path.rfind("/") + 1]
        policy = self._by_prefix.get(prefix)
        if policy is None:
            policy = self._by_prefix[prefix] = self._in(os.path.abspath(prefix))
            self._used[id(policy)] = policy
        return policy

    def used(self) -> list[Policy]:
        """Return each policy that `of` returned."""
        return list(self._used.values())

    def _in(self, folder: str) -> Policy:
        root, below = self.root_of(folder), list[str]()
        while folder not in self._by_folder:
            below.append(folder)
            if folder == root:
                break
            folder = os.path.dirname(folder)
        policy = self._by_folder.get(folder)
        for folder in reversed(below):
            policy = self._by_folder[folder] = self._step(folder, root, policy)
        assert policy is not None
        return policy

    def root_of(self, folder: str) -> str:
        """Return the root of the files in an absolute folder."""
        repository = self._repository_of(folder)
        if repository is not None:
            return repository
        return next((root for root in self._folders if is_below(folder, root)), folder)

    def _repository_of(self, folder: str) -> str | None:
        below: list[str] = []
        while folder not in self._repositories:
            below.append(folder)
            above = os.path.dirname(folder)
            if os.path.lexists(os.path.join(folder, GIT)):
                self._repositories[folder] = outermost_repository(folder)
            elif above == folder:
                self._repositories[folder] = None
            else:
                folder = above
        root = self._repositories[folder]
        for folder in below:
            self._repositories[folder] = root
        return root


def _folder_of(path: str) -> str:
    absolute = os.path.abspath(path)
    return absolute if os.path.isdir(absolute) else os.path.dirname(absolute)


def one_for_all(policy: Policy) -> Policies:
    """Return policies that are the same one for all files."""
    return Policies(lambda _folder, _root, _above: policy)


def given(policy: Policy, named: Sequence[str]) -> Policies:
    """Return the policies of a run with `--config`: the same one for all files, with patterns relative to the root of each file."""
    by_root: dict[str, Policy] = {}

    def step(folder: str, root: str, above: Policy | None) -> Policy:
        if root not in by_root:
            by_root[root] = policy.in_folder(folder)
        return above or by_root[root]

    return Policies(step, named)


def found(place_of: Callable[[str], Place], load: Callable[[str, Place], Policy], named: Sequence[str]) -> Policies:
    """Return the policies that are found in the folders of the files.

    `place_of` returns the place of policy files for a root: the working tree, or a Git revision. `load` returns the policy of a file.
    """
    places: dict[str, Place] = {}
    policies: dict[tuple[str, str], Policy] = {}
    unused: dict[tuple[str, str], UnusedPolicy] = {}
    default = default_policy()

    def loaded(root: str, path: str, delegated_at: str = "") -> Policy:
        # In a large tree, the folders that were looked up are forgotten, but policies are not.
        if (root, path) not in policies:
            policy = load(path, places[root])
            policies[root, path] = policy.delegated(delegated_at) if delegated_at else policy
        return policies[root, path]

    def step(folder: str, root: str, above: Policy | None) -> Policy:
        if root not in places:
            places[root] = place_of(root)
        place = places[root]
        path = place.find(folder, (FILE_NAME,))
        if above is not None and above.path is not None:
            if path is None or above.excluded(os.path.relpath(folder), True):
                return above
            delegated_at = above.delegation(folder)
            if delegated_at is None:
                unused.setdefault((root, path), UnusedPolicy(path, folder, above))
                return above
            return loaded(root, path, delegated_at)
        if path is None:
            _check_names(folder, place)
            return default
        return loaded(root, path)

    return Policies(step, named, unused.values())


def _check_names(folder: str, place: Place) -> None:
    path = place.find(folder, MISSPELLED)
    if path is not None:
        message = f"this file is not read as a policy; rename it to `{FILE_NAME}`"
        raise PolicyError([Diagnostic(path, 1, 1, message)])
