"""An image that is larger than the `max-size` of its row in the policy.

**Why it matters:** a large image takes long to pull, so pods start slowly. It also contains more software that can have vulnerabilities.

**How to fix it:** build it in several stages, on a smaller base image.

The size is that of the layers as the registry stores them, compressed. The image for each platform is checked, or for each of the row's
`platforms`.

## Flagged

```yaml registry
ghcr.io/acme/web:v1.2.3: {size: 31MB}
ghcr.io/acme/api:v1.2.3: {size: 30MB}
```

```yaml policy
images:
  - match: ghcr.io/acme/*
    max-size: 30MB
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
TAGS = ("efficiency",)


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag the whole reference, with the size of the largest image."""
    row = use.row
    if row is None or row.max_size is None:
        return
    found = details(use, row)
    large = [(variant, image) for variant, image in found if image.size > row.max_size.value]
    if large:
        size = max(image.size for _, image in large)
        problem = f"{subject([variant for variant, _ in large], found)} takes up {_shown(size)}, more than {row.max_size.text}"
        yield use.finding(f"{problem}{because(row)}; reduce its size or use a smaller image", policy=row.at)


def _shown(size: int) -> str:
    """Return a size in the largest unit that it reaches, rounded up: a size over a limit must not look like the limit."""
    for unit, bytes_ in (("GB", 1000**3), ("MB", 1000**2), ("kB", 1000)):
        if size >= bytes_:
            whole, tenths = divmod(-(-size * 10 // bytes_), 10)
            return f"{whole}{f'.{tenths}' if tenths else ''} {unit}"
    return f"{size} bytes"
