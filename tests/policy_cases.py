"""Images, patterns and policies that several test modules use."""

from __future__ import annotations

from pathlib import Path

from imglint import WORKLOAD, ImageUse, Source, image_use, parse
from imglint.patterns.image import ImagePattern
from imglint.plugins import load as plugins
from imglint.policy.load import load
from imglint.policy.lookup import FILE_NAME, Policy
from imglint.traced import literal

DIGEST = "sha256:" + "0" * 64

IMAGES = [
    ("**", "nginx ghcr.io/a/b/c:v1 localhost:5000/x", ""),
    ("docker.io/library/*", "nginx library/nginx docker.io/nginx index.docker.io/nginx:1", "acme/nginx quay.io/library/nginx"),
    ("nginx", "nginx docker.io/library/nginx:1.27", "nginx-x acme/nginx"),
    ("prism-*", "prism-server docker.io/library/prism-x", "acme/prism-server ghcr.io/acme/prism-server"),
    ("acme/*", "acme/api docker.io/acme/api", "acme/team/api ghcr.io/acme/api acme-x/api"),
    ("acme/**", "acme/api acme/team/api", "ghcr.io/acme/api"),
    ("docker.io/*", "nginx", "acme/api"),
    ("docker.io/**", "nginx acme/api", "quay.io/acme/api evil-docker.io/x"),
    ("index.docker.io/acme/*", "acme/api", "quay.io/acme/api"),
    ("ghcr.io/**", "ghcr.io/x ghcr.io/a/b/c", "evil-ghcr.io/x ghcr.io.evil.example/x ghcr.io:443/x nginx"),
    (
        "quay.io/kubernaut/*",
        "quay.io/kubernaut/gateway:v1",
        "quay.io/kubernaut-x/gateway quay.io/kubernaut/a/b quay.io/kubernaut",
    ),
    ("quay.io/*/app", "quay.io/a/app", "quay.io/a/b/app quay.io/app"),
    ("quay.io/**/app", "quay.io/a/app quay.io/a/b/app", "quay.io/a/app-x"),
    ("*/team/*", "quay.io/team/app localhost/team/app team/app", "team/x/app quay.io/a/team/app"),
    ("**/nginx", "nginx quay.io/a/nginx", "quay.io/a/my-nginx"),
    ("quay.io/**/app/**", "quay.io/a/b/app/c quay.io/a/app/c/d", "quay.io/app quay.io/a/b/app"),
    ("*.gcr.io/**", "eu.gcr.io/a/b", "gcr.io/a eu.gcr.io.evil.example/a"),
    ("localhost:5000/*", "localhost:5000/x", "localhost/x localhost:5001/x"),
    ("acme/app:1.*", "acme/app:1.2", "acme/app acme/app:2.1"),
    ("acme/app:latest", "acme/app:latest", "acme/app:1"),
    ("nginx:1", "nginx:1", "nginx:2 nginx"),
    ("localhost:5000/app:1", "localhost:5000/app:1", "localhost:5000/app:2 localhost:5000/app localhost/app:1"),
    ("[::1]:5000/*", "[::1]:5000/app", "[::2]:5000/app"),
    ("Acme/*", "Acme/app", "acme/app"),
    ("*", "nginx", "acme/app quay.io/nginx"),
    (f"acme/app@{DIGEST}", f"acme/app@{DIGEST} acme/app:1@{DIGEST}", "acme/app:1"),
    ("acme/app:1@sha256:*", f"acme/app:1@{DIGEST}", f"acme/app:1 acme/app:2@{DIGEST}"),
]
"""Image patterns, each with the images that it matches and others that it does not."""


def fits(pattern: str, text: str) -> bool:
    """Return whether an image pattern matches a reference."""
    reference = parse(text)
    return ImagePattern(pattern).fits(reference.name, reference.tag, reference.digest)


def policy_of(text: str) -> Policy:
    """Return the policy with this text in the current folder."""
    Path(FILE_NAME).write_text(text, encoding="utf-8")
    return load(FILE_NAME, plugins.rules(), plugins.kinds())


def use_of(text: str, path: str = "deploy/web.yaml", role: str = WORKLOAD, **more: bool) -> ImageUse:
    """Return the use of a reference in a file."""
    source = Source(path, text)
    return image_use(
        source, literal(text, 0), (0, len(text)), place="container", where="container web", role=role, unresolved="", **more
    )
