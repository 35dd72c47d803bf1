"""Which hosts a registry may send a run to: its token service, and the storage of its blobs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imglint.records import record
from imglint.registry.failures import Failure

if TYPE_CHECKING:
    from imglint.registry.hosts import Endpoint

URL_MAX = 8192
"""Characters of a URL that a registry names."""
HOST_SHOWN = 64
"""Characters of a host that a registry names, in messages."""
PORTS = {"http": 80, "https": 443}
HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
URL = re.compile(rf"(https?)://({HOST}(?::[0-9]+)?)(?=[/?]|\Z)([!-\"$-~]*)", re.IGNORECASE)
"""URLs to which requests are made: in ASCII, without a user and a fragment."""


@record
class Site:
    """A host to send requests to. `host` has its port if it is not the default one; `is_private` and `ca` are as in Endpoint."""

    scheme: str
    host: str
    is_private: bool = False
    ca: str = ""

    @property
    def name(self) -> str:
        """The host without its port."""
        return re.sub(r":[0-9]+\Z", "", self.host).strip("[]")

    @property
    def port(self) -> int:
        """The port."""
        found = re.search(r":([0-9]+)\Z", self.host)
        return int(found[1]) if found else PORTS[self.scheme]


def site_at(endpoint: Endpoint) -> Site:
    """Return the site of a registry. Raises Failure if its host is not valid."""
    scheme = "http" if endpoint.insecure else "https"
    if not _is_host(endpoint.host):
        raise Failure("invalid host")
    return Site(scheme, normal(endpoint.host, scheme), endpoint.private, endpoint.ca)


def normal(host: str, scheme: str) -> str:
    """Return a host in lower case, without the default port of the scheme."""
    return host.lower().removesuffix(f":{PORTS[scheme]}")


def token_site(endpoint: Endpoint, realm: str) -> tuple[Site, str]:
    """Return the site and the path of a token service.

    Raises Failure unless it is on the host of the registry or on one that the policy lists, and over TLS if the registry is.
    """
    scheme, host, path = _parts(realm, "named an invalid token service")
    if scheme != "https" and not endpoint.insecure:
        raise Failure(f"named a token service without TLS, {shown(host)}")
    if host != normal(endpoint.host, scheme) and host not in [normal(one, scheme) for one in endpoint.realms]:
        raise Failure(f"named the token service {shown(host)}, which is not listed under `realms` for this host")
    return Site(scheme, host, endpoint.private, endpoint.ca), path


def blob_site(endpoint: Endpoint, location: str) -> tuple[Site, str]:
    """Return the site and the path that a blob is at.

    Raises Failure for one without TLS, unless the registry is asked without. The address may be private only on the hosts of the registry.
    """
    if location.startswith("/") and not location.startswith("//"):
        location = f"{site_at(endpoint).scheme}://{endpoint.host}{location}"
    scheme, host, path = _parts(location, "redirected a blob to an invalid URL")
    if scheme != "https" and not endpoint.insecure:
        raise Failure(f"redirected a blob to {shown(host)} without TLS")
    is_own = host in [normal(one, scheme) for one in (endpoint.host, *endpoint.realms)]
    return Site(scheme, host, endpoint.private and is_own, endpoint.ca if is_own else ""), path


def redirect_site(endpoint: Endpoint, location: str) -> tuple[Site, str]:
    """Return the site and the path that a registry redirects a request for a manifest or tags to.

    Raises Failure unless it is known to redirect there, over TLS if the registry is asked so.
    """
    scheme, host, path = _parts(location, "redirected to an invalid URL")
    if not host.endswith(endpoint.redirects):
        raise Failure(f"redirected to {shown(host)}")
    if scheme != "https" and not endpoint.insecure:
        raise Failure(f"redirected to {shown(host)} without TLS")
    return Site(scheme, host, endpoint.private), path


def _parts(url: str, error: str) -> tuple[str, str, str]:
    """Return the scheme, the host and the rest of a URL. Raises Failure with a reason for one that no request is made to."""
    found = URL.fullmatch(url) if len(url) <= URL_MAX else None
    if found is None or not _is_host(found[2]):
        raise Failure(error)
    scheme, path = found[1].lower(), found[3]
    return scheme, normal(found[2], scheme), path if path.startswith("/") else f"/{path}"


def _is_host(host: str) -> bool:
    found = re.fullmatch(rf"{HOST}(?::([0-9]{{1,5}}))?", host)
    return found is not None and 0 < int(found[1] or 1) < 65_536


def shown(host: str) -> str:
    """Return a host that a registry named, shortened for a message."""
    return host if len(host) <= HOST_SHOWN else f"{host[: HOST_SHOWN - 3]}..."
