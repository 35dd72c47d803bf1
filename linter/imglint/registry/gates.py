"""Limits on the requests to a host: its connections, pauses that it demands, and failures before it counts as gone."""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import Condition
from time import monotonic
from typing import TYPE_CHECKING

from imglint.registry.failures import Failure, HostFailure, Interrupted, TimedOut

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTIONS_MAX = 8
"""Connections to a host."""
PAUSE_MAX = 30
"""Seconds that a registry may have imglint wait at a time, by `Retry-After`."""
PAUSES_MAX = 60
"""Seconds that imglint waits for a host in a run."""
INTERRUPTED_MAX = 3
"""Requests in succession that fail before a host counts as gone."""
TIMED_OUT_MAX = 8
"""Requests that time out in a run, between others that are answered, before a host counts as gone."""


class Places:
    """The connections that a host may have."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._free = CONNECTIONS_MAX

    @contextmanager
    def one(self) -> Iterator[None]:
        """Wait for a place, and keep it."""
        with self._changed:
            self._changed.wait_for(lambda: self._free > 0)
            self._free -= 1
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify()


class Gate:
    """What is known about a host in a run."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._failure: HostFailure | None = None
        self._answered = 0.0
        self._interrupted = 0
        self._timed_out = 0
        self._opens = 0.0
        self._paused = 0.0

    def enter(self) -> None:
        """Wait until the host may be asked. Raises HostFailure if it counts as gone."""
        with self._changed:
            while self._failure is None and (left := self._opens - monotonic()) > 0:
                self._changed.wait(left)
            if self._failure:
                raise HostFailure(self._failure.reason)

    def answered(self) -> None:
        """Note that the host answered a request."""
        with self._changed:
            self._answered = monotonic()
            self._interrupted = 0

    def pause(self, seconds: float, failure: Failure) -> None:
        """Let no request begin for some seconds. Raises HostFailure with the reason of `failure` if that is too long."""
        with self._changed:
            now = monotonic()
            longer = now + seconds - max(now, self._opens)
            if seconds > PAUSE_MAX or self._paused + longer > PAUSES_MAX:
                self._close(failure)
                raise HostFailure(failure.reason)
            if longer > 0:
                self._opens = now + seconds
                self._paused += longer

    def failed(self, failure: Failure, began: float) -> None:
        """Note that a request failed, which began at a time of the monotonic clock."""
        if not isinstance(failure, HostFailure | Interrupted):
            self.answered()
            return
        with self._changed:
            self._interrupted += 1
            if isinstance(failure, HostFailure):
                self._close(failure)
            elif isinstance(failure, TimedOut):
                self._timed_out += 1
                if self._answered < began or self._timed_out >= TIMED_OUT_MAX:
                    self._close(failure)
            elif self._interrupted >= INTERRUPTED_MAX:
                self._close(failure)

    def _close(self, failure: Failure) -> None:
        self._failure = self._failure or HostFailure(failure.reason)
        self._changed.notify_all()


def retry_after(text: str) -> float | None:
    """Return the seconds that a header `Retry-After` states (RFC 9110, 10.2.3); None if it is not valid."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    from email.utils import parsedate_to_datetime

    try:
        return max(parsedate_to_datetime(text[:64]).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return None
