"""The engine's own rules, about files, comments and policies rather than images: level and documentation, by id."""

from __future__ import annotations

from imglint.model import Severity

OWN_RULES = {
    "syntax-error": (
        Severity.ERROR,
        """A syntax error in a file of a known kind.

**Why it matters:** the broken part of the file is not checked, so a report without this error would look clean. A file of no known kind
is skipped, even if it is broken. A file such as `Dockerfile.common` without FROM is a part of other Dockerfiles, and only its images are
checked.

**How to fix it:** correct the syntax at the reported position. If the file only looks like this kind, list it under `exclude` in the policy.""",
    ),
    "invalid-reference": (
        Severity.ERROR,
        """A value that is not a valid image reference.

**Why it matters:** pulling such an image always fails. Docker, containerd and Kubernetes share the grammar: an optional registry, a
repository in lower case, an optional tag of at most 128 characters, an optional digest.

**How to fix it:** correct the part at the reported position.""",
    ),
    "unresolved-reference": (
        Severity.NOTE,
        """An image reference that contains a variable without a value.

**Why it matters:** the reference is not checked by any other rule, because its value is unknown. The finding is a note, and a warning if the
policy has `images`, because such an image could be one that the policy does not approve. In pipelines and development containers, it stays a
note. A policy can set another level under `rules`.

**How to fix it:** give the variable a default where it is declared, or a value under `variables` in the policy.""",
    ),
    "unread-file": (
        Severity.ERROR,
        """A file that could not be read, or not completely.

**Why it matters:** the file is not checked, so a report without this error would look clean. Reasons are missing permissions, an unknown
encoding, a size of more than 16 MiB, or more content than imglint's limits allow.

**How to fix it:** fix the cause that the message names, or list the file under `exclude` in the policy.""",
    ),
    "internal-error": (
        Severity.ERROR,
        """A bug in imglint or in a plugin: a reader or a rule failed on this file.

**Why it matters:** the file was not checked completely. The other files were checked, but the exit status is 2.

**How to fix it:** run again with `--debug` for the traceback, and report it with the file, or with the smallest part of the file that still
fails.""",
    ),
    "unverified-image": (
        Severity.WARNING,
        """An image that a registry could not be asked about.

**Why it matters:** the rules that need the registry did not check the image. The registry may be unreachable, refuse the request, limit the
rate of requests, or not be listed under `registries` in the policy. If the registry answers that the image does not
exist, unknown-image reports it instead.

**How to fix it:** fix the cause that the message names, and run again.""",
    ),
    "unused-ignore": (
        Severity.NOTE,
        """An `imglint: ignore[...]` comment that silences no finding or names an unknown rule.

**Why it matters:** the comment would hide the next finding of that rule.

**How to fix it:** remove the rule from the comment, or the whole comment.""",
    ),
    "expired-exception": (
        Severity.ERROR,
        """An exception in the policy after its `until` date.

**Why it matters:** it no longer silences anything. An exception ends at midnight UTC after its `until` date.

**How to fix it:** fix the findings that it silenced and delete it, or have a later date approved.""",
    ),
    "unused-exception": (
        Severity.NOTE,
        """An exception in the policy that silenced no finding in a run over the policy's whole folder.

**Why it matters:** the finding is gone, or the exception never matched it. It would hide the next finding that it matches.

**How to fix it:** delete the exception, or correct its `match`, `rules` or `files`.""",
    ),
    "unused-policy": (
        Severity.WARNING,
        """A `.imglint.yaml` that does not apply to its own folder, because another policy applies there.

**Why it matters:** the outermost policy of a repository applies to all its files, so that no folder can loosen it. A second policy
further down has no effect, which its authors may not know.

**How to fix it:** list the folder under `delegates` in the outermost policy, or remove the file.""",
    ),
}
"""Level and documentation of each rule, by id."""

OWN_FIXES = {
    "unused-ignore": "removes the rule from the comment, or the whole comment. Safe, except for an unknown rule: its package may not be installed.",
}
"""The fixes that these rules offer, as `FIX` of other rules."""
