"""A reference without a digest.

**Why it matters:** a tag can be set anew by whoever may push; a digest names the bytes themselves.

**How to put it right:** add the digest behind the tag, as `docker buildx imagetools inspect` shows it, and let a bot
keep it current.

The rule is off until the policy sets a level, then it speaks in production, unless the policy names other
environments; a row asks for it with `digest: required`. What the repository builds itself is not judged: it has no
digest until it is pushed.

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
"""

from __future__ import annotations

from imglint import ImageUse, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.OFF
ENVIRONMENTS = ("production",)
TAGS = ("security", "supply-chain")
SECURITY_SEVERITY = "4.0"


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag a reference without a digest, as a whole."""
    reference = use.reference
    if reference is None or reference.digest is not None or use.built:
        return
    if use.place == "kustomize-image" and not use.tag_known:
        # It changes the name alone; the manifest that it rewrites keeps its digest.
        return
    yield use.finding(f"no digest pins this image; add @sha256:... behind the {'tag' if reference.tag else 'name'}")
