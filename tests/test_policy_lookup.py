"""The policy for a file, an image and a rule: environment, kind, row, level, options and exceptions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy_cases import DIGEST, IMAGES, fits, policy_of, use_of

from imglint import (
    BASE,
    BUILD,
    FRONTEND,
    WORKLOAD,
    Problem,
    RunUser,
    Severity,
    Source,
    approved_patterns,
    image_use,
    literal,
    parse,
    replace,
    similar_approved,
)
from imglint.model import ImageTable, Row
from imglint.patterns.image import ImagePattern
from imglint.plugins import load as plugins
from imglint.policy.load import load
from imglint.policy.lookup import FILE_NAME, Policy, default_policy


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_without_a_policy_imports_neither_yaml_nor_patterns() -> None:
    code = "import sys; from imglint.commands.options import CommandOptions, settings_for; settings_for(CommandOptions()); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "imglint.policy.lookup" in loaded
    assert not {
        "ruamel",
        "pathspec",
        "typing",
        "dataclasses",
        "difflib",
        "imglint.patterns.image",
        "imglint.yaml.documents",
    } & set(loaded)


def test_without_a_policy_every_file_is_production_and_no_image_has_a_row() -> None:
    policy = default_policy()
    resolved = policy.resolve(use_of("nginx"))
    assert (resolved.environment, resolved.built, policy.fail_on, policy.environments) == (
        "production",
        False,
        "warning",
        ("production", "ci"),
    )
    assert resolved.policy_match is not None
    assert (resolved.row, resolved.policy_match.partial_matches, resolved.policy_match.table) == (None, (), None)
    assert (similar_approved(resolved), approved_patterns(resolved)) == ([], [])
    assert (policy.excluded("a"), policy.kind_of("a"), policy.exception_for("latest-tag", resolved, "a", "2026-01-01")) == (
        False,
        None,
        None,
    )


def test_the_first_matching_environment_wins_and_none_matches_outside_the_folder(folder: Path) -> None:
    (folder / "sub").mkdir()
    Path("sub", FILE_NAME).write_text("environments: {dev: ['*.dev.yaml'], staging: [deploy/]}\ndefault-environment: qa\n")
    policy = load(f"sub/{FILE_NAME}", plugins.rules(), plugins.kinds())
    cases = {"sub/deploy/a.dev.yaml": "dev", "sub/deploy/a.yaml": "staging", "sub/a.yaml": "qa", "deploy/a.dev.yaml": "qa"}
    assert {path: policy.environment_of(path) for path in cases} == cases
    assert policy.environment_of(str(folder / "sub" / "deploy" / "a.yaml")) == "staging"
    environment, pattern = policy.environment_reason("sub/deploy/a.yaml")
    assert (environment, pattern and (pattern.text, pattern.at)) == ("staging", ("deploy/", f"sub/{FILE_NAME}:1"))
    assert policy.environment_reason("sub/a.yaml") == ("qa", None)
    assert policy.environments == ("dev", "staging", "qa", "production", "ci")


def test_the_folder_of_the_policy_may_be_reached_through_a_link(folder: Path) -> None:
    policy = policy_of("environments: {staging: [/deploy/]}\n")
    (folder / "deploy").mkdir()
    link = folder.with_name(folder.name + "-link")
    link.symlink_to(folder)
    assert policy.environment_of(str(link / "deploy" / "a.yaml")) == "staging"
    assert policy.environment_of(str(link.parent / "deploy" / "a.yaml")) == "production"


def test_a_link_below_the_folder_is_not_followed(folder: Path) -> None:
    policy = policy_of("environments: {staging: [/deploy/]}\n")
    elsewhere = folder.with_name(folder.name + "-elsewhere")
    elsewhere.mkdir()
    (folder / "deploy").symlink_to(elsewhere)
    assert policy.environment_of("deploy/a.yaml") == "staging"
    assert policy.environment_of(str(elsewhere / "a.yaml")) == "production"


def test_excluded_files_and_kinds(folder: Path) -> None:
    policy = policy_of(
        "exclude: [vendor/, '**/testdata/**']\nkinds: {helm-values: ['environments/*.yaml'], kubernetes: ['*.yaml']}\n"
    )
    assert policy.excluded("vendor", is_folder=True)
    assert not policy.excluded("vendor")
    pattern = policy.exclusion("vendor", is_folder=True)
    assert (policy.exclusion("vendor"), pattern and (pattern.text, pattern.at)) == (None, ("vendor/", f"{FILE_NAME}:1"))
    assert policy.excluded("a/testdata/b.yaml")
    assert not policy.excluded(str(folder.parent / "vendor"), is_folder=True)
    assert policy.kind_of("environments/a.yaml") == "helm-values"
    assert policy.kind_of("b.yaml") == "kubernetes"
    assert policy.kind_of("b.txt") is None
    kind, pattern = policy.kind_reason("environments/a.yaml")
    assert (kind, pattern and (pattern.text, pattern.at)) == ("helm-values", ("environments/*.yaml", f"{FILE_NAME}:2"))
    assert policy.kind_reason("b.txt") == (None, None)


TABLE = """
environments: {development: ["*.dev.yaml"], qa: ["*.qa.yaml"]}
images:
  - match: quay.io/acme/*
    environments: [development]
    tags: [dev]
  - match: quay.io/acme/*
    environments: [production]
    tags: ["v{semver}"]
  - match: docker.io/library/golang
    roles: [build]
  - match: docker.io/library/alpine
    files: ["docker/"]
  - match: docker.io/library/redis:7
  - match: docker.io/old/*:1.*
    approved: false
  - match: docker.io/docker/dockerfile
    roles: [frontend]
"""
ROWS = [
    ("quay.io/acme/web:x", "a.dev.yaml", WORKLOAD, 4, []),
    ("quay.io/acme/web:x", "a.yaml", WORKLOAD, 7, []),
    ("golang:1", "Dockerfile", BUILD, 10, []),
    ("golang:1", "Dockerfile", BASE, None, [10]),
    ("alpine:3", "docker/Dockerfile", BASE, 12, []),
    ("alpine:3", "Dockerfile", BASE, None, [12]),
    ("redis:7", "a.yaml", WORKLOAD, 14, []),
    ("redis:8", "a.yaml", WORKLOAD, None, []),
    (f"redis@{DIGEST}", "a.yaml", WORKLOAD, None, []),
    ("old/app:1.2", "a.yaml", WORKLOAD, 15, []),
    ("old/app", "a.yaml", WORKLOAD, None, []),
    ("docker/dockerfile:1", "Dockerfile", FRONTEND, 17, []),
    ("quay.io/acme/web:x", "a.qa.yaml", WORKLOAD, None, [4, 7]),
    ("docker/dockerfile:1", "Dockerfile", BASE, None, [17]),
    ("alpine:3", "docker/Dockerfile", FRONTEND, None, [12]),
]


@pytest.mark.parametrize(("text", "path", "role", "line", "partial_matches"), ROWS)
def test_the_row_is_the_first_that_matches_in_every_key(
    folder: Path, text: str, path: str, role: str, line: int | None, partial_matches: list[int]
) -> None:
    policy = policy_of(TABLE)
    match = policy.resolve(use_of(text, path, role)).policy_match
    assert match is not None
    assert (match.row.line if match.row else None, [row.line for row in match.partial_matches]) == (
        line,
        partial_matches,
    )
    assert (match.table, match.path) == (policy.table, path)


@pytest.mark.parametrize("pattern", [row[0] for row in IMAGES])
def test_a_row_is_found_for_the_images_that_it_matches(pattern: str) -> None:
    policy = Policy(table=ImageTable(("p",), (Row("p", 1, 1, (ImagePattern(pattern),)),)))
    texts = sorted({text for _, good, bad in IMAGES for text in f"{good} {bad}".split()})
    # A reference without tag and digest means `latest`.
    pulled = {text: text if parse(text).tag or parse(text).digest else f"{text}:latest" for text in texts}
    assert [text for text in texts if policy.resolve(use_of(text)).row] == [text for text in texts if fits(pattern, pulled[text])]


@given(
    st.lists(st.sampled_from([row[0] for row in IMAGES]), min_size=1, max_size=6),
    st.sampled_from(sorted({text for row in IMAGES for text in row[1].split()})),
)
def test_the_first_matching_row_is_found_among_many(patterns: list[str], text: str) -> None:
    rows = tuple(Row("p", number, 1, (ImagePattern(pattern),)) for number, pattern in enumerate(patterns))
    match = Policy(table=ImageTable(("p",), rows)).resolve(use_of(text)).policy_match
    expected = next((number for number, pattern in enumerate(patterns) if fits(pattern, text)), None)
    assert match is not None
    assert (match.row.line if match.row else None) == expected


def test_an_unknown_tag_matches_approved_rows_only(folder: Path) -> None:
    policy = policy_of(TABLE)
    matches = [policy.resolve(use_of(text, tag_known=False)).policy_match for text in ("redis", "old/app")]
    assert [match and match.row and match.row.at for match in matches] == [".imglint.yaml:14", None]


def test_rules_apply_to_frontends_if_a_row_has_the_role(folder: Path) -> None:
    frontend = use_of("docker/dockerfile:1", role=FRONTEND)
    assert policy_of(TABLE).judges(frontend)
    assert not policy_of("images: [{match: docker.io/docker/dockerfile}]\n").judges(frontend)
    assert policy_of("images: [{match: x}]\n").judges(use_of("nginx"))


def test_one_environment_for_all_files(folder: Path) -> None:
    resolved = policy_of(TABLE).resolve(use_of("quay.io/acme/web:x", "a.yaml"), "development")
    assert resolved.policy_match is not None
    assert resolved.policy_match.row is not None
    assert (resolved.environment, resolved.policy_match.row.line) == ("development", 4)


def test_images_that_the_repository_builds(folder: Path) -> None:
    policy = policy_of('built: [controller, "prism-*", ghcr.io/acme/app, "acme/by-tag:1.*", "acme/by-digest@sha256:*"]\n')
    cases = {
        "controller:latest": True,
        "prism-web": True,
        "ghcr.io/acme/app:1": True,
        "ghcr.io/acme/controller": False,
        "acme/prism-web": False,
        "acme/by-tag:1.2": True,
        "acme/by-tag:2": False,
        f"acme/by-digest@{DIGEST}": True,
        "acme/by-digest": False,
    }
    assert {text: policy.resolve(use_of(text)).built for text in cases} == cases
    assert policy.resolve(use_of("nginx", built=True)).built


RULES = """
environments: {development: [dev/], staging: [staging/]}
images:
  - match: docker.io/library/loud
    rules: {latest-tag: error, implicit-registry: off}
    digest: required
  - match: docker.io/library/easy
    digest: optional
  - match: "**"
rules:
  latest-tag: warning
  moving-tag:
    - {environments: [production], level: error, exclude: [demo/]}
    - {level: note, files: ["*.yaml"]}
  missing-digest: warning
  root-user: {uid: 1001}
  unapproved-image: off
  implicit-registry:
    - {environments: [production], level: error}
    - {level: warning}
  unconventional-tag: {level: note, environments: [staging]}
"""
LEVELS = [
    ("latest-tag", "nginx", "a.yaml", "warning", "rules", 11),
    ("latest-tag", "nginx", "dev/a.yaml", "off", "elsewhere", 11),
    ("latest-tag", "loud", "dev/a.yaml", "error", "row", 4),
    ("moving-tag", "nginx", "a.yaml", "error", "rules", 13),
    ("moving-tag", "nginx", "demo/a.yaml", "note", "rules", 14),
    ("moving-tag", "nginx", "dev/a.yaml", "note", "rules", 14),
    ("moving-tag", "nginx", "dev/a.yml", "off", "elsewhere", 13),
    ("missing-digest", "nginx", "a.yaml", "warning", "rules", 15),
    ("missing-digest", "nginx", "dev/a.yaml", "off", "elsewhere", 15),
    ("missing-digest", "loud", "dev/a.yaml", "error", "row", 4),
    ("missing-digest", "easy", "a.yaml", "off", "row", 7),
    ("root-user", "nginx", "a.yaml", "warning", "rules", 16),
    ("unapproved-image", "nginx", "a.yaml", "off", "rules", 17),
    ("implicit-registry", "nginx", "a.yaml", "error", "rules", 19),
    ("implicit-registry", "nginx", "dev/a.yaml", "warning", "rules", 20),
    ("implicit-registry", "loud", "a.yaml", "off", "row", 4),
    ("unconventional-tag", "nginx", "staging/a.yaml", "note", "rules", 21),
    ("unconventional-tag", "nginx", "a.yaml", "off", "elsewhere", 21),
    ("misplaced-image", "nginx", "dev/a.yaml", "error", "default", None),
    ("platform-repository", "nginx", "a.yaml", "off", "default", None),
]


@pytest.mark.parametrize(("rule", "text", "path", "level", "by", "line"), LEVELS)
def test_levels_come_from_the_row_then_the_rules_then_the_default(
    folder: Path, rule: str, text: str, path: str, level: str, by: str, line: int | None
) -> None:
    policy = policy_of(RULES)
    decision = policy.decision(plugins.rules()[rule], policy.resolve(use_of(text, path)))
    assert (str(decision.level), decision.by, decision.at) == (level, by, f"{FILE_NAME}:{line}" if line else "")


def test_decisions_are_cached_for_each_file(folder: Path) -> None:
    policy = policy_of(RULES)
    decisions = [policy.decision(plugins.rules()[rule], policy.resolve(use_of(text, path))) for rule, text, path, *_ in LEVELS]
    assert [(str(decision.level), decision.by) for decision in decisions] == [(level, by) for *_, level, by, _ in LEVELS]


@pytest.mark.parametrize(
    "text",
    [
        "images: [{match: ghcr.io/a/x, rules: {latest-tag: off}}, {match: ghcr.io/a/y, digest: required}]\n",
        '{"images": [{"match": "ghcr.io/a/x", "rules": {"latest-tag": "off"}}, {"match": "ghcr.io/a/y", "digest": "required"}]}',
    ],
)
def test_rows_on_one_line_apply_to_their_own_images(folder: Path, text: str) -> None:
    policy, rules = policy_of(text), plugins.rules()
    resolved = [policy.resolve(use_of(name)) for name in ("ghcr.io/a/x", "ghcr.io/a/y")]
    found = [[str(policy.decision(rules[name], use).level) for use in resolved] for name in ("latest-tag", "missing-digest")]
    assert found == [["off", "error"], ["off", "error"]]
    assert len({use.row.key for use in resolved if use.row}) == 2


def test_exceptions_on_one_line_have_different_keys(folder: Path) -> None:
    entry = "{match: %s, rules: [latest-tag], until: 2026-03-01}"
    found = policy_of(f"exceptions: [{entry % 'acme/a'}, {entry % 'acme/b'}]\n").exceptions
    assert len({one.at for one in found}) == 1
    assert len({one.key for one in found}) == 2


@pytest.mark.parametrize(
    ("rules", "path", "by", "uid"),
    [
        ("", "a.yaml", "default", None),
        ("root-user: {uid: 1001}", "a.yaml", "rules", 1001),
        ("root-user: {uid: 1001, environments: [dev]}", "a.yaml", "elsewhere", None),
    ],
)
def test_a_rule_has_options_whatever_sets_its_level(folder: Path, rules: str, path: str, by: str, uid: int | None) -> None:
    policy = policy_of(f"environments: {{dev: [dev/]}}\nrules: {{{rules}}}\n")
    image = policy.resolve(use_of("nginx", path))
    users = [RunUser(image.source, (0, 1), "container", "", None, image=one, environment="production") for one in (image, None)]
    decisions = [policy.decision(plugins.rules()["root-user"], user) for user in users]
    assert [(decision.by, getattr(decision.options, "uid", "none")) for decision in decisions] == [(by, uid), (by, uid)]


def test_a_rule_that_is_off_elsewhere_keeps_its_options(folder: Path) -> None:
    rule = replace(plugins.rules()["root-user"], environments=("production",))
    image = default_policy().resolve(use_of("nginx"), "dev")
    decision = default_policy().decision(rule, image)
    assert (decision.level, decision.by, decision.at) == (Severity.OFF, "elsewhere", "")
    assert decision.options == plugins.rules()["root-user"].options()  # type: ignore[misc]


def test_a_problem_has_no_row(folder: Path) -> None:
    policy = policy_of("images: [{match: '**', rules: {syntax-error: off}}]\n")
    decision = policy.decision(plugins.rules()["syntax-error"], Problem(Source("a.yaml", ""), (0, 0), "no end"))
    assert (decision.level, decision.by) == (Severity.ERROR, "default")


def test_settings_with_environments_replace_the_default_environments(folder: Path) -> None:
    policy = policy_of(
        "rules:\n  latest-tag:\n    - {environments: [production], level: error}\n    - {level: note}\nenvironments: {dev: [dev/]}\n"
    )
    levels = [
        policy.decision(plugins.rules()["latest-tag"], policy.resolve(use_of("nginx", path))).level
        for path in ("a.yaml", "dev/a.yaml")
    ]
    assert levels == [Severity.ERROR, Severity.NOTE]


def test_latest_is_an_error_only_in_production_by_default(folder: Path) -> None:
    policy, rule = policy_of("environments: {dev: [dev/]}\n"), plugins.rules()["latest-tag"]
    decisions = [policy.decision(rule, policy.resolve(use_of("nginx", path))) for path in ("a.yaml", "dev/a.yaml")]
    assert [(str(decision.level), decision.by) for decision in decisions] == [("error", "default"), ("off", "elsewhere")]


def test_options_come_from_the_setting_even_if_a_row_sets_the_level(folder: Path) -> None:
    policy = policy_of(
        "images: [{match: '**', rules: {root-user: note}}]\n"
        "environments: {dev: [dev/]}\n"
        "rules:\n  root-user:\n    - {environments: [dev], uid: [1, 2]}\n    - {uid: 1001, explicit: true}\n"
    )
    rule = plugins.rules()["root-user"]
    found = []
    for path in ("dev/a.yaml", "a.yaml"):
        image = policy.resolve(use_of("nginx", path))
        user = RunUser(image.source, (0, 1), "container", "", None, image=image, environment=image.environment)
        decision = policy.decision(rule, user)
        found.append((str(decision.level), getattr(decision.options, "uid", 0), getattr(decision.options, "explicit", 0)))
    assert found == [("note", (1, 2), False), ("note", 1001, True)]


EXCEPTIONS = """
exceptions:
  - {match: quay.io/acme/tool:1.0, rules: [unapproved-image, latest-tag], until: 2026-02-09, reason: none newer, approved-by: us}
  - {files: [legacy/], rules: [root-user, latest-tag], until: 2026-03-01}
  - {match: acme/*, files: [legacy/], rules: [misplaced-image], until: 2026-03-01}
  - {match: "acme/app@sha256:*", rules: [unapproved-image], until: 2026-03-01}
  - {match: acme/old, rules: [unapproved-image]}
"""


@pytest.mark.parametrize(
    ("rule", "text", "path", "today", "line"),
    [
        ("unapproved-image", "quay.io/acme/tool:1.0", "a.yaml", "2026-02-09", 3),
        ("unapproved-image", "quay.io/acme/tool:1.0", "a.yaml", "2026-02-10", None),
        ("unapproved-image", "quay.io/acme/tool:1.1", "a.yaml", "2026-02-09", None),
        ("unapproved-image", "quay.io/acme/tool", "a.yaml", "2026-02-09", None),
        ("moving-tag", "quay.io/acme/tool:1.0", "a.yaml", "2026-02-09", None),
        ("latest-tag", "quay.io/acme/tool:1.0", "legacy/a.yaml", "2026-02-09", 3),
        ("latest-tag", "quay.io/acme/tool:1.0", "legacy/a.yaml", "2026-02-28", 4),
        ("root-user", None, "legacy/a.yaml", "2026-02-28", 4),
        ("root-user", None, "a.yaml", "2026-02-28", None),
        ("misplaced-image", "acme/app:1", "legacy/a.yaml", "2026-02-28", 5),
        ("misplaced-image", "acme/app:1", "a.yaml", "2026-02-28", None),
        ("misplaced-image", None, "legacy/a.yaml", "2026-02-28", None),
        ("unapproved-image", f"acme/app@{DIGEST}", "a.yaml", "2026-02-28", 6),
        ("unapproved-image", "acme/app:1", "a.yaml", "2026-02-28", None),
        ("unapproved-image", "acme/old:1", "a.yaml", "9999-12-31", 7),
        ("unapproved-image", "acme/older:1", "a.yaml", "2026-02-28", None),
    ],
)
def test_exceptions(folder: Path, rule: str, text: str | None, path: str, today: str, line: int | None) -> None:
    found = policy_of(EXCEPTIONS).exception_for(rule, use_of(text) if text else None, path, today)
    assert (found.line if found else None) == line


def test_an_exception_has_a_reason_an_approver_and_a_location(folder: Path) -> None:
    first, *_ = policy_of(EXCEPTIONS).exceptions
    assert (first.reason, first.approved_by, first.at, first.column, first.expired("2026-02-10")) == (
        "none newer",
        "us",
        ".imglint.yaml:3",
        5,
        True,
    )


@pytest.mark.parametrize(
    ("rows", "judged"),
    [
        ("[{match: acme/*}]", False),
        ("[{match: nginx, approved: false}]", False),
        ("[{match: nginx, environments: [staging]}]", False),
        ("[{match: acme/*, roles: [ci]}]", True),
        ("[{match: acme/*, environments: [ci]}]", True),
        ("[{match: nginx, approved: false}, {match: acme/*, roles: [ci]}]", True),
        ("[{match: nginx, environments: [staging]}, {match: acme/*, roles: [ci]}]", True),
    ],
)
def test_images_of_pipelines_need_approval_only_if_a_row_names_them(folder: Path, rows: str, judged: bool) -> None:
    Path(FILE_NAME).write_text(f"environments: {{staging: [stage/]}}\nimages: {rows}\n")
    policy = load(FILE_NAME, plugins.rules(), plugins.kinds())
    source = Source("pipeline.yaml", "nginx")
    source.environment = "ci"
    use = policy.resolve(image_use(source, literal("nginx", 0), (0, 5), place="step", where="step", role="ci"))
    assert use.environment == "ci"
    match = use.policy_match
    assert match is not None
    assert (match.table is not None) is judged
    assert match.row is None or (judged and not match.row.approved)


def test_a_list_of_the_policy_overrides_the_environment_of_the_kind(folder: Path) -> None:
    Path(FILE_NAME).write_text("environments: {staging: [stage/]}\n")
    policy = load(FILE_NAME, plugins.rules(), plugins.kinds())
    assert [policy.environment_of(path, "ci") for path in ("a.yaml", "stage/a.yaml")] == ["ci", "staging"]
    assert policy.environment_reason("a.yaml", "ci") == ("ci", None)
