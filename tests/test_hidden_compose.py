"""No compose file can hide an image: what Compose or its builder takes from it is listed and judged, or the file is reported.

Each trick is a tree of files. `found` has the images that Compose takes from it, each as `path:line:column` and its normalized name, and `reported`
the files that cannot be read, as `path:line:column` and the rule. Both must make a run under a strict policy fail. As a control, the same tree passes
with approved images in place of the others, and with the files of `control` in place of those that cannot be read.

What Compose does is known from the Compose Specification and the code of compose-spec/compose-go, docker/compose, docker/buildx and moby/buildkit;
each trick names the place.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from imglint.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conftest import Imglint

POLICY = """
images: [{match: ghcr.io/good/*}]
rules: {unresolved-reference: error}
"""
DOCKERFILE = "FROM ghcr.io/evil/x:1.0.0\nUSER 1001\n"
SERVICE = "services:\n  web:\n    image: ghcr.io/evil/x:1.0.0\n"
PIPE = "a named pipe"


@record
class Trick:
    """A tree that hides an image, and how it is known that Compose takes it."""

    known_from: str
    files: dict[str, str | bytes]
    found: tuple[str, ...] = ()
    reported: tuple[str, ...] = ()
    control: Mapping[str, str | bytes | None] = {}


def compose(text: str, **files: str) -> dict[str, str | bytes]:
    """Return a tree with a compose file and others; `_` stands for the dot and `__` for the slash in their names."""
    return {"compose.yaml": text, **{name.replace("__", "/").replace("_", "."): content for name, content in files.items()}}


TRICKS = {
    # Built or pulled
    "an image beside a build is pulled first": Trick(
        "docker/compose, pkg/compose/pull.go, mustPull: an image is pulled if it is missing, also of a service with `build`",
        compose("services:\n  web:\n    build: .\n    image: ghcr.io/evil/x:1.0.0\n"),
        ("compose.yaml:4:12 ghcr.io/evil/x",),
    ),
    "a pull policy that a variable sets": Trick(
        "compose-go, interpolation: all values are interpolated",
        compose("services:\n  web:\n    build: .\n    pull_policy: ${P:-missing}\n    image: ghcr.io/evil/x:1.0.0\n"),
        ("compose.yaml:5:12 ghcr.io/evil/x",),
    ),
    "another service pulls the image that one builds": Trick(
        "mustPull looks at the pull policy of each service on its own",
        compose(
            "services:\n  a:\n    build: .\n    pull_policy: build\n    image: &i ghcr.io/evil/x:1.0.0\n  b:\n    image: ghcr.io/evil/x:1.0.0\n"
        ),
        ("compose.yaml:7:12 ghcr.io/evil/x",),
    ),
    "a shared text of which one service is pulled": Trick(
        "mustPull looks at the pull policy of each service on its own",
        compose(
            "services:\n  a:\n    build: .\n    pull_policy: build\n    image: &i ghcr.io/evil/x:1.0.0\n  b:\n    image: *i\n",
        ),
        ("compose.yaml:5:15 ghcr.io/evil/x",),
    ),
    "an inherited pull policy": Trick(
        "compose-go, loader/extends.go: keys of the extended service are merged",
        compose(
            "services:\n  base:\n    pull_policy: always\n    build: .\n  web:\n    extends: base\n    image: ghcr.io/evil/x:1.0.0\n"
        ),
        ("compose.yaml:7:12 ghcr.io/evil/x",),
    ),
    "a build that is null": Trick(
        "compose-go, transform/build.go: only a mapping or a string is a build",
        compose("services:\n  web:\n    build:\n    pull_policy: build\n    image: ghcr.io/evil/x:1.0.0\n"),
        ("compose.yaml:5:12 ghcr.io/evil/x",),
    ),
    "a build that is reset": Trick(
        "Compose Specification, Merge: `!reset` removes a value",
        compose("services:\n  web:\n    build: !reset null\n    pull_policy: build\n    image: ghcr.io/evil/x:1.0.0\n"),
        ("compose.yaml:5:12 ghcr.io/evil/x",),
    ),
    # Tags in variables
    "a tag in a variable": Trick(
        "Compose Specification, Interpolation: the environment sets TAG",
        compose("services:\n  web:\n    image: ghcr.io/evil/x:${TAG}\n"),
        ("compose.yaml:3:12 ghcr.io/evil/x",),
    ),
    "a tag in a variable of a default": Trick(
        "Compose Specification, Interpolation: defaults can contain variables",
        compose("services:\n  web:\n    image: ${IMAGE:-ghcr.io/evil/x:${TAG}}\n"),
        ("compose.yaml:3:12 ghcr.io/evil/x",),
    ),
    "a digest in a variable": Trick(
        "Compose Specification, Interpolation",
        compose("services:\n  web:\n    image: ghcr.io/evil/x:1.0.0@${DIGEST:?}\n"),
        ("compose.yaml:3:12 ghcr.io/evil/x",),
    ),
    "a tag in a Swarm template": Trick(
        "docker stack deploy: templates such as {{.Node.Hostname}} are filled in for each task",
        compose("services:\n  web:\n    image: 'ghcr.io/evil/x:{{.Node.Hostname}}'\n"),
        ("compose.yaml:3:13 ghcr.io/evil/x",),
    ),
    "a name in a variable": Trick(
        "Compose Specification, Interpolation",
        compose("services:\n  web:\n    image: ghcr.io/${NAME}:1.0.0\n"),
        reported=("compose.yaml:3:12 unresolved-reference",),
        control={"compose.yaml": "services:\n  web:\n    image: ghcr.io/${NAME:-good/x}:1.0.0\n"},
    ),
    # Merge keys
    "services merged from elsewhere": Trick(
        "YAML merge keys, resolved by the YAML decoder of compose-go",
        compose("x-base: &base\n  web:\n    image: ghcr.io/evil/x:1.0.0\nservices:\n  <<: *base\n"),
        ("compose.yaml:3:12 ghcr.io/evil/x",),
    ),
    "services merged at the top level": Trick(
        "YAML merge keys, resolved by the YAML decoder of compose-go",
        compose("x-base: &base\n  services:\n    web:\n      image: ghcr.io/evil/x:1.0.0\n<<: *base\n"),
        ("compose.yaml:4:14 ghcr.io/evil/x",),
    ),
    "services merged from a list, in a file with another name": Trick(
        "docker compose -f accepts any name",
        {"stack.yml": "x-base: &base\n  web:\n    image: ghcr.io/evil/x:1.0.0\nservices:\n  <<: [*base]\n"},
        ("stack.yml:3:12 ghcr.io/evil/x",),
    ),
    "a build merged from elsewhere": Trick(
        "YAML merge keys",
        compose(
            "x-b: &b\n  dockerfile_inline: |\n    FROM ghcr.io/evil/x:1.0.0\n    USER 1\nservices:\n  web:\n    build:\n      <<: *b\n"
        ),
        ("compose.yaml:3:10 ghcr.io/evil/x",),
    ),
    "volumes and hooks merged from elsewhere": Trick(
        "YAML merge keys; Compose Specification, volumes of type image and lifecycle hooks",
        compose(
            "x-s: &s\n  volumes:\n  - &v {type: image, source: ghcr.io/evil/x:1.0.0, target: /a}\n"
            "  pre_start:\n  - {image: ghcr.io/evil/x:1.0.0, command: x}\nservices:\n  web:\n    <<: *s\n    image: ghcr.io/good/x:1.0.0\n"
        ),
        ("compose.yaml:3:30 ghcr.io/evil/x", "compose.yaml:5:13 ghcr.io/evil/x"),
    ),
    # Builds
    "a build argument for an inline Dockerfile": Trick(
        "Compose Specification, build.args",
        compose(
            "services:\n  web:\n    build:\n      args: {BASE: 'ghcr.io/evil/x:1.0.0'}\n"
            "      dockerfile_inline: |\n        ARG BASE=ghcr.io/good/x:1.0.0\n        FROM $$BASE\n        USER 1\n"
        ),
        ("compose.yaml:7:14 ghcr.io/evil/x",),
    ),
    "a build argument without a value": Trick(
        "compose-go, loader/normalize.go: resolve() takes its value from the environment, that is also from .env",
        compose(
            "services:\n  web:\n    build:\n      args: [BASE]\n"
            "      dockerfile_inline: |\n        ARG BASE=ghcr.io/good/x:1.0.0\n        FROM $$BASE\n        USER 1\n",
            _env="BASE=ghcr.io/evil/x:1.0.0\n",
        ),
        ("compose.yaml:7:14 ghcr.io/evil/x",),
    ),
    "a build argument of another service with the same Dockerfile": Trick(
        "YAML aliases; each service is a build of its own",
        compose(
            "services:\n  a:\n    build:\n      dockerfile_inline: &d |\n        ARG BASE=ghcr.io/good/x:1.0.0\n        FROM $$BASE\n        USER 1\n"
            "  b:\n    build:\n      args: ['BASE=ghcr.io/evil/x:1.0.0']\n      dockerfile_inline: *d\n"
        ),
        ("compose.yaml:6:14 ghcr.io/evil/x",),
    ),
    "a build argument for an inherited Dockerfile": Trick(
        "compose-go, override/merge.go: builds are merged, and so are their args",
        compose(
            "services:\n  a:\n    build:\n      dockerfile_inline: |\n        ARG BASE=ghcr.io/good/x:1.0.0\n        FROM $$BASE\n        USER 1\n"
            "  b:\n    extends: a\n    build:\n      args: ['BASE=ghcr.io/evil/x:1.0.0']\n"
        ),
        ("compose.yaml:6:14 ghcr.io/evil/x",),
    ),
    "a build argument for a Dockerfile": Trick(
        "Compose Specification, build.args",
        {
            **compose(
                "services:\n  web:\n    build:\n      context: app\n      args: {BASE: 'ghcr.io/evil/x:1.0.0'}\n",
                app__Dockerfile="ARG BASE=ghcr.io/good/y:1.0.0\nFROM $BASE\nUSER 1\n",
            )
        },
        ("compose.yaml:5:21 ghcr.io/evil/x",),
    ),
    "a build argument for a part of a name in a Dockerfile": Trick(
        "Compose Specification, build.args",
        {
            **compose("services:\n  web:\n    build:\n      args: [A=1, 'OWNER=${O:-evil/x}']\n"),
            "Dockerfile": "ARG OWNER=good/y\nARG BASE=ghcr.io/$OWNER\nFROM $BASE:1.0.0\nUSER 1\n",
        },
        ("compose.yaml:4:26 ghcr.io/evil/x",),
    ),
    "a build argument from .env for a Dockerfile": Trick(
        "compose-go, loader/normalize.go: resolve() takes its value from the environment, that is also from .env",
        {
            **compose("services:\n  web:\n    build:\n      args:\n        BASE:\n", _env="BASE=ghcr.io/evil/x:1.0.0\n"),
            "Dockerfile": "ARG BASE=ghcr.io/good/y:1.0.0\nFROM $BASE\nUSER 1\n",
        },
        ("compose.yaml:5:9 ghcr.io/evil/x",),
    ),
    "a build argument for a Dockerfile that is too large": Trick(
        "Compose Specification, build.args",
        {
            **compose("services:\n  web:\n    build:\n      args: {BASE: ghcr.io/evil/x}\n"),
            "Dockerfile": f"ARG BASE=ghcr.io/good/y:1.0.0\nFROM $BASE\nUSER 1\n#{'x' * 300_000}\n",
        },
        reported=("compose.yaml:4:20 unread-file",),
        control={"Dockerfile": "ARG BASE=ghcr.io/good/y\nFROM $BASE:1.0.0\nUSER 1\n"},
    ),
    "a build argument whose name is unknown": Trick(
        "Compose Specification, Interpolation",
        compose(
            "services:\n  web:\n    build:\n      args: {BASE: '${BASE}'}\n"
            "      dockerfile_inline: |\n        ARG BASE=ghcr.io/good/x:1.0.0\n        FROM $$BASE\n        USER 1\n"
        ),
        reported=("compose.yaml:7:14 unresolved-reference",),
        control={".env": "BASE=ghcr.io/good/x:1.0.0\n"},
    ),
    "a frontend in a build argument": Trick(
        "moby/buildkit, frontend/dockerfile/builder/build.go: build-arg:BUILDKIT_SYNTAX replaces `# syntax=`",
        {
            **compose("services:\n  web:\n    build:\n      args: {BUILDKIT_SYNTAX: 'ghcr.io/evil/x:1.0.0'}\n"),
            ".imglint.yaml": POLICY.replace("}]", "}, {match: ghcr.io/good/*, roles: [frontend]}]"),
        },
        ("compose.yaml:4:32 ghcr.io/evil/x",),
    ),
    "a context whose scheme is in a variable": Trick(
        "compose-go, interpolation: all values are interpolated",
        compose(
            "services:\n  web:\n    build:\n      additional_contexts:\n        a: ${S:-docker-image}://ghcr.io/evil/x:1.0.0\n"
        ),
        ("compose.yaml:5:33 ghcr.io/evil/x",),
    ),
    "a context in a variable": Trick(
        "compose-go, interpolation: all values are interpolated",
        compose(
            "services:\n  web:\n    build:\n      additional_contexts: ['a=${CTX}']\n",
            _env="CTX=docker-image://ghcr.io/evil/x:1.0.0\n",
        ),
        ("compose.yaml:4:32 ghcr.io/evil/x",),
    ),
    "a context that is unknown": Trick(
        "compose-go, interpolation: all values are interpolated",
        compose("services:\n  web:\n    build:\n      additional_contexts:\n        a: ${CTX}\n"),
        reported=("compose.yaml:5:12 unresolved-reference",),
        control={"compose.yaml": "services:\n  web:\n    build:\n      additional_contexts:\n        a: ./${CTX}\n"},
    ),
    "a context with a tag in a variable": Trick(
        "compose-go, interpolation: all values are interpolated",
        compose("services:\n  web:\n    build:\n      additional_contexts:\n        a: docker-image://ghcr.io/evil/x:${TAG}\n"),
        ("compose.yaml:5:27 ghcr.io/evil/x",),
    ),
    "a context with a name that BuildKit does not look for": Trick(
        "moby/buildkit, frontend/dockerui/config.go, NamedContext: it looks for the familiar name; docker/buildx, bake/bake.go, toNamedContexts: "
        "names from Compose are passed on as they are",
        compose(
            "services:\n  web:\n    build:\n      additional_contexts: {'docker.io/evil/x:1.0.0': ./a}\n"
            "      dockerfile_inline: |\n        FROM docker.io/evil/x:1.0.0\n        USER 1\n",
            _imglint_yaml=POLICY.replace("ghcr.io", "docker.io"),
        ),
        ("compose.yaml:6:14 docker.io/evil/x",),
    ),
    "a context that replaces an image by another": Trick(
        "moby/buildkit, frontend/dockerui/namedcontext.go: a context can be an image",
        compose(
            "services:\n  web:\n    build:\n      additional_contexts: {alpine: 'docker-image://ghcr.io/evil/x:1.0.0'}\n"
            "      dockerfile_inline: |\n        FROM docker.io/library/alpine:latest\n        USER 1\n"
        ),
        ("compose.yaml:4:53 ghcr.io/evil/x",),
    ),
    "a context that has the name of the frontend": Trick(
        "contexts replace stages and images, not the frontend",
        {
            **compose(
                "services:\n  web:\n    build:\n      additional_contexts: {'ghcr.io/evil/x:1.0.0': ./a}\n"
                "      dockerfile_inline: |\n        # syntax=ghcr.io/evil/x:1.0.0\n        FROM scratch\n        USER 1\n"
            ),
            ".imglint.yaml": POLICY.replace("}]", "}, {match: ghcr.io/good/*, roles: [frontend]}]"),
        },
        ("compose.yaml:6:18 ghcr.io/evil/x",),
    ),
    "a cache in a variable": Trick(
        "docker/buildx, util/buildflags/cache.go, after interpolation",
        compose(
            "services:\n  web:\n    build:\n      cache_from: ['type=${T:-registry},ref=${R:-ghcr.io/evil/x:1.0.0}',\n"
            "        '${C:-type=registry,ref=ghcr.io/evil/x:2.0.0}']\n"
        ),
        ("compose.yaml:4:50 ghcr.io/evil/x", "compose.yaml:5:33 ghcr.io/evil/x"),
    ),
    "a cache with keys in upper case and quotes": Trick(
        "docker/buildx, util/buildflags/cache.go, UnmarshalText: fields are CSV, keys in any case",
        compose("services:\n  web:\n    build:\n      cache_from: ['TYPE=registry,\"REF=ghcr.io/evil/x:1.0.0\"']\n"),
        ("compose.yaml:4:40 ghcr.io/evil/x",),
    ),
    "a cache that is unknown": Trick(
        "docker/buildx, util/buildflags/cache.go, after interpolation",
        compose("services:\n  web:\n    build:\n      cache_from: ['${C}']\n"),
        reported=("compose.yaml:4:21 unresolved-reference",),
        control={"compose.yaml": "services:\n  web:\n    build:\n      cache_from: ['type=local,src=${C}']\n"},
    ),
    "a volume whose type is in a variable": Trick(
        "compose-go, interpolation: all values are interpolated",
        compose(
            "services:\n  web:\n    image: ghcr.io/good/x:1.0.0\n    volumes:\n    - {type: '${T:-image}', source: ghcr.io/evil/x:1.0.0, target: /a}\n"
        ),
        ("compose.yaml:5:37 ghcr.io/evil/x",),
    ),
    "a volume whose type is unknown": Trick(
        "compose-go, interpolation: all values are interpolated",
        compose(
            "services:\n  web:\n    image: ghcr.io/good/x:1.0.0\n    volumes:\n    - {type: '${T}', source: ghcr.io/evil/x:1.0.0, target: /a}\n"
        ),
        reported=("compose.yaml:5:30 unresolved-reference",),
        control={".env": "T=bind\n"},
    ),
    # Files that a compose file names
    "a Dockerfile with any name": Trick(
        "Compose Specification, build.dockerfile",
        {
            **compose("services:\n  web:\n    build: {context: app, dockerfile: ../images/web.build}\n"),
            "images/web.build": DOCKERFILE,
        },
        ("images/web.build:1:6 ghcr.io/evil/x",),
    ),
    "a Dockerfile with the name of a template": Trick(
        "Compose Specification, build.dockerfile",
        {**compose("services:\n  web:\n    build: {dockerfile: Dockerfile.j2}\n"), "Dockerfile.j2": DOCKERFILE},
        ("Dockerfile.j2:1:6 ghcr.io/evil/x",),
    ),
    "a Dockerfile in lower case, below an inherited context": Trick(
        "compose-go, override/merge.go: builds are merged",
        {
            **compose(
                "services:\n  base:\n    build: {context: app}\n  web:\n    extends: base\n    build: {dockerfile: '${F:-web.build}'}\n"
            ),
            "app/web.build": "from ghcr.io/evil/x:1.0.0\nuser 1001\n",
        },
        ("app/web.build:1:6 ghcr.io/evil/x",),
    ),
    "a Dockerfile that cannot be found": Trick(
        "Compose Specification, build.dockerfile; the path can be relative to another folder with --project-directory",
        compose("services:\n  web:\n    build: {dockerfile: web.build}\n"),
        reported=("compose.yaml:3:25 unresolved-reference",),
        control={"web.build": "FROM ghcr.io/good/x:1.0.0\nUSER 1001\n"},
    ),
    "a Dockerfile that is unknown": Trick(
        "compose-go, interpolation: all values are interpolated",
        compose("services:\n  web:\n    build: {dockerfile: '${F}'}\n"),
        reported=("compose.yaml:3:26 unresolved-reference",),
        control={"compose.yaml": "services:\n  web:\n    build: {dockerfile: 'Dockerfile.${F}'}\n"},
    ),
    "a Dockerfile outside the repository": Trick(
        "Compose Specification, build.dockerfile",
        compose("services:\n  web:\n    build: {dockerfile: ../../../web.build}\n"),
        reported=("compose.yaml:3:25 unread-file",),
        control={"compose.yaml": "services:\n  web:\n    build: {dockerfile: Dockerfile}\n"},
    ),
    "a Dockerfile that is no text": Trick(
        "Compose Specification, build.dockerfile",
        {**compose("services:\n  web:\n    build: {dockerfile: web.build}\n"), "web.build": DOCKERFILE.encode() + b"# \xff\n"},
        reported=("web.build:3:3 unread-file",),
        control={"web.build": "FROM ghcr.io/good/x:1.0.0\nUSER 1001\n"},
    ),
    "an included file with any name": Trick(
        "compose-go, loader/include.go",
        {**compose("include:\n- path: [parts/web.conf]\nservices: {}\n"), "parts/web.conf": SERVICE},
        ("parts/web.conf:3:12 ghcr.io/evil/x",),
    ),
    "an extended file with any name, that includes another": Trick(
        "compose-go, loader/extends.go and include.go",
        {
            **compose("services:\n  web:\n    extends: {file: parts/base.conf, service: web}\n"),
            "parts/base.conf": "include: [more.txt]\nservices:\n  web: {}\n",
            "parts/more.txt": SERVICE,
        },
        ("parts/more.txt:3:12 ghcr.io/evil/x",),
    ),
    "a variable of the including file": Trick(
        "compose-go, loader/include.go: the environment takes precedence over the .env file of the included one",
        {
            **compose("include:\n- parts/compose.yaml\n", _env="I=ghcr.io/evil/x:1.0.0\n"),
            "parts/compose.yaml": "services:\n  web:\n    image: ${I:-ghcr.io/good/y:1.0.0}\n",
            "parts/.env": "I=ghcr.io/good/y:2.0.0\n",
        },
        ("compose.yaml:2:3 ghcr.io/evil/x",),
    ),
    "a variable of the extending file": Trick(
        "compose-go, loader/extends.go: the file is loaded with the same options",
        {
            **compose("services:\n  web:\n    extends: {file: parts/base.conf, service: web}\n", _env="I=evil/x\n"),
            "parts/base.conf": "services:\n  web:\n    image: ghcr.io/${I:-good/y}:1.0.0\n",
        },
        ("compose.yaml:3:21 ghcr.io/evil/x",),
    ),
    "a variable in a file that the include names": Trick(
        "compose-go, loader/include.go: env_file",
        {
            **compose("include:\n- {path: more.yaml, env_file: [a.env, b.env]}\n"),
            "more.yaml": "services:\n  web:\n    image: ghcr.io/${I:-good/y}:1.0.0\n",
            "a.env": "",
            "b.env": "I=evil/x\n",
        },
        ("compose.yaml:2:10 ghcr.io/evil/x",),
    ),
    "an unreadable file of variables that the include names": Trick(
        "compose-go, loader/include.go: env_file",
        {
            **compose("include:\n- {path: more.yaml, env_file: a.env}\n"),
            "more.yaml": "services:\n  web:\n    image: ghcr.io/${I:-good/y}:1.0.0\n",
            "a.env": b"I=evil/x\n# \xff\n",
        },
        reported=("compose.yaml:2:31 unread-file",),
        control={"a.env": ""},
    ),
    "an included file elsewhere": Trick(
        "docker/compose, pkg/remote: files can be included from Git and OCI registries",
        compose("include: ['oci://ghcr.io/evil/x:1.0.0']\nservices: {}\n"),
        reported=("compose.yaml:1:12 unread-file",),
        control={"compose.yaml": "services: {}\n"},
    ),
    # Variables
    "a .env file in Latin-1": Trick(
        "compose-go, dotenv/env.go: bytes that are not UTF-8 are kept",
        {**compose("services:\n  web:\n    image: ${I:-ghcr.io/good/x:1.0.0}\n"), ".env": b"# \xe9\nI=ghcr.io/evil/x:1.0.0\n"},
        reported=("compose.yaml:3:12 unread-file",),
        control={".env": b"# \xc3\xa9\nI=ghcr.io/good/x:1.0.0\n"},
    ),
    "a .env file that is too large": Trick(
        "compose-go, dotenv/env.go: there is no limit",
        {
            **compose("services:\n  web:\n    image: ${I:-ghcr.io/good/x:1.0.0}\n"),
            ".env": f"#{'x' * 300_000}\nI=ghcr.io/evil/x:1.0.0\n",
        },
        reported=("compose.yaml:3:12 unread-file",),
        control={".env": None},
    ),
    "a .env file that is a pipe": Trick(
        "compose-go, dotenv/env.go reads all that is not a folder",
        {**compose("services:\n  web:\n    image: ${I:-ghcr.io/good/x:1.0.0}\n"), ".env": PIPE},
        reported=("compose.yaml:3:12 unread-file",),
        control={".env": None, ".env/folder": ""},
    ),
    "a Swarm template elsewhere in a file with another name": Trick(
        "docker stack deploy -c accepts any name",
        {"stack.yml": SERVICE + "    hostname: '{{.Node.Hostname}}'\n"},
        ("stack.yml:3:12 ghcr.io/evil/x",),
    ),
}

PASSED = {
    "a build argument with a tag that the Dockerfile has": {
        **compose("services:\n  web:\n    build:\n      args: {TAG: '${TAG}', OTHER: ghcr.io/evil/x}\n"),
        "Dockerfile": "ARG TAG=1.0.0\nFROM ghcr.io/good/x:$TAG\nARG OTHER\nUSER 1\n",
    },
    "a build that is never pulled": compose(
        "services:\n  web:\n    build: .\n    image: ghcr.io/evil/x\n    pull_policy: build\n"
        "  worker:\n    image: ghcr.io/evil/x\n    pull_policy: never\n"
    ),
    "a build whose policy is inherited": compose(
        "services:\n  base:\n    build: .\n    pull_policy: ${P:-never}\n  web:\n    extends: base\n    image: ghcr.io/evil/x\n"
    ),
    "a context that replaces an image": compose(
        "services:\n  web:\n    build:\n      additional_contexts: {'evil/x': ./a, alpine: ./b}\n"
        "      dockerfile_inline: |\n        FROM docker.io/evil/x:latest\n        COPY --from=alpine /a /a\n        USER 1\n"
    ),
    "a scheme in upper case, which is a path": compose(
        "services:\n  web:\n    build:\n      additional_contexts: {a: 'DOCKER-IMAGE://ghcr.io/evil/x'}\n"
    ),
    "another type of cache": compose("services:\n  web:\n    build:\n      cache_from: ['type=gha,ref=ghcr.io/evil/x']\n"),
    "a Dockerfile in a remote context": compose(
        "services:\n  web:\n    build: {context: 'https://example.com/a.git', dockerfile: web.build}\n"
    ),
}
"""Trees from which Compose pulls nothing."""


def make(folder: Path, files: dict[str, Any]) -> None:
    for path, content in files.items():
        target = folder / path
        if content is None:
            target.unlink()
            continue
        if target.parent.is_file():
            target.parent.unlink()
        target.parent.mkdir(parents=True, exist_ok=True)
        if content == PIPE:
            os.mkfifo(target)
        else:
            target.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "above" / "tree"
    folder.mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".imglint.yaml").write_text(POLICY, encoding="utf-8")
    return folder


def listed(imglint: Imglint, tree: Path) -> set[str]:
    """Return the images that `imglint images` lists, as in `found`."""
    uses = json.loads(imglint("images", "--format", "json", cwd=tree).out)
    return {
        f"{use['path']}:{use['line']}:{use['column']} {use['registry']}/{use['repository']}" for use in uses if use["reference"]
    }


def reported(imglint: Imglint, tree: Path) -> tuple[int, set[str]]:
    """Return the exit status of a run, and its findings, as in `reported`."""
    outcome = imglint("--format", "json", cwd=tree)
    findings = json.loads(outcome.out)["findings"]
    return outcome.status, {f"{found['path']}:{found['line']}:{found['column']} {found['rule']}" for found in findings}


@pytest.mark.parametrize("name", TRICKS)
def test_image_that_compose_takes_is_judged(name: str, tree: Path, imglint: Imglint) -> None:
    trick = TRICKS[name]
    make(tree, trick.files)
    lines = {place.rpartition(":")[0] for place in trick.found}
    status, findings = reported(imglint, tree)
    assert status == 1
    assert {finding.rpartition(":")[0] for finding in findings if finding.endswith(" unapproved-image")} >= lines
    assert findings >= set(trick.reported)
    assert listed(imglint, tree) >= set(trick.found)


@pytest.mark.parametrize("name", TRICKS)
def test_control_passes(name: str, tree: Path, imglint: Imglint) -> None:
    trick = TRICKS[name]
    approved = {
        path: content.replace("evil", "good") if isinstance(content, str) else content.replace(b"evil", b"good")
        for path, content in trick.files.items()
    }
    make(tree, approved)
    make(tree, dict(trick.control))
    status, findings = reported(imglint, tree)
    assert (status, {finding for finding in findings if not finding.endswith("implicit-registry")}) == (0, set())
    assert listed(imglint, tree) >= {place.replace("evil", "good") for place in trick.found}


@pytest.mark.parametrize("name", PASSED)
def test_what_compose_does_not_pull_passes(name: str, tree: Path, imglint: Imglint) -> None:
    make(tree, PASSED[name])
    assert reported(imglint, tree) == (0, set())
