"""`--since`: report only the findings on lines that changed. Imported only with this option.

A finding is reported if a line of its location or of a related one changed since the merge base. Where the policy changed, all findings are. A file
that was not read completely must not look clean: such a finding is reported if anything in the file changed, an internal error always.
"""

from __future__ import annotations

import os
import tempfile

from imglint.engine.changed_lines import WHOLE, Base
from imglint.engine.facts import STDIN
from imglint.engine.results import Findings
from imglint.errors import UsageError
from imglint.git import GitError, commit_of, git, reason
from imglint.model import INTERNAL_ERROR, UNSILENCEABLE
from imglint.policy.lookup import FILE_NAME, PACKAGE
from imglint.records import replace
from imglint.repository import GIT, repository_root, root_of
from imglint.source import CHUNK, FILE_SIZE_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.commands.options import CommandOptions
    from imglint.engine.changed_lines import Changes
    from imglint.engine.facts import Settings
    from imglint.model import Finding, Report
    from imglint.source import Location


class Since:
    """The lines that changed since the merge base with a revision, in each repository of the checked paths."""

    def __init__(self, ref: str, options: CommandOptions, settings: Settings) -> None:
        """Find the merge bases. Raises UsageError if there is none in one of the repositories."""
        self._ref, self._options, self._settings = ref, options, settings
        self._texts: dict[str, bytes] = {}
        self._changes: dict[str, Changes] = {}
        self._policies: dict[str, bool] = {}
        paths = [settings.stdin_filename if path == STDIN else path for path in options.paths or ("",)]
        self._bases = {root: self._base(root) for root in sorted({root_of(path) for path in paths})}
        if options.paths == (STDIN,):
            self._texts[os.path.abspath(settings.stdin_filename)] = _kept_stdin()

    def changed(self, report: Report) -> Report:
        """Return the report without the findings on unchanged lines. Raises UsageError if Git fails."""
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
        around = [root for root in self._bases if path.startswith(os.path.join(root, ""))]
        return self._bases[max(around, key=len)] if around else None

    def _compared(self, report: Report) -> dict[str, Changes]:
        """Return the changes of the files with findings, and of the files of the policy in the working tree."""
        locations = [location for finding in report.findings for location in (finding.location, *finding.related)]
        policies = set(self._settings.policy.sources)
        found: dict[str, Changes] = {}
        by_base: dict[Base | None, list[str]] = {}
        for path in {os.path.abspath(location.path) for location in locations if location.path not in policies}:
            by_base.setdefault(self._base_of(path), []).append(path)
        for source in self._policy_files():
            if base := self._base_of(source):
                by_base.setdefault(base, []).append(source)
        for base, paths in by_base.items():
            found |= base.changes(paths, self._texts) if base else dict.fromkeys(paths, WHOLE)
        return found

    def _policy_files(self) -> list[str]:
        """Return the files of the policy that the working tree has."""
        if self._options.config_from is not None:
            return []
        return [os.path.abspath(source) for source in self._settings.policy.sources if not source.startswith(PACKAGE)]

    def _is_reported(self, finding: Finding) -> bool:
        path = os.path.abspath(finding.location.path)
        if finding.rule == INTERNAL_ERROR or self._policy_changed(os.path.dirname(path)):
            return True
        if finding.location.path in self._settings.policy.sources:
            return False
        if finding.rule in UNSILENCEABLE and path in self._changes:
            return True
        return any(self._has_changed(location) for location in (finding.location, *finding.related))

    def _has_changed(self, location: Location) -> bool:
        changes = self._changes.get(os.path.abspath(location.path))
        last = location.end_line - (location.end_column == 1 and location.end_line > location.line)
        return changes is not None and changes.include(location.line, last)

    def _policy_changed(self, folder: str) -> bool:
        """Return whether the policy of the files in a folder changed, as far as it is in the repository."""
        if folder not in self._policies:
            self._policies[folder] = (
                self._revision_changed()
                if self._options.config_from is not None
                else any(source in self._changes for source in self._policy_files()) or self._policy_is_gone(folder)
            )
        return self._policies[folder]

    def _revision_changed(self) -> bool:
        """Return whether the policy that --config-from reads is not that of the merge base."""
        root, ref = repository_root(""), self._options.config_from
        if root is None or ref is None or root not in self._bases:
            return False
        there = Base(root, commit_of(root, ref))
        sources = [source.removeprefix(f"{ref}:") for source in self._settings.policy.sources if source.startswith(f"{ref}:")]
        return any(there.blob(source) != self._bases[root].blob(source) for source in sources)

    def _policy_is_gone(self, folder: str) -> bool:
        """Return whether the base has a policy that the working tree no longer has, in a folder or above it."""
        base = self._base_of(os.path.join(folder, FILE_NAME))
        if base is None or self._options.config is not None:
            return False
        path = os.path.join(folder, FILE_NAME)
        if base.has(path) and not os.path.lexists(path):
            return True
        return folder != base.root and self._policy_is_gone(os.path.dirname(folder))

    def _error(self, text: str) -> UsageError:
        return UsageError(f"--since {self._ref}: {text}")


def _kept_stdin() -> bytes:
    """Return what is on standard input, and put it there again."""
    data = b""
    try:
        while len(data) <= FILE_SIZE_MAX and (chunk := os.read(0, CHUNK)):
            data += chunk
    except OSError:
        return b""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        os.dup2(file.fileno(), 0)
    return data
