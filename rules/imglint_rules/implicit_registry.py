"""A reference that does not spell out its registry.

**Why it matters:** `nginx` means `docker.io/library/nginx` to Docker, and what the host's configuration says to
Podman and CRI-O. Who reads the file cannot tell where the image comes from, and an audit by text passes it over.

**How to put it right:** write the registry, as the message does.

What the repository builds itself (`built` in the policy, or a compose service with `build`) is not judged.

## Flagged

```dockerfile
FROM nginx:1.27.0
USER 101
```

```yaml compose
services:
  db:
    image: bitnami/postgresql:16.1.0
```

## Passed

```dockerfile
FROM docker.io/library/nginx:1.27.0
USER 101
```

```yaml compose
services:
  api:
    build: .
    image: acme/api:1.0.0
```
"""

from __future__ import annotations

from imglint import ImageUse, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.NOTE
TAGS = ("reproducibility",)


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag a name without a registry, at the name."""
    reference = use.reference
    if reference is not None and not reference.registry_explicit and not use.built:
        # What the policy refuses is not to be written out, but replaced, as unapproved-image says.
        refused = use.row is not None and not use.row.approved
        yield use.finding(
            f"the registry is left to the reader; {'it is read as' if refused else _write(use)} {reference.name}", "repository"
        )


def _write(use: ImageUse) -> str:
    # `name` has to stay as the manifests have it, or the entry selects nothing.
    return "write newName:" if use.place == "kustomize-image" else "write"
