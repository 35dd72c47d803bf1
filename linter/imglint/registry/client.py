"""Asks a registry over HTTP, following the OCI distribution specification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imglint.errors import Unverified

if TYPE_CHECKING:
    from imglint.registry.questions import Answer, Question


class Client:
    """Connections to registries, for use from several threads. Answers of registries are checked, but not kept."""

    def ask(self, question: Question) -> Answer:
        """Ask the registry.

        Raises Unverified if it could not be asked.
        """
        raise Unverified(question.endpoint.registry, "not implemented")
