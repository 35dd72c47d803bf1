"""A container that is set to run as root, or as a user that the policy does not allow.

**Why it matters:** a process that breaks out of a container as root is root on the host. Inside the container, root
can overwrite the files that it runs.

**How to fix it:** end the shipped stage with `USER` and a number (Kubernetes cannot check a name), set `runAsUser` or
`runAsNonRoot: true`, or set `user` in the compose file.

The rule checks the last `USER` of a shipped stage, `runAsUser`, `runAsNonRoot: false`, and the compose `user`. A
shipped stage without `USER` is reported by unstated-user, unless a `uid` is required. With `--online`, such a stage passes if its base
image runs as that `uid`. Windows images have no root, so stages based on them are not checked.

**Options:**

- `uid`, a number or a list of numbers: flag every other user too, including users given by name, and a shipped stage
  without `USER`. The `uid` of an image's row takes precedence: for a stage that of its base image, otherwise that of
  the image that is run;
- `explicit: true`: flag a pod or service that sets no user, too.

## Flagged

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

```yaml policy
images:
  - match: registry.access.redhat.com/ubi10/*
    uid: 1001
```

```dockerfile
FROM registry.access.redhat.com/ubi10/ubi-minimal:10.0
```

## Passed

```dockerfile
FROM registry.access.redhat.com/ubi10/ubi-minimal:10.0
USER 1001:0
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

```yaml registry
registry.access.redhat.com/ubi10/nodejs-22:10.0: {user: "1001"}
```

```dockerfile
FROM registry.access.redhat.com/ubi10/nodejs-22:10.0
```

## Fixed

```yaml policy
rules:
  root-user:
    level: error
    uid: 1001
```

```dockerfile
FROM docker.io/library/golang:1.22.4 AS build
RUN go build -o /server .

FROM docker.io/library/alpine:3.20.1
COPY --from=build /server /
ENTRYPOINT ["/server"]
```

```dockerfile
FROM docker.io/library/golang:1.22.4 AS build
RUN go build -o /server .

FROM docker.io/library/alpine:3.20.1
COPY --from=build /server /
ENTRYPOINT ["/server"]
USER 1001
```

```yaml compose
services:
  web:
    image: docker.io/library/nginx:1.27.0
    user: root
```

```yaml compose
services:
  web:
    image: docker.io/library/nginx:1.27.0
    user: "1001"
```
"""

from __future__ import annotations

from imglint import RunUser, Severity, record
from imglint_rules._words import because, either

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding, Unverified

LEVEL = Severity.WARNING
TAGS = ("security",)
SECURITY_SEVERITY = "7.0"
COVERS = ("unstated-user",)
FIX = "sets the required `uid`, in a new line at the end of a stage without `USER`. Unsafe."
SETTINGS = {
    "user": ("USER", "USER {}"),
    "compose-user": ("user", 'user: "{}"'),
    "run-as-user": ("runAsUser", "runAsUser: {}"),
    "run-as-non-root": ("runAsUser", "runAsUser: {}"),
}
"""The key that sets the user, and how to write it, by kind of place."""


@record
class Options:
    """The rule's own keys in the policy."""

    uid: int | tuple[int, ...] | None = None
    explicit: bool = False


def check_user(user: RunUser, options: Options) -> Iterator[Finding]:
    """Flag root, and with `uid` every other user, where the user is set."""
    if not user.known:
        return
    row = user.image.row if user.image else None
    if row is not None and row.uids:
        uids, reason, at = row.uids, because(row), row.at
    else:
        uids, reason, at = _as_tuple(options.uid), "", ""
    allowed = [str(uid) for uid in uids]
    advice = _advice(user, allowed)
    unverified = None
    if user.user is not None:
        problem = _with_user(user.user, allowed)
    elif user.nonroot is not None:
        problem = None if user.nonroot else "`runAsNonRoot: false` allows root"
        advice = f"set it to `true`, or {advice}"
    elif user.explicit:
        problem, unverified = _without_user(user, allowed)
    else:
        problem = "no user set, so the image decides" if options.explicit else None
    if problem:
        fix = user.fix(uids[0], f"set `{_syntax(user).format(uids[0])}`") if uids else None
        yield user.finding(f"{problem}{reason}; {advice}", policy=at, fix=fix)
    if unverified is not None:
        raise unverified


def name_and_number(written: str) -> tuple[str, str | None]:
    """Return the name of a user without the group, and its number without leading zeros, None if it is a name."""
    name = written.partition(":")[0].strip()
    return name, (name.lstrip("0") or "0") if name.isascii() and name.isdigit() else None


def is_root(written: str) -> bool:
    """Return whether a user is root: by name, by number, or because none is set."""
    name, number = name_and_number(written)
    return name in ("", "root") or number == "0"


def _without_user(user: RunUser, allowed: list[str]) -> tuple[str | None, Unverified | None]:
    """Return the problem with a stage without USER, None if no user is required or its base image has it; and why registries did not say that."""
    if not allowed:
        return None, None
    # Imported here because few policies require a user.
    from imglint_rules._registry import base_users

    users, unverified = base_users(user)
    wrong = [one for one in users if name_and_number(one)[1] not in allowed]
    if users and not wrong:
        return None, unverified
    return f"no USER set, and the base image runs as {wrong[0]}" if wrong else "no USER set", unverified


def _with_user(written: str, allowed: list[str]) -> str | None:
    """Return the problem with a user: a name or a number, with or without a group. None if it is allowed."""
    name, number = name_and_number(written)
    if name == "root" or number == "0":
        return "container runs as root"
    if not allowed or number in allowed:
        return None
    return f"user {name} is not a number" if number is None else f"container runs as user {name}"


def _as_tuple(uid: int | tuple[int, ...] | None) -> tuple[int, ...]:
    return () if uid is None else uid if isinstance(uid, tuple) else (uid,)


def _syntax(user: RunUser) -> str:
    return SETTINGS.get(user.place, ("", "user {}"))[1]


def _advice(user: RunUser, allowed: list[str]) -> str:
    """Return the advice on which user to set, in the syntax of the file."""
    key, syntax = SETTINGS.get(user.place, ("", ""))
    if len(allowed) == 1 and syntax:
        return f"set `{syntax.format(allowed[0])}`"
    return f"set {f'`{key}`' if key else 'the user'} to {either(allowed) if allowed else 'a nonzero number'}"
