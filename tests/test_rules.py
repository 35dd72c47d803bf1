"""The rules: the examples in their documentation, and tables of what each one flags, where, and with which message."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from imglint import Finding, RunUser, Severity, Source
from imglint.engine.facts import Settings
from imglint.engine.run import run
from imglint.plugins import load as plugins
from imglint.policy.find import one_for_all
from imglint.policy.load import load
from imglint.policy.lookup import FILE_NAME, default_policy
from imglint.testing import check_examples
from imglint_rules import moving_tag, platform_repository, root_user

PLUGGED = {name: rule for name, rule in plugins.rules().items() if rule.check_image or rule.check_user}
MODULES = {
    name: import_module(f"imglint_rules.{'online.' * rule.online}{name.replace('-', '_')}") for name, rule in PLUGGED.items()
}


def check(policy: str, path: str, text: str, *selected: str) -> list[Finding]:
    """Write a policy and a file to the current folder, and return the findings in the file; of the selected rules, if any are given."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")
    Path(FILE_NAME).write_text(policy, encoding="utf-8")
    loaded = load(FILE_NAME, plugins.rules(), plugins.kinds()) if policy else default_policy()
    report = run([path], Settings(one_for_all(loaded), plugins.rules(), selected=frozenset(selected)))
    assert report.files == 1
    return list(report.findings)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", PLUGGED)
def test_documented_examples(name: str) -> None:
    check_examples(MODULES[name])


@pytest.mark.parametrize("name", PLUGGED)
def test_documentation_has_all_sections(name: str) -> None:
    doc = PLUGGED[name].doc
    assert PLUGGED[name].summary.endswith(".")
    assert [words in doc for words in ("**Why it matters:**", "**How to fix it:**", "## Flagged", "## Passed")] == [True] * 4
    assert ("**Options:**" in doc) == (PLUGGED[name].options is not None)


def test_default_levels_and_environments() -> None:
    found = {name: (str(rule.level), rule.environments) for name, rule in PLUGGED.items()}
    assert found == {
        "chart-image-drift": ("warning", None),
        "deprecated-image": ("warning", None),
        "implicit-registry": ("note", None),
        "latest-tag": ("error", ("production",)),
        "misplaced-image": ("error", None),
        "missing-digest": ("off", ("production",)),
        "missing-label": ("error", None),
        "missing-platform": ("error", None),
        "moving-tag": ("off", None),
        "old-image": ("error", None),
        "outdated-tag": ("off", None),
        "oversized-image": ("error", None),
        "platform-repository": ("off", None),
        "root-user": ("warning", None),
        "stale-digest": ("warning", None),
        "unapproved-image": ("error", None),
        "unconventional-tag": ("error", None),
        "unknown-image": ("error", None),
        "unsigned-image": ("error", None),
        "unstated-user": ("note", None),
        "unsupported-version": ("error", None),
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
def test_moving_tags(tag: str, expected: bool) -> None:
    assert moving_tag.is_moving(tag) == expected


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
def test_platform_names_are_matched_in_full(name: str) -> None:
    found = check("", "compose.yaml", f"services: {{web: {{image: 'ghcr.io/acme/app-{name}:1'}}}}\n", "platform-repository")
    assert [finding.full_message for finding in found] == [f"repository is specific to {name}; use a multi-platform image"]


@pytest.mark.parametrize(("image", "expected"), PLATFORMS.items())
def test_platforms_in_repositories_and_tags(image: str, expected: str | None) -> None:
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
    ("", "", None),
    ("", "uid: 1001", "docker.io/library/alpine:3.20.1"),
    ("", "explicit: true", None),
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
    reason: only releases are signed
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
        "tag `dev` is forbidden: only releases are signed; allowed: v{semver} (.imglint.yaml:4)",
    ),
    (
        "quay.io/kubernaut/gateway:test-1",
        "unconventional-tag",
        "test-1",
        "tag `test-1` is forbidden by `test-*`: only releases are signed; allowed: v{semver} (.imglint.yaml:4)",
    ),
    (
        "quay.io/kubernaut/gateway:1.0",
        "unconventional-tag",
        "1.0",
        "tag `1.0` is not allowed: only releases are signed; allowed: v{semver} (.imglint.yaml:4)",
    ),
    (
        "quay.io/kubernaut/gateway",
        "unconventional-tag",
        "quay.io/kubernaut/gateway",
        "no tag given, and `latest` is not allowed: only releases are signed; allowed: v{semver} (.imglint.yaml:4)",
    ),
    (
        "quay.io/kubernaut/gateway",
        "latest-tag",
        "quay.io/kubernaut/gateway",
        "no tag given, so `latest` is pulled: only releases are signed; use a tag such as v{semver} (.imglint.yaml:4)",
    ),
    ("quay.io/minio/minio:latest", "latest-tag", None, ""),
    ("quay.io/minio/minio", "latest-tag", None, ""),
    (f"quay.io/kubernaut/gateway:latest{DIGEST}", "latest-tag", None, ""),
    (f"quay.io/kubernaut/gateway{DIGEST}", "unconventional-tag", None, ""),
    (
        "quay.io/jordigilh/gateway:dev",
        "misplaced-image",
        "quay.io/jordigilh/gateway:dev",
        "quay.io/jordigilh/gateway is not approved in production, only in development; "
        "approved here: quay.io/kubernaut/*, quay.io/minio/minio:latest (.imglint.yaml:9)",
    ),
    ("quay.io/jordigilh/gateway:dev", "unapproved-image", None, ""),
    (
        "jaafarn/raqeem-devices-backend:v0.1.1",
        "unapproved-image",
        "jaafarn/raqeem-devices-backend:v0.1.1",
        "docker.io/jaafarn/raqeem-devices-backend is not an approved image: moved to GHCR in v0.2.0; "
        "use ghcr.io/mj-nehme/raqeem/devices-backend:v0.1.1 (.imglint.yaml:13)",
    ),
    (
        "quay.io/kubernuat/gateway:v1.0.0",
        "unapproved-image",
        "quay.io/kubernuat/gateway:v1.0.0",
        "quay.io/kubernuat/gateway is not an approved image; did you mean quay.io/kubernaut/gateway?",
    ),
    (
        "example.com/x/y:1",
        "unapproved-image",
        "example.com/x/y:1",
        "example.com/x/y is not an approved image; approved here: quay.io/kubernaut/*, quay.io/minio/minio:latest",
    ),
    ("controller:latest", "unapproved-image", None, ""),
    ("controller:latest", "latest-tag", None, ""),
    ("controller:latest", "implicit-registry", None, ""),
    ("controller:latest", "missing-digest", None, ""),
    ("nginx:1", "implicit-registry", "nginx", "no registry given; this resolves to docker.io/library/nginx"),
    ("quay.io/a/b:1", "missing-digest", "quay.io/a/b:1", "image is not pinned by digest"),
    (f"quay.io/a/b:1{DIGEST}", "missing-digest", None, ""),
    ("quay.io/a/b:16", "moving-tag", "16", "`16` is a moving tag; use a full version or pin a digest"),
    (f"quay.io/a/b:16{DIGEST}", "moving-tag", None, ""),
    ("quay.io/a/b", "moving-tag", None, ""),
    (
        "quay.io/a/b:latest",
        "latest-tag",
        "latest",
        "`latest` is a moving tag; use a version tag or pin a digest",
    ),
    ("quay.io/a/b", "missing-digest", "quay.io/a/b", "image is not pinned by digest"),
    ("quay.io/a/b:latest", "moving-tag", None, ""),
]


@pytest.mark.parametrize(("image", "rule", "text", "message"), MESSAGES)
def test_messages_and_positions(image: str, rule: str, text: str | None, message: str) -> None:
    found = check(TABLE, "web.yaml", POD.replace("docker.io/library/nginx:1.27.0", image) % "runAsUser: 1", rule)
    assert [(finding.text, finding.full_message) for finding in found] == ([] if text is None else [(text, message)])


POLICY_MESSAGES = [
    (
        "images: [{match: docker.io/library/*}]",
        "postgres:16.1",
        "implicit-registry",
        "no registry given; this resolves to docker.io/library/postgres",
    ),
    (
        "images: [{match: quay.io/acme/*, tags: ['v{semver}', 'r{n}']}]",
        "quay.io/acme/web",
        "latest-tag",
        "no tag given, so `latest` is pulled; use a tag such as v{semver} or r{n} (.imglint.yaml:1)",
    ),
    (
        "images: [{match: 'redis:7'}]",
        "redis:6",
        "unapproved-image",
        "docker.io/library/redis:6 is not an approved image; did you mean docker.io/library/redis:7?",
    ),
    (
        "images: [{match: 'acme/*@sha256:*'}]",
        "acme/web",
        "unapproved-image",
        "docker.io/acme/web:latest is not an approved image; did you mean docker.io/acme/web@sha256:*?",
    ),
    (
        "images: [{match: 'acme/web:1.*'}]",
        f"acme/web{DIGEST}",
        "unapproved-image",
        f"docker.io/acme/web{DIGEST[:20]}... is not an approved image; did you mean docker.io/acme/web:1.*?",
    ),
    (
        "images: [{match: 'acme/web:1.*'}]",
        "quay.io/acme/web:1",
        "unapproved-image",
        "quay.io/acme/web is not an approved image; did you mean docker.io/acme/web:1.*?",
    ),
    (
        "images: [{match: quay.io/acme/*, tags: ['{branch}', 'v{semver}', '*'], rules: {unconventional-tag: off}}]",
        "quay.io/acme/web:latest",
        "latest-tag",
        "`latest` is a moving tag; use a tag such as v{semver} (.imglint.yaml:1)",
    ),
    (
        "images: [{match: quay.io/acme/*, tags: ['*']}]",
        "quay.io/acme/web:latest",
        "latest-tag",
        "`latest` is a moving tag; use a version tag or pin a digest",
    ),
    (
        "images: [{match: quay.io/acme/*, tags: ['v{semver}', 'r{n}'], forbidden-tags: [dev]}]",
        "quay.io/acme/web:dev",
        "unconventional-tag",
        "tag `dev` is forbidden; allowed: v{semver}, r{n} (.imglint.yaml:1)",
    ),
    (
        "images: [{match: quay.io/acme/*, forbidden-tags: [dev]}]",
        "quay.io/acme/web:dev",
        "unconventional-tag",
        "tag `dev` is forbidden (.imglint.yaml:1)",
    ),
    (
        "images: [{match: quay.io/acme/*, approved: false}]",
        "quay.io/acme/web:dev",
        "unapproved-image",
        "quay.io/acme/web is not an approved image (.imglint.yaml:1)",
    ),
    (
        "images: [{match: quay.io/acme/*}, {match: ghcr.io/acme/*}]",
        "docker.io/acme/web:dev",
        "unapproved-image",
        "docker.io/acme/web is not an approved image; did you mean quay.io/acme/web or ghcr.io/acme/web?",
    ),
    (
        "environments: {dev: [dev/]}\nimages: [{match: quay.io/acme/*, environments: [dev], reason: not scanned}]",
        "quay.io/acme/web:dev",
        "misplaced-image",
        "quay.io/acme/web is not approved in production, only in dev: not scanned (.imglint.yaml:2)",
    ),
    (
        "environments: {dev: [dev/], qa: [qa/]}\nimages:\n"
        "  - {match: quay.io/acme/*, environments: [dev, qa]}\n"
        "  - {match: quay.io/acme/*, environments: [production], roles: [build, base]}\n"
        "  - {match: quay.io/acme/*, files: [a/, b/]}\n"
        "  - {match: quay.io/acme/*, files: [c/]}",
        "quay.io/acme/web:dev",
        "misplaced-image",
        "quay.io/acme/web is not approved here, only in dev or qa, or as a build or base image, or in a/ or b/ (.imglint.yaml:3)",
    ),
    (
        "environments: {dev: [dev/]}\nimages:\n"
        "  - {match: quay.io/acme/*, environments: [dev]}\n"
        "  - {match: quay.io/acme/*, roles: [build]}",
        "quay.io/acme/web:dev",
        "misplaced-image",
        "quay.io/acme/web is not approved here, only in dev, or as a build image (.imglint.yaml:3)",
    ),
    (
        "images: [{match: quay.io/acme/*, tags: ['v{semver}', 'r{n}', 'b{n}']}]",
        "quay.io/acme/web:latest",
        "latest-tag",
        "`latest` is a moving tag; use a tag such as v{semver}, r{n} or b{n} (.imglint.yaml:1)",
    ),
    (
        "images: [{match: quay.io/acme/*}, {match: ghcr.io/acme/*, approved: false}]",
        "ghcr.io/acme/web:dev",
        "unapproved-image",
        "ghcr.io/acme/web is not an approved image; did you mean quay.io/acme/web? (.imglint.yaml:1)",
    ),
]


@pytest.mark.parametrize(("policy", "image", "rule", "message"), POLICY_MESSAGES)
def test_messages_under_other_policies(policy: str, image: str, rule: str, message: str) -> None:
    found = check(policy, "web.yaml", POD.replace("docker.io/library/nginx:1.27.0", image) % "runAsUser: 1", rule)
    assert [finding.full_message for finding in found] == [message]


def test_advice_of_a_row_for_latest_is_at_the_tag() -> None:
    policy = "images: [{match: quay.io/acme/*, tags: ['v{semver}']}]\n"
    [finding] = check(policy, "compose.yaml", "services: {web: {image: 'quay.io/acme/web:latest'}}\n", "latest-tag")
    assert finding.text == "latest"


REFUSED_IN = "{match: quay.io/acme/*, approved: false, environments: [%s]}"
REFUSED = [
    (
        f"images: [{REFUSED_IN % 'dev'}]",
        "quay.io/acme/web is not approved in production and refused in dev (.imglint.yaml:2)",
    ),
    (
        f"images: [{REFUSED_IN % 'dev'}, {REFUSED_IN % 'qa'}]",
        "quay.io/acme/web is not approved in production and refused in dev or qa (.imglint.yaml:2)",
    ),
    (
        f"images: [{REFUSED_IN % 'dev'}, {{match: quay.io/acme/*, environments: [qa]}}, {{match: ghcr.io/acme/*}}]",
        "quay.io/acme/web is not approved in production, only in qa; approved here: ghcr.io/acme/web (.imglint.yaml:2)",
    ),
]


def test_unused_exception_next_to_a_used_one_on_the_same_line() -> None:
    entry = "{match: docker.io/acme/%s, rules: [latest-tag]}"
    Path("Dockerfile").write_text("FROM docker.io/acme/a\nUSER 1\n", encoding="utf-8")
    policy = f"exceptions: [{entry % 'a'}, {entry % 'b'}]\n"
    Path(FILE_NAME).write_text(policy, encoding="utf-8")
    settings = Settings(
        one_for_all(load(FILE_NAME, plugins.rules(), plugins.kinds(), found=True)), plugins.rules(), today="2026-01-01"
    )
    found = run(("",), settings).findings
    assert [(finding.rule, finding.location.column) for finding in found] == [("unused-exception", policy.rindex("{") + 1)]


def test_row_of_an_extended_policy_is_cited_in_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "shared.yaml").write_text("images: [{match: quay.io/shared/*, approved: false}]\n", encoding="utf-8")
    policy = "extends: [shared.yaml]\nimages: [{match: quay.io/own/*}]\n"
    text = "services: {a: {image: 'quay.io/shared/z:1.0.0'}}\n"
    found = check(policy, "compose.yaml", text, "unapproved-image")
    assert [finding.policy for finding in found] == ["shared.yaml:1"]


@pytest.mark.parametrize(("images", "message"), REFUSED)
def test_image_rejected_elsewhere_is_misplaced(images: str, message: str) -> None:
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
def test_rows_apply_to_images_built_here(row: str, expected: list[str]) -> None:
    policy = f"environments: {{dev: [dev/]}}\nbuilt: [quay.io/acme/web]\nimages: [{row}]\n"
    found = check(policy, "compose.yaml", "services: {web: {image: 'quay.io/acme/web:main'}}\n")
    assert [finding.rule for finding in found] == expected


STRICT = "rules: {implicit-registry: error, latest-tag: error, moving-tag: error, missing-digest: error}\n"


@pytest.mark.parametrize(
    ("service", "row", "expected"),
    [
        ("image: acme/web:main", "{match: acme/*}", ["implicit-registry", "missing-digest", "moving-tag"]),
        ("image: acme/web:main, build: .", "{match: acme/*}", []),
        ("image: acme/web:main, build: ., pull_policy: build", "{match: acme/*}", []),
        ("image: acme/web, build: ., pull_policy: always", "{match: acme/*}", []),
        ("image: acme/web, build: ., pull_policy: always", "{match: x/*}", ["unapproved-image"]),
        ("image: acme/web, build: ., pull_policy: never", "{match: x/*}", []),
        ("image: acme/web, build: .", "{match: acme/web, approved: false}", ["unapproved-image"]),
        ("image: acme/web, build: ., pull_policy: build", "{match: acme/web, approved: false}", []),
        ("image: acme/web, build: .", "{match: acme/*, files: [a/]}", ["misplaced-image"]),
        ("image: acme/web, build: .", "{match: acme/web, approved: false, files: [a/]}", ["misplaced-image"]),
        ("image: acme/web, build: ., pull_policy: build", "{match: acme/*, files: [a/]}", ["misplaced-image"]),
        ("image: acme/web, build: ., pull_policy: build", "{match: acme/web, approved: false, files: [a/]}", []),
        ("image: acme/web, build: .", "{match: acme/*, tags: ['{semver}']}", ["unconventional-tag"]),
        ("image: acme/web, build: .", "{match: acme/*, digest: required}", ["missing-digest"]),
        ("image: acme/web, build: ., pull_policy: build", "{match: acme/*, digest: required}", ["missing-digest"]),
        ("image: acme/web, build: ., pull_policy: build", "{match: acme/*, digest: optional}", []),
    ],
)
def test_rules_on_the_image_of_a_service_with_a_build(service: str, row: str, expected: list[str]) -> None:
    found = check(f"images: [{row}]\n{STRICT}", "compose.yaml", f"services: {{web: {{{service}}}}}\n")
    assert sorted(finding.rule for finding in found) == expected


def test_kustomize_entry_without_a_registry_is_flagged_at_its_name() -> None:
    text = "kind: Kustomization\nimages:\n  - {name: x, newName: 'acme/web:v1.0.0'}\n"
    [finding] = check("", "kustomization.yaml", text, "implicit-registry")
    assert finding.text == "acme/web"


def test_kustomize_entry_without_a_registry_gets_new_name_as_advice() -> None:
    text = "kind: Kustomization\nimages:\n  - {name: redis, newTag: 7.2.5}\n  - {name: x, newName: acme/web, newTag: v1.0.0}\n"
    assert [finding.full_message for finding in check("", "kustomization.yaml", text, "implicit-registry")] == [
        "no registry given; set `newName: docker.io/library/redis`",
        "no registry given; set `newName: docker.io/acme/web`",
    ]
    policy = "images: [{match: docker.io/library/redis, approved: false}, {match: '**'}]\n"
    assert [finding.full_message for finding in check(policy, "kustomization.yaml", text, "implicit-registry")] == [
        "no registry given; this resolves to docker.io/library/redis",
        "no registry given; set `newName: docker.io/acme/web`",
    ]


def test_frontend_approved_in_other_roles_is_misplaced() -> None:
    policy = "images: [{match: docker.io/docker/dockerfile, roles: [frontend]}, {match: docker.io/acme/*}]\n"
    found = check(policy, "Dockerfile", "# syntax=acme/front:1\nFROM scratch\nUSER 1\n", "misplaced-image")
    assert [finding.full_message for finding in found] == [
        "docker.io/acme/front is not approved as a frontend image, only in other roles; "
        "approved here: docker.io/docker/dockerfile (.imglint.yaml:1)"
    ]


def test_kustomize_entry_without_a_tag_needs_no_digest() -> None:
    text = "kind: Kustomization\nimages:\n  - {name: web, newName: quay.io/acme/web}\n  - {name: api, newName: quay.io/acme/api, newTag: v1.0.0}\n"
    values = "image: {repository: quay.io/acme/web, tag: ''}\n"
    assert [finding.text for finding in check("", "kustomization.yaml", text, "missing-digest")] == ["quay.io/acme/api"]
    assert [finding.text for finding in check("", "values.yaml", values, "missing-digest")] == ["quay.io/acme/web"]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ('image:\n  registry: ""\n  repository: acme/web\n', 2, 14, "set `registry: docker.io`"),
        ("image:\n  registry:\n  repository: acme/web\n", 2, 12, "set `registry: docker.io`"),
        ("image:\n  repository: acme/web\n", 2, 15, "this resolves to docker.io/acme/web"),
        ("imageNamespace: acme\nimage:\n  name: web\n", 3, 9, "this resolves to docker.io/acme/web"),
    ],
)
def test_implicit_registry_of_a_helm_map_is_set_where_it_is_empty(text: str, line: int, column: int, message: str) -> None:
    [finding] = check("", "values.yaml", text, "implicit-registry")
    assert (finding.location.line, finding.location.column) == (line, column)
    assert finding.message == f"no registry given; {message}"


NONZERO = "to a nonzero number"


@pytest.mark.parametrize(
    ("path", "text", "options", "message"),
    [
        ("Dockerfile", "FROM a/b:1\nUSER root\n", "", f"container runs as root; set `USER` {NONZERO}"),
        ("Dockerfile", "FROM a/b:1\nUSER 0\n", "uid: 1001", "container runs as root; set `USER 1001`"),
        ("Dockerfile", "FROM a/b:1\nUSER 0\n", "uid: [1001, 1002]", "container runs as root; set `USER` to 1001 or 1002"),
        ("Dockerfile", "FROM a/b:1\nUSER 5\n", "uid: [1001, 1002]", "container runs as user 5; set `USER` to 1001 or 1002"),
        ("Dockerfile", "FROM a/b:1\nUSER web\n", "uid: 1001", "user web is not a number; set `USER 1001`"),
        ("Dockerfile", "FROM a/b:1\nUSER X1001\n", "uid: [1001]", "user X1001 is not a number; set `USER 1001`"),
        ("Dockerfile", "FROM a/b:1\nUSER \u0661\n", "uid: 1", "user \u0661 is not a number; set `USER 1`"),
        ("Dockerfile", "FROM a/b:1\n", "uid: 1001", "no USER set; set `USER 1001`"),
        ("Dockerfile", "FROM a/b:1\n", "uid: [1001, 1002]", "no USER set; set `USER` to 1001 or 1002"),
        ("Dockerfile", "FROM $A\n", "uid: 1001", "no USER set; set `USER 1001`"),
        ("Dockerfile", "FROM scratch\nCOPY a /\n", "uid: 1001", "no USER set; set `USER 1001`"),
        (
            "web.yaml",
            POD % "runAsNonRoot: false",
            "",
            f"`runAsNonRoot: false` allows root; set it to `true`, or set `runAsUser` {NONZERO}",
        ),
        (
            "web.yaml",
            POD % "runAsNonRoot: false",
            "uid: 1001",
            "`runAsNonRoot: false` allows root; set it to `true`, or set `runAsUser: 1001`",
        ),
        ("web.yaml", POD % "runAsUser: 0", "", f"container runs as root; set `runAsUser` {NONZERO}"),
        ("web.yaml", POD % "runAsUser: 0", "uid: 1001", "container runs as root; set `runAsUser: 1001`"),
        ("compose.yaml", "services: {a: {image: a/b:1, user: root}}\n", "", f"container runs as root; set `user` {NONZERO}"),
        (
            "compose.yaml",
            "services: {a: {image: a/b:1, user: root}}\n",
            "uid: 1001",
            'container runs as root; set `user: "1001"`',
        ),
        ("web.yaml", POD % "", "explicit: true", f"no user set, so the image decides; set `runAsUser` {NONZERO}"),
    ],
)
def test_root_user_messages(path: str, text: str, options: str, message: str) -> None:
    found = check(f"rules: {{root-user: {{{options}}}}}\n", path, text, "root-user")
    assert [finding.full_message for finding in found] == [f"{message} (.imglint.yaml:1)"]


NOT_KNOWN = "no USER set, and base image {} may run as root; set `USER` to a nonzero number"
NONROOT_BASES = """
gcr.io/distroless/static:nonroot gcr.io/distroless/java21-debian12:debug-nonroot gcr.io/distroless/cc:nonroot-amd64
mcr.microsoft.com/dotnet/aspnet:8.0-jammy-chiseled mcr.microsoft.com/dotnet/runtime:8.0.4-noble-chiseled-extra-arm64v8
mcr.microsoft.com/dotnet/runtime-deps:8.0-azurelinux3.0-distroless mcr.microsoft.com/dotnet/aspnet:8.0-noble-chiseled-composite
mcr.microsoft.com/dotnet/nightly/aspnet:9.0-azurelinux3.0-distroless-extra mcr.microsoft.com/dotnet/monitor:8-ubuntu-chiseled
mcr.microsoft.com/dotnet/monitor/base:8-ubuntu-chiseled mcr.microsoft.com/dotnet/runtime:6.0-cbl-mariner2.0-distroless
"""
OTHER_BASES = """
docker.io/library/alpine:3.20.1 gcr.io/distroless/static gcr.io/distroless/static:debug gcr.io/distroless/static:nonrooted
gcr.io/distroless:nonroot ghcr.io/distroless/static:nonroot gcr.io/acme/distroless/static:nonroot gcr.io/distroless/nonroot:1
mcr.microsoft.com/dotnet/sdk:8.0-jammy-chiseled mcr.microsoft.com/dotnet/aspnet:8.0 mcr.microsoft.com/dotnet/aspnet:8.0-chiseledx
mcr.microsoft.com/dotnet/aspnet mcr.microsoft.com/dotnet/samples:aspnetapp-chiseled docker.io/dotnet/aspnet:8.0-jammy-chiseled
docker.io/a/nonroot:1 docker.io/a/b:1-non-root docker.io/a/rootless-b:1 docker.io/a/b-unprivileged docker.io/a/b:nonroot
"""


@pytest.mark.parametrize("base", NONROOT_BASES.split())
def test_base_that_is_known_not_to_run_as_root_needs_no_user(base: str) -> None:
    assert check("", "Dockerfile", f"FROM {base}\n", "unstated-user", "root-user") == []
    assert [
        finding.rule for finding in check("rules: {root-user: {uid: 1001}}\n", "Dockerfile", f"FROM {base}\n", "root-user")
    ] == ["root-user"]


@pytest.mark.parametrize("base", OTHER_BASES.split())
def test_other_bases_need_a_user(base: str) -> None:
    found = check("", "Dockerfile", f"FROM {base}\n", "unstated-user", "root-user")
    assert [(finding.rule, finding.text, finding.full_message) for finding in found] == [
        ("unstated-user", base, NOT_KNOWN.format(base))
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM scratch\nCOPY a /\n", [("scratch", "no USER set, so the container runs as root; set `USER` to a nonzero number")]),
        ("FROM a/b:1 AS x\nUSER 1\nFROM x\n", []),
        ("FROM a/b:1 AS x\nFROM x\n", [("a/b:1", NOT_KNOWN.format("docker.io/a/b:1"))]),
        ("FROM a/b:1 AS x\nFROM a/c:1\nUSER 1\n", []),
        ("ARG B=a/b:1\nFROM $B\n", [("a/b:1", NOT_KNOWN.format("docker.io/a/b:1"))]),
        ("FROM a/b:$TAG\n", [("a/b:$TAG", NOT_KNOWN.format("docker.io/a/b"))]),
        ("FROM $B\n", []),
        ("FROM a/b-amd64:1 AS x-amd64\nFROM a/b-arm64:1 AS x-arm64\nFROM x-$TARGETARCH\n", []),
        ("FROM a/b:1\nUSER $B\n", []),
        ("FROM a/b:1\nUSER root\n", []),
        (
            "FROM a/b@sha256:" + "0" * 64 + "\n",
            [("a/b@sha256:" + "0" * 64, NOT_KNOWN.format("docker.io/a/b"))],
        ),
    ],
)
def test_unstated_user(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(finding.text, finding.full_message) for finding in check("", "Dockerfile", text, "unstated-user")] == expected


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("web.yaml", POD % ""),
        ("web.yaml", POD % "runAsNonRoot: false"),
        ("compose.yaml", "services: {a: {image: a/b:1}}\n"),
        ("compose.yaml", "services: {a: {image: a/b:1, user: root}}\n"),
    ],
)
def test_unstated_user_is_about_dockerfiles(path: str, text: str) -> None:
    assert check("", path, text, "unstated-user") == []


@pytest.mark.parametrize(
    ("rules", "comment", "expected"),
    [
        ("", "", ["unstated-user"]),
        ("root-user: {uid: 1}", "", ["root-user"]),
        ("root-user: {uid: 1}", "# imglint: ignore[root-user]\n", ["unstated-user"]),
        ("root-user: {uid: 1}", "# imglint: ignore[root-user, unstated-user]\n", []),
        ("root-user: {uid: 1, level: off}", "", ["unstated-user"]),
        ("root-user: {uid: 1, files: [other]}", "", ["unstated-user"]),
        ("root-user: {explicit: true}", "", ["unstated-user"]),
        ("unstated-user: off", "", []),
    ],
)
def test_unstated_user_is_covered_by_root_user(rules: str, comment: str, expected: list[str]) -> None:
    found = check(f"rules: {{{rules}}}\n", "Dockerfile", f"{comment}FROM docker.io/a/b:1\n")
    assert [finding.rule for finding in found] == expected


WINDOWS_BASES = """
mcr.microsoft.com/windows:20H2 mcr.microsoft.com/windows/servercore:ltsc2022 mcr.microsoft.com/windows/nanoserver:ltsc2022
mcr.microsoft.com/windows/server:ltsc2022 mcr.microsoft.com/windows/iis:latest mcr.microsoft.com/dotnet/framework/aspnet:4.8
mcr.microsoft.com/dotnet/sdk:8.0-nanoserver-ltsc2022 docker.io/library/golang:1.25.3-windowsservercore-ltsc2022
docker.io/microsoft/nanoserver:1 docker.io/microsoft/windowsservercore:1
"""


@pytest.mark.parametrize("user", ["", "USER ContainerUser\n", "USER root\n"])
@pytest.mark.parametrize("base", WINDOWS_BASES.split())
def test_windows_has_no_root(base: str, user: str) -> None:
    policy = "rules: {root-user: {uid: 1001}}\n"
    assert check(policy, "Dockerfile", f"FROM {base}\n{user}", "root-user", "unstated-user") == []


@pytest.mark.parametrize(
    "base", ["docker.io/mcr.microsoft.com/windows:1", "mcr.microsoft.com/windowsx:1", "docker.io/a/windows:1"]
)
def test_other_images_are_no_windows_images(base: str) -> None:
    assert [finding.rule for finding in check("", "Dockerfile", f"FROM {base}\n", "unstated-user")] == ["unstated-user"]


UIDS = """
rules: {root-user: {uid: 5}}
images:
  - {match: docker.io/a/one, uid: 1001, reason: our images}
  - {match: docker.io/a/two, uid: [1001, 1002]}
  - {match: docker.io/a/*}
"""


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("Dockerfile", "FROM a/one:1\nUSER 1001\n", []),
        ("Dockerfile", "FROM a/one:1\nUSER 5\n", ["container runs as user 5: our images; set `USER 1001` (.imglint.yaml:4)"]),
        ("Dockerfile", "FROM a/one:1\n", ["no USER set: our images; set `USER 1001` (.imglint.yaml:4)"]),
        ("Dockerfile", "FROM a/one:1\nUSER root\n", ["container runs as root: our images; set `USER 1001` (.imglint.yaml:4)"]),
        (
            "Dockerfile",
            "FROM a/one:1 AS x\nFROM x\nUSER web\n",
            ["user web is not a number: our images; set `USER 1001` (.imglint.yaml:4)"],
        ),
        ("Dockerfile", "FROM a/two:1\nUSER 1002\n", []),
        ("Dockerfile", "FROM a/two:1\nUSER 5\n", ["container runs as user 5; set `USER` to 1001 or 1002 (.imglint.yaml:5)"]),
        ("Dockerfile", "FROM a/three:1\nUSER 5\n", []),
        ("Dockerfile", "FROM a/three:1\nUSER 1001\n", ["container runs as user 1001; set `USER 5` (.imglint.yaml:2)"]),
        ("Dockerfile", "FROM scratch\nUSER 1001\n", ["container runs as user 1001; set `USER 5` (.imglint.yaml:2)"]),
        ("compose.yaml", "services: {x: {image: a/one:1, user: 1001:5}}\n", []),
        (
            "compose.yaml",
            "services: {x: {image: a/one:1, user: '5'}}\n",
            ['container runs as user 5: our images; set `user: "1001"` (.imglint.yaml:4)'],
        ),
        ("compose.yaml", "services: {x: {image: a/one:1}}\n", []),
        (
            "web.yaml",
            POD.replace("docker.io/library/nginx", "a/one") % "runAsNonRoot: false",
            ["`runAsNonRoot: false` allows root: our images; set it to `true`, or set `runAsUser: 1001` (.imglint.yaml:4)"],
        ),
        ("web.yaml", POD.replace("docker.io/library/nginx", "a/one") % "runAsNonRoot: true", []),
    ],
)
def test_users_that_rows_require(path: str, text: str, expected: list[str]) -> None:
    assert [finding.full_message for finding in check(UIDS, path, text, "root-user", "unstated-user")] == expected


SUPPORTED = "images: [{match: docker.io/library/python, versions: '>=3.11 <4'%s}]\n"


@pytest.mark.parametrize(
    ("image", "row", "expected"),
    [
        ("docker.io/library/python:3.12.4-slim", "", None),
        (
            "docker.io/library/python:3.9-slim",
            "",
            ("3.9-slim", "version 3.9 is not supported; use a version `>=3.11 <4` (.imglint.yaml:1)"),
        ),
        (
            "docker.io/library/python:v4.0.0-rc1-slim",
            ", reason: not tested",
            ("v4.0.0-rc1-slim", "prerelease 4.0.0-rc1 is not supported: not tested; use a version `>=3.11 <4` (.imglint.yaml:1)"),
        ),
        (
            f"docker.io/library/python:3.9{DIGEST}",
            "",
            ("3.9", "version 3.9 is not supported; use a version `>=3.11 <4` (.imglint.yaml:1)"),
        ),
        (f"docker.io/library/python{DIGEST}", "", None),
        ("docker.io/library/python", "", None),
        ("docker.io/library/python:latest", "", None),
        ("docker.io/library/ruby:3.3", "", None),
        ("docker.io/library/python:3.9", ", approved: false", None),
        (
            "docker.io/library/python:3.9",
            ", approved: deprecated",
            ("3.9", "version 3.9 is not supported; use a version `>=3.11 <4` (.imglint.yaml:1)"),
        ),
        ("docker.io/library/python:3.9", ", environments: [production], roles: [base]", None),
    ],
)
def test_unsupported_versions(image: str, row: str, expected: tuple[str, str] | None) -> None:
    text = f"services: {{web: {{image: '{image}'}}}}\n"
    found = check(SUPPORTED % row, "compose.yaml", text, "unsupported-version")
    assert [(finding.text, finding.full_message) for finding in found] == ([expected] if expected else [])
    assert [
        finding.rule
        for finding in check(SUPPORTED % row, "compose.yaml", text.replace("}}", ", build: .}}"), "unsupported-version")
    ] == ["unsupported-version" for _ in found]


@pytest.mark.parametrize(
    ("images", "image", "expected"),
    [
        ("{match: a/*, approved: deprecated}", "a/web:1", "docker.io/a/web is deprecated; use another approved image"),
        (
            "{match: a/*, approved: deprecated, reason: moves to GHCR, use-instead: ghcr.io/a/*}",
            "a/web:1",
            "docker.io/a/web is deprecated: moves to GHCR; use ghcr.io/a/web:1",
        ),
        (
            "{match: a/*, approved: deprecated}, {match: ghcr.io/a/*}, {match: quay.io/a/web}, {match: ghcr.io/b/web, approved: deprecated}",
            "a/web:1",
            "docker.io/a/web is deprecated; use another approved image, such as quay.io/a/web or ghcr.io/a/web",
        ),
        ("{match: 'a/*:1', approved: deprecated}, {match: a/*}", "a/web:2", None),
        ("{match: a/*}", "a/web:1", None),
        ("{match: a/*, approved: false}", "a/web:1", None),
        ("{match: a/*, approved: deprecated, roles: [base]}", "a/web:1", None),
    ],
)
def test_deprecated_images(images: str, image: str, expected: str | None) -> None:
    found = check(f"images: [{images}]\n", "compose.yaml", f"services: {{web: {{image: '{image}'}}}}\n", "deprecated-image")
    assert [(finding.text, finding.full_message) for finding in found] == (
        [(image, f"{expected} (.imglint.yaml:1)")] if expected else []
    )


def test_deprecated_images_are_approved() -> None:
    policy = (
        "images: [{match: docker.io/a/*, approved: deprecated, tags: ['{semver}']}, {match: docker.io/b/web, approved: false}]\n"
    )
    text = "services: {x: {image: 'docker.io/a/web:1', build: .}, y: {image: 'docker.io/b/web:1.0.0'}}\n"
    found = check(policy, "compose.yaml", text)
    assert [(finding.rule, finding.text) for finding in found] == [
        ("deprecated-image", "docker.io/a/web:1"),
        ("unconventional-tag", "1"),
        ("unapproved-image", "docker.io/b/web:1.0.0"),
    ]
    assert found[-1].full_message == "docker.io/b/web is not an approved image (.imglint.yaml:1)"


@pytest.mark.parametrize(
    ("match", "expected"),
    [("quay.io/acme/*", 1), ("'quay.io/acme/*:v1'", 0), ("[quay.io/acme/web, 'quay.io/acme/*:v1']", 1)],
)
def test_image_with_an_unknown_tag_is_deprecated_only_with_all_tags(match: str, expected: int) -> None:
    policy = f"images: [{{match: {match}, approved: deprecated}}]\n"
    found = check(policy, "values.yaml", "image: {repository: quay.io/acme/web, tag: ''}\n")
    assert [finding.rule for finding in found] == ["deprecated-image"] * expected


@pytest.mark.parametrize(
    ("rule", "image", "message"),
    [
        ("implicit-registry", "acme/web:1.0.0", "no registry given: REASON; this resolves to docker.io/acme/web"),
        ("latest-tag", "docker.io/acme/web", "no tag given, so `latest` is pulled: REASON; use a version tag or pin a digest"),
        ("moving-tag", "docker.io/acme/web:1", "`1` is a moving tag: REASON; use a full version or pin a digest"),
        ("missing-digest", "docker.io/acme/web:1.0.0", "image is not pinned by digest: REASON"),
        (
            "platform-repository",
            "docker.io/acme/web-amd64:1.0.0",
            "repository is specific to amd64: REASON; use a multi-platform image",
        ),
        ("root-user", "docker.io/acme/web:1.0.0\nUSER 0", "container runs as root: REASON; set `USER` to a nonzero number"),
        (
            "unstated-user",
            "docker.io/acme/web:1.0.0",
            "no USER set, and base image docker.io/acme/web:1.0.0 may run as root: REASON; set `USER` to a nonzero number",
        ),
        ("deprecated-image", "docker.io/acme/web:1.0.0", "docker.io/acme/web is deprecated: REASON; use another approved image"),
    ],
)
def test_reason_of_a_row_is_in_every_message_that_its_levels_cause(rule: str, image: str, message: str) -> None:
    row = f"{{match: docker.io/acme/*, approved: deprecated, rules: {{{rule}: error}}, reason: %s}}"
    [found] = check(f"images: [{row % 'REASON'}]\n", "Dockerfile", f"FROM {image}\n", rule)
    assert (found.full_message, str(found.level)) == (f"{message} (.imglint.yaml:1)", "error")
    [found] = check(f"images: [{row % 'root'}]\n", "Dockerfile", f"FROM {image}\n", rule)
    assert found.message == message.replace("REASON", "root")
    policy = f"images: [{{match: docker.io/acme/*, approved: deprecated, reason: REASON}}]\nrules: {{{rule}: error}}\n"
    [found] = check(policy, "Dockerfile", f"FROM {image}\n", rule)
    assert found.message == (message if rule == "deprecated-image" else message.replace(": REASON", ""))


def test_row_without_a_reason_adds_nothing_to_a_message() -> None:
    policy = "images: [{match: docker.io/acme/*, rules: {moving-tag: error}}]\n"
    [found] = check(policy, "Dockerfile", "FROM docker.io/acme/web:1\n", "moving-tag")
    assert found.message == "`1` is a moving tag; use a full version or pin a digest"


def test_build_image_as_a_base_is_misplaced() -> None:
    text, selected = "FROM docker.io/library/golang:1.25.3\nUSER 1\n", ("misplaced-image", "unapproved-image")
    assert [finding.full_message for finding in check(TABLE, "Dockerfile", text, *selected)] == [
        "docker.io/library/golang is not an approved image; "
        "approved here: quay.io/kubernaut/*, quay.io/minio/minio:latest (.imglint.yaml:20)"
    ]
    without_last_row = TABLE.partition("  - match: docker.io/library/*")[0]
    assert [finding.full_message for finding in check(without_last_row, "Dockerfile", text, *selected)] == [
        "docker.io/library/golang is not approved as a base image, only as a build image; "
        "approved here: quay.io/kubernaut/*, quay.io/minio/minio:latest (.imglint.yaml:11)"
    ]


def test_image_outside_its_files_is_misplaced() -> None:
    policy = "images: [{match: docker.io/library/postgres, files: [db/]}]\n"
    text = "services: {db: {image: 'docker.io/library/postgres:16.1.0'}}\n"
    assert [finding.full_message for finding in check(policy, "compose.yaml", text, "misplaced-image")] == [
        "docker.io/library/postgres is not approved in this file, only in db/ (.imglint.yaml:1)"
    ]
    assert check(policy, "db/compose.yaml", text, "misplaced-image") == []


def test_unknown_tag_is_not_checked() -> None:
    policy = 'images: [{match: quay.io/acme/*, tags: ["v{semver}"]}]\n'
    text = "image:\n  repository: quay.io/acme/web\n  tag: ''\n"
    assert check(policy, "values.yaml", text, "latest-tag", "unconventional-tag", "moving-tag", "unapproved-image") == []


def test_row_that_requires_a_digest() -> None:
    policy = "images: [{match: quay.io/acme/*, digest: required, reason: the mirror is shared}]\n"
    found = check(policy, "compose.yaml", "services: {web: {image: 'quay.io/acme/web:v1.0.0'}}\n")
    assert [(finding.rule, str(finding.level), finding.full_message) for finding in found] == [
        ("missing-digest", "error", "image is not pinned by digest: the mirror is shared (.imglint.yaml:1)")
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (root_user.Options(), "container runs as root; set the user to a nonzero number"),
        (root_user.Options(uid=1001), "container runs as root; set the user to 1001"),
    ],
)
def test_root_user_advice_for_a_place_of_a_third_party_reader(options: root_user.Options, message: str) -> None:
    user = RunUser(Source("Jobfile", "root"), (0, 4), "job-user", "job", "root")
    assert [finding.full_message for finding in root_user.check_user(user, options)] == [message]
