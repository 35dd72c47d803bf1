"""The public API for tests of plugins, and for programs that run a check."""

from __future__ import annotations

import gc
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import imglint
from imglint import ImageUse, PluginError, PolicyError, Report, Severity, UsageError
from imglint.testing import (
    ExampleRegistries,
    check_examples,
    check_text,
    examples,
    fix_text,
    fixed_examples,
    read_text,
    write_report,
)
from imglint_rules import latest_tag

ROOT = Path(__file__).parent.parent
RULE = """
from imglint import Severity
LEVEL = Severity.OFF
def check_image(use, options):
    if use.reference.tag == "bad":
        yield use.finding("bad tag", "tag")
"""
BAD, GOOD = "```dockerfile\nFROM acme/web:bad\n```\n", "```dockerfile\nFROM acme/web:good\n```\n"


def rule_of(doc: str, code: str = RULE) -> ModuleType:
    """Return the rule `no-bad-tags` with this docstring."""
    module = ModuleType("acme.no_bad_tags", doc)
    exec(code.replace("OFF", "WARNING"), module.__dict__)  # noqa: S102  the texts of this file
    return module


def test_examples_are_the_blocks_under_flagged_and_passed() -> None:
    doc = (
        "A rule.\n\n```dockerfile\nFROM elsewhere\n```\n\n## Flagged\n\n```dockerfile\nFROM a\n```\n\n## Passed\n\n"
        "```yaml policy\nrules: {}\n```\n\n```yaml compose\nservices: {}\n```\n\n```helm-template\na\n```\n\n## More\n\n```toml\na\n```\n"
    )
    assert [(one.rule, one.flagged, one.policy, one.filename, one.text, one.line) for one in examples(rule_of(doc))] == [
        ("no-bad-tags", True, "", "Dockerfile", "FROM a\n", 10),
        ("no-bad-tags", False, "rules: {}\n", "compose.yaml", "services: {}\n", 20),
        ("no-bad-tags", False, "rules: {}\n", "example.yaml", "a\n", 24),
    ]


def test_an_example_of_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(
        ValueError, match=r"no reader is of the kind `toml`; known are .*, dockerfile, .*helm-chart, helm-template, "
    ):
        examples(rule_of("A rule.\n\n## Flagged\n\n```toml\na\n```\n"))


def test_an_example_can_have_files_beside_it() -> None:
    beside = "```dotenv beside .env\nTAG=latest\n```\n\n"
    compose = "```yaml compose\nservices:\n  web:\n    image: docker.io/acme/web:${TAG}\n```\n"
    doc = f"A rule.\n\n## Flagged\n\n{BAD}\n## Passed\n\n{GOOD}\n{beside}{compose}"
    found = examples(rule_of(doc))
    assert [dict(one.files) for one in found] == [{}, {}, {".env": "TAG=latest\n"}]
    check_examples(rule_of(doc))


def test_correct_examples_pass() -> None:
    check_examples(rule_of(f"A rule.\n\n## Flagged\n\n{BAD}\n## Passed\n\n{GOOD}"))


WRONG = {
    f"## Flagged\n\n{BAD}": "acme.no_bad_tags: no example under `## Passed`",
    f"## Passed\n\n{GOOD}": "acme.no_bad_tags: no example under `## Flagged`",
    f"## Flagged\n\n{GOOD}\n## Passed\n\n{GOOD}": "acme.no_bad_tags: line 6 of the docstring: expected 1 finding, found 0",
    f"## Flagged\n\n{BAD}\n## Passed\n\n{BAD}": (
        "acme.no_bad_tags: line 12 of the docstring: expected no findings, found 1\n    1: bad tag"
    ),
}


@pytest.mark.parametrize(("doc", "message"), WRONG.items())
def test_incorrect_examples_fail(doc: str, message: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check_examples(rule_of(f"A rule.\n\n{doc}"))
    assert str(caught.value) == message


FIXING = RULE.replace('"tag")', '"tag", fix=use.fix("acme/web:good", "write good", safe=use.role == "base"))')
PAIR = f"A rule.\n\n## Flagged\n\n{BAD}\n## Passed\n\n{GOOD}\n## Fixed\n\n"


def test_fixed_examples_are_pairs_of_blocks() -> None:
    doc = f"{PAIR}```yaml policy\nrules: {{}}\n```\n\n{BAD}\n{GOOD}"
    found = [(one.rule, one.policy, one.filename, one.before, one.after, one.line) for one in fixed_examples(rule_of(doc))]
    assert found == [("no-bad-tags", "rules: {}\n", "Dockerfile", "FROM acme/web:bad\n", "FROM acme/web:good\n", 26)]
    check_examples(rule_of(doc, FIXING))
    assert len(examples(rule_of(doc))) == 2


ONLINE = """
from imglint import Severity
LEVEL = Severity.OFF
ONLINE = True
def check_image(use, options):
    details = use.online.all_details(use.asked)
    if details is not None:
        [*_, (variant, found)] = details
        shown = (variant.platform, found.user, found.labels, found.created[:5], found.size, use.online.tags(use.asked))
        yield use.finding(str(shown), "tag", fix=use.fix("acme/web:good", "write good"))
"""
REGISTRY = """```yaml registry
acme/web:bad:
  platforms: [linux/amd64, linux/arm/v7]
  user: "101"
  labels: {org.example: acme}
  created: 2026-01-02T03:04:05Z
  size: 2kB
  also: [1.20]
docker.io/acme/new:1: {age: 3d}
docker.io/acme/plain:1:
```
"""


def test_examples_with_registries() -> None:
    doc = f"A rule.\n\n## Flagged\n\n{REGISTRY}\n{BAD}\n## Passed\n\n{GOOD}\n## Fixed\n\n{BAD}\n{GOOD}"
    rule = rule_of(doc, ONLINE)
    check_examples(rule)
    registries = {one.registry for one in examples(rule)} | {one.registry for one in fixed_examples(rule)}
    assert registries == {REGISTRY.removeprefix("```yaml registry\n").removesuffix("```\n")}
    with pytest.raises(AssertionError, match="expected 1 finding, found 0"):
        check_examples(rule_of(f"A rule.\n\n## Flagged\n\n{BAD}\n## Passed\n\n{GOOD}", ONLINE))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("acme/web:1: {labels: [a]}", "line 1: labels: expected a mapping, found a list"),
        ("acme/web:1: {sizes: 3MB}", "line 1: acme/web:1: unknown key `sizes`; did you mean `size`?"),
        ("acme/web:1: {age: 3}", "line 1: max-age: expected an age"),
        ("- acme/web:1", "line 1: expected a mapping, found a list"),
    ],
)
def test_an_incorrect_block_of_registries_is_an_error(block: str, message: str) -> None:
    doc = f"A rule.\n\n## Flagged\n\n```yaml registry\n{block}\n```\n{BAD}\n## Passed\n\n{GOOD}"
    with pytest.raises(ValueError, match=re.escape(f"block `registry`, {message}")):
        check_examples(rule_of(doc, ONLINE))


def test_a_text_is_checked_and_fixed_with_registries() -> None:
    registries = ExampleRegistries()
    registries.add("acme/web:bad", platforms=["linux/arm/v7"], user="7", labels={"a": "b"}, size=3, also=["1"])
    rule = rule_of("A rule.", ONLINE)
    (finding,) = check_text("FROM acme/web:bad\n", "Dockerfile", rule=rule, registries=registries)
    assert finding.message == str(("linux/arm/v7", "7", {"a": "b"}, "2026-", 3, ("1", "bad")))
    assert fix_text("FROM acme/web:bad\n", "Dockerfile", rule=rule, registries=registries) == "FROM acme/web:good\n"
    assert check_text("FROM acme/web:bad\n", "Dockerfile", rule=rule) == []


@pytest.mark.parametrize("blocks", [BAD, f"{BAD}\n```yaml compose\nservices: {{}}\n```\n"])
def test_a_fixed_example_without_another_is_an_error(blocks: str) -> None:
    with pytest.raises(ValueError, match="line 18 of the docstring: expected a block of the kind `dockerfile` after this one"):
        check_examples(rule_of(PAIR + blocks, FIXING))


WRONG_FIXES = {
    RULE: "FROM acme/web:bad",
    FIXING.replace("web:good", "api:good"): "FROM acme/api:good",
    FIXING.replace("web:good", "web:bad@sha256:" + "0" * 64): "the fixes fail: ",
}


@pytest.mark.parametrize(("code", "found"), WRONG_FIXES.items())
def test_incorrect_fixed_examples_fail(code: str, found: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check_examples(rule_of(PAIR + BAD + GOOD, code))
    message = "acme.no_bad_tags: line 21 of the docstring: expected this text after the fixes, found:"
    assert str(caught.value).startswith(f"{message}\n{found}")


def test_a_text_is_fixed() -> None:
    text = "FROM acme/web:bad AS a\nFROM acme/web:bad\n"
    module = rule_of("A rule.", FIXING)
    assert fix_text(text, "Dockerfile", rule=module) == text.replace("bad", "good")
    assert fix_text(text, "Dockerfile", rule=module, unsafe=False) == "FROM acme/web:bad AS a\nFROM acme/web:good\n"
    policy = "images: [{match: '**'}]\n"
    assert (
        fix_text("FROM a\n", "Dockerfile", rule="implicit-registry", policy=policy, unsafe=False) == "FROM docker.io/library/a\n"
    )
    with pytest.raises(ValueError, match=r"no reader claims notes\.txt"):
        fix_text("", "notes.txt", rule=module)


def test_a_text_is_checked_with_a_rule_that_is_not_installed() -> None:
    (finding,) = check_text("FROM acme/web:bad\n", "docker/Dockerfile", rule=rule_of("A rule."))
    assert (finding.rule, finding.level, finding.message) == ("no-bad-tags", Severity.WARNING, "bad tag")
    place = finding.location
    assert (place.path, place.line, place.column, finding.text) == ("docker/Dockerfile", 1, 15, "bad")


def test_a_rule_that_is_off_is_applied_if_given() -> None:
    module = ModuleType("acme.no_bad_tags", "A rule.")
    exec(RULE, module.__dict__)  # noqa: S102  the text of this file
    assert [finding.level for finding in check_text("FROM acme/web:bad\n", "Dockerfile", rule=module)] == [Severity.WARNING]


def test_a_text_is_checked_with_a_policy_and_other_files() -> None:
    text = "services: {web: {image: 'acme/web:${TAG}', user: '1'}}\n"
    policy = "rules: {latest-tag: {level: note}}\n"
    files = {".env": "TAG=latest\n"}
    (finding,) = check_text(text, "compose.yaml", rule=latest_tag, policy=policy, files=files)
    assert (finding.level, finding.policy) == (Severity.NOTE, ".imglint.yaml:1")
    assert [one.rule for one in check_text(text, "compose.yaml", rule="latest-tag", files=files)] == ["latest-tag"]
    assert {one.rule for one in check_text(text, "compose.yaml", files=files)} == {"latest-tag", "implicit-registry"}


def test_a_text_that_cannot_be_checked_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"no reader claims notes\.txt"):
        check_text("", "notes.txt")
    with pytest.raises(ValueError, match="no rule is called `latst-tag`; known are chart-image-drift, deprecated-image, "):
        check_text("", "Dockerfile", rule="latst-tag")
    with pytest.raises(PolicyError, match=r"\.imglint\.yaml:1:"):
        check_text("", "Dockerfile", policy="rules: 5\n")
    for path in ("../Dockerfile", "/folder/Dockerfile"):
        with pytest.raises(ValueError, match="expected a path inside of the folder"):
            check_text("", path)
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        check_text("FROM a\n", "Dockerfile", rule=rule_of("A rule.", RULE + "    1 / 0\n"))
    assert "Traceback" in capsys.readouterr().err


def test_the_current_folder_is_restored() -> None:
    before = os.getcwd()
    check_text("", "Dockerfile")
    assert os.getcwd() == before


def test_a_text_is_read_by_the_reader_that_claims_it() -> None:
    facts = read_text("services: {web: {image: 'acme/web:${TAG}'}}\n", "compose.yaml", files={".env": "TAG=1.2\n"})
    (use,) = [fact for fact in facts if isinstance(fact, ImageUse)]
    assert (str(use.reference), use.source.kind) == ("docker.io/acme/web:1.2", "compose")
    with pytest.raises(ValueError, match=r"no reader claims notes\.txt"):
        read_text("", "notes.txt")


def test_a_text_is_read_by_a_reader_that_is_not_installed() -> None:
    module = ModuleType("acme.any_file")
    code = "from imglint import Comment\nFILES = ('*',)\ndef claims(source): return False\ndef read(source): return [Comment(source, (0, 1))]"
    exec(code, module.__dict__)  # noqa: S102  the text of this file
    (fact,) = read_text("# a\n", "notes.txt", reader=module)
    assert (fact.source.kind, fact.source.path, fact.span) == ("any-file", "notes.txt", (0, 1))


@pytest.mark.parametrize("terminal", [False, True])
def test_a_report_is_written(terminal: bool) -> None:
    module = ModuleType("acme.short")
    code = "def write(report, out, **style): out.write(f'{len(report.findings)} \u00e9 {style}')"
    exec(f"TERMINAL = {terminal}\n{code}", module.__dict__)  # noqa: S102  the text of this file
    style = "{'color': False, 'summary': True}" if terminal else "{}"
    assert write_report(Report((), 1, 1), module) == f"0 \u00e9 {style}"


def test_a_report_is_written_by_a_format_with_a_view() -> None:
    module = ModuleType("acme.viewed")
    code = "VIEW = True\ndef write(report, out, *, view): out.write(f'{view.shows(None)} {view.width} {view.advice!r}')"
    exec(code, module.__dict__)  # noqa: S102  the text of this file
    assert write_report(Report((), 1, 1), module) == "True 0 ''"


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = ROOT / "fixtures" / "demo"
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("paths", [".", Path(), ["Dockerfile"], (Path("Dockerfile"), "charts"), iter(["."])])
def test_a_check_from_python_returns_the_report_of_the_command(paths: object, demo: Path) -> None:
    named = [paths] if isinstance(paths, (str, Path)) else list(paths)  # type: ignore[call-overload]
    report = imglint.check(paths if isinstance(paths, (str, Path)) else named)
    command = [sys.executable, "-m", "imglint", "--format", "json", *map(str, named)]
    expected = json.loads(subprocess.run(command, cwd=demo, capture_output=True, text=True, check=False).stdout)
    found = [
        (one.location.path, one.location.line, one.location.column, one.rule, str(one.level), one.full_message)
        for one in report.findings
    ]
    fields = ("path", "line", "column", "rule", "level", "message")
    assert found == [tuple(one[field] for field in fields) for one in expected["findings"]]
    assert (report.files, report.places, report.failed) == (expected["summary"]["files"], expected["summary"]["places"], False)
    assert all(finding.fingerprint for finding in report.findings if finding.location.path != ".imglint.yaml")


def test_a_check_from_python_takes_a_policy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Dockerfile").write_text("FROM docker.io/library/alpine:3.20.1\nUSER 1\n")
    (tmp_path / "policy.yaml").write_text("rules: {missing-digest: error}\n")
    assert [one.rule for one in imglint.check(tmp_path).findings] == []
    assert [one.rule for one in imglint.check(tmp_path, config=tmp_path / "policy.yaml").findings] == ["missing-digest"]
    assert capsys.readouterr() == ("", "")


def test_a_check_from_python_raises_the_errors_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("rules: 5\n")
    with pytest.raises(UsageError, match="nowhere: "):
        imglint.check(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r'no paths given; pass "\." to check the current folder'):
        imglint.check([])
    with pytest.raises(PolicyError, match=r"policy\.yaml:1:8: "):
        imglint.check(tmp_path, str(tmp_path / "policy.yaml"))


@pytest.mark.parametrize("collects", [True, False])
def test_a_check_from_python_restores_the_garbage_collector(collects: bool, tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"Dockerfile.{number}").write_text("FROM scratch\n")
    before = gc.isenabled(), gc.get_threshold()
    try:
        gc.set_threshold(500, 5, 5)
        (gc.enable if collects else gc.disable)()
        assert imglint.check(tmp_path).files == 30
        assert (gc.isenabled(), gc.get_threshold()) == (collects, (500, 5, 5))
    finally:
        gc.set_threshold(*before[1])
        (gc.enable if before[0] else gc.disable)()


def test_importing_the_package_does_not_import_the_engine() -> None:
    code = "import sys, imglint; print([name for name in sys.modules if name.startswith(('imglint.engine', 'imglint.commands'))])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_everything_public_can_be_imported() -> None:
    assert [name for name in imglint.__all__ if not hasattr(imglint, name)] == []
