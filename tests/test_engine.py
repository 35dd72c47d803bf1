"""The engine: levels by environment, exceptions, merged findings, limits, and failing rules, through `run`."""

from __future__ import annotations

import gc
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from imglint.commands.options import CommandOptions, settings_for
from imglint.engine import facts, judge, workers
from imglint.engine import run as engine
from imglint.engine.run import run
from imglint.model import Comment, ImageUse, ReferenceProblem, Severity, image_use
from imglint.plugins.load import Rule
from imglint.records import record, replace
from imglint.source import Location, Source
from imglint.traced import literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tests.conftest import Imglint

    from imglint import Finding, Report, RunUser

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
        for rule, line in (("latest-tag", 1), ("implicit-registry", 2), ("latest-tag", 2), ("unstated-user", 2))
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


def test_a_row_turns_off_even_a_selected_rule(imglint: Imglint, tree: Path) -> None:
    (tree / ".imglint.yaml").write_text("images: [{match: '**', digest: optional}]\n")
    (tree / "Dockerfile").write_text("FROM quay.io/a/b:1\nUSER 1\n")
    assert findings(imglint, "--select", "missing-digest") == []


def test_a_selected_rule_that_is_off_cites_no_policy(tree: Path) -> None:
    (tree / ".imglint.yaml").write_text("rules: {missing-digest: off}\n")
    (tree / "Dockerfile").write_text("FROM quay.io/a/b:1\nUSER 1\n")
    [finding] = run(["Dockerfile"], settings_for(CommandOptions(select=("missing-digest",)))).findings
    assert (finding.rule, finding.policy) == ("missing-digest", "")


def test_report_on_an_empty_folder(tree: Path) -> None:
    report = run([""], settings_for(CommandOptions()))
    assert (list(report.findings), report.files, report.places, report.failed) == ([], 0, 0, False)


# Findings on the policy's exceptions.

EXPIRED = "{match: quay.io/a/*, rules: [latest-tag], until: 2020-01-31%s}"


def on_exceptions(*items: str, tree: Path) -> list[tuple[str, tuple[int, int, int, int]]]:
    """Return message, and lines and columns of the findings on the exceptions of a policy."""
    (tree / ".imglint.yaml").write_text("exceptions:\n" + "".join(f"- {item}  # why\n" for item in items))
    found = []
    for finding in run([""], settings_for(CommandOptions())).findings:
        location = finding.location
        assert location.path == ".imglint.yaml"
        found.append((finding.message, (location.line, location.column, location.end_line, location.end_column)))
    return found


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("", "exception expired on 2020-01-31"),
        (", reason: no newer release", "exception expired on 2020-01-31: no newer release"),
        (", approved-by: ops", "exception expired on 2020-01-31, approved by ops"),
        (", reason: old, approved-by: ops", "exception expired on 2020-01-31, approved by ops: old"),
    ],
)
def test_message_and_location_of_an_expired_exception(more: str, message: str, tree: Path) -> None:
    item = EXPIRED % more
    assert on_exceptions(item, tree=tree) == [(message, (2, 3, 2, 3 + len(f"{item}  # why")))]


def test_message_and_location_of_an_unused_exception(tree: Path) -> None:
    item = "{match: quay.io/a/*, rules: [latest-tag]}"
    assert on_exceptions(item, tree=tree) == [
        ("unused exception; remove it, or correct its patterns", (2, 3, 2, 3 + len(f"{item}  # why")))
    ]


def test_each_exception_is_reported_in_the_order_of_lines(tree: Path) -> None:
    unused = "{match: quay.io/a/*, rules: [latest-tag]}"
    found = on_exceptions(unused, EXPIRED % "", unused, EXPIRED % "", tree=tree)
    assert [(message.split()[0], location[0]) for message, location in found] == [
        ("unused", 2),
        ("exception", 3),
        ("unused", 4),
        ("exception", 5),
    ]


def test_exceptions_in_a_policy_that_is_gone(tree: Path) -> None:
    (tree / ".imglint.yaml").write_text(f"exceptions: [{EXPIRED % ''}]\n")
    settings = settings_for(CommandOptions())
    (tree / ".imglint.yaml").unlink()
    [finding] = run([""], settings).findings
    assert (finding.rule, finding.location) == ("expired-exception", Location(".imglint.yaml", 1, 1, 1, 1))


@pytest.mark.parametrize(
    ("paths", "expected"), [(["deployment"], True), (["deploy"], False), (["deploy", "deployment"], True), (["."], True)]
)
def test_unused_exceptions_of_a_policy_in_a_folder(paths: list[str], expected: bool, tree: Path) -> None:
    for name in ("deploy", "deployment"):
        (tree / name).mkdir()
    (tree / "deployment" / ".imglint.yaml").write_text(EXCEPTION)
    report = run(paths, settings_for(CommandOptions(tuple(paths))))
    assert [finding.rule for finding in report.findings] == ["unused-exception"] * expected


# Order, fingerprints and log.


def test_stdin_has_the_place_of_its_file_name_among_the_paths(tree: Path, stdin: Callable[[bytes], None]) -> None:
    names = ("c.dockerfile", "a.dockerfile")
    for name in names:
        (tree / name).write_text("FROM quay.io/a/b:latest\nUSER 1\n")
    stdin(b"FROM quay.io/a/b:latest\nUSER 1\n")
    settings = replace(settings_for(CommandOptions()), stdin_filename="b.dockerfile")
    report = run(["c.dockerfile", "-", "a.dockerfile"], settings)
    assert [finding.location.path for finding in report.findings] == ["a.dockerfile", "b.dockerfile", "c.dockerfile"]
    assert report.failed is False


def test_log_has_the_environment_of_each_file(
    tree: Path, stdin: Callable[[bytes], None], capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / ".imglint.yaml").write_text("environments: {development: [dev/]}\n")
    (tree / "notes.txt").write_text("some notes\n")
    (tree / "Dockerfile").write_text("FROM quay.io/a/b:1\nUSER 1\n")
    settings = replace(settings_for(CommandOptions()), verbose=True, stdin_filename="dev/Dockerfile")
    log = {
        (): "development",
        (("environment", "production"),): "production",
    }
    for changes, environment in log.items():
        stdin(b"FROM quay.io/a/b:1\nUSER 1\n")
        run(["notes.txt", "-", "Dockerfile"], replace(settings, **dict(changes)))
        assert capsys.readouterr().err.splitlines() == [
            "Dockerfile: dockerfile, production",
            f"dev/Dockerfile: dockerfile, {environment}",
            "notes.txt: skipped; not a known kind of file, or unreadable",
        ]


def test_fingerprints_are_computed_only_on_request(tree: Path) -> None:
    (tree / "Dockerfile").write_text("FROM quay.io/a/b:latest\nFROM quay.io/a/b:latest\nUSER 1\n")
    settings = settings_for(CommandOptions())
    assert [finding.fingerprint for finding in run(["Dockerfile"], settings).findings] == ["", ""]
    report = run(["Dockerfile"], replace(settings, fingerprints=True))
    assert [finding.fingerprint.partition(":")[2] for finding in report.findings] == ["1", "1"]
    assert len({finding.fingerprint for finding in report.findings}) == 2


def test_fingerprint_of_a_file_that_cannot_be_read(tree: Path) -> None:
    report = run(["gone.yaml"], replace(settings_for(CommandOptions()), fingerprints=True))
    assert [(finding.rule, finding.fingerprint.partition(":")[2]) for finding in report.findings] == [("unread-file", "1")]


# Processes and memory.


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, list[int]]]:
    """Return a list that gets the number of processes of each run, and the numbers of files that they get at a time.

    A worker process has at least two files, and gets three at a time. The work is done in this process.
    """
    runs: list[tuple[int, list[int]]] = []

    def mapped(work: Callable[[Any], Any], pieces: Iterable[Any], jobs: int) -> Iterator[Any]:
        given = list(pieces)
        runs.append((jobs, [len(piece) for piece in given]))
        return map(work, given)

    monkeypatch.setattr(workers, "mapped", mapped)
    monkeypatch.setattr(engine, "FILES_PER_JOB", 2)
    monkeypatch.setattr(engine, "FILES_PER_PIECE", 3)
    return runs


def write_dockerfiles(tree: Path, count: int) -> list[str]:
    """Write Dockerfiles with one finding each and return their names."""
    names = [f"{number:02}.dockerfile" for number in range(count)]
    for name in names:
        (tree / name).write_text("FROM quay.io/a/b:latest\nUSER 1\n")
    return names


@pytest.mark.parametrize(
    ("files", "cores", "jobs", "expected"),
    [
        (0, 4, None, None),
        (1, 4, None, None),
        (3, 4, None, None),
        (4, 4, None, (2, [3, 1])),
        (5, 4, None, (2, [3, 2])),
        (6, 4, None, (3, [3, 3])),
        (9, 4, None, (4, [3, 3, 3])),
        (9, 2, None, (2, [3, 3, 3])),
        (9, 1, None, None),
        (9, 4, 1, None),
        (9, 1, 2, (2, [3, 3, 3])),
        (3, 1, 2, (2, [3])),
        (1, 4, 2, None),
        (0, 4, 2, None),
    ],
)
def test_number_of_processes(
    files: int,
    cores: int,
    jobs: int | None,
    expected: tuple[int, list[int]] | None,
    tree: Path,
    started: list[tuple[int, list[int]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(cores)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 99)
    names = write_dockerfiles(tree, files)
    report = run([""], settings_for(CommandOptions(jobs=jobs)))
    assert started == ([expected] if expected else [])
    assert [finding.location.path for finding in report.findings] == names


@pytest.mark.parametrize(("cores", "expected"), [(3, [3]), (None, [])])
def test_number_of_processes_where_a_process_can_use_all_cores(
    cores: int | None,
    expected: list[int],
    tree: Path,
    started: list[tuple[int, list[int]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    names = write_dockerfiles(tree, 9)
    assert run([""], settings_for(CommandOptions())).files == len(names)
    assert [jobs for jobs, _ in started] == expected


@pytest.mark.parametrize(("files", "collects"), [(engine.FEW_FILES, False), (engine.FEW_FILES + 1, True)])
def test_garbage_is_collected_rarely_and_only_with_many_files(files: int, collects: bool, tree: Path) -> None:
    write_dockerfiles(tree, files)
    was_enabled, threshold = gc.isenabled(), gc.get_threshold()
    gc.disable()
    try:
        run([""], settings_for(CommandOptions(jobs=1)))
        assert (gc.isenabled(), gc.get_threshold()[0]) == (collects, engine.GARBAGE if collects else threshold[0])
    finally:
        gc.set_threshold(*threshold)
        if was_enabled:
            gc.enable()


@pytest.mark.parametrize(
    ("policy", "arguments", "expected"),
    [
        (None, [], ["note"]),
        ("fail-on: error\n", [], ["note"]),
        ("images: [{match: '**'}]\n", [], ["warning"]),
        ("images: []\n", [], ["warning"]),
        ("images: [{match: '**'}]\n", ["--select", "unresolved-reference"], ["warning"]),
        ("images: [{match: '**'}]\n", ["--select", "latest-tag"], []),
        ("images: [{match: '**'}]\n", ["--ignore", "unresolved-reference"], []),
        ("images: [{match: '**'}]\nrules: {unresolved-reference: error}\n", [], ["error"]),
        ("images: [{match: '**'}]\nrules: {unresolved-reference: note}\n", [], ["note"]),
        ("images: [{match: '**'}]\nrules: {unresolved-reference: off}\n", [], []),
        ("images: [{match: '**'}]\nrules: {unresolved-reference: {files: [Dockerfile]}}\n", [], ["warning"]),
        ("rules: {unresolved-reference: {files: [Dockerfile]}}\n", [], ["note"]),
    ],
)
def test_level_of_an_unresolved_reference(
    policy: str | None, arguments: list[str], expected: list[str], imglint: Imglint, tree: Path
) -> None:
    if policy is not None:
        (tree / ".imglint.yaml").write_text(policy)
    (tree / "Dockerfile").write_text("ARG BASE\nFROM $BASE\nUSER 1\n")
    found = findings(imglint, *arguments)
    assert [(rule, level) for _, rule, _, level in found] == [("unresolved-reference", level) for level in expected]


@pytest.mark.parametrize(
    ("rules", "levels"), [("", ["note", "warning"]), ("rules: {unresolved-reference: error}\n", ["error", "error"])]
)
def test_level_of_an_unresolved_reference_in_a_pipeline(rules: str, levels: list[str], imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / ".imglint.yaml").write_text(f"images: [{{match: '**', roles: [ci, base]}}]\n{rules}")
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    (tmp_path / ".github" / "workflows" / "a.yml").write_text("on: push\njobs: {a: {container: '${{ vars.IMAGE }}'}}\n")
    (tmp_path / "Dockerfile").write_text("ARG IMAGE\nFROM $IMAGE\nUSER 1001\n")
    found = json.loads(imglint("--format", "json").out)["findings"]
    assert [finding["level"] for finding in found if finding["rule"] == "unresolved-reference"] == levels


OVER = ReferenceProblem("unread-file", "image name has more than 9 characters; it was not checked", (5, 15))


def test_a_reference_over_a_limit_is_judged_first_and_cannot_be_silenced(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "FINDINGS_MAX", 1)
    text = "FROM nginx:x12\nFROM quay.io/a\n# imglint: ignore-file[unread-file]\n"
    source = Source("Dockerfile", text, "dockerfile")
    over = ImageUse(source, (5, 15), "from", "stage 0", "base", None, OVER)
    good = image_use(source, literal("quay.io/a", 20), (20, 29), place="from", where="stage 1", role="base")
    comment = Comment(source, (30, 64))
    given = replace(settings_for(CommandOptions()), selected=frozenset(["latest-tag", "unused-ignore"]))
    verdicts, is_complete = judge.judge_file(facts.FileFacts(source, (good, comment, over)), given)
    found = [(verdict.finding.rule, verdict.finding.level, verdict.silenced_by) for verdict in verdicts]
    unread = ("unread-file", Severity.ERROR, None)
    assert found == [unread, unread, ("unused-ignore", Severity.NOTE, None)]
    assert not is_complete


def summary(imglint: Imglint, *arguments: str) -> tuple[int, str]:
    """Return the exit status and the last line of a run."""
    outcome = imglint(*arguments)
    return outcome.status, outcome.out.splitlines()[-1]


INCOMPLETE = "No findings in 1 file (1 image); 1 file not read completely."
HIDDEN = {
    "--ignore": (["--ignore", "unread-file", "--ignore", "syntax-error"], ""),
    "a level": ([], "rules: {unread-file: off, syntax-error: off}\n"),
    "an exception": ([], "exceptions: [{rules: [unread-file, syntax-error], files: ['*']}]\n"),
}


@pytest.mark.parametrize(("arguments", "policy"), HIDDEN.values(), ids=HIDDEN.keys())
@pytest.mark.parametrize("text", [b"FROM quay.io/a/b:1\nUSER 1\n# \xff", b"FROM quay.io/a/b:1\nUSER 1\nFOO\n"])
def test_a_file_with_a_hidden_part_is_counted(
    text: bytes, arguments: list[str], policy: str, imglint: Imglint, tree: Path
) -> None:
    (tree / "Dockerfile").write_bytes(text)
    if policy:
        (tree / ".imglint.yaml").write_text(policy)
    status, line = summary(imglint, *arguments)
    assert status == 0
    assert line.replace("(0 images)", "(1 image)") == INCOMPLETE
    assert json.loads(imglint("--format", "json", *arguments).out)["summary"]["incomplete"] == 1


def test_a_file_whose_missing_part_is_reported_is_not_counted(imglint: Imglint, tree: Path) -> None:
    (tree / "Dockerfile").write_text("FROM quay.io/a/b:1\nUSER 1\nFOO\n")
    assert summary(imglint) == (1, "Found 1 error in 1 file (1 image).")


def test_findings_after_the_limit_are_counted_if_that_is_hidden(
    imglint: Imglint, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "FINDINGS_MAX", 1)
    (tree / "Dockerfile").write_text("FROM nginx:1 AS x\nFROM nginx:2\nUSER 1\n")
    assert summary(imglint, "--ignore", "unread-file") == (0, "Found 1 note in 1 file (2 images); 1 file not read completely.")
    assert summary(imglint) == (1, "Found 1 error and 1 note in 1 file (2 images).")


@pytest.fixture
def partly_skipped(tree: Path) -> Path:
    """Return a folder with files that are read and others that are skipped."""
    for name in ("a/Dockerfile", "b/Dockerfile", "out/Dockerfile", "node_modules/Dockerfile", ".git/Dockerfile", "c/Dockerfile"):
        (tree / name).parent.mkdir()
        (tree / name).write_text("FROM quay.io/a/b:1\nUSER 1\n")
    (tree / "b" / "Dockerfile").write_text("FROM quay.io/a/b:1\nUSER 0\n")
    (tree / ".gitignore").write_text("out\nc/Dockerfile\n")
    (tree / "link.dockerfile").symlink_to("/etc/hostname")
    return tree


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_skipped_files_are_counted_and_named(jobs: str, imglint: Imglint, partly_skipped: Path) -> None:
    more = "2 files and 2 folders skipped: ignored by Git, node_modules, symbolic links"
    assert summary(imglint, "--jobs", jobs) == (1, f"Found 1 warning in 1 of 2 files (2 images); {more}.")
    assert json.loads(imglint("--jobs", jobs, "--format", "json").out)["summary"]["skipped"] == 4
    named = imglint("--jobs", jobs, "--verbose").err.splitlines()
    assert [line for line in named if "skipped" in line] == [
        "c/Dockerfile: skipped; ignored by Git",
        "link.dockerfile: skipped; a symbolic link that does not lead to a file of this repository",
        "node_modules: skipped; folders of this name are not walked",
        "out: skipped; ignored by Git",
    ]


def test_named_files_are_not_skipped(imglint: Imglint, partly_skipped: Path) -> None:
    paths = [".", "c/Dockerfile", "node_modules"]
    more = "1 file and 1 folder skipped: ignored by Git, symbolic links"
    assert summary(imglint, *paths) == (1, f"Found 1 warning in 1 of 4 files (4 images); {more}.")
    assert summary(imglint, "out") == (0, "Nothing was checked; 1 folder skipped: ignored by Git.")


def test_a_link_inside_the_repository_is_checked_under_its_own_name(imglint: Imglint, tree: Path) -> None:
    (tree / ".imglint.yaml").write_text("environments: {development: [dev.dockerfile]}\n")
    (tree / "Dockerfile").write_text("FROM quay.io/a/b\nUSER 1\n")
    (tree / "dev.dockerfile").symlink_to("Dockerfile")
    (tree / "prod.dockerfile").symlink_to("Dockerfile")
    assert findings(imglint) == [(name, "latest-tag", 1, "error") for name in ("Dockerfile", "prod.dockerfile")]


NAMES = "services:\n  web:\n    build: {dockerfile: web.recipe}\n"
LATEST = "FROM quay.io/a/b:latest\nUSER 1\n"


@pytest.mark.parametrize(
    ("arguments", "paths"),
    [
        ((), ["web.recipe"]),
        (("--jobs", "2"), ["web.recipe"]),
        ((".", "web.recipe"), ["web.recipe"]),
        (("compose.yaml", "web.recipe"), ["web.recipe"]),
        (("compose.yaml", "other.compose.yaml"), ["web.recipe"]),
        (("--exclude", "*.recipe"), []),
    ],
)
def test_a_file_that_others_name_is_read_once(arguments: tuple[str, ...], paths: list[str], tree: Path, imglint: Imglint) -> None:
    for name, text in {"compose.yaml": NAMES, "other.compose.yaml": NAMES, "web.recipe": LATEST, "zzz.compose.yaml": ""}.items():
        (tree / name).write_text(text, encoding="utf-8")
    assert findings(imglint, *arguments) == [(path, "latest-tag", 1, "error") for path in paths]
    report = json.loads(imglint("--format", "json", "--fail-on", "never", *arguments).out)
    assert report["summary"]["places"] == len(paths)


def test_the_kind_that_the_policy_gives_a_file_takes_precedence_over_that_of_another_file(tree: Path, imglint: Imglint) -> None:
    (tree / "compose.yaml").write_text(NAMES, encoding="utf-8")
    (tree / "web.recipe").write_text("image: {repository: quay.io/a/b, tag: latest}\n", encoding="utf-8")
    (tree / ".imglint.yaml").write_text("kinds: {helm-values: ['*.recipe']}\n", encoding="utf-8")
    assert findings(imglint) == [("web.recipe", "latest-tag", 1, "error")]


def test_findings_in_files_that_others_name_are_in_the_order_of_paths(tree: Path, imglint: Imglint) -> None:
    (tree / "compose.yaml").write_text(NAMES + "    image: quay.io/a/b:latest\n", encoding="utf-8")
    (tree / "a.compose.yaml").write_text(NAMES.replace("web.recipe", "b.recipe"), encoding="utf-8")
    for name in ("web.recipe", "b.recipe", "Dockerfile"):
        (tree / name).write_text(LATEST, encoding="utf-8")
    assert [path for path, _, _, _ in findings(imglint)] == ["Dockerfile", "b.recipe", "web.recipe"]
