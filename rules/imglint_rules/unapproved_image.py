"""An image that no row of the policy's `images` matches, or that its row refuses.

**Why it matters:** an image runs with what it was given by whoever built it. The table of approved images is where a
team decides whom it trusts, and it is worth what is held to it.

**How to put it right:** use an approved image, as the message suggests, or have a row added to the policy.

The rule is silent where the policy has no `images`, and about what the repository builds itself. An image that has rows
for other places only is misplaced-image's affair.

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

    from imglint import Finding, Standing

LEVEL = Severity.ERROR
TAGS = ("security", "supply-chain")
SECURITY_SEVERITY = "7.0"


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag an image that no row names, or that its row refuses, as a whole."""
    reference, standing, row = use.reference, use.standing, use.row
    if reference is None or standing is None or standing.catalogue is None or standing.near or use.built:
        return
    if row is None:
        yield use.finding(f"{reference.name} is approved by no row of {standing.catalogue.path}{_offer(use, standing)}")
    elif not row.approved:
        reason = f": {row.reason}" if row.reason else ""
        replacement = row.replacement(use)
        better = f"; write {replacement}" if replacement else _offer(use, standing)
        yield use.finding(f"{reference.name} is refused by {row.at}{reason}{better}")


def _offer(use: ImageUse, standing: Standing) -> str:
    close = standing.suggest(use)
    if close:
        return f"; close to it: {', '.join(close)}"
    here = standing.approved_here(use)
    return f"; approved for {use.role} in {use.environment}: {', '.join(here)}" if here else ""
