"""Images that other files of a repository build or rewrite are judged for what is pulled in the end.

Each case is a repository and the findings in it. They are the same with and without Git, in one process and in several, for the whole repository and
for each file alone, as a hook checks it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imglint.engine import tree_files
from imglint.source import BESIDE_SIZE_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Imglint

RULES = ("implicit-registry", "latest-tag", "moving-tag", "missing-digest")
ALL = {"implicit-registry", "latest-tag", "missing-digest"}
"""The findings about an image without registry and tag."""
DIGEST = f"sha256:{'0' * 64}"


def pod(image: str, kind: str = "containers") -> str:
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  {kind}:\n  - name: web\n    image: {image}\n"


def kustomization(*resources: str, images: str = "", kind: str = "Kustomization", **lists: list[str]) -> str:
    """Return a kustomization. `images` are entries in flow style, without the brackets."""
    version = "v1alpha1" if kind == "Component" else "v1beta1"
    listed = "".join([f"{key}: {json.dumps(paths)}\n" for key, paths in {"resources": list(resources), **lists}.items() if paths])
    return f"apiVersion: kustomize.config.k8s.io/{version}\nkind: {kind}\n{listed}" + (f"images: [{images}]\n" if images else "")


def skaffold(*images: str) -> str:
    artifacts = "".join([f"  - image: {image}\n" for image in images])
    return f"apiVersion: skaffold/v4beta11\nkind: Config\nbuild:\n  artifacts:\n{artifacts}"


def compose(image: str, more: str = "build: .") -> str:
    return f"services:\n  web:\n    image: {image}\n    {more}\n"


NEW = "{name: controller, newName: ghcr.io/acme/op, newTag: v1.2.3}"
"""An entry that sets the name and the tag."""
PINNED = f"{{name: controller, newName: ghcr.io/acme/op, digest: '{DIGEST}'}}"
NAMED = "{name: controller, newName: ghcr.io/acme/op}"
TAGGED = "{name: controller, newTag: v1.2.3}"
MANAGER = pod("controller:latest")

Files = dict[str, str]

CASES: dict[str, tuple[Files, dict[str, set[str]]]] = {
    # Each case: the files, and the rules of the findings in each file, without those of the kustomizations.
    "a kustomization sets the name and the tag": (
        {"m.yaml": MANAGER, "kustomization.yaml": kustomization("m.yaml", images=NEW)},
        {"m.yaml": {"missing-digest"}},
    ),
    "a kustomization sets the name": (
        {"m.yaml": MANAGER, "kustomization.yaml": kustomization("m.yaml", images=NAMED)},
        {"m.yaml": {"latest-tag", "missing-digest"}},
    ),
    "a kustomization sets the tag": (
        {"m.yaml": MANAGER, "kustomization.yaml": kustomization("m.yaml", images=TAGGED)},
        {"m.yaml": {"implicit-registry", "missing-digest"}},
    ),
    "a kustomization sets the digest": (
        {"m.yaml": MANAGER, "kustomization.yaml": kustomization("m.yaml", images=PINNED)},
        {},
    ),
    "a moving tag is replaced": (
        {"m.yaml": pod("ghcr.io/acme/op:main"), "kustomization.yaml": kustomization("m.yaml", images="{name: ghcr.io/acme/op, newTag: v1.2.3}")},
        {"m.yaml": {"missing-digest"}},
    ),
    "only the very name is replaced": (
        {
            "a.yaml": pod("docker.io/library/controller"),
            "b.yaml": pod("my/controller:latest"),
            "c.yaml": pod("controller2"),
            "kustomization.yaml": kustomization("a.yaml", "b.yaml", "c.yaml", images=NEW),
        },
        {"a.yaml": {"latest-tag", "missing-digest"}, "b.yaml": ALL, "c.yaml": ALL},
    ),
    "a name is not read as a pattern": (
        {"m.yaml": MANAGER, "kustomization.yaml": kustomization("m.yaml", images="{name: 'control.*', newTag: v1}")},
        {"m.yaml": ALL},
    ),
    "keys in any case, and the old name of the list": (
        {"m.yaml": MANAGER, "kustomization.yaml": "Resources: [m.yaml]\nimageTags: [{Name: controller, NewTag: v1.2.3}]\n"},
        {"m.yaml": {"implicit-registry", "missing-digest"}},
    ),
    "an init container is rewritten, other places are not": (
        {
            "a.yaml": pod("controller", "initContainers"),
            "b.yaml": pod("controller", "ephemeralContainers"),
            "kustomization.yaml": kustomization("a.yaml", "b.yaml", images=NEW),
        },
        {"a.yaml": {"missing-digest"}, "b.yaml": ALL},
    ),
    "a kustomization in an outer folder": (
        {"config/manager/m.yaml": MANAGER, "kustomization.yml": kustomization("./config/manager/m.yaml", images=PINNED)},
        {},
    ),
    "an overlay of a base": (
        {
            "base/m.yaml": MANAGER,
            "base/Kustomization": kustomization("m.yaml"),
            "overlays/prod/kustomization.yaml": kustomization("../../base/", images=PINNED),
        },
        {},
    ),
    "an overlay in a folder of the base": (
        {
            "base/m.yaml": MANAGER,
            "base/kustomization.yaml": kustomization("m.yaml"),
            "base/prod/kustomization.yaml": kustomization(bases=[".."], images=PINNED),
        },
        {},
    ),
    "an overlay of the root": (
        {
            "m.yaml": MANAGER,
            "kustomization.yaml": kustomization("m.yaml"),
            "overlays/prod/kustomization.yaml": kustomization("../../", images=PINNED),
        },
        {},
    ),
    "one of two overlays": (
        {
            "base/m.yaml": MANAGER,
            "base/kustomization.yaml": kustomization("m.yaml"),
            "dev/kustomization.yaml": kustomization("../base"),
            "prod/kustomization.yaml": kustomization("../base", images=PINNED),
        },
        {},
    ),
    "an overlay goes on with the new name": (
        {
            "base/m.yaml": MANAGER,
            "base/kustomization.yaml": kustomization("m.yaml", images=NAMED),
            "prod/kustomization.yaml": kustomization("../base", images=f"{{name: ghcr.io/acme/op, digest: '{DIGEST}'}}"),
        },
        {},
    ),
    "an overlay does not find the old name": (
        {
            "base/m.yaml": MANAGER,
            "base/kustomization.yaml": kustomization("m.yaml", images=NAMED),
            "prod/kustomization.yaml": kustomization("../base", images=TAGGED),
        },
        {"base/m.yaml": {"latest-tag", "missing-digest"}},
    ),
    "entries of one file apply in order": (
        {
            "a.yaml": pod("one:latest"),
            "b.yaml": pod("two:latest"),
            "kustomization.yaml": kustomization(
                "a.yaml", "b.yaml", images="{name: two, newName: ghcr.io/acme/three}, {name: one, newName: two}, {name: two, newTag: v1.2.3}"
            ),
        },
        {"a.yaml": {"missing-digest"}, "b.yaml": {"latest-tag", "missing-digest"}},
    ),
    "a component": (
        {
            "base/m.yaml": MANAGER,
            "images/kustomization.yaml": kustomization(kind="Component", images=PINNED),
            "base/kustomization.yaml": kustomization("m.yaml", components=["../images"]),
        },
        {},
    ),
    "a component of a component, before the kustomization": (
        {
            "m.yaml": MANAGER,
            "inner/kustomization.yaml": kustomization(kind="Component", images=NAMED),
            "outer/kustomization.yaml": kustomization(kind="Component", components=["../inner"], images="{name: ghcr.io/acme/op, newTag: v1.2.3}"),
            "kustomization.yaml": kustomization("m.yaml", components=["outer"], images=f"{{name: ghcr.io/acme/op, digest: '{DIGEST}'}}"),
        },
        {},
    ),
    "a resource of a component": (
        {
            "c/m.yaml": MANAGER,
            "c/kustomization.yaml": kustomization("m.yaml", kind="Component", images=NAMED),
            "kustomization.yaml": kustomization(components=["c"], images=f"{{name: ghcr.io/acme/op, digest: '{DIGEST}'}}"),
        },
        {},
    ),
    "a component of another kustomization": (
        {
            "a/m.yaml": MANAGER,
            "a/kustomization.yaml": kustomization("m.yaml"),
            "b/kustomization.yaml": kustomization(components=["../c"]),
            "c/kustomization.yaml": kustomization(kind="Component", images=NEW),
        },
        {"a/m.yaml": ALL},
    ),
    "components are of the kind Component": (
        {
            "m.yaml": MANAGER,
            "c/n.yaml": MANAGER,
            "c/kustomization.yaml": kustomization("n.yaml"),
            "kustomization.yaml": kustomization("m.yaml", components=["c"], images=TAGGED),
        },
        {"m.yaml": {"implicit-registry", "missing-digest"}, "c/n.yaml": ALL},
    ),
    "patches are rewritten": (
        {
            "a.yaml": MANAGER,
            "b.yaml": MANAGER,
            "c.yaml": MANAGER,
            "kustomization.yaml": kustomization(patchesStrategicMerge=["a.yaml", "c: d\ne: f\n"], images=PINNED)
            + "patches: [{path: b.yaml}, {patch: 'x: y'}, c.yaml]\n",
        },
        {},
    ),
    "a kustomization that does not reach the manifest": (
        {"a/m.yaml": MANAGER, "b/m.yaml": pod("ghcr.io/a/b@" + DIGEST), "b/kustomization.yaml": kustomization("m.yaml", images=NEW)},
        {"a/m.yaml": ALL},
    ),
    "no kustomization reaches the manifest": ({"m.yaml": MANAGER, "kustomization.yaml": kustomization(images=NEW)}, {"m.yaml": ALL}),
    "paths that leave the repository, and addresses": (
        {
            "m.yaml": MANAGER,
            "kustomization.yaml": kustomization("../x/m.yaml", "/m.yaml", "https://example.com/m.yaml", "github.com/a/m.yaml", "", images=NEW),
        },
        {"m.yaml": ALL},
    ),
    "kustomizations that reach each other": (
        {
            "a/m.yaml": MANAGER,
            "a/kustomization.yaml": kustomization("m.yaml", "../b", "."),
            "b/kustomization.yaml": kustomization("../a", images="{name: controller, newName: two}, {name: two, newName: controller}"),
        },
        {"a/m.yaml": {"latest-tag", "missing-digest"}},
    ),
    "components of each other": (
        {
            "m.yaml": MANAGER,
            "a/kustomization.yaml": kustomization(kind="Component", components=["../b", "../nowhere"]),
            "b/kustomization.yaml": kustomization(kind="Component", components=["../a"], images=TAGGED),
            "kustomization.yaml": kustomization("m.yaml", components=["a"]),
        },
        {"m.yaml": {"implicit-registry", "missing-digest"}},
    ),
    "files that are not kustomizations": (
        {
            "a/m.yaml": MANAGER,
            "a/kustomization.yaml": kustomization("m.yaml", images=NEW, kind="List"),
            "b/m.yaml": MANAGER,
            "b/kustomization.yaml": f"[controller, {{resources: [m.yaml], images: [{NEW}]}}]\n",
            "c/m.yaml": MANAGER,
            "c/kustomization.yaml": f"resources: {{a: m.yaml}}\nimages: {NEW}\n",
            "d/m.yaml": MANAGER,
            "d/kustomization.yaml": "resources: [m.yaml, {a: b}]\nimages: [controller, {newName: controller}, {name: [], newTag: v1}]\n",
        },
        {f"{folder}/m.yaml": ALL for folder in "abcd"},
    ),
    "a kustomization that is not YAML": (
        {"m.yaml": MANAGER, "kustomization.yaml": f"resources: [m.yaml]\nimages: [{NEW}]\na: [\n"},
        {"m.yaml": ALL},
    ),
    "a kustomization that is too long": (
        {"m.yaml": MANAGER, "kustomization.yaml": kustomization("m.yaml", images=NEW).ljust(BESIDE_SIZE_MAX + 1, "\n")},
        {"m.yaml": ALL},
    ),
    "what an excluded file writes is not judged, so it does not count": (
        {
            ".imglint.yaml": "exclude: [x/]\n",
            "m.yaml": MANAGER,
            "x/kustomization.yaml": kustomization("../m.yaml", images=NEW),
            "x/skaffold.yaml": skaffold("controller"),
        },
        {"m.yaml": ALL},
    ),
    "a row that requires a digest": (
        {
            ".imglint.yaml": "images: [{match: controller, digest: required}]\n",
            "m.yaml": MANAGER,
            "kustomization.yaml": kustomization("m.yaml", images=PINNED),
            "skaffold.yaml": skaffold("controller"),
        },
        {"m.yaml": {"missing-digest"}},
    ),
    "Skaffold": (
        {
            "k8s/a.yaml": pod("web"),
            "k8s/b.yaml": pod("ghcr.io/acme/api:latest"),
            "k8s/c.yaml": pod("worker:main"),
            "k8s/d.yaml": pod("ghcr.io/acme/other:latest"),
            "skaffold.yaml": skaffold("web", "'ghcr.io/acme/api'", "'{{.IMAGE}}'") + "profiles:\n- build: {artifacts: [{image: worker}, {}, x]}\n- x\n",
        },
        {"k8s/d.yaml": {"latest-tag", "missing-digest"}},
    ),
    "Skaffold in another file, in several documents": (
        {"m.yaml": pod("web"), "dev/skaffold.dev.yml": f"{skaffold('api')}---\n{skaffold('web')}"},
        {},
    ),
    "not Skaffold": (
        {
            "m.yaml": pod("web"),
            "skaffold.yaml": skaffold("web").replace("skaffold/", "acme/"),
            "my-skaffold.yaml": skaffold("web"),
            "skaffold.txt": skaffold("web"),
        },
        {"m.yaml": ALL},
    ),
    "Compose builds the image": ({"m.yaml": pod("web"), "dev/docker-compose.yml": compose("web:latest")}, {}),
    "Compose builds the image under a variable": ({"m.yaml": pod("web:v1"), "c/compose.yaml": compose("web:$TAG"), "c/.env": "TAG=v1\n"}, {}),
    "Compose builds another tag": ({"m.yaml": pod("web"), "compose.yaml": compose("web:v1")}, {"m.yaml": ALL}),
    "Compose does not build the image": (
        {"m.yaml": pod("web"), "compose.yaml": compose("web", "labels: {build: a}"), "compose.txt.yaml": "web\n"},
        {"m.yaml": ALL, "compose.yaml": ALL},
    ),
    "others can publish what Compose builds": (
        {"a.yaml": pod("acme/web"), "b.yaml": pod("docker.io/library/api"), "compose.yaml": compose("acme/web"), "docker-compose.yaml": compose("api")},
        {"a.yaml": ALL, "b.yaml": {"latest-tag", "missing-digest"}},
    ),
    "the policy approves what Compose builds": (
        {".imglint.yaml": "images: [{match: web}]\nrules: {missing-digest: warning}\n", "m.yaml": pod("web"), "compose.yaml": compose("web")},
        {"m.yaml": ALL},
    ),
}  # fmt: skip


def write(folder: Path, files: Files) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def found(imglint: Imglint, *arguments: str) -> dict[str, set[str]]:
    """Return the rules of the findings in each file, without those in kustomizations and policies."""
    selected = [part for rule in RULES for part in ("--select", rule)]
    rules: dict[str, set[str]] = {}
    for finding in json.loads(imglint(*arguments, *selected, "--format", "json").out)["findings"]:
        path = finding["path"].removeprefix("./")
        if not path.lower().endswith(tree_files.KUSTOMIZATION_NAMES[:2]) and not path.endswith("Kustomization"):
            rules.setdefault(path, set()).add(finding["rule"])
    return rules


@pytest.mark.parametrize("with_git", [False, True], ids=["without Git", "with Git"])
@pytest.mark.parametrize("case", CASES)
def test_findings(case: str, with_git: bool, imglint: Imglint, git: Callable[..., None], tmp_path: Path) -> None:
    files, expected = CASES[case]
    write(tmp_path, files)
    if with_git:
        git(tmp_path, "init")
        git(tmp_path, "add", ".")
    assert found(imglint, ".") == expected
    assert found(imglint, ".", "--jobs", "2") == expected
    for path in files:
        if path.endswith(".yaml") and "kustomization" not in path and path != ".imglint.yaml":
            assert found(imglint, path) == {each: rules for each, rules in expected.items() if each == path}


def test_a_new_file_belongs_to_new_files(imglint: Imglint, git: Callable[..., None], tmp_path: Path) -> None:
    write(tmp_path, {"old/m.yaml": MANAGER, "old/kustomization.yaml": kustomization("m.yaml")})
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    write(tmp_path, {"new/m.yaml": MANAGER, "new/kustomization.yaml": kustomization("m.yaml", "../old", images=PINNED)})
    assert found(imglint, ".") == {"old/m.yaml": ALL}
    git(tmp_path, "add", ".")
    assert found(imglint, ".") == {}


@pytest.mark.parametrize("target", ["outside", "inside"])
def test_links_lead_to_files_inside_only(target: str, imglint: Imglint, git: Callable[..., None], tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    write(repository, {"m.yaml": MANAGER, "inside/k": kustomization("m.yaml", images=PINNED)})
    write(tmp_path, {"outside/k": kustomization("m.yaml", images=PINNED)})
    (repository / "kustomization.yaml").symlink_to((repository if target == "inside" else tmp_path) / target / "k")
    git(repository, "init")
    git(repository, "add", ".")
    selected = [part for rule in RULES for part in ("--select", rule)]
    outcome = imglint("m.yaml", *selected, cwd=repository)
    assert ("controller" in outcome.out) == (target == "outside")


def test_standard_input_is_a_file_of_the_repository(
    imglint: Imglint, git: Callable[..., None], tmp_path: Path, stdin: Callable[[bytes], None]
) -> None:
    write(tmp_path, {"config/kustomization.yaml": kustomization("m.yaml", images=PINNED)})
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    for name, expected in (("config/m.yaml", {}), ("m.yaml", {"m.yaml": ALL})):
        stdin(MANAGER.encode())
        assert found(imglint, "-", "--stdin-filename", name) == expected


def test_no_file_is_read_if_there_is_nothing_to_report(imglint: Imglint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        tmp_path, {"m.yaml": pod(f"ghcr.io/acme/op:v1.2.3@{DIGEST}"), "kustomization.yaml": kustomization("m.yaml", images=NEW)}
    )
    monkeypatch.delattr(tree_files, "TreeFiles")
    assert found(imglint, "m.yaml") == {}


def test_explain_names_the_places(imglint: Imglint, tmp_path: Path) -> None:
    entry = "- name: controller\n  newName: ghcr.io/acme/op\n  newTag: v1.2.3\n"
    write(
        tmp_path,
        {
            "a/m.yaml": MANAGER,
            "a/kustomization.yaml": f"resources: [m.yaml]\nimages:\n{entry}",
            "b/kustomization.yaml": kustomization("../a", images=f"{{name: ghcr.io/acme/op, digest: '{DIGEST}', newTag: v2}}"),
            "skaffold.yaml": skaffold("controller"),
        },
    )
    out = " ".join(imglint("explain", "a/m.yaml").out.split())
    assert "built by skaffold.yaml:5" in out
    assert "rewritten name by a/kustomization.yaml:4; tag by a/kustomization.yaml:5; digest by b/kustomization.yaml:4" in out
