"""Platforms of images, written `os/architecture` or `os/architecture/variant`.

The names are those of the OCI image specification, which takes them from Go; the aliases and the default variants are those of containerd.
"""

from __future__ import annotations

SYSTEMS = ("linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "solaris", "illumos", "aix", "plan9", "wasip1", "js")
ARCHITECTURES = (
    "amd64", "arm64", "arm", "386", "ppc64le", "ppc64", "s390x", "riscv64", "loong64", "mips", "mipsle", "mips64", "mips64le", "wasm",
)  # fmt: skip
ALIASES = {
    "x86_64": "amd64", "x86-64": "amd64", "x64": "amd64", "aarch64": "arm64", "armv8": "arm64", "i386": "386", "i686": "386", "x86": "386",
    "armhf": "arm/v7", "armv7": "arm/v7", "armv7l": "arm/v7", "armel": "arm/v6", "armv6": "arm/v6",
}  # fmt: skip
"""Other names of architectures."""
_DEFAULT_VARIANTS = {"arm64": "v8", "arm": "v7", "amd64": "v1"}


def serves(served: str, wanted: str) -> bool:
    """Return whether an image for one platform runs on another one.

    A platform without a variant stands for all variants. A machine runs images for lower variants of its architecture, too.
    """
    system, architecture, variant = _parts(served)
    wanted_system, wanted_architecture, wanted_variant = _parts(wanted)
    if (system, architecture) != (wanted_system, wanted_architecture):
        return False
    if not wanted_variant:
        return True
    default = _DEFAULT_VARIANTS.get(architecture, "")
    variant = variant or default
    return variant == wanted_variant or 0 < _number(variant) <= _number(wanted_variant)


def _parts(platform: str) -> tuple[str, str, str]:
    system, _, rest = platform.partition("/")
    architecture, _, variant = rest.partition("/")
    return system, architecture, variant


def _number(variant: str) -> int:
    """Return the number of a variant such as `v7`; 0 if it has none."""
    digits = variant.removeprefix("v")
    return int(digits) if variant.startswith("v") and digits.isascii() and digits.isdigit() and len(digits) < 4 else 0


def normalized(written: str) -> str:
    """Return a platform as people write it for `--platform`, with the usual names; empty if it is none, or only an operating system."""
    system, _, rest = written.lower().partition("/")
    if not rest and (system in ALIASES or system in ARCHITECTURES):
        system, rest = "linux", system
    architecture, _, variant = rest.partition("/")
    platform = "/".join([part for part in (system, ALIASES.get(architecture, architecture), variant) if part])
    return platform if system in SYSTEMS and _parts(platform)[1] in ARCHITECTURES else ""
