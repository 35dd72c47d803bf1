"""The rules that ask registries: what each flags, where, and with which message, by the answers of registries in memory."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from imglint import Severity, Unverified, parse, replace
from imglint.engine.batches import ROUNDS
from imglint.plugins.load import rules
from imglint.registry.examples import ExampleRegistries, digest_of
from imglint.registry.questions import BLOB, DIGEST, TAGS, Question
from imglint.registry.registries import INDEXES, MANIFESTS
from imglint.testing import check_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding, ImageUse
    from imglint.registry.questions import Answer

ONLINE = sorted(name for name, rule in rules().items() if rule.online)
NOWHERE = "sha256:" + "0" * 64


class Failing(ExampleRegistries):
    """Registries that do not answer questions of some kinds."""

    def __init__(self, *kinds: str) -> None:
        super().__init__()
        self.kinds, self.asked = kinds, list[str]()

    def ask(self, question: Question) -> Answer:
        self.asked.append(f"{question.kind} {question.endpoint.registry}/{question.repository} {question.target}".strip())
        if question.kind in self.kinds:
            raise Unverified(question.endpoint.registry, "time-out")
        return super().ask(question)


def shown(findings: list[Finding]) -> list[str]:
    return [f"{one.location.line}:{one.location.column} {one.rule}: {one.full_message}" for one in findings]


def check(text: str, registries: ExampleRegistries, *only: str, policy: str = "", filename: str = "Dockerfile") -> list[str]:
    """Return the findings of some rules in a file, by default those of all rules for registries."""
    names = only or (*ONLINE, "unverified-image")
    return shown([one for one in check_text(text, filename, policy=policy, registries=registries) if one.rule in names])


def test_the_rules_that_need_registries() -> None:
    assert {*ONLINE} >= {
        *("missing-label", "missing-platform", "old-image", "oversized-image", "stale-digest", "unknown-image", "unsigned-image"),
    }


def shop() -> ExampleRegistries:
    """Return registries with a few images."""
    registries = ExampleRegistries()
    registries.add("nginx:1.27.0", also=["1.27.1", "1.27.10", "mainline"])
    registries.add("nginx:1.28.0")
    registries.add("ghcr.io/acme/web:v1", platforms=["linux/amd64"], labels={"a": "b", "c": ""}, size=2_000_001)
    return registries


MISSING = {
    "nginx:1.27.0": "",
    "nginx:1.72.0": "1:12 unknown-image: docker.io/library/nginx has no tag `1.72.0`; did you mean `1.28.0` or `1.27.0`?",
    "nginx:zzz": "1:12 unknown-image: docker.io/library/nginx has no tag `zzz`; correct the tag",
    "nginx": "1:6 unknown-image: docker.io/library/nginx has no tag `latest`; correct the tag",
    "ngnix:1": "1:6 unknown-image: registry has no repository docker.io/library/ngnix; correct the name",
    "ghcr.io/acme/wep:v1": "1:14 unknown-image: registry has no repository ghcr.io/acme/wep; correct the name",
    f"nginx:1.27.0@{NOWHERE}": "1:19 unknown-image: docker.io/library/nginx has no image with this digest; "
    "correct it, or pin the digest that the tag has now",
    f"nginx:2@{NOWHERE}": "1:14 unknown-image: docker.io/library/nginx has no image with this digest; "
    "correct it, or pin the digest that the tag has now",
    f"nginx@{NOWHERE}": "1:12 unknown-image: docker.io/library/nginx has no image with this digest; "
    "correct it, or pin the digest that the tag has now",
    f"ngnix@{NOWHERE}": "1:6 unknown-image: registry has no repository docker.io/library/ngnix; correct the name",
    "nginx@1.27.0": "",
    "nginx:1.29@1.27.0": "1:12 unknown-image: docker.io/library/nginx has no tag `1.29`; correct the tag",
}


@pytest.mark.parametrize(("reference", "expected"), MISSING.items())
def test_the_missing_part_is_named(reference: str, expected: str) -> None:
    registries = shop()
    name, _, tag = reference.partition("@")
    if tag == "1.27.0":
        reference = f"{name}@{registries.tags['docker.io/library/nginx'][tag]}"
    found = check(f"FROM {reference}\nUSER 1\n", registries)
    assert found == ([expected] if expected else [])


def test_registries_that_list_no_tags_lack_the_tag() -> None:
    registries = Failing(TAGS)
    registries.add("nginx:1")
    message = "1:12 unknown-image: docker.io/library/nginx has no tag `2`; correct the tag"
    assert check("FROM nginx:2\n", registries) == [message]


def test_a_registry_that_does_not_answer_is_not_an_absence() -> None:
    registries = Failing(DIGEST)
    assert check("FROM nginx:2\nUSER 1\n", registries, "unknown-image", "unverified-image") == [
        "1:6 unverified-image: cannot ask docker.io: time-out"
    ]
    assert check("FROM quay.evil.example/x:1\nUSER 1\n", registries, "unknown-image", "unverified-image") == [
        "1:6 unverified-image: cannot ask quay.evil.example: not listed under `registries` in the policy; add it there"
    ]


ROW = "images: [{match: '**', platforms: [linux/s390x], labels: [z], max-size: 1B, max-age: 1d}]\n"
NOT_ASKED = {
    "unresolved": ("Dockerfile", "ARG X\nFROM $X\n", {}),
    "unknown tag": ("Dockerfile", "ARG X\nFROM nginx:$X\n", {}),
    "stage": ("Dockerfile", "FROM scratch AS a\nFROM a\n", {}),
    "built": ("compose.yaml", "services: {a: {build: ., image: web, pull_policy: build}}\n", {}),
    "built or pulled": ("compose.yaml", "services: {a: {build: ., image: web}}\n", {}),
    "built elsewhere": (
        "pod.yaml",
        "{apiVersion: v1, kind: Pod, spec: {containers: [{name: a, image: web}]}}\n",
        {"compose.yaml": "services: {a: {build: ., image: web}}\n"},
    ),
    "helm value without a tag": ("values.yaml", "image: {repository: acme/web, tag: ''}\n", {}),
    "tag of a kustomization": (
        "pod.yaml",
        "{apiVersion: v1, kind: Pod, spec: {containers: [{name: a, image: web}]}}\n",
        {"kustomization.yaml": "resources: [pod.yaml]\nimages: [{name: web, newTag: v1}]\n"},
    ),
    "name of a kustomization": (
        "pod.yaml",
        "{apiVersion: v1, kind: Pod, spec: {containers: [{name: a, image: web:v1}]}}\n",
        {"kustomization.yaml": "resources: [pod.yaml]\nimages: [{name: web, newName: ghcr.io/acme/web}]\n"},
    ),
    "frontend": ("Dockerfile", "# syntax=docker/dockerfile:1\nFROM scratch\n", {}),
}


@pytest.mark.parametrize("case", NOT_ASKED)
def test_what_registries_cannot_know_is_not_asked(case: str) -> None:
    filename, text, files = NOT_ASKED[case]
    registries = Failing()
    # With a row, a name that another file builds is the one that the row is for.
    policy = "" if case == "built elsewhere" else ROW
    found = check_text(text, filename, policy=policy, files=files, registries=registries)
    assert not {one.rule for one in found} & {*ONLINE, "unverified-image"}
    assert registries.asked == []


def test_a_row_that_rejects_an_image_asks_only_whether_it_exists() -> None:
    registries = Failing()
    registries.add("web:1")
    policy = ROW.replace("}]", ", approved: false}]")
    assert check("FROM web:1\nUSER 1\n", registries, policy=policy) == []
    assert registries.asked == ["digest docker.io/library/web 1"]


def test_a_stale_digest() -> None:
    registries = shop()
    old, new = (registries.tags["docker.io/library/nginx"][tag] for tag in ("1.27.0", "1.28.0"))
    part = registries.manifests["docker.io/library/nginx"][new].decode().partition('"digest": "')[2][:71]
    found = check(f"FROM nginx:1.28.0@{old}\nUSER 1\n", registries)
    message = f"`1.28.0` now points to another image, {new[:19]}...; update the digest"
    assert found == [f"1:19 stale-digest: {message}"]
    for reference in (f"nginx:1.28.0@{new}", f"nginx:1.28.0@{part}", f"nginx@{old}", "nginx:1.28.0"):
        assert check(f"FROM {reference}\nUSER 1\n", registries) == []


def test_a_digest_of_another_algorithm_is_not_compared() -> None:
    registries = shop()
    name = "docker.io/library/nginx"
    manifest = registries.manifests[name][registries.tags[name]["1.28.0"]]
    long = f"sha512:{'0' * 128}"
    registries.manifests[name][long] = manifest
    assert check(f"FROM nginx:1.28.0@{long}\nUSER 1\n", registries, "stale-digest") == []


PLATFORMS = [
    # The platforms of an image, those of the row, the flag of the stage, and the platforms that are missing.
    ("linux/amd64 linux/arm64/v8", "linux/amd64 linux/arm64", "", ""),
    ("linux/amd64 linux/arm64", "linux/arm64/v8", "", ""),
    ("linux/amd64", "linux/amd64 linux/arm64 linux/s390x", "", "linux/arm64 or linux/s390x"),
    ("linux/arm/v6", "linux/arm", "", ""),
    ("linux/arm/v6", "linux/arm/v7", "", ""),
    ("linux/arm/v7", "linux/arm/v6", "", "linux/arm/v6"),
    ("linux/arm", "linux/arm/v7", "", ""),
    ("linux/amd64/v3", "linux/amd64/v2", "", "linux/amd64/v2"),
    ("linux/amd64", "linux/amd64/v2", "", ""),
    ("linux/arm/va", "linux/arm/v7", "", "linux/arm/v7"),
    ("linux/mips64le/softfloat", "linux/mips64le/hardfloat", "", "linux/mips64le/hardfloat"),
    ("windows/amd64", "linux/amd64", "", "linux/amd64"),
    ("linux/amd64", "", "--platform=linux/amd64 ", ""),
    ("linux/amd64", "", "--platform=linux/x86_64 ", ""),
    ("linux/amd64", "", "--platform=amd64 ", ""),
    ("linux/amd64", "", "--platform=arm64 ", "linux/arm64"),
    ("linux/amd64", "", "--platform=linux ", ""),
    ("linux/amd64", "", "--platform=nonsense/x ", ""),
    ("linux/amd64", "", "--platform=linux/${A:-s390x} ", "linux/s390x"),
    ("linux/amd64", "", "--platform=${A ", ""),
    ("linux/amd64", "", "--platform=$BUILDPLATFORM ", ""),
    ("linux/amd64", "linux/amd64", "--platform=linux/s390x ", "linux/s390x"),
    ("linux/amd64", "linux/arm64", "--platform=linux/s390x ", "linux/arm64 or linux/s390x"),
]


@pytest.mark.parametrize(("served", "wanted", "flag", "missing"), PLATFORMS)
def test_platforms(served: str, wanted: str, flag: str, missing: str) -> None:
    registries = ExampleRegistries()
    registries.add("web:1", platforms=served.split())
    policy = f"images: [{{match: '**', platforms: [{', '.join(wanted.split())}], reason: we run both}}]\n" if wanted else ""
    found = check(f"FROM {flag}web:1\nUSER 1\n", registries, "missing-platform", policy=policy)
    by_row = missing and set(wanted.split()) & set(missing.split(" or "))
    reason, at = (": we run both", " (.imglint.yaml:1)") if by_row else ("", "")
    advice = f"build it for {'those platforms' if ' or ' in missing else 'that platform'} or use another image"
    problem = f"docker.io/library/web is not available for {missing}, only for {', '.join(served.split())}{reason}; {advice}{at}"
    assert found == ([f"1:{6 + len(flag)} missing-platform: {problem}"] if missing else [])


def test_an_image_that_names_no_platform_is_not_judged_by_it() -> None:
    registries = ExampleRegistries()
    config = registries.put_blob("docker.io/library/web", b"{}")
    manifest = f'{{"config": {{"digest": "{config}"}}, "layers": []}}'
    registries.put("docker.io/library/web", manifest.encode(), "1")
    assert check("FROM --platform=linux/arm64 web:1\nUSER 1\n", registries) == []


def test_many_platforms_are_not_all_listed() -> None:
    registries = ExampleRegistries()
    registries.add("web:1", platforms=[f"linux/{name}" for name in ("amd64", "arm64", "386", "s390x", "ppc64le", "riscv64")])
    (found,) = check("FROM --platform=linux/arm/v7 web:1\nUSER 1\n", registries)
    assert "only for linux/amd64, linux/arm64, linux/386, linux/s390x, linux/ppc64le and others;" in found


COMPOSE = "services: {a: {image: 'ghcr.io/acme/web:v1'}}\n"
LABELS = {
    "[a]": "",
    "[a, c]": "",
    "[d]": "image lacks the label `d`: to find owners; set it when the image is built",
    "[a, d, e]": "image lacks the labels `d`, `e`: to find owners; set them when the image is built",
}


@pytest.mark.parametrize(("labels", "expected"), LABELS.items())
def test_labels(labels: str, expected: str) -> None:
    policy = f"images: [{{match: '**', labels: {labels}, reason: to find owners}}]\n"
    found = check(COMPOSE, shop(), policy=policy, filename="compose.yaml")
    assert found == ([f"1:24 missing-label: {expected} (.imglint.yaml:1)"] if expected else [])


SIZES = {
    "2000001B": "",
    "2MB": "image takes up 2.1 MB, more than 2MB; reduce its size or use a smaller image",
    "1.5MB": "image takes up 2.1 MB, more than 1.5MB; reduce its size or use a smaller image",
    "2MiB": "",
    "1953.1 KiB": "image takes up 2.1 MB, more than 1953.1 KiB; reduce its size or use a smaller image",
    "1kB": "image takes up 2.1 MB, more than 1kB; reduce its size or use a smaller image",
}


@pytest.mark.parametrize(("size", "expected"), SIZES.items())
def test_sizes(size: str, expected: str) -> None:
    policy = f"images: [{{match: '**', max-size: {size}}}]\n"
    found = check(COMPOSE, shop(), policy=policy, filename="compose.yaml")
    assert found == ([f"1:24 oversized-image: {expected} (.imglint.yaml:1)"] if expected else [])


@pytest.mark.parametrize(
    ("size", "shown"),
    [(999, "999 bytes"), (1500, "1.5 kB"), (2_000_000, "2 MB"), (31_260_000, "31.3 MB"), (4_050_000_000, "4.1 GB")],
)
def test_sizes_are_shown_for_people(size: int, shown: str) -> None:
    registries = ExampleRegistries()
    registries.add("web:1", size=size)
    (found,) = check("FROM web:1\nUSER 1\n", registries, policy="images: [{match: '**', max-size: 1B}]\n")
    assert (
        found
        == f"1:6 oversized-image: image takes up {shown}, more than 1B; reduce its size or use a smaller image (.imglint.yaml:1)"
    )


def ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days)).strftime("%Y-%m-%dT%H:%M:%SZ")


AGES = [
    (179, False),
    (180, False),
    (182, True),
    ("2013-03-20T00:00:00Z", True),
    ("2020-01-01t00:00:00.123456789+02:00", True),
    ("1970-01-01T00:00:00Z", False),
    ("1980-01-01T00:00:01Z", False),
    ("0001-01-01T00:00:00Z", False),
    ("9999-12-31T00:00:00Z", False),
    ("2020-13-01T00:00:00Z", False),
    ("20200101T000000Z", False),
    ("2020-W07-1T00:00:00Z", False),
    ("", False),
    ("yesterday", False),
]


@pytest.mark.parametrize(("date", "is_old"), AGES)
def test_ages(date: str | int, is_old: bool) -> None:
    """A number is a date that many days ago."""
    created = ago(date) if isinstance(date, int) else date
    registries = ExampleRegistries()
    registries.add("web:1", created=created)
    policy = "images: [{match: '**', max-age: 180d}]\n"
    message = f"1:6 old-image: image was built on {created[:10]}, more than 180d ago; use a newer release or rebuild it (.imglint.yaml:1)"
    assert check("FROM web:1\nUSER 1\n", registries, policy=policy) == ([message] if is_old else [])


def two() -> ExampleRegistries:
    """Return registries with an image that differs between its platforms."""
    registries = ExampleRegistries()
    name = "docker.io/library/web"
    old = registries.add("web:amd64", platforms=["linux/amd64"], created="2020-01-01T00:00:00Z", size=5000, user="0")
    new = registries.add("web:arm64", platforms=["linux/arm64"], created=ago(1), labels={"a": "b"}, user="1001:0")
    entries = [
        f'{{"digest": "{digest}", "platform": {{"os": "linux", "architecture": "{name}"}}}}'
        for digest, name in ((old, "amd64"), (new, "arm64"), (digest_of(b"attestation"), "unknown"))
    ]
    registries.put(name, f'{{"manifests": [{", ".join(entries[:2])}]}}'.encode(), "1")
    return registries


def test_each_platform_is_judged_unless_the_row_lists_some() -> None:
    keys = "labels: [a], max-size: 4kB, max-age: 180d"
    policy = f"images: [{{match: '**', {keys}}}]\n"
    assert check("FROM web:1\nUSER 1\n", two(), policy=policy) == [
        "1:6 missing-label: image for linux/amd64 lacks the label `a`; set it when the image is built (.imglint.yaml:1)",
        "1:6 old-image: image for linux/amd64 was built on 2020-01-01, more than 180d ago; use a newer release or rebuild it (.imglint.yaml:1)",
        "1:6 oversized-image: image for linux/amd64 takes up 5 kB, more than 4kB; reduce its size or use a smaller image (.imglint.yaml:1)",
    ]
    policy = f"images: [{{match: '**', platforms: [linux/arm64], {keys}}}]\n"
    assert check("FROM web:1\nUSER 1\n", two(), policy=policy) == []


NO_USER = "no USER set, and base image docker.io/library/web:1"
STATED = "set `USER` to a nonzero number"
USERS = {
    "": f"{NO_USER} runs as root; {STATED}",
    "root": f"{NO_USER} runs as root; {STATED}",
    "0": f"{NO_USER} runs as root; {STATED}",
    "00:1000": f"{NO_USER} runs as root; {STATED}",
    "root:root": f"{NO_USER} runs as root; {STATED}",
    "0:0": f"{NO_USER} runs as root; {STATED}",
    ":1000": f"{NO_USER} runs as root; {STATED}",
    "1001": "",
    "nobody:root": "",
    "rootless": "",
}


@pytest.mark.parametrize(("user", "expected"), USERS.items())
def test_the_user_of_a_base_image(user: str, expected: str) -> None:
    registries = ExampleRegistries()
    registries.add("web:1", user=user)
    users = ("root-user", "unstated-user")
    found = check("FROM web:1 AS a\nFROM a\n", registries, *users)
    assert found == ([f"1:6 unstated-user: {expected}"] if expected else [])


def test_the_user_of_a_base_image_for_several_platforms() -> None:
    message = f"unstated-user: {NO_USER} runs as root; {STATED}"
    assert check("FROM web:1\n", two(), "unstated-user") == [f"1:6 {message}"]
    assert check("FROM --platform=linux/arm64 web:1\n", two(), "unstated-user") == []
    policy = "images: [{match: '**', platforms: [linux/arm64]}]\n"
    assert check("FROM web:1\n", two(), "unstated-user", policy=policy) == []


UIDS = {
    "1001": "",
    "1001:0": "",
    "01001": "",
    "1002": "no USER set, and the base image runs as 1002; set `USER 1001`",
    "app": "no USER set, and the base image runs as app; set `USER 1001`",
    "": "no USER set, and the base image runs as root; set `USER 1001`",
    "a" * 100: f"no USER set, and the base image runs as {'a' * 64}; set `USER 1001`",
}


@pytest.mark.parametrize(("user", "expected"), UIDS.items())
def test_a_required_user_can_be_that_of_the_base_image(user: str, expected: str) -> None:
    registries = ExampleRegistries()
    registries.add("web:1", user=user)
    policy = "rules: {root-user: {level: error, uid: 1001}}\n"
    found = check("FROM web:1\n", registries, "root-user", policy=policy)
    assert found == ([f"1:6 root-user: {expected} (.imglint.yaml:1)"] if expected else [])


@pytest.mark.parametrize("rule", ["root-user", "unstated-user"])
def test_rules_that_work_offline_report_the_same_if_a_registry_does_not_answer(rule: str) -> None:
    registries = Failing(BLOB)
    registries.add("web:1", user="1001")
    policy = "rules: {root-user: {level: error, uid: 1001}}\n" if rule == "root-user" else ""
    offline = shown(check_text("FROM web:1\n", "Dockerfile", rule=rule, policy=policy))
    assert len(offline) == 1
    found = check("FROM web:1\n", registries, rule, "unverified-image", policy=policy)
    assert found == sorted([*offline, "1:6 unverified-image: cannot ask docker.io: time-out"])


def test_an_absent_base_image_has_no_known_user() -> None:
    found = check("FROM web:1\n", shop(), "unstated-user", "unknown-image")
    assert [line.split(":")[1].split()[1] for line in found] == ["unknown-image", "unstated-user"]


def test_a_name_with_no_tags_left_is_none_for_every_rule() -> None:
    policy = ROW.replace("max-age: 1d", "max-age: 1d, digest: required")
    assert [line.split()[1] for line in check(f"FROM gone:1@{NOWHERE}\nUSER 1\n", shop(), policy=policy)] == ["unknown-image:"]


def test_what_registries_answer_is_shown_escaped() -> None:
    registries = shop()
    registries.tags["docker.io/library/nginx"]["1.\x1b[31m"] = registries.tags["docker.io/library/nginx"]["1.27.0"]
    (found,) = check("FROM nginx:1.[31m\nUSER 1\n", registries, "invalid-reference")
    assert found
    assert parse("nginx").name in registries.tags
    assert "\x1b" not in "".join(check("FROM nginx:1.31m\nUSER 1\n", registries))


def test_a_rule_that_always_asks_something_else_ends() -> None:
    runs = 0

    def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
        nonlocal runs
        runs += 1
        reference, online = use.asked, use.online
        assert reference is not None
        assert online is not None
        yield use.finding(f"{online.digest(replace(reference, tag=str(runs)))} in run {runs}")

    rule = ModuleType("acme_rules.restless")
    rule.__dict__.update(__doc__="Ask.", LEVEL=Severity.WARNING, TAGS=(), check_image=check_image)
    (finding,) = check_text("FROM web:1\n", "Dockerfile", rule=rule, registries=ExampleRegistries())
    assert finding.message == f"None in run {ROUNDS + 1}"


ENTRIES: dict[str, tuple[dict[str, object], str]] = {
    "a platform that is not stated": ({}, "missing-label: "),
    "no platform that runs": ({"platform": {"os": "unknown", "architecture": "unknown"}}, "the index has no images"),
    "an attachment": ({"mediaType": "text/plain"}, "the index has no images"),
    "an index": ({"mediaType": INDEXES[0]}, "answered with an index in an index"),
}


@pytest.mark.parametrize("platforms", ["", ", platforms: [linux/amd64]"])
@pytest.mark.parametrize("name", ENTRIES)
def test_no_image_escapes_through_an_odd_index(name: str, platforms: str) -> None:
    registries = ExampleRegistries()
    digest = registries.add("web:1", platforms=("linux/amd64",))
    changes, expected = ENTRIES[name]
    index = {"mediaType": INDEXES[0], "manifests": [{"mediaType": MANIFESTS[0], "digest": digest, **changes}]}
    registries.put("docker.io/library/web", json.dumps(index).encode(), "1")
    found = check("FROM web:1\nUSER 1\n", registries, policy=f"images: [{{match: '**', labels: [a]{platforms}}}]\n")
    assert any(expected in line for line in found)
