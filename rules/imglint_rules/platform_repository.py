"""One repository or tag for each platform, such as `app-amd64` or `:v1-arm64`, instead of one multi-platform image.

**Why it matters:** a manifest that names one platform runs on that platform alone; on another node it ends in `exec
format error`, and every file has to be kept once for each platform.

**How to put it right:** publish one image index for all platforms and write its name; the runtime takes the right
image from it.

A platform is recognised where a part of the repository or of the tag between dashes, underscores, dots or slashes is
its name: `amd64`, `x86_64`, `arm64`, `arm64v8`, `aarch64`, `armv7`, `ppc64le`, `s390x`, `riscv64`, `i386` and their
kin.

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
"""

from __future__ import annotations

import re
from functools import cache

from imglint import ImageUse, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.OFF
TAGS = ("portability",)


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag the repository that names a platform, else the tag that does."""
    reference = use.reference
    if reference is None:
        return
    for part, text in (("repository", reference.repository), ("tag", reference.tag or "")):
        found = _platform().search(text)
        if found:
            what = f"the {part} is for {found[1]} alone"
            yield use.finding(f"{what}; publish one multi-platform image and name that, without {found[1]}", part)
            return


@cache
def _platform() -> re.Pattern[str]:
    """Return the names of platforms as a part by themselves. `386` and `arm` are words of other kinds too, save at the end or behind `linux`."""
    return re.compile(
        r"""(?:^|[-_./])(
        amd64(?:v[1-4])? | x86[-_]64(?:[-_]v[1-4])? | i[36]86 | (?:linux[-_])386
        | arm64(?:v8)? | aarch64 | arm32(?:v[5-7])? | armv[5-8][a-z]* | armhf | armel | (?:linux[-_])arm | arm(?=\Z)
        | ppc64(?:le|el)? | s390x | riscv64 | mips64(?:le|el)? | loong(?:arch)?64
        )(?=\Z|[-_./])""",
        re.VERBOSE,
    )
