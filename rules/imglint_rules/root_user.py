"""A container that runs as root, or may do so.

**Why it matters:** a process that breaks out of a container as root is root on the host. Inside the container, root
can overwrite the files that it runs.

**How to fix it:** end the shipped stage with `USER` and a number (Kubernetes cannot check a name), set `runAsUser` or
`runAsNonRoot: true`, or set `user` in the compose file.

The rule checks the last `USER` of a shipped stage, `runAsUser`, `runAsNonRoot: false`, and the compose `user`. A
shipped stage without `USER` passes if the name or the tag of its base image contains `nonroot`, `non-root`, `rootless` or
`unprivileged`.

**Options:**

- `uid`, a number or a list of numbers: flag every other user too, including users given by name;
- `explicit: true`: flag a pod or service that sets no user, too.

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
from imglint_rules._words import either

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.WARNING
TAGS = ("security",)
SECURITY_SEVERITY = "7.0"
SETTINGS = {
    "user": ("USER", "USER {}"),
    "compose-user": ("user", 'user: "{}"'),
    "run-as-user": ("runAsUser", "runAsUser: {}"),
    "run-as-non-root": ("runAsUser", "runAsUser: {}"),
}
"""The key that sets the user, and how to write it, by kind of place."""
NONROOT_WORDS = ("nonroot", "non-root", "rootless", "unprivileged")


@record
class Options:
    """The rule's own keys in the policy."""

    uid: int | tuple[int, ...] | None = None
    explicit: bool = False


def check_user(user: RunUser, options: Options) -> Iterator[Finding]:
    """Flag root, and with `uid` every other user, where the user is set."""
    if not user.known:
        return
    message = _without_user(user, options) if user.user is None else _with_user(user, user.user, options)
    if message:
        yield user.finding(message)


def _without_user(user: RunUser, options: Options) -> str | None:
    """Return the message for a container without a user; None if it passes."""
    advice = _advice(user, options)
    if user.nonroot is not None:
        return None if user.nonroot else f"`runAsNonRoot: false` allows root; set it to `true`, or {advice}"
    if not user.explicit:
        return f"no user set, so the image decides; {advice}" if options.explicit else None
    if user.base is None:
        return f"container runs as root: no USER set; {advice}"
    return None if _is_nonroot(user.base) else f"no USER set; base image {user.base} may run as root; {advice}"


def _with_user(user: RunUser, written: str, options: Options) -> str | None:
    """Return the message for a user: a name or a number, with or without a group. None if it passes."""
    name = written.partition(":")[0].strip()
    number = (name.lstrip("0") or "0") if name.isascii() and name.isdigit() else None
    if name == "root" or number == "0":
        return f"container runs as root; {_advice(user, options)}"
    allowed = _uids(options)
    if not allowed or number in allowed:
        return None
    problem = f"user {name} is not a number" if number is None else f"container runs as user {name}"
    return f"{problem}; {_advice(user, options)}"


def _uids(options: Options) -> list[str]:
    uid = options.uid
    return [] if uid is None else [str(number) for number in (uid if isinstance(uid, tuple) else (uid,))]


def _advice(user: RunUser, options: Options) -> str:
    """Return the advice on which user to set, in the syntax of the file."""
    uids = _uids(options)
    key, syntax = SETTINGS.get(user.place, ("", ""))
    if len(uids) == 1 and syntax:
        return f"set `{syntax.format(uids[0])}`"
    return f"set {f'`{key}`' if key else 'the user'} to {either(uids) if uids else 'a nonzero number'}"


def _is_nonroot(base: ImageReference) -> bool:
    """Return whether the name or the tag of a base image indicates that it does not run as root."""
    text = f"{base.repository}:{base.tag or ''}"
    return any(word in text for word in NONROOT_WORDS)
