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
    RunUser,
    Severity,
    Span,
    image_use,
)
from imglint.policy.alternatives import approved_alike, approved_here, replacement
from imglint.record import record, replace
from imglint.reference import ImageReference, InvalidReference, parse
from imglint.source import Location, Source
from imglint.traced import Traced, joined, literal, opaque

TYPE_CHECKING = False
if TYPE_CHECKING:
    # What `use.row` and `use.standing` are: for annotations, which nothing has to load at run time.
    from imglint.policy.lookup import Row as Row
    from imglint.policy.lookup import Standing as Standing

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
    "RunUser",
    "Severity",
    "Source",
    "Span",
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
