"""The keys of a policy for `--online`: `registries`, and the keys of rows about what registries know. Imported only for policies that have them."""

from __future__ import annotations

import re
from decimal import Decimal

from imglint.policy.checked_nodes import plain_type
from imglint.printable import clipped, listed
from imglint.records import record
from imglint.reference import InvalidReference, parse
from imglint.registry.hosts import RegistryEntry
from imglint.registry.images import PublicKey, Quantity
from imglint.registry.platforms import ALIASES, ARCHITECTURES, SYSTEMS
from imglint.source import UnreadFile
from imglint.spelling import did_you_mean
from imglint.yaml.nodes import Mapping, Scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from imglint.policy.checked_nodes import Nodes
    from imglint.policy.find import Place
    from imglint.yaml.nodes import Node

ENTRY_KEYS = ("host", "credentials", "mirror", "private", "insecure", "ca", "realms")
GIVEN_KEYS = ("credentials", "mirror", "private", "insecure", "ca", "realms")
"""The keys that are allowed only in a policy that no pull request can change."""
PEM_MAX = 1024 * 1024
"""Characters of a file with certificates or a public key."""
LAST_PORT = 65_535
CERTIFICATE, PUBLIC_KEY = "CERTIFICATE", "PUBLIC KEY"
"""The labels of the PEM blocks that are read."""
UNITS = {
    "B": 1,
    "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4,
    "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4,
}  # fmt: skip
"""The units of sizes, in bytes."""
PERIODS = {"d": 1, "w": 7, "y": 365}
"""The units of ages, in days."""
_SIZE = re.compile(rf"([0-9]{{1,12}}(?:\.[0-9]{{1,6}})?) ?({'|'.join(UNITS)})")
_AGE = re.compile(rf"([0-9]{{1,6}}) ?({'|'.join(PERIODS)})")
_VARIANT = re.compile(r"[a-z0-9][a-z0-9.]*")
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,64})-----[ \t]*\r?\n([A-Za-z0-9+/=\s]*)-----END \1-----")


@record
class PemFiles:
    """The files with certificates and keys that the policy files of a place name.

    With `confined`, those outside of the root of the place are refused: the policy was found there, so it may come from anyone.
    """

    place: Place
    confined: bool

    def read(self, nodes: Nodes, node: Node, key: str, label: str) -> tuple[str, str]:
        """Return the path and the text of the file that a node names, which has at least one PEM block with the label; two empty texts if not."""
        name = nodes.text(node, key)
        if name is None:
            return "", ""
        try:
            path = self.place.beside(nodes.source.path, name)
            self.place.identity(path)
            if self.confined and self.place.is_outside(path):
                raise UnreadFile(f"outside of {self.place.root}; use a file inside, or pass the policy with --config")
            text = self.place.read_pem(path)
            if len(text) > PEM_MAX:
                raise UnreadFile(f"larger than {PEM_MAX} characters")
        except ValueError:
            nodes.error(node, key, f"invalid path {name!a}")
            return "", ""
        except UnreadFile as error:
            nodes.error(node, key, f"cannot read {clipped(name)}: {error.reason}")
            return "", ""
        problem = _pem_problem(text, label)
        if problem:
            nodes.error(node, key, f"{clipped(name)} {problem}")
            return "", ""
        return path, text


def _pem_problem(text: str, label: str) -> str:
    """Return what is wrong with a file of PEM blocks; empty if nothing obvious is. The content of the blocks is not decoded."""
    labels = [found[1] for found in _PEM.finditer(text)]
    if "PRIVATE KEY" in text:
        return "contains a private key; name the file of the public key, and keep this one out of the repository"
    if label in labels:
        return ""
    words = {CERTIFICATE: "certificate", PUBLIC_KEY: "public key"}
    if f"-----BEGIN {label}-----" in text:
        return f"contains a {words[label]} that is incomplete or not valid base64; copy the whole PEM block"
    other = f"found `-----BEGIN {labels[0]}-----`" if labels else "found none"
    return f"is not a {words[label]} in PEM format; expected `-----BEGIN {label}-----`, {other}"


def entries(nodes: Nodes, node: Node, files: PemFiles, refused: Callable[[Node, str], None] | None) -> list[RegistryEntry]:
    """Return the entries of `registries` in one file. `refused`, if not None, is called for each key in GIVEN_KEYS."""
    found: list[RegistryEntry] = []
    lines: dict[str, int] = {}
    for item in nodes.items(node, "registries", empty=True):
        values = nodes.mapping(item, "registries", ENTRY_KEYS, ("host",))
        line = nodes.source.location(item.start, item.start).line
        if refused is not None and isinstance(item, Mapping):
            for key, _ in item.entries:
                if isinstance(key, Scalar) and key.value in GIVEN_KEYS:
                    refused(key, key.value)
        host = _host(nodes, values["host"], "host") if "host" in values else ""
        if host in lines:
            nodes.error(values["host"], "host", f"duplicate host `{host}`; first listed on line {lines[host]}")
        entry = RegistryEntry(
            host,
            _flag(nodes, values, "credentials"),
            _host(nodes, values["mirror"], "mirror", with_path=True) if "mirror" in values else "",
            _flag(nodes, values, "private"),
            _flag(nodes, values, "insecure"),
            files.read(nodes, values["ca"], "ca", CERTIFICATE)[1] if "ca" in values else "",
            tuple([_host(nodes, one, "realms") for one in nodes.items(values["realms"], "realms")]) if "realms" in values else (),
            f"{nodes.source.path}:{line}",
        )
        if host:
            lines.setdefault(host, line)
            found.append(entry)
    return found


def _flag(nodes: Nodes, values: dict[str, Node], key: str) -> bool:
    return bool(nodes.flag(values[key], key)) if key in values else False


def _host(nodes: Nodes, node: Node, key: str, *, with_path: bool = False) -> str:
    """Return a host as in references, with its port if it has one, and for a mirror with its path; empty after an error."""
    text = nodes.text(node, key)
    if text is None:
        return ""
    host, problem = _checked_host(text, with_path)
    if problem:
        nodes.error(node, key, problem)
    return "" if problem else host


def _checked_host(text: str, with_path: bool) -> tuple[str, str]:
    """Return a normalized host, and what is wrong with the text; empty if nothing is."""
    scheme, has_scheme, rest = text.partition("://")
    if has_scheme:
        advice = ", and `insecure: true` for plain HTTP" if scheme.lower() == "http" else ""
        return "", f"host has a scheme; write `{clipped(rest.strip('/') if with_path else rest.partition('/')[0])}`{advice}"
    if "*" in text:
        return "", "wildcards are not allowed; add an entry for each host"
    host, slash, path = text.partition("/")
    if slash and not (with_path and path):
        problem = "has a path" if path else "ends with a slash"
        return "", f"host {problem}; write `{clipped(host if path else text.rstrip('/'))}`"
    try:
        reference = parse(f"{text}/image")
    except InvalidReference:
        return (
            "",
            f"invalid host `{clipped(text)}`; write it as in image references, such as `ghcr.io` or `registry.acme.example:5000`",
        )
    if not reference.registry_explicit:
        return "", f"`{clipped(text)}` is not a host; write it as in image references, with a dot or a port"
    _, _, port = host.rpartition("]")[2].partition(":")
    if port and not 0 < int(port[:9]) <= LAST_PORT:
        return "", f"invalid port {clipped(port)}; write a number from 1 to {LAST_PORT}"
    return f"{reference.registry}{slash}{path}", ""


def platforms(nodes: Nodes, node: Node) -> tuple[str, ...]:
    """Return the platforms of a row."""
    found = []
    for item in nodes.items(node, "platforms"):
        text = nodes.text(item, "platforms")
        problem = _platform_problem(text) if text is not None else ""
        if problem:
            nodes.error(item, "platforms", problem)
        elif text is not None:
            found.append(text)
    return tuple(dict.fromkeys(found))


def _platform_problem(text: str) -> str:
    system, _, rest = text.partition("/")
    architecture, slash, variant = rest.partition("/")
    if text in ALIASES or text in ARCHITECTURES:
        return f"operating system is missing; write `linux/{ALIASES.get(text, text)}`"
    if not rest or "/" in variant or (slash and not variant):
        return f"invalid platform `{clipped(text)}`; write it as `linux/amd64` or `linux/arm/v7`"
    if system not in SYSTEMS:
        return f"unknown operating system `{clipped(system)}`{did_you_mean(system, SYSTEMS)}"
    if architecture not in ARCHITECTURES:
        known = ALIASES.get(architecture.lower())
        hint = f"; write `{system}/{known}`" if known else did_you_mean(architecture, ARCHITECTURES)
        return f"unknown architecture `{clipped(architecture)}`{hint}"
    if slash and _VARIANT.fullmatch(variant) is None:
        return f"invalid variant `{clipped(variant)}`; write it as in `linux/arm/v7`"
    return ""


def signed(nodes: Nodes, node: Node, files: PemFiles) -> PublicKey | None:
    """Return the key that images of a row are signed with."""
    if isinstance(node, Scalar):
        hint = f"; write `{{key: {node.value}}}`" if plain_type(node) == "string" and node.value else "; write `{key: FILE}`"
        nodes.error(node, "signed", f"expected a mapping with the key `key`, the file of a public key{hint}")
        return None
    if isinstance(node, Mapping):
        keyless = [key for key, _ in node.entries if isinstance(key, Scalar) and key.value in KEYLESS]
        if keyless:
            nodes.error(keyless[0], "signed", "keyless signatures are not supported; sign with a key, and write `{key: FILE}`")
            return None
    values = nodes.mapping(node, "signed", ("key",), ("key",))
    if "key" not in values:
        return None
    value = values["key"]
    if isinstance(value, Scalar) and _ADDRESS.match(value.value):
        nodes.error(value, "key", "keys cannot be loaded from an address; save the public key in a file, and name that file")
        return None
    path, text = files.read(nodes, value, "key", PUBLIC_KEY)
    location = nodes.source.location(value.start, value.start)
    return PublicKey(path, text, f"{nodes.source.path}:{location.line}:{location.column}") if text else None


KEYLESS = (
    "keyless", "identity", "identities", "issuer", "oidc-issuer", "certificate-identity", "certificate-identity-regexp",
    "certificate-oidc-issuer", "certificate-oidc-issuer-regexp", "subject",
)  # fmt: skip
"""Keys that people write for keyless signatures, as in the options of cosign."""
_ADDRESS = re.compile(r"[a-z0-9+.-]+://", re.IGNORECASE)


def labels(nodes: Nodes, node: Node) -> tuple[str, ...]:
    """Return the names of labels that images of a row have."""
    return tuple(dict.fromkeys([text for item in nodes.items(node, "labels") if (text := nodes.text(item, "labels"))]))


def size(nodes: Nodes, node: Node) -> Quantity | None:
    """Return a size in bytes."""
    words = listed([unit for unit in UNITS if unit not in ("B", "KB")])
    return _quantity(nodes, node, "max-size", _SIZE, UNITS, f"a size such as `30MB`, in {words}")


def age(nodes: Nodes, node: Node) -> Quantity | None:
    """Return an age in days."""
    return _quantity(nodes, node, "max-age", _AGE, PERIODS, "an age in days, weeks or years, such as `180d`, `26w` or `1y`")


def _quantity(
    nodes: Nodes, node: Node, key: str, pattern: re.Pattern[str], units: dict[str, int], expected: str
) -> Quantity | None:
    """Return a number with a unit, in the smallest unit and rounded down."""
    text = nodes.text(node, key, literal=True) if isinstance(node, Scalar) and not node.is_null else None
    found = pattern.fullmatch(text) if text is not None else None
    if found is None:
        nodes.unexpected(node, key, expected)
        return None
    value = int(Decimal(found[1]) * units[found[2]])
    if not value:
        nodes.error(node, key, "must be more than 0")
        return None
    return Quantity(found[0], value)
