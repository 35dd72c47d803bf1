"""Mistakes in a policy: what the policy file's reader notes, and the error that tells them all. Imports only the records."""

from __future__ import annotations

from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection


@record
class Mistake:
    """One mistake in a policy file. Line and column count from 1."""

    path: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message}"


class PolicyError(Exception):
    """A policy that cannot be used: all the mistakes in its files."""

    def __init__(self, mistakes: Collection[Mistake]) -> None:
        super().__init__("\n".join([str(mistake) for mistake in mistakes]))
        self.mistakes = tuple(mistakes)


class UsageError(Exception):
    """A wrong call: the text says what was expected, and the way out."""


class PluginError(Exception):
    """A plugin that does not keep its contract. The text names the module, what was expected, and what to do."""
