"""One fault is one finding: what a rule covers is not reported where that rule is, and `explain` shows it as covered."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from imglint.commands.options import CommandOptions, settings_for
from imglint.engine import judge
from imglint.engine.run import run
from imglint.errors import PluginError
from imglint.model import Severity
from imglint.plugins.contracts import check_covers
from imglint.plugins.load import Rule, rules
from imglint.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Imglint

    from imglint import Finding, ImageUse, RunUser

POLICY = """\
images:
  - match: quay.io/acme/*
    tags: ["v*"]
  - match: quay.io/old/*
    approved: false
rules:
  moving-tag: warning
  missing-digest: {level: warning, environments: [production]}
%s
"""
ON_LATEST = ("implicit-registry", "latest-tag", "missing-digest")
ON_OTHERS = ("implicit-registry", "missing-digest", "moving-tag")


@record
class Case:
    """An image in a compose file, what else the policy and the command line say, and the rules that are reported and covered."""

    image: str
    reported: tuple[str, ...]
    covered: tuple[str, ...] = ()
    by: str = "unapproved-image"
    comment: str = ""
    policy: str = ""
    arguments: tuple[str, ...] = ()


BOTH = "exceptions: [{match: '**', rules: [unapproved-image, latest-tag]}]"
CASES = {
    "an unapproved image": Case("nginx", ("unapproved-image",), ON_LATEST),
    "an unapproved image with a moving tag": Case("nginx:1", ("unapproved-image",), ON_OTHERS),
    "a refused image": Case("quay.io/old/web:latest", ("unapproved-image",), ("latest-tag", "missing-digest")),
    "an approved image": Case("quay.io/acme/web:v1.2.3", ("missing-digest",)),
    "a wrong tag": Case("quay.io/acme/web:main", ("missing-digest", "unconventional-tag"), ("moving-tag",), "unconventional-tag"),
    "a wrong latest": Case("quay.io/acme/web", ("missing-digest", "unconventional-tag"), ("latest-tag",), "unconventional-tag"),
    "an image that is wrong for other reasons": Case(
        "nginx-amd64@sha256:" + "0" * 64,
        ("platform-repository", "unapproved-image"),
        ("implicit-registry",),
        policy="  platform-repository: warning",
    ),
    "a misplaced image": Case(
        "ghcr.io/acme/web", ("latest-tag", "misplaced-image", "missing-digest"), policy="  latest-tag: warning"
    ),
    "a comment on the covering rule": Case("nginx", ON_LATEST, comment="ignore[unapproved-image]"),
    "a comment for the file on the covering rule": Case("nginx", ON_LATEST, comment="ignore-file[unapproved-image]"),
    "a comment on a covered rule": Case(
        "nginx", ("unapproved-image",), ("implicit-registry", "missing-digest"), comment="ignore[latest-tag]"
    ),
    "a comment on both": Case("nginx", ("implicit-registry", "missing-digest"), comment="ignore[latest-tag, unapproved-image]"),
    "a comment that is not applied": Case(
        "nginx", ("unapproved-image",), ON_LATEST, comment="ignore[unapproved-image]", arguments=("--no-ignore-comments",)
    ),
    "a comment on a rule that finds nothing": Case(
        "nginx", ("unapproved-image", "unused-ignore"), ON_LATEST, comment="ignore[moving-tag]"
    ),
    "an exception for the covering rule": Case(
        "nginx", ON_LATEST, policy="exceptions: [{match: docker.io/library/nginx, rules: [unapproved-image]}]"
    ),
    "an exception for a covered rule": Case(
        "nginx",
        ("unapproved-image",),
        ("implicit-registry", "missing-digest"),
        policy="exceptions: [{match: '**', rules: [latest-tag]}]",
    ),
    "an exception for both": Case("nginx", ("implicit-registry", "missing-digest"), policy=BOTH),
    "an expired exception": Case(
        "nginx",
        ("expired-exception", "unapproved-image"),
        ON_LATEST,
        policy="exceptions: [{match: '**', rules: [unapproved-image], until: 2020-01-01}]",
    ),
    "an exception for one, a comment for the other": Case(
        "nginx",
        ("implicit-registry", "missing-digest"),
        comment="ignore[latest-tag]",
        policy="exceptions: [{match: '**', rules: [unapproved-image]}]",
    ),
    "a covering rule that is off": Case("nginx", ON_LATEST, policy="  unapproved-image: off"),
    "a covering rule that is off elsewhere": Case(
        "nginx", ("unapproved-image",), ON_LATEST, policy="  unapproved-image: {level: error, exclude: [other/]}"
    ),
    "a covering rule that is off here": Case(
        "nginx", ON_LATEST, policy="  unapproved-image: {level: error, exclude: [compose.yaml]}"
    ),
    "a covering rule that is a note": Case("nginx", ("unapproved-image",), ON_LATEST, policy="  unapproved-image: note"),
    "a covered rule that is off": Case(
        "nginx", ("unapproved-image",), ("implicit-registry", "missing-digest"), policy="  latest-tag: off"
    ),
    "a covering rule that is ignored": Case("nginx", ON_LATEST, arguments=("--ignore", "unapproved-image")),
    "a covered rule that is selected": Case("nginx", ("latest-tag",), arguments=("--select", "latest-tag")),
    "both selected": Case(
        "nginx",
        ("unapproved-image",),
        ("latest-tag",),
        arguments=("--select", "latest-tag", "--select", "unapproved-image"),
    ),
}


def explained(output: str) -> list[tuple[str, str]]:
    """Return the rule of each finding in the output of explain, and what stands after it in brackets."""
    text = output.replace("\n                 ", " ")
    found = re.findall(r"^(?:  findings     |               )(?:error|warning|note) ([a-z-]+) \(.*?\): \d+:\d+ (.*)$", text, re.M)
    return [(rule, match[0] if (match := re.search(r"\[[^]]*\]$", rest)) else "") for rule, rest in found]


@pytest.mark.parametrize("name", CASES)
def test_what_is_reported_and_what_is_covered(name: str, imglint: Imglint, tmp_path: Path) -> None:
    case = CASES[name]
    row = "  - {match: 'ghcr.io/**', environments: [other]}\n" if name == "a misplaced image" else ""
    environments = "environments: {other: [other/]}\n" if row else ""
    policy = environments + POLICY.replace("rules:\n", f"{row}rules:\n", 1) % case.policy
    (tmp_path / ".imglint.yaml").write_text(policy)
    comment = f"  # imglint: {case.comment}" if case.comment else ""
    (tmp_path / "compose.yaml").write_text(f"services:\n  web:\n    image: {case.image}{comment}\n")
    checked = imglint("--format", "json", "--fail-on", "never", *case.arguments)
    assert (checked.status, checked.err) == (0, "")
    assert tuple(sorted({finding["rule"] for finding in json.loads(checked.out)["findings"]})) == case.reported
    if "--no-ignore-comments" not in case.arguments and not any(argument.startswith("--") for argument in case.arguments):
        shown = explained(imglint("explain", "compose.yaml").out)
        assert sorted(rule for rule, why in shown if not why) == sorted({*case.reported} - {"expired-exception"})
        assert sorted(rule for rule, why in shown if why == f"[covered by {case.by}]") == sorted(case.covered)


def rules_of(imglint: Imglint, *arguments: str) -> list[tuple[str, int, tuple[int, ...]]]:
    """Return rule, line, and the lines of related places of all findings."""
    found = json.loads(imglint("--format", "json", "--fail-on", "never", *arguments).out)["findings"]
    return [(one["rule"], one["line"], tuple([use["line"] for use in one["related"]])) for one in found]


SHARED = "ARG TAG=latest\nFROM quay.io/old/a:$TAG AS x\nFROM quay.io/acme/b:$TAG AS y\nFROM quay.io/acme/c:$TAG\n%sUSER 1\n"


def test_of_uses_that_share_a_place_those_that_are_not_covered_are_reported(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / ".imglint.yaml").write_text(
        "images: [{match: quay.io/acme/*}, {match: quay.io/old/*, approved: false, reason: it moved, tags: [x]}]"
    )
    (tmp_path / "Dockerfile").write_text(SHARED % "")
    assert rules_of(imglint) == [("latest-tag", 1, (3, 4)), ("unapproved-image", 2, ())]
    output = imglint("explain", "Dockerfile").out
    assert [rule for rule, why in explained(output) if why == "[covered by unapproved-image]"] == ["latest-tag"]
    assert [rule for rule, why in explained(output) if not why] == ["unapproved-image", "latest-tag", "latest-tag"]


def test_the_message_is_that_of_a_use_that_is_not_covered(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / ".imglint.yaml").write_text(
        "images:\n- {match: quay.io/acme/*, tags: [v1]}\n- {match: quay.io/old/*, approved: false, tags: [v2]}\n"
        "rules: {unconventional-tag: off}\n"
    )
    (tmp_path / "Dockerfile").write_text(SHARED % "")
    [latest, _] = json.loads(imglint("--format", "json", "--fail-on", "never").out)["findings"]
    assert latest["message"] == "`latest` is a moving tag; use a tag such as v1 (.imglint.yaml:2)"


@pytest.mark.parametrize(
    ("comment", "line", "expected"),
    [
        # A comment on the line of one use silences the finding of all: first all of latest-tag, then the refusal alone.
        ("latest-tag", 2, [("unapproved-image", 3, ())]),
        ("latest-tag", 3, [("unapproved-image", 2, ())]),
        ("unapproved-image", 2, [("latest-tag", 1, (3, 4, 5))]),
    ],
)
def test_a_comment_applies_before_covering(
    comment: str, line: int, expected: list[object], imglint: Imglint, tmp_path: Path
) -> None:
    (tmp_path / ".imglint.yaml").write_text("images: [{match: quay.io/acme/*}, {match: quay.io/old/*, approved: false}]")
    lines = (SHARED % "").splitlines()
    lines.insert(line - 1, f"# imglint: ignore[{comment}]")
    (tmp_path / "Dockerfile").write_text("\n".join(lines) + "\n")
    assert rules_of(imglint) == expected


def test_an_image_of_several_containers_is_covered_once(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / ".imglint.yaml").write_text("images: [{match: quay.io/acme/*}]")
    (tmp_path / "compose.yaml").write_text("services:\n  a: &a\n    image: nginx\n  b: *a\n  c: {image: quay.io/acme/c}\n")
    assert rules_of(imglint) == [("unapproved-image", 3, ()), ("latest-tag", 5, ())]


def test_a_finding_covers_nothing_about_another_image(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / ".imglint.yaml").write_text("images: [{match: quay.io/acme/*}]")
    (tmp_path / "compose.yaml").write_text("services: {a: {image: nginx}, c: {image: quay.io/acme/c}}\n")
    assert rules_of(imglint) == [("unapproved-image", 1, ()), ("latest-tag", 1, ())]


def test_a_known_finding_still_covers_others(imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / ".imglint.yaml").write_text("images: [{match: quay.io/acme/*}]")
    (tmp_path / "compose.yaml").write_text("services: {a: {image: nginx}}\n")
    assert imglint("--write-baseline", "b.json").status == 0
    assert [entry["rule"] for entry in json.loads((tmp_path / "b.json").read_text())["findings"]] == ["unapproved-image"]
    assert rules_of(imglint, "--baseline", "b.json") == []


@pytest.mark.parametrize("exception", ["unapproved-image", "latest-tag"])
def test_an_exception_for_either_rule_is_used(exception: str, imglint: Imglint, tmp_path: Path) -> None:
    (tmp_path / ".imglint.yaml").write_text(
        f"images: [{{match: quay.io/acme/*}}]\nexceptions: [{{match: docker.io/**, rules: [{exception}]}}]\n"
    )
    (tmp_path / "compose.yaml").write_text("services: {a: {image: nginx}}\n")
    assert "unused-exception" not in [rule for rule, _, _ in rules_of(imglint)]


def finds(subject: ImageUse | RunUser, _options: object) -> Iterator[Finding]:
    yield subject.finding("no")


def fails(_subject: ImageUse | RunUser, _options: object) -> Iterator[Finding]:
    raise ValueError("no")


def reported(*added: Rule) -> list[str]:
    """Return the rules of the findings in the current folder, with these rules added."""
    settings = settings_for(CommandOptions())
    known = {**settings.rules, **{rule.id: rule for rule in added}}
    return sorted(finding.rule for finding in run([""], replace(settings, rules=known)).findings)


def rule(name: str, *covers: str, image: bool = True) -> Rule:
    """Return a rule that flags every image or user."""
    checks = {"check_image": finds} if image else {"check_user": finds}
    return replace(Rule(name, Severity.WARNING, None, None, "Flags all.", covers=covers), **checks)


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ([rule("a"), rule("b")], ["a", "b"]),
        ([rule("a", "b"), rule("b")], ["a"]),
        ([rule("a"), rule("b", "a")], ["b"]),
        ([rule("a", "unknown"), rule("b")], ["a", "b"]),
        # The same, in whatever order the rules are applied.
        ([rule("a", "b"), rule("b", "c"), rule("c")], ["a"]),
        ([rule("c"), rule("b", "c"), rule("a", "b")], ["a"]),
        ([rule("a", "c"), rule("b", "c"), rule("c")], ["a", "b"]),
        # A finding about a user covers none about an image, and the other way round.
        ([rule("a", "b", image=False), rule("b")], ["a", "b"]),
        ([rule("a", "b"), rule("b", image=False)], ["a", "b"]),
        ([rule("a", "b", image=False), rule("b", image=False)], ["a"]),
        ([replace(rule("a", "b"), check_image=fails), rule("b")], ["b", "internal-error"]),
        ([rule("a", "b"), replace(rule("b"), check_image=fails)], ["a", "internal-error"]),
    ],
)
def test_rules_cover_each_other_by_their_declaration(
    added: list[Rule], expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Dockerfile").write_text("FROM quay.io/a/b:1\nUSER 1\n")
    assert reported(*added) == expected


def test_covered_findings_count_towards_the_limit(imglint: Imglint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "FINDINGS_MAX", 4)
    (tmp_path / ".imglint.yaml").write_text("images: [{match: quay.io/acme/*}]\nrules: {implicit-registry: off}\n")
    for count, expected in ((2, []), (3, ["unread-file"])):
        services = "".join(f"  s{number}: {{image: nginx{number}}}\n" for number in range(count))
        (tmp_path / "compose.yaml").write_text(f"services:\n{services}")
        assert [rule for rule, _, _ in rules_of(imglint)] == ["unapproved-image"] * 2 + expected


@pytest.mark.parametrize(
    ("covers", "rule"),
    [
        ({"a": ("a",)}, "a"),
        ({"a": ("b",), "b": ("a",)}, "a"),
        ({"x": ("a",), "a": ("b", "y"), "b": ("c",), "c": ("a",)}, "a"),
        ({"a": ("b", "c"), "b": ("c",), "c": ("d", "unknown"), "d": ()}, ""),
    ],
)
def test_rules_must_not_silence_each_other(covers: dict[str, tuple[str, ...]], rule: str) -> None:
    message = ""
    try:
        check_covers(covers)
    except PluginError as error:
        message = str(error)
    expected = f"rule `{rule}` covers itself, directly or through other rules; remove it from their COVERS"
    assert message == (expected if rule else "")


def test_the_built_in_rules_cover_known_rules_and_not_themselves() -> None:
    known = rules()
    covers = {rule.id: rule.covers for rule in known.values() if rule.covers}
    assert covers.keys() >= {"unapproved-image", "unconventional-tag"}
    assert all(name in known for names in covers.values() for name in names)
    check_covers(covers)


def test_the_documentation_of_a_rule_lists_what_it_covers(imglint: Imglint) -> None:
    output = imglint("rules", "unconventional-tag").out
    assert "\n\n**Covers:** where this rule reports a finding, latest-tag and moving-tag do not.\n" in output
    assert "Covers" not in imglint("rules", "latest-tag").out
