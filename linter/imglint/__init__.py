"""imglint, the linter for container image references: what authors of rules, readers and formats import. Imports nothing of the engine."""

from imglint.model import (
    BASE,
    BUILD,
    FRONTEND,
    WORKLOAD,
    Comment,
    Fact,
    Finding,
    ImageUse,
    Problem,
    Report,
    Row,
    RunUser,
    Severity,
    Span,
    Standing,
    image_use,
)
from imglint.policy.alternatives import approved_alike, approved_here, replacement
from imglint.record import record, replace
from imglint.reference import ImageReference, InvalidReference, parse
from imglint.source import Location, Source
from imglint.traced import Traced, joined, literal, opaque

__all__ = [
    "BASE",
    "BUILD",
    "FRONTEND",
    "WORKLOAD",
    "Comment",
    "Fact",
    "Finding",
    "ImageReference",
    "ImageUse",
    "InvalidReference",
    "Location",
    "Problem",
    "Report",
    "Row",
    "RunUser",
    "Severity",
    "Source",
    "Span",
    "Standing",
    "Traced",
    "approved_alike",
    "approved_here",
    "image_use",
    "joined",
    "literal",
    "opaque",
    "parse",
    "record",
    "replace",
    "replacement",
]
