"""Kinds of files that their content shows. They take precedence over readers that go by names. Imports the readers of these kinds."""

from __future__ import annotations

from imglint.readers import dockerfile, helm_template, kubernetes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.source import Source


def is_other_kind(source: Source) -> bool:
    """Return whether a file is a template of a chart, a Kubernetes manifest or a Dockerfile, whatever its name."""
    return helm_template.claims(source) or kubernetes.claims(source) or dockerfile.claims(source)
