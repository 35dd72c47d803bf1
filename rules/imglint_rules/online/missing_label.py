"""An image without a label that its row in the policy requires.

**Why it matters:** labels such as `org.opencontainers.image.source` show what an image was built from, and by whom. Without them, nobody finds
the owner of an image that needs a fix.

**How to fix it:** set the label where the image is built, or use an image that has it.

The rule checks the image for each platform, or for each of the row's `platforms`.

## Flagged

```yaml registry
ghcr.io/acme/web:v1.2.3: {}
ghcr.io/acme/api:v1.2.3:
  labels: {org.opencontainers.image.source: "https://git.acme.example/api"}
```

```yaml policy
images:
  - match: ghcr.io/acme/*
    labels: [org.opencontainers.image.source]
```

```yaml compose
services:
  web:
    image: ghcr.io/acme/web:v1.2.3
```

## Passed

```yaml compose
services:
  api:
    image: ghcr.io/acme/api:v1.2.3
```
"""

from __future__ import annotations

from imglint import ImageUse, Severity
from imglint_rules._registry import details, subject
from imglint_rules._words import because

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.ERROR
ONLINE = True
TAGS = ("supply-chain",)


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag the whole reference, once for all labels."""
    row = use.row
    if row is None or not row.labels:
        return
    found = details(use, row)
    lacking = {label: [variant for variant, image in found if label not in image.labels] for label in row.labels}
    lacking = {label: variants for label, variants in lacking.items() if variants}
    if lacking:
        variants = next(iter(lacking.values()))
        image = subject(variants, found) if len(lacking) == 1 else "image"
        plural, them = ("", "it") if len(lacking) == 1 else ("s", "them")
        names = ", ".join([f"`{label}`" for label in lacking])
        message = f"{image} lacks the label{plural} {names}{because(row)}; set {them} when the image is built"
        yield use.finding(message, policy=row.at)
