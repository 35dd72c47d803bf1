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

from imglint import ImageUse, Severity, approved_patterns, replacement, similar_approved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding, ImageReference

LEVEL = Severity.ERROR
TAGS = ("security", "supply-chain")
SECURITY_SEVERITY = "7.0"


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag an image that no row names, or that its row refuses, as a whole."""
    reference, match, row = use.reference, use.policy_match, use.row
    if reference is None or match is None or match.table is None or match.partial_matches or use.built:
        return
    alike = similar_approved(use)
    here = [] if alike else approved_patterns(use)
    offer = f"; close to it: {', '.join(alike)}" if alike else ""
    if here:
        offer = f"; approved for {use.role} in {use.environment}: {', '.join(here)}"
    if row is None:
        paths = " or ".join(dict.fromkeys(match.table.paths))
        yield use.finding(f"{_told(use, reference, alike)} is approved by no row of {paths}{offer}")
    elif not row.approved:
        reason = f": {row.reason}" if row.reason else ""
        instead = replacement(use)
        yield use.finding(f"{reference.name} is not approved{reason}{f'; write {instead}' if instead else offer}", policy=row.at)


def _told(use: ImageUse, reference: ImageReference, alike: list[str]) -> str:
    """Return the name of an image, with what is pulled of it where an approved one differs in nothing else."""
    if not any(one.startswith((f"{reference.name}:", f"{reference.name}@")) for one in alike):
        return reference.name
    tag = "" if use.pulled_tag is None else f":{use.pulled_tag}"
    return f"{reference.name}{tag}{f'@{reference.digest}' if reference.digest else ''}"
