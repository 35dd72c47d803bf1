"""An image in the annotation `artifacthub.io/images` of a chart that the chart does not have, or has with another tag.

**Why it matters:** Artifact Hub shows and scans the images of this list, and mirrors copy them. Nothing updates the list with
the chart, so they soon show and copy images that the chart does not run.

**How to fix it:** write the tag that the message shows. Remove an image that the chart does not run any more.

Only what is certain is flagged. The images of a chart are those in its `values.yaml` and those that its templates spell out;
where the values leave the tag empty and a template uses `appVersion`, that is the tag. An image is not flagged if a template
could make its name or tag from other values. If the chart has dependencies, or has the annotation `artifacthub.io/operator`,
only tags are compared.

## Flagged

```yaml beside values.yaml
image:
  repository: ghcr.io/acme/web
  tag: 1.3.0
```

```yaml helm-chart
apiVersion: v2
name: web
version: 0.1.0
annotations:
  artifacthub.io/images: |
    - name: web
      image: ghcr.io/acme/web:1.2.0
```

```yaml helm-chart
apiVersion: v2
name: web
version: 0.1.0
annotations:
  artifacthub.io/images: |
    - name: web
      image: docker.io/acme/web:1.3.0
```

## Passed

```yaml beside values.yaml
image:
  repository: ghcr.io/acme/web
  tag: 1.3.0
```

```yaml helm-chart
apiVersion: v2
name: web
version: 0.1.0
annotations:
  artifacthub.io/images: |
    - name: web
      image: ghcr.io/acme/web:1.3.0
```
"""

from __future__ import annotations

from itertools import islice

from imglint import ImageUse, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.WARNING
TAGS = ("convention",)
KINDS = ("helm-chart",)
SHOWN = 3
"""Names or tags in a message."""
COMPARED = 100
"""Names that are searched for one that differs only in its first parts."""


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag the tag that the chart does not have for an image, or the name of an image that it does not have."""
    reference, chart = use.reference, use.chart
    if reference is None or chart is None or chart.allows(reference):
        return
    tags = chart.tags(reference.name)
    if tags:
        shown = ", ".join([f"`{tag}` ({place})" for tag, place in islice(tags.items(), SHOWN)])
        yield use.finding(f"the chart has {reference.name} with the tag {shown}; update this list", "tag")
    else:
        last = reference.name.rpartition("/")[2]
        similar = [name for name in chart.names[:COMPARED] if name.rpartition("/")[2] == last]
        shown = ", ".join((similar or chart.names)[:SHOWN])
        yield use.finding(f"the chart does not name {reference.name}, but {shown}; update this list", "repository")
