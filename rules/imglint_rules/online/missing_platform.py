"""An image that is not available for a platform that the policy or the Dockerfile asks for.

**Why it matters:** on a machine of that platform, the image cannot be pulled, or the container fails with `exec format error`.

**How to fix it:** build and publish the image for the platform, or use another image.

The rule checks the `platforms` of the image's row, and that of `FROM --platform=linux/arm64` unless it depends on the build, as `$BUILDPLATFORM` does.
A platform without a variant, such as `linux/arm64`, matches every variant.

## Flagged

```yaml registry
ghcr.io/acme/web:v1.2.3: {platforms: [linux/amd64]}
ghcr.io/acme/api:v1.2.3: {platforms: [linux/amd64, linux/arm64/v8]}
```

```yaml policy
images:
  - match: ghcr.io/acme/*
    platforms: [linux/amd64, linux/arm64]
```

```yaml compose
services:
  web:
    image: ghcr.io/acme/web:v1.2.3
```

```dockerfile
FROM --platform=linux/s390x ghcr.io/acme/api:v1.2.3
USER 1001
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
from imglint_rules._words import because, either

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.ERROR
ONLINE = True
TAGS = ("portability",)


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag the whole reference."""
    row = use.row if use.row is not None and use.row.approved else None
    demanded = row.platforms if row is not None else ()
    wanted = dict.fromkeys((*demanded, *([use.platform] if use.platform else [])))
    reference, online = use.asked if wanted else None, use.online
    if reference is None or online is None:
        return
    image = online.image(reference)
    if image is None or not all(variant.platform for variant in image.variants):
        # An image for one platform need not say which.
        return
    missing = [platform for platform in wanted if not image.serves(platform)]
    if not missing:
        return
    served = list(dict.fromkeys([variant.platform for variant in image.variants]))
    only = f", only for {', '.join(served[:5])}{' and others' if len(served) > 5 else ''}" if served else ""
    problem = f"{reference.name} is not available for {either(missing)}{only}"
    advice = f"build it for {'that platform' if len(missing) == 1 else 'those platforms'} or use another image"
    if row is not None and not set(missing).isdisjoint(demanded):
        yield use.finding(f"{problem}{because(row)}; {advice}", policy=row.at)
    else:
        yield use.finding(f"{problem}; {advice}")
