"""Development containers, Bake, Skaffold and Quadlet: the files that they name, fixes in them, and ignore comments in their syntax."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imglint.model import NamedFile
from imglint.source import Source
from imglint.testing import check_text, fix_text

if TYPE_CHECKING:
    from tests.conftest import Imglint

POLICY = "images:\n- match: docker.io/**\n"
TARGET = 'target "a" {{ {} }}\n'


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("devcontainer.json", '{"build": {"dockerfile": "../a.txt"}}', {"../a.txt": "dockerfile"}),
        ("devcontainer.json", '{"dockerFile": "a.txt", "build": {"dockerfile": "b.txt"}}', {"b.txt": "dockerfile"}),
        ("devcontainer.json", '{"dockerFile": "./sub/../a.txt"}', {"a.txt": "dockerfile"}),
        ("devcontainer.json", '{"dockerFile": "${localEnv:A:a}.txt"}', {"a.txt": "dockerfile"}),
        ("devcontainer.json", '{"dockerFile": "${localEnv:A:}"}', {}),
        ("devcontainer.json", '{"dockerComposeFile": ["a.yaml", "../b.yaml"]}', {"a.yaml": "compose", "../b.yaml": "compose"}),
        ("devcontainer.json", '{"dockerComposeFile": "a.yaml"}', {"a.yaml": "compose"}),
        ("docker-bake.hcl", TARGET.format('dockerfile = "a.txt"'), {"a.txt": "dockerfile"}),
        ("docker-bake.hcl", 'target "a" {\ncontext = "sub"\ndockerfile = "a.txt"\n}\n', {"sub/a.txt": "dockerfile"}),
        ("docker-bake.hcl", 'target "a" {\ncontext = "sub"\ndockerfile = "cwd://a.txt"\n}\n', {"a.txt": "dockerfile"}),
        ("docker-bake.hcl", 'target "a" {\ncontext = "https://x/y"\ndockerfile = "a.txt"\n}\n', {}),
        ("docker-bake.hcl", TARGET.format('dockerfile = "https://x/a.txt"'), {}),
        ("docker-bake.hcl", TARGET.format('dockerfile = "/a.txt"'), {}),
        ("docker-bake.hcl", TARGET.format('dockerfile = ""'), {}),
        ("docker-bake.hcl", TARGET.format('dockerfile = "Dockerfile.web"'), {}),
        ("docker-bake.hcl", TARGET.format('dockerfile = X ? "a.txt" : "b.txt"'), {"a.txt": "dockerfile", "b.txt": "dockerfile"}),
        (
            "docker-bake.hcl",
            'target "a" {\nmatrix = { m = ["a", "b"] }\ndockerfile = "${m}.txt"\n}\n',
            {"a.txt": "dockerfile", "b.txt": "dockerfile"},
        ),
        (
            "docker-bake.hcl",
            'target "a" {\ninherits = ["b", "c", 5, "none"]\n}\ntarget "b" { dockerfile = "b.txt" }\ntarget "c" { context = "sub" }\n',
            {"sub/b.txt": "dockerfile", "b.txt": "dockerfile"},
        ),
        ("docker-bake.hcl", 'target "a" { inherits = ["b"] }\ntarget "b" { inherits = ["a"] }\n', {}),
        ("docker-bake.json", '{"target": {"a": {"dockerfile": "a.txt"}}}', {"a.txt": "dockerfile"}),
        ("skaffold.yaml", "docker: {dockerfile: a.txt}", {"a.txt": "dockerfile"}),
        ("skaffold.yaml", "context: sub, docker: {dockerfile: a.txt}", {"sub/a.txt": "dockerfile"}),
        ("skaffold.yaml", "workspace: sub, kaniko: {dockerfile: a.txt}", {"sub/a.txt": "dockerfile"}),
        ("skaffold.yaml", "context: sub, docker: {dockerfile: here.txt}", {"here.txt": "dockerfile"}),
        ("skaffold.yaml", "docker: {dockerfile: Dockerfile.web}", {}),
        ("skaffold.yaml", "docker: {dockerfile: '{{.X}}.txt'}", {}),
        ("web.build", "[Build]\nFile=a.txt\n", {"a.txt": "dockerfile"}),
        ("web.build", "[Build]\nFile=/a.txt\n", {}),
        ("web.build", "[Build]\nFile=https://x/a.txt\n", {}),
        ("web.build", "[Build]\nFile=a.txt\nSetWorkingDirectory=https://x/y.git\n", {}),
        ("web.build", "[Build]\nFile=a.txt\nSetWorkingDirectory=/srv\n", {}),
        ("web.build", "[Build]\nFile=\n", {}),
    ],
)
def test_files_are_named_by_their_paths(
    path: str, text: str, expected: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("here.txt").touch()
    if path == "skaffold.yaml":
        text = f"apiVersion: skaffold/v4\nbuild: {{artifacts: [{{{text}}}]}}\n"
    kind = {"web.build": "quadlet", "skaffold.yaml": "skaffold", "devcontainer.json": "devcontainer"}.get(path, "bake")
    facts = import_module(f"imglint.readers.{kind}").read(Source(path, text, kind))
    assert {fact.path: fact.kind for fact in facts if isinstance(fact, NamedFile)} == expected


def test_a_dockerfile_of_bake_may_be_relative_to_the_repository(
    imglint: Imglint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (".git", "build", "app"):
        tmp_path.joinpath(folder).mkdir()
    tmp_path.joinpath("app", "web.txt").write_text("FROM nginx\n")
    tmp_path.joinpath("build", "docker-bake.hcl").write_text('target "web" {\ncontext = "app"\ndockerfile = "web.txt"\n}\n')
    found = json.loads(imglint("images", "--format", "json", "build", cwd=tmp_path).out)
    assert [use["path"] for use in found] == ["app/web.txt"]


@pytest.mark.parametrize(
    ("filename", "text", "name"),
    [
        ("devcontainer.json", '{"image": "@:1"} // a', "nginx"),
        ("devcontainer.json", '{"image": "${localEnv:A:@}:1"}', "nginx"),
        ("docker-bake.hcl", 'target "a" { contexts = { a = "docker-image://@:1" } }\n', "nginx"),
        ("docker-bake.hcl", 'V = "@"\ntarget "a" { contexts = { a = "docker-image://${V}:1" } }\n', "nginx"),
        ("docker-bake.hcl", 'target "a" { dockerfile-inline = <<A\n  FROM @:1\nA\n}\n', "nginx"),
        ("docker-bake.json", '{"target": {"a": {"contexts": {"a": "docker-image://@:1"}}}}', "nginx"),
        ("skaffold.yaml", "apiVersion: skaffold/v4\nbuild: {artifacts: [{image: a, ko: {fromImage: @:1}}]}\n", "nginx"),
        ("Chart.yaml", "annotations:\n  artifacthub.io/images: |\n    - image: @:1\n", "nginx"),
        ("Chart.yaml", 'annotations: {"artifacthub.io/images": "- image: @:1\\n"}\n', "nginx"),
        # Nothing that is written can be changed, or Podman decides.
        ("devcontainer.json", '{"image": "${localEnv:A}nginx:1"}', ""),
        ("devcontainer.json", '{"image": "acme\\/web:1"}', ""),
        ("web.container", "[Container]\nImage=nginx:1\n", ""),
    ],
)
def test_registries_are_written_where_the_name_is(filename: str, text: str, name: str) -> None:
    before, after = text.replace("@", name), text.replace("@", f"docker.io/library/{name}")
    assert fix_text(before, filename, rule="implicit-registry", policy=POLICY, unsafe=False) == after


def test_other_images_are_written_into_units() -> None:
    policy = "images:\n- {match: docker.io/acme/*, approved: deprecated, use-instead: ghcr.io/acme/*}\n- match: ghcr.io/acme/*\n"
    text = "[Container]\nImage=docker.io/acme/web:1\n"
    assert fix_text(text, "web.container", rule="deprecated-image", policy=policy) == "[Container]\nImage=ghcr.io/acme/web:1\n"


def test_user_is_added_to_an_inline_dockerfile() -> None:
    before = 'target "a" { dockerfile-inline = <<A\n  FROM nginx:1\n  RUN true\nA\n}\n'
    after = 'target "a" { dockerfile-inline = <<A\n  FROM nginx:1\n  RUN true\n  USER 1001\nA\n}\n'
    assert (
        fix_text(before, "docker-bake.hcl", rule="root-user", policy="rules: {root-user: {level: error, uid: 1001}}\n") == after
    )


@pytest.mark.parametrize(
    ("filename", "text"),
    [
        ("devcontainer.json", '{{\n"image": "nginx:latest" {}\n}}\n'),
        ("devcontainer.json", '{{\n{}\n"image": "nginx:latest"}}\n'),
        ("docker-bake.hcl", 'target "a" {{\ncontexts = {{ a = "docker-image://nginx:latest" }} {}\n}}\n'),
        ("docker-bake.hcl", 'target "a" {{\n{}\ncontexts = {{ a = "docker-image://nginx:latest" }}\n}}\n'),
    ],
)
def test_comments_with_slashes_silence_findings(filename: str, text: str) -> None:
    def found(comment: str) -> list[tuple[str, int]]:
        return [(one.rule, one.location.line) for one in check_text(text.format(comment), filename, rule="implicit-registry")]

    own = [rule for rule, _ in found("") if rule == "implicit-registry"]
    assert own == ["implicit-registry"]
    silenced = [rule for rule, _ in found("// imglint: ignore[implicit-registry] a reason")]
    assert "implicit-registry" not in silenced
    assert "implicit-registry" in [rule for rule, _ in found("// imglint: ignore[moving-tag]")]


def test_comments_of_units_silence_findings() -> None:
    for mark in "#;":
        text = f"[Container]\n{mark} imglint: ignore[latest-tag]\nImage=docker.io/library/nginx:latest\n"
        assert [one.rule for one in check_text(text, "web.container", rule="latest-tag")] == []


@pytest.mark.parametrize(("filename", "mark"), [("docker-bake.hcl", "//"), ("docker-bake.hcl", "#"), ("web.container", ";")])
def test_malformed_comments_are_shown_as_the_file_writes_them(filename: str, mark: str) -> None:
    text = f"{mark} imglint: ignore latest-tag\n{'[Container]' if filename == 'web.container' else ''}\n"
    assert [one.message for one in check_text(text, filename, rule="unused-ignore")] == [
        f"ignore comment names no rule; write `{mark} imglint: ignore[RULE] reason`"
    ]
