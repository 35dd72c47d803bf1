"""A tag for which the repository has a newer one of the same shape.

**Why it matters:** an old release does not get the fixes of the newer ones, and the longer you wait, the larger the upgrade.

**How to fix it:** use the newest tag, which the message names, after reading its release notes. To stay on a release line, set
`versions` or `tags` in the image's row: the rule then compares only tags that the row allows.

Tags have the same shape if only their numbers differ: `3.12-slim` is followed by `3.13-slim`,
never by `3.13`, `3.13.1-slim` or `3.13-slim-bookworm`, and `v1.2` by `v1.3`.

- Prereleases follow only prereleases: `1.0.0-rc1` is followed by `1.0.0-rc2`, `1.0.0` or `2.0.0-rc1`, `1.0.0` by `1.0.1`.
- Numbers are compared from left to right, those of a suffix last: `3.12-alpine3.19` is followed by `3.12-alpine3.20` and
  `3.13-alpine3.20`.
- Dates and build numbers are compared like versions (`20240101`, `2024.01`, `8.10-1086`), but neither a date nor a number of four
  digits follows a shorter one: `3` is not followed by `20240606`.
- Commits (`main-abc1234`) and names without numbers (`bookworm`) have no order.

The rule does not check images that this repository builds, and references without a tag, with an unknown tag, or with a tag that a
kustomization sets.

## Flagged

```yaml policy
rules:
  outdated-tag: warning
```

```yaml registry
docker.io/library/python:3.12-slim:
docker.io/library/python:3.13-slim:
docker.io/library/python:3.14-slim:
docker.io/library/python:3.14:
docker.io/library/python:3.15-rc-slim:
```

```dockerfile
FROM docker.io/library/python:3.13-slim
USER 1001
```

## Passed

```dockerfile
FROM docker.io/library/python:3.14-slim
USER 1001
```

```yaml policy
images:
  - match: docker.io/library/python
    versions: ">=3.11 <3.14"
rules:
  outdated-tag: warning
```

```dockerfile
FROM docker.io/library/python:3.13-slim
USER 1001
```

## Fixed

```dockerfile
FROM docker.io/library/python:3.12-slim
USER 1001
```

```dockerfile
FROM docker.io/library/python:3.13-slim
USER 1001
```
"""

from __future__ import annotations

from imglint import ImageUse, Severity
from imglint_rules._fixes import newest
from imglint_rules._tags import shape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.OFF
ONLINE = True
TAGS = ("maintenance",)
FIX = "writes the newest tag, with its digest if there is one. Unsafe."


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag an outdated tag, at the tag."""
    reference = use.reference
    has_order = reference is not None and reference.tag is not None and use.tag_known and shape(reference.tag) is not None
    new = newest(use) if has_order else None
    if reference is not None and new is not None:
        yield use.finding(f"`{reference.tag}` is outdated; use `{new.tag}`", "tag", fix=use.fix(new.text, f"write {new.text}"))
