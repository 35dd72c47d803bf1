"""A registry on this machine, and the commands that ask it about images."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.registry_server import RegistryServers

from bench.measure import Command
from imglint.registry.examples import ExampleRegistries

if TYPE_CHECKING:
    from collections.abc import Iterator

REGISTRY = "images.example"
POLICY = "registries:\n  - {{host: {registry}, mirror: '{host}', private: true, insecure: true}}\n"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: pod}\nspec:\n  containers:\n"
CONTAINERS = 20
"""Containers in each manifest."""


@contextmanager
def asking(program: Path, count: int) -> Iterator[tuple[Command, Command]]:
    """Run a registry with images, and yield the commands that ask it about all of them: imglint, and skopeo once for each."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        examples, tree, images = ExampleRegistries(), folder / "tree", [f"acme/app-{n}:1.{n}.0" for n in range(count)]
        tree.mkdir()
        for image in images:
            examples.add(f"{REGISTRY}/{image}", platforms=("linux/amd64",))
        for n in range(0, count, CONTAINERS):
            containers = [f"    - {{name: app, image: {REGISTRY}/{image}}}\n" for image in images[n : n + CONTAINERS]]
            (tree / f"{n}.yaml").write_text(POD + "".join(containers))
        servers = RegistryServers(folder / "registry", examples)
        try:
            server, policy = servers.get(), folder / "policy.yaml"
            policy.write_text(POLICY.format(registry=REGISTRY, host=server.host))
            ours = (str(program), "--online", "--refresh", "--config", str(policy))
            environment, call = server.skopeo_call("inspect", "--raw")
            loop = (
                f"for image in {' '.join(images)}; do {shlex.join(call)} docker://{server.host}/$image >/dev/null || exit; done"
            )
            variables = [f"{variable}={value}" for variable, value in environment.items()]
            yield (
                Command(("env", f"XDG_CACHE_HOME={folder}", *ours), str(tree)),
                Command(("env", *variables, "sh", "-c", loop), str(tree)),
            )
        finally:
            servers.stop()
