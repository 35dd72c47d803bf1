"""The images in the spec of custom resources: strings under keys such as `image` that can be images. Imports the YAML trees."""

from __future__ import annotations

from imglint.printable import clipped
from imglint.readers._values import NO_IMAGE, SCHEME, KeyPath
from imglint.reference import InvalidReference, parse
from imglint.traced import PLACEHOLDER, literal
from imglint.yaml.facts import TEXT_MAX, image_use_of, is_templated
from imglint.yaml.nodes import Mapping, Scalar, nonblank
from imglint.yaml.templates import with_unknown_expressions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from imglint.model import ImageUse
    from imglint.source import Source
    from imglint.yaml.nodes import Node

PLACE = "custom-resource"
NAMED = ("Image", "_image", "imageName", "ImageName")
"""How other keys end that operators have for images: `imageName`, `dockerImage`, `docker_image`."""
VERSIONS = ("tag", "imageTag", "version", "digest", "sha", "sha256")
"""Keys beside an image with which an operator completes its name."""
MACHINE = ("machineType", "instanceType", "vmSize", "serverType", "flavor", "sshKeyName", "subnets")
"""Keys beside the image of a virtual machine, which looks like a container image without a tag."""
REPOSITORIES = "ImageRepository/"
"""How the owner of an image begins that is a repository to be scanned for tags: a resource of Flux."""
RECORDED = "lastTriggeredImage"
"""A key in which OpenShift records what it has run."""
NOT_RESOURCES = ("openAPIV3Schema", "rbd")
"""Keys of schemas, and of volumes of Ceph, in which `image` names a disk."""

NOT_CONFIGURATION = ("metadata", "status", "data", "items", "objects")
"""Keys of a resource without a `spec` that are not its configuration; the last two are those of lists and of templates of OpenShift."""


def configuration_of(resource: Mapping) -> Mapping:
    """Return what a resource without a `spec` says itself, without the resources that it may contain."""
    configuration = Mapping(resource.start)
    for key, value in resource.entries:
        if not (isinstance(key, Scalar) and key.value in NOT_CONFIGURATION):
            configuration.add(key, value)
    return configuration


def image_strings(source: Source, roots: Iterable[tuple[Node, str, str]], apart: Collection[int]) -> Iterator[ImageUse]:
    """Yield the images under keys `image` at any depth, each once.

    A root is a node, its keys from the top of the resource (empty for the resource itself), and the owner of what is below ("Kafka/logs").
    `apart` holds the ids of nodes to skip.
    """
    top = KeyPath("", None, of_image=False)
    waiting = [(node, KeyPath(keys, top, of_image=False) if keys else top, owner) for node, keys, owner in roots]
    waiting.reverse()
    entered = set(apart)
    while waiting:
        node, path, owner = waiting.pop()
        if id(node) in entered or isinstance(node, Scalar):
            continue
        entered.add(id(node))
        if isinstance(node, Mapping):
            image = node.scalar("image")
            if image and _is_image(image, node):
                known = _has_version(image) or not (owner.startswith(REPOSITORIES) or any(key in node for key in VERSIONS))
                yield image_use_of(source, image, place=PLACE, where=_where(owner, path, "image"), tag_known=known)
            for key, value in node.items():
                if key.endswith(NAMED) and key != RECORDED and (other := nonblank(value)) and _is_versioned_image(other):
                    yield image_use_of(source, other, place=PLACE, where=_where(owner, path, clipped(key)))
            below = [
                (key.value, value) for key, value in node.entries if isinstance(key, Scalar) and key.value not in NOT_RESOURCES
            ]
        else:
            below = [(f"[{at}]", item) for at, item in enumerate(node.items)]
        for key, value in reversed(below):
            if not isinstance(value, Scalar):
                waiting.append((value, KeyPath(clipped(key), path, of_image=False), owner))


def _where(owner: str, path: KeyPath, key: str) -> str:
    keys = ".".join(filter(None, (path.dotted, key)))
    return f"{owner} {keys}" if owner else keys


def _is_versioned_image(value: Scalar) -> bool:
    """Return whether a text has the form of an image with a tag or digest, unlike names of disks and of keys in other maps."""
    try:
        reference = parse(value.value[:TEXT_MAX].strip())
    except InvalidReference:
        return False
    return reference.tag is not None or reference.digest is not None


def _is_image(value: Scalar, siblings: Mapping) -> bool:
    text = value.value[:TEXT_MAX].strip()
    if NO_IMAGE.search(text) or SCHEME.search(text):
        return False
    if is_templated(text):
        # What fills it in must leave room for a reference: `(join('', [$image]))` does not.
        text = with_unknown_expressions(literal(text, 0)).text.replace(PLACEHOLDER, "x")
    try:
        reference = parse(text)
    except InvalidReference:
        return False
    return reference.tag is not None or reference.digest is not None or not any(key in siblings for key in MACHINE)


def _has_version(value: Scalar) -> bool:
    """Return whether the tag or digest is in the text, as far as it is known."""
    try:
        reference = parse(value.value[:TEXT_MAX].strip())
    except InvalidReference:
        return True
    return reference.tag is not None or reference.digest is not None
