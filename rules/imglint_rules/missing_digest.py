"""An image reference without a digest.

**Why it matters:** anyone with push access can move a tag to another image. A digest identifies the exact content.

**How to fix it:** add the digest after the tag, as `docker buildx imagetools inspect IMAGE` prints it, and let an update bot
keep it current. `imglint --online --fix` writes it for you.

The rule is off by default. A policy that sets a level without `environments` enables it in production; a row enables it for
its images with `digest: required`. Other images that this repository builds are not checked: they have no digest until
they are pushed. Neither are images that a kustomization gives a `digest`.

## Flagged

```yaml policy
rules:
  missing-digest: error
```

```yaml kubernetes
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
    - name: web
      image: docker.io/library/nginx:1.27.0
```

## Passed

```yaml kubernetes
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
    - name: web
      image: docker.io/library/nginx:1.27.0@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
```

## Fixed

```yaml registry
docker.io/library/nginx:1.27.3:
```

```yaml compose
services:
  web:
    image: docker.io/library/nginx:1.27.3
```

```yaml compose
services:
  web:
    image: docker.io/library/nginx:1.27.3@sha256:19e920a24680ab306be0b586a3dedf11cf4ef7b4bd63cb89802a7096126e2f6c
```

```yaml helm-values
image:
  repository: docker.io/library/nginx
  tag: 1.27.3
  digest: ""
```

```yaml helm-values
image:
  repository: docker.io/library/nginx
  tag: 1.27.3
  digest: "sha256:19e920a24680ab306be0b586a3dedf11cf4ef7b4bd63cb89802a7096126e2f6c"
```
"""

from __future__ import annotations

from imglint import ImageUse, Severity
from imglint_rules._fixes import asked, pinned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.OFF
ENVIRONMENTS = ("production",)
TAGS = ("security", "supply-chain")
SECURITY_SEVERITY = "4.0"
FIX = (
    "with `--online`, writes the digest that the tag has now: after the tag, or into the empty `digest` or `sha` of a Helm map or a Kustomize entry. "
    "Safe, except in the `tag` of a Helm map, in an `ARG` that anything but `FROM` reads, and in a variable of a pipeline."
)


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag the whole of a reference without a digest."""
    reference, row = use.reference, use.row
    is_required = row is not None and "missing-digest" in row.rules
    if reference is None or reference.digest is not None:
        return
    if use.place == "kustomize-image" and not use.tag_known:
        # The entry changes the name only; the digest in the manifest stays.
        return
    if not is_required and (use.has_build or use.digest_is_rewritten):
        return
    yield from asked(use.finding("image is not pinned by digest"), lambda: pinned(use))
