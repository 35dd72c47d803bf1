"""A registry on loopback that serves the images of ExampleRegistries, by the OCI distribution specification, without credentials."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

from imglint.registry.examples import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.registry.examples import ExampleRegistries

PATH = re.compile(r"/v2/(?P<name>.+)/(?:manifests/(?P<manifest>[^/]+)|blobs/(?P<blob>[^/]+)|(?P<tags>tags)/list)(?:\?.*)?")


@contextmanager
def serving(registries: ExampleRegistries) -> Iterator[str]:
    """Serve images, and yield the host with its port. A repository has its complete name there, such as `docker.io/library/nginx`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = _content(registries, self.path)
            found = body is not None
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body or b"")))
            if body is not None:
                self.send_header("Docker-Content-Digest", digest_of(body))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body or b"")

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _content(registries: ExampleRegistries, path: str) -> tuple[str, bytes | None]:
    """Return the media type and the body of what is at a path, None if there is nothing."""
    match = PATH.fullmatch(path)
    if match is None:
        return "application/json", None
    name, tags = match["name"], registries.tags.get(match["name"], {})
    if match["tags"]:
        listed = {"name": name, "tags": sorted(tags)}
        return "application/json", json.dumps(listed).encode() if tags else None
    if match["blob"]:
        return "application/octet-stream", registries.blobs.get(name, {}).get(match["blob"])
    body = registries.manifests.get(name, {}).get(tags.get(match["manifest"], match["manifest"]))
    return (json.loads(body)["mediaType"] if body else "application/json"), body
