"""The kustomizations of a repository: which of them reach a manifest, and what their `images` set in its references.

Paths are matched as they are written, without the file system, so no kustomization reaches a file outside of the repository. An entry of `images`
applies to references with its very name, tag and digest aside (`IsImageMatched` in kubernetes-sigs/kustomize, api/internal/image/image.go, which
takes the name for a regular expression; a name that is more than literal text is not known here). Entries apply one after the other, those of
components first, then those of the kustomization, then those of the kustomizations that reach it, each to the name that the earlier ones set.
"""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from itertools import islice

from imglint.engine.tree_files import KUSTOMIZATION, KUSTOMIZATION_NAMES, UP
from imglint.model import Rewrite
from imglint.records import record
from imglint.yaml.documents import documents
from imglint.yaml.nodes import Mapping, Node, Scalar, Sequence, nonblank

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imglint.engine.tree_files import Texts, TreeFiles
    from imglint.reference import ImageReference

PARTS = ("name", "tag", "digest")
"""The parts of a reference that an entry of `images` can set, in the order of the fields of Rewrite."""
REACH_MAX = 1_000
"""Kustomizations that are passed on all ways up from one manifest, and components of them."""
COMPONENT = "Component"
KINDS = ("", "Kustomization", COMPONENT)
_RESOURCES = ("resources", "bases")
_PATCHES = ("patches", "patchesjson6902", "patchesstrategicmerge")
"""The lists of patches, in lower case. The result of a patch is rewritten like a resource."""
_IMAGES = ("images", "imagetags")
_KEYS = ("newname", "newtag", "digest")
"""The keys that set PARTS."""


@record
class _Rewriting:
    """What the entries of a kustomization make of a name: the name that they leave, and the offset of the first entry for each part that they set."""

    name: str
    parts: dict[str, int]


@record
class _Kustomization:
    """A kustomization: the paths of its resources and patches, the folders of its components in order, and what it makes of names."""

    path: str
    resources: frozenset[str]
    components: dict[str, None]
    images: dict[str, _Rewriting]
    is_component: bool


if TYPE_CHECKING:
    Step = tuple[str, bool, str]
    """The folder of a kustomization that gets a reference, whether from one of its components, and the name in the reference by then."""


class Kustomizations:
    """The kustomizations of a repository. Each is read when a name that it mentions is looked up."""

    def __init__(self, files: TreeFiles) -> None:
        self._texts: Texts = files.texts(KUSTOMIZATION)
        self._read: dict[str, _Kustomization | None] = {}
        self._above: dict[str, list[tuple[str, bool]]] = {}
        self._rewrites: dict[tuple[str, str], Rewrite] = {}

    def rewrite_of(self, path: str, reference: ImageReference) -> Rewrite:
        """Return what kustomizations set in a reference of the file at a path: for each part, the first on the way up that sets it."""
        name = reference.text[: reference.spans["repository"][1]]
        if not self._texts.mentioning(name):
            return Rewrite()
        if (path, name) not in self._rewrites:
            self._rewrites[path, name] = self._rewrite(self._first_steps(path, name))
        return self._rewrites[path, name]

    def _first_steps(self, path: str, name: str) -> list[Step]:
        folder, filename = posixpath.split(path)
        if filename not in KUSTOMIZATION_NAMES:
            return self._steps_above(posixpath.normpath(path), name)
        # A patch in a kustomization is applied after its components.
        return [(folder or ".", True, name)]

    def _rewrite(self, steps: list[Step]) -> Rewrite:
        """Return what kustomizations set in a reference, from its first steps up."""
        found: dict[str, tuple[str, int]] = {}
        seen: set[Step] = set()
        components_left = REACH_MAX
        for step in steps:
            folder, from_component, name = step
            if step in seen or not self._texts.mentioning(name):
                continue
            seen.add(step)
            kustomizations = self._in_order(folder, from_component, components_left)
            components_left -= len(kustomizations) - 1
            for kustomization in kustomizations:
                rewriting = kustomization.images.get(name)
                if rewriting is not None:
                    name = rewriting.name
                    for part, offset in rewriting.parts.items():
                        found.setdefault(part, (kustomization.path, offset))
            if len(found) == len(PARTS):
                break
            steps += self._steps_above(folder, name)[: REACH_MAX - len(steps)]
        return Rewrite(*[self._texts.at(*found[part]) if part in found else "" for part in PARTS])

    def _in_order(self, start: str, from_component: bool, limit: int) -> list[_Kustomization]:
        """Return the components of a kustomization, depth first, and then itself; itself alone for what one of its components has passed on.

        At most `limit` components are returned.
        """
        ordered: list[_Kustomization] = []
        waiting, seen = [(start, from_component)], set[str]()
        while waiting:
            folder, is_next = waiting.pop()
            kustomization = self._in_folder(folder)
            if kustomization is None:
                continue
            if is_next:
                ordered.append(kustomization)
            elif folder not in seen and len(seen) <= limit:
                seen.add(folder)
                waiting.append((folder, True))
                waiting += [(component, False) for component in [*islice(kustomization.components, limit)][::-1]]
        return ordered

    def _steps_above(self, path: str, name: str) -> list[Step]:
        return [(folder, from_component, name) for folder, from_component in self._reaching(path)[:REACH_MAX]]

    def _reaching(self, path: str) -> list[tuple[str, bool]]:
        """Return the folders of the kustomizations that list a file or folder, and whether as a component."""
        if path not in self._above:
            above = []
            for folder in self._folders_mentioning(path):
                kustomization = self._in_folder(folder)
                if kustomization is not None and path in kustomization.resources:
                    above.append((folder, False))
                elif kustomization is not None and path in kustomization.components and self._is_component(path):
                    above.append((folder, True))
            self._above[path] = sorted(above)
        return self._above[path]

    def _folders_mentioning(self, path: str) -> set[str]:
        """Return the folders of the kustomizations that may list a file or folder.

        A path to it from below a folder above it names all folders between the two, or it is from below the folder itself and ends with `..`.
        """
        texts = self._texts
        found = _in_all([texts.below(path), texts.mentioning(UP)])
        lists: list[list[str]] = []
        folder = path
        while folder != "." and (not lists or lists[-1]):
            lists.append(texts.mentioning(folder))
            folder = posixpath.dirname(folder) or "."
            found += _in_all([texts.below(folder), *lists])
        return {posixpath.dirname(other) or "." for other in found}

    def _is_component(self, folder: str) -> bool:
        kustomization = self._in_folder(folder)
        return kustomization is not None and kustomization.is_component

    def _in_folder(self, folder: str) -> _Kustomization | None:
        """Return the kustomization in a folder, None if there is none that can be read."""
        if folder not in self._read:
            paths = [posixpath.normpath(posixpath.join(folder, name)) for name in KUSTOMIZATION_NAMES]
            path = next((path for path in paths if path in self._texts), None)
            self._read[folder] = None if path is None else _kustomization(self._texts, path)
        return self._read[folder]


def _in_all(lists: list[list[str]]) -> list[str]:
    """Return the paths that are in each of some sorted lists."""
    fewest, *others = sorted(lists, key=len)
    return [path for path in fewest if all(_is_in(each, path) for each in others)]


def _is_in(paths: list[str], path: str) -> bool:
    at = bisect_left(paths, path)
    return at < len(paths) and paths[at] == path


def _kustomization(texts: Texts, path: str) -> _Kustomization | None:
    """Return the kustomization in a file."""
    root = next((document.root for document in documents(texts[path]) if document.root is not None), None)
    if not isinstance(root, Mapping) or root.text("kind") not in KINDS:
        return None
    values = _by_lower_key(root)
    folder = posixpath.dirname(path)
    patches = [_by_lower_key(item).get("path") if isinstance(item, Mapping) else item for item in _items(values, *_PATCHES)]
    return _Kustomization(
        path,
        frozenset(_local_paths(folder, [*_items(values, *_RESOURCES), *patches])),
        dict.fromkeys(_local_paths(folder, _items(values, "components"))),
        _rewritings(_items(values, *_IMAGES)),
        root.text("kind") == COMPONENT,
    )


def _rewritings(entries: list[Node]) -> dict[str, _Rewriting]:
    """Return what entries of `images` make of each name that one of them has. Each applies to the name that those before it leave."""
    rewritings: dict[str, _Rewriting] = {}
    for item in reversed(entries):
        entry = _by_lower_key(item) if isinstance(item, Mapping) else {}
        name, new_name = nonblank(entry.get("name")), nonblank(entry.get("newname"))
        if name is not None:
            left = new_name.value if new_name else name.value
            following = rewritings.get(left, _Rewriting(left, {}))
            parts = {part: scalar.start for part, key in zip(PARTS, _KEYS, strict=True) if (scalar := nonblank(entry.get(key)))}
            rewritings[name.value] = _Rewriting(following.name, {**following.parts, **parts})
    return rewritings


def _by_lower_key(mapping: Mapping) -> dict[str, Node]:
    """Return the values of a mapping by key, in lower case: Kustomize ignores the case of keys."""
    return {key.lower(): value for key, value in mapping.items()}


def _items(values: dict[str, Node], *keys: str) -> list[Node]:
    """Return the items of the sequences under some keys."""
    return [item for key in keys if isinstance(sequence := values.get(key), Sequence) for item in sequence.items]


def _local_paths(folder: str, nodes: Iterable[Node | None]) -> Iterator[str]:
    """Yield the paths that scalars name, relative to the root of the repository."""
    for node in nodes:
        path = posixpath.normpath(posixpath.join(folder, node.value)) if isinstance(node, Scalar) and node.value else ".."
        if not path.startswith(("..", "/")):
            yield path
