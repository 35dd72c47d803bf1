"""HTTP requests to registries and to hosts that they name: with limits on time, size and connections, and only to permitted addresses."""

from __future__ import annotations

import re
import ssl
from http.client import HTTPException, IncompleteRead
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import unquote

from urllib3 import PoolManager, ProxyManager, Timeout, make_headers
from urllib3.exceptions import HTTPError, ProtocolError, ProxyError, SSLError
from urllib3.exceptions import TimeoutError as RequestTimeout
from urllib3.util import parse_url

from imglint.records import record
from imglint.registry.addresses import connected, literal, permitted, refusal, resolved
from imglint.registry.connections import new_socket, pool_classes, trusting
from imglint.registry.failures import Failure, HostFailure, Interrupted, TimedOut
from imglint.registry.gates import CONNECTIONS_MAX, Gate, Places, retry_after
from imglint.registry.proxies import proxy_for
from imglint.version import VERSION

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from urllib3 import BaseHTTPResponse, HTTPHeaderDict

    from imglint.registry.addresses import Address
    from imglint.registry.sites import Site

REQUEST_SECONDS = 10.0
"""Time for a request, from connecting to the last byte of the answer."""
RETRIES_MAX = 3
"""Times that a request is repeated because the host has too much to do."""
ERROR_SIZE = 65_536
"""Bytes of an answer with an error that are read, so that the connection can be used again. It is closed if there are more."""
BUSY = (429, 502, 503, 504)
CERTIFICATE_ERRORS = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed; set `ca` for this host under `registries`",
    62: "is for another host",
    64: "is for another host",
}
"""What OpenSSL's error codes for certificates mean. Other codes mean that no trusted authority signed it."""


@record
class Request:
    """A request. At most `size_max` bytes of the answer are accepted."""

    method: str
    path: str
    headers: Mapping[str, str]
    size_max: int
    body: bytes | None = None


@record
class Reply:
    """The answer to a request."""

    status: int
    headers: HTTPHeaderDict
    body: bytes


class Patience:
    """The time that is left for the requests of a question, in seconds. Waiting for a place or for a rate limit does not count."""

    def __init__(self, seconds: float) -> None:
        self.total = self.left = seconds


class Transport:
    """Connections to hosts, for use from several threads."""

    def __init__(self, seconds: float = REQUEST_SECONDS) -> None:
        self._seconds = seconds
        self._lock = Lock()
        self._routes: dict[Site, _Route] = {}
        self._places: dict[tuple[str, int], Places] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}

    def send(self, site: Site, request: Request, patience: Patience) -> Reply:
        """Return the answer to a request, after repeating it where that may help.

        Raises Failure. The reason does not name the host.
        """
        with self._lock:
            places = self._places.setdefault((site.name, site.port), Places())
        with places.one():
            route = self._route(site)
            attempts = 0
            while True:
                route.gate.enter()
                began = monotonic()
                try:
                    reply = self._answer(route, request, patience)
                except Failure as error:
                    # A connection that was kept open may be closed at any time.
                    failure, pause = error, 0.0
                    retries = int(isinstance(error, Interrupted) and not isinstance(error, TimedOut))
                else:
                    if reply.status not in BUSY:
                        route.gate.answered()
                        return reply
                    failure = Interrupted("rate limited" if reply.status == 429 else f"HTTP {reply.status}")
                    pause = retry_after(reply.headers.get("Retry-After", "")) or 2.0**attempts
                    retries = RETRIES_MAX
                if attempts == retries:
                    route.gate.failed(failure, began)
                    raise failure
                attempts += 1
                route.gate.pause(pause, failure)

    def _route(self, site: Site) -> _Route:
        with self._lock:
            if site not in self._routes:
                self._routes[site] = _Route(site, self._context(site.ca) if site.scheme == "https" else None)
            return self._routes[site]

    def _context(self, certificates: str) -> ssl.SSLContext:
        if certificates not in self._contexts:
            try:
                self._contexts[certificates] = trusting(certificates)
            except (ssl.SSLError, ValueError):
                raise HostFailure("`ca` has no certificates in PEM format") from None
        return self._contexts[certificates]

    def _answer(self, route: _Route, request: Request, patience: Patience) -> Reply:
        seconds = min(self._seconds, patience.left)
        too_late = f"timed out after {patience.total:g} s"
        if seconds <= 0:
            raise Failure(too_late)
        began = monotonic()
        try:
            response = route.manager.urlopen(
                request.method,
                f"{route.site.scheme}://{route.site.host}{request.path}",
                body=request.body,
                headers={"User-Agent": f"imglint/{VERSION}", **request.headers},
                redirect=False,
                retries=False,
                timeout=Timeout(total=seconds),
                preload_content=False,
                decode_content=False,
            )
            return _reply(response, request.size_max)
        except (HTTPError, HTTPException, OSError, ValueError, Failure) as error:
            failure = error if isinstance(error, Failure) else _failure(error)
            if isinstance(failure, TimedOut):
                if seconds < self._seconds:
                    raise Failure(too_late) from None
                failure.reason += f" after {seconds:g} s"
            raise failure from None
        finally:
            patience.left -= monotonic() - began


class _Route:
    """The way to a host: through a proxy or directly, and then only to addresses that are permitted."""

    def __init__(self, site: Site, context: ssl.SSLContext | None) -> None:
        self.site, self.gate = site, Gate()
        self._lock = Lock()
        self._addresses: tuple[Address, ...] = ()
        self._proxy = proxy_for(site.scheme, site.name, site.port)
        if self._proxy:
            self._check_name()
        self.manager = self._managed(context)
        self.manager.pool_classes_by_scheme = pool_classes(self._connected)

    def _managed(self, context: ssl.SSLContext | None) -> PoolManager:
        """Return the connections to the host. Only an attribute of urllib3's managers says how they are made."""
        if not self._proxy:
            return PoolManager(1, maxsize=CONNECTIONS_MAX, ssl_context=context)
        try:
            user = parse_url(self._proxy).auth
            headers = make_headers(proxy_basic_auth=unquote(user)) if user else None
            return ProxyManager(self._proxy, 1, proxy_headers=headers, maxsize=CONNECTIONS_MAX, ssl_context=context)
        except HTTPError:
            raise HostFailure(f"the proxy in {self.site.scheme.upper()}_PROXY is not valid") from None

    def _check_name(self) -> None:
        """Raise HostFailure for a host that must not be asked by its name alone. The proxy resolves others, so nothing more is known of them."""
        is_local = f".{self.site.name}".endswith(".localhost")
        address = literal("127.0.0.1" if is_local else self.site.name)
        reason = refusal(address, self.site.is_private) if address else ""
        if reason:
            raise HostFailure(reason)

    def _connected(self, host: str, port: int, seconds: float) -> socket.socket:
        """Return a connection to the host or its proxy."""
        try:
            addresses, left = self._resolved(host, port, seconds)
            connection, address = connected(addresses, left, new_socket)
        except Failure as error:
            if self._proxy:
                error.reason = f"proxy: {error.reason}"
            raise
        self._addresses = (address, *[other for other in addresses if other != address])
        return connection

    def _resolved(self, host: str, port: int, seconds: float) -> tuple[tuple[Address, ...], float]:
        """Return the addresses, which are looked up and checked once, and the seconds that are left."""
        began = monotonic()
        if not self._lock.acquire(timeout=seconds):
            raise TimedOut()
        try:
            if not self._addresses:
                found = resolved(host, port, max(seconds - (monotonic() - began), 0.0))
                self._addresses = found if self._proxy else permitted(found, self.site.is_private)
            return self._addresses, seconds - (monotonic() - began)
        finally:
            self._lock.release()


def _reply(response: BaseHTTPResponse, size_max: int) -> Reply:
    """Return an answer after reading its body. Raises Failure if it is too large."""
    is_good = response.status == 200
    limit = size_max if is_good else ERROR_SIZE
    body = bytearray()
    while len(body) <= limit and (piece := response.read(65_536, decode_content=False)):
        body += piece
    if len(body) <= limit:
        response.release_conn()
        return Reply(response.status, response.headers, bytes(body))
    response.close()
    if is_good:
        raise Failure(f"answered with more than {limit} bytes")
    return Reply(response.status, response.headers, b"")


def _failure(error: Exception) -> Failure:
    """Return what an error of urllib3, or of what it uses, means. No text of the host is repeated."""
    if isinstance(error, ProxyError):
        refused = re.search(r"Tunnel connection failed: ([0-9]{3})\b", str(error.original_error))
        failure = HostFailure(f"HTTP {refused[1]}") if refused else _failure(error.original_error)
        failure.reason = f"proxy: {failure.reason}"
        return failure
    if isinstance(error, RequestTimeout | TimeoutError):
        return TimedOut()
    if isinstance(error, SSLError):
        return _tls_failure(error.args[0] if error.args else None)
    cause = error.args[-1] if isinstance(error, ProtocolError) and error.args else error
    if isinstance(cause, ConnectionError | IncompleteRead):
        return Interrupted("connection closed")
    return Interrupted("answered with invalid HTTP")


def _tls_failure(error: object) -> Failure:
    if isinstance(error, ssl.SSLCertVerificationError):
        problem = CERTIFICATE_ERRORS.get(error.verify_code)
        if problem is None:
            problem = "is not signed by a trusted authority; set `ca` for this host under `registries`"
        return HostFailure(f"certificate {problem}")
    if isinstance(error, ssl.SSLError) and error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return HostFailure("answered without TLS; set `insecure: true` for this host under `registries` to ask without TLS")
    return Interrupted("TLS handshake failed")
