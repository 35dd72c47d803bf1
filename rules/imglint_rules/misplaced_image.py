"""An approved image in an environment, role or file that its rows do not allow.

**Why it matters:** an image that is fine for one purpose can be wrong for another, such as a development build in
production, or a compiler image as the base of a shipped image.

**How to fix it:** use an image that is approved there, or extend the `environments`, `roles` or `files` of the
image's row.

An image is also flagged if a row with `approved: false` covers it elsewhere and no row approves it here.

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
from imglint_rules._words import because, either

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding, Row

LEVEL = Severity.ERROR
TAGS = ("security", "supply-chain")
SECURITY_SEVERITY = "6.0"
ROWS_MAX = 3


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag the whole reference of an image that has rows only for other places."""
    reference, match = use.reference, use.policy_match
    if reference is None or match is None:
        return
    approving = [row for row in match.partial_matches if row.approved]
    if not approving and (use.built or not match.partial_matches):
        return
    rows = approving or match.partial_matches
    mismatches = [(row, row.mismatch(use.environment, use.role, match.path)) for row in rows]
    here, there = _here(use, {key for _, key in mismatches}), _there(mismatches[:ROWS_MAX])
    elsewhere = f", only {there}" if approving else f" and refused {there}"
    offers = similar_approved(use) or approved_patterns(use)
    advice = f"; approved here: {', '.join(offers)}" if offers else ""
    yield use.finding(f"{reference.name} is not approved {here}{elsewhere}{because(rows[0])}{advice}", policy=rows[0].at)


def _here(use: ImageUse, keys: set[str]) -> str:
    """Describe where a use is, by the keys that keep the rows from applying to it: environment, role or file."""
    if len(keys) > 1:
        return "here"
    return {"environments": f"in {use.environment}", "roles": f"as a {use.role} image", "files": "in this file"}[keys.pop()]


def _there(mismatches: list[tuple[Row, str]]) -> str:
    """Describe where rows apply, by the key of each that does not match the use."""
    places: dict[str, list[str]] = {}
    for row, key in mismatches:
        places.setdefault(key, []).extend(_values(row, key))
    return ", or ".join([_phrase(key, list(dict.fromkeys(values))) for key, values in places.items()])


def _values(row: Row, key: str) -> list[str]:
    if key == "files":
        return [pattern.text for pattern in row.files.patterns] if row.files else []
    return list(row.environments if key == "environments" else row.roles)


def _phrase(key: str, values: list[str]) -> str:
    if not values:
        # The use is a frontend, and the row names no roles.
        return "in other roles"
    return f"as a {either(values)} image" if key == "roles" else f"in {either(values)}"
