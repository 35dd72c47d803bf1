"""The proxy that the environment names for a host: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in lower or upper case."""

from __future__ import annotations

from ipaddress import ip_network
from urllib.request import getproxies_environment

from imglint.registry.addresses import literal
from imglint.registry.failures import HostFailure


def proxy_for(scheme: str, host: str, port: int) -> str:
    """Return the URL of the proxy to ask a host through; empty for none.

    Raises HostFailure for a proxy of another kind than HTTP.
    """
    proxies = getproxies_environment()
    proxy = proxies.get(scheme, "")
    if not proxy or any(_excludes(entry.strip().lower(), host, port) for entry in proxies.get("no", "").split(",")):
        return ""
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    if not proxy.startswith(("http://", "https://")):
        raise HostFailure(f"the proxy in {scheme.upper()}_PROXY is not an HTTP proxy")
    return proxy


def _excludes(entry: str, host: str, port: int) -> bool:
    """Return whether an entry of `NO_PROXY` means a host: `*`, a domain with all below it, a host with its port, an address or a network."""
    if entry == "*":
        return True
    address = literal(host)
    if address is not None:
        try:
            return address in ip_network(entry.strip("[]"), strict=False)
        except ValueError:
            pass
    domain = entry.removesuffix(f":{port}").lstrip(".")
    return bool(domain) and f".{host}".endswith(f".{domain}")
