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
    PolicyMatch,
    Problem,
    Report,
    Row,
    RunUser,
    Severity,
    Span,
    image_use,
)
from imglint.policy.alternatives import approved_patterns, replacement, similar_approved
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
    "PolicyMatch",
    "Problem",
    "Report",
    "Row",
    "RunUser",
    "Severity",
    "Source",
    "Span",
    "Traced",
    "approved_patterns",
    "image_use",
    "joined",
    "literal",
    "opaque",
    "parse",
    "record",
    "replace",
    "replacement",
    "similar_approved",
]
