"""`--fix`, `--unsafe-fixes` and `--diff` on the command line: what is written, what stdout and stderr have, and the exit status."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imglint.plugins.load import offline_rules
from imglint.records import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Imglint

    from imglint.model import Finding

    Git = Callable[..., None]

POLICY = """\
images:
  - match: [docker.io/library/*, ghcr.io/acme/*]
  - {match: docker.io/acme/*, approved: false, use-instead: ghcr.io/acme/*}
rules: {implicit-registry: error}
"""
COMPOSE = "services:\n  web:\n    image: nginx:1.27.1\n  api:\n    image: docker.io/acme/api:v1\n"
SAFELY = COMPOSE.replace("nginx", "docker.io/library/nginx")
WHOLLY = SAFELY.replace("docker.io/acme", "ghcr.io/acme")
DIFF = """\
--- a/compose.yaml
+++ b/compose.yaml
@@ -1,5 +1,5 @@
 services:
   web:
-    image: nginx:1.27.1
+    image: docker.io/library/nginx:1.27.1
   api:
     image: docker.io/acme/api:v1
"""
WHOLE_DIFF = DIFF.replace("     image: docker", "-    image: docker") + "+    image: ghcr.io/acme/api:v1\n"
SAFE = "compose.yaml:3:12: error implicit-registry: [*] no registry given; this resolves to docker.io/library/nginx (.imglint.yaml:4)\n"
UNSAFE = "compose.yaml:5:12: error unapproved-image: [*unsafe] docker.io/acme/api is not an approved image; use ghcr.io/acme/api:v1 (.imglint.yaml:3)\n"
BOTH = "1 finding can be fixed with `--fix`, and 1 more with `--fix --unsafe-fixes`\nFound 2 errors in 1 file (2 images).\n"
REST = "1 finding can be fixed with `--fix --unsafe-fixes`\nFound 1 error in 1 file (2 images).\n"
CLEAN = "No findings in 1 file (2 images).\n"
FIXED, FIXED_ALL = "fixed 1 finding in 1 file\n", "fixed 2 findings in 1 file\n"
WOULD, WOULD_ALL = f"would {FIXED.replace('fixed', 'fix')}", f"would {FIXED_ALL.replace('fixed', 'fix')}"
COUNTS = "1  error    implicit-registry\n1  error    unapproved-image\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with a finding that has a safe fix, and one that has another."""
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / ".imglint.yaml").write_text(POLICY)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "status", "content", "out", "err"),
    [
        ("", 1, COMPOSE, SAFE + UNSAFE + BOTH, ""),
        ("--fix", 1, SAFELY, UNSAFE + REST, FIXED),
        ("--fix --unsafe-fixes", 0, WHOLLY, CLEAN, FIXED_ALL),
        ("--fix --quiet", 1, SAFELY, UNSAFE, ""),
        ("--fix --unsafe-fixes --quiet", 0, WHOLLY, "", ""),
        ("--fix --fail-on never", 0, SAFELY, UNSAFE + REST, FIXED),
        ("--fix --select implicit-registry", 0, SAFELY, CLEAN, FIXED),
        ("--fix --ignore implicit-registry", 1, COMPOSE, UNSAFE + REST, ""),
        ("--fix --statistics", 1, SAFELY, f"1  error    unapproved-image\n{REST}", FIXED),
        ("--statistics", 1, COMPOSE, COUNTS + BOTH, ""),
        ("--fix --exclude compose.yaml", 0, COMPOSE, "Nothing was checked: all files are excluded or of an unknown kind.\n", ""),
        ("--fix --config other.yaml", 0, COMPOSE, CLEAN, ""),
        ("--diff", 1, COMPOSE, DIFF, WOULD + SAFE + UNSAFE + BOTH),
        ("--diff --unsafe-fixes", 1, COMPOSE, WHOLE_DIFF, WOULD_ALL + SAFE + UNSAFE + BOTH),
        ("--diff --fix", 1, COMPOSE, DIFF, WOULD + SAFE + UNSAFE + BOTH),
        ("--diff --quiet", 1, COMPOSE, DIFF, SAFE + UNSAFE),
        ("--diff --statistics", 1, COMPOSE, DIFF, WOULD + COUNTS + BOTH),
        ("--diff --fail-on never", 1, COMPOSE, DIFF, WOULD + SAFE + UNSAFE + BOTH),
        ("--diff --select unapproved-image", 0, COMPOSE, "", UNSAFE + REST),
        ("--diff --output out.txt", 1, COMPOSE, DIFF, WOULD),
        ("--diff --report json=out.json", 1, COMPOSE, DIFF, WOULD),
        ("--diff --select latest-tag", 0, COMPOSE, "", CLEAN),
        ("--unsafe-fixes", 2, COMPOSE, "", "imglint: --unsafe-fixes has no effect alone; add --fix or --diff\n"),
        (
            "--diff --write-baseline new.json",
            2,
            COMPOSE,
            "",
            "imglint: --diff writes no files; leave out --write-baseline, or use --fix\n",
        ),
        ("--fix gone.yaml", 2, COMPOSE, "", "imglint: gone.yaml: no such file or folder\n"),
        ("--fix --config wrong.yaml", 2, COMPOSE, "", "wrong.yaml:1:1: "),
        ("--fix --output compose.yaml .", 2, COMPOSE, "", "imglint: compose.yaml: this file exists and is not a report"),
    ],
)
def test_options(arguments: str, status: int, content: str, out: str, err: str, tree: Path, imglint: Imglint) -> None:
    (tree / "other.yaml").write_text("rules: {implicit-registry: off}\n")
    (tree / "wrong.yaml").write_text("imags: []\n")
    given = arguments.split()
    before = {path.name for path in tree.iterdir()}
    outcome = imglint(*([] if "--statistics" in given else ["--format", "concise"]), *given)
    assert (outcome.status, outcome.out) == (status, out)
    assert outcome.err.startswith(err) if status == 2 else outcome.err == err
    assert (tree / "compose.yaml").read_text() == content
    assert {path.name for path in tree.iterdir()} - before == {word.rpartition("=")[2] for word in given if "out." in word}


@pytest.mark.parametrize("name", ["json", "sarif", "gitlab", "github"])
def test_formats_for_machines_have_what_remains(name: str, tree: Path, imglint: Imglint) -> None:
    outcome = imglint("--fix", "--format", name, "--report", "json=out.json")
    assert (outcome.status, outcome.err) == (1, FIXED)
    assert outcome.out == imglint("--format", name).out
    assert [finding["rule"] for finding in json.loads((tree / "out.json").read_text())["findings"]] == ["unapproved-image"]


def test_a_report_beside_a_diff_has_all_findings(tree: Path, imglint: Imglint) -> None:
    expected = imglint("--format", "json").out
    assert imglint("--diff", "--format", "json", "--output", "out.json").out == DIFF
    assert (tree / "out.json").read_text() == expected
    # Stderr has a report for people even if another format was asked for.
    assert imglint("--diff", "--format", "json").err == WOULD + imglint("--diff").err.removeprefix(WOULD)
    assert imglint("--diff", "--format", "json").err.endswith(BOTH)


def test_a_diff_is_one_that_git_applies(tree: Path, imglint: Imglint) -> None:
    diff = imglint("--diff", "--unsafe-fixes").out
    subprocess.run(["git", "apply", "-"], input=diff.encode(), cwd=tree, check=True)
    assert (tree / "compose.yaml").read_text() == WHOLLY
    assert imglint("--diff", "--unsafe-fixes", "--quiet") == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "fixed"),
    [([], False), (["--min-level", "note"], True), (["--select", "implicit-registry"], True), (["--fail-on", "note"], True)],
)
@pytest.mark.parametrize("more", [[], ["--statistics"]])
def test_notes_are_fixed_only_if_they_are_shown(
    arguments: list[str], fixed: bool, more: list[str], tree: Path, imglint: Imglint
) -> None:
    (tree / ".imglint.yaml").write_text(POLICY.partition("rules:")[0])
    (tree / "compose.yaml").write_text(COMPOSE.partition("  api:")[0])
    outcome = imglint("--diff", *arguments, *more)
    assert outcome.status == int(fixed)
    assert ("can be fixed" in outcome.err) == fixed
    assert imglint("--fix", *arguments, *more).status == 0
    assert (tree / "compose.yaml").read_text() == (SAFELY if fixed else COMPOSE).partition("  api:")[0]


def test_a_baseline_is_written_after_fixing(tree: Path, imglint: Imglint) -> None:
    outcome = imglint("--fix", "--write-baseline", "b.json")
    assert (outcome.status, outcome.out, outcome.err) == (0, CLEAN, f"{FIXED}wrote 1 finding to b.json\n")
    assert [finding["rule"] for finding in json.loads((tree / "b.json").read_text())["findings"]] == ["unapproved-image"]


def test_what_a_baseline_has_is_not_fixed(tree: Path, imglint: Imglint) -> None:
    imglint("--select", "implicit-registry", "--write-baseline", "b.json")
    outcome = imglint("--fix", "--unsafe-fixes", "--baseline", "b.json")
    assert (outcome.status, outcome.out, outcome.err) == (0, CLEAN, FIXED)
    assert (tree / "compose.yaml").read_text() == WHOLLY.replace("docker.io/library/nginx", "nginx")


def test_only_changed_lines_are_fixed(tree: Path, imglint: Imglint, git: Git) -> None:
    git(tree, "init", "--quiet")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "--message", "Start")
    (tree / "compose.yaml").write_text(COMPOSE.replace("api:v1", "api:v2"))
    outcome = imglint("--fix", "--unsafe-fixes", "--since", "HEAD")
    assert (outcome.status, outcome.out, outcome.err) == (0, CLEAN, FIXED)
    assert (tree / "compose.yaml").read_text() == WHOLLY.replace("docker.io/library/nginx", "nginx").replace("api:v1", "api:v2")


def test_what_comments_silence_is_fixed_only_without_comments(tree: Path, imglint: Imglint) -> None:
    silenced = COMPOSE.replace("1.27.1\n", "1.27.1  # imglint: ignore[implicit-registry]\n")
    (tree / "compose.yaml").write_text(silenced)
    imglint("--fix")
    assert (tree / "compose.yaml").read_text() == silenced
    imglint("--fix", "--no-ignore-comments")
    assert "docker.io/library/nginx:1.27.1  # imglint" in (tree / "compose.yaml").read_text()


def test_only_named_files_are_fixed(tree: Path, imglint: Imglint) -> None:
    (tree / "other").mkdir()
    (tree / "other" / "compose.yaml").write_text(COMPOSE)
    imglint("--fix", "--unsafe-fixes", "other")
    assert [(tree / folder / "compose.yaml").read_text() for folder in ("", "other")] == [COMPOSE, WHOLLY]


@pytest.mark.parametrize(
    ("arguments", "text", "status", "out", "err"),
    [
        ("--fix", COMPOSE, 1, SAFELY, FIXED + UNSAFE + REST),
        ("--fix --unsafe-fixes", COMPOSE, 0, WHOLLY, FIXED_ALL + CLEAN),
        ("--fix", WHOLLY, 0, WHOLLY, CLEAN),
        ("--fix --quiet", WHOLLY, 0, WHOLLY, ""),
        ("--fix --format json --output out.json", COMPOSE, 1, SAFELY, FIXED),
        ("--fix --report json=out.json", COMPOSE, 1, SAFELY, FIXED),
        ("--diff", COMPOSE, 1, DIFF, WOULD + SAFE + UNSAFE + BOTH),
        ("--diff", WHOLLY, 0, "", CLEAN),
    ],
)
def test_stdin(
    arguments: str,
    text: str,
    status: int,
    out: str,
    err: str,
    tree: Path,
    imglint: Imglint,
    stdin: Callable[[bytes], None],
) -> None:
    stdin(text.encode())
    (tree / "compose.yaml").write_text("services: {}\n")
    form = [] if "--format" in arguments else ["--format", "concise"]
    assert imglint("-", "--stdin-filename", "compose.yaml", *form, *arguments.split()) == (status, out, err)
    assert (tree / "compose.yaml").read_text() == "services: {}\n"
    if (tree / "out.json").exists():
        assert [finding["rule"] for finding in json.loads((tree / "out.json").read_text())["findings"]] == ["unapproved-image"]


def test_verbose_names_each_file_once(tree: Path, imglint: Imglint) -> None:
    lines = imglint("--verbose").err.splitlines()
    assert imglint("--fix", "--verbose").err.splitlines() == [*lines, FIXED.strip()]
    assert len([line for line in lines if line.startswith("compose.yaml: ")]) == 1


@pytest.mark.parametrize("option", ["--fix", "--diff"])
def test_an_internal_error_exits_with_2(option: str, tree: Path, imglint: Imglint, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Iterator[Finding]:
        raise ZeroDivisionError

    monkeypatch.setitem(offline_rules(), "root-user", replace(offline_rules()["root-user"], check_user=fail))
    assert imglint(option).status == 2
    assert imglint(option, "--fail-on", "never").status == 2


def test_explain_names_the_fix(tree: Path, imglint: Imglint) -> None:
    def explained(line: int) -> str:
        return " ".join(imglint("explain", f"compose.yaml:{line}").out.split())

    assert "fixes implicit-registry: write docker.io/library/nginx (safe) " in explained(3)
    assert "fixes unapproved-image: write ghcr.io/acme/api:v1 (unsafe) " in explained(5)
    silenced = POLICY + "exceptions:\n  - {match: docker.io/acme/api, rules: [unapproved-image]}\n"
    (tree / ".imglint.yaml").write_text(silenced)
    assert "fixes" not in explained(5)


def test_json_has_the_edits_of_a_fix(tree: Path, imglint: Imglint) -> None:
    safe, unsafe = json.loads(imglint("--format", "json").out)["findings"]
    place = {"path": "compose.yaml", "line": 3, "column": 12, "end_line": 3, "end_column": 12}
    assert safe["fix"] == {
        "safe": True,
        "description": "write docker.io/library/nginx",
        "edits": [{**place, "text": "docker.io/library/"}],
    }
    assert unsafe["fix"]["safe"] is False
    (tree / ".imglint.yaml").write_text(POLICY.replace(", use-instead: ghcr.io/acme/*", ""))
    assert json.loads(imglint("--format", "json").out)["findings"][1]["fix"] is None


@pytest.mark.parametrize("name", ["json", "sarif"])
def test_the_edits_of_a_report_make_the_fixed_file(name: str, tree: Path, imglint: Imglint) -> None:
    """A program that makes the edits of a report gets the same file as `--fix`."""
    report = json.loads(imglint("--format", name).out)
    lines = COMPOSE.splitlines(keepends=True)
    edits = (
        [edit for finding in report["findings"] for edit in finding["fix"]["edits"]] if name == "json" else _replacements(report)
    )
    for edit in edits:
        assert (edit["line"], edit["path"]) == (edit["end_line"], "compose.yaml")
        line = lines[edit["line"] - 1]
        lines[edit["line"] - 1] = line[: edit["column"] - 1] + edit["text"] + line[edit["end_column"] - 1 :]
    assert "".join(lines) == WHOLLY
    imglint("--fix", "--unsafe-fixes")
    assert (tree / "compose.yaml").read_text() == WHOLLY


def _replacements(log: Any) -> list[dict[str, Any]]:
    """Return the replacements of a SARIF log, with the names that JSON reports use."""
    names = {"line": "startLine", "column": "startColumn", "end_line": "endLine", "end_column": "endColumn"}
    return [
        {
            "path": change["artifactLocation"]["uri"],
            "text": replacement["insertedContent"]["text"],
            **{name: replacement["deletedRegion"][other] for name, other in names.items()},
        }
        for result in log["runs"][0]["results"]
        for fix in result["fixes"]
        for change in fix["artifactChanges"]
        for replacement in change["replacements"]
    ]


POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n    - name: a\n      image: {}\n"


@pytest.mark.parametrize("image", ["nginx:1.27.1", "docker.io/acme/api:v1"])
@pytest.mark.parametrize("change", ["newTag: v2", "newName: ghcr.io/acme/other", f"digest: sha256:{'0' * 64}", ""])
def test_a_name_by_which_a_kustomization_finds_an_image_is_kept(image: str, change: str, tree: Path, imglint: Imglint) -> None:
    """With another name, the tag of the manifest would be used, without a word."""
    pod, name = POD.replace("{}", image), image.partition(":")[0]
    (tree / "compose.yaml").unlink()
    (tree / "pod.yaml").write_text(pod)
    entry = f"images:\n  - name: {name}\n    {change}\n" if change else ""
    (tree / "kustomization.yaml").write_text(f"resources: [pod.yaml]\n{entry}")
    imglint("--fix", "--unsafe-fixes")
    assert ((tree / "pod.yaml").read_text() == pod) == bool(change)


def test_a_name_from_another_file_is_kept(tree: Path, imglint: Imglint) -> None:
    compose = "services:\n  api:\n    image: ${API}\n"
    (tree / "compose.yaml").write_text(compose)
    (tree / ".env").write_text("API=docker.io/acme/api:v1\n")
    outcome = imglint("--fix", "--unsafe-fixes", "--format", "concise")
    assert (outcome.status, outcome.err) == (1, "")
    assert outcome.out.startswith("compose.yaml:3:12: error unapproved-image: docker.io/acme/api is not an approved image; use ")
    assert (tree / "compose.yaml").read_text() == compose


def test_fixes_do_not_depend_on_the_current_folder(tree: Path, imglint: Imglint, git: Git) -> None:
    git(tree, "init", "--quiet")
    (tree / "sub").mkdir()
    outcome = imglint("--diff", "..", cwd=tree / "sub")
    assert (outcome.status, outcome.out) == (1, DIFF.replace("/compose", "/../compose"))
    assert imglint("--fix", os.pardir, cwd=tree / "sub").status == 1
    assert (tree / "compose.yaml").read_text() == SAFELY
