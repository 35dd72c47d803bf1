"""Errors that end a run: an invalid policy, invalid arguments, a broken plugin. Imports only the records."""

from __future__ import annotations

from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection


@record
class Diagnostic:
    """One error in a policy file. Line and column count from 1; the column counts code points."""

    path: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message}"


class PolicyError(Exception):
    """An invalid policy. `diagnostics` has all errors in its files."""

    def __init__(self, diagnostics: Collection[Diagnostic]) -> None:
        super().__init__("\n".join([str(diagnostic) for diagnostic in diagnostics]))
        self.diagnostics = tuple(diagnostics)

    def __reduce__(self) -> tuple[type[PolicyError], tuple[Collection[Diagnostic]]]:
        """Return how a worker process passes the error on."""
        return PolicyError, (self.diagnostics,)


class UsageError(Exception):
    """Invalid arguments, or a file that cannot be used. The text states the problem and the fix."""


class PluginError(Exception):
    """A plugin that breaks its contract. The text names the module, the problem and the fix."""


class Unverified(Exception):
    """A question that a registry did not answer. `registry` is its name, `reason` completes the sentence "cannot ask REGISTRY: "."""

    def __init__(self, registry: str, reason: str) -> None:
        super().__init__(f"{registry}: {reason}")
        self.registry, self.reason = registry, reason


class Pending(BaseException):
    """Raised where an answer of a registry is not known yet, so that a rule runs again when it is. No rule should catch it."""
