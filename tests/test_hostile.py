"""Nothing in a repository breaks a run, and nothing that should have been read is passed over in silence.

Each limit is tried at both sides, by its constant; docs/limits.md holds them all.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imglint.commands.options import CommandOptions, settings_for
from imglint.dockerfile import instructions as dockerlines
from imglint.dockerfile import stages as dockerfile
from imglint.dockerfile.variables import NESTING_MAX, PIECES_MAX, VALUE_MAX
from imglint.engine import facts
from imglint.engine import ignore_comments as ignore
from imglint.engine import run as engine
from imglint.engine.facts import INTERNAL_ERROR
from imglint.formats.text import LINE_MAX as SHOWN_MAX
from imglint.patterns.matcher import PATTERN_MAX
from imglint.plugins import formats, output_format
from imglint.policy.checked_nodes import ERRORS_MAX
from imglint.policy.load import TARGETS_MAX
from imglint.readers import _inline_dockerfile as inline
from imglint.readers._compose_variables import DEPTH_MAX as DEFAULTS_MAX
from imglint.source import BESIDE_SIZE_MAX, FILE_SIZE_MAX
from imglint.yaml import documents as yamltree
from imglint.yaml.facts import MERGED_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Imglint

ROOT = Path(__file__).parent.parent
POD = "apiVersion: v1\nkind: Pod\nspec:\n"
UNREAD = "unread-file"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rules_of(imglint: Imglint, *arguments: str) -> list[str]:
    """Return the rules of all findings, which have to be reported as JSON."""
    outcome = imglint(*arguments, "--format", "json", "--select", "latest-tag")
    findings = json.loads(outcome.out)["findings"]
    assert outcome.status == (1 if findings else 0)
    return [finding["rule"] for finding in findings]


NAMES = ["Dockerfile", "compose.yaml", "values.yaml", "deploy.yaml", "deploy.json", "kustomization.yaml", "templates/x.tpl", "x"]
PIECES = st.sampled_from(
    [
        *"\n \t\r\0\x1b{}[]:,-#&*!|>'\"%@`$\\/<=.\ufeff\u2028\x85",
        *[
            "FROM ",
            "ARG ",
            "COPY --from=",
            "RUN --mount=from=",
            "USER ",
            "<<EOF",
            "# syntax=",
            "${A:-",
            "$A",
            "nginx:latest",
            " AS ",
        ],
        *[
            "apiVersion: v1\n",
            "kind: Pod\n",
            "spec:\n",
            "containers:\n",
            "- ",
            "image: ",
            "services:\n",
            "build:\n",
            "repository: ",
        ],
        *[
            "dockerfile_inline: ",
            "tag: ",
            "<<: *a",
            "&a ",
            "---\n",
            "{{ .x }}",
            "# imglint: ignore[latest-tag]",
            "  ",
            "extends: ",
        ],
    ]
)
BYTES = st.binary(max_size=60) | st.lists(PIECES, max_size=40).map(
    lambda pieces: "".join(pieces).encode("utf-8", "surrogatepass")
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES), mark=st.sampled_from([b"", b"\xff\xfe", b"\xef\xbb\xbf"]), data=BYTES)
def test_no_file_fails_a_reader_a_rule_or_a_format(name: str, mark: bytes, data: bytes, tree: Path) -> None:
    Path("templates").mkdir(exist_ok=True)
    Path("Chart.yaml").write_bytes(data)
    Path(".env").write_bytes(data)
    Path(name).write_bytes(mark + data)
    report = engine.run([name], settings_for(CommandOptions(paths=(name,))))
    assert not [finding.message for finding in report.findings if finding.rule == INTERNAL_ERROR]
    for one in formats():
        out = StringIO()
        output_format(one).write(report, out)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=BYTES | st.binary().map(lambda data: b"images:\n- match: " + data))
def test_no_policy_fails_except_with_diagnostics(data: bytes, imglint: Imglint, tree: Path) -> None:
    Path(".imglint.yaml").write_bytes(data)
    Path("Dockerfile").write_text("FROM scratch\nUSER 1000\n")
    outcome = imglint("Dockerfile", cwd=tree)
    assert outcome.status in (0, 2)
    assert "Traceback" not in outcome.err
    assert all(line.startswith(".imglint.yaml:") for line in outcome.err.splitlines())


@pytest.mark.parametrize(
    ("limit", "text", "told"),
    [
        (PATTERN_MAX, lambda n: f"images: [{{match: '{'*a' * (n // 2)}'}}]\n", "the limit is"),
        (PATTERN_MAX, lambda n: f"images: [{{match: a, tags: ['{'*a' * (n // 2)}']}}]\n", "the limit is"),
        (PATTERN_MAX, lambda n: f"exclude: ['{'*a' * (n // 2)}']\n", "the limit is"),
        (TARGETS_MAX, lambda n: f"targets: [{'a, ' * n}]\n", "more than"),
        (ERRORS_MAX, lambda n: "images:\n" + "- match: //\n" * n, "the rest is not shown"),
    ],
    ids=["images", "tags", "files", "targets", "errors"],
)
def test_a_policy_is_read_up_to_its_limits(
    limit: int, text: Callable[[int], str], told: str, imglint: Imglint, tree: Path
) -> None:
    Path("policy.yaml").write_text(text(limit))
    assert told not in imglint("--config", "policy.yaml").err
    Path("policy.yaml").write_text(text(limit + 2))
    outcome = imglint("--config", "policy.yaml")
    assert (outcome.status, outcome.out) == (2, "")
    assert told in outcome.err


@pytest.mark.parametrize(("size", "expected"), [(FILE_SIZE_MAX, ["latest-tag"]), (FILE_SIZE_MAX + 1, [UNREAD])])
def test_a_file_is_read_up_to_its_limit(size: int, expected: list[str], imglint: Imglint, tree: Path) -> None:
    text = "FROM nginx:latest\n#"
    Path("Dockerfile").write_text(text + " " * (size - len(text)))
    assert rules_of(imglint, "Dockerfile") == expected
    assert rules_of(imglint) == expected


LIMITS: dict[str, tuple[str, str, int, Callable[[int], tuple[str, str]]]] = {
    "images and users of one file": (
        "facts", "FACTS_MAX", 20, lambda n: ("pod.yaml", POD + "  containers:\n" + "  - image: a:1\n    image2: b\n" * (n // 2)),
    ),
    "findings of one file": ("engine", "FINDINGS_MAX", 20, lambda n: ("Dockerfile", "FROM a:latest\n" * (n - 1) + "FROM scratch\n")),
    "images of one Dockerfile": ("dockerfile", "IMAGES_MAX", 20, lambda n: ("Dockerfile", "FROM a:1\n" * (n - 1) + "RUN x\n")),
    "mounts of one instruction": (
        "dockerfile", "IMAGES_MAX", 20, lambda n: ("Dockerfile", "FROM a:1\nRUN " + "--mount=from=b:1 " * (n - 1) + "x\n"),
    ),
    "instructions of one Dockerfile": (
        "dockerlines", "INSTRUCTIONS_MAX", 20, lambda n: ("Dockerfile", "FROM a:1\n" + "RUN x\n" * (n - 1)),
    ),
    "instructions that another frontend reads": (
        "dockerlines", "INSTRUCTIONS_MAX", 20, lambda n: ("Dockerfile", "# syntax=acme/x:1\nFROM a:1\n" + "RUN x\n" * (n - 1)),
    ),
    "characters of an inline Dockerfile": (
        "inline", "TEXT_MAX", 40,
        lambda n: ("compose.yaml", f'services: {{a: {{build: {{dockerfile_inline: "FROM a:1{" " * (n - 8)}"}}}}}}\n'),
    ),
    "characters of all inline Dockerfiles": (
        "inline", "ALL_TEXT_MAX", 40,
        lambda n: ("compose.yaml", "services:\n" + "".join(
            [f'  {at}: {{build: {{dockerfile_inline: "FROM a:1{" " * (n // 2 + at % 2 * (n % 2) - 8)}"}}}}\n' for at in range(2)]
        )),
    ),
    "mappings that are merged": (
        "", "", MERGED_MAX - 1,
        lambda n: ("pod.yaml", POD + "".join([f"  a{at}: &a{at} {{b: c}}\n" for at in range(n)])
        + f"  x: {{image: a:1, <<: [{', '.join([f'*a{at}' for at in range(n)])}]}}\n"),
    ),
    "mappings that are merged one by the other": (
        "", "", MERGED_MAX - 1,
        lambda n: ("compose.yaml", "services:\n  a0: &a0 {image: a:1}\n"
        + "".join([f"  a{at}: &a{at} {{<<: *a{at - 1}}}\n" for at in range(1, n + 1)])),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("module", "constant", "limit", "make"), LIMITS.values(), ids=LIMITS.keys())
def test_what_is_over_a_limit_is_reported(
    module: str,
    constant: str,
    limit: int,
    make: Callable[[int], tuple[str, str]],
    imglint: Imglint,
    tree: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if constant:
        # The limits themselves are too high for a test to reach each of them in a second.
        monkeypatch.setattr(
            {"engine": engine, "facts": facts, "dockerfile": dockerfile, "dockerlines": dockerlines, "inline": inline}[module],
            constant,
            limit,
        )
    found = {}
    for size in (limit, limit + 2):
        name, text = make(size)
        Path(name).write_text(text)
        found[size] = rules_of(imglint, name, "--jobs", "1")
    assert UNREAD not in found[limit]
    assert UNREAD in found[limit + 2]


def test_what_is_within_a_limit_is_found_where_the_limit_is_met(
    imglint: Imglint, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dockerfile, "IMAGES_MAX", 3)
    Path("Dockerfile").write_text("FROM a:latest\n" * 5)
    assert rules_of(imglint) == ["latest-tag"] * 3 + [UNREAD]


def test_events_of_a_document_are_bounded(monkeypatch: pytest.MonkeyPatch, imglint: Imglint, tree: Path) -> None:
    monkeypatch.setattr(yamltree, "EVENTS_MAX", 40)
    for count, expected in ((8, []), (40, ["syntax-error"])):
        Path("pod.yaml").write_text(POD + "  image: [" + "a, " * count + "]\n")
        assert rules_of(imglint) == expected


def test_of_a_comment_s_rules_no_more_than_its_limit_are_read(imglint: Imglint, tree: Path) -> None:
    for count in (ignore.NAMES_MAX, ignore.NAMES_MAX + 1):
        Path("Dockerfile").write_text("# imglint: ignore[" + ",".join([f"none-{at}" for at in range(count)]) + "]\nFROM a\n")
        outcome = imglint("--format", "json", "--select", "unused-ignore")
        messages = [finding["message"] for finding in json.loads(outcome.out)["findings"]]
        assert sum("there is no rule" in message for message in messages) == ignore.NAMES_MAX
        assert [message for message in messages if "at most" in message] == messages[ignore.NAMES_MAX :]


def resolved(imglint: Imglint, text: str, name: str = "Dockerfile") -> list[str | None]:
    Path(name).write_text(text)
    return [use["reference"] for use in json.loads(imglint("images", "--format", "json", name).out)]


@pytest.mark.parametrize(
    ("over", "text"),
    [
        (VALUE_MAX + 1, lambda n: f"ARG A=a.{'a' * (n - 4)}\nFROM ${{A}}/b\n"),
        (PIECES_MAX + 1, lambda n: f"ARG A=x\nFROM {'${A}' * n}\n"),
        (PIECES_MAX, lambda n: "ARG A0=a\n" + "".join([f"ARG A{at}=$A{at - 1}\n" for at in range(1, n)]) + f"FROM $A{n - 1}\n"),
        (NESTING_MAX + 1, lambda n: f"FROM {'${A:-' * n}a{'}' * n}\n"),
    ],
    ids=["characters", "pieces", "variables on the way", "defaults in defaults"],
)
def test_arguments_are_resolved_up_to_a_limit(over: int, text: Callable[[int], str], imglint: Imglint, tree: Path) -> None:
    within, beyond = resolved(imglint, text(over - 1)), resolved(imglint, text(over))
    assert within[0] is not None
    assert beyond == [None]


@pytest.mark.parametrize("text", ["ARG A=$B$B\nARG B=$A$A\nFROM $A\n", "ARG A=$A$A\nFROM x$A\n", "ARG A=${A:-$A}\nFROM x$A\n"])
def test_arguments_that_name_each_other_end(text: str, imglint: Imglint, tree: Path) -> None:
    assert resolved(imglint, text)[0] in (None, "x")


def test_defaults_of_compose_are_resolved_up_to_a_limit(imglint: Imglint, tree: Path) -> None:
    def nested(levels: int) -> str:
        return "services:\n  a:\n    image: " + "${A:-" * levels + "b" + "}" * levels + "\n"

    assert resolved(imglint, nested(DEFAULTS_MAX + 1), "compose.yaml") == ["b"]
    assert resolved(imglint, nested(DEFAULTS_MAX + 3), "compose.yaml") == [None]


def test_a_dotenv_is_read_up_to_a_limit(imglint: Imglint, tree: Path) -> None:
    for size, expected in ((BESIDE_SIZE_MAX, "b:1"), (BESIDE_SIZE_MAX + 1, None)):
        Path(".env").write_text("A=b:1\n#".ljust(size))
        assert resolved(imglint, "services: {a: {image: $A}}\n", "compose.yaml") == [expected]


def socket_at(path: Path) -> None:
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)


ODD_FILES: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a socket": socket_at,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "bytes of no encoding": lambda path: path.write_bytes(b"FROM a\n\xff\n"),
    "half of a character": lambda path: path.write_bytes(b"\xff\xfeF"),
}


@pytest.mark.parametrize("make", ODD_FILES.values(), ids=ODD_FILES.keys())
def test_a_named_file_that_cannot_be_read_is_reported(make: Callable[[Path], object], imglint: Imglint, tree: Path) -> None:
    make(tree / "Dockerfile")
    for option in ("--no-color", "--quiet"):
        outcome = imglint("Dockerfile", option)
        assert outcome.status == 1
        assert UNREAD in outcome.out


@pytest.mark.parametrize("make", [os.mkfifo, socket_at, ODD_FILES["bytes of no encoding"]])
def test_a_file_in_a_walk_that_cannot_be_read_is_reported_and_the_others_are_checked(
    make: Callable[[Path], object], imglint: Imglint, tree: Path
) -> None:
    make(tree / "Dockerfile")
    Path("a.Dockerfile").write_text("FROM a:latest\n")
    assert sorted(rules_of(imglint)) == ["latest-tag", UNREAD]


@pytest.mark.parametrize("make", [ODD_FILES["a pipe"], ODD_FILES["a link to a device"], os.mkdir])
def test_a_file_that_a_run_rests_on_holds_no_run(make: Callable[[Path], object], imglint: Imglint, tree: Path) -> None:
    Path("Dockerfile").write_text("FROM scratch\n")
    make(tree / "odd")
    for option in ("--config", "--baseline"):
        outcome = imglint(option, "odd")
        assert (outcome.status, outcome.out) == (2, "")
        assert "not a regular file" in outcome.err
    Path("policy.yaml").write_text("extends: [odd]\n")
    assert "not a regular file" in imglint("--config", "policy.yaml").err
    for name, text in ((".env", "services: {a: {image: $A}}\n"), ("Chart.yaml", "image: {repository: a}\n")):
        (tree / "odd").rename(name)
        assert resolved(imglint, text, "compose.yaml" if name == ".env" else "values.yaml") in ([None], ["a"])
        Path(name).rename("odd")


def test_a_gitignore_that_cannot_be_read_is_told_and_leaves_nothing_out(imglint: Imglint, tree: Path) -> None:
    os.mkfifo(".gitignore")
    Path("Dockerfile").write_text("FROM a:latest\n")
    assert sorted(rules_of(imglint)) == ["latest-tag", UNREAD]


def test_links_lead_a_walk_nowhere(imglint: Imglint, tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "Dockerfile").write_text("FROM a:latest\n")
    Path("link.Dockerfile").symlink_to(outside / "Dockerfile")
    Path("folder").symlink_to(outside)
    Path("loop").symlink_to(".")
    assert rules_of(imglint) == []
    assert rules_of(imglint, "link.Dockerfile") == ["latest-tag"]


def test_a_policy_makes_nothing_but_a_policy(imglint: Imglint, tree: Path) -> None:
    Path("Dockerfile").write_text("FROM a:latest\n")
    for tag in ("!!python/object/apply:os.system", "!!python/name:os.system", "!!python/module:antigravity"):
        Path(".imglint.yaml").write_text(f"fail-on: {tag} ['touch made']\n")
        assert imglint().status == 2
    assert sorted(path.name for path in tree.iterdir()) == [".imglint.yaml", "Dockerfile"]


@pytest.mark.parametrize("command", [["imglint"], ["python", "-m", "imglint"], ["python", "-P", "-m", "imglint"]])
def test_no_code_of_the_tree_is_run(command: list[str], tree: Path) -> None:
    for name in ("click.py", "json.py", "ruamel.py", "sarif_om.py", "imglint_rules.py", "re.py", "plugin.py"):
        Path(name).write_text("open('made', 'w')\n")
    for folder in ("plugins", "plugin-1.0.dist-info"):
        Path(folder).mkdir()
    Path("plugins/__init__.py").write_text("open('made', 'w')\n")
    Path("plugin-1.0.dist-info/entry_points.txt").write_text("[imglint.rules]\nplugin = plugins\n")
    Path("Dockerfile").write_text("FROM a:latest\n")
    Path("compose.yaml").write_text("services: {a: {image: 'b:latest'}}\n")
    command[0] = str(Path(sys.executable).parent / command[0])
    run = subprocess.run([*command, "--format", "sarif"], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (1, "")
    assert json.loads(run.stdout)["runs"]
    assert not Path("made").exists()


@pytest.mark.parametrize("name", ["Dockerfile", ".imglint.yaml"])
@pytest.mark.parametrize("option", ["--output", "--write-baseline", "--report"])
def test_no_report_is_written_over_what_is_read(name: str, option: str, imglint: Imglint, tree: Path) -> None:
    Path("Dockerfile").write_text("FROM a:latest\n")
    Path(".imglint.yaml").write_text("fail-on: error\n")
    before = Path(name).read_text()
    outcome = imglint("Dockerfile", option, f"json=./{name}" if option == "--report" else f"./{name}")
    assert (outcome.status, outcome.out) == (2, "")
    assert Path(name).read_text() == before


def test_no_two_reports_are_written_to_one_file(imglint: Imglint, tree: Path) -> None:
    assert imglint("--report", "json=a", "--report", "sarif=./a").status == 2
    assert not Path("a").exists()


def test_nothing_is_written_through_a_link_of_a_tree_that_is_checked_from_elsewhere(
    imglint: Imglint, tree: Path, git: Callable[..., None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    repository = tmp_path_factory.mktemp("repository")
    git(repository, "init", "--quiet")
    (repository / "folder").symlink_to(outside)
    (repository / "sub").mkdir()
    for target, folder in ((repository / "folder" / "new", tree), (Path("../folder/new"), repository / "sub")):
        outcome = imglint("--output", str(target), cwd=folder)
        assert (outcome.status, outcome.out) == (2, "")
    assert not list(outside.iterdir())


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_of_the_output_may_leave_early(unbuffered: str, tree: Path) -> None:
    Path("Dockerfile").write_text("FROM a:latest\n" * 5000)
    command = [sys.executable, "-m", "imglint", "Dockerfile"]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_findings_of_one_long_line_cost_no_more_than_their_number(tree: Path) -> None:
    text = POD + "  containers: [" + "{image: 'a/b:latest'}, " * 2_000 + "]\n"
    Path("pod.yaml").write_text(text)
    report = engine.run(["pod.yaml"], settings_for(CommandOptions(paths=("pod.yaml",), select=("latest-tag",))))
    assert len(report.findings) == 2_000
    assert sum(len(finding.line_text) for finding in report.findings) < len(text) * 50
    out = StringIO()
    output_format("text").write(report, out)
    for shown, marks in re.findall(r"^ +\d+ \| (.*)\n +\| (.*)$", out.getvalue(), re.MULTILINE):
        assert len(shown) <= SHOWN_MAX + 6
        assert shown[marks.index("^") :][: marks.count("^")] == "latest"


FOR_PEOPLE = ("policy.alternatives.", "commands.", "formats.text.", "policy.lookup.RECENT_MAX", "policy.checked_nodes.LISTED_MAX")
"""Constants that bound what is shown to people, or kept for the next answer, and no reading."""


def test_every_limit_is_documented_with_its_value() -> None:
    page = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
    constants = {}
    for path in sorted((ROOT / "linter" / "imglint").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT / "linter").with_suffix("").parts)
        for name in re.findall(r"^([A-Z_]*MAX) = ", path.read_text(encoding="utf-8"), re.MULTILINE):
            constants[f"{module.removeprefix('imglint.')}.{name}"] = f"{getattr(import_module(module), name):,}"
    expected = {name: value for name, value in constants.items() if not name.startswith(FOR_PEOPLE)}
    assert dict(re.findall(r"^\| `([a-z_.]+\.[A-Z_]+)` \| ([0-9,]+) ", page, re.MULTILINE)) == expected
