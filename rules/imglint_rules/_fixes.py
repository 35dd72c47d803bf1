"""Fixes that several rules offer, and those that need a registry."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice

from imglint import InvalidReference, Unverified, approves, parse, replace, replacement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from imglint import Finding, Fix, ImageReference, ImageUse

HELM_MAP = "helm-map"
SPLIT_PLACES = (HELM_MAP, "kustomize-image")
"""Places where the parts of a reference stand apart."""
ASKED_MAX = 10
"""Tags whose digests are asked for, one after the other."""
LOOKBACK = 1000
"""Characters of a line that are searched for the ARG that a text belongs to."""
TAGS_MAX = 1000
"""Tags that are looked up in the policy."""


def asked(finding: Finding, make: Callable[[], Fix | None]) -> Iterator[Finding]:
    """Yield a finding with the fix that a function returns, which asks registries.

    If one cannot be asked, yield the finding as it is, and raise Unverified.
    """
    try:
        fix = make()
    except Unverified:
        yield finding
        raise
    yield replace(finding, fix=fix)


def pinned(use: ImageUse) -> Fix | None:
    """Return the fix that writes the digest that the tag of a use has now; None without registries, or if there is no such image.

    It is not safe if the digest becomes a part of a text that others read: of the `tag` of a Helm map, from which charts make labels, or of an ARG.
    """
    reference, online = use.asked, use.online
    if online is None or reference is None or reference.digest is not None:
        return None
    digest = online.digest(reference)
    if digest is None:
        return None
    # The tag shows bots and people where the digest is from.
    tag = "" if reference.tag else f":{use.pulled_tag}"
    fix = use.fix(f"{reference.text}{tag}@{digest}", f"pin it to {digest}")
    is_apart = use.place != HELM_MAP or use.digest_slot is not None
    return fix and replace(fix, safe=is_apart and not _is_read_elsewhere(use, fix))


def updated(use: ImageUse, digest: str) -> Fix | None:
    """Return the fix that writes another digest. It is not safe: it changes the image."""
    reference = use.reference
    if reference is None or reference.digest is None:
        return None
    return use.fix(f"{reference.text.removesuffix(f'@{reference.digest}')}@{digest}", f"write {digest}")


def versioned(use: ImageUse) -> Fix | None:
    """Return the fix that writes the tag that names best the release which the tag of a use stands for now; None if none is found."""
    reference, online = use.asked, use.online
    if reference is None or online is None:
        return None
    # Imported here because only runs with registries compare tags.
    from imglint_rules._tags import releases

    digest = online.digest(reference)
    tags = online.tags(reference) if digest is not None else None
    for new in islice(_approved(use, releases(tags or ())), ASKED_MAX):
        if online.digest(new) == digest:
            fix = use.fix(new.text, f"write {new.text}")
            return fix and replace(fix, safe=not _is_read_elsewhere(use, fix))
    return None


def newest(use: ImageUse) -> ImageReference | None:
    """Return the reference with the newest tag of the same shape that the policy approves, and with its digest if the use has one.

    Return None without registries, or if there is none that is newer.
    """
    reference, online = use.asked, use.online
    if reference is None or reference.tag is None or online is None:
        return None
    # Imported here because only runs with registries compare tags.
    from imglint_rules._tags import newer

    for new in islice(_approved(use, newer(reference.tag, online.tags(reference) or ())), ASKED_MAX):
        digest = online.digest(new) if reference.digest is not None else ""
        if digest is not None:
            return parse(f"{new.text}@{digest}") if digest else new
    return None


def _approved(use: ImageUse, tags: Iterable[str]) -> Iterator[ImageReference]:
    """Yield the references to the image of a use with other tags, those that the policy approves."""
    reference = use.reference
    name = reference.text[: reference.spans["repository"][1]] if reference is not None else ""
    for tag in islice(tags, TAGS_MAX):
        try:
            new = parse(f"{name}:{tag}")
        except InvalidReference:
            # A registry can answer anything.
            continue
        if new.tag == tag and approves(use, new):
            yield new


def replacing(use: ImageUse) -> Fix | None:
    """Return the fix that writes the `use-instead` of the row.

    Return None if there is none, if the policy does not approve it either, or if it would drop the digest.
    """
    instead = replacement(use)
    if use.reference is None or not instead or "*" in instead:
        return None
    try:
        new = parse(instead)
    except InvalidReference:
        # A wildcard can stand for a text that makes the name too long.
        return None
    if not approves(use, new):
        return None
    digest = use.reference.digest
    if digest is not None and new.digest is None:
        # A tag of the other image may be another image than the digest.
        if new.tag != use.reference.tag:
            return None
        instead = f"{instead}@{digest}"
    return use.fix(instead, f"write {instead}")


def moved(use: ImageUse) -> Fix | None:
    """Return the fix of `replacing`. It is safe if registries have the same digest for both references.

    Return None if the registry of the new reference does not have it.
    """
    fix, reference, online = replacing(use), use.asked, use.online
    if fix is None or reference is None or online is None:
        return fix
    digest = online.digest(parse(fix.expects))
    if digest is None:
        return None
    return replace(fix, safe=digest == (reference.digest or online.digest(reference)))


def _is_read_elsewhere(use: ImageUse, fix: Fix) -> bool:
    """Return whether a fix changes a variable that other things read, such as an ARG that is not for FROM alone. When in doubt, it does."""
    text = use.source.text
    for edit in fix.edits:
        at = use.source.offset(edit.location.line, edit.location.column)
        if use.span[0] <= at <= use.span[1] or use.place in SPLIT_PLACES:
            continue
        if use.place != "from":
            # Variables of a pipeline are also those of its scripts.
            return True
        start = max(text.rfind("\n", 0, at) + 1, at - LOOKBACK)
        name = re.search(r"(?:^|\s)([A-Za-z_][A-Za-z0-9_]*)=[\"']?[^\s\"']*\Z", text[start:at])
        if name is None or name[1] in _names_read_elsewhere(text):
            return True
    return False


@lru_cache(maxsize=1)
def _names_read_elsewhere(text: str) -> frozenset[str]:
    """Return the names of variables that a Dockerfile reads outside of FROM, or declares more than once, as stages do that read a global ARG."""
    read: set[str] = set()
    declared: set[str] = set()
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        instruction = line.lstrip().partition(" ")[0].upper()
        if instruction == "FROM":
            continue
        read.update(re.findall(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)", line))
        if instruction == "ARG":
            names = re.findall(r"(?<=\s)([A-Za-z_][A-Za-z0-9_]*)(?=[=\s]|\Z)", line)
            read.update(declared.intersection(names))
            declared.update(names)
    return frozenset(read)
