"""The engine: levels by environment, exceptions, merged findings, limits, and failing rules, through `run`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from imglint.commands.options import CommandOptions, settings_for
from imglint.engine import facts, judge
from imglint.engine.run import run
from imglint.model import Severity
from imglint.plugins.load import Rule
from imglint.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Imglint

    from imglint import Finding, ImageUse, Report, RunUser

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n"
EXCEPTION = "exceptions:\n- {match: quay.io/a/*, rules: [latest-tag], until: 2999-01-01}\n"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def findings(imglint: Imglint, *arguments: str) -> list[tuple[str, str, int, str]]:
    """Return path, rule, line and level of the findings of a run."""
    report = json.loads(imglint("--format", "json", "--fail-on", "never", *arguments).out)
    return [(found["path"], found["rule"], found["line"], found["level"]) for found in report["findings"]]


def check_with(rule: Rule, *paths: str, **options: object) -> Report:
    """Check paths with a rule added to the installed ones."""
    settings = settings_for(CommandOptions(paths=paths))
    return run(paths, replace(settings, rules={**settings.rules, rule.id: rule}, **options))


def failing(_subject: ImageUse | RunUser, _options: object) -> Iterator[Finding]:
    raise ValueError("no")


FAILING = Rule("failing", Severity.WARNING, None, None, "Fails.", check_image=failing)


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        ("latest-tag", "Dockerfile", "FROM quay.io/a/b:latest\nUSER 1\n"),
        ("root-user", "Dockerfile", "FROM quay.io/a/b:1\nUSER root\n"),
        ("root-user", "pod.yaml", POD + "  - {image: quay.io/a/b:1, securityContext: {runAsUser: 0}}\n"),
        ("syntax-error", "Dockerfile", "FROM quay.io/a/b:1\nFOO\nUSER 1\n"),
        ("invalid-reference", "Dockerfile", "FROM quay.io/a/B:1\nUSER 1\n"),
        ("unread-file", "Dockerfile", "FROM quay.io/a/b:1\nUSER 1 \udcff\n"),
        ("unused-ignore", "Dockerfile", "# imglint: ignore[latest-tag]\nFROM quay.io/a/b:1\nUSER 1\n"),
    ],
)
@pytest.mark.parametrize(("environment", "expected"), [("production", ["error"]), ("development", [])])
def test_a_setting_applies_in_its_environments(
    rule: str, name: str, text: str, environment: str, expected: list[str], imglint: Imglint, tree: Path
) -> None:
    policy = f"environments: {{development: [dev/]}}\nrules: {{{rule}: {{level: error, environments: [production]}}}}\n"
    (tree / ".imglint.yaml").write_text(policy)
    folder = tree / {"production": "prod", "development": "dev"}[environment]
    folder.mkdir()
    (folder / name).write_bytes(text.encode(errors="surrogateescape"))
    assert [level for _, found, _, level in findings(imglint) if found == rule] == expected
    # An environment on the command line overrides that of the file.
    other = {"production": "development", "development": "production"}[environment]
    reported = [level for _, found, _, level in findings(imglint, "--environment", other) if found == rule]
    assert reported == ([] if expected else ["error"])


def test_a_user_is_judged_by_the_row_of_its_image(imglint: Imglint, tree: Path) -> None:
    rows = "images:\n- {match: quay.io/a/b, rules: {root-user: off}}\n- {match: quay.io/a/**, rules: {root-user: error}}\n"
    (tree / ".imglint.yaml").write_text(rows)
    (tree / "one.dockerfile").write_text("FROM quay.io/a/b:1\nUSER 0\n")
    (tree / "two.dockerfile").write_text("FROM quay.io/a/c:1\nUSER 0\n")
    assert findings(imglint) == [("two.dockerfile", "root-user", 2, "error")]


def test_an_exception_for_an_image_covers_its_user(imglint: Imglint, tree: Path) -> None:
    (tree / ".imglint.yaml").write_text("exceptions: [{match: quay.io/a/b, rules: [root-user]}]\n")
    (tree / "one.dockerfile").write_text("FROM quay.io/a/b:1\nUSER 0\n")
    (tree / "two.dockerfile").write_text("FROM quay.io/a/c:1\nUSER 0\n")
    assert findings(imglint) == [("two.dockerfile", "root-user", 2, "warning")]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], True),
        (["."], True),
        (["Dockerfile", "."], True),
        (["--environment", "production"], False),
        (["--select", "latest-tag", "--select", "unused-exception"], False),
        (["--ignore", "root-user"], False),
        (["--exclude", "vendor/"], False),
        (["Dockerfile"], False),
        (["deploy"], False),
    ],
)
def test_unused_exceptions_are_reported_only_by_a_complete_run(
    arguments: list[str], expected: bool, imglint: Imglint, tree: Path
) -> None:
    (tree / ".imglint.yaml").write_text(EXCEPTION)
    (tree / "Dockerfile").write_text("FROM quay.io/a/b:1\nUSER 1\n")
    (tree / "deploy").mkdir()
    assert findings(imglint, *arguments) == ([(".imglint.yaml", "unused-exception", 2, "note")] if expected else [])


def test_an_exception_is_used_whatever_the_command_line_selects(imglint: Imglint, tree: Path) -> None:
    (tree / ".imglint.yaml").write_text(EXCEPTION)
    (tree / "Dockerfile").write_text("FROM quay.io/a/b:latest\nUSER 1\n")
    assert findings(imglint) == []
    assert findings(imglint, "--select", "latest-tag") == []


def test_an_expired_exception_silences_nothing(imglint: Imglint, tree: Path) -> None:
    (tree / ".imglint.yaml").write_text(EXCEPTION.replace("2999", "2020"))
    (tree / "Dockerfile").write_text("FROM quay.io/a/b:latest\nUSER 1\n")
    expected = [(".imglint.yaml", "expired-exception", 2, "error"), ("Dockerfile", "latest-tag", 1, "error")]
    assert findings(imglint) == expected
    assert findings(imglint, "Dockerfile") == expected
    assert findings(imglint, "--ignore", "expired-exception") == expected[1:]


@pytest.mark.parametrize("words", ["", ", reason: no newer release", ", approved-by: ops", ", reason: old, approved-by: ops"])
def test_an_expired_exception_names_its_reason_and_approver(words: str, imglint: Imglint, tree: Path) -> None:
    (tree / ".imglint.yaml").write_text(EXCEPTION.replace("2999-01-01", f"2020-01-31{words}"))
    message = json.loads(imglint("--format", "json").out)["findings"][0]["message"]
    assert message.startswith("exception expired on 2020-01-31")
    for key, value in (word.split(": ") for word in words.split(", ") if word):
        assert (f", approved by {value}" if key == "approved-by" else f": {value}") in message


def test_uses_that_share_a_location_are_one_finding(imglint: Imglint, tree: Path) -> None:
    (tree / "Dockerfile").write_text("ARG BASE=quay.io/a/b:latest\nFROM $BASE AS x\nFROM $BASE AS y\nFROM $BASE\nUSER 1\n")
    report = json.loads(imglint("--format", "json").out)
    assert [(found["rule"], found["line"]) for found in report["findings"]] == [("latest-tag", 1)]
    assert [use["line"] for use in report["findings"][0]["related"]] == [2, 3, 4]


def test_a_shared_location_is_reported_for_the_use_without_an_exception(imglint: Imglint, tree: Path) -> None:
    (tree / ".imglint.yaml").write_text(EXCEPTION)
    (tree / "Dockerfile").write_text("ARG TAG=latest\nFROM quay.io/a/b:$TAG AS x\nFROM quay.io/c/d:$TAG AS y\nFROM y\nUSER 1\n")
    report = json.loads(imglint("--format", "json").out)
    assert [(found["line"], [use["line"] for use in found["related"]]) for found in report["findings"]] == [(1, [3])]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("rules: {missing-digest: error}", " (.imglint.yaml:1)"),
        ("rules:\n  latest-tag: off\n  missing-digest: error", " (.imglint.yaml:3)"),
        ("images:\n- match: quay.io/a/b\n  digest: required", " (.imglint.yaml:2)"),
        ("rules: {missing-digest: off}", ""),
        ("rules: {latest-tag: off}", ""),
    ],
)
def test_a_finding_cites_the_policy_line_that_sets_its_level(policy: str, expected: str, imglint: Imglint, tree: Path) -> None:
    (tree / ".imglint.yaml").write_text(policy)
    (tree / "Dockerfile").write_text("FROM quay.io/a/b:1\nUSER 1\n")
    [finding] = json.loads(imglint("--format", "json", "--select", "missing-digest").out)["findings"]
    assert finding["message"] == f"{message_of('missing-digest', tree)}{expected}"


def message_of(rule: str, tree: Path) -> str:
    """Return the message of the first finding of a rule without a policy."""
    settings = replace(settings_for(CommandOptions(config=None)), selected=frozenset([rule]))
    return next(finding.message for finding in run([str(tree)], settings).findings if finding.rule == rule)


def test_a_rule_cites_the_row_behind_a_finding(imglint: Imglint, tree: Path) -> None:
    (tree / ".imglint.yaml").write_text("images:\n- match: quay.io/a/b\n  tags: [v*]\nrules:\n  unconventional-tag: error\n")
    (tree / "Dockerfile").write_text("FROM quay.io/a/b:1\nUSER 1\n")
    [finding] = json.loads(imglint("--format", "json").out)["findings"]
    assert finding["message"].endswith(" (.imglint.yaml:2)")


@pytest.mark.parametrize(("count", "expected"), [(4, []), (5, ["unread-file"])])
def test_facts_after_the_limit_of_findings_are_not_judged(
    count: int, expected: list[str], imglint: Imglint, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "FINDINGS_MAX", 4)
    (tree / "compose.yaml").write_text(
        "services:\n" + "".join(f"  s{number}: {{image: quay.io/a/b{number}}}\n" for number in range(count))
    )
    found = findings(imglint, "--select", "latest-tag")
    assert [rule for _, rule, _, _ in found if rule != "latest-tag"] == expected
    assert len(found) == 4 + len(expected)


def test_silenced_findings_do_not_count_towards_the_limit(imglint: Imglint, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "FINDINGS_MAX", 1)
    (tree / ".imglint.yaml").write_text("exceptions: [{match: quay.io/a/*, rules: [latest-tag]}]\n")
    (tree / "compose.yaml").write_text("services: {a: {image: quay.io/a/a}, b: {image: quay.io/a/b}, c: {image: quay.io/c/c}}\n")
    assert findings(imglint, "--select", "latest-tag") == [("compose.yaml", "latest-tag", 1, "error")]


def test_what_was_not_read_is_judged_first(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "FINDINGS_MAX", 2)
    monkeypatch.setattr(facts, "FACTS_MAX", 4)
    (tree / "compose.yaml").write_text(
        "services: {" + "".join(f"s{number}: {{image: quay.io/a/b}}, " for number in range(4)) + "}"
    )
    report = run(["compose.yaml"], replace(settings_for(CommandOptions()), selected=frozenset(["latest-tag"])))
    assert sorted(
        finding.message.partition(" in this file")[0] for finding in report.findings if finding.rule == "unread-file"
    ) == [
        "more than 2 findings",
        "more than 4 images, users and comments",
    ]


def test_options_of_a_selected_rule_that_is_off_apply(imglint: Imglint, tree: Path) -> None:
    (tree / ".imglint.yaml").write_text("rules: {root-user: {level: off, uid: 5}}\n")
    (tree / "one.dockerfile").write_text("FROM quay.io/a/b:1\nUSER 5\n")
    (tree / "two.dockerfile").write_text("FROM quay.io/a/b:1\nUSER 6\n")
    assert findings(imglint, "--select", "root-user") == [("two.dockerfile", "root-user", 2, "warning")]


def test_options_of_a_rule_for_images_apply(tree: Path) -> None:
    @record
    class Options:
        words: tuple[str, ...] = ("b",)

    def check(use: ImageUse, options: object) -> Iterator[Finding]:
        assert isinstance(options, Options)
        if use.reference and use.reference.tag in options.words:
            yield use.finding("no", "tag")

    (tree / "Dockerfile").write_text("FROM quay.io/a/b:a\nUSER 1\n")
    (tree / "other.dockerfile").write_text("FROM quay.io/a/b:b\nUSER 1\n")
    rule = Rule("words", Severity.WARNING, None, Options, "Flags words.", check_image=check)
    assert [finding.location.path for finding in check_with(rule, "Dockerfile", "other.dockerfile").findings] == [
        "other.dockerfile"
    ]


def test_a_failing_rule_is_an_internal_error_that_nothing_silences(tree: Path) -> None:
    (tree / ".imglint.yaml").write_text("exceptions: [{match: '**', rules: [internal-error]}]\nrules: {internal-error: off}\n")
    (tree / "Dockerfile").write_text("# imglint: ignore-file[internal-error]\nFROM quay.io/a/b:latest\nUSER 1\n")
    report = check_with(FAILING, "Dockerfile", ignored=frozenset(["internal-error"]))
    found = {(finding.rule, finding.level): finding for finding in report.findings}
    assert set(found) == {("internal-error", Severity.ERROR), ("latest-tag", Severity.ERROR), ("unused-ignore", Severity.NOTE)}
    message = found["internal-error", Severity.ERROR].message
    assert message == "rule failing failed with ValueError: no; run again with --debug and report the traceback"
    assert report.failed


def test_a_failure_shows_its_traceback_only_with_debug(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "Dockerfile").write_text("FROM quay.io/a/b:1\nUSER 1\n")
    check_with(FAILING, "Dockerfile")
    assert capsys.readouterr().err == ""
    check_with(FAILING, "Dockerfile", debug=True)
    assert "Traceback" in capsys.readouterr().err


def test_a_rule_that_fails_on_a_user_is_reported_too(tree: Path) -> None:
    (tree / "Dockerfile").write_text("FROM quay.io/a/b:1\nUSER 1\n")
    report = check_with(replace(FAILING, check_image=None, check_user=failing), "Dockerfile")
    assert [finding.rule for finding in report.findings] == ["internal-error"]


def test_findings_have_the_order_of_files_and_lines(imglint: Imglint, tree: Path) -> None:
    for name in ("b.dockerfile", "a.dockerfile"):
        (tree / name).write_text("FROM quay.io/a/b:latest AS x\nFROM nginx\n")
    expected = [
        (path, rule, line)
        for path in ("a.dockerfile", "b.dockerfile")
        for rule, line in (("latest-tag", 1), ("implicit-registry", 2), ("latest-tag", 2), ("root-user", 2))
    ]
    assert [found[:3] for found in findings(imglint)] == expected
    assert [found[:3] for found in findings(imglint, "b.dockerfile", "a.dockerfile")] == expected
    assert [found[:3] for found in findings(imglint, "--jobs", "2", "b.dockerfile", "a.dockerfile")] == expected


@pytest.mark.parametrize("level", ["off", "note"])
def test_a_selected_rule_that_is_off_is_a_warning(level: str, imglint: Imglint, tree: Path) -> None:
    (tree / ".imglint.yaml").write_text(f"rules: {{missing-digest: {level}}}\n")
    (tree / "Dockerfile").write_text("FROM quay.io/a/b:1\nUSER 1\n")
    expected = "warning" if level == "off" else level
    assert findings(imglint, "--select", "missing-digest") == [("Dockerfile", "missing-digest", 1, expected)]


def test_a_row_that_turns_a_rule_off_holds_for_a_selected_rule(imglint: Imglint, tree: Path) -> None:
    (tree / ".imglint.yaml").write_text("images: [{match: '**', digest: optional}]\n")
    (tree / "Dockerfile").write_text("FROM quay.io/a/b:1\nUSER 1\n")
    assert findings(imglint, "--select", "missing-digest") == []


NAMES = "services:\n  web:\n    build: {dockerfile: web.build}\n"
LATEST = "FROM quay.io/a/b:latest\nUSER 1\n"


@pytest.mark.parametrize(
    ("arguments", "paths"),
    [
        ((), ["web.build"]),
        (("--jobs", "2"), ["web.build"]),
        ((".", "web.build"), ["web.build"]),
        (("compose.yaml", "web.build"), ["web.build"]),
        (("compose.yaml", "other.compose.yaml"), ["web.build"]),
        (("--exclude", "*.build"), []),
    ],
)
def test_a_file_that_others_name_is_read_once(arguments: tuple[str, ...], paths: list[str], tree: Path, imglint: Imglint) -> None:
    for name, text in {"compose.yaml": NAMES, "other.compose.yaml": NAMES, "web.build": LATEST, "zzz.compose.yaml": ""}.items():
        (tree / name).write_text(text, encoding="utf-8")
    assert findings(imglint, *arguments) == [(path, "latest-tag", 1, "error") for path in paths]
    report = json.loads(imglint("--format", "json", "--fail-on", "never", *arguments).out)
    assert report["summary"]["places"] == len(paths)


def test_the_kind_that_the_policy_gives_a_file_takes_precedence_over_that_of_another_file(tree: Path, imglint: Imglint) -> None:
    (tree / "compose.yaml").write_text(NAMES, encoding="utf-8")
    (tree / "web.build").write_text("image: {repository: quay.io/a/b, tag: latest}\n", encoding="utf-8")
    (tree / ".imglint.yaml").write_text("kinds: {helm-values: ['*.build']}\n", encoding="utf-8")
    assert findings(imglint) == [("web.build", "latest-tag", 1, "error")]


def test_findings_in_files_that_others_name_are_in_the_order_of_paths(tree: Path, imglint: Imglint) -> None:
    (tree / "compose.yaml").write_text(NAMES + "    image: quay.io/a/b:latest\n", encoding="utf-8")
    (tree / "a.compose.yaml").write_text(NAMES.replace("web.build", "b.build"), encoding="utf-8")
    for name in ("web.build", "b.build", "Dockerfile"):
        (tree / name).write_text(LATEST, encoding="utf-8")
    assert [path for path, _, _, _ in findings(imglint)] == ["Dockerfile", "b.build", "web.build"]
