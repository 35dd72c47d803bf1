"""Connections with a deadline: an answer is complete by then, however slowly it arrives."""

from __future__ import annotations

import socket
import ssl
from time import monotonic
from typing import TYPE_CHECKING, Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    from collections.abc import Callable

    Connect = Callable[[str, int, float], socket.socket]
    """Connects to a host and port, within a number of seconds."""


class TimedSocket(socket.socket):
    """A socket with a time-out for all that is received until it is set again. urllib3 sets it for each answer to the time that is left."""

    _end = 0.0

    def settimeout(self, seconds: float | None) -> None:
        """Set the time-out."""
        self._end = monotonic() + (seconds or 0.0)
        super().settimeout(seconds)

    def recv_into(self, *arguments: Any) -> int:
        """Receive what has arrived."""
        super().settimeout(_left(self._end))
        return super().recv_into(*arguments)


class TimedTLSSocket(TimedSocket, ssl.SSLSocket):
    """A TimedSocket over TLS."""


def _left(end: float) -> float:
    left = end - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def new_socket(family: int) -> socket.socket:
    """Return a socket that is not connected."""
    return TimedSocket(family, socket.SOCK_STREAM)


def trusting(certificates: str) -> ssl.SSLContext:
    """Return a TLS context that trusts the system's certificates and those of a text.

    Raises ssl.SSLError if the text has none.
    """
    context = ssl.create_default_context()
    context.sslsocket_class = TimedTLSSocket
    if certificates:
        context.load_verify_locations(cadata=certificates)
    return context


def pool_classes(connect: Connect) -> dict[str, Any]:
    """Return the classes of urllib3's pools by scheme, for connections that a function makes."""

    def opened(connection: HTTPConnection) -> socket.socket:
        """Return a socket, on which a TLS handshake and the answer of a proxy have the time that is left."""
        seconds = connection.timeout or 0.0
        began = monotonic()
        made = connect(connection.host, connection.port, seconds)
        made.settimeout(max(seconds - (monotonic() - began), 0.001))
        return made

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return opened(self)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return opened(self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
