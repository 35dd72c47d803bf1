"""An image in an environment, a role or a file for which none of its rows speaks.

**Why it matters:** a development build in production, or a toolchain as the base of what is shipped, is a trusted
image where it was never meant to be. What a row refuses in one place only is not approved in the others either.

**How to put it right:** use an image that is approved for that place, as the message says, or widen `environments`,
`roles` or `files` of the row.

## Flagged

```yaml policy
environments:
  development: ["compose*.yaml"]
images:
  - match: quay.io/acme-dev/*
    environments: [development]
  - match: quay.io/acme/*
    environments: [production]
```

```yaml kubernetes
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
    - name: web
      image: quay.io/acme-dev/web:v1.0.0
```

## Passed

```yaml compose
services:
  web:
    image: quay.io/acme-dev/web:v1.0.0
```
"""

from __future__ import annotations

from imglint import ImageUse, Severity, approved_patterns, similar_approved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding, Row

LEVEL = Severity.ERROR
TAGS = ("security", "supply-chain")
SECURITY_SEVERITY = "6.0"
ROWS_MAX = 3


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag an image that has rows for other places only, as a whole."""
    match = use.policy_match
    if use.reference is None or match is None:
        return
    approving = [row for row in match.partial_matches if row.approved]
    if not approving and (use.built or not match.partial_matches):
        return
    mismatches = [(row, row.mismatch(use.environment, use.role, match.path)) for row in approving or match.partial_matches]
    rows = ", ".join([_named(row, key) for row, key in mismatches[:ROWS_MAX]])
    place = _place(use, {key for _, key in mismatches})
    what = f"approved {rows}, not {place}" if approving else f"refused {rows}, and by no row approved {place}"
    here = similar_approved(use) or approved_patterns(use)
    offer = f"; approved for {use.role} in {use.environment}: {', '.join(here)}" if here else ""
    yield use.finding(f"{use.reference.name} is {what}{offer}", policy=mismatches[0][0].at)


def _named(row: Row, key: str) -> str:
    """Say where a row speaks, by the first of its keys that does not fit."""
    if key == "environments":
        return f"in {' and '.join(row.environments)}"
    if key == "roles":
        return f"as {' and '.join(row.roles)}" if row.roles else "in any role but frontend, for its row names none"
    return f"in {' and '.join(pattern.text for pattern in row.files.patterns) if row.files else ''}"


def _place(use: ImageUse, keys: set[str]) -> str:
    """Name the place as far as it decides: the environment, the role, or the file."""
    words = {"environments": f"in {use.environment}", "roles": f"as {use.role}", "files": "in this file"}
    return " or ".join([word for key, word in words.items() if key in keys])
