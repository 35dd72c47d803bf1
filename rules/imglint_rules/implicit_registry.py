"""An image reference without a registry.

**Why it matters:** Docker resolves `nginx` to `docker.io/library/nginx`; Podman and CRI-O resolve it to whatever the
host is configured to search. The name does not show where the image comes from, and a text search for the registry
misses it.

**How to fix it:** write the registry. The message shows the full name. In Helm values with an empty `registry`, set that;
a registry in `repository` would be doubled as soon as somebody sets both.

Images that this repository builds (`built` in the policy, a compose service with `build`, or an artifact of Skaffold) are
not checked, nor are images of manifests that a kustomization gives another name (`newName`).

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

```yaml helm-values
image:
  registry: ""
  repository: bitnami/postgresql
  tag: 16.1.0
```

```ini quadlet
[Container]
Image=nginx:1.27.0
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

## Fixed

```dockerfile
FROM --platform=linux/amd64 nginx:1.27.0 AS web
```

```dockerfile
FROM --platform=linux/amd64 docker.io/library/nginx:1.27.0 AS web
```

```yaml compose
services:
  db:
    image: ${IMAGE:-bitnami/postgresql}:16.1.0
```

```yaml compose
services:
  db:
    image: ${IMAGE:-docker.io/bitnami/postgresql}:16.1.0
```

```yaml helm-values
image:
  registry: ""
  repository: bitnami/postgresql
  tag: 16.1.0
```

```yaml helm-values
image:
  registry: "docker.io"
  repository: bitnami/postgresql
  tag: 16.1.0
```
"""

from __future__ import annotations

from imglint import ImageUse, Severity, replace
from imglint_rules._fixes import asked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.NOTE
TAGS = ("reproducibility",)
FIX = (
    "writes the registry. Safe where the policy approves the full name or `--online` finds it, except in Helm values without the key `registry` and in "
    "templates. None in units of Quadlet."
)
QUADLET = "quadlet"
"""The kind of the files of Podman, which completes short names by search lists and aliases of the machine."""
CHART_PLACES = ("helm-map", "helm-string", "template-image")


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag a name without a registry, at the name."""
    reference = use.reference
    if reference is None or reference.registry_explicit or use.has_build or use.name_is_rewritten:
        return
    # The name of a Kustomize entry must stay as it is in the manifests, so the registry belongs in newName. A string has no newName.
    refused = use.row is not None and not use.row.approved
    is_string = use.text == reference.text and (reference.tag or reference.digest)
    version = reference.text[reference.spans["repository"][1] :]
    if use.place == "kustomize-image" and not refused and not is_string:
        fix = use.fix(f"{reference.name}{version}", f"set `newName: {reference.name}`")
        finding = use.finding(f"no registry given; set `newName: {reference.name}`", "repository")
    elif "registry" in use.parts:
        # An empty `registry` of a Helm map. Written into the name, the registry would double as soon as someone sets this one.
        fix = use.fix(f"{reference.registry}/{reference.text}", f"set `registry: {reference.registry}`")
        finding = use.finding(f"no registry given; set `registry: {reference.registry}`", "registry")
    elif use.source.kind == QUADLET:
        # Which registry that is depends on the machine, so no fix can know it.
        fix = None
        finding = use.finding(
            "no registry given, so Podman searches the registries of the machine; write the full name", "repository"
        )
    else:
        fix = use.fix(f"{reference.name}{version}", f"write {reference.name}")
        finding = use.finding(f"no registry given; this resolves to {reference.name}", "repository")
    # Charts prepend a registry that is set elsewhere, so that the name would have two.
    if fix is None or (use.place in CHART_PLACES and "registry" not in use.parts):
        yield replace(finding, fix=fix)
    elif _is_approved(use):
        yield replace(finding, fix=replace(fix, safe=True))
    else:
        yield from asked(replace(finding, fix=fix), lambda: replace(fix, safe=_is_found(use)))


def _is_approved(use: ImageUse) -> bool:
    """Return whether the policy approves the full name, so that the registry is the one that the author means."""
    return use.row is not None and use.row.approved


def _is_found(use: ImageUse) -> bool:
    """Return whether the registry of the full name has the image."""
    reference, online = use.asked, use.online
    return reference is not None and online is not None and online.digest(reference) is not None
