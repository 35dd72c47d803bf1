"""Custom resources that name images in forms of their own: those of Flux, Argo CD and Tekton, and configurations. Imports the YAML trees."""

from __future__ import annotations

from itertools import islice

from imglint.model import UNREAD_FILE, ImageUse, Problem, RunUser
from imglint.readers._embedded import read_embedded
from imglint.readers._image_strings import configuration_of, image_strings
from imglint.readers._kustomize import Kustomizations
from imglint.readers._values import images_and_users
from imglint.records import replace
from imglint.yaml.facts import ambiguous_merges, read_documents
from imglint.yaml.nodes import Mapping, Scalar, Sequence, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import abc
    from collections.abc import Iterator

    from imglint.model import Fact
    from imglint.source import Source
    from imglint.yaml.nodes import Node

NODES_MAX = 600_000
"""Nodes of all Helm values in a document, counted again for each alias. Values that exceed it are not read and are reported."""

FLUX, ARGO_CD, TEKTON = "fluxcd.io", "argoproj.io", "tekton.dev"


class CustomResources:
    """Reads the custom resources of one document, each given with its kind and name.

    `apart` gets the ids of nodes that are no manifests, although they may look like some.
    """

    def __init__(
        self, source: Source, resources: abc.Sequence[tuple[Mapping, str]], kustomizations: Kustomizations, apart: set[int]
    ) -> None:
        self.source = source
        self._resources = resources
        self._kustomizations = kustomizations
        self._apart = apart
        self._entered: set[int] = set()
        self._nodes_left = NODES_MAX

    def values_and_changes(self) -> Iterator[Fact]:
        """Yield the facts of Helm values and of what Kustomize changes, in resources of Flux and Argo CD."""
        for resource, owner in self._resources:
            group, kind = _group(resource), resource.text("kind")
            spec = resource.mapping("spec")
            if spec is None:
                continue
            if kind == "HelmRelease" and group.endswith(FLUX):
                yield from self._values(spec.get("values"), owner)
                for renderer in spec.sequence("postRenderers"):
                    if isinstance(renderer, Mapping):
                        yield from self._changes(renderer.mapping("kustomize"), owner)
            elif kind == "Kustomization" and group.endswith(FLUX):
                yield from self._changes(spec, owner)
            elif kind in ("Application", "ApplicationSet") and group == ARGO_CD:
                yield from self._applications(spec, owner)

    def containers(self) -> Iterator[Mapping]:
        """Yield a manifest with a container for each resource that is one: the step actions of Tekton."""
        for resource, _ in self._resources:
            spec = resource.mapping("spec")
            if spec and resource.text("kind") == "StepAction" and _group(resource) == TEKTON:
                manifest = Mapping(resource.start)
                for key, value in [*resource.items(), *(entry for entry in spec.items() if entry[0] == "params")]:
                    manifest.add(Scalar("container" if key == "spec" else key, resource.start, resource.start, ""), value)
                yield manifest

    def images(self) -> Iterator[ImageUse]:
        """Yield the images under keys `image` in the `spec` of each resource, or anywhere in one without, such as the configuration of a component."""
        roots = []
        for resource, owner in self._resources:
            spec = resource.get("spec")
            roots.append((configuration_of(resource), "", owner) if spec is None else (spec, "spec", owner))
        yield from image_strings(self.source, roots, self._apart)

    def _applications(self, spec: Mapping, owner: str) -> Iterator[Fact]:
        """Yield the facts of all sources in an Application, or in the templates of an ApplicationSet."""
        waiting: list[Node] = [spec]
        while waiting:
            node = waiting.pop()
            if id(node) in self._entered or isinstance(node, Scalar):
                continue
            self._entered.add(id(node))
            if isinstance(node, Sequence):
                waiting.extend(reversed(node.items))
                continue
            helm = node.mapping("helm")
            if helm:
                yield from self._values(helm.get("valuesObject"), owner)
                yield from self._values(helm.get("values"), owner)
            yield from self._changes(node.mapping("kustomize"), owner)
            waiting.extend([value for _, value in reversed(node.entries)])

    def _changes(self, kustomization: Mapping | None, owner: str) -> Iterator[Fact]:
        if kustomization:
            yield from self._kustomizations.images_and_texts(kustomization, owner)

    def _values(self, values: Node | None, owner: str) -> Iterator[Fact]:
        if values is None or id(values) in self._apart:
            return
        self._apart.add(id(values))
        if isinstance(values, Scalar):
            for fact in read_embedded(self.source, values, "values", _values_in_text) if values.value.strip() else ():
                yield _of_owner(fact, owner)
            return
        nodes = sum(1 for _ in islice(walk(values), self._nodes_left + 1))
        if nodes > self._nodes_left:
            message = f"more than {NODES_MAX} values in this document, counting those of aliases; these were not read"
            yield Problem(self.source, (values.start, values.start), message, UNREAD_FILE)
            return
        self._nodes_left -= nodes
        for fact in images_and_users(self.source, values):
            yield _of_owner(fact, owner)


def _values_in_text(source: Source) -> Iterator[Fact]:
    roots, file_facts = read_documents(source)
    yield from file_facts
    yield from ambiguous_merges(source, roots)
    for root in roots:
        yield from images_and_users(source, root)


def _of_owner(fact: Fact, owner: str) -> Fact:
    if isinstance(fact, ImageUse):
        return replace(fact, where=f"{owner} {fact.where}")
    if isinstance(fact, RunUser):
        image = fact.image and replace(fact.image, where=f"{owner} {fact.image.where}")
        return replace(fact, where=f"{owner} {fact.where}", image=image)
    return fact


def _group(resource: Mapping) -> str:
    return resource.text("apiVersion").partition("/")[0]
