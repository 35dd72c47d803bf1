"""Credentials for registries: from the user's configuration and its credential helpers, and never from the checked files."""

from __future__ import annotations

import base64
import json
import os
import time
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from imglint import Unverified
from imglint.registry import helpers
from imglint.registry.credentials import CONFIG_SIZE_MAX, DockerCredentials
from imglint.registry.hosts import Endpoint
from imglint.registry.logins import Login

ALICE = Login("alice", "a:b")
BOB = Login("bob", "c")
HUB = "registry-1.docker.io"


def auth(login: Login) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{login.user}:{login.password}".encode()).decode()}


def endpoint(host: str) -> Endpoint:
    return Endpoint("registry", host, credentials=True)


class Home:
    """A home folder with a configuration, and a folder of PATH."""

    def __init__(self, folder: Path) -> None:
        self.config, self.bin, self.repository = folder / ".docker" / "config.json", folder / "bin", folder / "repository"
        for made in (self.config.parent, self.bin, self.repository):
            made.mkdir()

    def write(self, content: dict[str, Any]) -> None:
        self.config.write_text(json.dumps(content))

    def helper(self, script: str, name: str = "test", folder: Path | None = None) -> Path:
        path = (folder or self.bin) / f"docker-credential-{name}"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def ask(self, host: str = "ghcr.io") -> Login | None:
        return DockerCredentials((str(self.repository),))(endpoint(host))

    def error(self, host: str = "ghcr.io") -> str:
        with pytest.raises(Unverified) as raised:
            self.ask(host)
        return raised.value.reason


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = Home(tmp_path)
    for name in ("DOCKER_CONFIG", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{made.bin}:/usr/bin:/bin")
    monkeypatch.chdir(made.repository)
    return made


@pytest.mark.parametrize(
    ("auths", "host", "expected"),
    [
        ({"ghcr.io": auth(ALICE)}, "ghcr.io", ALICE),
        ({"ghcr.io": auth(ALICE)}, "evil-ghcr.io", None),
        ({"ghcr.io": auth(ALICE)}, "ghcr.io:443", None),
        ({"https://ghcr.io": auth(ALICE)}, "ghcr.io", ALICE),
        ({"https://ghcr.io/v2/": auth(ALICE)}, "ghcr.io", ALICE),
        ({"http://ghcr.io/v1": auth(ALICE)}, "ghcr.io", ALICE),
        # Podman's credentials for a part of a registry.
        ({"ghcr.io/acme": auth(ALICE)}, "ghcr.io", None),
        ({"https://ghcr.io/v2/": auth(BOB), "ghcr.io": auth(ALICE)}, "ghcr.io", ALICE),
        ({"https://ghcr.io/v2/": auth(BOB), "ghcr.io": {}}, "ghcr.io", BOB),
        ({"127.0.0.1:5000": auth(ALICE)}, "127.0.0.1:5000", ALICE),
        ({"https://index.docker.io/v1/": auth(ALICE)}, HUB, ALICE),
        ({"docker.io": auth(ALICE)}, HUB, ALICE),
        ({"https://index.docker.io/v1/": auth(ALICE)}, "ghcr.io", None),
        ({"ghcr.io": {"username": "alice", "password": "a:b"}}, "ghcr.io", ALICE),
        ({"ghcr.io": {"identitytoken": "t"}}, "ghcr.io", Login("", "", "t")),
        ({"ghcr.io": {"auth": base64.b64encode(b"00000000-0000:").decode(), "identitytoken": "t"}}, "ghcr.io", Login("00000000-0000", "", "t")),
        ({"ghcr.io": {"auth": base64.b64encode(b"alice:a:b\0\0").decode()}}, "ghcr.io", ALICE),
        ({"ghcr.io": {}}, "ghcr.io", None),
        ({"ghcr.io": {"auth": "", "username": 7}}, "ghcr.io", None),
        ({"ghcr.io": 7}, "ghcr.io", None),
        ({}, "ghcr.io", None),
    ],
)  # fmt: skip
def test_credentials_are_those_of_the_host(auths: dict[str, Any], host: str, expected: Login | None, home: Home) -> None:
    home.write({"auths": auths})
    assert home.ask(host) == expected


def test_a_host_without_permission_gets_no_credentials(home: Home, tmp_path: Path) -> None:
    home.write({"auths": {"ghcr.io": auth(ALICE)}, "credsStore": "test"})
    home.helper(f"touch {tmp_path}/ran; exit 1")
    assert DockerCredentials()(Endpoint("ghcr.io", "ghcr.io")) is None
    assert not (tmp_path / "ran").exists()


def test_without_a_configuration_there_are_no_credentials(home: Home) -> None:
    assert home.ask() is None


def test_docker_comes_before_podman(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    podman = tmp_path / "run" / "containers" / "auth.json"
    podman.parent.mkdir(parents=True)
    podman.write_text(json.dumps({"auths": {"ghcr.io": auth(BOB)}}))
    assert home.ask() == BOB
    home.write({"auths": {"ghcr.io": auth(ALICE)}})
    assert home.ask() == ALICE
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text("{}")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "other"))
    assert home.ask() is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[]", "is not a JSON object"),
        (b"{", "is not a JSON object"),
        (b"\xff", "is not a JSON object"),
        (b"[" * 100_000, "is not a JSON object"),
        (b'{"auths": {"ghcr.io": {"auth": "?"}}}', "the `auth` of its credentials cannot be decoded; log in again"),
        (b'{"auths": {"ghcr.io": {"auth": "/w=="}}}', "the `auth` of its credentials cannot be decoded; log in again"),
        (b'{"auths": {"ghcr.io": {"auth": "eA=="}}}', "the `auth` of its credentials cannot be decoded; log in again"),
        (b"{}".ljust(CONFIG_SIZE_MAX + 1), "is larger than 1,048,576 bytes"),
    ],
)
def test_an_unusable_configuration_is_a_reason_for_the_host(content: bytes, reason: str, home: Home) -> None:
    home.config.write_bytes(content)
    assert home.error().endswith(reason)


def test_a_configuration_that_cannot_be_read_is_a_reason_for_the_host(home: Home) -> None:
    home.config.mkdir()
    assert home.error() == f"{home.config} cannot be read: Is a directory"


def test_a_pipe_does_not_hang(home: Home) -> None:
    os.mkfifo(home.config)
    assert home.error().endswith("is not a JSON object")


@pytest.mark.parametrize("folder", ["", "below", "link", "relative", "file link", "link out"])
def test_no_configuration_comes_from_the_checked_repository(
    folder: str, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (home.repository, home.repository / "below"):
        place.mkdir(exist_ok=True)
        (place / "config.json").write_text(json.dumps({"auths": {"ghcr.io": auth(ALICE)}}))
    (tmp_path / "link").symlink_to(home.repository)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "config.json").symlink_to(home.repository / "config.json")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "config.json").write_text(json.dumps({"auths": {"ghcr.io": auth(ALICE)}}))
    # What it leads to is for the repository to choose.
    (home.repository / "link out").symlink_to(tmp_path / "outside")
    place = {"link": tmp_path / "link", "file link": tmp_path / "linked"}.get(folder, home.repository / folder)
    monkeypatch.setenv("DOCKER_CONFIG", "below" if folder == "relative" else str(place))
    expected = "is relative; set" if folder == "relative" else "is in the checked repository; set"
    assert expected in home.error()


ANSWER = '{"ServerURL": "x", "Username": "alice", "Secret": "a:b"}'


@pytest.mark.parametrize(
    ("config", "host", "server"),
    [
        ({"credsStore": "test"}, "ghcr.io", "ghcr.io"),
        ({"credsStore": "test"}, HUB, "https://index.docker.io/v1/"),
        ({"credsStore": "absent", "credHelpers": {"ghcr.io": "test"}}, "ghcr.io", "ghcr.io"),
        ({"credHelpers": {"docker.io": "test"}}, HUB, "https://index.docker.io/v1/"),
        ({"credsStore": "test", "auths": {"ghcr.io": auth(BOB)}}, "ghcr.io", "ghcr.io"),
    ],
)
def test_a_helper_is_asked_for_the_host(config: dict[str, Any], host: str, server: str, home: Home, tmp_path: Path) -> None:
    home.write(config)
    home.helper(f"test $1 = get || exit 1; cat >{tmp_path}/asked; pwd >{tmp_path}/folder; echo '{ANSWER}'")
    assert home.ask(host) == ALICE
    assert (tmp_path / "asked").read_text() == server
    assert (tmp_path / "folder").read_text() == "/\n"


def test_only_the_host_of_a_helper_is_asked_there(home: Home) -> None:
    home.write({"credHelpers": {"ghcr.io": "absent"}, "auths": {"quay.io": auth(BOB)}})
    assert home.ask("quay.io") == BOB


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo 'credentials not found in native keychain'; exit 1", BOB),
        ('echo \'{"Username": "", "Secret": ""}\'', BOB),
        ('echo \'{"Username": "<token>", "Secret": "t"}\'', Login("", "", "t")),
        # It does not have to read the question.
        (f"exec <&-; sleep 0.1; echo '{ANSWER}'", ALICE),
    ],
)
def test_the_answer_of_a_helper(script: str, expected: Login, home: Home) -> None:
    home.write({"credsStore": "test", "auths": {"ghcr.io": auth(BOB)}})
    home.helper(script)
    assert home.ask() == expected


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("printf '\\033[31mlocked'; exit 1", "credential helper docker-credential-test failed: \\x1b[31mlocked"),
        ("exit 3", "credential helper docker-credential-test failed with status 3"),
        (f"echo {'x' * 1000}; exit 1", f"credential helper docker-credential-test failed: {'x' * 97}..."),
        ("echo secret", "credential helper docker-credential-test did not answer with credentials"),
        ('echo \'{"Username": "a"}\'', "credential helper docker-credential-test did not answer with credentials"),
        ("yes", "credential helper docker-credential-test answered with more than 65,536 bytes"),
        ("sleep 60", "credential helper docker-credential-test did not answer in time"),
        ("sleep 60 & exit 0", "credential helper docker-credential-test did not answer in time"),
        ("exec >&-; sleep 60", "credential helper docker-credential-test did not exit in time"),
    ],
)  # fmt: skip
def test_a_helper_that_fails_is_a_reason_for_the_host(
    script: str, reason: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helpers, "DEADLINE_S", 0.5)
    home.write({"credsStore": "test", "auths": {"ghcr.io": auth(BOB)}})
    home.helper(script)
    start = time.monotonic()
    assert home.error().startswith(reason)
    assert time.monotonic() - start < 5


def test_a_helper_that_cannot_be_started_is_a_reason_for_the_host(home: Home) -> None:
    home.write({"credsStore": "test"})
    home.helper("").write_bytes(b"\x7fELF")
    assert home.error() == "credential helper docker-credential-test cannot be started: Exec format error"


@pytest.mark.parametrize("name", ["../test", "/bin/sh", "", ".", "a b", "-x", "te\nst", 7])
def test_the_name_of_a_helper_is_no_path(name: object, home: Home) -> None:
    home.helper(f"echo '{ANSWER}'", "test", home.repository)
    home.write({"credsStore": name})
    if name in ("", 7):
        assert home.ask() is None
    else:
        assert "is not the name of a credential helper" in home.error()


@pytest.mark.parametrize("entry", ["", ".", "bin", "REPOSITORY", "REPOSITORY/bin", "LINK"])
def test_no_helper_comes_from_the_checked_repository(
    entry: str, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write({"credsStore": "test"})
    (home.repository / "bin").mkdir()
    for folder in (home.repository, home.repository / "bin"):
        home.helper("touch ran", "test", folder)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "docker-credential-test").symlink_to(home.repository / "docker-credential-test")
    entry = entry.replace("REPOSITORY", str(home.repository)).replace("LINK", str(tmp_path / "links"))
    monkeypatch.setenv("PATH", f"{entry}:/usr/bin:/bin")
    assert home.error() == "credential helper docker-credential-test not found; install it in a folder of PATH"


def test_a_helper_gets_no_folder_of_the_repository_in_its_path(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write({"credsStore": "test"})
    home.helper(f"echo $PATH >{tmp_path}/path; echo '{ANSWER}'")
    monkeypatch.setenv("PATH", f":.:{home.repository}:{home.bin}:/usr/bin:/bin:")
    assert home.ask() == ALICE
    assert (tmp_path / "path").read_text() == f"{home.bin}:/usr/bin:/bin\n"


def test_a_host_is_looked_up_once_in_a_run(home: Home, tmp_path: Path) -> None:
    home.write({"credsStore": "test", "credHelpers": {"quay.io": "absent"}})
    home.helper(f"echo x >>{tmp_path}/log; sleep 0.1; echo '{ANSWER}'")
    credentials = DockerCredentials()
    found: list[Login | None] = []
    threads = [Thread(target=lambda: found.append(credentials(endpoint("ghcr.io")))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [ALICE] * 8
    assert (tmp_path / "log").read_text() == "x\n"
    for _ in range(2):
        with pytest.raises(Unverified, match="absent not found"):
            credentials(endpoint("quay.io"))


def test_an_error_in_the_configuration_is_found_once(home: Home) -> None:
    home.config.write_text("[")
    credentials = DockerCredentials()
    for host in ("ghcr.io", "quay.io"):
        with pytest.raises(Unverified, match="is not a JSON object"):
            credentials(endpoint(host))
