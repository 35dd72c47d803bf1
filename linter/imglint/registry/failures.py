"""Requests that got no usable answer."""

from __future__ import annotations


class Failure(Exception):
    """A request without a usable answer. `reason` completes the sentence "cannot ask REGISTRY: "."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class HostFailure(Failure):
    """One that every other request to the same host would end with."""


class Interrupted(Failure):
    """One that another request to the same host may not end with: the connection failed or timed out."""


class TimedOut(Interrupted):
    """One that took too long."""

    def __init__(self) -> None:
        super().__init__("timed out")
