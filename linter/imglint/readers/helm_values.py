"""Values files of Helm charts: images written whole, or split over a map in any of the ways that charts do. Imports the YAML trees.

A values file says nothing of what it is for, so a map is an image by its keys, and by the key under which it stands. What may be the address of a
chart, a Git repository, a picture or a disk is none.
"""

from __future__ import annotations

import re

from imglint.model import ImageUse, RunUser
from imglint.printable import clipped
from imglint.readers import _chart as chart
from imglint.readers import kubernetes
from imglint.record import record
from imglint.reference import InvalidReference, parse
from imglint.yaml.facts import TEXT_MAX, Values, assembled, filled_in, read_documents, use_of, user_of
from imglint.yaml.nodes import Mapping, Node, Scalar, Sequence
from imglint.yaml.templates import is_template

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import Fact
    from imglint.source import Source

FILES = ("*.yaml", "*.yml")

IMAGE_ONLY = ("tag", "digest", "sha", "registry", "pullPolicy", "imagePullPolicy", "imageTag", "pullSecrets")
"""Keys beside `repository` that only an image has."""
TAGS = ("tag", "imageTag", "Tag", "ImageTag")
CHECKOUT = ("branch", "ref", "revision")
"""Keys beside `repository` that a Git checkout has."""
POD_CONTEXT, CONTAINER_CONTEXTS = "podSecurityContext", ("containerSecurityContext", "securityContext")
SCHEME = re.compile(r"://|^git@|\.git$|^(?:github\.com|gitlab\.com|bitbucket\.org)/")
"""What is the address of something else: of a chart, a Git repository, a web page."""
NO_IMAGE = re.compile(
    r"""^[/.] | ^(?:true|false|yes|no|on|off|none|auto)$ | ^[-+]?[0-9]+(?:\.[0-9]+)?$ | ^ami-[0-9a-f]+$
    | \.(?:png|jpe?g|gif|svg|ico|webp|bmp|iso|img|qcow2|vmdk|vhdx?|raw|ova)$""",
    re.VERBOSE | re.IGNORECASE,
)
"""Values of a key `image` that name something else: a path, a switch, a picture, a disk."""

NAMES = frozenset(("repository", "repo", "image", "Image", "name", "<<"))
"""The keys of which one names the image of a map, or may bring one in that does; most mappings have none of them."""
_IMAGE_KEY = re.compile(r"[iI]mages?$")
_STRING_KEY = re.compile(r"[a-z0-9]Image$|[-_]image$|^[iI]mage$")
_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")


@record
class Place:
    """Where a mapping stands: its key, those above it, and whether one of these says that images stand below."""

    key: str
    above: Place | None
    of_image: bool

    @property
    def words(self) -> str:
        """The keys from the top, joined as `--set` takes them."""
        keys, place = [], self
        while place.above is not None:
            keys.append(place.key)
            place = place.above
        return ".".join(reversed(keys)).replace(".[", "[")


def claims(source: Source) -> bool:
    """Whether the file is named as values are, and is neither a manifest nor a template."""
    if not chart.is_values_name(source.name) or kubernetes.claims(source):
        return False
    return not (is_template(source.text) and chart.in_templates(source.path))


def read(source: Source) -> Iterator[Fact]:
    """Yield the images and users that the values name."""
    roots: list[Node] = []
    yield from read_documents(source, roots)
    seen: set[tuple[type, int]] = set()
    for root in roots:
        for fact in _of_root(source, root):
            key = (type(fact), fact.span[0])
            if key not in seen:
                seen.add(key)
                yield fact


def _of_root(source: Source, root: Node) -> Iterator[ImageUse | RunUser]:
    chart_of = _Chart(source, root)
    contexts = []
    uses: dict[int, ImageUse] = {}
    for mapping, parent, place in _mappings(root):
        for use, holder in chart_of.images(mapping, parent, place):
            uses.setdefault(id(holder), use)
            yield use
        if place.key.endswith("ecurityContext"):
            contexts.append((mapping, parent, place))
    for mapping, parent, place in contexts:
        user = _user(source, mapping, parent, place, uses.get(id(parent)))
        if user:
            yield user


def _mappings(root: Node) -> Iterator[tuple[Mapping, Mapping | None, Place]]:
    """Yield every mapping with the mapping that holds it and its place."""
    waiting: list[tuple[Node, Mapping | None, Place]] = [(root, None, Place("", None, False))]
    entered = set()
    while waiting:
        node, parent, place = waiting.pop()
        if id(node) in entered or isinstance(node, Scalar):
            continue
        entered.add(id(node))
        if isinstance(node, Sequence):
            items = [(item, parent, Place(f"[{at}]", place, place.of_image)) for at, item in enumerate(node.items)]
            waiting.extend(reversed(items))
            continue
        yield node, parent, place
        for key, value in reversed(node.entries):
            if isinstance(key, Scalar) and not isinstance(value, Scalar):
                of_image = place.of_image or _IMAGE_KEY.search(key.value) is not None
                waiting.append((value, node, Place(clipped(key.value), place, of_image)))


class _Chart:
    """What holds for all values of a file: the registry for those without one, and the version of the application."""

    def __init__(self, source: Source, root: Node) -> None:
        self.source = source
        self._named: set[int] = set()
        self._version: tuple[str, frozenset[str]] | None = None
        everywhere = Values(root).values("global") if isinstance(root, Mapping) else None
        image = everywhere.values("image") if everywhere else None
        self.registry = (everywhere.scalar("imageRegistry") if everywhere else None) or (
            image.scalar("registry") if image else None
        )

    def images(self, mapping: Mapping, parent: Mapping | None, place: Place) -> Iterator[tuple[ImageUse, Mapping | None]]:
        """Yield the images that a mapping names, each with the mapping that has it as its image."""
        if NAMES.isdisjoint(mapping.by_key) and not any(name.endswith("mage") for name in mapping.by_key):
            return
        values = Values(mapping)
        key = _name_key(values, place)
        if key and self._is_new(values.get(key)):
            yield self._split(values, key, place), parent if key not in ("image", "Image") else mapping
        for name, value in mapping.by_key.items():
            if (
                name.endswith("mage")
                and name != key
                and _STRING_KEY.search(name)
                and isinstance(value, Scalar)
                and _is_image(value)
                and self._is_new(value)
            ):
                where = ".".join(filter(None, (place.words, clipped(name))))
                known = place.key.startswith("[") or _has_tag(value.value)
                yield use_of(self.source, value, "helm-string", where, tag_known=known), mapping

    def _is_new(self, name: Node | None) -> bool:
        """Whether a name is met for the first time, and not again through an alias."""
        count = len(self._named)
        self._named.add(id(name))
        return len(self._named) > count

    def _split(self, values: Values, key: str, place: Place) -> ImageUse:
        name = values.scalar(key)
        assert name is not None
        before, after = self._before(values, name), [] if _has_tag(name.value) else _after(values)
        known = bool(after) or _has_tag(name.value)
        after = [*_below(values, key, place), *after]
        where = place.words or key
        version = "" if known else self._version_for(where)
        if version:
            where = f"{where} (tag from the chart: appVersion {version})"
        whole = assembled(self.source.text, name, before, after)
        return use_of(self.source, name, "helm-map", where, whole, tag_known=known)

    def _before(self, values: Values, name: Scalar) -> list[Scalar | str]:
        registry = values.scalar("registry") or values.scalar("hub")
        if registry is None and not _has_registry(name.value):
            registry = self.registry
        if registry is None:
            return []
        return [registry] if registry.value.endswith("/") else [registry, "/"]

    def _version_for(self, where: str) -> str:
        """Return the version that the chart gives to a value without a tag; empty where none is known, or another chart gives it."""
        if self._version is None:
            self._version = chart.app_version(self.source)
        version, others = self._version
        return "" if where.partition(".")[0] in others else clipped(version)


def _name_key(values: Values, place: Place) -> str | None:
    """Return the key whose value names the image that a mapping is, None where it is none."""
    for key in ("repository", "repo"):
        repository = values.scalar(key)
        if repository:
            return key if _is_repository(repository.value[:TEXT_MAX], values, key, place) else None
    for key in ("image", "Image"):
        image = values.scalar(key)
        if image and _is_image(image) and any(other in values for other in ("registry", *TAGS)):
            return key
    name = values.scalar("name")
    if name and "tag" in values and (place.of_image or "pullPolicy" in values or "registry" in values) and _is_image(name):
        return "name"
    return None


def _is_repository(value: str, values: Values, key: str, place: Place) -> bool:
    # A map that tells another tool where the image stands names it by its path in these values: `image.repository`.
    if SCHEME.search(value) or value.endswith(".repository") or any(character.isspace() for character in value):
        return False
    if key == "repo":
        return any(tag in values for tag in TAGS)
    if any(other in values for other in IMAGE_ONLY):
        return True
    return place.of_image and not any(other in values for other in CHECKOUT)


def _is_image(value: Scalar) -> bool:
    """Whether the value of a key `image` names a container image, as far as its form can tell."""
    text = value.value[:TEXT_MAX].strip()
    if not text or value.is_null:
        return False
    if filled_in(text):
        return "{{" in text or SCHEME.search(text) is None
    return not (NO_IMAGE.search(text) or SCHEME.search(text) or any(character.isspace() for character in text))


def _below(values: Values, key: str, place: Place) -> list[Scalar | str]:
    """Return the last part of the name, where `repository` gives only what stands above it: `{repository: quay.io/acme, name: web}`."""
    above, name = values.word(key), values.scalar("name")
    is_below = key == "repository" and name is not None and place.key in ("image", "Image") and not _has_tag(above)
    return ["/", name] if is_below and name and not f"/{above}".endswith(f"/{name.value}") and _is_image(name) else []


def _has_tag(name: str) -> bool:
    """Whether a name carries a tag or a digest of its own."""
    try:
        reference = parse(name[:TEXT_MAX])
    except InvalidReference:
        return False
    return reference.tag is not None or reference.digest is not None


def _has_registry(name: str) -> bool:
    try:
        return parse(name[:TEXT_MAX]).registry_explicit
    except InvalidReference:
        return False


def _after(values: Values) -> list[Scalar | str]:
    """Return tag and digest with their separators, empty where neither is written."""
    parts: list[Scalar | str] = []
    tag = next(filter(None, [values.scalar(key) for key in TAGS]), None)
    if tag:
        parts += ["@" if tag.value.startswith("sha256:") else ":", tag]
    unused = values.scalar("useDigest")
    digest = values.scalar("digest") or values.scalar("sha")
    if digest and not (unused and unused.value == "false"):
        parts += ["@sha256:" if _HEX_DIGEST.fullmatch(digest.value) else "@", digest]
    return parts


def _user(source: Source, context: Mapping, parent: Mapping | None, place: Place, image: ImageUse | None) -> RunUser | None:
    """Return the user that a security context names; None where it names none or has no effect."""
    values = Values(context)
    if _is_off(values) or (place.key == POD_CONTEXT and parent is not None and _is_overridden(Values(parent))):
        return None
    return user_of(source, place.words, _uid(values), values.get("runAsNonRoot"), image=image)


def _is_off(values: Values) -> bool:
    enabled = values.scalar("enabled")
    return enabled is not None and enabled.value == "false"


def _uid(values: Values) -> Scalar | None:
    """Return the user where it is a number or filled in; charts also take words such as `auto` there."""
    user = values.scalar("runAsUser")
    return user if user and (user.value.strip().isdigit() or filled_in(user.value)) else None


def _is_overridden(siblings: Values) -> bool:
    """Whether the context of the container, which wins over that of its pod, names a user."""
    for key in CONTAINER_CONTEXTS:
        context = siblings.values(key)
        if context and not _is_off(context) and _uid(context):
            return True
    return False
