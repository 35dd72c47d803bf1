"""A shipped stage without `USER`, unless its base image is known to run as another user than root.

**Why it matters:** the stage runs as the user of its base image, which is root for most images. Inside the container,
root can overwrite the files that it runs.

**How to fix it:** end the stage with `USER` and a number, even if the base image sets a user: then the Dockerfile shows
it, and a change of the base image does not change it.

These base images are known to run as another user:

- `gcr.io/distroless/*` with a tag such as `nonroot` or `debug-nonroot`;
- the chiseled and distroless images of .NET: `mcr.microsoft.com/dotnet/aspnet`, `monitor`, `runtime` and `runtime-deps`
  with a tag such as `8.0-noble-chiseled` or `8.0-azurelinux3.0-distroless`.

With `--online`, the configuration of the base image shows its user. If that is not root, the stage is not flagged.

Stages that root-user reports are not reported again, and neither are stages based on Windows images, which have no
root, or on an image with an unknown name.

## Flagged

```dockerfile
FROM docker.io/library/alpine:3.20.1
```

```dockerfile
FROM scratch
COPY server /
```

## Passed

```dockerfile
FROM gcr.io/distroless/static-debian12:nonroot
```

```dockerfile
FROM mcr.microsoft.com/dotnet/aspnet:8.0-noble-chiseled
```

```dockerfile
FROM docker.io/library/alpine:3.20.1
USER 1001
```

```yaml registry
docker.io/library/memcached:1.6.38: {user: memcache}
```

```dockerfile
FROM docker.io/library/memcached:1.6.38
```
"""

from __future__ import annotations

import re

from imglint import ImageReference, RunUser, Severity
from imglint_rules.root_user import is_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.NOTE
TAGS = ("security",)
SECURITY_SEVERITY = "4.0"
DISTROLESS = "gcr.io/distroless/"
DOTNET = frozenset(
    [
        f"mcr.microsoft.com/dotnet/{channel}{name}"
        for channel in ("", "nightly/")
        for name in ("aspnet", "monitor", "monitor/base", "runtime", "runtime-deps")
    ]
)
"""The images of .NET with variants that run as the user `app`. The SDK has none."""
ADVICE = "set `USER` to a nonzero number"


def check_user(user: RunUser, _options: object) -> Iterator[Finding]:
    """Flag a stage that names no user, at its base image."""
    if not user.known or not user.explicit or user.user is not None or user.nonroot is not None:
        return
    base = user.base
    if base is None and user.image is None:
        yield user.finding(f"no USER set, so the container runs as root; {ADVICE}")
    elif base is not None and not _is_nonroot(base):
        # Imported here because most stages name a user.
        from imglint_rules._registry import base_users

        users, unverified = base_users(user)
        if users and not any(is_root(one) for one in users):
            return
        name = f"{base.name}:{base.tag}" if base.tag else base.name
        yield user.finding(f"no USER set, and base image {name} {'runs' if users else 'may run'} as root; {ADVICE}")
        if unverified is not None:
            raise unverified


def _is_nonroot(base: ImageReference) -> bool:
    """Return whether an image is known to run as another user than root."""
    words = re.split("[-_.]", base.tag or "")
    if base.name.startswith(DISTROLESS):
        return "nonroot" in words
    return base.name in DOTNET and ("chiseled" in words or "distroless" in words)
