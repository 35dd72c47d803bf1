"""The hosts that a run may ask, and how each is reached."""

from __future__ import annotations

from imglint.errors import Unverified
from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.reference import ImageReference

DOCKER_HUB = "docker.io"
API_HOSTS = {DOCKER_HUB: "registry-1.docker.io"}
"""The hosts of the API, where they differ from the name in references."""
API_REALMS = {DOCKER_HUB: ("auth.docker.io",), "registry.gitlab.com": ("gitlab.com",)}
"""Other hosts on which the token service of a registry is known to stand."""
API_REDIRECTS = {"registry.k8s.io": "-docker.pkg.dev"}
"""How the hosts end that a registry is known to redirect requests for manifests and tags to: registry.k8s.io only chooses the nearest storage
(kubernetes/registry.k8s.io, "Request Handling")."""
PUBLIC = (
    DOCKER_HUB,
    "ghcr.io",
    "quay.io",
    "gcr.io",
    "registry.k8s.io",
    "mcr.microsoft.com",
    "public.ecr.aws",
    "registry.access.redhat.com",
    "registry.gitlab.com",
)
"""The registries that a run asks if the policy has no `registries`."""


@record
class RegistryEntry:
    """An entry of `registries` in a policy.

    `host` is the registry as in references, with its port. `mirror` is the host to ask instead, with a path in front of repositories if it has one.
    `ca` is the text of the certificates to trust besides those of the system. `at` is where the entry is, as `path:line`.
    """

    host: str
    credentials: bool = False
    mirror: str = ""
    private: bool = False
    insecure: bool = False
    ca: str = ""
    realms: tuple[str, ...] = ()
    at: str = ""


@record
class Endpoint:
    """A host to ask, with its port if it is not the default, and what is allowed there.

    `registry` is its name for people. `prefix` is the path in front of repositories, empty or with a slash at the end. `realms` are other hosts on
    which its token service may stand; `private` and `ca` hold for these, too. `redirects` is how the hosts end that it may redirect to, or empty.
    """

    registry: str
    host: str
    prefix: str = ""
    credentials: bool = False
    private: bool = False
    insecure: bool = False
    ca: str = ""
    realms: tuple[str, ...] = ()
    redirects: str = ""


class Hosts:
    """The registries that a policy allows a run to ask: those of its entries, or well-known public ones if it has none."""

    def __init__(self, entries: tuple[RegistryEntry, ...] | None) -> None:
        self._entries = {entry.host: entry for entry in reversed(entries or ())}
        if entries is None:
            self._entries = {host: RegistryEntry(host) for host in PUBLIC}

    def endpoint(self, reference: ImageReference) -> Endpoint:
        """Return where to ask about an image.

        Raises Unverified if the policy does not list its registry.
        """
        entry = self._entries.get(reference.registry)
        if entry is None:
            raise Unverified(reference.registry, "not listed under `registries` in the policy; add it there")
        host, _, prefix = entry.mirror.partition("/")
        return Endpoint(
            entry.host,
            host or API_HOSTS.get(entry.host, entry.host),
            f"{prefix.strip('/')}/" if prefix.strip("/") else "",
            entry.credentials,
            entry.private,
            entry.insecure,
            entry.ca,
            (*entry.realms, *(() if host else API_REALMS.get(entry.host, ()))),
            "" if host else API_REDIRECTS.get(entry.host, ""),
        )
