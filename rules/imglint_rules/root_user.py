"""A container that runs as root.

**Why it matters:** whoever breaks out of a process that runs as root is root on the host, where nothing else stands
in the way; and root in the container can rewrite what it runs.

**How to put it right:** end the shipped stage with `USER` and a number (Kubernetes cannot tell what a name stands
for), set `runAsUser` or `runAsNonRoot: true`, or set `user` in the compose file.

Judged are the last `USER` of a shipped stage, `runAsUser`, `runAsNonRoot: false`, and the compose `user`. A shipped
stage without `USER` passes where the name or tag of its base says `nonroot`, `rootless` or `unprivileged`.

**Options:** `uid`, a number or a list of numbers: any other user is flagged too, names included. `explicit: true`: a
pod or service that says nothing is flagged too.

## Flagged

```dockerfile
FROM docker.io/library/alpine:3.20.1
```

```dockerfile
FROM docker.io/library/alpine:3.20.1
USER 0:0
```

```yaml kubernetes
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
    - name: web
      image: docker.io/library/nginx:1.27.0
      securityContext:
        runAsUser: 0
```

## Passed

```dockerfile
FROM gcr.io/distroless/static-debian12:nonroot
```

```yaml policy
rules:
  root-user:
    level: error
    uid: [1001, 1002]
```

```dockerfile
FROM docker.io/library/alpine:3.20.1
USER 1001:0
```
"""

from __future__ import annotations

from imglint import ImageReference, RunUser, Severity, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.WARNING
TAGS = ("security",)
SECURITY_SEVERITY = "7.0"
KEYS = {"user": "USER", "compose-user": "user", "run-as-user": "runAsUser", "run-as-non-root": "runAsUser"}
"""What decides the user, by the place that the readers name."""
NONROOT_WORDS = ("nonroot", "non-root", "rootless", "unprivileged")


@record
class Options:
    """The rule's own keys."""

    uid: int | tuple[int, ...] | None = None
    explicit: bool = False


def check_user(user: RunUser, options: Options) -> Iterator[Finding]:
    """Flag root, and, with uid, every other user, where the user is decided."""
    if not user.known:
        return
    message = _unnamed(user, options) if user.user is None else _named(user, user.user, options)
    if message:
        yield user.finding(message)


def _unnamed(user: RunUser, options: Options) -> str | None:
    """Say what is wrong where nothing names a user."""
    better = _better(user, options)
    if user.nonroot is not None:
        return None if user.nonroot else f"runAsNonRoot: false lets this run as root; write true, or {better}"
    if not user.explicit:
        return f"nothing here says which user this runs as, so the image decides; {better}" if options.explicit else None
    if user.base is not None and _says_nonroot(user.base):
        return None
    base = f", and its base {user.base} does not say nonroot" if user.base else ""
    return f"this runs as root: no user is named{base}; {better}"


def _named(user: RunUser, written: str, options: Options) -> str | None:
    """Say what is wrong with a user as it is written: a name or a number, with or without a group."""
    name = written.partition(":")[0].strip()
    number = (name.lstrip("0") or "0") if name.isascii() and name.isdigit() else None
    if name == "root" or number == "0":
        return f"this runs as root; {_better(user, options)}"
    allowed = _uids(options)
    if not allowed or number in allowed:
        return None
    if number is None:
        return f"the user is written as a name, {name}; write {_wanted(options)}, so that it can be checked"
    return f"the user {name} is not {_wanted(options)}"


def _uids(options: Options) -> list[str]:
    uid = options.uid
    return [] if uid is None else [str(one) for one in (uid if isinstance(uid, tuple) else (uid,))]


def _better(user: RunUser, options: Options) -> str:
    """Say what to write, in the words of the file."""
    return f"set {KEYS.get(user.place, 'the user')} to {_wanted(options)}"


def _wanted(options: Options) -> str:
    return " or ".join(_uids(options)) or "a number other than 0"


def _says_nonroot(base: ImageReference) -> bool:
    said = f"{base.repository}:{base.tag or ''}"
    return any(word in said for word in NONROOT_WORDS)
