r"""A tag that moves with releases, such as `1`, `v1.2`, `stable` or `main`, without a digest.

**Why it matters:** the image behind the tag changes, so the image that you deploy may not be the one that you tested.

**How to fix it:** use a full version, or pin a digest after the tag: `postgres:16@sha256:...`.

These tags move:

- a version of one or two numbers, or with an open last number, with or without `v`, alone, before a variant or after
  `release`: `1`, `v1.2`, `1.x`, `16-alpine`, `1.25-bookworm`, `release-1.2`;
- a name that begins with `latest`, `stable`, `lts`, `edge`, `nightly` or `current`: `latest-alpine3.20`, `stable-1`;
- a name without digits: `main`, `bookworm`, `jdk-slim`.

A tag does not move if one of its pieces, separated by dashes or underscores, is a version of three numbers
(`1.25.3-alpine`), a date (`bookworm-20240612`, `2024-06-12`), a numbered prerelease (`2.0-rc1`), a build number of at
least three digits (`9.4-1194`), or a commit (`main-abc1234`). The tag `latest` is reported by latest-tag. Images that this repository
builds are not checked, nor are those that a kustomization gives another tag (`newTag`) or a digest.

## Flagged

```yaml policy
rules:
  moving-tag: warning
```

```dockerfile
FROM docker.io/library/golang:1.25-bookworm
USER 1001
```

```yaml compose
services:
  api:
    image: ghcr.io/acme/api:main
```

## Passed

```dockerfile
FROM docker.io/library/golang:1.25.3-bookworm
USER 1001
```

```yaml compose
services:
  api:
    image: ghcr.io/acme/api:main-abc1234
```
"""

from __future__ import annotations

import re
from functools import cache

from imglint import ImageUse, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.OFF
TAGS = ("reproducibility",)
LATEST = "latest"
CHANNELS = (LATEST, "stable", "lts", "edge", "nightly", "current")
"""Names of tags that publishers move to their newest image."""


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag a moving tag, at the tag."""
    reference = use.reference
    if reference is None or reference.digest is not None or reference.tag in (None, LATEST):
        return
    tag = str(reference.tag)
    if is_moving(tag) and not use.has_build and not use.tag_is_rewritten:
        yield use.finding(f"`{tag}` is a moving tag; use a full version or pin a digest", "tag")


def is_moving(tag: str) -> bool:
    """Return whether a tag looks like one that moves with each release."""
    version, release = _patterns()
    if not any(character.isdigit() for character in tag):
        return True
    first, *others = re.split("[-_]", tag)
    if any(release.fullmatch(piece) for piece in (first, *others)):
        return False
    if first.lower() == "release" and others:
        first = others[0]
    return first.lower() in CHANNELS or version.fullmatch(first) is not None


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the pattern of a partial version (one or two numbers, or an open end), and that of a piece that identifies one release."""
    version = re.compile(r"[vV]?[0-9]{1,4}(?:\.[0-9]+)?(?:\.[xX])?")
    release = re.compile(
        r"""[vV]?[0-9]+\.[0-9]+\.[0-9].*              # three numbers or more
        | (?=[0-9a-f]*[0-9])[0-9a-f]{7,40}            # a commit
        | [0-9]{3,}                                   # a date, a build number
        | (?:rc|alpha|beta|b|m|pre|preview|ea|build|r)\.?[0-9]+  # a numbered prerelease
        """,
        re.VERBOSE | re.IGNORECASE,
    )
    return version, release
