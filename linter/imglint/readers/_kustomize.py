"""What Kustomize changes in manifests: its images and patches, in Kustomize files and in the resources of Flux and Argo CD. Imports the YAML trees.

A patch is a part of a manifest (strategic merge) or a list of operations (JSON Patch, RFC 6902). It is a mapping or a list, or YAML in a string.
"""

from __future__ import annotations

from imglint.model import DigestSlot, ImageUse, RunUser
from imglint.printable import clipped
from imglint.readers._embedded import read_embedded
from imglint.readers._image_strings import configuration_of, image_strings
from imglint.readers._json_patch import parts_of
from imglint.records import replace
from imglint.yaml.facts import image_use_of, read_documents, span_of_empty, traced_text
from imglint.yaml.nodes import Mapping, Scalar, Sequence, nonblank

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imglint.model import Fact
    from imglint.source import Source
    from imglint.yaml.nodes import Node

    PodFacts = Callable[[Source, Node], Iterator[ImageUse | RunUser]]
    """Returns the images and users in the pod specs of a node."""
    OwnerOf = Callable[[Mapping], str]
    """Returns the kind and name of a manifest."""

IMAGES = ("images", "imagetags")
"""The lists of images, in lower case, because Kustomize ignores case; `imageTags` is the old name."""
PATCHES = ("patches", "patchesjson6902", "patchesstrategicmerge")
"""The lists of patches, in lower case."""
PLACE = "patch"


class Kustomizations:
    """Reads what Kustomize changes, for one document. Patches that are nodes of the document are read together, so that no alias is read twice.

    `apart` gets the ids of nodes that are no manifests, although they may look like some.
    """

    def __init__(self, source: Source, apart: set[int], pod_facts: PodFacts, owner_of: OwnerOf) -> None:
        self.source = source
        self._apart = apart
        self._pod_facts, self._owner_of = pod_facts, owner_of
        self._patches: list[Mapping] = []
        self._read: set[int] = set()

    def images_and_texts(self, kustomization: Mapping, owner: str = "") -> Iterator[Fact]:
        """Yield the images of a kustomization, and the facts of the patches in its strings."""
        for key, value in kustomization.items():
            if key.lower() in IMAGES:
                for entry in self._new_items(value):
                    yield from self._image(entry, owner)
            elif key.lower() in PATCHES:
                for entry in self._new_items(value):
                    yield from self._patch(entry)

    def patches(self) -> Iterator[Fact]:
        """Yield the facts of all other patches."""
        yield from self._patched(self.source, self._patches)

    def operations(self, patch: Sequence) -> None:
        """Add a JSON patch that is a document of its own."""
        self._apart.update([id(item) for item in patch.items])
        self._patches += parts_of(patch)

    def _new_items(self, node: Node) -> list[Node]:
        if not isinstance(node, Sequence) or id(node) in self._read:
            return []
        self._read.add(id(node))
        return node.items

    def _image(self, entry: Node, owner: str) -> Iterator[ImageUse]:
        if isinstance(entry, Mapping):
            yield from self._image_mapping(entry, owner)
        elif isinstance(entry, Scalar) and entry.value.strip():
            yield self._image_string(entry, owner)

    def _image_mapping(self, entry: Mapping, owner: str) -> Iterator[ImageUse]:
        written = _any_case(entry, "name")
        new_name = _any_case(entry, "newName")
        name = new_name or written
        if name is None:
            return
        digest, tag = _any_case(entry, "digest"), _any_case(entry, "newTag")
        version: list[Scalar | str] = ["@", digest] if digest else [":", tag] if tag else []
        where = _words(owner, "Kustomize image", clipped((written or name).value))
        parts = [name, *version]
        use = image_use_of(self.source, name, place="kustomize-image", where=where, parts=parts, tag_known=bool(version))
        empty = next((value for key, value in entry.by_key.items() if key.lower() == "digest"), None)
        if isinstance(empty, Scalar) and digest is None:
            use = replace(use, digest_slot=DigestSlot(span_of_empty(self.source, entry, empty), replaces_tag=True))
        yield use if new_name else _by_name(use)

    def _image_string(self, entry: Scalar, owner: str) -> ImageUse:
        """Return the image of an Argo CD resource: `name=new-name:tag`, `name:tag` or `name=new-name@digest`."""
        written, equals, image = traced_text(self.source, entry)[0].text.rpartition("=")
        name = image.partition("@")[0]
        tag = name.rfind(":", name.rfind("/") + 1)
        where = _words(owner, "Kustomize image", clipped(written or (name[:tag] if tag >= 0 else name)))
        known = tag >= 0 or name != image
        use = image_use_of(self.source, entry, place="kustomize-image", where=where, prefix=written + equals, tag_known=known)
        return use if equals else _by_name(use)

    def _patch(self, entry: Node) -> Iterator[Fact]:
        """Yield the facts of an entry in a list of patches: the patch, or a mapping with it and the `target` that it is for."""
        target: Mapping | None = None
        patch: Node | None = entry
        if isinstance(entry, Mapping) and ("patch" in entry or "path" in entry):
            target, patch = entry.mapping("target"), entry.get("patch")
        if patch is None or id(patch) in self._read:
            return
        self._read.add(id(patch))
        if isinstance(patch, Scalar):
            if "\n" in patch.value.strip() or ":" in patch.value:
                yield from read_embedded(self.source, patch, "patches", lambda inner: self._text(inner, target))
        else:
            self._apart.add(id(patch))
            self._patches += _manifests(patch, target)

    def _text(self, inner: Source, target: Mapping | None) -> Iterator[Fact]:
        roots, file_facts = read_documents(inner)
        yield from file_facts
        yield from self._patched(inner, [manifest for root in roots for manifest in _manifests(root, target)])

    def _patched(self, source: Source, manifests: list[Mapping]) -> Iterator[Fact]:
        """Yield the images and users that parts of manifests set."""
        together = Sequence(0)
        together.items += manifests
        found: set[int] = set()
        for fact in self._pod_facts(source, together):
            if isinstance(fact, ImageUse):
                found.add(fact.span[0])
                yield _of_patch(fact)
            elif fact.explicit:
                # That a patch sets no user means nothing.
                yield replace(fact, where=_words("patch of", fact.where), image=fact.image and _of_patch(fact.image))
        specs = []
        for manifest in manifests:
            owner, spec = self._owner_of(manifest) if manifest.text("kind") else "", manifest.get("spec")
            specs.append((configuration_of(manifest), "", owner) if spec is None else (spec, "spec", owner))
        for use in image_strings(source, specs, ()):
            if use.span[0] not in found:
                yield _of_patch(use)


def _by_name(use: ImageUse) -> ImageUse:
    """Return a use with the name that the manifests have, by which Kustomize finds the images to change."""
    return replace(use, kept=("registry", "repository"))


def _of_patch(use: ImageUse) -> ImageUse:
    return replace(use, place=PLACE, where=_words("patch of", use.where))


def _manifests(patch: Node, target: Mapping | None) -> list[Mapping]:
    """Return the parts of manifests that a patch sets, each with the kind and name of what it is for."""
    if isinstance(patch, Mapping):
        return [patch if patch.text("apiVersion") and patch.text("kind") else _with_target(patch, target)]
    return [_with_target(part, target) for part in parts_of(patch)] if isinstance(patch, Sequence) else []


def _with_target(part: Mapping, target: Mapping | None) -> Mapping:
    """Return a part of a manifest with the kind and the name of the target, which its images are described by."""
    manifest, metadata = Mapping(part.start), Mapping(part.start)
    kind = target.text("kind") if target else ""
    if target is None or not kind:
        return part
    manifest.add(_scalar("apiVersion"), _scalar("v1"))
    manifest.add(_scalar("kind"), _scalar(kind))
    metadata.add(_scalar("name"), _scalar(target.text("name")))
    manifest.add(_scalar("metadata"), metadata)
    for key, value in part.entries:
        if not (isinstance(key, Scalar) and key.value in manifest.by_key):
            manifest.add(key, value)
    return manifest


def _scalar(value: str) -> Scalar:
    return Scalar(value, 0, 0, "")


def _any_case(mapping: Mapping, key: str) -> Scalar | None:
    """Return the scalar under a key, or under one that differs in case only, which Kustomize accepts."""
    wanted = key.lower()
    return mapping.scalar(key) or next(
        filter(None, [nonblank(value) for name, value in mapping.items() if name.lower() == wanted]), None
    )


def _words(*words: str) -> str:
    return " ".join(filter(None, words))
