"""The images and users in Helm values: images written whole, or split over a map in any of the ways that charts use. Imports the YAML trees.

Values have no schema, so a map is taken for an image by its keys and by the key it is under. Addresses that may belong to a chart, a Git repository,
a picture or a disk are not images.
"""

from __future__ import annotations

import re

from imglint.model import DigestSlot, ImageUse, RunUser
from imglint.printable import clipped
from imglint.readers._chart import app_version
from imglint.readers._chart_values import ChartValues
from imglint.records import record, replace
from imglint.reference import InvalidReference, parse
from imglint.yaml.facts import TEXT_MAX, image_use_of, is_templated, run_user_of, span_of_empty
from imglint.yaml.nodes import MERGE, Mapping, Node, Scalar, Sequence, nonblank

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.source import Source

IMAGE_ONLY = ("tag", "digest", "sha", "registry", "pullPolicy", "imagePullPolicy", "imageTag", "pullSecrets")
"""Keys beside `repository` that only an image has."""
TAGS = ("tag", "imageTag", "Tag", "ImageTag")
DIGESTS = ("digest", "sha")
OTHER_TAGS = ("version", "imageVersion")
"""Keys beside a name that some charts have instead of `tag`; the tag of the image is unknown then, but not the version of the chart."""
CHECKOUT = ("branch", "ref", "revision")
"""Keys beside `repository` that a Git checkout has."""
POD_CONTEXT, CONTAINER_CONTEXTS = "podSecurityContext", ("containerSecurityContext", "securityContext")
SCHEME = re.compile(r"://|^git@|\.git$|^(?:github\.com|gitlab\.com|bitbucket\.org)/")
"""Addresses of something else: a chart, a Git repository, a web page."""
NO_IMAGE = re.compile(
    r"""^[/.] | ^(?:true|false|yes|no|on|off|none|auto)$ | ^[-+]?[0-9]+(?:\.[0-9]+)?$ | ^ami-[0-9a-f]+$
    | \.(?:png|jpe?g|gif|svg|ico|webp|bmp|iso|img|qcow2|vmdk|vhdx?|raw|ova)$""",
    re.VERBOSE | re.IGNORECASE,
)
"""Values of a key `image` that are something else: a path, a switch, a picture, a disk."""

NAMES = frozenset(("repository", "repo", "image", "Image", "name", MERGE))
"""Keys that name the image of a map, or may merge one that does; most mappings have none of them."""
COMPLETING = (
    *(("imageRegistry",), ("imageNamespace",), ("global", "imageRegistry"), ("global", "imageNamespace"), ("global", "registry")),
    *(("defaultImageRegistry",), ("defaultImageRepository",)),
)
"""Values of a chart that complete an image given by its name alone."""
FROM_CHART = " (tag from the chart: appVersion "
"""What follows the path of an image without a tag, before the version of the chart, which most templates use then."""
_IMAGE_KEY = re.compile(r"[iI]mages?$")
_STRING_KEY = re.compile(r"[a-z0-9]Image$|[-_]image$|^[iI]mage$")
_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")


@record
class KeyPath:
    """The path of a node: its key, the path of the node above, and whether one of the keys says that what is below is an image."""

    key: str
    above: KeyPath | None
    of_image: bool

    @property
    def dotted(self) -> str:
        """The keys from the top, as `helm --set` takes them."""
        keys, path = [], self
        while path.above is not None:
            keys.append(path.key)
            path = path.above
        return ".".join(reversed(keys)).replace(".[", "[")


def images_and_users(source: Source, root: Node) -> Iterator[ImageUse | RunUser]:
    """Yield the images and users that a document of values names."""
    values = _ValuesReader(source, root)
    contexts = []
    uses: dict[int, ImageUse] = {}
    for mapping, parent, path in _mappings(root):
        for use, holder in values.images(mapping, parent, path):
            uses.setdefault(id(holder), use)
            yield use
        if path.key.endswith("ecurityContext"):
            contexts.append((mapping, parent, path))
    for mapping, parent, path in contexts:
        user = _run_user(source, mapping, parent, path, uses.get(id(parent)))
        if user:
            yield user


def _mappings(root: Node) -> Iterator[tuple[Mapping, Mapping | None, KeyPath]]:
    """Yield each mapping with the mapping that contains it and its path."""
    waiting: list[tuple[Node, Mapping | None, KeyPath]] = [(root, None, KeyPath("", None, False))]
    entered = set()
    while waiting:
        node, parent, path = waiting.pop()
        if id(node) in entered or isinstance(node, Scalar):
            continue
        entered.add(id(node))
        if isinstance(node, Sequence):
            items = [(item, parent, KeyPath(f"[{at}]", path, path.of_image)) for at, item in enumerate(node.items)]
            waiting.extend(reversed(items))
            continue
        yield node, parent, path
        for key, value in reversed(node.entries):
            if isinstance(key, Scalar) and not isinstance(value, Scalar):
                of_image = path.of_image or _IMAGE_KEY.search(key.value) is not None
                waiting.append((value, node, KeyPath(clipped(key.value), path, of_image)))


class _ValuesReader:
    """Reads the images of one document, with the defaults that apply to all of them: the registry, and the tag from the chart."""

    def __init__(self, source: Source, root: Node) -> None:
        self.source = source
        self._named: set[int] = set()
        self._version: tuple[str, frozenset[str]] | None = None
        self._chart = ChartValues(source, root)

    def images(self, mapping: Mapping, parent: Mapping | None, path: KeyPath) -> Iterator[tuple[ImageUse, Mapping | None]]:
        """Yield the images that a mapping names, each with the mapping that it is the image of."""
        if NAMES.isdisjoint(mapping.by_key) and not any(name.endswith("mage") for name in mapping.by_key):
            return
        key = _name_key(mapping, path) or self._lone_name_key(mapping, path)
        if key and self._is_new(mapping.get(key)):
            yield self._split_image(mapping, key, path), parent if key not in ("image", "Image") else mapping
        for name, value in mapping.by_key.items():
            if (
                name.endswith("mage")
                and name != key
                and _STRING_KEY.search(name)
                and (image := nonblank(value))
                and _is_image(image)
                and self._is_new(image)
            ):
                where = ".".join(filter(None, (path.dotted, clipped(name))))
                known = path.key.startswith("[") or _has_tag(image.value)
                yield image_use_of(self.source, image, place="helm-string", where=where, tag_known=known), mapping

    def _is_new(self, name: Node | None) -> bool:
        """Return whether a name has not been read before; an alias can lead to it again."""
        count = len(self._named)
        self._named.add(id(name))
        return len(self._named) > count

    def _lone_name_key(self, mapping: Mapping, path: KeyPath) -> str | None:
        """Return `name` if that is all that a mapping has of an image, and the chart sets the rest of it."""
        name = mapping.scalar("name")
        if not name or not _is_image(name) or not _is_under_image_key(path):
            return None
        return "name" if any(self._shared(*keys) for keys in COMPLETING) else None

    def _split_image(self, mapping: Mapping, key: str, path: KeyPath) -> ImageUse:
        name = mapping.scalar(key)
        assert name is not None
        tag_in_name = _has_tag(name.value)
        version = [] if tag_in_name else _version_parts(mapping) or self._shared_tag(mapping, key)
        known = tag_in_name or bool(version)
        where = path.dotted or key
        chart_version = "" if known or any(other in mapping for other in OTHER_TAGS) else self._chart_version(where)
        if chart_version:
            where = f"{where}{FROM_CHART}{chart_version})"
        prefix, is_shared = self._prefix_parts(mapping, key, name)
        parts = [*prefix, name, *_last_name_parts(mapping, key, path), *version]
        use = image_use_of(self.source, name, place="helm-map", where=where, parts=parts, tag_known=known)
        reference = use.reference
        if reference is None:
            return use
        if reference.digest is None and not tag_in_name:
            use = replace(use, digest_slot=self._digest_slot(mapping))
        kept = ("registry",) if is_shared else ()
        if is_shared and use.parts["repository"][0] < use.span[0]:
            # A part of the name is written where the chart sets it for all images, so there is no span for both parts.
            return replace(use, kept=kept, parts={**use.parts, "repository": use.parts["whole"]})
        registry = mapping.get("registry")
        if isinstance(registry, Scalar) and not reference.registry_explicit and not nonblank(registry):
            return replace(use, parts={**use.parts, "registry": span_of_empty(self.source, mapping, registry)})
        return replace(use, kept=kept) if kept else use

    def _prefix_parts(self, mapping: Mapping, key: str, name: Scalar) -> tuple[list[Scalar | str], bool]:
        """Return what precedes the name, and whether the chart sets it for all of its images."""
        own = mapping.scalar("registry") or mapping.scalar("hub")
        is_complete = _has_registry(name.value)
        registry = None if own or is_complete else self._shared_registry(key, name.value)
        namespace = self._namespace if key == "name" and not is_complete else None
        parts: list[Scalar | str] = []
        for part in (own, registry, namespace):
            if part is not None:
                text = part if isinstance(part, str) else part.value
                parts += [part] if text.endswith("/") else [part, "/"]
        return parts, registry is not None or namespace is not None

    def _digest_slot(self, mapping: Mapping) -> DigestSlot | None:
        """Return the empty value of `digest` or `sha`. Charts expect a value of `sha` without `sha256:`."""
        for key in DIGESTS if mapping.text("useDigest") != "false" else ():
            value = mapping.by_key.get(key)
            if isinstance(value, Scalar) and not nonblank(value):
                return DigestSlot(span_of_empty(self.source, mapping, value), bare=key == "sha")
        return None

    def _shared_registry(self, key: str, name: str) -> Scalar | str | None:
        """Return the registry that the chart sets for an image without one."""
        registry = self._shared("global", "imageRegistry") or self._shared("global", "image", "registry")
        if registry is None and (key == "name" or self._namespace is None):
            # With a namespace besides, charts complete only names; `repository` is complete.
            registry = self._shared("imageRegistry")
        registry = registry or self._shared("defaultImageRegistry")
        if registry is None and (key != "name" or "/" not in name):
            registry = self._shared("global", "registry")
        return registry

    @property
    def _namespace(self) -> Scalar | str | None:
        return (
            self._shared("imageNamespace") or self._shared("global", "imageNamespace") or self._shared("defaultImageRepository")
        )

    def _shared_tag(self, mapping: Mapping, key: str) -> list[Scalar | str]:
        """Return the tag of all images of the chart, with its separator, for an image that has no key for one."""
        if key != "name" or any(tag in mapping for tag in TAGS):
            return []
        tag = self._shared("global", "tag")
        return [":", tag] if tag else []

    def _shared(self, *keys: str) -> Scalar | str | None:
        """Return a value that the chart sets for all of its images, if it can be a part of an image name."""
        value = self._chart.scalar(*keys)
        return value if value and _is_image_text(value if isinstance(value, str) else value.value) else None

    def _chart_version(self, where: str) -> str:
        """Return the tag that the chart uses for an image without one: its appVersion; empty if unknown, or up to another chart."""
        if self._version is None:
            self._version = app_version(self.source)
        version, dependencies = self._version
        if where.partition(".")[0] in dependencies or self._shared("defaultImageTag"):
            return ""
        return clipped(version)


def _name_key(mapping: Mapping, path: KeyPath) -> str | None:
    """Return the key that names the image of a mapping, or None if the mapping is not an image."""
    for key in ("repository", "repo"):
        repository = mapping.scalar(key)
        if repository:
            return key if _is_repository(repository.value[:TEXT_MAX], mapping, key, path) else None
    for key in ("image", "Image"):
        image = mapping.scalar(key)
        if image and _is_image(image) and any(other in mapping for other in ("registry", *TAGS)):
            return key
    name = mapping.scalar("name")
    if name and "tag" in mapping and (path.of_image or "pullPolicy" in mapping or "registry" in mapping) and _is_image(name):
        return "name"
    return None


def _is_under_image_key(path: KeyPath) -> bool:
    """Return whether a mapping is the value of a key such as `image`, or an entry of one such as `images`."""
    return path.key.endswith(("image", "Image")) or (path.above is not None and path.above.key.endswith(("images", "Images")))


def _is_repository(value: str, mapping: Mapping, key: str, path: KeyPath) -> bool:
    # Maps that configure other tools name an image by its path in these values: `image.repository`.
    if SCHEME.search(value) or value.endswith(".repository") or any(character.isspace() for character in value):
        return False
    if key == "repo":
        return any(tag in mapping for tag in TAGS)
    if any(other in mapping for other in IMAGE_ONLY):
        return True
    return path.of_image and not any(other in mapping for other in CHECKOUT)


def _is_image(value: Scalar) -> bool:
    """Return whether the value of a key `image` can be a container image, by its form."""
    return _is_image_text(value.value)


def _is_image_text(value: str) -> bool:
    text = value[:TEXT_MAX].strip()
    if is_templated(text):
        return "{{" in text or SCHEME.search(text) is None
    return not (NO_IMAGE.search(text) or SCHEME.search(text) or any(character.isspace() for character in text))


def _last_name_parts(mapping: Mapping, key: str, path: KeyPath) -> list[Scalar | str]:
    """Return the last component of the name if `repository` does not include it: `{repository: quay.io/acme, name: web}`."""
    repository, name = mapping.text(key), mapping.scalar("name")
    if name is None or key != "repository" or path.key not in ("image", "Image") or _has_tag(repository):
        return []
    return [] if f"/{repository}".endswith(f"/{name.value}") or not _is_image(name) else ["/", name]


def _has_tag(name: str) -> bool:
    """Return whether a name includes a tag or a digest."""
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


def _version_parts(mapping: Mapping) -> list[Scalar | str]:
    """Return tag and digest with their separators; empty if the mapping has neither."""
    parts: list[Scalar | str] = []
    tag = next(filter(None, [mapping.scalar(key) for key in TAGS]), None)
    if tag:
        parts += ["@" if tag.value.startswith("sha256:") else ":", tag]
    digest = next(filter(None, [mapping.scalar(key) for key in DIGESTS]), None)
    if digest and mapping.text("useDigest") != "false":
        parts += ["@sha256:" if _HEX_DIGEST.fullmatch(digest.value) else "@", digest]
    return parts


def _run_user(source: Source, context: Mapping, parent: Mapping | None, path: KeyPath, image: ImageUse | None) -> RunUser | None:
    """Return the user that a security context sets; None if it sets none or does not take effect."""
    if _is_off(context) or (path.key == POD_CONTEXT and parent is not None and _is_overridden(parent)):
        return None
    return run_user_of(source, path.dotted, _user(context), context.get("runAsNonRoot"), image=image)


def _is_off(context: Mapping) -> bool:
    return context.text("enabled") == "false"


def _user(context: Mapping) -> Scalar | None:
    """Return `runAsUser` if it is a number or templated; some charts also accept words such as `auto`."""
    user = context.scalar("runAsUser")
    return user if user and (user.value.strip().isdigit() or is_templated(user.value)) else None


def _is_overridden(siblings: Mapping) -> bool:
    """Return whether the container's context, which takes precedence over the pod's, sets a user."""
    for key in CONTAINER_CONTEXTS:
        context = siblings.mapping(key)
        if context and not _is_off(context) and _user(context):
            return True
    return False
