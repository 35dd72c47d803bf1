"""The addresses of hosts. Only public ones are connected to, unless the policy states that the host is private."""

from __future__ import annotations

import os
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

from imglint.records import record
from imglint.registry.failures import HostFailure, Interrupted, TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PER_FAMILY = 2
"""Addresses of each family that are tried: a host may have many, and those of one family may all be unreachable."""
TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""Addresses that a NAT64 gateway (RFC 6052, RFC 8215) translates to the IPv4 address in their last 32 bits."""
GLOBAL_UNICAST = IPv6Network("2000::/3")
HINT = "set `private: true` for this host under `registries`"


@record
class Address:
    """A resolved address to connect to."""

    family: int
    target: Any


def resolved(host: str, port: int, seconds: float) -> tuple[Address, ...]:
    """Return the addresses of a host.

    Raises HostFailure if it has none, and TimedOut if that takes too long. The system's resolver knows no deadline, so it runs in a thread, which ends
    with the process.
    """
    found: list[tuple[Address, ...]] = []

    def look_up() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            entries = []
        found.append(tuple(dict.fromkeys([Address(entry[0], entry[4]) for entry in entries])))

    thread = Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise TimedOut()
    if not found[0]:
        raise HostFailure("host name cannot be resolved")
    return found[0]


def permitted(addresses: Sequence[Address], is_private: bool) -> tuple[Address, ...]:
    """Return the addresses that may be connected to, the first few of each family.

    Raises HostFailure if there are none. `is_private` states that the host may have a private or loopback address.
    """
    refusals = [refusal(ip_address(str(address.target[0])), is_private) for address in addresses]
    allowed = [address for address, reason in zip(addresses, refusals, strict=True) if not reason]
    if not allowed:
        raise HostFailure(refusals[0])
    kept: list[Address] = []
    for address in allowed:
        if sum([address.family == other.family for other in kept]) < PER_FAMILY:
            kept.append(address)
    return tuple(kept)


def literal(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a host is a spelling of, such as `[::1]` or `2130706433`; None for a name."""
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def refusal(address: IPv4Address | IPv6Address, is_private: bool) -> str:
    """Return why an address must not be connected to; empty if it may be."""
    inner = _embedded(address)
    for one in (address, inner):
        for kind, is_kind in (
            ("link-local", one.is_link_local),
            ("multicast", one.is_multicast),
            ("unspecified", one.is_unspecified),
        ):
            if is_kind:
                return f"address {address} is {kind}"
    if is_private:
        return ""
    if inner.is_loopback:
        return f"address {address} is loopback; {HINT}"
    if inner.is_private:
        return f"address {address} is private; {HINT}"
    return "" if address.is_global and _is_plain(address) else f"address {address} is not public; {HINT}"


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address stands for, or else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if any(address in network for network in TRANSLATED):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_plain(address: IPv4Address | IPv6Address) -> bool:
    """Return whether an address is of a host, not of a gateway to other addresses."""
    return isinstance(address, IPv4Address) or (address in GLOBAL_UNICAST and address.sixtofour is None)


def connected(
    addresses: Sequence[Address], seconds: float, new_socket: Callable[[int], socket.socket]
) -> tuple[socket.socket, Address]:
    """Return a connection to the first address that accepts one, within a time for all of them, and that address.

    Raises Interrupted if none does.
    """
    end = monotonic() + seconds
    failure: Interrupted = TimedOut()
    for number, address in enumerate(addresses):
        left = max(end - monotonic(), 0.001)
        try:
            connection = new_socket(address.family)
        except OSError as error:
            failure = Interrupted(_text_of(error))
            continue
        try:
            connection.settimeout(left / (len(addresses) - number))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect(address.target)
        except TimeoutError:
            connection.close()
            failure = TimedOut()
        except OSError as error:
            connection.close()
            failure = Interrupted(_text_of(error))
        else:
            return connection, address
    raise failure


def _text_of(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else "not connected"
