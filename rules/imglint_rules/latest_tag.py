"""The tag `latest`, or no tag and no digest, which means `latest`.

**Why it matters:** `latest` changes with every release. Two nodes can run different images under the same name, there
is no earlier tag to roll back to, and the name does not show which release is running.

**How to fix it:** use the version that you tested, or pin a digest. If the vendor publishes no other tag, list
`latest` in the `tags` or the `match` of the image's row in the policy.

A reference with a digest is not flagged, because the digest decides what is pulled. Neither is a Helm value or a
Kustomize entry without a tag, nor an image that this repository builds, nor one that a kustomization gives another tag
(`newTag`) or a digest. By default, the rule checks production only.

## Flagged

```dockerfile
FROM docker.io/library/nginx
USER 101
```

```yaml kubernetes
apiVersion: v1
kind: Pod
metadata: {name: store}
spec:
  containers:
    - name: minio
      image: quay.io/minio/minio:latest
```

## Passed

```dockerfile
FROM docker.io/library/nginx:1.27.0
USER 101
```

```yaml policy
images:
  - match: quay.io/minio/minio
    tags: [latest]
```

```yaml kubernetes
apiVersion: v1
kind: Pod
metadata: {name: store}
spec:
  containers:
    - name: minio
      image: quay.io/minio/minio:latest
```

## Fixed

```yaml policy
rules:
  latest-tag: error
```

```yaml registry
docker.io/library/nginx:1.27.3: {also: ["1.27", latest, 1.27.3-bookworm]}
docker.io/library/nginx:1.28.0:
```

```dockerfile
FROM docker.io/library/nginx:latest
```

```dockerfile
FROM docker.io/library/nginx:1.27.3
```
"""

from __future__ import annotations

from imglint import ImageUse, Severity
from imglint_rules._fixes import asked, versioned
from imglint_rules._words import because, either

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.ERROR
ENVIRONMENTS = ("production",)
TAGS = ("reproducibility",)
FIX = (
    "with `--online`, writes the most exact version tag with the same digest, such as `1.27.3` rather than `1.27` or `1.27.3-bookworm`, "
    "if it is one of the newest and the policy allows it. Safe, except in an `ARG` that anything but `FROM` reads and in a variable of a pipeline."
)
LATEST = "latest"


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag `latest` at the tag, or at the whole reference if it has none."""
    reference, row = use.reference, use.row
    if reference is None or reference.digest is not None or use.pulled_tag != LATEST:
        return
    if (row is not None and row.names_latest) or use.has_build or use.tag_is_rewritten:
        return
    problem = "`latest` is a moving tag" if reference.tag else "no tag given, so `latest` is pulled"
    allowed = [tag.text for tag in row.tags if not tag.fits(LATEST)] if row is not None else []
    if row is not None and allowed:
        finding = use.finding(f"{problem}{because(row)}; use a tag such as {either(allowed)}", "tag", policy=row.at)
    else:
        finding = use.finding(f"{problem}; use a version tag or pin a digest", "tag")
    yield from asked(finding, lambda: versioned(use))
