"""An image that matches no row of the policy's `images`, or a row with `approved: false`.

**Why it matters:** whoever publishes an image decides what runs in your containers. The `images` table lists the images
that your team trusts.

**How to fix it:** use an approved image, such as one that the message suggests, or add a row for the image to the
policy.

The rule does nothing if the policy has no `images`. An image with rows for other environments, roles or files is
reported by misplaced-image instead.

Images that only this repository can provide are not checked: those that `built` lists in the policy, and the `image` of
a compose service with `build` and `pull_policy: build` or `never`. With another pull policy, Compose pulls the image
and builds it only if that fails.

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

```yaml compose
services:
  web:
    build: .
    image: ghcr.io/elsewhere/web:v1.2.3
```

## Passed

```yaml compose
services:
  store:
    image: quay.io/minio/minio:RELEASE.2024-06-13T22-53-53Z
```

```yaml compose
services:
  web:
    build: .
    image: ghcr.io/elsewhere/web:v1.2.3
    pull_policy: build
```

## Fixed

```yaml policy
images:
  - match: docker.io/acme/*
    approved: false
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

```yaml helm-values
image:
  registry: docker.io
  repository: acme/web
  tag: v1.2.3
```

```yaml helm-values
image:
  registry: ghcr.io
  repository: acme/web
  tag: v1.2.3
```
"""

from __future__ import annotations

from imglint import ImageUse, Severity, approved_patterns, replacement, similar_approved
from imglint_rules._fixes import asked, moved, replacing
from imglint_rules._words import because, either

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding, ImageReference

LEVEL = Severity.ERROR
TAGS = ("security", "supply-chain")
SECURITY_SEVERITY = "7.0"
COVERS = ("implicit-registry", "latest-tag", "missing-digest", "moving-tag", "unconventional-tag")
FIX = (
    "writes the `use-instead` of the row, unless that is not approved either. A digest is kept. Unsafe; with `--online`, safe where both have the same "
    "digest."
)


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag the whole reference of an image that no row matches or that its row rejects."""
    reference, match, row = use.reference, use.policy_match, use.row
    if reference is None or match is None or match.table is None or match.partial_matches or use.built:
        return
    similar = similar_approved(use)
    if row is None:
        yield use.finding(f"{_name(use, reference, similar)} is not an approved image{_advice(use, similar)}")
    elif not row.approved:
        instead = replacement(use)
        advice = f"; use {instead}" if instead else _advice(use, similar)
        message = f"{reference.name} is not an approved image{because(row)}{advice}"
        yield from asked(use.finding(message, policy=row.at, fix=replacing(use)), lambda: moved(use))


def _advice(use: ImageUse, similar: list[str]) -> str:
    """Return the end of a message: similar approved images, otherwise some patterns that are approved here."""
    if similar:
        return f"; did you mean {either(similar)}?"
    patterns = approved_patterns(use)
    return f"; approved here: {', '.join(patterns)}" if patterns else ""


def _name(use: ImageUse, reference: ImageReference, similar: list[str]) -> str:
    """Return the name of an image, with its tag and digest if a similar approved image differs in nothing else."""
    if not any(image.startswith((f"{reference.name}:", f"{reference.name}@")) for image in similar):
        return reference.name
    tag = "" if use.pulled_tag is None else f":{use.pulled_tag}"
    return f"{reference.name}{tag}{f'@{reference.digest}' if reference.digest else ''}"
