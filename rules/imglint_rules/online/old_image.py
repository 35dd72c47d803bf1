"""An image that was built longer ago than the `max-age` of its row in the policy allows.

**Why it matters:** an image receives no fixes after it was built. Vulnerabilities that are found in its packages later stay in it.

**How to fix it:** use a newer release, or build the image again.

The image for each platform is checked, or for each of the row's `platforms`. Reproducible builds set dates such as 1970-01-01: an image without a
date, or with one before Docker's first release in 2013, is not flagged.

## Flagged

```yaml registry
ghcr.io/acme/web:v1.2.3: {age: 200d}
ghcr.io/acme/api:v1.2.3: {age: 20d}
```

```yaml policy
images:
  - match: ghcr.io/acme/*
    max-age: 180d
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
    from datetime import date

    from imglint import Finding

LEVEL = Severity.ERROR
ONLINE = True
TAGS = ("maintenance", "security")
FIRST = "2013-03-20"
"""The day of Docker's first release. An earlier date is not that of a build."""


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag the whole reference, with the day of the oldest image."""
    row = use.row
    if row is None or row.max_age is None:
        return
    found = details(use, row)
    if not found:
        return
    from datetime import UTC, datetime, timedelta

    first = datetime.now(UTC).date() - timedelta(row.max_age.value)
    days = [(variant, day) for variant, image in found if (day := _day(image.created)) is not None and day < first]
    if days:
        oldest = min(day for _, day in days)
        problem = f"{subject([variant for variant, _ in days], found)} was built on {oldest}, more than {row.max_age.text} ago"
        yield use.finding(f"{problem}{because(row)}; use a newer release or rebuild it", policy=row.at)


def _day(created: str) -> date | None:
    """Return the day of a date and time as in RFC 3339, None if it is not that of a build."""
    from datetime import date

    text = created[:10]
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    # Other forms of dates, such as 2026-W07-1, are not those of RFC 3339.
    return day if str(day) == text and text >= FIRST else None
