"""A repository, tag or digest that its registry does not have.

**Why it matters:** the image cannot be pulled, so the build or the deployment fails. Anyone can register a
name that is still free.

**How to fix it:** correct the name, the tag or the digest. The message names the part that is missing, and similar tags.

The rule does not ask about images that this repository builds, images with an unknown tag, such as `app:${TAG}`, and images whose name, tag or
digest a kustomization sets. If a registry cannot be asked, unverified-image reports that. A tag is checked even if a digest pins the image.

## Flagged

```yaml registry
docker.io/library/nginx:1.27.0:
  also: [1.27.1]
```

```dockerfile
FROM docker.io/library/nginx:1.72.0
USER 101
```

```yaml compose
services:
  web:
    image: docker.io/library/ngnix:1.27.0
```

## Passed

```dockerfile
FROM docker.io/library/nginx:1.27.0
USER 101
```
"""

from __future__ import annotations

from imglint import ImageUse, Severity, Unverified, replace
from imglint_rules._words import either

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding, ImageReference, Online

LEVEL = Severity.ERROR
ONLINE = True
TAGS = ("reliability", "supply-chain")
COVERS = (
    "missing-label",
    "missing-platform",
    "old-image",
    "outdated-tag",
    "oversized-image",
    "stale-digest",
    "unsigned-image",
)
LATEST = "latest"
COMPARED = 1000
"""Tags that are compared with a missing one, those with the same beginning first."""


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag the part that is missing: the digest or the tag, or the repository if it has no tags at all."""
    reference, online = use.asked, use.online
    if reference is None or online is None:
        return
    tagged = replace(reference, digest=None, tag=reference.tag or LATEST)
    if reference.digest is not None and online.digest(reference) is None:
        yield _without_digest(use, reference, online, has_tag=bool(reference.tag) and online.digest(tagged) is not None)
    elif (reference.tag is not None or reference.digest is None) and online.digest(tagged) is None:
        yield _without_tag(use, tagged, online)


def _without_digest(use: ImageUse, reference: ImageReference, online: Online, *, has_tag: bool) -> Finding:
    tags = () if has_tag else _tags(reference, online)
    if tags is None:
        return use.finding(f"registry has no repository {reference.name}; correct the name", "repository")
    return use.finding(
        f"{reference.name} has no image with this digest; correct it, or pin the digest that the tag has now", "digest"
    )


def _without_tag(use: ImageUse, reference: ImageReference, online: Online) -> Finding:
    tag = reference.tag or LATEST
    tags = _tags(reference, online)
    if tags is None:
        return use.finding(f"registry has no repository {reference.name}; correct the name", "repository")
    close = _close(tag, tags)
    advice = f"; did you mean {either([f'`{one}`' for one in close])}?" if close else "; correct the tag"
    return use.finding(f"{reference.name} has no tag `{tag}`{advice}", "tag")


def _tags(reference: ImageReference, online: Online) -> tuple[str, ...] | None:
    """Return the tags of a repository. None means that there is no such repository. Registries that do not list tags seem to have none."""
    try:
        return online.tags(reference)
    except Unverified:
        return ()


def _close(tag: str, tags: tuple[str, ...]) -> list[str]:
    """Return at most two tags that resemble a missing one."""
    from difflib import get_close_matches

    alike = sorted(tags, key=lambda one: (one[:1] != tag[:1], abs(len(one) - len(tag)), one))
    return get_close_matches(tag, alike[:COMPARED], 2, 0.75)
