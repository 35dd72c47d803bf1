"""An image that no row of the policy's `images` matches, or that its row refuses.

**Why it matters:** an image runs with what it was given by whoever built it. The table of approved images is where a
team decides whom it trusts, and it is worth what is held to it.

**How to put it right:** use an approved image, as the message suggests, or have a row added to the policy.

The rule is silent where the policy has no `images`. What the repository builds itself is not judged, unless a row
names it and refuses it.

## Flagged

```yaml policy
images:
  - match: quay.io/minio/minio
  - match: docker.io/acme/app-*
    approved: false
    reason: moved to GHCR
    use-instead: ghcr.io/acme/*
```

```yaml compose
services:
  store:
    image: docker.io/minio/minio:RELEASE.2024-06-13T22-53-53Z
```

```yaml compose
services:
  api:
    image: acme/app-api:v1.2.3
```

## Passed

```yaml compose
services:
  store:
    image: quay.io/minio/minio:RELEASE.2024-06-13T22-53-53Z
```
"""

from __future__ import annotations

from imglint import ImageUse, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.ERROR
TAGS = ("security", "supply-chain")
SECURITY_SEVERITY = "7.0"


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag an image that is not approved anywhere, as a whole."""
    standing = use.standing
    if use.reference is None or standing is None or standing.catalogue is None or standing.near:
        return
    if standing.row is not None:
        if not standing.row.approved and not _is_ours(use):
            yield use.finding(_refused(use))
    elif not use.built:
        yield use.finding(_unknown(use))


def _is_ours(use: ImageUse) -> bool:
    """Whether the image is built here and its row does not name it, but only the registry that a short name is read as."""
    pattern = use.standing.row.pattern_of(use) if use.standing and use.standing.row else None
    return use.built and pattern is not None and pattern.sweeping


def _refused(use: ImageUse) -> str:
    row = use.standing.row if use.standing else None
    if use.reference is None or row is None:
        return ""
    reason = f": {row.reason}" if row.reason else ""
    replacement = row.replacement(use)
    return f"{use.reference.name} is refused by {row.at}{reason}{f'; write {replacement}' if replacement else _offer(use)}"


def _unknown(use: ImageUse) -> str:
    if use.reference is None or use.standing is None or use.standing.catalogue is None:
        return ""
    return f"{use.reference.name} is approved by no row of {use.standing.catalogue.path}{_offer(use)}"


def _offer(use: ImageUse) -> str:
    standing = use.standing
    close = standing.suggest(use) if standing else []
    if close:
        return f"; close to it: {', '.join(close)}"
    here = standing.approved_here(use) if standing else []
    return f"; approved for {use.role} in {use.environment}: {', '.join(here)}" if here else ""
