"""Servers on loopback that answer as a test says, for tests of how imglint asks registries."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from imglint import Unverified, parse
from imglint.registry.answers import Answers
from imglint.registry.client import Client
from imglint.registry.examples import ExampleRegistries, digest_of
from imglint.registry.failures import Failure
from imglint.registry.hosts import Endpoint, Hosts
from imglint.registry.questions import BLOB, DIGEST, TAGS, Question
from imglint.registry.registries import Registries
from imglint.registry.sites import token_site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

OCI_INDEX = "application/vnd.oci.image.index.v1+json"


class Received:
    """A request as a server received it."""

    def __init__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        self.method, self.path, self.body = method, path, body
        self.headers = {name.lower(): value for name, value in headers.items()}

    @property
    def authorization(self) -> str:
        return self.headers.get("authorization", "")


class Reply:
    """What a server answers: a status, headers (a list, so that one may come twice) and a body. `length` is stated unless it is None."""

    def __init__(self, status: int = 200, body: bytes | str | object = b"", **headers: str) -> None:
        self.status = status
        self.body = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.headers = [(name.replace("_", "-"), value) for name, value in headers.items()]


def manifest(content: bytes = b"{}", **headers: str) -> Reply:
    """Return a manifest as a registry answers with it."""
    return Reply(200, content, **{"Content_Type": OCI_INDEX, "Docker_Content_Digest": digest_of(content), **headers})


class Server:
    """An HTTP server that keeps the requests that it received."""

    def __init__(self, answer: Callable[[Received], Reply], context: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self.open = self.most = 0
        self.connections = 0
        outer, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 20
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                with lock:
                    outer.connections += 1
                    outer.open += 1
                    outer.most = max(outer.most, outer.open)

            def finish(self) -> None:
                with lock:
                    outer.open -= 1
                with contextlib.suppress(OSError):
                    super().finish()

            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    super().handle()

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                received = Received(self.command, self.path, dict(self.headers.items()), body)
                outer.received.append(received)
                reply = answer(received)
                self.send_response(reply.status)
                for name, value in reply.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body)

            do_GET = do_HEAD = do_POST = _answer  # noqa: N815

            def log_request(self, *_: Any) -> None:
                pass

            def log_error(self, *_: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 100

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        self.host = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def paths(self) -> list[str]:
        return [received.path for received in self.received]


class RawServer:
    """A server that does something with each connection."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self._listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self._serve = serve
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self._serve(connection)

    def close(self) -> None:
        # Closing alone does not wake the thread that accepts.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextlib.contextmanager
def serving(answer: Callable[[Received], Reply], context: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(answer, context)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def raw(serve: Callable[[socket.socket], None]) -> Iterator[RawServer]:
    server = RawServer(serve)
    try:
        yield server
    finally:
        server.close()


def endpoint(host: str, **fields: Any) -> Endpoint:
    """Return a registry on loopback that is asked over plain HTTP."""
    return Endpoint("reg.example", host, **{"private": True, "insecure": True, **fields})


def question(kind: str, host: str, target: str = "1", repository: str = "acme/app", **fields: Any) -> Question:
    return Question(kind, endpoint(host, **fields), repository, target)


def certificate(name: str, days: int = 1, issuer: tuple[str, str] | None = None) -> tuple[str, str]:
    """Return a certificate for a host and its key, both as PEM. It is self-signed, or signed by another certificate with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    signer, signer_key = subject, key
    if issuer:
        signer = x509.load_pem_x509_certificate(issuer[0].encode()).subject
        loaded = serialization.load_pem_private_key(issuer[1].encode(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        signer_key = loaded
    now = datetime.now(UTC)
    try:
        host: x509.GeneralName = x509.IPAddress(ip_address(name))
    except ValueError:
        host = x509.DNSName(name)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([host]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(signer_key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


# Limits. Each function returns whether something with a size is within a limit.


def is_asked(answer: Callable[[Received], Reply], kind: str = DIGEST, target: str = "1") -> bool:
    """Return whether a question gets an answer."""
    with serving(answer) as server:
        try:
            return Client().ask(question(kind, server.host, target)) is not None
        except Unverified:
            return False


def is_content_accepted(kind: str, size: int) -> bool:
    content = b"x" * size
    return is_asked(lambda _: manifest(content), kind, digest_of(content))


def is_tags_page_accepted(size: int) -> bool:
    return is_asked(lambda _: Reply(200, b'{"tags": []}'.ljust(size)), TAGS, "")


def are_tags_accepted(count: int) -> bool:
    return is_asked(lambda _: Reply(200, {"tags": [f"v{number}" for number in range(count)]}), TAGS, "")


def are_pages_accepted(count: int) -> bool:
    links = iter([{"Link": "<?last=x>; rel=next"}] * (count - 1) + [{}])
    return is_asked(lambda _: Reply(200, {"tags": []}, **next(links)), TAGS, "")


def is_token_accepted(length: int = 1, size: int = 0) -> bool:
    def answer(received: Received) -> Reply:
        if received.path.startswith("/token"):
            return Reply(200, json.dumps({"token": "x" * length}).ljust(size))
        if received.authorization:
            return manifest()
        return Reply(401, WWW_Authenticate=f'Bearer realm="http://{received.headers["host"]}/token"')

    return is_asked(answer)


def is_realm_accepted(length: int) -> bool:
    """Return whether the URL of a token service may have some characters."""
    try:
        token_site(endpoint("reg.example"), "http://reg.example/".ljust(length, "a"))
    except Failure:
        return False
    return True


def are_retries_made(count: int, seconds: int = 1) -> bool:
    """Return whether a registry is asked again after it answered a number of times that it has too much to do."""
    replies = iter([Reply(429, Retry_After=str(seconds))] * count)
    return is_asked(lambda _: next(replies, manifest()))


def are_connections_made(count: int) -> bool:
    """Return whether a number of questions are asked at the same time."""
    together = threading.Barrier(count)

    def answer(_: Received) -> Reply:
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(0.5)
        return Reply(404)

    with serving(answer) as server:
        asking = Client()
        Answers(asking.ask).ask_all([question(DIGEST, server.host, str(number)) for number in range(count)])
        return not together.broken


def are_failures_tolerated(count: int) -> bool:
    """Return whether a host is asked again after each of a number of failures but the last. Each request is made twice."""
    with raw(lambda _: None) as server:
        answers = Answers(Client().ask)
        for number in range(count):
            with contextlib.suppress(Unverified):
                answers.ask(question(DIGEST, server.host, str(number)))
        return server.connections == 2 * count


def are_timeouts_tolerated(count: int) -> bool:
    """Return whether a host is asked again after each of a number of time-outs but the last, if it answers other questions."""
    slow: list[str] = []

    def answer(received: Received) -> Reply:
        if received.path.endswith("slow"):
            slow.append(received.path)
            time.sleep(0.4)
        return Reply(404)

    with serving(answer) as server, ThreadPoolExecutor(1) as pool:
        asking = Client(seconds=0.2)
        for number in range(count):
            waiting = pool.submit(asking.ask, question(DIGEST, server.host, "slow"))
            time.sleep(0.1)
            with contextlib.suppress(Unverified):
                asking.ask(question(DIGEST, server.host, str(number)))
            with contextlib.suppress(Unverified):
                waiting.result()
        return len(slow) == count


def are_platforms_accepted(count: int) -> bool:
    """Return whether an image may be for a number of platforms."""
    examples = ExampleRegistries()
    examples.add("acme/app:1", platforms=[f"linux/a{number}" for number in range(count)])
    try:
        return Registries(Hosts(None), examples.ask).image(parse("acme/app:1")) is not None
    except Unverified:
        return False


def are_answers_kept(size: int) -> bool:
    """Return whether the answers of a run may have a size together."""
    answers = Answers(lambda one: b"x" * (size - 1 if one.target == "1" else 1))
    answers.ask_all([question(BLOB, "reg.example", "1")])
    try:
        answers.ask(question(BLOB, "reg.example", "2"))
    except Unverified:
        return False
    return True
