"""The rows of a starter policy, and the images that it counts as built in the repository."""

from __future__ import annotations

from posixpath import commonpath

from imglint.commands.init_heuristics import tag_pattern
from imglint.model import BASE, BUILD, CI, ImageUse
from imglint.patterns.image import ImagePattern
from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

OFFICIAL = "docker.io/library"
"""The folder of images with neither a registry nor a namespace."""
NAMES_MAX = 2
"""Images of one namespace that a row names; more become a pattern."""
PATTERNS_MAX = 200
"""Patterns for one registry; more become a pattern for the whole registry."""
SCAFFOLDED = f"{OFFICIAL}/controller"
"""The image in the manifests that Kubebuilder generates, which `kustomize edit set image` replaces before they are deployed."""


@record
class ApprovedRow:
    """A row of the policy: the patterns of `match`, the pattern for all tags of these images, if they share one, and the roles; all if empty."""

    patterns: tuple[str, ...]
    tag: str | None = None
    roles: tuple[str, ...] = ()


def own_images(uses: Iterable[ImageUse]) -> dict[str, bool]:
    """Return the names of the images that the repository builds or rewrites, and whether the policy has to say so.

    It does not if every use shows that nothing pulls the image. An image in a FROM is pulled unless the repository builds it under that name. So is
    one with a registry or a namespace, unless all of its uses are built or rewritten.
    """
    by_name: dict[str, list[ImageUse]] = {}
    for use in uses:
        by_name.setdefault(name_of(use), []).append(use)
    return {name: not all(use.built for use in group) for name, group in by_name.items() if _is_own(name, group)}


def _is_own(name: str, uses: list[ImageUse]) -> bool:
    are_own = [use.has_build or use.name_is_rewritten for use in uses]
    if all(are_own) or name == SCAFFOLDED:
        return True
    if name.rpartition("/")[0] != OFFICIAL or not any(use.has_build for use in uses):
        return False
    return all(is_own for use, is_own in zip(uses, are_own, strict=True) if use.role in (BASE, BUILD))


def name_of(use: ImageUse) -> str:
    """Return the normalized name of an image, without tag and digest; empty if it is unknown."""
    return use.reference.name if use.reference else ""


def approved_rows(uses: Iterable[ImageUse], own: Iterable[str]) -> tuple[ApprovedRow, ...]:
    """Return rows that approve all uses except those of own images: one for each registry, and one for each namespace with a convention for tags.

    Pipelines have rows of their own, so that what a pipeline runs is not approved for anything else, and its tags follow no convention. They come
    first, because the other rows apply to every role.
    """
    own = frozenset(own)
    pipelines, others = list[ImageUse](), list[ImageUse]()
    for use in uses:
        (pipelines if use.role == CI and name_of(use) not in own else others).append(use)
    return (*_pipeline_rows(pipelines, own), *_other_rows(others, own))


def _pipeline_rows(uses: Iterable[ImageUse], own: Collection[str]) -> list[ApprovedRow]:
    """Return a row for each registry. Its patterns match no own image, which would count as misplaced elsewhere."""
    registries: dict[str, list[str]] = {}
    for (registry, _), group in sorted(_by_namespace(uses).items()):
        names = {name_of(use) for use in group}
        patterns = _patterns(names)
        matches_own = any(pattern.fits(name, None, None) for pattern in map(ImagePattern, patterns) for name in own)
        registries.setdefault(registry, []).extend(sorted(names) if matches_own else patterns)
    return _in_order([_registry_row(registry, patterns, own, (CI,)) for registry, patterns in registries.items()])


def _other_rows(uses: Iterable[ImageUse], own: Collection[str]) -> list[ApprovedRow]:
    rows: list[ApprovedRow] = []
    registries: dict[str, list[str]] = {}
    for (registry, namespace), group in sorted(_by_namespace(uses).items()):
        patterns = _patterns({name_of(use) for use in group}.difference(own))
        tag = _convention(registry, namespace, group)
        if patterns and tag:
            rows.append(ApprovedRow(tuple(patterns), tag))
        else:
            registries.setdefault(registry, []).extend(patterns)
    return _in_order([*rows, *[_registry_row(registry, patterns) for registry, patterns in registries.items() if patterns]])


def _registry_row(registry: str, patterns: list[str], own: Iterable[str] = (), roles: tuple[str, ...] = ()) -> ApprovedRow:
    """Return the row of a registry from its patterns; one pattern for all of it if there are many, unless it would match own images."""
    is_few = len(patterns) <= PATTERNS_MAX or any(name.startswith(f"{registry}/") for name in own)
    return ApprovedRow(tuple(patterns) if is_few else (f"{registry}/**",), roles=roles)


def _in_order(rows: Iterable[ApprovedRow]) -> list[ApprovedRow]:
    """Return rows sorted by name. A wildcard comes last, so that a row for a whole registry does not hide those for its namespaces."""
    return sorted(rows, key=lambda row: row.patterns[0].replace("*", "~"))


def _by_namespace(uses: Iterable[ImageUse]) -> dict[tuple[str, str], list[ImageUse]]:
    """Return the uses by registry and namespace, which is empty if a name has none."""
    namespaces: dict[tuple[str, str], list[ImageUse]] = {}
    for use in uses:
        registry, *path = name_of(use).split("/")
        namespaces.setdefault((registry, path[0] if path[1:] else ""), []).append(use)
    return namespaces


def _patterns(names: Iterable[str]) -> list[str]:
    """Return the names, or a pattern for the folder that contains all of them if there are many."""
    names = sorted(names)
    if len(names) <= NAMES_MAX:
        return names
    folders = [name.rpartition("/")[0] for name in names]
    if len(set(folders)) == 1:
        return [f"{folders[0]}/*"]
    return [f"{commonpath(folders)}/**"]


def _convention(registry: str, namespace: str, uses: list[ImageUse]) -> str | None:
    """Return the pattern for all tags of a namespace. Official images, and those without a namespace, come from different projects and have none.

    The tags of own images count, because a row that matches them judges them too.
    """
    if not namespace or f"{registry}/{namespace}" == OFFICIAL:
        return None
    return tag_pattern([(name_of(use), tag) for use in uses if (tag := use.pulled_tag) is not None])
