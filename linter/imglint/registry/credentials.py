"""The user's credentials for registries, from the configuration of Docker or Podman and the credential helpers that it names.

Nothing comes from the checked repositories: neither a configuration nor a program. A stranger could have written it.
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64decode
from threading import Lock
from typing import TYPE_CHECKING, Any

from imglint.errors import Unverified
from imglint.registry.helpers import HelperError, ask_helper
from imglint.registry.hosts import API_HOSTS, DOCKER_HUB
from imglint.registry.logins import Login
from imglint.repository import is_outside

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from imglint.registry.hosts import Endpoint

CONFIG_SIZE_MAX = 1 << 20
"""Bytes of a configuration."""
HUB_KEY = "https://index.docker.io/v1/"
"""The name of Docker Hub in Docker's configuration, and for credential helpers."""
HUB_NAMES = (HUB_KEY, "index.docker.io", DOCKER_HUB)
SCHEME = re.compile("https?://")
API_PATH = re.compile("(/(v[12]/?)?)?")
"""What may follow the host in a key of `auths`. Another path is a part of a registry, with credentials for this part alone."""


class UnusableConfig(Exception):
    """A configuration that cannot be used. The text is the reason."""


class DockerCredentials:
    """Returns the user's credentials for registries, each of which is looked up once.

    `roots` are the folders of the checked repositories.
    """

    def __init__(self, roots: Sequence[str] = ()) -> None:
        self._roots = roots
        self._config: Mapping[str, Any] | UnusableConfig | None = None
        self._known: dict[str, Login | str | None] = {}
        self._locks: dict[str, Lock] = {"": Lock()}

    def __call__(self, endpoint: Endpoint) -> Login | None:
        """Return the credentials for an endpoint, None if there are none or if the policy does not allow sending them.

        Raises Unverified if the configuration cannot be read, or a credential helper fails.
        """
        if not endpoint.credentials:
            return None
        host = endpoint.host
        # A helper may take seconds or prompt the user.
        with self._locks.setdefault(host, Lock()):
            if host not in self._known:
                try:
                    self._known[host] = self._login(_names(host))
                except (UnusableConfig, HelperError) as error:
                    self._known[host] = str(error)
        found = self._known[host]
        if isinstance(found, str):
            raise Unverified(endpoint.registry, found)
        return found

    def _login(self, names: Sequence[str]) -> Login | None:
        config = self._loaded()
        helpers = _mapping(config.get("credHelpers"))
        helper = next((helpers[name] for name in names if name in helpers), config.get("credsStore"))
        if isinstance(helper, str) and helper:
            login = ask_helper(helper, names[0], self._roots)
            if login is not None:
                return login
        hosts = [_host(name) for name in names]
        auths = _mapping(config.get("auths"))
        # A bare host comes before an address, as in Docker.
        keys = sorted([key for key in auths if _host(key) in hosts], key=lambda key: key not in names)
        return next((login for key in keys if (login := _stored(_mapping(auths[key])))), None)

    def _loaded(self) -> Mapping[str, Any]:
        """Return the configuration, which is read once."""
        with self._locks[""]:
            if self._config is None:
                try:
                    self._config = _read(_candidates(), self._roots)
                except UnusableConfig as error:
                    self._config = error
        if isinstance(self._config, UnusableConfig):
            raise UnusableConfig(str(self._config))
        return self._config


def _names(host: str) -> tuple[str, ...]:
    """Return the names that a host has in a configuration. The first is for credential helpers."""
    return (*HUB_NAMES, host) if host in (DOCKER_HUB, API_HOSTS[DOCKER_HUB]) else (host,)


def _host(key: str) -> str:
    """Return the host that a key of `auths` stands for, or the key if it stands for something else."""
    bare = SCHEME.sub("", key, count=1)
    host, slash, path = bare.partition("/")
    return host if API_PATH.fullmatch(slash + path) else key


def _candidates() -> list[str]:
    """Return the paths where a configuration can be. The first that exists is used."""
    folder = os.environ.get("DOCKER_CONFIG") or os.path.join(os.path.expanduser("~"), ".docker")
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    podman = [os.path.join(runtime, "containers", "auth.json")] if runtime else []
    return [os.path.join(folder, "config.json"), *podman]


def _read(candidates: Iterable[str], roots: Sequence[str]) -> Mapping[str, Any]:
    """Return the content of the first configuration that exists, or an empty one.

    Raises UnusableConfig if it cannot be read, or if it is where the checked files are.
    """
    for path in candidates:
        if not os.path.isabs(path):
            raise UnusableConfig(f"path {path} is relative; set `DOCKER_CONFIG` to an absolute path")
        if not os.path.lexists(path):
            continue
        if not (is_outside(path, roots) and is_outside(os.path.dirname(path), roots)):
            raise UnusableConfig(f"{path} is in the checked repository; set `DOCKER_CONFIG` to a folder outside")
        try:
            # Non-blocking: opening a named pipe without a writer would otherwise hang.
            with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
                data = file.read(CONFIG_SIZE_MAX + 1)
        except OSError as error:
            raise UnusableConfig(f"{path} cannot be read: {error.strerror}") from None
        if len(data) > CONFIG_SIZE_MAX:
            raise UnusableConfig(f"{path} is larger than {CONFIG_SIZE_MAX:,} bytes")
        try:
            content = json.loads(data)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise UnusableConfig(f"{path} is not a JSON object")
        return content
    return {}


def _stored(entry: Mapping[str, Any]) -> Login | None:
    """Return the credentials of an entry of `auths`. An empty one is what Docker writes beside a credential helper.

    Raises UnusableConfig if they cannot be decoded.
    """
    user, password = _string(entry.get("username")), _string(entry.get("password"))
    if encoded := _string(entry.get("auth")):
        try:
            user, colon, password = b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            colon = ""
        if not colon:
            raise UnusableConfig("the `auth` of its credentials cannot be decoded; log in again")
        # Docker ignores these, too.
        password = password.strip("\0")
    token = _string(entry.get("identitytoken"))
    return Login(user, password, token) if user or token else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
