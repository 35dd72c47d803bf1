"""Servers on loopback that answer as a test says, for tests of how imglint asks registries."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from imglint.registry.hosts import Endpoint
from imglint.registry.questions import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

OCI_INDEX = "application/vnd.oci.image.index.v1+json"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


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


Script = "Callable[[Received], Reply]"


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

            def log_message(self, format: str, *args: Any) -> None:
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


def certificate(name: str, days: int = 1, issuer: tuple[Any, Any] | None = None) -> tuple[str, str]:
    """Return a self-signed certificate for a host and its key, both as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    try:
        host: x509.GeneralName = x509.IPAddress(ip_address(name))
    except ValueError:
        host = x509.DNSName(name)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([host]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()
