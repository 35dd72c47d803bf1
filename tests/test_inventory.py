"""The formats of `imglint images`: the same content in all of them, valid for the programs that take them, and the commit that is checked out."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packageurl import PackageURL

from imglint.commands.cli import cli
from imglint.commands.inventory.csv import COLUMNS, _cell
from imglint.engine.commits import head_commit
from imglint.git import GitError
from imglint.plugins.load import image_formats

if TYPE_CHECKING:
    from tests.conftest import Imglint

Git = Callable[..., None]

DIGEST = "sha256:" + "0123456789abcdef" * 4
POD = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n"
PLACES = {
    "deploy/web.yaml": POD
    + f"    - image: nginx\n    - image: nginx:latest\n    - image: ghcr.io/acme/web:v1@{DIGEST}\n    - image: ghcr.io/acme/web@{DIGEST}\n",
    "compose.yaml": "services:\n  a: {image: 'localhost:5000/Acme'}\n  b: {image: '${IMAGE}'}\n  c: {image: 'ghcr.io/acme/web:${TAG}'}\n",
    "chart/Chart.yaml": "name: chart\n",
    "chart/values.yaml": "image:\n  registry: quay.io\n  repository: acme/web\n  tag: v1\n",
    "Dockerfile": "FROM [::1]:5000/base:1.20\nUSER 1001\n",
}


@pytest.fixture
def tree(tmp_path: Path, git: Git) -> Path:
    """Return two repositories, the second without a commit, and a folder outside of both."""
    for name in ("one", "two", "none"):
        for path, text in PLACES.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(text)
    for name in ("one", "two"):
        git(tmp_path / name, "init", "--quiet")
    (tmp_path / "one" / ".imglint.yaml").write_text("images: [{match: docker.io/library/nginx}]\n")
    commit_all(tmp_path / "one", git)
    return tmp_path


def commit_all(folder: Path, git: Git) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Add everything")


def head_by_git(folder: Path) -> str:
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def listed(imglint: Imglint, tree: Path, *paths: str) -> list[dict[str, Any]]:
    """Return the rows of the format `ndjson`."""
    outcome = imglint("images", "--format", "ndjson", *paths, cwd=tree)
    assert outcome.status == 0
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_ndjson_and_csv_have_the_content_of_json(tree: Path, imglint: Imglint) -> None:
    paths = ("two", "one", "none")
    entries = json.loads(imglint("images", "--format", "json", *paths, cwd=tree).out)
    rows = listed(imglint, tree, *paths)
    roots = [("none", None), ("one", head_by_git(tree / "one")), ("two", None)]
    # Outside of a repository, the root is the current folder.
    named = {"none": tree.name}
    expected = [
        {"root": named.get(root, root), "commit": commit, **entry}
        for root, commit in roots
        for entry in entries
        if entry["path"].startswith(f"{root}/")
    ]
    assert rows == expected
    assert [list(row) for row in rows] == [list(COLUMNS)] * len(entries)
    assert {row["valid"] for row in rows} == {True, False, None}
    assert {row["row"] for row in rows} == {1, None}
    assert sum(bool(row["parts"]) for row in rows) == len(roots)
    table = list(csv.DictReader(imglint("images", "--format", "csv", *paths, cwd=tree).out.splitlines()))
    assert table == [{name: as_cell(value) for name, value in row.items()} for row in rows]


def as_cell(value: object) -> str:
    if value is None or value == {}:
        return ""
    if isinstance(value, dict):
        return json.dumps(value, separators=(",", ":"))
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (12, "12"),
        ("", ""),
        ("nginx:1.27", "nginx:1.27"),
        ("a,b", '"a,b"'),
        ('a"b', '"a""b"'),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\uff1d1", "'\uff1d1"),
        ("a=1", "a=1"),
        ("a;=1", '"a;\'=1"'),
        ('=1","=2', '"\'=1"",""=2"'),
        ("\t=1", "\\t=1"),
        ("\r=1", "\\r=1"),
        ("a\nb", "a\\nb"),
        ("::error::a", '"::error::a"'),
        (" ::error::a", '" ::error::a"'),
        ("##[error]a", "#\\x23[error]a"),
        ("\udcff", "\\udcff"),
    ],
)
def test_cells_are_quoted_and_run_nothing(value: object, cell: str) -> None:
    assert _cell(value) == cell


@given(st.lists(st.text(st.characters(codec=None) | st.sampled_from("=+-@\t\r\n;,'\"")), min_size=1))
def test_any_text_is_one_cell_that_runs_nothing(texts: list[str]) -> None:
    line = ",".join(["1", *map(_cell, texts)])
    assert line.isprintable()
    for separator in ",;":
        for cell in next(csv.reader([line], delimiter=separator)):
            assert not cell.startswith(("=", "+", "-", "@", "\uff0b", "\t", "\r"))
    assert len(next(csv.reader([line]))) == 1 + len(texts)


def test_cyclonedx_has_each_image_once_with_its_places(tree: Path, imglint: Imglint) -> None:
    outcome = imglint("images", "--format", "cyclonedx", "one", "two", cwd=tree)
    assert (outcome.status, outcome.out.isascii()) == (0, True)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(outcome.out) is None
    document = json.loads(outcome.out)
    components = {component["purl"]: component for component in document["components"]}
    assert [component["bom-ref"] for component in document["components"]] == sorted(components)
    found = {url: (one["name"], one.get("version"), len(one["evidence"]["occurrences"])) for url, one in components.items()}
    web = "pkg:oci/web{}?repository_url=ghcr.io%2Facme%2Fweb{}"
    assert found == {
        "pkg:oci/base?repository_url=%5B::1%5D:5000%2Fbase&tag=1.20": ("[::1]:5000/base", "1.20", 2),
        "pkg:oci/nginx?repository_url=docker.io%2Flibrary%2Fnginx&tag=latest": ("docker.io/library/nginx", "latest", 4),
        web.format("", ""): ("ghcr.io/acme/web", None, 2),
        web.format(f"@{DIGEST}", ""): ("ghcr.io/acme/web", DIGEST, 2),
        web.format(f"@{DIGEST}", "&tag=v1"): ("ghcr.io/acme/web", f"v1@{DIGEST}", 2),
        "pkg:oci/web?repository_url=quay.io%2Facme%2Fweb&tag=v1": ("quay.io/acme/web", "v1", 2),
    }
    commit = head_by_git(tree / "one")
    nginx = components["pkg:oci/nginx?repository_url=docker.io%2Flibrary%2Fnginx&tag=latest"]
    assert nginx["type"] == "container"
    assert nginx["evidence"]["occurrences"][0] == {
        "location": "one/deploy/web.yaml",
        "line": 5,
        "additionalContext": f"one@{commit}, production, workload, kubernetes, container: Pod container",
    }
    assert [(entry["name"], entry["value"]) for entry in nginx["properties"]] == [
        ("imglint:repository", f"one@{commit}"),
        ("imglint:repository", "two"),
        ("imglint:environment", "production"),
        ("imglint:role", "workload"),
        ("imglint:kind", "kubernetes"),
    ]
    assert document["compositions"] == [{"aggregate": "incomplete"}]
    left_out = [entry["value"] for entry in document["properties"] if entry["name"] == "imglint:left-out"]
    assert [value.partition(": ")[0] for value in left_out] == [
        f"{name}/compose.yaml:{line}" for name in ("one", "two") for line in ("2:15", "3:15")
    ]


def test_package_urls_have_the_parts_that_the_specification_gives_them(tree: Path, imglint: Imglint) -> None:
    document = json.loads(imglint("images", "--format", "cyclonedx", "one", cwd=tree).out)
    for component in document["components"]:
        url = PackageURL.from_string(component["purl"])
        name, digest = component["name"], component.get("version", "").rpartition("@")[2]
        assert (url.type, url.namespace, url.name, url.subpath) == ("oci", None, name.rpartition("/")[2], None)
        assert url.version == (digest if digest.startswith("sha256:") else None)
        tag = component.get("version", "").removesuffix(digest if url.version else "").rstrip("@")
        assert url.qualifiers == {"repository_url": name, **({"tag": tag} if tag else {})}


def test_cyclonedx_of_the_same_content_is_the_same(tree: Path, imglint: Imglint) -> None:
    one = imglint("images", "--format", "cyclonedx", "one", cwd=tree)
    assert imglint("images", "--format", "cyclonedx", "one", cwd=tree) == one
    other = json.loads(imglint("images", "--format", "cyclonedx", "two", cwd=tree).out)
    assert json.loads(one.out)["serialNumber"] != other["serialNumber"]


def test_an_empty_inventory_is_valid(tmp_path: Path, imglint: Imglint) -> None:
    found = {name: imglint("images", "--format", name).out for name in image_formats()}
    assert (found["text"], found["ndjson"], found["json"]) == ("", "", "[]\n")
    assert found["csv"] == ",".join(COLUMNS) + "\n"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(found["cyclonedx"]) is None
    assert json.loads(found["cyclonedx"])["components"] == []
    assert "compositions" not in json.loads(found["cyclonedx"])


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(TEXTS, TEXTS | st.from_regex(r"[a-z]{1,3}(/[a-z]{1,3})?(:[a-zA-Z0-9_.-]{1,3})?", fullmatch=True)), max_size=4
    )
)
def test_any_content_is_valid_in_every_format(imglint: Imglint, tmp_path: Path, containers: list[tuple[str, str]]) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {"containers": [{"name": name, "image": image} for name, image in containers]},
    }
    (tmp_path / "pod.json").write_text(json.dumps(pod))
    entries = json.loads(imglint("images", "--format", "json").out)
    assert len(listed(imglint, tmp_path)) == len(entries)
    assert len(list(csv.DictReader(imglint("images", "--format", "csv").out.splitlines()))) == len(entries)
    document = imglint("images", "--format", "cyclonedx").out
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(document) is None
    occurrences = [place for one in json.loads(document)["components"] for place in one["evidence"]["occurrences"]]
    assert len(occurrences) == sum(entry["valid"] is True for entry in entries)


def test_an_unknown_format_leaves_stdout_empty(imglint: Imglint) -> None:
    assert imglint("images", "--format", "ndjsn") == (2, "", "imglint: unknown format `ndjsn`; did you mean `ndjson`?\n")


def test_a_failure_leaves_stdout_empty(tree: Path, imglint: Imglint, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "two" / ".imglint.yaml").write_text("imagse: []\n")
    for name in image_formats():
        outcome = imglint("images", "--format", name, "one", "two", cwd=tree)
        assert (outcome.status, outcome.out) == (2, "")


def test_the_help_names_every_format() -> None:
    (option,) = [parameter for parameter in cli.commands["images"].params if parameter.name == "format"]
    text = str(option.help)
    assert sorted(text.removeprefix("Output format: ").partition(" [")[0].replace(" or ", ", ").split(", ")) == [*image_formats()]


def empty(folder: Path, git: Git) -> Path:
    folder.mkdir()
    return folder


def unborn(folder: Path, git: Git) -> Path:
    git(empty(folder, git), "init", "--quiet")
    return folder


def committed(folder: Path, git: Git, *options: str) -> Path:
    git(empty(folder, git), "init", "--quiet", "--initial-branch=feature/a.b", *options)
    (folder / "a").touch()
    commit_all(folder, git)
    return folder


def packed(folder: Path, git: Git) -> Path:
    git(committed(folder, git), "branch", "feature/a.bc")
    git(folder, "tag", "--annotate", "--message", "A tag", "v1")
    git(folder, "pack-refs", "--all")
    assert not (folder / ".git" / "refs" / "heads" / "feature" / "a.b").exists()
    return folder


def packed_then_moved(folder: Path, git: Git) -> Path:
    git(packed(folder, git), "commit", "--quiet", "--allow-empty", "--message", "Another")
    return folder


def detached(folder: Path, git: Git) -> Path:
    git(committed(folder, git), "checkout", "--quiet", "--detach")
    return folder


def worktree(folder: Path, git: Git) -> Path:
    git(committed(folder.with_name("main"), git), "worktree", "add", "--quiet", "-b", "other", str(folder))
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "Another")
    return folder


def packed_worktree(folder: Path, git: Git) -> Path:
    git(worktree(folder, git), "pack-refs", "--all")
    return folder


def sha256(folder: Path, git: Git) -> Path:
    return committed(folder, git, "--object-format=sha256")


def linked_head(folder: Path, git: Git) -> Path:
    head = committed(folder, git) / ".git" / "HEAD"
    head.unlink()
    head.symlink_to("refs/heads/feature/a.b")
    return folder


def symbolic_branch(folder: Path, git: Git) -> Path:
    git(committed(folder, git), "symbolic-ref", "refs/heads/other", "refs/heads/feature/a.b")
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/other\n")
    return folder


@pytest.mark.parametrize(
    "make",
    [
        empty, unborn, committed, packed, packed_then_moved, detached, worktree, packed_worktree, sha256, linked_head, symbolic_branch,
    ],
)  # fmt: skip
def test_the_commit_is_the_one_of_git(make: Callable[[Path, Git], Path], tmp_path: Path, git: Git) -> None:
    folder = make(tmp_path / "repository", git)
    expected = None if make in (empty, unborn) else head_by_git(folder)
    assert head_commit(str(folder)) == expected
    assert make is not sha256 or len(str(expected)) == 64


@pytest.mark.parametrize("make", [committed, packed, detached, worktree, packed_worktree, sha256])
def test_git_is_not_needed_for_the_usual_repositories(
    make: Callable[[Path, Git], Path], tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make(tmp_path / "repository", git)
    monkeypatch.setenv("PATH", "")
    assert head_commit(str(folder))


@pytest.mark.parametrize(
    "head", ["ref: refs/heads/.invalid\n", "ref: refs/heads/../../../secret\n", "ref: refs/tags/v1\n", "owned\n", "0123\n"]
)
def test_a_head_that_only_git_can_read(
    head: str, tmp_path: Path, git: Git, imglint: Imglint, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = committed(tmp_path / "repository", git)
    (tmp_path / "secret").write_text("0123456789" * 4)
    (folder / ".git" / "HEAD").write_text(head)
    (folder / "Dockerfile").write_text("FROM nginx\n")
    with pytest.raises(GitError):
        head_commit(str(folder))
    outcome = imglint("images", "--format", "ndjson", "repository")
    assert (outcome.status, json.loads(outcome.out)["commit"]) == (0, None)
    assert outcome.err.startswith(f"{folder}: cannot read the commit: ")
    assert imglint("images", "--format", "json", "repository").err == ""
    monkeypatch.setenv("PATH", "")
    assert "Git is not installed" in imglint("images", "--format", "csv", "repository").err


def test_a_branch_that_is_no_file_has_no_commit(tmp_path: Path, git: Git) -> None:
    branch = committed(tmp_path / "repository", git) / ".git" / "refs" / "heads" / "feature" / "a.b"
    branch.unlink()
    os.mkfifo(branch)
    assert head_commit(str(tmp_path / "repository")) is None


def test_a_submodule_belongs_to_the_repository_around_it(tmp_path: Path, git: Git, imglint: Imglint) -> None:
    inner = committed(tmp_path / "inner", git)
    (inner / "Dockerfile").write_text("FROM nginx\n")
    commit_all(inner, git)
    outer = committed(tmp_path / "outer", git)
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "part")
    commit_all(outer, git)
    (row,) = listed(imglint, tmp_path, "outer")
    assert (row["root"], row["commit"], row["path"]) == ("outer", head_by_git(outer), "outer/part/Dockerfile")
