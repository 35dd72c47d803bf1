"""Credentials for registries."""

from __future__ import annotations

from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from imglint.registry.hosts import Endpoint

    Credentials = Callable[[Endpoint], "Login | None"]
    """Returns the login for an endpoint, None to ask anonymously. Raises Unverified if the credentials cannot be read."""


@record
class Login:
    """A user name and password, or an identity token, which a token service accepts instead."""

    user: str
    password: str
    identity_token: str = ""


def anonymous(_endpoint: Endpoint) -> None:
    """Return no credentials."""
