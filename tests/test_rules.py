"""The rules: every example in a rule's documentation is what it says it is, and tables of what each flags, where, and with which words."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from imglint import Finding, RunUser, Severity, Source, plugins
from imglint.engine.facts import Settings
from imglint.engine.run import run
from imglint.policy.load import load
from imglint.policy.lookup import FILE_NAME, default_policy
from imglint.testing import check_examples
from imglint_rules import moving_tag, platform_repository, root_user

PLUGGED = {name: rule for name, rule in plugins.rules().items() if rule.check_image or rule.check_user}
MODULES = {name: import_module(f"imglint_rules.{name.replace('-', '_')}") for name in PLUGGED}


def check(policy: str, path: str, text: str, *selected: str) -> list[Finding]:
    """Return the findings in one file of the current folder under a policy, of the selected rules where there are any."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")
    Path(FILE_NAME).write_text(policy, encoding="utf-8")
    loaded = load(FILE_NAME, plugins.rules(), plugins.kinds()) if policy else default_policy()
    report = run([path], Settings(loaded, plugins.rules(), selected=frozenset(selected)))
    assert report.files == 1
    return list(report.findings)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", PLUGGED)
def test_the_examples_of_a_rule_are_as_they_say(name: str) -> None:
    check_examples(MODULES[name])


@pytest.mark.parametrize("name", PLUGGED)
def test_a_rule_says_what_why_and_how_and_shows_both(name: str) -> None:
    doc = PLUGGED[name].doc
    assert PLUGGED[name].summary.endswith(".")
    assert [words in doc for words in ("**Why it matters:**", "**How to put it right:**", "## Flagged", "## Passed")] == [
        True
    ] * 4
    assert ("**Options:**" in doc) == (PLUGGED[name].options is not None)


def test_the_defaults_are_those_of_the_contract() -> None:
    found = {name: (str(rule.level), rule.environments) for name, rule in PLUGGED.items()}
    assert found == {
        "implicit-registry": ("note", None),
        "latest-tag": ("error", ("production",)),
        "misplaced-image": ("error", None),
        "missing-digest": ("off", ("production",)),
        "moving-tag": ("off", None),
        "platform-repository": ("off", None),
        "root-user": ("warning", None),
        "unapproved-image": ("error", None),
        "unconventional-tag": ("error", None),
    }


DIGEST = "@sha256:" + "0" * 64
TAGS = {
    True: "1 v1 v1.2 1.25 16-alpine 1.25-bookworm 3.12-slim-bookworm 1-alpine3.19 17-jdk 22.04 stable main edge "
    "lts lts-alpine bookworm nonroot 1.x 2.X v1.2.x release-1.2 Release-1.x release-15 release_v2-slim latest-alpine3.20 stable-1 Nightly-arm64 "
    f"v0 V1 2022.1 1.10 1.2-deadbee 1.2-a1b2c3 1.2-{'a1' * 20}b 2.0-rc 1.2-v3.4 2.0-12",
    False: "1.25.3 v1.2.3 1.25.3-alpine 1.2.3.4 v1.0.0-rc1 2.0-rc1 1.0-beta2 20240612 2024-06-12 bookworm-20240612 9.4-1194 main-abc1234 "
    f"1.2-a1b2c3d 1.2-{'a1' * 20} pr-456 feature-audit-v2 RELEASE.2024-06-13T22-53-53Z a1b2c3d 12345.1 9.4-119 16-1.2.3rc1 16-v1.2.3 16-V1.2.3 "
    "nightly-20240612 release-1.2.3 release-123 releases-1.2 latest-1.2.3 stable-a1b2c3d php8 "
    "2.0-RC1 2.0-rc.1 2.0-alpha1 2.0-b1 2.0-m1 2.0-pre1 2.0-preview1 2.0-ea1 2.0-build1 2.0-r1 2.0_rc1",
}


@pytest.mark.parametrize(("tag", "expected"), [(tag, expected) for expected, tags in TAGS.items() for tag in tags.split()])
def test_which_tags_move(tag: str, expected: bool) -> None:
    assert moving_tag.moves(tag) == expected


PLATFORMS = {
    "ghcr.io/kyklos/kyklos-amd64:v0.1.0": "kyklos/kyklos-amd64",
    "ghcr.io/kyklos/kyklos:v0.1.0-arm64": "v0.1.0-arm64",
    "docker.io/arm64v8/nginx:1.27.0": "arm64v8/nginx",
    "docker.io/acme/app_x86_64:1": "acme/app_x86_64",
    "docker.io/acme/app-linux-386:1": "acme/app-linux-386",
    "docker.io/acme/app:linux-arm-v7": "linux-arm-v7",
    "docker.io/acme/app.s390x:1": "acme/app.s390x",
    "docker.io/acme/app:1": None,
    "docker.io/acme/farm64:1": None,
    "docker.io/acme/alarm:386": None,
    "docker.io/arm/tools:1-armada": None,
    "arm64.example/acme/app:1": None,
    "docker.io/acme/arm64/app:1": "acme/arm64/app",
    "docker.io/acme/arm64.app:1": "acme/arm64.app",
    "docker.io/acme/arm64_app:1": "acme/arm64_app",
    "docker.io/acme/386/arm-tools:1": None,
    "docker.io/acme/amd64v5:1": None,
    "docker.io/acme/armv9:1": None,
    "docker.io/acme/app": None,
}
PLATFORM_NAMES = (
    "amd64 amd64v1 amd64v4 x86_64 x86-64 x86_64_v1 x86-64-v4 i386 i686 linux-386 linux_386 arm64 arm64v8 aarch64 arm32 arm32v5 arm32v7 armv5 armv6 "
    "armv7l armv8 armhf armel linux-arm linux_arm arm ppc64 ppc64le ppc64el s390x riscv64 mips64 mips64le mips64el loong64 loongarch64"
)


@pytest.mark.parametrize("name", PLATFORM_NAMES.split())
def test_a_platform_is_named_in_full(name: str) -> None:
    found = check("", "compose.yaml", f"services: {{web: {{image: 'ghcr.io/acme/app-{name}:1'}}}}\n", "platform-repository")
    better = f"publish one multi-platform image and name that, without {name}"
    assert [finding.full_message for finding in found] == [f"the repository is for {name} alone; {better}"]


@pytest.mark.parametrize(("image", "expected"), PLATFORMS.items())
def test_platforms_in_names(image: str, expected: str | None) -> None:
    found = check("", "compose.yaml", f"services: {{web: {{image: '{image}'}}}}\n", "platform-repository")
    assert [finding.text for finding in found] == ([] if expected is None else [expected])
    assert platform_repository.LEVEL is Severity.OFF


USERS = [
    ("USER root", "", "root"),
    ("USER 0", "", "0"),
    ("USER 00:1001", "", "00:1001"),
    ("USER root:root", "", "root:root"),
    ("USER 1001:0", "", None),
    ("USER nginx", "", None),
    ("", "", "docker.io/library/alpine:3.20.1"),
    ("USER 1001", "uid: 1001", None),
    ("USER 01001", "uid: 1001", None),
    ("USER 1002", "uid: 1001", "1002"),
    ("USER 1002", "uid: [1001, 1002]", None),
    ("USER nginx", "uid: 1001", "nginx"),
    ("USER 0", "uid: 0", "0"),
]


@pytest.mark.parametrize(("line", "options", "expected"), USERS)
def test_users_of_a_shipped_stage(line: str, options: str, expected: str | None) -> None:
    policy = f"rules: {{root-user: {{{options}}}}}\n" if options else ""
    found = check(policy, "Dockerfile", f"FROM docker.io/library/alpine:3.20.1\n{line}\n", "root-user")
    assert [finding.text for finding in found] == ([] if expected is None else [expected])


POD = """apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
    - name: web
      image: docker.io/library/nginx:1.27.0
      securityContext: {%s}
"""


@pytest.mark.parametrize(
    ("context", "options", "expected"),
    [
        ("runAsUser: 0", "", ["0"]),
        ("runAsUser: 0, runAsNonRoot: true", "", ["0"]),
        ("runAsUser: 1001, runAsNonRoot: false", "", []),
        ("runAsNonRoot: false", "", ["false"]),
        ("runAsNonRoot: true", "uid: 1001", []),
        ("runAsUser: 1000", "uid: 1001", ["1000"]),
        ("", "", []),
        ("", "explicit: true", ["docker.io/library/nginx:1.27.0"]),
    ],
)
def test_users_of_a_container(context: str, options: str, expected: list[str]) -> None:
    policy = f"rules: {{root-user: {{{options}}}}}\n" if options else ""
    assert [finding.text for finding in check(policy, "web.yaml", POD % context, "root-user")] == expected


TABLE = """
environments: {development: [dev/]}
images:
  - match: quay.io/kubernaut/*
    environments: [production]
    tags: ["v{semver}"]
    forbidden-tags: [dev, "test-*"]
  - match: quay.io/jordigilh/*
    environments: [development]
  - match: docker.io/library/golang
    roles: [build]
  - match: docker.io/jaafarn/raqeem-*
    approved: false
    reason: moved to GHCR in v0.2.0
    use-instead: ghcr.io/mj-nehme/raqeem/*
  - match: quay.io/minio/minio:latest
  - match: docker.io/library/postgres
    files: [db/]
  - match: docker.io/library/*
    approved: false
built: [controller]
"""
MESSAGES = [
    (
        "quay.io/kubernaut/gateway:dev",
        "unconventional-tag",
        "dev",
        "the tag dev is forbidden by .imglint.yaml:4; allowed: v{semver}",
    ),
    (
        "quay.io/kubernaut/gateway:test-1",
        "unconventional-tag",
        "test-1",
        "the tag test-1 is forbidden by .imglint.yaml:4 (test-*); allowed: v{semver}",
    ),
    (
        "quay.io/kubernaut/gateway:1.0",
        "unconventional-tag",
        "1.0",
        "the tag 1.0 is not what .imglint.yaml:4 allows: v{semver}",
    ),
    (
        "quay.io/kubernaut/gateway",
        "unconventional-tag",
        "quay.io/kubernaut/gateway",
        "without a tag this reads as latest, which is not what .imglint.yaml:4 allows: v{semver}",
    ),
    (
        "quay.io/kubernaut/gateway",
        "latest-tag",
        "quay.io/kubernaut/gateway",
        "without a tag this reads as latest, which moves with every push; write a tag as .imglint.yaml:4 allows: v{semver}",
    ),
    ("quay.io/minio/minio:latest", "latest-tag", None, ""),
    ("quay.io/minio/minio", "latest-tag", None, ""),
    (f"quay.io/kubernaut/gateway:latest{DIGEST}", "latest-tag", None, ""),
    (f"quay.io/kubernaut/gateway{DIGEST}", "unconventional-tag", None, ""),
    (
        "quay.io/jordigilh/gateway:dev",
        "misplaced-image",
        "quay.io/jordigilh/gateway:dev",
        "quay.io/jordigilh/gateway is approved in development (.imglint.yaml:8), not in production; "
        "approved for workload in production: quay.io/kubernaut/*, quay.io/minio/minio:latest",
    ),
    ("quay.io/jordigilh/gateway:dev", "unapproved-image", None, ""),
    (
        "jaafarn/raqeem-devices-backend:v0.1.1",
        "unapproved-image",
        "jaafarn/raqeem-devices-backend:v0.1.1",
        "docker.io/jaafarn/raqeem-devices-backend is refused by .imglint.yaml:12: moved to GHCR in v0.2.0; "
        "write ghcr.io/mj-nehme/raqeem/devices-backend:v0.1.1",
    ),
    (
        "quay.io/kubernuat/gateway:v1.0.0",
        "unapproved-image",
        "quay.io/kubernuat/gateway:v1.0.0",
        "quay.io/kubernuat/gateway is approved by no row of .imglint.yaml; close to it: quay.io/kubernaut/gateway",
    ),
    (
        "example.com/x/y:1",
        "unapproved-image",
        "example.com/x/y:1",
        "example.com/x/y is approved by no row of .imglint.yaml; "
        "approved for workload in production: quay.io/kubernaut/*, quay.io/minio/minio:latest",
    ),
    ("controller:latest", "unapproved-image", None, ""),
    ("controller:latest", "latest-tag", None, ""),
    ("controller:latest", "implicit-registry", None, ""),
    ("controller:latest", "missing-digest", None, ""),
    ("nginx:1", "implicit-registry", "nginx", "the registry is left to the reader; it is read as docker.io/library/nginx"),
    ("quay.io/a/b:1", "missing-digest", "quay.io/a/b:1", "no digest pins this image; add @sha256:... behind the tag"),
    (f"quay.io/a/b:1{DIGEST}", "missing-digest", None, ""),
    ("quay.io/a/b:16", "moving-tag", "16", "the tag 16 moves with releases; write a whole version, or add the digest"),
    (f"quay.io/a/b:16{DIGEST}", "moving-tag", None, ""),
    ("quay.io/a/b", "moving-tag", None, ""),
    (
        "quay.io/a/b:latest",
        "latest-tag",
        "latest",
        "the tag latest moves with every push; write the version that was tested, or pin a digest",
    ),
    ("quay.io/a/b", "missing-digest", "quay.io/a/b", "no digest pins this image; add @sha256:... behind the name"),
    ("quay.io/a/b:latest", "moving-tag", None, ""),
]


@pytest.mark.parametrize(("image", "rule", "text", "message"), MESSAGES)
def test_what_is_said_and_where(image: str, rule: str, text: str | None, message: str) -> None:
    found = check(TABLE, "web.yaml", POD.replace("docker.io/library/nginx:1.27.0", image) % "runAsUser: 1", rule)
    assert [(finding.text, finding.full_message) for finding in found] == ([] if text is None else [(text, message)])


SAID = [
    (
        "images: [{match: docker.io/library/*}]",
        "postgres:16.1",
        "implicit-registry",
        "the registry is left to the reader; write docker.io/library/postgres",
    ),
    (
        "images: [{match: quay.io/acme/*, tags: ['v{semver}', 'r{n}']}]",
        "quay.io/acme/web",
        "latest-tag",
        "without a tag this reads as latest, which moves with every push; write a tag as .imglint.yaml:1 allows: v{semver}, r{n}",
    ),
    (
        "images: [{match: 'redis:7'}]",
        "redis:6",
        "unapproved-image",
        "docker.io/library/redis:6 is approved by no row of .imglint.yaml; close to it: docker.io/library/redis:7",
    ),
    (
        "images: [{match: 'acme/*@sha256:*'}]",
        "acme/web",
        "unapproved-image",
        "docker.io/acme/web:latest is approved by no row of .imglint.yaml; close to it: docker.io/acme/web@sha256:*",
    ),
    (
        "images: [{match: 'acme/web:1.*'}]",
        f"acme/web{DIGEST}",
        "unapproved-image",
        f"docker.io/acme/web{DIGEST} is approved by no row of .imglint.yaml; close to it: docker.io/acme/web:1.*",
    ),
    (
        "images: [{match: 'acme/web:1.*'}]",
        "quay.io/acme/web:1",
        "unapproved-image",
        "quay.io/acme/web is approved by no row of .imglint.yaml; close to it: docker.io/acme/web:1.*",
    ),
    (
        "images: [{match: quay.io/acme/*, tags: ['{branch}', 'v{semver}', '*'], rules: {unconventional-tag: off}}]",
        "quay.io/acme/web:latest",
        "latest-tag",
        "the tag latest moves with every push; write a tag as .imglint.yaml:1 allows: v{semver}",
    ),
    (
        "images: [{match: quay.io/acme/*, tags: ['*']}]",
        "quay.io/acme/web:latest",
        "latest-tag",
        "the tag latest moves with every push; write the version that was tested, or pin a digest",
    ),
    (
        "images: [{match: quay.io/acme/*, tags: ['v{semver}', 'r{n}'], forbidden-tags: [dev]}]",
        "quay.io/acme/web:dev",
        "unconventional-tag",
        "the tag dev is forbidden by .imglint.yaml:1; allowed: v{semver}, r{n}",
    ),
    (
        "images: [{match: quay.io/acme/*, forbidden-tags: [dev]}]",
        "quay.io/acme/web:dev",
        "unconventional-tag",
        "the tag dev is forbidden by .imglint.yaml:1",
    ),
    (
        "images: [{match: quay.io/acme/*, approved: false}]",
        "quay.io/acme/web:dev",
        "unapproved-image",
        "quay.io/acme/web is refused by .imglint.yaml:1",
    ),
    (
        "images: [{match: quay.io/acme/*}, {match: ghcr.io/acme/*}]",
        "docker.io/acme/web:dev",
        "unapproved-image",
        "docker.io/acme/web is approved by no row of .imglint.yaml; close to it: quay.io/acme/web, ghcr.io/acme/web",
    ),
    (
        "environments: {dev: [dev/], qa: [qa/]}\nimages:\n"
        "  - {match: quay.io/acme/*, environments: [dev, qa]}\n"
        "  - {match: quay.io/acme/*, environments: [production], roles: [build, base]}\n"
        "  - {match: quay.io/acme/*, files: [a/, b/]}\n"
        "  - {match: quay.io/acme/*, files: [c/]}",
        "quay.io/acme/web:dev",
        "misplaced-image",
        "quay.io/acme/web is approved in dev and qa (.imglint.yaml:3), as build and base (.imglint.yaml:4), in a/ and b/ (.imglint.yaml:5), "
        "not in production or as workload or in this file",
    ),
]


@pytest.mark.parametrize(("policy", "image", "rule", "message"), SAID)
def test_what_is_said_under_a_policy_of_its_own(policy: str, image: str, rule: str, message: str) -> None:
    found = check(policy, "web.yaml", POD.replace("docker.io/library/nginx:1.27.0", image) % "runAsUser: 1", rule)
    assert [finding.full_message for finding in found] == [message]


REFUSED_IN = "{match: quay.io/acme/*, approved: false, environments: [%s]}"
REFUSED = [
    (
        f"images: [{REFUSED_IN % 'dev'}]",
        "quay.io/acme/web is refused in dev (.imglint.yaml:2), and by no row approved in production",
    ),
    (
        f"images: [{REFUSED_IN % 'dev'}, {REFUSED_IN % 'qa'}]",
        "quay.io/acme/web is refused in dev (.imglint.yaml:2), in qa (.imglint.yaml:2), and by no row approved in production",
    ),
    (
        f"images: [{REFUSED_IN % 'dev'}, {{match: quay.io/acme/*, environments: [qa]}}, {{match: ghcr.io/acme/*}}]",
        "quay.io/acme/web is approved in qa (.imglint.yaml:2), not in production; "
        "approved for workload in production: ghcr.io/acme/web",
    ),
]


def test_of_two_exceptions_on_one_line_the_one_that_silences_nothing_is_reported() -> None:
    entry = "{match: docker.io/acme/%s, rules: [latest-tag]}"
    Path("Dockerfile").write_text("FROM docker.io/acme/a\nUSER 1\n", encoding="utf-8")
    policy = f"exceptions: [{entry % 'a'}, {entry % 'b'}]\n"
    Path(FILE_NAME).write_text(policy, encoding="utf-8")
    settings = Settings(load(FILE_NAME, plugins.rules(), plugins.kinds()), plugins.rules(), today="2026-01-01")
    found = run(("",), settings).findings
    assert [(finding.rule, finding.location.column) for finding in found] == [("unused-exception", policy.rindex("{") + 1)]


def test_every_file_with_rows_is_named(tmp_path: Path) -> None:
    (tmp_path / "shared.yaml").write_text("images: [{match: quay.io/shared/*, approved: false}]\n", encoding="utf-8")
    policy = "extends: [shared.yaml]\nimages: [{match: quay.io/own/*}]\n"
    text = "services: {a: {image: 'ghcr.io/x/y:1.0.0'}, b: {image: 'quay.io/shared/z:1.0.0'}}\n"
    found = check(policy, "compose.yaml", text, "unapproved-image")
    assert [finding.full_message.partition(";")[0] for finding in found] == [
        "ghcr.io/x/y is approved by no row of .imglint.yaml or shared.yaml",
        "quay.io/shared/z is refused by shared.yaml:1",
    ]


@pytest.mark.parametrize(("images", "message"), REFUSED)
def test_what_is_refused_elsewhere_is_misplaced_and_not_unapproved(images: str, message: str) -> None:
    policy = f"environments: {{dev: [dev/], qa: [qa/]}}\n{images}\n"
    text = POD.replace("docker.io/library/nginx:1.27.0", "quay.io/acme/web:v1.0.0") % "runAsUser: 1"
    found = check(policy, "web.yaml", text, "misplaced-image", "unapproved-image")
    assert [(finding.rule, finding.full_message) for finding in found] == [("misplaced-image", message)]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("{match: quay.io/acme/*, approved: false}", []),
        ("{match: quay.io/acme/web, approved: false, environments: [dev]}", []),
        ("{match: quay.io/acme/*, environments: [dev]}", ["misplaced-image"]),
        ("{match: quay.io/acme/*, tags: ['v{semver}']}", ["unconventional-tag"]),
        ("{match: ghcr.io/acme/*}", []),
    ],
)
def test_rows_judge_where_and_how_what_is_built_here_is_used_and_not_whether(row: str, expected: list[str]) -> None:
    policy = f"environments: {{dev: [dev/]}}\nbuilt: [quay.io/acme/web]\nimages: [{row}]\n"
    found = check(policy, "compose.yaml", "services: {web: {image: 'quay.io/acme/web:main'}}\n")
    assert [finding.rule for finding in found] == expected


def test_an_entry_of_a_kustomization_is_not_told_to_select_another_image() -> None:
    text = "kind: Kustomization\nimages:\n  - {name: redis, newTag: 7.2.5}\n  - {name: x, newName: acme/web, newTag: v1.0.0}\n"
    assert [finding.full_message for finding in check("", "kustomization.yaml", text, "implicit-registry")] == [
        "the registry is left to the reader; write newName: docker.io/library/redis",
        "the registry is left to the reader; write newName: docker.io/acme/web",
    ]


def test_a_frontend_that_other_rows_approve_is_misplaced() -> None:
    policy = "images: [{match: docker.io/docker/dockerfile, roles: [frontend]}, {match: docker.io/acme/*}]\n"
    found = check(policy, "Dockerfile", "# syntax=acme/front:1\nFROM scratch\nUSER 1\n", "misplaced-image")
    assert [finding.full_message for finding in found] == [
        "docker.io/acme/front is approved in any role but frontend, for its row names none (.imglint.yaml:1), not as frontend; "
        "approved for frontend in production: docker.io/docker/dockerfile"
    ]


def test_a_name_alone_in_a_kustomization_keeps_the_digest_of_its_manifest() -> None:
    text = "kind: Kustomization\nimages:\n  - {name: web, newName: quay.io/acme/web}\n  - {name: api, newName: quay.io/acme/api, newTag: v1.0.0}\n"
    values = "image: {repository: quay.io/acme/web, tag: ''}\n"
    assert [finding.text for finding in check("", "kustomization.yaml", text, "missing-digest")] == ["quay.io/acme/api"]
    assert [finding.text for finding in check("", "values.yaml", values, "missing-digest")] == ["quay.io/acme/web"]


NUMBER = "a number other than 0"


@pytest.mark.parametrize(
    ("path", "text", "options", "message"),
    [
        ("Dockerfile", "FROM a/b:1\nUSER root\n", "", f"this runs as root; set USER to {NUMBER}"),
        ("Dockerfile", "FROM a/b:1\nUSER 0\n", "uid: [1001, 1002]", "this runs as root; set USER to 1001 or 1002"),
        ("Dockerfile", "FROM a/b:1\nUSER 5\n", "uid: [1001, 1002]", "the user 5 is not 1001 or 1002"),
        (
            "Dockerfile",
            "FROM a/b:1\nUSER web\n",
            "uid: 1001",
            "the user is written as a name, web; write 1001, so that it can be checked",
        ),
        (
            "Dockerfile",
            "FROM a/b:1\nUSER X1001\n",
            "uid: [1001, 1002]",
            "the user is written as a name, X1001; write 1001 or 1002, so that it can be checked",
        ),
        (
            "Dockerfile",
            "FROM a/b:1\nUSER \u0661\n",
            "uid: 1",
            "the user is written as a name, \u0661; write 1, so that it can be checked",
        ),
        (
            "Dockerfile",
            "FROM a/b:1\n",
            "",
            f"this runs as root: no user is named, and its base docker.io/a/b:1 does not say nonroot; set USER to {NUMBER}",
        ),
        ("Dockerfile", "FROM scratch\nCOPY a /\n", "", f"this runs as root: no user is named; set USER to {NUMBER}"),
        (
            "web.yaml",
            POD % "runAsNonRoot: false",
            "",
            f"runAsNonRoot: false lets this run as root; write true, or set runAsUser to {NUMBER}",
        ),
        (
            "web.yaml",
            POD % "runAsNonRoot: false",
            "uid: 1001",
            "runAsNonRoot: false lets this run as root; write true, or set runAsUser to 1001",
        ),
        ("web.yaml", POD % "runAsUser: 0", "", f"this runs as root; set runAsUser to {NUMBER}"),
        ("compose.yaml", "services: {a: {image: a/b:1, user: root}}\n", "", f"this runs as root; set user to {NUMBER}"),
        (
            "web.yaml",
            POD % "",
            "explicit: true",
            f"nothing here says which user this runs as, so the image decides; set runAsUser to {NUMBER}",
        ),
    ],
)
def test_what_is_said_about_a_user(path: str, text: str, options: str, message: str) -> None:
    found = check(f"rules: {{root-user: {{{options}}}}}\n", path, text, "root-user")
    assert [finding.full_message for finding in found] == [f"{message} (.imglint.yaml:1)"]


@pytest.mark.parametrize(
    "base", ["a/nonroot:1", "a/b:1-non-root", "a/rootless-b:1", "a/b-unprivileged", "nonroot/b@" + DIGEST[1:]]
)
def test_a_base_that_says_nonroot_needs_no_user(base: str) -> None:
    assert check("", "Dockerfile", f"FROM {base}\n", "root-user") == []


def test_a_build_image_as_a_base_is_misplaced() -> None:
    found = check(TABLE, "Dockerfile", "FROM docker.io/library/golang:1.25.3\nUSER 1\n", "misplaced-image", "unapproved-image")
    assert [finding.full_message for finding in found] == [
        "docker.io/library/golang is refused by .imglint.yaml:19; approved for base in production: quay.io/kubernaut/*, quay.io/minio/minio:latest"
    ]
    found = check(
        TABLE.partition("  - match: docker.io/library/*")[0],
        "Dockerfile",
        "FROM docker.io/library/golang:1.25.3\n",
        "misplaced-image",
    )
    assert [finding.full_message.partition(";")[0] for finding in found] == [
        "docker.io/library/golang is approved as build (.imglint.yaml:10), not as base"
    ]


def test_an_image_outside_of_its_files_is_misplaced() -> None:
    policy = "images: [{match: docker.io/library/postgres, files: [db/]}]\n"
    text = "services: {db: {image: 'docker.io/library/postgres:16.1.0'}}\n"
    assert [finding.full_message for finding in check(policy, "compose.yaml", text, "misplaced-image")] == [
        "docker.io/library/postgres is approved in db/ (.imglint.yaml:1), not in this file"
    ]
    assert check(policy, "db/compose.yaml", text, "misplaced-image") == []


def test_a_tag_left_to_others_is_not_judged() -> None:
    policy = 'images: [{match: quay.io/acme/*, tags: ["v{semver}"]}]\n'
    text = "image:\n  repository: quay.io/acme/web\n  tag: ''\n"
    assert check(policy, "values.yaml", text, "latest-tag", "unconventional-tag", "moving-tag", "unapproved-image") == []


def test_a_row_asks_for_a_digest() -> None:
    policy = "images: [{match: quay.io/acme/*, digest: required}]\n"
    found = check(policy, "compose.yaml", "services: {web: {image: 'quay.io/acme/web:v1.0.0'}}\n")
    assert [(finding.rule, str(finding.level), finding.full_message) for finding in found] == [
        ("missing-digest", "error", "no digest pins this image (.imglint.yaml:1); add @sha256:... behind the tag")
    ]


def test_of_a_place_that_another_reader_names_the_user_is_spoken_of() -> None:
    user = RunUser(Source("Jobfile", "root"), (0, 4), "job-user", "job", "root")
    assert [finding.full_message for finding in root_user.check_user(user, root_user.Options())] == [
        "this runs as root; set the user to a number other than 0"
    ]
