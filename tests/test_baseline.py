"""A baseline silences the findings of the run that wrote it, and no others, even if lines move."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imglint.errors import Unverified
from imglint.registry.examples import ExampleRegistries

if TYPE_CHECKING:
    from tests.conftest import Imglint

    from imglint.registry.questions import Answer, Question

BAD = "FROM quay.io/acme/web:latest\nUSER 1001\n"
CLEAN = "No findings in 1 file (1 image).\n"


@pytest.fixture
def tree(tmp_path: Path, imglint: Imglint) -> Path:
    """Return a folder with a Dockerfile whose only finding is in the baseline b.json."""
    (tmp_path / "Dockerfile").write_text(BAD)
    assert imglint("--write-baseline", "b.json") == (0, CLEAN, "wrote 1 finding to b.json\n")
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [BAD, f"# A comment.\n\n{BAD}", BAD.replace("\n", "\r\n"), f"{BAD}ENV A=1\n", BAD.replace("FROM", "  FROM")],
    ids=["as it was", "lines above", "other line ends", "lines below", "indented"],
)
def test_known_finding_is_silenced_after_line_shifts(tree: Path, imglint: Imglint, text: str) -> None:
    (tree / "Dockerfile").write_text(text, newline="")
    assert imglint("--baseline", "b.json") == (0, CLEAN, "")


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("Dockerfile", BAD.replace("web", "api"), "Dockerfile:1:23"),
        ("Dockerfile", f"FROM quay.io/acme/api:latest AS api\n{BAD}", "Dockerfile:1:23"),
        ("Dockerfile", BAD + BAD, "Dockerfile:3:23"),
        ("Dockerfile", BAD.replace("1001", "root"), "Dockerfile:2:6"),
        ("other/Dockerfile", BAD, "other/Dockerfile:1:23"),
    ],
    ids=["another image", "one more", "the same once more", "another rule", "another file"],
)
def test_new_finding_is_reported(tree: Path, imglint: Imglint, name: str, text: str, place: str) -> None:
    (tree / "other").mkdir()
    (tree / name).write_text(text)
    outcome = imglint("--baseline", "b.json", "--quiet")
    assert outcome.status == 1
    assert outcome.out.count("error ") + outcome.out.count("warning ") == 1
    assert outcome.out.startswith(f"{place}: ")


def test_finding_that_no_longer_occurs_is_a_warning(tree: Path, imglint: Imglint) -> None:
    (tree / "Dockerfile").write_text(BAD.replace("latest", "v1.0.0"))
    message = "b.json: 1 finding no longer occurs; update the baseline with --write-baseline\n"
    assert imglint("--baseline", "b.json") == (0, CLEAN, message)
    assert imglint("--baseline", "b.json", "--quiet") == (0, "", "")


@pytest.mark.parametrize(
    "arguments", [["other"], ["--ignore", "latest-tag"], ["--exclude", "Dockerfile"], ["--select", "root-user"]]
)
def test_no_warning_about_findings_in_unchecked_files(tree: Path, imglint: Imglint, arguments: list[str]) -> None:
    # A pre-commit hook checks the files of the commit only: the other findings of the baseline may still occur.
    (tree / "other").mkdir()
    outcome = imglint("--baseline", "b.json", *arguments)
    assert (outcome.status, outcome.err) == (0, "")


@pytest.mark.parametrize(
    ("folder", "paths", "gone"),
    [
        ("", [], 3),
        ("", ["a"], 2),
        ("", ["a/Dockerfile"], 1),
        ("", ["a "], 1),
        ("", ["b"], 0),
        ("", ["a/latest"], 0),
        ("a", [], 2),
        ("a", ["."], 2),
        ("a", ["../a "], 1),
        ("b", [".."], 3),
    ],
)
def test_findings_that_no_longer_occur_are_counted_in_the_checked_paths(
    folder: str, paths: list[str], gone: int, tmp_path: Path, imglint: Imglint
) -> None:
    files = ("a/Dockerfile", "a/other/Dockerfile", "a /Dockerfile")
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(BAD)
    for name in ("b", "a/latest", "baselines"):
        (tmp_path / name).mkdir()
    assert imglint("--write-baseline", "baselines/b.json").status == 0
    for name in files:
        (tmp_path / name).write_text(BAD.replace("latest", "v1.0.0"))
    baseline = os.path.relpath(tmp_path / "baselines" / "b.json", tmp_path / folder)
    outcome = imglint("--baseline", baseline, *paths, cwd=tmp_path / folder)
    expected = "1 finding no longer occurs" if gone == 1 else f"{gone} findings no longer occur"
    assert outcome.err == (f"{baseline}: {expected}; update the baseline with --write-baseline\n" if gone else "")


def test_baseline_works_from_every_folder(tree: Path, imglint: Imglint) -> None:
    (tree / "sub").mkdir()
    assert imglint("--baseline", "../b.json", "..", cwd=tree / "sub") == (0, CLEAN, "")
    assert imglint("--baseline", str(tree / "b.json"), str(tree), cwd=tree / "sub") == (0, CLEAN, "")


def test_rewritten_baseline_contains_all_findings(tree: Path, imglint: Imglint) -> None:
    (tree / "other").mkdir()
    (tree / "other" / "Dockerfile").write_text(BAD)
    assert imglint("--baseline", "b.json", "--write-baseline", "b.json").status == 0
    assert imglint("--baseline", "b.json") == (0, "No findings in 2 files (2 images).\n", "")


def test_baseline_file_is_stable_with_one_finding_per_line(tree: Path, imglint: Imglint) -> None:
    before = (tree / "b.json").read_bytes()
    imglint("--write-baseline", "b.json")
    assert (tree / "b.json").read_bytes() == before
    assert json.loads(before) == {
        "version": 2,
        "findings": [
            {"rule": "latest-tag", "path": "Dockerfile", "text": "latest", "line": "FROM quay.io/acme/web:latest", "count": 1}
        ],
    }
    assert before.count(b'"rule"') == len([line for line in before.splitlines() if b'"rule"' in line])


def test_entries_are_sorted_and_counted(tmp_path: Path, imglint: Imglint) -> None:
    (tmp_path / "sub" / "b").mkdir(parents=True)
    for name in ("sub/b/Dockerfile", "sub/Dockerfile"):
        (tmp_path / name).write_text(BAD + BAD)
    imglint("--write-baseline", "sub/b.json")
    entries = json.loads((tmp_path / "sub" / "b.json").read_text())["findings"]
    assert [(entry["path"], entry["count"]) for entry in entries] == [("Dockerfile", 2), ("b/Dockerfile", 2)]
    assert [list(entry) for entry in entries] == [["rule", "path", "text", "line", "count"]] * 2


def test_counts_of_equal_entries_are_added(tree: Path, imglint: Imglint) -> None:
    (tree / "Dockerfile").write_text(BAD + BAD)
    baseline = json.loads((tree / "b.json").read_text())
    baseline["findings"] *= 2
    (tree / "b.json").write_text(json.dumps(baseline))
    assert imglint("--baseline", "b.json", "--quiet") == (0, "", "")


def test_unread_file_is_never_in_a_baseline(tmp_path: Path, imglint: Imglint) -> None:
    (tmp_path / "Dockerfile").write_bytes(b"FROM a\xff\n")
    assert imglint("--write-baseline", "b.json").status == 1
    outcome = imglint("--baseline", "b.json", "--quiet")
    assert outcome.status == 1
    assert " unread-file: " in outcome.out


def test_a_file_with_a_known_syntax_error_is_counted(tmp_path: Path, imglint: Imglint) -> None:
    broken = "apiVersion: v1\nkind: Pod\nspec: ]\n"
    for name in ("a.yaml", "b.yaml", "c.yaml"):
        (tmp_path / name).write_text(broken)
    summary = "No findings in 3 files (0 images); 3 files not read completely.\n"
    assert imglint("--write-baseline", "b.json") == (0, summary, "wrote 3 findings to b.json\n")
    assert imglint("--baseline", "b.json") == (0, summary, "")
    # A file with a finding that says so is not counted.
    (tmp_path / "a.yaml").write_text(f"{broken}---\n{broken.replace(']', '}')}")
    (tmp_path / "b.yaml").write_bytes(broken.encode() + b"# \xff\n")
    outcome = imglint("--baseline", "b.json")
    assert (outcome.out.count("error syntax-error: "), outcome.out.count("error unread-file: ")) == (1, 1)
    assert outcome.out.endswith("(0 images); 1 file not read completely.\n")


DOCKERFILE = "FROM docker.io/library/golang:1.25.1 AS build\nFROM docker.io/library/alpine:3.20.1 AS web\n"
USERS = f"{DOCKERFILE}USER root\nFROM docker.io/library/alpine:3.20.1 AS api\nUSER root\n"
TARGETS = "targets: [web, api]\nrules: {root-user: {level: error, uid: 7, explicit: true}}\n"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n%s  containers:\n"
API, LOG = "  - {name: api, image: quay.io/acme/api:v1.2.3}\n", "  - {name: log, image: quay.io/acme/log:v1.2.3}\n"
ROOT_API = API.replace("}", ", securityContext: {runAsUser: 0}}")
ROOT_POD = POD % "  securityContext: {runAsUser: 0}\n"
COMPOSE = "services:\n  web: {image: quay.io/acme/web:v1.2.3}\n"


@pytest.mark.parametrize(
    ("name", "before", "after", "new"),
    [
        # A new version.
        ("Dockerfile", DOCKERFILE, DOCKERFILE.replace("3.20.1", "3.20.2"), []),
        (
            "Dockerfile",
            DOCKERFILE,
            DOCKERFILE.replace("docker.io/library/alpine:3.20.1", "quay.io/acme/base@sha256:" + "0" * 64),
            [],
        ),
        ("Dockerfile", f"ARG TAG=3.20.1\n{DOCKERFILE}", f"ARG TAG=3.20.2\n{DOCKERFILE}".replace(":3.20.1", ":$TAG"), []),
        ("pod.yaml", POD % "" + API, POD % "" + API.replace("v1.2.3", "v1.2.4"), []),
        ("pod.yaml", POD % "" + ROOT_API, POD % "" + ROOT_API.replace("v1.2.3", "v1.2.4"), []),
        ("compose.yaml", COMPOSE, COMPOSE.replace("v1.2.3", "v1.2.4"), []),
        ("compose.yaml", COMPOSE.replace("}", ", user: root}"), COMPOSE.replace("v1.2.3}", "v1.2.4, user: root}"), []),
        # What sets the user moves to other lines.
        (
            "Dockerfile",
            USERS,
            f"{DOCKERFILE}RUN a\nUSER root\n# x\nFROM docker.io/library/alpine:3 AS api\nUSER   root\n",
            [],
        ),
        ("pod.yaml", POD % "" + ROOT_API, POD % "" + ROOT_API.replace("runAsUser: 0", "runAsNonRoot: true, runAsUser: 0"), []),
        # Another user.
        ("Dockerfile", USERS, USERS.replace("root\nFROM", "0\nFROM"), [3]),
        ("Dockerfile", DOCKERFILE, DOCKERFILE + "USER root\n", [3]),
        ("Dockerfile", DOCKERFILE + "USER root\n", DOCKERFILE, [2]),
        ("pod.yaml", POD % "" + API, POD % "" + ROOT_API, [6]),
        ("pod.yaml", POD % "" + ROOT_API, POD % "" + ROOT_API.replace("runAsUser: 0", "runAsNonRoot: false"), [6]),
        # Another stage, container or service, at the same text or on an equal line.
        (
            "Dockerfile",
            USERS.replace("root\nFROM", "7\nFROM"),
            USERS.replace("root\n", "7\n").replace("7\nFROM", "root\nFROM"),
            [3],
        ),
        ("Dockerfile", DOCKERFILE, DOCKERFILE + DOCKERFILE.splitlines()[1].replace("web", "api") + "\n", [3]),
        ("pod.yaml", POD % "" + API, POD % "" + API.replace("name: api", "name: log"), [6]),
        ("pod.yaml", POD % "" + API, POD % "" + API + LOG, [7]),
        ("pod.yaml", POD % "" + API, (POD % "").replace("{name: web}", "{name: app}") + API, [6]),
        ("compose.yaml", COMPOSE, COMPOSE.replace("web:", "api:", 1), [2]),
        # A user of several containers.
        ("pod.yaml", ROOT_POD + API, ROOT_POD + LOG + API, []),
        ("pod.yaml", ROOT_POD + LOG + API, ROOT_POD + API.replace("v1", "v2"), []),
        ("pod.yaml", ROOT_POD + API, ROOT_POD + LOG, [5]),
    ],
)
def test_a_finding_about_a_user_is_known_by_its_stage_or_container(
    name: str, before: str, after: str, new: list[int], tmp_path: Path, imglint: Imglint
) -> None:
    (tmp_path / ".imglint.yaml").write_text(TARGETS)
    (tmp_path / name).write_text(before)
    assert imglint("--write-baseline", "b.json", "--quiet") == (0, "", "")
    assert imglint("--baseline", "b.json", "--quiet") == (0, "", "")
    (tmp_path / name).write_text(after)
    outcome = imglint("--baseline", "b.json", "--format", "json", "--fail-on", "never", "--quiet")
    assert outcome.err == ""
    assert [(found["rule"], found["line"]) for found in json.loads(outcome.out)["findings"]] == [
        ("root-user", line) for line in new
    ]


def test_entries_for_users(tmp_path: Path, imglint: Imglint) -> None:
    (tmp_path / ".imglint.yaml").write_text(TARGETS)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE + "FROM scratch AS api\nUSER 0\n")
    (tmp_path / "pod.yaml").write_text((ROOT_POD.replace("runAsUser: 0", "runAsNonRoot: false") + API + LOG + "---\n") * 2)
    assert imglint("--write-baseline", "b.json").status == 0
    assert json.loads((tmp_path / "b.json").read_text())["findings"] == [
        {"rule": "root-user", "path": "Dockerfile", "user": "stage api, user 0", "count": 1},
        {"rule": "root-user", "path": "Dockerfile", "user": "stage web", "count": 1},
        {"rule": "root-user", "path": "pod.yaml", "user": "Pod/web container api, runAsNonRoot false", "count": 2},
        {"rule": "root-user", "path": "pod.yaml", "user": "Pod/web container log, runAsNonRoot false", "count": 2},
    ]


OLD = {"rule": "root-user", "path": "Dockerfile", "text": "root", "line": "USER root", "count": 1}
OLD_BASE = {**OLD, "text": "docker.io/library/alpine:3.20.1", "line": "FROM docker.io/library/alpine:3.20.1 AS web"}
NEW = {"rule": "root-user", "path": "Dockerfile", "user": "stage api, user root", "count": 1}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("text", "entries", "new", "gone"),
    [
        (USERS, [{**OLD, "count": 2}], [], 0),
        (USERS, [OLD], [5], 0),
        (USERS, [OLD, NEW], [], 0),
        (USERS, [NEW, OLD], [], 0),
        (USERS, [NEW], [3], 0),
        (USERS, [OLD, OLD, NEW], [], 1),
        (DOCKERFILE, [OLD_BASE], [], 0),
        (DOCKERFILE, [OLD_BASE, {**NEW, "user": "stage web"}], [], 1),
        (DOCKERFILE.replace("3.20.1", "3.20.2"), [OLD_BASE], [2], 1),
    ],
)
def test_entries_of_the_first_version_are_read(
    version: int, text: str, entries: list[object], new: list[int], gone: int, tmp_path: Path, imglint: Imglint
) -> None:
    (tmp_path / ".imglint.yaml").write_text(TARGETS)
    (tmp_path / "Dockerfile").write_text(text)
    (tmp_path / "b.json").write_text(json.dumps({"version": version, "findings": entries}))
    outcome = imglint("--baseline", "b.json", "--format", "json", "--fail-on", "never")
    assert [found["line"] for found in json.loads(outcome.out)["findings"]] == new
    assert ("1 finding no longer occurs" in outcome.err) is (gone == 1)
    assert bool(outcome.err) is bool(gone)


def test_no_baseline_is_written_after_a_policy_error(tmp_path: Path, imglint: Imglint) -> None:
    (tmp_path / ".imglint.yaml").write_text("rulez: {}\n")
    assert imglint("--write-baseline", "b.json").status == 2
    assert not (tmp_path / "b.json").exists()


ENTRY = '{"rule": "a", "path": "b", "text": "c", "line": "d", "count": 1}'
USER_ENTRY = '{"rule": "a", "path": "b", "user": "c", "count": 1}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "b.json:1:1: not valid JSON: Expecting value"),
        ('{\n  "version": 1,\n  "findings": [,]\n}', "b.json:3:16: not valid JSON: "),
        ("[]", 'b.json:1:1: expected an object with "version": 2 and a list of "findings"'),
        ('{"version": 3, "findings": []}', 'b.json:1:1: expected an object with "version": 2'),
        ('{"findings": []}', 'b.json:1:1: expected an object with "version": 2'),
        ('{"version": 1, "findings": {}}', "b.json:1:1: expected an object"),
        ('{"version": 1,\n"findings": [\n' + ENTRY + ",\n5]}", "b.json:"),
        (
            '{"version": 1,\n"findings": [\n' + ENTRY + ",\n" + ENTRY.replace("1}", "0}") + "]}",
            "b.json:4:1: expected the strings rule, path, text, line, or rule, path, user, and a positive count",
        ),
        ('{"version": 1, "findings": [' + ENTRY.replace('"a"', "null") + "]}", "b.json:1:1: expected the strings"),
        ('{"version": 2, "findings": [' + USER_ENTRY.replace('"c"', "5") + "]}", "b.json:1:1: expected the strings"),
        ('{"version": 2, "findings": [' + USER_ENTRY.replace("1}", "-1}") + "]}", "b.json:1:1: expected the strings"),
        ("[" * 100_000, "b.json:1:1: nested too deeply"),
        (
            '\n{"version": 1, "findings": [\n5,\n' + ENTRY + "\n]}",
            "b.json:3:1: expected the strings rule, path, text, line, or rule, path, user, and a positive count, found 5; ",
        ),
        (
            '{"version": 1, "findings": [\n' + ENTRY + ",\n" + "{},\n" * 3 + "5]}",
            "b.json:3:1: expected the strings rule, path, text, line, or rule, path, user, and a positive count, found {}; ",
        ),
        # In a reformatted file the entry is not found, and line 1 is reported.
        (
            '\n{"version": 1, "findings": [\n{"rule":"a"}]}',
            'b.json:1:1: expected the strings rule, path, text, line, or rule, path, user, and a positive count, found {"rule": "a"}; ',
        ),
        (
            '{"version": 1, "findings": ["' + "x" * 100 + '"]}',
            'b.json:1:1: expected the strings rule, path, text, line, or rule, path, user, and a positive count, found "'
            + "x" * 79
            + "; ",
        ),
    ],
)
def test_invalid_baseline(tree: Path, imglint: Imglint, text: str, message: str) -> None:
    (tree / "b.json").write_text(text)
    outcome = imglint("--baseline", "b.json", "--report", "sarif=out.sarif")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"imglint: {message}")
    assert outcome.err.endswith("; write the baseline again with --write-baseline\n")
    assert not (tree / "out.sarif").exists()


@pytest.mark.parametrize("path", ["gone.json", "folder"])
def test_baseline_that_cannot_be_read(tree: Path, imglint: Imglint, path: str) -> None:
    (tree / "folder").mkdir()
    outcome = imglint("--baseline", path)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"imglint: {path}: cannot read baseline: ")


@pytest.fixture
def registries(monkeypatch: pytest.MonkeyPatch) -> ExampleRegistries:
    """Have `--online` ask registries in memory, of which the one of quay.io does not answer about `acme/gone`."""
    examples = ExampleRegistries()

    class Client:
        def __init__(self, *_more: object, **_options: object) -> None: ...

        def ask(self, question: Question) -> Answer:
            if question.repository == "acme/gone":
                raise Unverified(question.endpoint.registry, "timed out")
            return examples.ask(question)

    monkeypatch.setattr("imglint.registry.client.Client", Client)
    return examples


def test_a_baseline_never_has_what_could_not_be_asked(tmp_path: Path, imglint: Imglint, registries: ExampleRegistries) -> None:
    (tmp_path / "Dockerfile").write_text("FROM quay.io/acme/gone:1.0.0\nUSER 1001\n")
    options = ("--online", "--refresh", "--select", "missing-digest")
    outcome = imglint(*options, "--write-baseline", "b.json")
    assert (outcome.status, outcome.err) == (1, "wrote 1 finding to b.json\n")
    assert "unverified-image" not in (tmp_path / "b.json").read_text()
    outcome = imglint(*options, "--baseline", "b.json", "--format", "concise")
    assert outcome.out.startswith("Dockerfile:1:6: warning unverified-image: cannot ask quay.io: timed out\n")
    registries.add("quay.io/acme/gone:1.0.0")


def test_no_answer_is_in_a_baseline_or_in_a_fingerprint(tmp_path: Path, imglint: Imglint, registries: ExampleRegistries) -> None:
    (tmp_path / "Dockerfile").write_text("FROM quay.io/acme/web:1.0.0\nUSER 1001\n")
    options = ("--online", "--refresh", "--select", "missing-digest,outdated-tag")
    sarif, gitlab = ("--report", "sarif=r.sarif"), ("--report", "gitlab=r.json")

    def written() -> tuple[str, set[str], set[str]]:
        imglint(*options, "--write-baseline", "b.json")
        assert imglint(*options, *sarif, *gitlab).status == 1
        log = json.loads((tmp_path / "r.sarif").read_text())["runs"][0]["results"]
        quality = json.loads((tmp_path / "r.json").read_text())
        assert {result["ruleId"] for result in log} == {"missing-digest", "outdated-tag"}
        prints = {str(result["partialFingerprints"]) for result in log}
        return (tmp_path / "b.json").read_text(), prints, {entry["fingerprint"] for entry in quality}

    registries.add("quay.io/acme/web:1.0.0")
    registries.add("quay.io/acme/web:1.1.0")
    first = written()
    registries.add("quay.io/acme/web:1.0.0", labels={"moved": "yes"})
    registries.add("quay.io/acme/web:1.2.0")
    assert written() == first


def test_findings_that_only_registries_cause_are_not_gone_without_them(
    tmp_path: Path, imglint: Imglint, registries: ExampleRegistries
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM quay.io/acme/web:1.0.0\nUSER 1001\n")
    (tmp_path / ".imglint.yaml").write_text("rules: {outdated-tag: warning}\n")
    registries.add("quay.io/acme/web:1.0.0")
    registries.add("quay.io/acme/web:1.1.0")
    assert imglint("--online", "--refresh", "--write-baseline", "b.json").err == "wrote 1 finding to b.json\n"
    assert imglint("--online", "--refresh", "--baseline", "b.json").err == ""
    assert imglint("--baseline", "b.json").err == ""
    del registries.tags["quay.io/acme/web"]["1.1.0"]
    gone = "b.json: 1 finding no longer occurs; update the baseline with --write-baseline\n"
    assert imglint("--online", "--refresh", "--baseline", "b.json").err == gone
    # The finding may still occur where the registry did not answer.
    (tmp_path / "Dockerfile").write_text("FROM quay.io/acme/gone:1.0.0\nUSER 1001\n")
    assert imglint("--online", "--refresh", "--baseline", "b.json").err == ""
