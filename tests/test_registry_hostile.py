"""No registry, and nobody who names one in a pull request, gets at credentials or private hosts, or keeps a run busy."""

from __future__ import annotations

import gzip
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, ip_address
from typing import TYPE_CHECKING, Any

import pytest
from tests.scripted_registry import OCI_INDEX, Received, Reply, endpoint, manifest, question, raw, serving

from imglint import Unverified
from imglint.printable import printable
from imglint.registry import client, gates, tokens
from imglint.registry.addresses import Address, connected, literal, refusal
from imglint.registry.client import Client
from imglint.registry.examples import digest_of
from imglint.registry.failures import Interrupted
from imglint.registry.logins import Login
from imglint.registry.questions import BLOB, DIGEST, MANIFEST, TAGS, Question
from imglint.registry.registries import Registries
from imglint.registry.sites import blob_site, token_site

if TYPE_CHECKING:
    from collections.abc import Callable


CONTENT = b'{"schemaVersion": 2}'
DIGEST_OF_CONTENT = digest_of(CONTENT)
SECRET = Login("ann", "secret")
ZERO = str(IPv4Address(0))
HINT = "set `private: true` for this host under `registries`"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def reason(one: Question, seconds: float = 10.0) -> str:
    """Return why a registry could not be asked."""
    began = time.monotonic()
    with pytest.raises(Unverified) as caught:
        Client(lambda _: SECRET, seconds).ask(one)
    assert time.monotonic() - began < seconds * 2 + 5
    text = caught.value.reason
    assert text == printable(text)
    assert len(text) < 200
    assert "secret" not in text
    return text


# Token services.


REALMS = [
    ("http://HOST/token", True, ""),
    (
        "https://evil.example/token",
        True,
        "named the token service evil.example, which is not listed under `realms` for this host",
    ),
    (
        "https://evil.example/token",
        False,
        "named the token service evil.example, which is not listed under `realms` for this host",
    ),
    ("http://reg.example/token", False, "named a token service without TLS, reg.example"),
    ("http://auth.example/token", False, "named a token service without TLS, auth.example"),
    (
        "https://reg.example:444/token",
        False,
        "named the token service reg.example:444, which is not listed under `realms` for this host",
    ),
    (
        "https://reg.example.evil.example/",
        False,
        "named the token service reg.example.evil.example, which is not listed under `realms` for this host",
    ),
    (
        "https://evilreg.example/",
        False,
        "named the token service evilreg.example, which is not listed under `realms` for this host",
    ),
    ("https://127.0.0.1/token", False, "named the token service 127.0.0.1, which is not listed under `realms` for this host"),
    (f"https://{'a' * 100}/", False, f"named the token service {'a' * 61}..., which is not listed under `realms` for this host"),
    *[
        (realm, False, "named an invalid token service")
        for realm in (
            "",
            "token",
            "/token",
            "//reg.example/token",
            "ftp://reg.example/",
            "file:///etc/passwd",
            "https://reg.example@evil.example/",
            "https://user:password@reg.example/",
            "https://reg.example\\@evil.example/",
            "https://evil.example#@reg.example/",
            "https://reg.example/#x",
            "https://reg.example /",
            "https://reg.example/\x1b[31m",
            "https://reg.example/\u202e",
            "https://régistry.example/",
            "https://reg.example:99999/",
            "https://reg.example:0/",
            "https://reg.example:",
            "https:///token",
            "https://[::1/",
            f"https://reg.example/{'a' * 9000}",
        )
    ],
]


@pytest.mark.parametrize(("realm", "insecure", "expected"), REALMS)
def test_realms(realm: str, insecure: bool, expected: str) -> None:
    host = "HOST" if insecure else "reg.example"
    one = endpoint(host, insecure=insecure, realms=("auth.example",))
    if expected:
        with pytest.raises(Exception, match=f"^{expected.replace('.', '[.]')}$") as caught:
            token_site(one, realm)
        assert type(caught.value).__name__ == "Failure"
    else:
        token_site(one, realm)


@pytest.mark.parametrize(
    ("realm", "host", "path"),
    [
        ("https://reg.example/token", "reg.example", "/token"),
        ("HTTPS://REG.example:443/token?a=b", "reg.example", "/token?a=b"),
        ("https://auth.example", "auth.example", "/"),
        ("https://auth.example?a=b", "auth.example", "/?a=b"),
        ("https://auth.example:8443/x", "auth.example:8443", "/x"),
    ],
)
def test_permitted_realms(realm: str, host: str, path: str) -> None:
    one = endpoint("reg.example", insecure=False, private=True, ca="x", realms=("auth.example:443", "AUTH.example:8443"))
    site, found = token_site(one, realm)
    assert (site.scheme, site.host, found, site.is_private, site.ca) == ("https", host, path, True, "x")


@pytest.mark.parametrize("header", ["WWW_Authenticate", "www_authenticate"])
def test_credentials_go_to_no_foreign_token_service(header: str) -> None:
    with serving(lambda _: Reply(200, {"token": "x"})) as foreign:
        challenge = f'Bearer realm="http://{foreign.host}/token"'
        with serving(lambda _: Reply(401, **{header: challenge})) as server:
            text = reason(question(DIGEST, server.host, credentials=True))
            assert text == f"named the token service {foreign.host}, which is not listed under `realms` for this host"
            assert [received.authorization for received in server.received] == [""]
        assert not foreign.received


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_token_service_that_redirects_is_not_followed(status: int) -> None:
    with serving(lambda _: Reply(200, {"token": "x"})) as foreign:

        def answer(received: Received) -> Reply:
            if received.path.startswith("/token"):
                return Reply(status, Location=f"http://{foreign.host}/token")
            return Reply(401, WWW_Authenticate=f'Bearer realm="http://{received.headers["host"]}/token"')

        with serving(answer) as server:
            assert reason(question(DIGEST, server.host, credentials=True)) == f"HTTP {status}"
        assert not foreign.received


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Reply(200, {"token": "x" * (tokens.TOKEN_MAX + 1)}), "answered with an invalid token"),
        (Reply(200, {"token": "a\r\nHost: evil.example"}), "answered with an invalid token"),
        (Reply(200, {"token": "a b"}), "answered with an invalid token"),
        (Reply(200, {"token": "\x1b[31m"}), "answered with an invalid token"),
        (Reply(200, {"token": "ä"}), "answered with an invalid token"),
        (Reply(200, {"token": ["x"]}), "answered with an invalid token"),
        (Reply(200, {"token": 1}), "answered with an invalid token"),
        (Reply(200, {}), "answered with an invalid token"),
        (Reply(200, b"[" * 60_000), "answered with invalid JSON"),
        (Reply(200, b'{"a":' * 10_000), "answered with invalid JSON"),
        (Reply(200, b'{"token": "x", "expires_in": ' + b"9" * 60_000 + b"}"), "answered with invalid JSON"),
        (Reply(200, b"\xff"), "answered with invalid JSON"),
        (Reply(200, b""), "answered with invalid JSON"),
        (Reply(200, b" " * (tokens.ANSWER_MAX + 1)), f"answered with more than {tokens.ANSWER_MAX} bytes"),
        (Reply(200, gzip.compress(b'{"token": "x"}'), Content_Encoding="gzip"), "answered with invalid JSON"),
    ],
)
def test_answers_of_token_services(answer: Reply, expected: str) -> None:
    def answers(received: Received) -> Reply:
        if received.path.startswith("/token"):
            return answer
        return Reply(401, WWW_Authenticate=f'Bearer realm="http://{received.headers["host"]}/token"')

    with serving(answers) as server:
        assert reason(question(DIGEST, server.host)) == expected


def test_a_registry_that_is_never_content_with_a_token() -> None:
    def answers(received: Received) -> Reply:
        if received.path.startswith("/token"):
            return Reply(200, {"token": "x"})
        return Reply(401, WWW_Authenticate=f'Bearer realm="http://{received.headers["host"]}/token"')

    with serving(answers) as server:
        assert reason(question(DIGEST, server.host)) == "access denied, or no such repository (HTTP 401)"
    assert len(server.received) == 3


def test_only_pulling_is_asked_for() -> None:
    def answers(received: Received) -> Reply:
        if received.path.startswith("/token"):
            return Reply(200, {"token": "x"})
        challenge = (
            'Bearer realm="http://HOST/token",service="a&scope=b",scope="repository:acme/app:push,delete registry:catalog:*"'
        )
        return Reply(401, WWW_Authenticate=challenge.replace("HOST", received.headers["host"]))

    with serving(answers) as server:
        reason(question(DIGEST, server.host))
    assert server.paths[1] == "/token?service=a%26scope%3Db&scope=repository%3Aacme%2Fapp%3Apull"


# Redirects.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(("kind", "target"), [(DIGEST, "1"), (MANIFEST, DIGEST_OF_CONTENT), (TAGS, "")])
def test_only_blobs_are_followed(kind: str, target: str, status: int) -> None:
    with (
        serving(lambda _: manifest(CONTENT)) as other,
        serving(lambda _: Reply(status, Location=f"http://{other.host}/")) as server,
    ):
        assert reason(question(kind, server.host, target, realms=(other.host,))) == f"redirected (HTTP {status})"
        assert not other.received


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("http://169.254.169.254/latest", "redirected a blob to 169.254.169.254: address 169.254.169.254 is link-local"),
        ("http://127.0.0.1:PORT/x", "redirected a blob to 127.0.0.1:PORT: address 127.0.0.1 is loopback"),
        ("http://localhost:PORT/x", "redirected a blob to localhost:PORT: address 127.0.0.1 is loopback"),
        ("http://2130706433:PORT/x", "redirected a blob to 2130706433:PORT: address 127.0.0.1 is loopback"),
        ("http://0x7f.1:PORT/x", "redirected a blob to 0x7f.1:PORT: address 127.0.0.1 is loopback"),
        (
            "http://[::ffff:7f00:1]:PORT/x",
            "redirected a blob to [::ffff:7f00:1]:PORT: address ::ffff:7f00:1 is loopback",
        ),
        ("//127.0.0.1:PORT/x", "redirected a blob to an invalid URL"),
        ("file:///etc/passwd", "redirected a blob to an invalid URL"),
        ("http://127.0.0.1:PORT@evil.example/", "redirected a blob to an invalid URL"),
        ("", "redirected a blob to an invalid URL"),
        ("x", "redirected a blob to an invalid URL"),
        ("http://\x1b[31m.example/", "redirected a blob to an invalid URL"),
    ],
)
def test_blobs_do_not_lead_to_private_hosts(location: str, expected: str) -> None:
    with serving(lambda _: Reply(200, CONTENT)) as private:
        port = str(private.port)
        with serving(lambda _: Reply(307, Location=location.replace("PORT", port))) as server:
            # The registry itself may be private, but not what it leads to.
            assert reason(question(BLOB, server.host, DIGEST_OF_CONTENT)) == expected.replace("PORT", port)
        assert not private.received
        assert not private.connections


def test_blobs_stay_on_tls() -> None:
    one = endpoint("reg.example", insecure=False)
    with pytest.raises(Exception, match=r"^redirected a blob to reg\.example without TLS$"):
        blob_site(one, "http://reg.example/x")
    site, path = blob_site(one, "https://cdn.example/x?a=b")
    assert (site.host, site.is_private, site.ca, path) == ("cdn.example", False, "", "/x?a=b")
    own, _ = blob_site(endpoint("reg.example:5000", insecure=False, ca="x"), "/storage")
    assert (own.host, own.is_private, own.ca) == ("reg.example:5000", True, "x")


def test_a_blob_that_lies() -> None:
    with (
        serving(lambda _: Reply(200, b"other")) as storage,
        serving(lambda _: Reply(302, Location=f"http://{storage.host}/")) as server,
    ):
        one = question(BLOB, server.host, DIGEST_OF_CONTENT, realms=(storage.host,))
        assert reason(one) == "answered with content that does not have the requested digest"


# Addresses.


@pytest.mark.parametrize(
    ("address", "kind", "as_private"),
    [
        *[(address, "", "") for address in ("1.1.1.1", "140.82.121.34", "2606:4700::6810:84e5")],
        *[(address, "loopback", "") for address in ("127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1")],
        *[(address, "private", "") for address in ("10.0.0.1", "172.16.0.1", "192.168.1.1", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1")],
        *[(address, "private", "") for address in ("2002:a00:1::", "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "2001:db8::1")],
        *[(address, "not public", "") for address in ("100.64.0.1", "64:ff9b::101:101", "64:ff9b:1::101:101", "2002:101:101::", "::1.1.1.1")],
        *[(address, "not public", "") for address in ("::ffff:1.1.1.1", "4000::1")],
        *[(address, "link-local", "link-local") for address in ("169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe")],
        ("2002:a9fe:a9fe::", "link-local", "link-local"),
        *[(address, "multicast", "multicast") for address in ("224.0.0.1", "239.1.1.1", "ff02::1")],
        *[(address, "unspecified", "unspecified") for address in (ZERO, "::", f"::ffff:{ZERO}", "64:ff9b::")],
        ("0.1.2.3", "private", ""),
    ],
)  # fmt: skip
def test_addresses(address: str, kind: str, as_private: str) -> None:
    for is_private, expected in ((False, kind), (True, as_private)):
        text = refusal(ip_address(address), is_private)
        assert text.partition(";")[0] == (f"address {ip_address(address)} is {expected}" if expected else "")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        *[(host, "127.0.0.1") for host in ("127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0x7f000001")],
        *[("[::1]", "::1"), ("::1", "::1"), ("a.example", "None"), ("localhost", "None"), ("1.2.3.4.example", "None")],
    ],
)
def test_literal_addresses(host: str, address: str) -> None:
    assert str(literal(host)) == address


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let names resolve to one list of addresses after the other, and connections go nowhere. Return where they would have gone."""
    left = list(answers)
    reached: list[str] = []

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        found = left.pop(0) if len(left) > 1 else left[0]
        families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in found]
        return [(family, socket.SOCK_STREAM, 6, "", (address, port)) for family, address in zip(families, found, strict=True)]

    def connect(_: socket.socket, target: tuple[str, int]) -> None:
        reached.append(target[0])
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr("imglint.registry.connections.TimedSocket.connect", connect, raising=False)
    return reached


@pytest.mark.parametrize(
    ("found", "expected", "connected_to"),
    [
        (["1.1.1.1"], "connection refused", {"1.1.1.1"}),
        (["10.0.0.1"], f"address 10.0.0.1 is private; {HINT}", set()),
        (["127.0.0.1", "::1"], f"address 127.0.0.1 is loopback; {HINT}", set()),
        (["::ffff:127.0.0.1"], f"address ::ffff:7f00:1 is loopback; {HINT}", set()),
        (["64:ff9b::a00:1"], f"address 64:ff9b::a00:1 is private; {HINT}", set()),
        ([ZERO], f"address {ZERO} is unspecified", set()),
        (["169.254.169.254"], "address 169.254.169.254 is link-local", set()),
        (["10.0.0.1", "1.1.1.1", "169.254.169.254", "1.0.0.1"], "connection refused", {"1.1.1.1", "1.0.0.1"}),
        (["1.1.1.1"] * 9 + ["1.0.0.1", "1.0.0.2", "2606::1"], "connection refused", {"1.1.1.1", "1.0.0.1", "2606::1"}),
    ],
)
def test_only_checked_addresses_are_connected_to(
    found: list[str], expected: str, connected_to: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = resolving(monkeypatch, found)
    for insecure in (False, True):
        assert reason(question(DIGEST, "reg.example", private=False, insecure=insecure)) == expected
    assert set(reached) == connected_to


def test_a_family_of_addresses_that_the_system_does_not_have_is_skipped() -> None:
    def new_socket(family: int) -> socket.socket:
        raise OSError(97, "Address family not supported by protocol")

    with pytest.raises(Interrupted, match=r"^address family not supported by protocol$"):
        connected([Address(socket.AF_INET6, ("2606::1", 1))], 1, new_socket)


def test_a_name_is_resolved_once_so_that_it_cannot_change(monkeypatch: pytest.MonkeyPatch) -> None:
    reached = resolving(monkeypatch, ["1.1.1.1"], ["127.0.0.1"])
    asking = Client()
    for tag in ("1", "2", "3"):
        with pytest.raises(Unverified, match="connection refused"):
            asking.ask(question(DIGEST, "reg.example", tag, private=False))
    assert set(reached) == {"1.1.1.1"}


def test_a_private_entry_reaches_loopback_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda _: manifest(CONTENT)) as server:
        assert Client().ask(question(DIGEST, f"localhost:{server.port}")) == DIGEST_OF_CONTENT
        assert reason(question(DIGEST, f"localhost:{server.port}", private=False)).startswith("address ")
    assert len(server.received) == 1


def test_an_address_that_does_not_answer_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.socket.connect

    def connect(one: socket.socket, target: tuple[str, int]) -> None:
        if target[0] == "127.0.0.2":
            time.sleep(one.gettimeout() or 0)
            raise TimeoutError
        real(one, target)

    with serving(lambda _: manifest(CONTENT)) as server:
        entries = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, server.port)) for address in ("127.0.0.2", "127.0.0.1")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)
        monkeypatch.setattr("imglint.registry.connections.TimedSocket.connect", connect, raising=False)
        asking = Client(seconds=1)
        assert asking.ask(question(DIGEST, f"reg.example:{server.port}")) == DIGEST_OF_CONTENT
        began = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            again = [pool.submit(asking.ask, question(DIGEST, f"reg.example:{server.port}", str(number))) for number in range(4)]
        assert [one.result() for one in again] == [DIGEST_OF_CONTENT] * 4
        assert time.monotonic() - began < 0.5


# Answers.


def serving_raw(pieces: list[bytes], repeated: bytes = b"", pause: float = 0.0) -> Callable[[socket.socket], None]:
    """Return what answers each request with some bytes, and then with others again and again."""

    def serve(connection: socket.socket) -> None:
        connection.recv(10_000)
        for piece in pieces:
            connection.sendall(piece)
        while repeated:
            connection.sendall(repeated)
            time.sleep(pause)

    return serve


OK = b"HTTP/1.1 200 OK\r\n"
TYPE = f"Content-Type: {OCI_INDEX}\r\n".encode()
SLOW, INVALID, CLOSED = "timed out after 1 s", "answered with invalid HTTP", "connection closed"
BROKEN = [
    ("nothing", [], b"", 0.0, CLOSED),
    ("closed in the status", [b"HTTP/1.1 2"], b"", 0.0, INVALID),
    ("closed in the body", [OK, TYPE, b"Content-Length: 100\r\n\r\nabc"], b"", 0.0, CLOSED),
    ("closed in a chunk", [OK, TYPE, b"Transfer-Encoding: chunked\r\n\r\n10\r\nabc"], b"", 0.0, CLOSED),
    ("invalid chunk", [OK, TYPE, b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc"], b"", 0.0, CLOSED),
    ("negative chunk", [OK, TYPE, b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabc"], b"", 0.0, INVALID),
    ("huge chunk", [OK, TYPE, b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 60_000 + b"\r\nabc"], b"", 0.0, CLOSED),
    ("two lengths", [OK, TYPE, b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nabc"], b"", 0.0, INVALID),
    ("not HTTP", [b"220 \x1b[31mmail.example ESMTP\r\n"], b"", 0.0, INVALID),
    ("HTTP/0.9", [b"<html>hello</html>"], b"", 0.0, INVALID),
    ("binary", [bytes(range(256)) * 10], b"", 0.0, INVALID),
    ("another protocol", [b"HTTP/9.9 200 OK\r\n\r\n"], b"", 0.0, INVALID),
    ("no number", [b"HTTP/1.1 abc OK\r\n\r\n"], b"", 0.0, INVALID),
    ("large number", [b"HTTP/1.1 99999 OK\r\n\r\n"], b"", 0.0, INVALID),
    ("long status", [b"HTTP/1.1 200 "], b"x" * 10_000, 0.0, INVALID),
    ("long header", [OK, b"X: "], b"x" * 10_000, 0.0, INVALID),
    ("many headers", [OK], b"X: y\r\n" * 1000, 0.0, INVALID),
    ("ANSI in a reason", [b"HTTP/1.1 418 \x1b[31m\xe2\x80\xae##[error]\r\nContent-Length: 0\r\n\r\n"], b"", 0.0, "HTTP 418"),
    ("ANSI in a type", [OK, b"Content-Type: \x1b[31m\r\nContent-Length: 0\r\n\r\n"], b"", 0.0, "answered with something other than a manifest"),
    ("endless body", [OK, TYPE, b"\r\n"], b"x" * 100_000, 0.0, f"answered with more than {client.MANIFEST_SIZE_MAX} bytes"),
    ("endless chunks", [OK, TYPE, b"Transfer-Encoding: chunked\r\n\r\n"], b"1000\r\n" + b"x" * 4096 + b"\r\n", 0.0,
     f"answered with more than {client.MANIFEST_SIZE_MAX} bytes"),
    ("endless error", [b"HTTP/1.1 500 Oops\r\n\r\n"], b"x" * 100_000, 0.0, "HTTP 500"),
    ("endless continuation", [], b"HTTP/1.1 100 Continue\r\n\r\n", 0.0001, SLOW),
    ("endless trailer", [OK, TYPE, b"Transfer-Encoding: chunked\r\n\r\n0\r\n"], b"X: y\r\n", 0.0001, SLOW),
    ("slow status", [], b"H", 0.1, SLOW),
    ("slow header", [OK, b"X: "], b"y", 0.1, SLOW),
    ("slow headers", [OK], b"X: y\r\n", 0.1, SLOW),
    ("slow body", [OK, TYPE, b"Content-Length: 1000\r\n\r\n"], b"x", 0.1, SLOW),
    ("slow chunks", [OK, TYPE, b"Transfer-Encoding: chunked\r\n\r\n"], b"1\r\nx\r\n", 0.1, SLOW),
    ("slow error", [b"HTTP/1.1 500 Oops\r\n\r\n"], b"x", 0.1, SLOW),
    ("slow retries", [b"HTTP/1.1 429 Slow\r\nRetry-After: 99\r\n\r\n"], b"x", 0.1, SLOW),
]  # fmt: skip


@pytest.mark.parametrize(
    ("pieces", "repeated", "pause", "expected"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN]
)
def test_broken_and_endless_answers(pieces: list[bytes], repeated: bytes, pause: float, expected: str) -> None:
    began = time.monotonic()
    with raw(serving_raw(pieces, repeated, pause)) as server:
        assert reason(question(MANIFEST, server.host, DIGEST_OF_CONTENT), seconds=1) == expected
        assert server.connections <= 2
    assert time.monotonic() - began < (2 if expected == SLOW else 4)


def test_a_slow_answer_over_tls_has_a_deadline(tmp_path: Any) -> None:
    import ssl

    from tests.scripted_registry import certificate

    pems = certificate("127.0.0.1")
    (tmp_path / "server.pem").write_text("".join(pems))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            serving_raw([OK, TYPE, b"Content-Length: 1000\r\n\r\n"], b"x", 0.1)(secure)

    began = time.monotonic()
    with raw(serve) as server:
        assert reason(question(MANIFEST, server.host, DIGEST_OF_CONTENT, insecure=False, ca=pems[0]), seconds=1) == SLOW
    assert time.monotonic() - began < 2


def test_nothing_is_decompressed() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    for kind in (MANIFEST, BLOB):
        with serving(lambda _: Reply(200, bomb, Content_Type=OCI_INDEX, Content_Encoding="gzip")) as server:
            assert (
                reason(question(kind, server.host, DIGEST_OF_CONTENT))
                == "answered with content that does not have the requested digest"
            )
            assert server.received[0].headers["accept-encoding"] == "identity"
            # What was sent has this digest, so it is what was asked for.
            assert Client().ask(question(kind, server.host, digest_of(bomb))) == bomb


def endless_pages(received: Received) -> Reply:
    number = int(received.path.rpartition("=")[2])
    return Reply(200, {"tags": [f"v{number}"]}, Link=f'</v2/acme/app/tags/list?last={number + 1}>; rel="next"')


def test_endless_pages_of_tags() -> None:
    with serving(endless_pages) as server:
        assert reason(question(TAGS, server.host, "")) == f"answered with tags on more than {client.PAGES_MAX} pages"
    assert len(server.received) == client.PAGES_MAX


@pytest.mark.parametrize("seconds", [0, 1])
def test_slow_pages_of_tags_have_a_deadline(seconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "QUESTION_SECONDS", seconds)

    def answer(received: Received) -> Reply:
        time.sleep(0.2)
        return endless_pages(received)

    with serving(answer) as server:
        assert reason(question(TAGS, server.host, "")) == f"timed out after {seconds} s"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[" * 100_000, "answered with invalid JSON"),
        (b'{"tags": ' + b"[" * 100_000, "answered with invalid JSON"),
        (b'{"tags": [' + b"9" * 10_000 + b"]}", "answered with invalid JSON"),
        (b'{"tags": "' + b"x" * client.TAGS_SIZE_MAX, f"answered with more than {client.TAGS_SIZE_MAX} bytes"),
        (b"\xff\xfe\xff", "answered with invalid JSON"),
        (b'{"name": "\x1b[31m", "tags": {}, "tags": 1}', "answered with invalid JSON"),
    ],
)
def test_tags_that_are_none(body: bytes, expected: str) -> None:
    with serving(lambda _: Reply(200, body)) as server:
        assert reason(question(TAGS, server.host, "")) == expected


def test_too_many_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "TAGS_MAX", 3)
    for count in (3, 4):
        with serving(lambda _: Reply(200, {"tags": [f"v{number}" for number in range(count)]})) as server:  # noqa: B023
            if count == 3:
                assert Client().ask(question(TAGS, server.host, "")) == ("v0", "v1", "v2")
            else:
                assert reason(question(TAGS, server.host, "")) == "answered with more than 3 tags"


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"config": ' * 50_000, b"9" * 10_000])
def test_nested_manifests(body: bytes) -> None:
    from imglint import parse
    from imglint.registry.hosts import Hosts, RegistryEntry

    with serving(lambda _: manifest(body)) as server:
        hosts = Hosts((RegistryEntry(server.host, private=True, insecure=True),))
        with pytest.raises(Unverified, match="invalid JSON"):
            Registries(hosts, Client().ask).image(parse(f"{server.host}/acme/app:1"))


def test_many_questions_to_hostile_hosts_end_in_bounded_time() -> None:
    answers = [b"", b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n", b"220 mail\r\n", b"HTTP/1.1 429 x\r\nRetry-After: 40\r\n\r\n"]
    began = time.monotonic()
    for answer in answers[:1] + answers[2:]:
        with raw(serving_raw([answer])) as server, ThreadPoolExecutor(32) as pool:
            asking = Client(seconds=1)

            def ask(number: int, host: str = server.host, asking: Client = asking) -> str:
                with pytest.raises(Unverified) as caught:
                    asking.ask(question(DIGEST, host, str(number)))
                return caught.value.reason

            assert len(set(pool.map(ask, range(300)))) == 1
            assert server.connections <= 2 * (gates.CONNECTIONS_MAX + gates.INTERRUPTED_MAX)
    assert time.monotonic() - began < 5
