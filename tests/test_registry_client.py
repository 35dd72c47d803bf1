"""How registries are asked, by servers that answer as the specification says."""

from __future__ import annotations

import hashlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.scripted_registry import OCI_INDEX, Received, Reply, certificate, endpoint, manifest, question, raw, serving

from imglint import Unverified, parse
from imglint.registry import gates, transport
from imglint.registry.answers import Answers
from imglint.registry.client import Client
from imglint.registry.examples import digest_of
from imglint.registry.failures import Failure
from imglint.registry.gates import retry_after
from imglint.registry.hosts import Hosts, RegistryEntry
from imglint.registry.logins import Login
from imglint.registry.proxies import proxy_for
from imglint.registry.questions import BLOB, DIGEST, MANIFEST, REFERRERS, TAGS, Question
from imglint.registry.sites import redirect_site
from imglint.registry.tokens import Challenge, challenge_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from imglint.registry.hosts import Endpoint

ROOT = Path(__file__).parent.parent
CONTENT = b'{"schemaVersion": 2}'
DIGEST_OF_CONTENT = digest_of(CONTENT)
SHA512_OF_CONTENT = f"sha512:{hashlib.sha512(CONTENT).hexdigest()}"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def asked(answer: Callable[[Received], Reply], kind: str, target: str = "", **fields: Any) -> object:
    """Return the answer to a question, or why the registry could not be asked."""
    with serving(answer) as server:
        return outcome(Client(), question(kind, server.host, target, **fields))


def outcome(client: Client, one: Question) -> object:
    try:
        return client.ask(one)
    except Unverified as error:
        return error.reason if error.registry == one.endpoint.registry else error


ANSWERS = [
    (DIGEST, "1", manifest(CONTENT), DIGEST_OF_CONTENT),
    (DIGEST, DIGEST_OF_CONTENT, manifest(CONTENT), DIGEST_OF_CONTENT),
    (DIGEST, "1", manifest(CONTENT, Content_Type=f"{OCI_INDEX.upper()}; charset=utf-8"), DIGEST_OF_CONTENT),
    (DIGEST, "1", Reply(200, CONTENT, Content_Type=OCI_INDEX), DIGEST_OF_CONTENT),
    (DIGEST, SHA512_OF_CONTENT, Reply(200, CONTENT, Content_Type=OCI_INDEX), SHA512_OF_CONTENT),
    (DIGEST, "1", Reply(200, CONTENT, Docker_Content_Digest=DIGEST_OF_CONTENT), "answered with something other than a manifest"),
    (DIGEST, "1", manifest(CONTENT, Content_Type="text/html"), "answered with something other than a manifest"),
    (
        DIGEST,
        "1",
        manifest(CONTENT, Content_Type="application/vnd.docker.distribution.manifest.v1+prettyjws"),
        "answered with something other than a manifest",
    ),
    (DIGEST, "1", manifest(CONTENT, Docker_Content_Digest="sha256:0"), "answered with an invalid digest"),
    (DIGEST, "1", manifest(CONTENT, Docker_Content_Digest=DIGEST_OF_CONTENT.upper()), "answered with an invalid digest"),
    (DIGEST, "1", manifest(CONTENT, Docker_Content_Digest=f"md5:{'0' * 32}"), "answered with an invalid digest"),
    (DIGEST, digest_of(b""), manifest(CONTENT), "answered with another digest than the requested one"),
    (MANIFEST, DIGEST_OF_CONTENT, manifest(CONTENT), CONTENT),
    (MANIFEST, SHA512_OF_CONTENT, manifest(CONTENT), CONTENT),
    (MANIFEST, digest_of(b""), manifest(CONTENT), "answered with content that does not have the requested digest"),
    (MANIFEST, DIGEST_OF_CONTENT, manifest(CONTENT, Content_Type="text/html"), "answered with something other than a manifest"),
    (BLOB, DIGEST_OF_CONTENT, Reply(200, CONTENT), CONTENT),
    (BLOB, digest_of(b""), Reply(200, CONTENT), "answered with content that does not have the requested digest"),
    (REFERRERS, DIGEST_OF_CONTENT, manifest(CONTENT), CONTENT),
    (REFERRERS, DIGEST_OF_CONTENT, Reply(200, CONTENT, Content_Type="text/html"), None),
    *[(REFERRERS, DIGEST_OF_CONTENT, Reply(status), None) for status in (404, 405, 501)],
    (REFERRERS, DIGEST_OF_CONTENT, Reply(500), "HTTP 500"),
    (TAGS, "", Reply(200, {"name": "acme/app", "tags": ["b", "a", "c"]}), ("a", "b", "c")),
    (TAGS, "", Reply(200, {"name": "acme/app", "tags": None}), ()),
    (TAGS, "", Reply(200, {"tags": ["a", "a", 1, "-b", "c\n", "x" * 129, "x" * 128]}), ("a", "x" * 128)),
    (TAGS, "", Reply(200, {"tags": "a"}), "answered with invalid JSON"),
    (TAGS, "", Reply(200, {}), "answered with invalid JSON"),
    (TAGS, "", Reply(200, []), "answered with invalid JSON"),
    (TAGS, "", Reply(200, "<html>"), "answered with invalid JSON"),
    *[(kind, target, Reply(404), None) for kind, target in ((DIGEST, "1"), (MANIFEST, digest_of(b"")), (BLOB, digest_of(b"")), (TAGS, ""))],
    *[(DIGEST, "1", Reply(status), f"HTTP {status}") for status in (400, 405, 418, 500, 206, 304)],
    *[(DIGEST, "1", Reply(status), f"access denied, or no such repository (HTTP {status})") for status in (401, 403)],
]  # fmt: skip


@pytest.mark.parametrize(("kind", "target", "reply", "expected"), ANSWERS)
def test_an_answer_is_checked(kind: str, target: str, reply: Reply, expected: object) -> None:
    assert asked(lambda _: reply, kind, target) == expected


def test_a_tag_is_asked_for_with_all_types_and_head_first() -> None:
    with serving(lambda _: manifest(CONTENT)) as server:
        Client().ask(question(DIGEST, server.host, "1.2", prefix="hub/"))
    [received] = server.received
    assert (received.method, received.path) == ("HEAD", "/v2/hub/acme/app/manifests/1.2")
    assert len(received.headers["accept"].split(", ")) == 4
    assert not received.authorization


@pytest.mark.parametrize(
    ("kind", "repository", "target"),
    [
        (DIGEST, "Acme/app", "1"),
        (DIGEST, "acme/../app", "1"),
        (DIGEST, "a" * 256, "1"),
        (DIGEST, "acme/app", ""),
        (DIGEST, "acme/app", "1/2"),
        (DIGEST, "acme/app", "x" * 129),
        (DIGEST, "acme/app:1", digest_of(b"")),
        (DIGEST, "acme/app", "sha256:12"),
        (MANIFEST, "acme/app", "latest"),
        (MANIFEST, "acme/app", f"md5:{'0' * 32}"),
        (BLOB, "acme/app", digest_of(b"").upper()),
        (REFERRERS, "acme/app", "latest"),
        (TAGS, "acme app", ""),
        (TAGS, "acme/app@" + digest_of(b""), ""),
    ],
)
def test_invalid_names_are_not_asked_for(kind: str, repository: str, target: str) -> None:
    with serving(lambda _: Reply(200)) as server:
        assert outcome(Client(), question(kind, server.host, target, repository)) == "invalid repository name, tag or digest"
    assert not server.received


@pytest.mark.parametrize("host", ["", "a b", "a/b", "user@a", "a:0", "a:65536", "a:x", "[::1", "-a", "a.", "é.example", "a\n"])
def test_invalid_hosts_are_not_asked(host: str) -> None:
    assert outcome(Client(), question(DIGEST, host)) == "invalid host"


HERE = "/v2/acme/app/tags/list"


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ([f'<{HERE}?n=1&last=v0>; rel="next"', ""], ("v0", "v1")),
        ([f"<{HERE}?last=v0>; rel=next", f'<{HERE}?last=v1>;rel="next"', f'<{HERE}>; rel="first"'], ("v0", "v1", "v2")),
        (['<?last=v0>; rel="next"', ""], ("v0", "v1")),
        (['<http://HOST/v2/acme/app/tags/list?last=v0>; rel="next"', ""], ("v0", "v1")),
        *[
            ([f'<{address}?last=v0>; rel="next"', ""], "answered with tags that continue at another address")
            for address in (
                "/v2/acme/other/tags/list",
                "//evil.example" + HERE,
                "https://evil.example" + HERE,
                "list",
                HERE + "/..",
            )
        ],
        ([f'<{HERE}>; rel="next"', ""], "answered with tags that continue at another address"),
        ([f'<{HERE}?last=v 0>; rel="next"', ""], "answered with tags that continue at another address"),
    ],
)
def test_tags_come_in_pages(links: list[str], expected: object) -> None:
    left = iter(enumerate(links))

    def answer(received: Received) -> Reply:
        number, link = next(left)
        here = link.replace("HOST", received.headers["host"])
        return Reply(200, {"tags": [f"v{number}"]}, **({"Link": here} if here else {}))

    with serving(answer) as server:
        assert outcome(Client(), question(TAGS, server.host, "")) == expected
    assert all(path.startswith(f"{HERE}?") for path in server.paths)


def test_a_page_of_tags_that_is_gone_is_no_absence() -> None:
    replies = iter([Reply(200, {"tags": ["a"]}, Link=f"<{HERE}?last=a>; rel=next"), Reply(404)])
    assert asked(lambda _: next(replies), TAGS) == "HTTP 404"


# Tokens and credentials.

BEARER = 'Bearer realm="http://HOST/token",service="reg.example",scope="repository:acme/app:pull"'


class TokenRegistry:
    """A registry with a token service on the same host."""

    def __init__(self, challenge: str = BEARER, answer: dict[str, object] | None = None) -> None:
        self.challenge, self.token_answer = challenge, answer or {}
        self.issued: list[str] = []
        self.is_strict = True

    def __call__(self, received: Received) -> Reply:
        if received.path.startswith("/token"):
            self.issued.append(f"t{len(self.issued)}")
            return Reply(200, {"token": self.issued[-1], **self.token_answer})
        if received.authorization in [f"Bearer {token}" for token in (self.issued[-1:] if self.is_strict else self.issued)]:
            return manifest(CONTENT)
        return Reply(401, WWW_Authenticate=self.challenge.replace("HOST", received.headers["host"]))


def test_a_token_is_fetched_once_for_a_repository_and_kept() -> None:
    registry = TokenRegistry()
    with serving(registry) as server:
        client = Client()
        for tag in ("1", "2"):
            assert client.ask(question(DIGEST, server.host, tag)) == DIGEST_OF_CONTENT
    assert server.paths == [
        "/v2/acme/app/manifests/1",
        "/token?service=reg.example&scope=repository%3Aacme%2Fapp%3Apull",
        "/v2/acme/app/manifests/1",
        "/v2/acme/app/manifests/2",
    ]
    assert [received.authorization for received in server.received] == ["", "", "Bearer t0", "Bearer t0"]


def test_another_repository_needs_no_second_challenge() -> None:
    with serving(TokenRegistry()) as server:
        client = Client()
        for name in ("acme/app", "acme/other"):
            assert client.ask(question(DIGEST, server.host, "1", name)) == DIGEST_OF_CONTENT
    assert server.paths[3:] == [
        "/token?service=reg.example&scope=repository%3Aacme%2Fother%3Apull",
        "/v2/acme/other/manifests/1",
    ]


def test_threads_share_a_token() -> None:
    registry = TokenRegistry()
    registry.is_strict = False
    with serving(registry) as server, ThreadPoolExecutor(8) as pool:
        client = Client()
        answers = list(pool.map(lambda number: client.ask(question(DIGEST, server.host, str(number))), range(40)))
    assert answers == [DIGEST_OF_CONTENT] * 40
    assert registry.issued == ["t0"]


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [({}, 60), ({"expires_in": 300}, 300), ({"expires_in": 10**9}, 3600), ({"expires_in": "x"}, 60), ({"expires_in": -1}, 60)],
)
def test_a_token_is_used_as_long_as_it_is_valid(answer: dict[str, object], seconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    registry = TokenRegistry(BEARER, answer)
    with serving(registry) as server:
        client = Client()
        client.ask(question(DIGEST, server.host))
        monkeypatch.setattr("imglint.registry.tokens.monotonic", lambda: now + seconds - 5)
        client.ask(question(DIGEST, server.host))
        assert len(registry.issued) == 1
        monkeypatch.setattr("imglint.registry.tokens.monotonic", lambda: now + seconds + 5)
        client.ask(question(DIGEST, server.host))
        assert len(registry.issued) == 2


def test_a_token_that_is_refused_is_renewed_once() -> None:
    registry = TokenRegistry()
    with serving(registry) as server:
        client = Client()
        client.ask(question(DIGEST, server.host))
        registry.issued.append("revoked")
        assert client.ask(question(DIGEST, server.host)) == DIGEST_OF_CONTENT
        registry.challenge, registry.token_answer = BEARER, {"token": "other"}
        registry.issued.append("revoked")
        assert outcome(client, question(DIGEST, server.host)) == "access denied, or no such repository (HTTP 401)"


LOGIN = Login("ann", "p:ä")
WRONG = Login("ann", "wrong")
BASIC = "Basic YW5uOnA6w6Q="


def credentials(login: Login | None, asked_for: list[Endpoint] | None = None) -> Callable[[Endpoint], Login | None]:
    def of(one: Endpoint) -> Login | None:
        if asked_for is not None:
            asked_for.append(one)
        return login

    return of


def test_credentials_get_a_token() -> None:
    asked_for: list[Endpoint] = []
    with serving(TokenRegistry()) as server:
        client = Client(credentials(LOGIN, asked_for))
        for name in ("acme/app", "acme/other"):
            client.ask(question(DIGEST, server.host, "1", name, credentials=True))
        client.ask(question(DIGEST, server.host, "1"))
    assert asked_for == [endpoint(server.host, credentials=True)]
    by_path = [(received.path[:6], received.authorization) for received in server.received]
    assert by_path == [
        *[("/v2/ac", ""), ("/token", BASIC), ("/v2/ac", "Bearer t0"), ("/token", BASIC), ("/v2/ac", "Bearer t1")],
        *[("/v2/ac", ""), ("/token", ""), ("/v2/ac", "Bearer t2")],
    ]


def test_an_identity_token_gets_a_token() -> None:
    with serving(TokenRegistry()) as server:
        client = Client(credentials(Login("<token>", "", "identity")))
        assert client.ask(question(DIGEST, server.host, credentials=True)) == DIGEST_OF_CONTENT
    received = server.received[1]
    assert (received.method, received.path, received.authorization) == ("POST", "/token", "")
    assert received.body.decode().split("&") == [
        "service=reg.example",
        "scope=repository%3Aacme%2Fapp%3Apull",
        "grant_type=refresh_token",
        "client_id=imglint",
        "refresh_token=identity",
    ]


def test_a_realm_may_have_a_query_and_the_token_another_name() -> None:
    registry = TokenRegistry('Bearer realm="http://HOST/token?account=x"', {"token": "", "access_token": "t0"})
    with serving(registry) as server:
        assert Client().ask(question(DIGEST, server.host)) == DIGEST_OF_CONTENT
    assert server.paths[1] == "/token?account=x&scope=repository%3Aacme%2Fapp%3Apull"


def basic_registry(received: Received) -> Reply:
    return manifest(CONTENT) if received.authorization == BASIC else Reply(401, WWW_Authenticate='Basic realm="x"')


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        (LOGIN, DIGEST_OF_CONTENT),
        (WRONG, "access denied, or no such repository (HTTP 401)"),
        (Login("", "", "identity"), "access denied, or no such repository (HTTP 401)"),
        (None, "access denied, or no such repository (HTTP 401)"),
    ],
)
def test_basic_credentials(login: Login | None, expected: str) -> None:
    with serving(basic_registry) as server:
        client = Client(credentials(login))
        assert outcome(client, question(DIGEST, server.host, credentials=True)) == expected
        if login == LOGIN:
            client.ask(question(DIGEST, server.host, "2", credentials=True))
            assert [received.authorization for received in server.received] == ["", BASIC, BASIC]
        if login == WRONG:
            assert outcome(client, question(DIGEST, server.host, credentials=True)) == "credentials refused (HTTP 401)"
        assert outcome(client, question(DIGEST, server.host)) == "access denied, or no such repository (HTTP 401)"


@pytest.mark.parametrize(
    ("login", "status", "reason"),
    [
        (None, 401, "access denied, or no such repository (HTTP 401)"),
        (None, 403, "access denied, or no such repository (HTTP 403)"),
        (LOGIN, 401, "credentials refused (HTTP 401)"),
        (LOGIN, 404, "HTTP 404"),
        (LOGIN, 307, "HTTP 307"),
    ],
)
def test_a_token_service_may_refuse(login: Login | None, status: int, reason: str) -> None:
    def answer(received: Received) -> Reply:
        if received.path.startswith("/token"):
            return Reply(status, Location="/token2")
        return Reply(401, WWW_Authenticate=BEARER.replace("HOST", received.headers["host"]))

    with serving(answer) as server:
        assert outcome(Client(credentials(login)), question(DIGEST, server.host, credentials=True)) == reason
    assert len(server.received) == 2


def test_what_cannot_be_logged_in_with_is_said() -> None:
    def failing(one: Endpoint) -> Login | None:
        raise Unverified(one.registry, "no helper")

    with serving(TokenRegistry()) as server:
        assert outcome(Client(failing), question(DIGEST, server.host, credentials=True)) == "no helper"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (['Bearer realm="https://a/b",service="c",scope="d"'], Challenge("https://a/b", "c")),
        (['bearer Realm = "https://a/b" , Service=c'], Challenge("https://a/b", "c")),
        ([r'Bearer realm="https://a/\"b", x="\\"'], Challenge('https://a/"b', "")),
        (['Basic realm="x", Bearer realm="https://a", service="c"'], Challenge("https://a", "c")),
        (['Basic realm="x"', 'Bearer realm="https://a"'], Challenge("https://a", "")),
        (['Negotiate, Basic realm="x"'], Challenge()),
        (['Bearer error="x"', "Basic"], Challenge()),
        (['realm="x"'], None),
        ([""], None),
        (["Digest realm=x"], None),
        ([], None),
        (['Bearer realm="https://a'], None),
        ([f'Bearer {"x" * 5000} realm="https://a"'], None),
    ],
)
def test_challenges(headers: list[str], expected: Challenge | None) -> None:
    assert challenge_of(headers) == expected


# Redirects of blobs.


@pytest.mark.parametrize("location", ["http://HOST/storage?sig=%2F1", "/storage?sig=%2F1", "http://OTHER/storage?sig=%2F1"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_blob_is_followed_once_without_credentials(location: str, status: int) -> None:
    def answer(received: Received) -> Reply:
        if received.path.startswith("/storage"):
            return Reply(200, CONTENT)
        if received.authorization != BASIC:
            return Reply(401, WWW_Authenticate="Basic")
        return Reply(status, Location=location.replace("HOST", server.host).replace("OTHER", storage.host))

    with serving(answer) as server, serving(answer) as storage:
        one = question(BLOB, server.host, DIGEST_OF_CONTENT, credentials=True, realms=(storage.host,))
        assert Client(credentials(LOGIN)).ask(one) == CONTENT
        followed = [received for received in server.received + storage.received if received.path.startswith("/storage")]
    assert [(received.path, received.authorization) for received in followed] == [("/storage?sig=%2F1", "")]


@pytest.mark.parametrize("status", [403, 404, 302, 500])
def test_a_blob_that_is_not_where_the_registry_says_is_no_absence(status: int) -> None:
    with (
        serving(lambda _: Reply(status, Location="/further")) as storage,
        serving(lambda _: Reply(302, Location=f"http://{storage.host}/x")) as server,
    ):
        one = question(BLOB, server.host, DIGEST_OF_CONTENT, realms=(storage.host,))
        assert outcome(Client(), one) == f"redirected a blob to {storage.host}: HTTP {status}"
    assert len(storage.received) == 1


# Hosts that have too much to do, and hosts that are gone.


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 429), ({}, 503), ({"Retry_After": "0"}, 429), ({"Retry_After": "1"}, 503), ({"Retry_After": "soon"}, 429)],
)
def test_a_busy_registry_is_asked_again(headers: dict[str, str], status: int) -> None:
    replies = iter([Reply(status, **headers), manifest(CONTENT)])
    began = time.monotonic()
    assert asked(lambda _: next(replies), DIGEST, "1") == DIGEST_OF_CONTENT
    assert 0.9 < time.monotonic() - began < 5


@pytest.mark.parametrize(("status", "reason"), [(429, "rate limited"), (503, "HTTP 503"), (502, "HTTP 502")])
def test_a_registry_that_stays_busy_is_given_up(status: int, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "PAUSES_MAX", 0.2)
    with serving(lambda _: Reply(status, Retry_After="x")) as server:
        client = Client()
        for tag in ("1", "2", "3"):
            assert outcome(client, question(DIGEST, server.host, tag)) == reason
    assert len(server.received) == 1


def test_retries_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "retry_after", lambda _: 0.01)
    with serving(lambda _: Reply(429)) as server:
        client = Client()
        for tag in range(10):
            assert outcome(client, question(DIGEST, server.host, str(tag))) == "rate limited"
    assert len(server.received) == gates.INTERRUPTED_MAX * (transport.RETRIES_MAX + 1)


def test_a_registry_that_demands_a_long_pause_is_not_waited_for() -> None:
    began = time.monotonic()
    with serving(lambda _: Reply(429, Retry_After="31")) as server, ThreadPoolExecutor(16) as pool:
        client = Client()
        reasons = set(pool.map(lambda number: outcome(client, question(DIGEST, server.host, str(number))), range(200)))
    assert reasons == {"rate limited"}
    assert len(server.received) <= gates.CONNECTIONS_MAX
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *[("", None), ("x", None), ("-1", None), ("1.5", None), ("9" * 10, None), ("Mon, 99 Foo", None)],
        *[("0", 0), ("30", 30), (formatdate(0, usegmt=True), 0)],
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after(text) == seconds


def test_retry_after_may_be_a_date() -> None:
    seconds = retry_after(formatdate(time.time() + 20, usegmt=True))
    assert seconds is not None
    assert 18 < seconds < 21


def test_no_host_has_more_than_eight_connections() -> None:
    def answer(_: Received) -> Reply:
        time.sleep(0.01)
        return manifest(CONTENT)

    with serving(answer) as server, ThreadPoolExecutor(32) as pool:
        client = Client()
        answers = list(pool.map(lambda number: client.ask(question(DIGEST, server.host, str(number))), range(100)))
        assert answers == [DIGEST_OF_CONTENT] * 100
        assert (server.most, server.connections) == (gates.CONNECTIONS_MAX, gates.CONNECTIONS_MAX)


def silent(connection: socket.socket) -> None:
    while connection.recv(1000):
        pass


def test_a_silent_registry_ends_within_one_deadline() -> None:
    began = time.monotonic()
    with raw(silent) as server, ThreadPoolExecutor(32) as pool:
        client = Client(seconds=1)
        reasons = set(pool.map(lambda number: outcome(client, question(DIGEST, server.host, str(number))), range(500)))
    assert reasons == {"timed out after 1 s"}
    assert time.monotonic() - began < 2.5
    assert server.connections <= gates.CONNECTIONS_MAX


def test_a_slow_answer_does_not_condemn_a_registry_that_answers_others() -> None:
    def answer(received: Received) -> Reply:
        if received.path.endswith("/slow"):
            time.sleep(3)
        return manifest(CONTENT)

    with serving(answer) as server, ThreadPoolExecutor(4) as pool:
        client = Client(seconds=0.5)
        slow = pool.submit(outcome, client, question(DIGEST, server.host, "slow"))
        for number in range(8):
            client.ask(question(DIGEST, server.host, str(number)))
            time.sleep(0.1)
        assert slow.result() == "timed out after 0.5 s"
        assert outcome(client, question(DIGEST, server.host, "9")) == DIGEST_OF_CONTENT


def test_many_slow_answers_condemn_a_registry() -> None:
    def answer(received: Received) -> Reply:
        time.sleep(0.3 * received.path.endswith("/slow"))
        return manifest(CONTENT)

    with serving(answer) as server:
        client = Client(seconds=0.1)
        with ThreadPoolExecutor(2) as pool:
            for number in range(gates.TIMED_OUT_MAX):
                slow = pool.submit(outcome, client, question(DIGEST, server.host, "slow"))
                time.sleep(0.05)
                client.ask(question(DIGEST, server.host, str(number)))
                slow.result()
        assert outcome(client, question(DIGEST, server.host, "last")) == "timed out after 0.1 s"


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def test_a_registry_that_is_gone() -> None:
    host = closed_port()
    began = time.monotonic()
    with ThreadPoolExecutor(32) as pool:
        client = Client()
        reasons = set(pool.map(lambda number: outcome(client, question(DIGEST, host, str(number))), range(500)))
    assert reasons == {"connection refused"}
    assert time.monotonic() - began < 2


def test_a_token_service_that_is_gone_is_named() -> None:
    host = closed_port()
    with serving(lambda _: Reply(401, WWW_Authenticate=f'Bearer realm="http://{host}/token"')) as server:
        reason = outcome(Client(), question(DIGEST, server.host, realms=(host,)))
    assert reason == f"token service {host}: connection refused"


def test_a_name_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    assert outcome(Client(), question(DIGEST, "registry.invalid")) == "host name cannot be resolved"


def test_a_resolver_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    forever = threading.Event()

    def look_up(*_: object, **__: object) -> None:
        forever.wait(20)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        client = Client(seconds=0.3)
        reasons = set(pool.map(lambda number: outcome(client, question(DIGEST, "a.example", str(number))), range(50)))
    forever.set()
    assert reasons == {"timed out after 0.3 s"}
    assert time.monotonic() - began < 1.5


# TLS.


@pytest.fixture(scope="module")
def loopback() -> tuple[str, str]:
    return certificate("127.0.0.1")


def tls(pems: tuple[str, str], folder: Path) -> ssl.SSLContext:
    (folder / "server.pem").write_text("".join(pems))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


def test_certificates(loopback: tuple[str, str], tmp_path: Path) -> None:
    expired, other = certificate("127.0.0.1", days=-1), certificate("other.example")
    signed = certificate("127.0.0.1", issuer=other)
    cases = [
        (signed, other[0], DIGEST_OF_CONTENT),
        (signed, "", "certificate is not signed by a trusted authority; set `ca` for this host under `registries`"),
        (signed, loopback[0], "certificate is not signed by a trusted authority; set `ca` for this host under `registries`"),
        (loopback, loopback[0], DIGEST_OF_CONTENT),
        (loopback, other[0] + loopback[0], DIGEST_OF_CONTENT),
        (loopback, "", "certificate is self-signed; set `ca` for this host under `registries`"),
        (loopback, other[0], "certificate is self-signed; set `ca` for this host under `registries`"),
        (expired, expired[0], "certificate has expired"),
        (other, other[0], "certificate is for another host"),
        (loopback, "not a certificate", "`ca` has no certificates in PEM format"),
    ]
    for pems, ca, expected in cases:
        with serving(lambda _: manifest(CONTENT), tls(pems, tmp_path)) as server:
            assert outcome(Client(), question(DIGEST, server.host, insecure=False, ca=ca)) == expected


def test_tls_is_never_left_out(loopback: tuple[str, str], tmp_path: Path) -> None:
    with serving(lambda _: manifest(CONTENT)) as server:
        reason = outcome(Client(), question(DIGEST, server.host, insecure=False))
        assert reason == "answered without TLS; set `insecure: true` for this host under `registries` to ask without TLS"
    assert not server.received
    with serving(lambda _: manifest(CONTENT), tls(loopback, tmp_path)) as server:
        assert outcome(Client(), question(DIGEST, server.host, insecure=True)) in (
            "connection closed",
            "answered with invalid HTTP",
        )
    assert not server.received


def test_a_slow_handshake_has_a_deadline() -> None:
    began = time.monotonic()
    with raw(silent) as server:
        assert outcome(Client(seconds=0.5), question(DIGEST, server.host, insecure=False)) == "timed out after 0.5 s"
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("answer", [b"", b"\x15\x03\x01\x00\x02\x02\x28"])
def test_a_handshake_that_fails(answer: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(answer)

    with raw(serve) as server:
        reason = outcome(Client(), question(DIGEST, server.host, insecure=False))
        assert reason in (("TLS handshake failed",) if answer else ("TLS handshake failed", "connection closed"))


# Proxies.


class Proxy:
    """A proxy on loopback that leads every host to one port."""

    def __init__(self, port: int, status: bytes = b"200 Connected") -> None:
        self.port, self.status = port, status
        self.heads: list[str] = []

    def __call__(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(1000)
        self.heads.append(head.decode())
        with socket.create_connection(("127.0.0.1", self.port)) as target:
            if head.startswith(b"CONNECT"):
                connection.sendall(b"HTTP/1.1 " + self.status + b"\r\n\r\n")
            else:
                target.sendall(head)
            threading.Thread(target=_copied, args=(connection, target), daemon=True).start()
            _copied(target, connection)


def _copied(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(4096):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_a_proxy_is_used_for_tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pems = certificate("reg.example")
    with serving(lambda _: manifest(CONTENT), tls(pems, tmp_path)) as server:
        proxy = Proxy(server.port)
        with raw(proxy) as one:
            monkeypatch.setenv("HTTPS_PROXY", f"http://user:p%40ss@{one.host}")
            assert (
                outcome(Client(), question(DIGEST, "reg.example", private=False, insecure=False, ca=pems[0])) == DIGEST_OF_CONTENT
            )
            other = outcome(Client(), question(DIGEST, "other.example", private=False, insecure=False, ca=pems[0]))
    assert other == "certificate is for another host"
    assert proxy.heads[0].startswith("CONNECT reg.example:443 ")
    assert "roxy-authorization: Basic dXNlcjpwQHNz" in proxy.heads[0].replace("Authorization", "authorization")
    assert [received.headers.get("proxy-authorization") for received in server.received] == [None]


def test_a_proxy_is_used_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda _: manifest(CONTENT)) as server:
        proxy = Proxy(server.port)
        with raw(proxy) as one:
            monkeypatch.setenv("http_proxy", one.host)
            assert outcome(Client(), question(DIGEST, "reg.example:5000", private=False)) == DIGEST_OF_CONTENT
    assert proxy.heads[0].startswith("HEAD http://reg.example:5000/v2/acme/app/manifests/1 ")


@pytest.mark.parametrize(
    ("host", "private", "reason"),
    [
        ("localhost:5000", False, "address 127.0.0.1 is loopback; set `private: true` for this host under `registries`"),
        ("x.localhost", False, "address 127.0.0.1 is loopback; set `private: true` for this host under `registries`"),
        ("10.1.2.3", False, "address 10.1.2.3 is private; set `private: true` for this host under `registries`"),
        ("2130706433", False, "address 127.0.0.1 is loopback; set `private: true` for this host under `registries`"),
        ("169.254.169.254", True, "address 169.254.169.254 is link-local"),
        ("10.1.2.3", True, "proxy: HTTP 407"),
        ("reg.example", False, "proxy: HTTP 407"),
    ],
)
def test_a_proxy_is_not_asked_for_addresses_that_are_not_permitted(
    host: str, private: bool, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw(Proxy(int(closed_port().partition(":")[2]))) as never, raw(refusing) as one:
        monkeypatch.setenv("HTTPS_PROXY", one.host)
        assert outcome(Client(), question(DIGEST, host, private=private, insecure=False)) == reason
        assert not never.connections
    assert bool(one.connections) == (reason == "proxy: HTTP 407")


def refusing(connection: socket.socket) -> None:
    connection.recv(1000)
    connection.sendall(b"HTTP/1.1 407 \x1b[31mProxy Authentication Required\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("proxy", "reason"),
    [
        ("socks5://127.0.0.1:1", "the proxy in HTTPS_PROXY is not an HTTP proxy"),
        ("http://127.0.0.1:x", "the proxy in HTTPS_PROXY is not valid"),
        ("http://127.0.0.1:CLOSED", "proxy: connection refused"),
        ("https://127.0.0.1:CLOSED", "proxy: connection refused"),
    ],
)
def test_proxies_that_cannot_be_used(proxy: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.replace("127.0.0.1:CLOSED", closed_port()))
    assert outcome(Client(), question(DIGEST, "reg.example", insecure=False)) == reason


@pytest.mark.parametrize("serve", [silent, refusing])
def test_a_proxy_that_does_not_work_costs_one_deadline(
    serve: Callable[[socket.socket], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    began = time.monotonic()
    with raw(serve) as one, ThreadPoolExecutor(16) as pool:
        monkeypatch.setenv("HTTPS_PROXY", one.host)
        client = Client(seconds=0.5)
        asking = [question(DIGEST, "reg.example", str(number), insecure=False) for number in range(200)]
        assert len(set(pool.map(lambda each: outcome(client, each), asking))) == 1
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("excluded", "host", "is_used"),
    [
        *[("", "reg.example", True), ("*", "reg.example", False), ("other.example", "reg.example", True)],
        *[
            ("reg.example", "reg.example", False),
            (" a , REG.example ", "reg.example", False),
            ("eg.example", "reg.example", True),
        ],
        *[(".example", "reg.example", False), ("example", "reg.example", False), ("reg.example:443", "reg.example", False)],
        *[("reg.example:5000", "reg.example", True), ("10.0.0.0/8", "10.1.2.3", False), ("10.0.0.0/8", "11.1.2.3", True)],
        *[("10.1.2.3", "10.1.2.3", False), ("::1", "::1", False), ("[::1]", "::1", False), ("10.0.0.0/8", "10.example", True)],
        *[("10.0.0.0/99", "10.1.2.3", True), (",,", "reg.example", True)],
    ],
)
def test_no_proxy(excluded: str, host: str, is_used: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", excluded)
    assert proxy_for("https", host, 443) == ("http://proxy.example:3128" if is_used else "")
    assert proxy_for("http", host, 80) == ""


# The run.


WATCH = """
import os, sys
def watch(event, arguments):
    if event.startswith(("socket.", "http.", "urllib.", "ssl.")):
        os.write(2, f"NETWORK {event}".encode())
sys.addaudithook(watch)
from imglint.main import run
status = run(sys.argv[1:])
loaded = {"urllib3", "socket", "ssl", "http.client", "imglint.registry.client"} & set(sys.modules)
print(sorted(loaded), file=sys.stderr)
sys.exit(status)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["."],
        ["--format", "json"],
        ["--format", "sarif"],
        ["--fix", "--diff", "--unsafe-fixes"],
        ["--jobs", "2"],
        ["--config-from", "HEAD"],
        ["images", "."],
        ["images", "--format", "json"],
        ["explain", "Dockerfile"],
        ["rules"],
        ["init"],
        ["schema"],
    ],
    ids=" ".join,
)
def test_without_online_no_socket_is_opened(arguments: list[str], tmp_path: Path, git: Callable[..., None]) -> None:
    (tmp_path / "Dockerfile").write_text("FROM reg.example/app:latest\nUSER 1001\n")
    (tmp_path / "compose.yaml").write_text("services: {a: {image: nginx}}\n")
    if arguments != ["init"]:
        (tmp_path / ".imglint.yaml").write_text("images: [{match: reg.example/*}]\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "x")
    ran = subprocess.run([sys.executable, "-c", WATCH, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode in (0, 1), "NETWORK" in ran.stderr, ran.stderr.splitlines()[-1]) == (True, False, "[]")


def test_an_interrupt_ends_a_run_at_once() -> None:
    code = """
import sys
from imglint.registry.answers import Answers
from imglint.registry.client import Client
from tests.scripted_registry import question
import imglint.main
asking = [question("digest", sys.argv[1], str(number)) for number in range(100)]
def run(arguments):
    print("asking", flush=True)
    try:
        Answers(Client().ask).ask_all(asking)
    except KeyboardInterrupt:
        return 130
imglint.main.run = run
imglint.main.main()
"""
    with (
        raw(silent) as server,
        subprocess.Popen([sys.executable, "-c", code, server.host], cwd=ROOT, stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout
        process.stdout.readline()
        while server.connections < gates.CONNECTIONS_MAX:
            time.sleep(0.01)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    assert time.monotonic() - began < 1


def test_hosts_that_are_gone_are_waited_for_at_the_same_time() -> None:
    with raw(silent) as one, raw(silent) as two, raw(silent) as three, raw(silent) as four, raw(silent) as five:
        hosts = [server.host for server in (one, two, three, four, five)]
        asking = [question(DIGEST, host, str(number)) for host in hosts for number in range(40)]
        began = time.monotonic()
        Answers(Client(seconds=0.5).ask).ask_all(asking)
        assert time.monotonic() - began < 1.4


# Registries that are known to redirect, as registry.k8s.io does.


def test_a_registry_that_is_known_to_redirect_is_followed_once_without_credentials() -> None:
    def stored(received: Received) -> Reply:
        return Reply(200, {"tags": ["1", "2"]}) if "/tags/" in received.path else manifest(CONTENT)

    with serving(stored) as storage:
        port = storage.host.rpartition(":")[2]

        def answer(received: Received) -> Reply:
            if not received.authorization:
                return Reply(401, WWW_Authenticate="Basic")
            return Reply(307, Location=f"http://127.0.0.1:{port}/v2/images/{received.path.removeprefix('/v2/')}")

        with serving(answer) as server:
            client = Client(lambda _: Login("user", "secret"))
            fields: dict[str, Any] = {"credentials": True, "redirects": f".0.0.1:{port}"}
            assert outcome(client, question(DIGEST, server.host, "1", **fields)) == DIGEST_OF_CONTENT
            assert outcome(client, question(MANIFEST, server.host, DIGEST_OF_CONTENT, **fields)) == CONTENT
            assert outcome(client, question(TAGS, server.host, "", **fields)) == ("1", "2")
            other = question(DIGEST, server.host, "1", credentials=True, redirects=f".example:{port}")
            assert outcome(client, other) == f"redirected to 127.0.0.1:{port}"
            assert outcome(client, question(DIGEST, server.host, "1", credentials=True)) == "redirected (HTTP 307)"
    assert [received.authorization for received in storage.received] == ["", "", ""]


def test_a_redirect_is_not_followed_twice() -> None:
    with serving(lambda received: Reply(302, Location=f"http://{received.headers['host']}{received.path}/x")) as server:
        one = question(DIGEST, server.host, "1", redirects=server.host)
        assert outcome(Client(), one) == "redirected (HTTP 302)"
    assert len(server.received) == 2


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://a-docker.pkg.dev/v2/x", "redirected to a-docker.pkg.dev without TLS"),
        ("https://docker.pkg.dev.evil.example/v2/x", "redirected to docker.pkg.dev.evil.example"),
        ("https://evil.example/-docker.pkg.dev", "redirected to evil.example"),
        ("https://evil.example#-docker.pkg.dev", "redirected to an invalid URL"),
        ("https://x@a-docker.pkg.dev/v2/x", "redirected to an invalid URL"),
        ("", "redirected to an invalid URL"),
    ],
)
def test_only_the_storage_of_a_registry_is_followed(location: str, reason: str) -> None:
    with pytest.raises(Failure, match=f"^{re.escape(reason)}$"):
        redirect_site(Hosts(None).endpoint(parse("registry.k8s.io/pause:3.9")), location)


def test_the_storage_of_registries_is_known_only_without_a_mirror() -> None:
    reference = parse("registry.k8s.io/pause:3.9")
    assert Hosts(None).endpoint(reference).redirects == "-docker.pkg.dev"
    assert not Hosts((RegistryEntry("registry.k8s.io", mirror="mirror.example"),)).endpoint(reference).redirects
    assert not Hosts(None).endpoint(parse("nginx")).redirects
