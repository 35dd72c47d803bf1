"""`--since`: report only the findings on lines that changed. Imported only with this option.

A finding is reported if a line of its location or of a related one changed since the merge base. Where the policy changed, all findings are. A file
that was not read completely must not look clean: such a finding is reported if anything in the file changed, an internal error always.
"""

from __future__ import annotations

import os

from imglint.engine.changed_lines import Base
from imglint.engine.facts import STDIN
from imglint.engine.results import Findings
from imglint.errors import UsageError
from imglint.git import GitError, commit_of, git, reason
from imglint.model import EXPIRED_EXCEPTION, INTERNAL_ERROR, UNSILENCEABLE, UNUSED_EXCEPTION, UNUSED_POLICY
from imglint.policy.lookup import FILE_NAME, PACKAGE
from imglint.records import replace
from imglint.repository import GIT, is_below, root_of
from imglint.source import keep_stdin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.commands.options import CommandOptions
    from imglint.engine.changed_lines import Changes
    from imglint.engine.facts import Settings
    from imglint.model import Finding, Report
    from imglint.policy.lookup import Policy
    from imglint.source import Location


_ON_POLICIES = frozenset((EXPIRED_EXCEPTION, UNUSED_EXCEPTION, UNUSED_POLICY))
"""Rules with findings in policy files."""


class Since:
    """The lines that changed since the merge base with a revision, in each repository of the checked paths."""

    def __init__(self, ref: str, options: CommandOptions, settings: Settings) -> None:
        """Find the merge bases. Raises UsageError if there is none in one of the repositories."""
        self._ref, self._options, self._settings = ref, options, settings
        self._texts: dict[str, bytes] = {}
        self._changes: dict[str, Changes] = {}
        self._policies: list[Policy] = []
        self._revisions: dict[str, Base] = {}
        self._gone: dict[str, bool] = {}
        paths = [settings.stdin_filename if path == STDIN else path for path in options.paths or ("",)]
        self._bases = {root: self._base(root) for root in sorted({root_of(path) for path in paths})}
        if options.paths == (STDIN,):
            self._texts[os.path.abspath(settings.stdin_filename)] = keep_stdin() or b""

    def changed(self, report: Report) -> Report:
        """Return the report without the findings on unchanged lines. Raises UsageError if Git fails."""
        self._policies = self._settings.policies.used()
        try:
            self._changes = self._compared(report)
            findings = Findings()
            findings.extend(finding for finding in report.findings if self._is_reported(finding))
        except GitError as error:
            raise self._error(str(error)) from None
        return replace(report, findings=findings)

    def _base(self, root: str) -> Base:
        """Return the files of the merge base in a repository."""
        if not os.path.lexists(os.path.join(root, GIT)):
            raise self._error(f"{root} is not in a Git repository")
        try:
            commit = commit_of(root, self._ref)
            found = git(root, "merge-base", commit, "HEAD")
            if found.returncode == 0:
                return Base(root, found.stdout.decode().strip())
            if found.returncode != 1:
                raise GitError(f"git: {reason(found)}")
            is_shallow = git(root, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
        except GitError as error:
            raise self._error(str(error)) from None
        advice = " in this shallow clone; fetch the history, for example with `git fetch --unshallow`" if is_shallow else ""
        raise self._error(f"no common ancestor with HEAD{advice}")

    def _base_of(self, path: str) -> Base | None:
        """Return the base of the innermost checked repository that contains an absolute path."""
        around = [root for root in self._bases if is_below(path, root)]
        return self._bases[max(around, key=len)] if around else None

    def _compared(self, report: Report) -> dict[str, Changes]:
        """Return the changes of the files with findings, and of the files of policies in the working tree."""
        paths = {
            location.path
            for finding in report.findings
            for location in (finding.location, *finding.related)
            if finding.rule not in _ON_POLICIES or self._is_in_tree(location.path)
        }
        paths.update([source for policy in self._policies for source in policy.sources if self._is_in_tree(source)])
        by_base: dict[Base | None, list[str]] = {}
        for path in sorted({os.path.abspath(path) for path in paths}):
            by_base.setdefault(self._base_of(path), []).append(path)
        found: dict[str, Changes] = {}
        for base, below in by_base.items():
            if base is not None:
                found |= base.changes(below, self._texts)
        return found

    def _is_in_tree(self, source: str) -> bool:
        """Return whether a policy file is one of the working tree, not of a package or of the revision of --config-from."""
        return self._options.config_from is None and not source.startswith(PACKAGE)

    def _is_reported(self, finding: Finding) -> bool:
        path = finding.location.path
        if finding.rule == INTERNAL_ERROR:
            return True
        if finding.rule in _ON_POLICIES:
            policies = [policy for policy in self._policies if path in policy.sources]
            return self._has_source_changed(path) or any(self._has_policy_changed(policy) for policy in policies)
        if self._has_policy_changed(self._settings.policies.of(path)) or self._is_policy_gone(
            os.path.dirname(os.path.abspath(path))
        ):
            return True
        if finding.rule in UNSILENCEABLE and os.path.abspath(path) in self._changes:
            return True
        return any(self._has_changed(location) for location in (finding.location, *finding.related))

    def _has_changed(self, location: Location) -> bool:
        changes = self._changes.get(os.path.abspath(location.path))
        last = location.end_line - (location.end_column == 1 and location.end_line > location.line)
        return changes is not None and changes.include(location.line, last)

    def _has_policy_changed(self, policy: Policy) -> bool:
        return any(self._has_source_changed(source) for source in policy.sources)

    def _has_source_changed(self, source: str) -> bool:
        """Return whether a file of a policy is another one than in the merge base, as far as it is in a checked repository."""
        ref = self._options.config_from
        if ref is None:
            return os.path.abspath(source) in self._changes
        path = source.removeprefix(f"{ref}:")
        return any(self._at_revision(root, ref).blob(path) != base.blob(path) for root, base in self._bases.items())

    def _at_revision(self, root: str, ref: str) -> Base:
        if root not in self._revisions:
            self._revisions[root] = Base(root, commit_of(root, ref))
        return self._revisions[root]

    def _is_policy_gone(self, folder: str) -> bool:
        """Return whether the merge base has a policy that the working tree no longer has, in a folder or above it."""
        if self._options.config is not None or self._options.config_from is not None:
            return False
        if folder not in self._gone:
            path = os.path.join(folder, FILE_NAME)
            base = self._base_of(path)
            is_gone = base is not None and base.has(path) and not os.path.lexists(path)
            is_top = base is None or folder == base.root
            self._gone[folder] = is_gone or (not is_top and self._is_policy_gone(os.path.dirname(folder)))
        return self._gone[folder]

    def _error(self, text: str) -> UsageError:
        return UsageError(f"--since {self._ref}: {text}")
