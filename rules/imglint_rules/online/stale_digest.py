"""A digest that its tag no longer points to.

**Why it matters:** the digest decides what is pulled, so the image lacks the fixes that the tag has received since, and nothing shows that.

**How to fix it:** test the image that the tag points to now, and write its digest. Or write the tag that belongs to the digest.

The digest of the image for one platform is not flagged if the tag still includes that image.

## Flagged

```yaml registry
docker.io/library/nginx:1.27.0: {platforms: [linux/amd64]}
docker.io/library/nginx:1.27: {platforms: [linux/amd64]}
```

```dockerfile
FROM docker.io/library/nginx:1.27@sha256:29f37ef587529df65d85de688da0d89c1a7bb5fbf6b4076104ef37e6541a5f23
USER 101
```

## Passed

```dockerfile
FROM docker.io/library/nginx:1.27.0@sha256:29f37ef587529df65d85de688da0d89c1a7bb5fbf6b4076104ef37e6541a5f23
USER 101
```
"""

from __future__ import annotations

from imglint import ImageUse, Severity, replace
from imglint_rules._fixes import updated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.WARNING
ONLINE = True
TAGS = ("maintenance",)
FIX = "writes the digest that the tag has now. Unsafe."


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag the digest."""
    reference, online = use.asked, use.online
    if reference is None or online is None or reference.tag is None or reference.digest is None:
        return
    tagged = replace(reference, digest=None)
    current = online.digest(tagged)
    if current is None or current == reference.digest or not _is_of_one_algorithm(current, reference.digest):
        return
    image = online.image(tagged)
    if image is not None and all(variant.digest != reference.digest for variant in image.variants):
        message = f"`{reference.tag}` now points to another image, {current}; update the digest"
        yield use.finding(message, "digest", fix=updated(use, current))


def _is_of_one_algorithm(one: str, other: str) -> bool:
    return one.partition(":")[0] == other.partition(":")[0]
