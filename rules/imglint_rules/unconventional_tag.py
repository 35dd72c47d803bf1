"""A tag that the image's row does not allow in its `tags`, or forbids in its `forbidden-tags`.

**Why it matters:** tools and people read the tag: which release it is, whether it may be deployed, when it may be
cleaned up. A tag outside of the convention tells them wrong.

**How to put it right:** write a tag of one of the patterns that the message names.

`forbidden-tags` win over `tags`. No tag and no digest reads as `latest`, as it does when the image is pulled; a
digest alone has no tag to judge, and a tag that is left to others, as in a Helm value, is not judged.

## Flagged

```yaml policy
images:
  - match: quay.io/acme/*
    tags: ["v{semver}"]
    forbidden-tags: ["*-rc*"]
```

```yaml compose
services:
  web:
    image: quay.io/acme/web:dev
```

```yaml compose
services:
  web:
    image: quay.io/acme/web:v1.0.0-rc1
```

## Passed

```yaml compose
services:
  web:
    image: quay.io/acme/web:v1.0.0-beta.2
```
"""

from __future__ import annotations

from imglint import ImageUse, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.ERROR
TAGS = ("convention",)


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag a tag against its row, at the tag, or at the whole reference where it has none."""
    row, tag = use.row, use.pulled_tag
    if use.reference is None or row is None or tag is None or not row.approved:
        return
    what = f"the tag {tag}" if use.reference.tag else f"without a tag this reads as {tag}, which"
    allowed = ", ".join([pattern.text for pattern in row.tags])
    forbidden = next((pattern.text for pattern in row.forbidden_tags if pattern.fits(tag)), None)
    if forbidden is not None:
        because = "" if forbidden == tag else f" ({forbidden})"
        yield use.finding(f"{what} is forbidden{because}{f'; allowed: {allowed}' if allowed else ''}", "tag", policy=row.at)
    elif row.tags and not any(pattern.fits(tag) for pattern in row.tags):
        yield use.finding(f"{what} is not allowed; allowed: {allowed}", "tag", policy=row.at)
