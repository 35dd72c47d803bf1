"""What a registry knows about an image, as rules see it."""

from __future__ import annotations

from imglint.records import record
from imglint.registry.platforms import serves

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNED, UNSIGNED, OTHER_KEY, MOVED = "signed", "unsigned", "other-key", "moved"
"""The results of checking a signature: made with the key for this image, none found, only by other keys, only for another image."""


@record
class Signature:
    """The result of checking the signatures of an image: SIGNED, UNSIGNED, OTHER_KEY or MOVED.

    `digest` is that of the image that was checked. For MOVED, `signed` is the digest of the image that was signed.
    """

    result: str
    digest: str
    signed: str = ""


@record
class PublicKey:
    """A public key that signatures are checked with: the path of its file, its text in PEM format, and where the policy names it."""

    path: str
    pem: str
    at: str = ""


@record
class Quantity:
    """A size in bytes or an age in days, and how the policy writes it."""

    text: str
    value: int


@record
class Variant:
    """The image for one platform, `os/architecture` or `os/architecture/variant`, and the digest of its manifest."""

    platform: str
    digest: str


@record
class RegistryImage:
    """What a tag or digest stands for: the digest of the manifest or index, and the images for each platform, in the order of the index."""

    digest: str
    variants: tuple[Variant, ...]

    def serves(self, platform: str) -> bool:
        """Return whether a machine of a platform can run the image. A platform without a variant matches every variant."""
        return any(serves(variant.platform, platform) for variant in self.variants)


@record
class ImageDetails:
    """What the configuration and the manifest of an image for one platform say.

    `user` is empty if the image sets none, and so runs as root. `created` is a date and time as in RFC 3339, or empty. `size` is the size of the layers
    as stored, in bytes.
    """

    user: str
    labels: Mapping[str, str]
    created: str
    size: int
