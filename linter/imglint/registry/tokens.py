"""Authorization of requests to a registry: by a token of its token service, or by Basic credentials.

The flow is that of the distribution project (distribution.github.io/distribution/spec/auth/): a registry answers 401 with a challenge, which names the
token service. Credentials go to the registry and to token services on it or on a host that the policy lists, and nowhere else.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from imglint.records import record
from imglint.registry.failures import Failure
from imglint.registry.sites import site_at, token_site
from imglint.registry.transport import Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imglint.registry.hosts import Endpoint
    from imglint.registry.logins import Credentials, Login
    from imglint.registry.transport import Patience, Reply, Transport

CHALLENGE_MAX = 4096
"""Characters of a header `WWW-Authenticate`."""
ANSWER_MAX = 65_536
"""Bytes of the answer of a token service."""
TOKEN_MAX = 16_384
"""Characters of a token, which becomes a header."""
TOKEN_SECONDS = 60
"""How long a token is valid if the service does not state it."""
LONGEST_TOKEN_SECONDS = 3600
"""How long a token is used at most."""
DENIED = "access denied, or no such repository"
PARAMETER = re.compile(
    r"""([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z:/-]+)))?"""
)
"""A scheme or a parameter of a challenge (RFC 9110, 11.6.1)."""
VISIBLE = re.compile("[!-~]+")


@record
class Challenge:
    """What a registry demands. Without a realm, that is Basic credentials."""

    realm: str = ""
    service: str = ""


@record
class Token:
    """A value of the header `Authorization`, and when it ends, by the monotonic clock."""

    header: str
    end: float


class Tokens:
    """The tokens of a run, for use from several threads: one for each repository, because a token is for pulling from one repository."""

    def __init__(self, transport: Transport, credentials: Credentials) -> None:
        self._transport, self._credentials = transport, credentials
        self._lock, self._login_lock = Lock(), Lock()
        self._locks: dict[tuple[Endpoint, str], Lock] = {}
        self._logins: dict[Endpoint, Login | None] = {}
        self._challenges: dict[Endpoint, Challenge] = {}
        self._tokens: dict[tuple[Endpoint, str], Token] = {}

    def known(self, endpoint: Endpoint, repository: str, patience: Patience) -> str:
        """Return how to authorize a first request, empty if nothing is known about that. Raises Failure."""
        challenge = self._challenges.get(endpoint)
        return self._header(endpoint, repository, challenge, "", patience) if challenge else ""

    def renewed(self, endpoint: Endpoint, repository: str, reply: Reply, refused: str, patience: Patience) -> str:
        """Return how to authorize a request again that was answered with 401, and which had the header `refused`. Raises Failure."""
        challenge = challenge_of(reply.headers.getlist("WWW-Authenticate"))
        if challenge is None:
            raise Failure(f"{DENIED} (HTTP 401)")
        self._challenges[endpoint] = challenge
        return self._header(endpoint, repository, challenge, refused, patience)

    def _header(self, endpoint: Endpoint, repository: str, challenge: Challenge, refused: str, patience: Patience) -> str:
        """Return a header that is not the refused one. Other threads wait for a token of the same repository."""
        key = (endpoint, repository)
        with self._lock:
            lock = self._locks.setdefault(key, Lock())
        with lock:
            token = self._tokens.get(key)
            if token is None or token.end < monotonic() or token.header == refused:
                login = self._login(endpoint)
                if challenge.realm:
                    token = self._fetched(endpoint, repository, challenge, login, patience)
                elif login is None or not login.user or refused:
                    raise Failure(f"{'credentials refused' if refused else DENIED} (HTTP 401)")
                else:
                    token = Token(_basic(login), float("inf"))
                self._tokens[key] = token
            return token.header

    def _login(self, endpoint: Endpoint) -> Login | None:
        """Return the login for an endpoint. It is looked up by one thread only, because credential helpers may ask the user."""
        if not endpoint.credentials:
            return None
        with self._login_lock:
            if endpoint not in self._logins:
                self._logins[endpoint] = self._credentials(endpoint)
            return self._logins[endpoint]

    def _fetched(
        self, endpoint: Endpoint, repository: str, challenge: Challenge, login: Login | None, patience: Patience
    ) -> Token:
        site, path = token_site(endpoint, challenge.realm)
        query = {"service": challenge.service} if challenge.service else {}
        query["scope"] = f"repository:{repository}:pull"
        if login and login.identity_token:
            form = query | {"grant_type": "refresh_token", "client_id": "imglint", "refresh_token": login.identity_token}
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            request = Request("POST", path, headers, ANSWER_MAX, urlencode(form).encode())
        else:
            headers = {"Authorization": _basic(login)} if login else {}
            request = Request("GET", f"{path}{'&' if '?' in path else '?'}{urlencode(query)}", headers, ANSWER_MAX)
        began = monotonic()
        try:
            reply = self._transport.send(site, request, patience)
            if reply.status in (401, 403):
                raise Failure(f"{'credentials refused' if login else DENIED} (HTTP {reply.status})")
            if reply.status != 200:
                raise Failure(f"HTTP {reply.status}")
            return _token_of(reply.body, began)
        except Failure as error:
            raise Failure(
                error.reason if site.host == site_at(endpoint).host else f"token service {site.host}: {error.reason}"
            ) from None


def challenge_of(headers: Iterable[str]) -> Challenge | None:
    """Return the first challenge for a token, or else one for Basic credentials; None if the headers have neither."""
    schemes: list[tuple[str, dict[str, str]]] = []
    for header in headers:
        for found in PARAMETER.finditer(header[:CHALLENGE_MAX]):
            name, quoted, plain = found[1].lower(), found[2], found[3]
            if quoted is None and plain is None:
                schemes.append((name, {}))
            elif schemes:
                schemes[-1][1].setdefault(name, plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
    for scheme, parameters in schemes:
        if scheme == "bearer" and "realm" in parameters:
            return Challenge(parameters["realm"], parameters.get("service", ""))
    return Challenge() if any(scheme == "basic" for scheme, _ in schemes) else None


def _token_of(body: bytes, began: float) -> Token:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise Failure("answered with invalid JSON")
    token, seconds = answer.get("token") or answer.get("access_token"), answer.get("expires_in")
    if not isinstance(token, str) or len(token) > TOKEN_MAX or not VISIBLE.fullmatch(token):
        raise Failure("answered with an invalid token")
    if type(seconds) is not int or seconds < 1:
        seconds = TOKEN_SECONDS
    return Token(f"Bearer {token}", began + min(seconds, LONGEST_TOKEN_SECONDS))


def _basic(login: Login) -> str:
    return f"Basic {b64encode(f'{login.user}:{login.password}'.encode()).decode()}"
