"""A tag that the `tags` of its row do not allow, or that its `forbidden-tags` match.

**Why it matters:** people and tools rely on tags to identify the release, and to decide whether an image may be deployed
or deleted. A tag that breaks the convention misleads them.

**How to fix it:** use a tag that matches one of the patterns in the message.

`forbidden-tags` take precedence over `tags`. A reference without tag and digest is checked as `latest`, because that is
what gets pulled. A digest without a tag is not checked, and neither is a Helm value or a Kustomize entry without a tag.

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
from imglint_rules._words import because

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.ERROR
TAGS = ("convention",)
COVERS = ("latest-tag", "moving-tag")


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag a tag that its row does not allow, at the tag, or at the whole reference if it has none."""
    row, tag = use.row, use.pulled_tag
    if use.reference is None or row is None or tag is None or not row.approved:
        return
    forbidden = next((pattern.text for pattern in row.forbidden_tags if pattern.fits(tag)), None)
    if forbidden is not None:
        problem = "is forbidden" if forbidden == tag else f"is forbidden by `{forbidden}`"
    elif row.tags and not any(pattern.fits(tag) for pattern in row.tags):
        problem = "is not allowed"
    else:
        return
    subject = f"tag `{tag}`" if use.reference.tag else f"no tag given, and `{tag}`"
    advice = f"; allowed: {', '.join([pattern.text for pattern in row.tags])}" if row.tags else ""
    yield use.finding(f"{subject} {problem}{because(row)}{advice}", "tag", policy=row.at)
