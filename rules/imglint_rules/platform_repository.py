"""A repository or tag for one platform, such as `app-amd64` or `:v1-arm64`, instead of a multi-platform image.

**Why it matters:** on a node of another platform, the container fails with `exec format error`, and every manifest must
be maintained once per platform.

**How to fix it:** publish one image index for all platforms and use its name. The container runtime selects the
image for its platform.

A platform is recognized if its name is a separate word of the repository or the tag, between dashes, underscores,
dots or slashes: `amd64`, `x86_64`, `arm64`, `arm64v8`, `aarch64`, `armv7`, `ppc64le`, `s390x`, `riscv64`, `i386` and
similar names.

## Flagged

```yaml policy
rules:
  platform-repository: warning
```

```yaml compose
services:
  web:
    image: ghcr.io/acme/web-amd64:v1.0.0
```

```dockerfile
FROM docker.io/arm64v8/nginx:1.27.0
USER 101
```

## Passed

```yaml compose
services:
  web:
    image: ghcr.io/acme/web:v1.0.0
```

## Fixed

```yaml policy
rules:
  platform-repository: warning
```

```yaml compose
services:
  web:
    image: ghcr.io/acme/web-linux-amd64:v1.0.0
  worker:
    image: ghcr.io/acme/worker:v1.0.0-arm64
```

```yaml compose
services:
  web:
    image: ghcr.io/acme/web:v1.0.0
  worker:
    image: ghcr.io/acme/worker:v1.0.0
```
"""

from __future__ import annotations

import re
from functools import cache

from imglint import ImageUse, Severity, approves, parse, replace
from imglint_rules._fixes import asked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding, Fix, ImageReference

LEVEL = Severity.OFF
TAGS = ("portability",)
FIX = "removes the platform from the name or the tag. Not where there is a digest. Unsafe; with `--online`, safe where that image has the platform."
PLATFORMS = (
    ("amd64|x86[-_]64", "linux/amd64"),
    ("(?:linux[-_])?(?:i[36]86|386)", "linux/386"),
    ("arm64(?:v8)?|aarch64", "linux/arm64"),
    ("arm32v7|armv7[a-z]*|armhf", "linux/arm/v7"),
    ("arm32v6|armv6[a-z]*", "linux/arm/v6"),
    ("arm32v5|armv5[a-z]*|armel", "linux/arm/v5"),
    ("ppc64(?:le|el)", "linux/ppc64le"),
    ("s390x", "linux/s390x"),
    ("riscv64", "linux/riscv64"),
)
"""The names of platforms as registries have them. Other names have several meanings, or none there."""
_OS = r".*?(?<![^-_./])(linux[-_.])"
"""The operating system in front of a platform."""
_VARIANT = r"[-_./]v?[5-8](?![^-_./])"
"""The variant of an ARM platform behind it, unless that is a version of the image."""


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag the repository if it names a platform, otherwise the tag."""
    reference = use.reference
    if reference is None:
        return
    named = [(part, found[1]) for part in ("repository", "tag") if (found := _platform().search(getattr(reference, part) or ""))]
    if named:
        part, name = named[0]
        fix = _fix(use, reference)
        finding = use.finding(f"{part} is specific to {name}; use a multi-platform image", part, fix=fix)
        yield from asked(finding, lambda: _if_served(use, fix, name))


def _fix(use: ImageUse, reference: ImageReference) -> Fix | None:
    """Return the fix that takes the platform out of the name; None where the name of the image for all platforms is not certain.

    A digest is that of the image for one platform.
    """
    name, tag = reference.text[slice(*reference.spans["repository"])], reference.tag or ""
    platforms = _platform().findall(name) + _platform().findall(tag)
    new_name, new_tag = _without_platform(name), _without_platform(tag)
    is_certain = len(platforms) == 1 and reference.digest is None and new_name and bool(new_tag) == bool(tag)
    if not is_certain or (new_tag != tag and new_tag == "latest"):
        return None
    registry = reference.text[: reference.spans["repository"][0]]
    new = f"{registry}{new_name}{f':{new_tag}' if tag else ''}"
    return use.fix(new, f"write {new}") if approves(use, parse(new)) else None


def _if_served(use: ImageUse, fix: Fix | None, name: str) -> Fix | None:
    """Return the fix, safe if the image without a platform in its name is there for this platform; None if there is no such image."""
    online = use.online
    if fix is None or online is None or use.asked is None:
        return fix
    image = online.image(parse(fix.expects))
    if image is None:
        return None
    known = next((platform for pattern, platform in PLATFORMS if re.fullmatch(pattern, name)), "")
    served = {platform for variant in image.variants for platform in (variant.platform, variant.platform.rpartition("/")[0])}
    return replace(fix, safe=known in served)


def _without_platform(text: str) -> str:
    """Return a name or a tag without the platform; empty if that is all of it, or of a component of the name, or if it is not certain where it ends."""
    found = _platform().search(text)
    if found is None:
        return text
    start, end = found.span(1)
    os = re.fullmatch(_OS, text[:start])
    before, after = text[: os.start(1) if os else start], text[end:]
    if re.match(_VARIANT, after):
        return ""
    if before[-1:] in ("", "/"):
        return before + after[1:] if after[:1] not in ("", "/") else ""
    return before[:-1] + after


@cache
def _platform() -> re.Pattern[str]:
    """Return the pattern of a platform's name as a separate word, which is its group."""
    # Imported here because the rule is off by default.
    from imglint_rules._tags import PLATFORM

    return re.compile(rf"(?:^|[-_./])({PLATFORM})(?=\Z|[-_./])", re.VERBOSE)
