"""A real registry on the loopback interface, Debian's docker-registry, with the images of a test; and skopeo, to ask it independently of imglint.

scripts/system-packages installs both.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import ssl
import subprocess
import time
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from imglint.registry.examples import OCI_TYPES, ExampleRegistries

if TYPE_CHECKING:
    from collections.abc import Mapping

UNPACKED = Path(__file__).parent.parent / ".venv" / "peers" / "debian"
"""Where scripts/system-packages unpacks programs that the system does not have."""
PATIENCE_S = 20.0
USER, PASSWORD = "reader", "opensesame"
HTPASSWD = "reader:$2y$05$bPMOYwjM8urMG.oDZkhsDeXrecce2hlpZcHMJBQvVVwgEIus79fcu\n"
"""The user and the password as `htpasswd -B` writes them."""
OPEN, BASIC, TOKEN = "open", "basic", "token"
"""Who may read: everybody, a user with a password, or a user with a token of the token service."""


def program(name: str) -> str | None:
    """Return the path of a program, None if the machine does not have it."""
    unpacked = UNPACKED / "usr" / "bin" / name
    return str(unpacked) if unpacked.exists() else shutil.which(name)


def missing() -> str:
    """Return why there can be no registry here, or an empty text."""
    absent = [name for name in ("docker-registry", "skopeo") if program(name) is None]
    return f"{' and '.join(absent)} missing; run scripts/system-packages on a Debian system" if absent else ""


class Certificate(NamedTuple):
    """A certificate that signs itself, for 127.0.0.1 and localhost, and its key."""

    text: str
    key: rsa.RSAPrivateKey

    @classmethod
    def make(cls) -> Certificate:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(made.public_bytes(serialization.Encoding.PEM).decode(), key)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write the certificate and the key to files in a folder, and return their paths."""
        certificate, key = folder / "server.crt", folder / "private.pem"
        certificate.write_text(self.text)
        pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        key.write_bytes(self.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
        return certificate, key

    def token(self, claims: Mapping[str, object]) -> str:
        """Return a JSON Web Token with the claims."""
        chain = "".join(self.text.splitlines()[1:-1])
        head = {"typ": "JWT", "alg": "RS256", "x5c": [chain]}
        signed = ".".join([_encoded(json.dumps(part).encode()) for part in (head, claims)])
        return f"{signed}.{_encoded(self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class TokenService(ThreadingHTTPServer):
    """A token service that knows one user. `asked` are the scopes that it was asked for."""

    daemon_threads = True

    def __init__(self, certificate: Certificate, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _TokenHandler)
        self.certificate, self.asked = certificate, list[str]()
        self.host = f"127.0.0.1:{self.server_port}"
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class _TokenHandler(BaseHTTPRequestHandler):
    server: TokenService
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != expected:
            self._answer(401, {"errors": [{"code": "UNAUTHORIZED"}]})
            return
        query = parse_qs(urlsplit(self.path).query)
        scopes = [scope for value in query.get("scope", []) for scope in value.split()]
        self.server.asked += scopes
        access = [dict(zip(("type", "name", "actions"), scope.split(":", 2), strict=True)) for scope in scopes]
        now = int(time.time())
        claims = {
            "iss": "tests",
            "sub": USER,
            "aud": query["service"][0],
            "exp": now + 300,
            "nbf": now - 10,
            "iat": now,
            "jti": "1",
            "access": [entry | {"actions": entry["actions"].split(",")} for entry in access],
        }
        self._answer(200, {"token": self.server.certificate.token(claims), "expires_in": 300})

    def _answer(self, status: int, content: object) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: object) -> None:
        pass


class RegistryServer:
    """A running registry. `folder` has its own files, `storage` the images, which several registries can share.

    `host` is its address with the port. `login` is a folder with a `config.json` as Docker has it, with the password. `ca` is the certificate to trust,
    empty with HTTP.
    """

    def __init__(self, folder: Path, storage: Path, certificate: Certificate, access: str = OPEN, *, tls: bool = False) -> None:
        self.folder, self.ca, self.access, self.tokens = folder, certificate.text if tls else "", access, None
        folder.mkdir(parents=True)
        paths = certificate.write(folder)
        config: dict[str, Any] = {
            "version": "0.1",
            "log": {"level": "info"},
            "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}},
            "http": {"addr": "127.0.0.1:0"},
        }
        context = None
        if tls:
            config["http"]["tls"] = dict(zip(("certificate", "key"), map(str, paths), strict=True))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*paths)
        if access == BASIC:
            (folder / "htpasswd").write_text(HTPASSWD)
            config["auth"] = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
        if access == TOKEN:
            self.tokens = TokenService(certificate, context)
            realm = f"{'https' if tls else 'http'}://{self.tokens.host}/token"
            config["auth"] = {"token": {"realm": realm, "service": "tests", "issuer": "tests", "rootcertbundle": str(paths[0])}}
        (folder / "config.yml").write_text(json.dumps(config))
        self.login = folder / "login"
        self._start(folder)

    def _start(self, folder: Path) -> None:
        log = folder / "log"
        with log.open("wb") as file:
            command = (program("docker-registry") or "", "serve", str(folder / "config.yml"))
            self.process = subprocess.Popen(command, stdout=file, stderr=file, env={"OTEL_TRACES_EXPORTER": "none"})
        end = time.monotonic() + PATIENCE_S
        while "listening on " not in log.read_text():
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"the registry does not start: {log.read_text()}")
            time.sleep(0.005)
        self.host = log.read_text().partition("listening on ")[2].split('"')[0].split(",")[0].strip()
        # For changes by the tests.
        self._connection = HTTPConnection(self.host, timeout=PATIENCE_S)
        self.login.mkdir()
        auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        auths = {} if self.access == OPEN else {self.host: {"auth": auth}}
        (self.login / "config.json").write_text(json.dumps({"auths": auths}))

    @property
    def realms(self) -> tuple[str, ...]:
        """The other host with its token service, if it has one."""
        return (self.tokens.host,) if self.tokens else ()

    def stop(self) -> None:
        """End the registry and its token service."""
        self._connection.close()
        self.process.kill()
        self.process.wait()
        if self.tokens:
            self.tokens.shutdown()
            self.tokens.server_close()

    def skopeo(self, command: str, image: str, *options: str) -> subprocess.CompletedProcess[bytes]:
        """Ask the registry by skopeo about an image such as `acme/web:1`."""
        variables, call = self.skopeo_call(command, *options)
        return subprocess.run([*call, f"docker://{self.host}/{image}"], capture_output=True, env=variables, check=False)

    def skopeo_call(self, command: str, *options: str) -> tuple[dict[str, str], list[str]]:
        """Return the environment variables for skopeo, and its arguments except for the image."""
        trust = ("--cert-dir", str(self.folder)) if self.ca else ("--tls-verify=false",)
        libraries = ":".join([str(path) for path in UNPACKED.glob("usr/lib/*-linux-gnu")])
        variables = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LD_LIBRARY_PATH": libraries}
        return variables, [program("skopeo") or "", command, "--authfile", str(self.login / "config.json"), *trust, *options]

    def push(self, examples: ExampleRegistries) -> None:
        """Store images here, by their names without the registry. The registry must be open, without TLS."""
        for name, blobs in examples.blobs.items():
            for digest, blob in blobs.items():
                place = self._send("POST", f"/v2/{_path(name)}/blobs/uploads/").removeprefix(f"http://{self.host}")
                self._send("PUT", f"{place}{'&' if '?' in place else '?'}digest={digest}", blob, "application/octet-stream")
        for name, manifests in examples.manifests.items():
            tags = examples.tags.get(name, {})
            for digest, manifest in manifests.items():
                kind = json.loads(manifest).get("mediaType", OCI_TYPES.manifest)
                for target in [tag for tag, tagged in tags.items() if tagged == digest] or [digest]:
                    self._send("PUT", f"/v2/{_path(name)}/manifests/{target}", manifest, kind)

    def delete(self, repository: str, digest: str) -> None:
        """Delete a manifest."""
        self._send("DELETE", f"/v2/{repository}/manifests/{digest}")

    def _send(self, method: str, path: str, data: bytes = b"", kind: str = "") -> str:
        """Send a request, and return the header `Location` of the answer."""
        self._connection.request(method, path, data, {"Content-Type": kind} if kind else {})
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status < 300, content
        return answer.headers["Location"] or ""


class RegistryServers:
    """Registries that serve the same images, for each way to reach them. Each is started when it is first needed."""

    def __init__(self, folder: Path, examples: ExampleRegistries) -> None:
        self.folder, self.examples, self.certificate = folder, examples, Certificate.make()
        self._running: dict[tuple[str, bool], RegistryServer] = {}
        self.get().push(examples)

    def get(self, access: str = OPEN, *, tls: bool = False) -> RegistryServer:
        """Return a registry. A test must not stop it, nor change its images."""
        if (access, tls) not in self._running:
            name = f"{access}-{'tls' if tls else 'http'}"
            self._running[access, tls] = RegistryServer(
                self.folder / name, self.folder / "storage", self.certificate, access, tls=tls
            )
        return self._running[access, tls]

    def stop(self) -> None:
        for server in self._running.values():
            server.stop()


def _path(name: str) -> str:
    return name.partition("/")[2]
