"""An image with `approved: deprecated` in its row of the policy.

**Why it matters:** the image is still allowed, but your team wants to stop using it. The finding shows where it is used
until nothing uses it any more and the row can say `approved: false`.

**How to fix it:** use the image in the message, or another approved image.

## Flagged

```yaml policy
images:
  - match: docker.io/acme/*
    approved: deprecated
    reason: moves to GHCR this year
    use-instead: ghcr.io/acme/*
  - match: ghcr.io/acme/*
```

```yaml compose
services:
  web:
    image: docker.io/acme/web:v1.2.3
```

## Passed

```yaml compose
services:
  web:
    image: ghcr.io/acme/web:v1.2.3
```

## Fixed

```yaml policy
images:
  - match: docker.io/acme/*
    approved: deprecated
    use-instead: ghcr.io/acme/*
  - match: ghcr.io/acme/*
```

```dockerfile
ARG REGISTRY=docker.io
FROM ${REGISTRY}/acme/web:v1.2.3
```

```dockerfile
ARG REGISTRY=ghcr.io
FROM ${REGISTRY}/acme/web:v1.2.3
```
"""

from __future__ import annotations

from imglint import ImageUse, Severity, replacement, similar_approved
from imglint_rules._fixes import asked, moved, replacing
from imglint_rules._words import because, either

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.WARNING
TAGS = ("convention",)
FIX = (
    "writes the `use-instead` of the row, unless that is not approved either. A digest is kept. Unsafe; with `--online`, safe where both have the same "
    "digest."
)


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag the whole reference of a deprecated image."""
    reference, row = use.reference, use.row
    if reference is None or row is None or not row.deprecated:
        return
    if not use.tag_known and not any(pattern.fits(reference.name, None, reference.digest) for pattern in row.match):
        # Only some tags are deprecated, and the tag is set elsewhere.
        return
    message = f"{reference.name} is deprecated{because(row)}; use {_instead(use)}"
    yield from asked(use.finding(message, policy=row.at, fix=replacing(use)), lambda: moved(use))


def _instead(use: ImageUse) -> str:
    similar = similar_approved(use)
    return replacement(use) or f"another approved image{f', such as {either(similar)}' if similar else ''}"
