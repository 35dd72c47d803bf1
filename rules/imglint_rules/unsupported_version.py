"""A tag with a version that the `versions` of its row exclude.

**Why it matters:** a version that its publisher no longer supports gets no security fixes, and one that your team has
not tested yet can break what runs on it.

**How to fix it:** use a tag with a version that satisfies the comparisons in the message.

`versions` apply to the version that a tag begins with: `3.11-slim` is 3.11, `v1.2.3-rc1` is a prerelease of 1.2.3. A tag
that begins with no version is not checked. One that is less exact than a comparison satisfies it if any version that it
can stand for does, so `3` satisfies `>=3.11`. A prerelease is allowed only if a comparison names a prerelease of the
same version: `<4` excludes `4.0.0-rc1`.

## Flagged

```yaml policy
images:
  - match: docker.io/library/python
    versions: ">=3.11 <4"
```

```dockerfile
FROM docker.io/library/python:3.9-slim
USER 1001
```

```dockerfile
FROM docker.io/library/python:4.0.0-rc1
USER 1001
```

## Passed

```dockerfile
FROM docker.io/library/python:3.12.4-slim
USER 1001
```

```dockerfile
FROM docker.io/library/python:3
USER 1001
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
TAGS = ("security", "supply-chain")
SECURITY_SEVERITY = "5.0"


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag a tag whose version its row excludes, at the tag."""
    row, tag = use.row, use.pulled_tag
    if row is None or tag is None or row.versions is None or not row.approved:
        return
    version = row.versions.excluded(tag)
    if version is not None:
        problem = f"{'prerelease' if version.prerelease else 'version'} {version.text} is not supported"
        yield use.finding(f"{problem}{because(row)}; use a version `{row.versions.text}`", "tag", policy=row.at)
