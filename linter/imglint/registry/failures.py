"""Requests that got no usable answer."""

from __future__ import annotations


class Failure(Exception):
    """A request without a usable answer. `reason` completes the sentence "cannot ask REGISTRY: "."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class HostFailure(Failure):
    """A failure that every request to the same host would have."""


class Interrupted(Failure):
    """A failed or broken connection. Another request to the same host may succeed."""


class TimedOut(Interrupted):
    """A request that took too long."""

    def __init__(self) -> None:
        super().__init__("timed out")
