"""imglint, the linter for container image references: the API for rules, readers, formats, and programs that run a check.

`imglint.yaml` reads YAML with positions, and `imglint.testing` helps to test plugins. What is not documented in docs/extending.md may change with any
release. Importing this module does not import the engine.
"""

# Nothing is imported before this, not even `__future__`, which is a module like any other.
from imglint import _start as _start
from imglint.errors import PluginError, PolicyError, Unverified, UsageError
from imglint.model import (
    BASE,
    BUILD,
    CI,
    FRONTEND,
    WORKLOAD,
    Comment,
    Edit,
    Fact,
    Finding,
    Fix,
    ImageUse,
    PolicyMatch,
    Problem,
    ReferenceProblem,
    Report,
    Row,
    RunUser,
    Severity,
    Span,
    image_use,
)
from imglint.policy.alternatives import approved_patterns, approves, replacement, similar_approved
from imglint.records import record, replace
from imglint.reference import ImageReference, InvalidReference, parse
from imglint.source import Location, Source
from imglint.traced import Traced, joined, literal, opaque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

    # These are for annotations. Importing them would slow down runs that ask no registry.
    from imglint.model import Online as Online
    from imglint.registry.images import ImageDetails as ImageDetails
    from imglint.registry.images import RegistryImage as RegistryImage
    from imglint.registry.images import Signature as Signature
    from imglint.registry.images import Variant as Variant

__all__ = [
    "BASE",
    "BUILD",
    "CI",
    "FRONTEND",
    "WORKLOAD",
    "Comment",
    "Edit",
    "Fact",
    "Finding",
    "Fix",
    "ImageReference",
    "ImageUse",
    "InvalidReference",
    "Location",
    "PluginError",
    "PolicyError",
    "PolicyMatch",
    "Problem",
    "ReferenceProblem",
    "Report",
    "Row",
    "RunUser",
    "Severity",
    "Source",
    "Span",
    "Traced",
    "Unverified",
    "UsageError",
    "approved_patterns",
    "approves",
    "check",
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


def check(paths: "str | PathLike[str] | Iterable[str | PathLike[str]]", config: "str | PathLike[str] | None" = None) -> Report:
    """Check files and folders, and return the report of `imglint check PATHS`, of `imglint check --config CONFIG PATHS` if there is a config.

    All files are checked in this process. Nothing is printed, and `fail-on` does not matter: the caller decides which levels are a failure.
    `Report.failed` is true if a plugin failed, and so not everything was checked.

    Raises UsageError if there are no paths or one does not exist, PolicyError if the policy is invalid, and PluginError if a plugin breaks its
    contract.
    """
    import gc
    from os import PathLike, fspath

    from imglint.commands.options import CommandOptions, settings_for
    from imglint.engine.run import run

    named = tuple([fspath(path) for path in ([paths] if isinstance(paths, (str, PathLike)) else paths)])
    if not named:
        raise UsageError('no paths given; pass "." to check the current folder')
    settings = settings_for(CommandOptions(named, config=None if config is None else fspath(config), jobs=1))
    collects, threshold = gc.isenabled(), gc.get_threshold()
    try:
        return run(named, replace(settings, fingerprints=True))
    finally:
        # A run sets the garbage collector up for itself.
        gc.set_threshold(*threshold)
        if not collects:
            gc.disable()
