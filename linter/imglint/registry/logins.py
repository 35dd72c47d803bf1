"""What a run logs in to registries with."""

from __future__ import annotations

from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from imglint.registry.hosts import Endpoint

    Credentials = Callable[[Endpoint], "Login | None"]
    """Returns what to log in to an endpoint with; None to ask without credentials. Raises Unverified if it cannot be found out."""


@record
class Login:
    """A user with a password, or an identity token, which a token service takes instead."""

    user: str
    password: str
    identity_token: str = ""


def anonymous(_endpoint: Endpoint) -> None:
    """Return no credentials."""
