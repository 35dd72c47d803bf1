"""Rules, readers and formats of other packages work as the built-in ones do, and one that breaks its contract is told, never passed over.

The example package under fixtures/plugins is installed beside imglint as anybody would. What is broken is made up here: modules in a package that
stands on the path beside the entry points of a distribution, which is all that installing leaves behind.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imglint.record import record

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "fixtures" / "plugins" / "imglint-acme"
DOCKERFILE = "FROM quay.io/acme/base:latest\nUSER 1001\n"
RULE = '"""A rule."""\nfrom imglint import Severity, record\nLEVEL = Severity.ERROR\ndef check_image(use, options):\n    yield use.finding("no")\n'
READER = 'FILES = ("*.acme",)\ndef claims(source):\n    return source.name.endswith(".acme")\ndef read(source):\n    return []\n'
FORMAT = 'def write(report, out):\n    out.write("acme")\n'


def run(commands: Path, *arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [str(commands / "imglint"), *arguments]
    return subprocess.run(command, cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True, check=False)


def test_rule_reader_and_format_of_the_example_work_together(with_example: Path) -> None:
    outcome = run(with_example, "--format", "csv", cwd=EXAMPLE / "example")
    assert outcome.stdout == (
        "path,line,column,level,rule,message\n"
        "web.nomad,6,18,error,past-the-mirror,this is pulled past the mirror; write mirror.acme.example/hub/library/nginx (.imglint.yaml:3)\n"
    )
    assert (outcome.returncode, outcome.stderr) == (1, "")


def test_the_example_s_comment_is_understood(with_example: Path) -> None:
    outcome = run(with_example, "--format", "csv", "--no-ignore-comments", cwd=EXAMPLE / "example")
    assert "web.nomad,13,18,error,past-the-mirror," in outcome.stdout


def test_its_rule_is_listed_and_documented(with_example: Path) -> None:
    assert "past-the-mirror       warning " in run(with_example, "rules", cwd=EXAMPLE).stdout
    assert "Docker Hub counts pulls" in run(with_example, "rules", "past-the-mirror", cwd=EXAMPLE).stdout


def test_its_option_is_held_to_its_type(with_example: Path, tmp_path: Path) -> None:
    (tmp_path / ".imglint.yaml").write_text("rules:\n  past-the-mirror: {level: error, mirror: 5}\n")
    outcome = run(with_example, cwd=tmp_path)
    assert outcome.returncode == 2
    assert outcome.stderr.startswith(".imglint.yaml:2:43: rules.past-the-mirror.mirror: expected a string")


@record
class Broken:
    """A plugin that breaks its contract: the group, its modules, and what is said of it."""

    group: str
    modules: dict[str, str]
    said: str


BROKEN = {
    "a rule with the name of a built-in one": Broken(
        "rules", {"latest_tag": RULE}, "imglint_rules.latest_tag: broken.plugins.latest_tag has the same name in imglint.rules"
    ),
    "a rule with the name of one of the engine's": Broken("rules", {"syntax_error": RULE}, "a rule syntax-error exists already"),
    "a reader of a kind that is read already": Broken("readers", {"compose": READER}, "has the same name in imglint.readers"),
    "a format with the name of a built-in one": Broken("formats", {"json": FORMAT}, "has the same name in imglint.formats"),
    "a group without modules": Broken("rules", {}, "the group imglint.rules names this package, but it has no modules"),
    "a rule that cannot be imported": Broken(
        "rules", {"mine": "import nowhere"}, "ModuleNotFoundError: No module named 'nowhere'"
    ),
    "a rule that is no Python": Broken("rules", {"mine": "def"}, "broken.plugins.mine cannot be imported: SyntaxError"),
    "a rule that leaves the process": Broken("rules", {"mine": "raise SystemExit(0)"}, "broken.plugins.mine cannot be imported"),
    "a rule without documentation": Broken("rules", {"mine": RULE.partition("\n")[2]}, "a rule's docstring is its documentation"),
    "a rule without a level": Broken("rules", {"mine": RULE.replace("LEVEL", "L")}, "LEVEL is missing or is no Severity"),
    "a rule whose level is a text": Broken("rules", {"mine": RULE + 'LEVEL = "error"'}, "LEVEL is missing or is no Severity"),
    "a rule that checks nothing": Broken(
        "rules", {"mine": RULE.replace("check_image", "check")}, "a rule has a function check_image"
    ),
    "options that are no record": Broken(
        "rules", {"mine": RULE + "class Options: pass"}, "Options has to be a class under @imglint.record"
    ),
    "an option of a type that no policy can say": Broken(
        "rules",
        {"mine": RULE + "@record\nclass Options:\n    a: dict = {}"},
        "Options.a is annotated with what no policy can say",
    ),
    "an option without default": Broken(
        "rules", {"mine": RULE + "@record\nclass Options:\n    a: int"}, "every field of Options has a default"
    ),
    "a reader without files": Broken("readers", {"mine": READER.replace("FILES", "F")}, "FILES is missing or is no tuple"),
    "a reader that claims nothing": Broken(
        "readers", {"mine": READER.replace("claims", "c")}, "claims is missing or is no function"
    ),
    "a reader that does not read": Broken(
        "readers", {"mine": READER.replace("read(", "r(")}, "read is missing or is no function"
    ),
    "a format that does not write": Broken("formats", {"acme": "write = 5"}, "write is missing or is no function"),
    "a format that fails": Broken("formats", {"acme": FORMAT + "    1 / 0"}, "the format acme failed: ZeroDivisionError"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_contract_is_told_and_no_report_is_written(case: str, tmp_path: Path) -> None:
    broken = BROKEN[case]
    formats = "acme" if broken.group == "formats" and "acme" in broken.modules else "json"
    outcome = _run_with(tmp_path, broken.group, broken.modules, "--format", formats, "--report", "sarif=out.sarif", "Dockerfile")
    assert outcome.returncode == 2
    assert outcome.stdout == ""
    assert not (tmp_path / "out.sarif").exists()
    assert broken.said in outcome.stderr
    assert outcome.stderr.startswith("imglint: ")
    assert outcome.stderr.count("\n") == 1


def test_an_entry_point_that_names_a_module_is_told(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text("")
    outcome = _run_with(tmp_path, "rules", {}, "Dockerfile", entry="plain")
    assert outcome.returncode == 2
    assert outcome.stderr.startswith("imglint: plain: the group imglint.rules takes packages")


FAILING = {
    "a rule": ("rules", {"mine": RULE.replace('yield use.finding("no")', "1 / 0")}, "Dockerfile:1:1"),
    "a rule that yields what is no finding": ("rules", {"mine": RULE.replace('use.finding("no")', "5")}, "Dockerfile:1:1"),
    "a reader": ("readers", {"mine": READER.replace("return []", "1 / 0")}, "x.acme:1:1"),
    "a reader that yields what is no fact": ("readers", {"mine": READER.replace("return []", "return [5]")}, "x.acme:1:1"),
    "a reader's claim": ("readers", {"mine": READER.replace('".acme")\n', '".acme") and 1 / 0\n')}, "x.acme:1:1"),
}


@pytest.mark.parametrize("case", FAILING)
def test_a_plugin_that_fails_on_a_file_is_reported_there_and_the_rest_is_checked(case: str, tmp_path: Path) -> None:
    group, modules, place = FAILING[case]
    (tmp_path / "x.acme").write_text("a\n")
    outcome = _run_with(tmp_path, group, modules, "--quiet", "Dockerfile", "x.acme")
    assert outcome.returncode == 2
    assert f"{place}: error internal-error: " in outcome.stdout
    assert "Dockerfile:1:24: error latest-tag: " in outcome.stdout
    assert "Traceback" not in outcome.stdout + outcome.stderr


def test_a_reader_of_another_package_takes_a_file_over(tmp_path: Path) -> None:
    modules = {"mine": READER.replace('.endswith(".acme")', ' == "Dockerfile"')}
    outcome = _run_with(tmp_path, "readers", modules, "Dockerfile")
    assert (outcome.returncode, outcome.stdout) == (0, "No findings in 1 file (0 images).\n")


def _run_with(
    folder: Path, group: str, modules: dict[str, str], *arguments: str, entry: str = "broken.plugins"
) -> subprocess.CompletedProcess[str]:
    """Run imglint in a folder that holds a Dockerfile, with these modules as the plugins of a group."""
    package = folder / "broken" / "plugins"
    package.mkdir(parents=True)
    for name, text in modules.items():
        (package / f"{name}.py").write_text(text)
    (folder / "broken-1.0.dist-info").mkdir()
    (folder / "broken-1.0.dist-info" / "entry_points.txt").write_text(f"[imglint.{group}]\nbroken = {entry}\n")
    for init in (package.parent, package):
        (init / "__init__.py").write_text("")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    return run(Path(sys.executable).parent, *arguments, cwd=folder, PYTHONPATH=str(folder))
