"""Rules, readers and formats of other packages work as the built-in ones do, and one that breaks its contract is an error.

The example package under fixtures/plugins is installed beside imglint. Broken packages are written by the tests: modules in a package on the path, and
the entry points of a distribution.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

import pytest

from imglint.errors import PluginError
from imglint.plugins.load import format_of, reader_of, rule_of
from imglint.records import record
from imglint.testing import check_text, read_text

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "fixtures" / "plugins" / "imglint-acme"
DOCKERFILE = "FROM quay.io/acme/base:latest\nUSER 1001\n"
RULE = '"""A rule."""\nfrom imglint import Severity, record\nLEVEL = Severity.ERROR\ndef check_image(use, options):\n    yield use.finding("no")\n'
READER = 'FILES = ("*.acme",)\ndef claims(source):\n    return source.name.endswith(".acme")\ndef read(source):\n    return []\n'
FORMAT = 'def write(report, out):\n    out.write("acme")\n'


def run(commands: Path, *arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [str(commands / "imglint"), *arguments]
    return subprocess.run(command, cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True, check=False)


def test_the_plugins_of_the_example_work_together(with_example: Path) -> None:
    outcome = run(with_example, "--format", "csv", cwd=EXAMPLE / "example")
    assert outcome.stdout == (
        "path,line,column,level,rule,message\n"
        "web.nomad,6,18,error,past-the-mirror,image is not pulled from the mirror; use mirror.acme.example/hub/library/nginx (.imglint.yaml:3)\n"
        "web.nomad,19,18,note,unresolved-reference,image name cannot be resolved from the file\n"
        "web.pipeline.yaml,2,10,error,past-the-mirror,image is not pulled from the mirror; use mirror.acme.example/hub/library/golang"
        " (.imglint.yaml:3)\n"
    )
    assert (outcome.returncode, outcome.stderr) == (1, "")


def test_a_comment_in_the_example_silences_a_finding(with_example: Path) -> None:
    outcome = run(with_example, "--format", "csv", "--no-ignore-comments", cwd=EXAMPLE / "example")
    assert "web.nomad,13,18,error,past-the-mirror," in outcome.stdout


def test_the_rule_of_the_example_is_listed_and_documented(with_example: Path) -> None:
    assert "past-the-mirror       warning " in run(with_example, "rules", cwd=EXAMPLE).stdout
    assert "Docker Hub limits the number of pulls" in run(with_example, "rules", "past-the-mirror", cwd=EXAMPLE).stdout


def test_an_option_must_have_its_type(with_example: Path, tmp_path: Path) -> None:
    (tmp_path / ".imglint.yaml").write_text("rules:\n  past-the-mirror: {level: error, mirror: 5}\n")
    outcome = run(with_example, cwd=tmp_path)
    assert outcome.returncode == 2
    assert outcome.stderr.startswith(".imglint.yaml:2:43: rules.past-the-mirror.mirror: expected a string")


def test_the_example_s_own_tests_pass(with_example: Path, tmp_path: Path) -> None:
    """Pytest comes from this environment; imglint and the example package are the installed ones."""
    (tmp_path / "test_acme.py").write_text((EXAMPLE / "tests" / "test_acme.py").read_text())
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "test_acme.py"]
    variables = {**os.environ, "PYTHONPATH": str(_site_packages(with_example))}
    outcome = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_the_example_passes_a_strict_type_check(with_example: Path, tmp_path: Path) -> None:
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(with_example / "python"), "--cache-dir", "cache"]
    code = [*mypy, str(_site_packages(with_example) / "imglint_acme")]
    outcome = subprocess.run(code, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    # Pytest is not installed beside the example.
    without_pytest = ["--disable-error-code", "import-not-found", "--disable-error-code", "untyped-decorator"]
    tests = [*mypy, *without_pytest, str(EXAMPLE / "tests" / "test_acme.py")]
    outcome = subprocess.run(tests, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def _site_packages(commands: Path) -> Path:
    return next((commands.parent / "lib").glob("python*/site-packages"))


@record
class Broken:
    """A package of plugins that cannot be loaded: the group, its modules, and a part of the message."""

    group: str
    modules: dict[str, str]
    message: str


BROKEN = {
    "a rule with the name of a built-in one": Broken(
        "rules", {"latest_tag": RULE}, "imglint_rules.latest_tag: broken.plugins.latest_tag has the same name in imglint.rules"
    ),
    "a rule with the name of one of the engine's": Broken(
        "rules", {"syntax_error": RULE}, "broken.plugins.syntax_error: rule `syntax-error` already exists; rename this module"
    ),
    "rules that cover each other": Broken(
        "rules",
        {"one": RULE + "COVERS = ('two',)", "two": RULE + "COVERS = ('one',)"},
        "rule `one` covers itself, directly or through other rules; remove it from their COVERS",
    ),
    "a reader of a kind that is read already": Broken("readers", {"compose": READER}, "has the same name in imglint.readers"),
    "a format with the name of a built-in one": Broken("formats", {"json": FORMAT}, "has the same name in imglint.formats"),
    "a group without modules": Broken("rules", {}, "imglint.rules names this package, but it contains no modules"),
    "a rule that cannot be imported": Broken(
        "rules", {"mine": "import nowhere"}, "ModuleNotFoundError: No module named 'nowhere'"
    ),
    "a rule that is no Python": Broken("rules", {"mine": "def"}, "broken.plugins.mine cannot be imported: SyntaxError"),
    "a rule that leaves the process": Broken("rules", {"mine": "raise SystemExit(0)"}, "broken.plugins.mine cannot be imported"),
    "a rule that breaks its contract": Broken("rules", {"mine": RULE + "TAGS = 'a'"}, "broken.plugins.mine: TAGS must be"),
    "a reader that breaks its contract": Broken("readers", {"mine": "FILES = ()"}, "broken.plugins.mine: FILES must be"),
    "a format that breaks its contract": Broken("formats", {"acme": "write = 5"}, "broken.plugins.acme: write must be"),
    "a format that fails": Broken("formats", {"acme": FORMAT + "    1 / 0"}, "the format acme failed: ZeroDivisionError"),
    "a format that leaves the process": Broken(
        "formats", {"acme": FORMAT + "    raise SystemExit(0)"}, "broken.plugins.acme: write() must not end the process"
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_ends_the_run_without_a_report(case: str, tmp_path: Path) -> None:
    broken = BROKEN[case]
    formats = "acme" if broken.group == "formats" and "acme" in broken.modules else "json"
    outcome = _run_with(tmp_path, broken.group, broken.modules, "--format", formats, "--report", "sarif=out.sarif", "Dockerfile")
    assert outcome.returncode == 2
    assert outcome.stdout == ""
    assert not (tmp_path / "out.sarif").exists()
    assert broken.message in outcome.stderr
    assert outcome.stderr.startswith("imglint: ")
    assert outcome.stderr.count("\n") == 1


def test_an_entry_point_that_names_a_module_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text("")
    outcome = _run_with(tmp_path, "rules", {}, "Dockerfile", entry="plain")
    assert outcome.returncode == 2
    assert outcome.stderr.startswith("imglint: plain: imglint.rules must name a package, found a module")


def module_of(text: str) -> ModuleType:
    """Return the module `acme.mine` with this text."""
    module = ModuleType("acme.mine")
    exec(compile(text, "mine.py", "exec", dont_inherit=True), module.__dict__)  # noqa: S102  the texts of this file
    return module


OPTIONS = RULE + "@record\nclass Options:\n"
RULES = {
    RULE.partition("\n")[2]: "the docstring must be the documentation of the rule, found nothing",
    '"""  """\n' + RULE.partition("\n")[2]: "the docstring must be the documentation of the rule, found ''",
    RULE.replace("LEVEL", "GRAVITY"): "LEVEL must be a Severity, found nothing",
    RULE + "LEVEL = 'error'": "LEVEL must be a Severity, found 'error'",
    RULE + "TAGS = 'security'": "TAGS must be a tuple of strings, found 'security'",
    RULE + "TAGS = ['security']": "TAGS must be a tuple of strings, found ['security']",
    RULE + "TAGS = ('security', 5)": "TAGS must be a tuple of strings, found ('security', 5)",
    RULE + "ENVIRONMENTS = 'production'": "ENVIRONMENTS must be a tuple of at least one string, found 'production'",
    RULE + "ENVIRONMENTS = ()": "ENVIRONMENTS must be a tuple of at least one string, found ()",
    RULE + "SECURITY_SEVERITY = 7.0": 'SECURITY_SEVERITY must be a string from "0.0" to "10.0", found 7.0',
    RULE + "SECURITY_SEVERITY = '10.1'": 'SECURITY_SEVERITY must be a string from "0.0" to "10.0", found \'10.1\'',
    RULE + "SECURITY_SEVERITY = 'high'": 'SECURITY_SEVERITY must be a string from "0.0" to "10.0", found \'high\'',
    RULE + "COVERS = 'latest-tag'": "COVERS must be a tuple of rule ids, found 'latest-tag'",
    RULE + "COVERS = ('latest-tag', 5)": "COVERS must be a tuple of rule ids, found ('latest-tag', 5)",
    RULE + "COVERS = ('unread-file',)": "COVERS must not name `unread-file`, which is always reported",
    RULE + "COVERS = ('internal-error', 'a', 'syntax-error')": "COVERS must not name `internal-error`, which is",
    RULE + "COVER = ()": "unknown attribute `COVER`; did you mean `COVERS`?",
    RULE + "URL = 'http://acme.example'": "URL must be a string that starts with https://, found 'http://acme.example'",
    RULE + "URL = 'https://acme.example/a b'": "URL must be a string that starts with https://, found",
    RULE + "URL = 5": "URL must be a string that starts with https://, found 5",
    RULE.replace("check_image", "judge"): "a rule needs a function check_image(use, options) or check_user(user, options)",
    RULE + "check_user = 5": "check_user must be a function of 2 arguments, found 5",
    RULE.replace("(use, options)", "(use)"): "check_image must take 2 arguments, found check_image(use)",
    RULE.replace(
        "(use, options)", "(use, options, more)"
    ): "check_image must take 2 arguments, found check_image(use, options, more)",
    RULE.replace(
        "(use, options)", "(use, options, *, more)"
    ): "check_image must take 2 arguments, found check_image(use, options, *, more)",
    RULE + "ENVIROMENTS = ('production',)": "unknown attribute `ENVIROMENTS`; did you mean `ENVIRONMENTS`?",
    RULE + "TAG = ('security',)": "unknown attribute `TAG`; did you mean `TAGS`?",
    RULE + "def check_users(user, options): return []": "unknown attribute `check_users`; did you mean `check_user`?",
    RULE + "@record\nclass Option: pass": "unknown attribute `Option`; did you mean `Options`?",
    RULE + "class Options: pass": "Options must be a class with the decorator @imglint.record, found",
    RULE + "Options = 5": "Options must be a class with the decorator @imglint.record, found 5",
    OPTIONS
    + "    a: dict = {}": "Options.a must be annotated with int, bool, str, tuple[int, ...], tuple[str, ...] or None, joined by |, found 'dict'",
    OPTIONS + "    a: int": "every field of Options must have a default",
    OPTIONS + "    a: int = '5'": "Options.a must be int, found '5'",
    OPTIONS + "    a: int = True": "Options.a must be int, found True",
    OPTIONS + "    a: 'tuple[int, ...] | None' = (1, '2')": "Options.a must be None or tuple[int,...], found (1, '2')",
    OPTIONS + "    level: str = ''": "Options.level must have another name; `level` is a key of every rule",
}
READERS = {
    READER.replace("FILES", "NAMES"): "FILES must be a tuple of lower-case file name patterns without folders, found nothing",
    READER + "FILES = ()": "FILES must be a tuple of lower-case file name patterns without folders, found ()",
    READER + "FILES = '*.acme'": "FILES must be a tuple of lower-case file name patterns without folders, found '*.acme'",
    READER
    + "FILES = ('Acmefile',)": "FILES must be a tuple of lower-case file name patterns without folders, found ('Acmefile',)",
    READER
    + "FILES = ('ci/*.acme',)": "FILES must be a tuple of lower-case file name patterns without folders, found ('ci/*.acme',)",
    READER.replace("FILES", "FILE"): "unknown attribute `FILE`; did you mean `FILES`?",
    READER.replace("claims", "takes"): "claims must be a function of 1 argument, found nothing",
    READER.replace("claims(source)", "claims(source, text)"): "claims must take 1 argument, found claims(source, text)",
    READER.replace("def read(source)", "def parse(source)"): "read must be a function of 1 argument, found nothing",
    READER.replace("read(source)", "read()"): "read must take 1 argument, found read()",
}
FORMATS = {
    "": "write must be a function of 2 arguments, found nothing",
    "write = 5": "write must be a function of 2 arguments, found 5",
    "def write(report): pass": "write must take 2 arguments, found write(report)",
    FORMAT + "FINGERPRINTS = 1": "FINGERPRINTS must be True or False, found 1",
    FORMAT + "TERMINAL = 'yes'": "TERMINAL must be True or False, found 'yes'",
    FORMAT
    + "TERMINAL = True": "write must take 2 arguments and the keyword arguments color and summary, found write(report, out)",
    FORMAT + "VIEW = 1": "VIEW must be True or False, found 1",
    FORMAT + "VIEW = True": "write must take 2 arguments and the keyword argument view, found write(report, out)",
    FORMAT + "FINGERPRINT = True": "unknown attribute `FINGERPRINT`; did you mean `FINGERPRINTS`?",
}


@pytest.mark.parametrize(("text", "message"), RULES.items())
def test_a_rule_is_checked_when_it_is_loaded(text: str, message: str) -> None:
    with pytest.raises(PluginError, match="^" + re.escape(f"acme.mine: {message}")):
        rule_of(module_of(text))


@pytest.mark.parametrize(("text", "message"), READERS.items())
def test_a_reader_is_checked_when_it_is_loaded(text: str, message: str) -> None:
    with pytest.raises(PluginError, match="^" + re.escape(f"acme.mine: {message}")):
        reader_of(module_of(text))


@pytest.mark.parametrize(("text", "message"), FORMATS.items())
def test_a_format_is_checked_when_it_is_loaded(text: str, message: str) -> None:
    with pytest.raises(PluginError, match="^" + re.escape(f"acme.mine: {message}")):
        format_of(module_of(text))


SOUND = [
    RULE,
    RULE + "TAGS = ()\nENVIRONMENTS = None\nSECURITY_SEVERITY = '10.0'\nURL = None\nOptions = None",
    RULE + "TAGS = ('a',)\nENVIRONMENTS = ('staging',)\nSECURITY_SEVERITY = '7.25'\nURL = 'https://acme.example/rules#mine'",
    RULE + "COVERS = ()",
    RULE + "COVERS = ('latest-tag', 'of-a-package-that-is-not-installed')",
    RULE + "TAGS = ('a',)\nTAG = 'a helper beside the real one'\nLIMIT = 5\n_TAGZ = 5",
    RULE + "from functools import partial\ncheck_image = partial(check_image)",
    RULE + "def check_user(*arguments): return []",
    RULE + "def check_user(user, options=None, more=None): return []",
    OPTIONS
    + "    a: int = 1\n    b: 'str | None' = None\n    c: tuple[str, ...] = ()\n    d: bool = True\n    e: str | None = 'e'",
]


@pytest.mark.parametrize("text", SOUND)
def test_a_valid_rule_is_loaded(text: str) -> None:
    assert rule_of(module_of(text)).id == "mine"


def test_a_format_for_terminals_can_take_any_keyword_arguments() -> None:
    assert format_of(module_of("TERMINAL = True\ndef write(report, out, **style): pass")).terminal
    assert format_of(module_of("TERMINAL = True\ndef write(report, out, *, color, summary=True): pass")).terminal


def test_a_function_without_a_signature_is_accepted() -> None:
    assert format_of(module_of("write = type")).name == "mine"


@pytest.mark.parametrize(
    ("package", "load"),
    [
        ("imglint_rules", rule_of),
        ("imglint_rules.online", rule_of),
        ("imglint.readers", reader_of),
        ("imglint.formats", format_of),
    ],
)
def test_the_built_in_plugins_fulfill_the_contracts(package: str, load: Callable[[ModuleType], object]) -> None:
    modules = iter_modules(import_module(package).__path__)
    names = [module.name for module in modules if not module.name.startswith("_") and not module.ispkg]
    assert names
    for name in names:
        load(import_module(f"{package}.{name}"))


def test_a_run_without_other_packages_does_not_check_contracts(tmp_path: Path) -> None:
    code = "import sys; from imglint.main import run; run(['Dockerfile']); print('imglint.plugins.contracts' in sys.modules)"
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    outcome = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert outcome.stdout.splitlines()[-1] == "False"


FACT = """from imglint import *
FILES = ("*.acme",)
def claims(source):
    return True
def read(source):
    use = image_use(source, literal("acme/web:1", 0), (0, 10), place="task", where="task web", role=WORKLOAD)
    user = RunUser(source, (0, 4), "task", "task web", "root")
    yield %s
"""
FACTS = {
    "5": "read() must yield ImageUse, RunUser, Problem or Comment, found 5",
    "Finding('', None, '', '')": "read() must yield ImageUse, RunUser, Problem or Comment, found Finding(",
    "Comment(Source('x', ''), (0, 0))": "Comment.source must be the source given to read(), found <imglint.source.Source",
    "Comment(source, (0, 12))": "Comment.span must be a start and an end offset in the file, from 0 to 11, found (0, 12)",
    "Comment(source, (-1, 1))": "Comment.span must be a start and an end offset in the file, from 0 to 11, found (-1, 1)",
    "Comment(source, (5, 4))": "Comment.span must be a start and an end offset in the file, from 0 to 11, found (5, 4)",
    "Comment(source, 5)": "Comment.span must be a start and an end offset in the file, from 0 to 11, found 5",
    "Comment(source, (0, 1.5))": "Comment.span must be a start and an end offset in the file, from 0 to 11, found (0, 1.5)",
    "Comment(source, (0, 1, 2))": "Comment.span must be a start and an end offset in the file, from 0 to 11, found (0, 1, 2)",
    "replace(use, place='')": "ImageUse.place must be a non-empty string, found ''",
    "replace(use, where=None)": "ImageUse.where must be a non-empty string, found nothing",
    "replace(use, role='worker')": "ImageUse.role must be ci, build, base, workload or frontend, found 'worker'",
    "replace(use, role=['build'])": "ImageUse.role must be ci, build, base, workload or frontend, found ['build']",
    "replace(use, reference='acme/web')": "ImageUse.reference must be ImageReference or None, found 'acme/web'",
    "replace(use, reference=None)": "ImageUse.problem must be set if ImageUse.reference is None, found nothing",
    "replace(use, problem='no')": "ImageUse.problem must be ReferenceProblem or None, found 'no'",
    "replace(use, problem=ReferenceProblem('latest-tag', 'no', (0, 1)))": "ImageUse.problem.rule must be invalid-reference, unresolved",
    "replace(use, problem=ReferenceProblem('invalid-reference', ' ', (0, 1)))": "ImageUse.problem.message must be a non-empty string, found ' '",
    "replace(use, problem=ReferenceProblem('invalid-reference', 'no', (0, 99)))": "ImageUse.problem.span must be",
    "replace(use, tag_known=None)": "ImageUse.tag_known must be bool, found nothing",
    "replace(use, built='yes')": "ImageUse.built must be bool, found 'yes'",
    "replace(use, built_or_pulled=1)": "ImageUse.built_or_pulled must be bool, found 1",
    "replace(use, parts=[])": "ImageUse.parts must map names of parts to spans, found []",
    "replace(use, parts={'name': (0, 1)})": "a key of ImageUse.parts must be registry, repository, tag, digest or whole, found 'name'",
    "replace(use, parts={'tag': (9, 99)})": "ImageUse.parts['tag'] must be a start and an end offset in the file",
    "image_use(source, literal('acme/web:1', 5), (0, 10), place='task', where='task', role=WORKLOAD)": "ImageUse.parts[",
    "replace(user, place=5)": "RunUser.place must be a non-empty string, found 5",
    "replace(user, where='')": "RunUser.where must be a non-empty string, found ''",
    "replace(user, user=0)": "RunUser.user must be str or None, found 0",
    "replace(user, nonroot='true')": "RunUser.nonroot must be bool or None, found 'true'",
    "replace(user, known=1)": "RunUser.known must be bool, found 1",
    "replace(user, explicit=1)": "RunUser.explicit must be bool, found 1",
    "replace(user, base='alpine')": "RunUser.base must be ImageReference or None, found 'alpine'",
    "replace(user, image='alpine')": "RunUser.image must be ImageUse or None, found 'alpine'",
    "replace(user, image=replace(use, role='worker'))": "ImageUse.role must be ci, build, base, workload or frontend, found 'worker'",
    "Problem(source, (0, 1), '')": "Problem.message must be a non-empty string, found ''",
    "Problem(source, (0, 1), 'no', 'latest-tag')": "Problem.rule must be syntax-error or unread-file, found 'latest-tag'",
}


@pytest.mark.parametrize(("fact", "message"), FACTS.items())
def test_each_fact_of_a_reader_is_checked(fact: str, message: str) -> None:
    with pytest.raises(PluginError, match="^" + re.escape(f"acme.mine: {message}")):
        read_text("acme/web:1\n", "x.acme", reader=module_of(FACT % fact))


@pytest.mark.parametrize(
    "fact", ["use", "user", "replace(user, image=use)", "Comment(source, (0, 0))", "Problem(source, (11, 11), 'no')"]
)
def test_a_valid_fact_is_passed_on(fact: str) -> None:
    assert len(read_text("acme/web:1\n", "x.acme", reader=module_of(FACT % fact))) == 1


@pytest.mark.parametrize("body", ["return None", "return 5", "return 'use'"])
def test_a_reader_must_return_facts(body: str) -> None:
    text = READER.replace("return []", body)
    with pytest.raises(PluginError, match=re.escape("acme.mine: read() must yield facts or return a list of them, found ")):
        read_text("", "x.acme", reader=module_of(text))


def test_a_reader_can_return_a_list() -> None:
    assert read_text("", "x.acme", reader=module_of(READER)) == []


FINDING = RULE.replace("import Severity", "import *; from imglint import Severity").replace(
    'yield use.finding("no")',
    "good = use.finding('no')\n    EDITS = (Edit(good.location, 'x'),)\n"
    "    at = lambda start, end: Location('Dockerfile', 1, start, 1, end)\n    yield %s",
)
FINDINGS = {
    "5": "check_image() must yield findings, found 5",
    "use.finding('')": "Finding.message must be a non-empty string, found ''",
    "use.finding(None)": "Finding.message must be a non-empty string, found nothing",
    "replace(good, text=None)": "Finding.text must be a string, found nothing",
    "replace(good, line_text=5)": "Finding.line_text must be a string, found 5",
    "replace(good, policy=None)": "Finding.policy must be a string, found nothing",
    "replace(good, known_by='stage')": "Finding.known_by must be a tuple of strings, found 'stage'",
    "replace(good, known_by=('stage', 5))": "Finding.known_by must be a tuple of strings, found ('stage', 5)",
    "replace(good, location=None)": "Finding.location must lie in Dockerfile, found None",
    "replace(good, location=Location('x', 1, 1, 1, 1))": "Finding.location must lie in Dockerfile, found x:1:1",
    "replace(good, location=Location('Dockerfile', 0, 1, 1, 1))": "Finding.location must lie in Dockerfile, found Dockerfile:0:1",
    "replace(good, location=Location('Dockerfile', 9, 1, 9, 1))": "Finding.location must lie in Dockerfile, found Dockerfile:9:1",
    "replace(good, location=Location('Dockerfile', 1, 99, 1, 99))": "Finding.location must lie in Dockerfile, found Dockerfile:1:99",
    "replace(good, location=Location('Dockerfile', 2, 3, 2, 1))": "Finding.location must lie in Dockerfile, found Dockerfile:2:3",
    "replace(good, location=Location('Dockerfile', 1.0, 1, 1, 2))": "Finding.location must lie in Dockerfile, found Dockerfile:1.0:1",
    "replace(good, related=(Location('x', '1', 1, 1, 1),))": "Finding.related must be a tuple of Location, found (Location(",
    "replace(good, related=(Location(None, 1, 1, 1, 1),))": "Finding.related must be a tuple of Location, found (Location(",
    "replace(good, related=[])": "Finding.related must be a tuple of Location, found []",
    "replace(good, related=('Dockerfile:1',))": "Finding.related must be a tuple of Location, found ('Dockerfile:1',)",
    "replace(good, fix='remove it')": "Finding.fix must be a Fix or None, found 'remove it'",
    "replace(good, fix=Fix('', EDITS))": "Fix.description must be a non-empty string, found ''",
    "replace(good, fix=Fix('a', EDITS, 'yes'))": "Fix.safe must be True or False, found 'yes'",
    "replace(good, fix=Fix('a', ()))": "Fix.edits must be a tuple of at least one Edit, found ()",
    "replace(good, fix=Fix('a', EDITS[0]))": "Fix.edits must be a tuple of at least one Edit, found Edit(",
    "replace(good, fix=Fix('a', ('b',)))": "Fix.edits must be a tuple of at least one Edit, found ('b',)",
    "replace(good, fix=Fix('a', (Edit(good.location, 5),)))": "Edit.text must be a string, found 5",
    "replace(good, fix=Fix('a', (Edit('b', 'c'),)))": "Edit.location must lie in Dockerfile, found 'b'",
    "replace(good, fix=Fix('a', (Edit(Location('x', 1, 1, 1, 1), 'b'),)))": "Edit.location must lie in Dockerfile, found x:1:1",
    "replace(good, fix=Fix('a', (Edit(Location('Dockerfile', 1, 1, 1, 99), 'b'),)))": "Edit.location must lie in Dockerfile, found ",
    "replace(good, fix=Fix('a', EDITS * 2))": "Fix.edits must not overlap, found two at Dockerfile:1:6",
    "replace(good, fix=Fix('a', (Edit(at(1, 9), 'b'), Edit(at(8, 10), 'c'))))": "Fix.edits must not overlap, found two at Dockerfile:1:8",
    "replace(good, fix=Fix('a', (Edit(at(9, 9), 'b'), Edit(at(9, 9), 'c'))))": "Fix.edits must not overlap, found two at Dockerfile:1:9",
    "replace(good, fix=Fix('a', EDITS, expects=5))": "Fix.expects must be a string, found 5",
    "replace(good, fix=Fix('a', EDITS, expects='A:B:C'))": "Fix.expects must be an image reference, found A:B:C: ",
}


@pytest.mark.parametrize(("finding", "message"), FINDINGS.items())
def test_each_finding_of_a_rule_is_checked(finding: str, message: str) -> None:
    with pytest.raises(PluginError, match="^" + re.escape(f"acme.mine: {message}")):
        check_text(DOCKERFILE, "Dockerfile", rule=module_of(FINDING % finding))


@pytest.mark.parametrize(
    "finding",
    [
        "good",
        "replace(good, related=(good.location,))",
        "replace(good, location=Location('Dockerfile', 3, 1, 3, 1))",
        "replace(good, fix=Fix('a', EDITS, True, 'x'))",
        "replace(good, fix=Fix('a', (Edit(at(9, 9), 'c'), Edit(at(1, 9), ''))))",
    ],
)
def test_a_valid_finding_is_reported(finding: str) -> None:
    assert [found.rule for found in check_text(DOCKERFILE, "Dockerfile", rule=module_of(FINDING % finding))] == ["mine"]


def test_a_value_without_a_repr_is_shown_as_its_type() -> None:
    text = RULE + "class Odd:\n    __repr__ = None\nTAGS = Odd()"
    with pytest.raises(PluginError, match="TAGS must be a tuple of strings, found a Odd"):
        rule_of(module_of(text))


def test_a_rule_cannot_point_at_an_unknown_part() -> None:
    with pytest.raises(
        PluginError, match="unknown part `tga` of a reference; known are registry, repository, tag, digest, whole"
    ):
        check_text(DOCKERFILE, "Dockerfile", rule=module_of(FINDING % "use.finding('no', 'tga')"))


@pytest.mark.parametrize(("covers", "expected"), [("", ["latest-tag", "mine"]), ("COVERS = ('latest-tag',)", ["mine"])])
def test_a_rule_of_another_package_covers_others(covers: str, expected: list[str], tmp_path: Path) -> None:
    outcome = _run_with(tmp_path, "rules", {"mine": RULE + covers}, "--format", "json", "Dockerfile")
    assert sorted(finding["rule"] for finding in json.loads(outcome.stdout)["findings"]) == expected


def test_a_rule_links_to_its_own_page_or_to_none(tmp_path: Path) -> None:
    modules = {"with_page": RULE + "URL = 'https://acme.example/with-page'", "without_page": RULE}
    outcome = _run_with(tmp_path, "rules", modules, "--format", "json", "--report", "sarif=out.sarif", "Dockerfile")
    urls = {finding["rule"]: finding["url"] for finding in json.loads(outcome.stdout)["findings"]}
    pages = "https://github.com/imglint/imglint/blob/main/docs/rules.md"
    expected = {"with-page": "https://acme.example/with-page", "without-page": None, "latest-tag": f"{pages}#latest-tag"}
    assert urls == expected
    driver = json.loads((tmp_path / "out.sarif").read_text())["runs"][0]["tool"]["driver"]
    links = {rule["id"]: rule.get("helpUri") for rule in driver["rules"]}
    assert {name: links[name] for name in expected} == expected
    assert links["syntax-error"] == f"{pages}#syntax-error"


FAILING = {
    "a rule": ("rules", {"mine": RULE.replace('yield use.finding("no")', "1 / 0")}, "Dockerfile:1:1"),
    "a rule that yields what is no finding": ("rules", {"mine": RULE.replace('use.finding("no")', "5")}, "Dockerfile:1:1"),
    "a reader": ("readers", {"mine": READER.replace("return []", "1 / 0")}, "x.acme:1:1"),
    "a reader that yields what is no fact": ("readers", {"mine": READER.replace("return []", "return [5]")}, "x.acme:1:1"),
    "a rule that yields a wrong finding": ("rules", {"mine": RULE.replace('"no"', '""')}, "Dockerfile:1:1"),
    "a rule that leaves the process": (
        "rules",
        {"mine": RULE.replace('yield use.finding("no")', "raise SystemExit(0)")},
        "Dockerfile:1:1",
    ),
    "a reader that yields a wrong fact": (
        "readers",
        {"mine": "from imglint import Comment\n" + READER.replace("return []", "return [Comment(source, (5, 9))]")},
        "x.acme:1:1",
    ),
    "a reader that leaves the process": (
        "readers",
        {"mine": READER.replace("return []", "raise SystemExit(0)")},
        "x.acme:1:1",
    ),
    "a reader's claim that leaves the process": (
        "readers",
        {"mine": READER.replace('".acme")\n', '".acme") and exit()\n')},
        "x.acme:1:1",
    ),
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


def test_a_reader_of_another_package_takes_over_a_file(tmp_path: Path) -> None:
    modules = {"mine": READER.replace('.endswith(".acme")', ' == "Dockerfile"')}
    outcome = _run_with(tmp_path, "readers", modules, "Dockerfile")
    assert (outcome.returncode, outcome.stdout) == (0, "No findings in 1 file (0 images).\n")


def _run_with(
    folder: Path, group: str, modules: dict[str, str], *arguments: str, entry: str = "broken.plugins"
) -> subprocess.CompletedProcess[str]:
    """Run imglint in a folder with a Dockerfile, with these modules as the plugins of a group."""
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
