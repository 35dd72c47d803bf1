"""The tag `latest`, or neither tag nor digest, which reads as `latest`.

**Why it matters:** the tag moves with every push. Two nodes can run two images under one name, a rollback has nothing
to go back to, and nobody can say which release is running.

**How to put it right:** write the version that was tested, or pin a digest. Where the vendor publishes no other tag,
name `latest` in the `tags` or the `match` of the image's row in the policy.

A reference with a digest is not flagged: the digest decides. Nor is one whose tag is left to others, as in a Helm
value, nor what the repository builds itself. By default the rule speaks in production.

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
"""

from __future__ import annotations

from imglint import ImageUse, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.ERROR
ENVIRONMENTS = ("production",)
TAGS = ("reproducibility",)
LATEST = "latest"


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag latest, at the tag, or at the whole reference where it has none."""
    reference = use.reference
    if reference is None or reference.digest is not None or use.pulled_tag != LATEST or use.built:
        return
    if use.row is not None and use.row.names_latest:
        return
    what = (
        "the tag latest moves with every push"
        if reference.tag
        else "without a tag this reads as latest, which moves with every push"
    )
    allowed = [tag.text for tag in use.row.tags if not tag.fits(LATEST)] if use.row is not None else []
    if use.row is not None and allowed:
        yield use.finding(f"{what}; write a tag such as {', '.join(allowed)}", "tag", policy=use.row.at)
    else:
        yield use.finding(f"{what}; write the version that was tested, or pin a digest", "tag")
