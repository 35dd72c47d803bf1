"""The fixes that ask registries: tables of a file, and the file after the safe fixes and after all of them. The registries are in memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imglint.engine.discover import Found
from imglint.engine.facts import Settings
from imglint.engine.fix import fix_file
from imglint.engine.online import Online
from imglint.engine.run import run
from imglint.engine.tree import Trees
from imglint.errors import Unverified
from imglint.plugins import load as plugins
from imglint.policy.find import one_for_all
from imglint.policy.load import load
from imglint.policy.lookup import FILE_NAME, default_policy
from imglint.registry.answers import Answers
from imglint.registry.examples import ExampleRegistries
from imglint.registry.questions import TAGS
from imglint_rules._fixes import ASKED_MAX

if TYPE_CHECKING:
    from imglint.model import Finding
    from imglint.registry.questions import Answer, Question

REGISTRIES = ExampleRegistries()
NGINX = REGISTRIES.add("nginx:1.27.3", also=("1.27", "1", "latest", "stable", "mainline", "1.27.3-bookworm", "v1.27.3"))
OLD = REGISTRIES.add("nginx:1.26.0")
REGISTRIES.add("nginx:1.27.3-alpine", also=("1.27-alpine", "alpine"))
ALPINE = REGISTRIES.add("alpine:3.20", also=("latest", "3.20.1", "3", "20240606"))
WEB = REGISTRIES.add("ghcr.io/acme/web:v1.2.3", also=("latest", "v1.2"))
REGISTRIES.add("quay.io/minio/minio:RELEASE.2024-06-13T22-53-53Z", also=("latest", "RELEASE.2024-06-13T22-53-53Z.fips"))
REGISTRIES.add("quay.io/minio/minio:RELEASE.2024-01-01T00-00-00Z")
for number in range(20):
    REGISTRIES.add(f"ghcr.io/acme/many:2.0.{number}")
MANY = REGISTRIES.add("ghcr.io/acme/many:latest", also=("1.0.0",))
# The same content under another name
for name in ("mirror.example/hub/nginx", "ghcr.io/acme/nginx"):
    REGISTRIES.manifests[name] = REGISTRIES.manifests["docker.io/library/nginx"]
    REGISTRIES.tags[name] = {"1.27.3": NGINX}
REGISTRIES.tags["ghcr.io/acme/nginx"]["1.26.0"] = NGINX
for tag in (
    "3.12",
    "3.12-slim",
    "3.13",
    "3.13-slim",
    "3.13-slim-bookworm",
    "3.13.1-slim",
    "3.14-slim",
    "3.15-rc-slim",
    "no spaces 3",
):
    REGISTRIES.tags.setdefault("docker.io/library/python", {})[tag] = REGISTRIES.add(f"python:x{len(tag)}{hash(tag) % 97}")
for tag in [tag for tag in REGISTRIES.tags["docker.io/library/python"] if tag.startswith("x")]:
    del REGISTRIES.tags["docker.io/library/python"][tag]
PYTHON = REGISTRIES.tags["docker.io/library/python"]
REGISTRIES.add("ghcr.io/acme/app-amd64:1", platforms=["linux/amd64"])
REGISTRIES.add("ghcr.io/acme/app:1")
REGISTRIES.add("ghcr.io/acme/lone:1-arm64", platforms=["linux/arm64"])
REGISTRIES.add("ghcr.io/acme/lone:1", platforms=["linux/amd64"])
REGISTRIES.add("ghcr.io/acme/seven:1", platforms=["linux/amd64", "linux/arm/v7"])

SAME = "SAME"


def ask(question: Question) -> Answer:
    if "unreachable" in question.repository:
        raise Unverified(question.endpoint.registry, "timed out")
    return REGISTRIES.ask(question)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def settings(policy: str, *selected: str, online: bool = True) -> Settings:
    if policy:
        Path(FILE_NAME).write_text(policy, encoding="utf-8")
    policies = one_for_all(load(FILE_NAME, plugins.rules(), plugins.kinds()) if policy else default_policy())
    known = Online(Answers(ask)) if online else None
    return Settings(policies, plugins.rules(), selected=frozenset(selected), tree=Trees(policies), online=known)


def fixed(policy: str, path: str, text: str, rule: str, *, unsafe: bool, online: bool = True) -> str:
    """Return a file after the fixes of a rule, or why they failed."""
    data = text.encode()
    Path("Chart.yaml").write_text("apiVersion: v2\nname: web\n", encoding="utf-8")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(data)

    def is_wanted(finding: Finding) -> bool:
        return finding.fix is not None and (finding.fix.safe or unsafe) and finding.rule == rule

    after = fix_file(Found(path, True), data, settings(policy, rule, online=online), is_wanted)
    return after.failure or after.after.decode()


def checked(rule: str, policy: str, path: str, text: str) -> list[Finding]:
    Path(path).write_text(text, encoding="utf-8")
    return list(run([path], settings(policy, rule)).findings)


POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n  - name: web\n    image: {}\n"
KUSTOMIZATION = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nimages:\n{}"
VALUES = "image:\n  repository: nginx\n  tag: {}\n"

# name of the case: file, text, the text after the safe fixes, and after the others if that is different
MISSING_DIGEST: dict[str, tuple[str, ...]] = {
    "FROM": ("Dockerfile", "FROM nginx:1.27.3 AS web\n", f"FROM nginx:1.27.3@{NGINX} AS web\n"),
    "FROM without a tag": ("Dockerfile", "FROM nginx\n", f"FROM nginx:latest@{NGINX}\n"),
    "COPY and RUN": (
        "Dockerfile",
        "FROM nginx:1.27.3\nCOPY --from=alpine:3.20 /a /b\nRUN --mount=type=bind,from=nginx:1.26.0,target=/x true\n",
        f"FROM nginx:1.27.3@{NGINX}\nCOPY --from=alpine:3.20@{ALPINE} /a /b\n"
        f"RUN --mount=type=bind,from=nginx:1.26.0@{OLD},target=/x true\n",
    ),
    "an ARG": ("Dockerfile", "ARG BASE=nginx:1.27.3\nFROM ${BASE}\n", f"ARG BASE=nginx:1.27.3@{NGINX}\nFROM ${{BASE}}\n"),
    "an ARG without a tag": ("Dockerfile", "ARG BASE=nginx\nFROM $BASE\n", f"ARG BASE=nginx:latest@{NGINX}\nFROM $BASE\n"),
    "an ARG in quotes": ("Dockerfile", 'ARG A=1 V="1.27.3"\nFROM nginx:$V\n', f'ARG A=1 V="1.27.3@{NGINX}"\nFROM nginx:$V\n'),
    "an ARG of two stages": (
        "Dockerfile",
        "ARG V=1.27.3\nFROM nginx:$V AS a\nFROM alpine:3.20 AS c\nFROM nginx:${V} AS b\n",
        f"ARG V=1.27.3@{NGINX}\nFROM nginx:$V AS a\nFROM alpine:3.20@{ALPINE} AS c\nFROM nginx:${{V}} AS b\n",
    ),
    "an ARG of two images": (
        "Dockerfile",
        "ARG V=latest\nFROM nginx:$V AS a\nFROM alpine:$V AS b\nFROM nginx:1.26.0 AS c\n",
        f"ARG V=latest\nFROM nginx:$V AS a\nFROM alpine:$V AS b\nFROM nginx:1.26.0@{OLD} AS c\n",
    ),
    "an ARG that a stage declares again": (
        "Dockerfile",
        "ARG V=1.27.3\nFROM nginx:$V\nARG V\nRUN x\n",
        SAME,
        f"ARG V=1.27.3@{NGINX}\nFROM nginx:$V\nARG V\nRUN x\n",
    ),
    "an ARG that another one reads": (
        "Dockerfile",
        "ARG V=1.27.3\nARG B=nginx:${V}\nFROM $B\n",
        SAME,
        f"ARG V=1.27.3@{NGINX}\nARG B=nginx:${{V}}\nFROM $B\n",
    ),
    "an ARG of a part of a tag": ("Dockerfile", "ARG V=1.27.3\nFROM nginx:${V}-alpine\n", SAME),
    "an ARG of the name": (
        "Dockerfile",
        "ARG R=docker.io/library\nFROM $R/nginx:1.27.3\n",
        f"ARG R=docker.io/library\nFROM $R/nginx:1.27.3@{NGINX}\n",
    ),
    "an unknown tag": ("Dockerfile", "ARG V\nFROM nginx:$V\n", SAME),
    "a stage, scratch and an absent image": ("Dockerfile", "FROM scratch AS a\nFROM a\nFROM absent:1\nFROM nginx:9\n", SAME),
    "a registry that cannot be asked": (
        "Dockerfile",
        "FROM unreachable:1 AS a\nFROM nginx:1.27.3\n",
        f"FROM unreachable:1 AS a\nFROM nginx:1.27.3@{NGINX}\n",
    ),
    "a registry that is not listed": ("Dockerfile", "FROM other.example/a:1\n", SAME),
    "compose": (
        "compose.yaml",
        "services:\n  a: {image: nginx:1.27.3}\n  b:\n    image: 'alpine:3.20' # c\n  c:\n    image: ${I:-nginx:1.26.0}\n",
        f"services:\n  a: {{image: nginx:1.27.3@{NGINX}}}\n  b:\n    image: 'alpine:3.20@{ALPINE}' # c\n"
        f"  c:\n    image: ${{I:-nginx:1.26.0@{OLD}}}\n",
    ),
    "compose, the default of a tag": (
        "compose.yaml",
        "services:\n  a:\n    image: nginx:${T:-1.27.3}\n",
        f"services:\n  a:\n    image: nginx:${{T:-1.27.3@{NGINX}}}\n",
    ),
    "compose, an anchor": (
        "compose.yaml",
        "services:\n  a:\n    image: &i nginx:1.27.3\n  b:\n    image: *i\n",
        f"services:\n  a:\n    image: &i nginx:1.27.3@{NGINX}\n  b:\n    image: *i\n",
    ),
    "compose, images built here": ("compose.yaml", "services:\n  a:\n    build: .\n    image: nginx:1.27.3\n", SAME),
    "a pod": ("pod.yaml", POD.format('"nginx:1.27.3"'), POD.format(f'"nginx:1.27.3@{NGINX}"')),
    "a pod with carriage returns": (
        "pod.yaml",
        POD.format("nginx:1.27.3").replace("\n", "\r\n"),
        POD.format(f"nginx:1.27.3@{NGINX}").replace("\n", "\r\n"),
    ),
    "a pod in JSON": (
        "pod.json",
        '{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "nginx:1.27.3"}]}}',
        f'{{"apiVersion": "v1", "kind": "Pod", "spec": {{"containers": [{{"image": "nginx:1.27.3@{NGINX}"}}]}}}}',
    ),
    "a block scalar": ("pod.yaml", POD.format(">-\n      nginx:1.27.3"), POD.format(f">-\n      nginx:1.27.3@{NGINX}")),
    "Kustomize, behind newTag": (
        "kustomization.yaml",
        KUSTOMIZATION.format("- name: nginx\n  newTag: 1.27.3 # c\n"),
        KUSTOMIZATION.format(f"- name: nginx\n  newTag: 1.27.3@{NGINX} # c\n"),
    ),
    "Kustomize, a new name": (
        "kustomization.yaml",
        KUSTOMIZATION.format("- {name: web, newName: docker.io/library/nginx, newTag: '1.27'}\n"),
        KUSTOMIZATION.format(f"- {{name: web, newName: docker.io/library/nginx, newTag: '1.27@{NGINX}'}}\n"),
    ),
    "Kustomize, into the key": (
        "kustomization.yaml",
        KUSTOMIZATION.format('- name: nginx\n  newTag: 1.27.3\n  digest: ""\n'),
        KUSTOMIZATION.format(f'- name: nginx\n  newTag: 1.27.3\n  digest: "{NGINX}"\n'),
    ),
    "Kustomize, into the empty key": (
        "kustomization.yaml",
        KUSTOMIZATION.format("- name: nginx\n  digest:\n  newTag: 1.27.3\n"),
        KUSTOMIZATION.format(f"- name: nginx\n  digest: {NGINX}\n  newTag: 1.27.3\n"),
    ),
    "Kustomize, a name alone": ("kustomization.yaml", KUSTOMIZATION.format("- name: nginx\n  newName: alpine\n"), SAME),
    "Argo CD": (
        "app.yaml",
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  source:\n    kustomize:\n      images:\n      - web=nginx:1.27.3\n",
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  source:\n    kustomize:\n      images:\n"
        f"      - web=nginx:1.27.3@{NGINX}\n",
    ),
    "Helm, into the key": (
        "values.yaml",
        VALUES.format('1.27.3\n  digest: ""'),
        VALUES.format(f'1.27.3\n  digest: "{NGINX}"'),
    ),
    "Helm, into a null": ("values.yaml", VALUES.format("1.27.3\n  digest: null"), VALUES.format(f"1.27.3\n  digest: {NGINX}")),
    "Helm, into the empty key": (
        "values.yaml",
        VALUES.format("1.27.3\n  digest: # none").replace("  tag", "  digest:\n  tag", 0),
        VALUES.format(f"1.27.3\n  digest: {NGINX} # none"),
    ),
    "Helm, into sha": (
        "values.yaml",
        VALUES.format('1.27.3\n  sha: ""'),
        VALUES.format(f'1.27.3\n  sha: "{NGINX.removeprefix("sha256:")}"'),
    ),
    "Helm, a digest that is not used": (
        "values.yaml",
        VALUES.format('1.27.3\n  digest: ""\n  useDigest: false'),
        SAME,
        VALUES.format(f'1.27.3@{NGINX}\n  digest: ""\n  useDigest: false'),
    ),
    "Helm, into the tag": ("values.yaml", VALUES.format('"1.27"'), SAME, VALUES.format(f'"1.27@{NGINX}"')),
    "Helm, into a tag that is a number": ("values.yaml", VALUES.format("1.27"), SAME, VALUES.format(f"1.27@{NGINX}")),
    "Helm, without a tag": ("values.yaml", VALUES.format('""\n  digest: ""'), SAME),
    "Helm, registry and repository": (
        "values.yaml",
        'image:\n  registry: ghcr.io\n  repository: acme/web\n  tag: v1.2.3\n  digest: ""\n',
        f'image:\n  registry: ghcr.io\n  repository: acme/web\n  tag: v1.2.3\n  digest: "{WEB}"\n',
    ),
    "Helm, a string": ("values.yaml", "image: nginx:1.27.3\n", f"image: nginx:1.27.3@{NGINX}\n"),
    "Helm, a repository with a tag": (
        "values.yaml",
        "image:\n  repository: nginx:1.27.3\n  pullPolicy: Always\n",
        SAME,
        f"image:\n  repository: nginx:1.27.3@{NGINX}\n  pullPolicy: Always\n",
    ),
    "Helm, an anchor": (
        "values.yaml",
        'a:\n  image: &i\n    repository: nginx\n    tag: 1.27.3\n    digest: ""\nb:\n  image: *i\n',
        f'a:\n  image: &i\n    repository: nginx\n    tag: 1.27.3\n    digest: "{NGINX}"\nb:\n  image: *i\n',
    ),
    "Helm, an anchor of the tag": (
        "values.yaml",
        "a:\n  image: {repository: nginx, tag: &t latest}\nb:\n  image: {repository: alpine, tag: *t}\n",
        SAME,
    ),
    "Flux": (
        "release.yaml",
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec:\n  values:\n"
        '    image: {repository: nginx, tag: 1.27.3, digest: ""}\n',
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec:\n  values:\n"
        f'    image: {{repository: nginx, tag: 1.27.3, digest: "{NGINX}"}}\n',
    ),
    "a template": (
        "templates/pod.yaml",
        "{{- if .Values.a }}\nkind: Pod\nspec:\n  containers:\n  - image: nginx:1.27.3\n    name: {{ .Values.b }}\n{{- end }}\n",
        "{{- if .Values.a }}\nkind: Pod\nspec:\n  containers:\n"
        f"  - image: nginx:1.27.3@{NGINX}\n    name: {{{{ .Values.b }}}}\n{{{{- end }}}}\n",
    ),
}

MISSING_DIGEST |= {
    "a workflow": (
        ".github/workflows/a.yml",
        "on: push\njobs:\n  a:\n    container: nginx:1.27.3\n    steps:\n    - uses: docker://alpine:3.20\n",
        f"on: push\njobs:\n  a:\n    container: nginx:1.27.3@{NGINX}\n    steps:\n    - uses: docker://alpine:3.20@{ALPINE}\n",
    ),
    "a variable of a pipeline": (
        ".gitlab-ci.yml",
        "variables:\n  V: 1.27.3\njob:\n  image: nginx:$V\n  script: [echo $V]\n",
        SAME,
        f"variables:\n  V: 1.27.3@{NGINX}\njob:\n  image: nginx:$V\n  script: [echo $V]\n",
    ),
}

LATEST_TAG: dict[str, tuple[str, ...]] = {
    "the most exact tag": ("Dockerfile", "FROM nginx:latest\n", "FROM nginx:1.27.3\n"),
    "no tag": ("Dockerfile", "FROM nginx AS a\n", "FROM nginx:1.27.3 AS a\n"),
    "versions before dates": ("Dockerfile", "FROM alpine\n", "FROM alpine:3.20.1\n"),
    "with a v": ("Dockerfile", "FROM ghcr.io/acme/web\n", "FROM ghcr.io/acme/web:v1.2.3\n"),
    "a date": ("Dockerfile", "FROM quay.io/minio/minio\n", "FROM quay.io/minio/minio:RELEASE.2024-06-13T22-53-53Z\n"),
    "an ARG": ("Dockerfile", "ARG V=latest\nFROM nginx:$V\n", "ARG V=1.27.3\nFROM nginx:$V\n"),
    "an ARG that others read": (
        "Dockerfile",
        "ARG V=latest\nFROM nginx:$V\nARG V\n",
        SAME,
        "ARG V=1.27.3\nFROM nginx:$V\nARG V\n",
    ),
    "an ARG of two images": ("Dockerfile", "ARG V=latest\nFROM nginx:$V AS a\nFROM alpine:$V\n", SAME),
    "a Helm map": ("values.yaml", VALUES.format("latest"), VALUES.format("1.27.3")),
    "a pod": ("pod.yaml", POD.format("nginx"), POD.format("nginx:1.27.3")),
    "Kustomize": (
        "kustomization.yaml",
        KUSTOMIZATION.format("- {name: nginx, newTag: latest}\n"),
        KUSTOMIZATION.format("- {name: nginx, newTag: 1.27.3}\n"),
    ),
    "absent": ("Dockerfile", "FROM absent\n", SAME),
    "not among the newest": ("Dockerfile", "FROM ghcr.io/acme/many\n", SAME),
    "cannot be asked": ("Dockerfile", "FROM unreachable\n", SAME),
}

OUTDATED_TAG: dict[str, tuple[str, ...]] = {
    "the same shape": ("Dockerfile", "FROM python:3.12-slim\n", SAME, "FROM python:3.14-slim\n"),
    "another shape": ("Dockerfile", "FROM python:3.12\n", SAME, "FROM python:3.13\n"),
    "a digest": (
        "Dockerfile",
        f"FROM python:3.12-slim@{PYTHON['3.12-slim']}\n",
        SAME,
        f"FROM python:3.14-slim@{PYTHON['3.14-slim']}\n",
    ),
    "an ARG": ("Dockerfile", "ARG V=3.12\nFROM python:$V\n", SAME, "ARG V=3.13\nFROM python:$V\n"),
    "a number": ("values.yaml", "image: {repository: python, tag: '3.12'}\n", SAME, "image: {repository: python, tag: '3.13'}\n"),
    "Kustomize with a digest": (
        "kustomization.yaml",
        KUSTOMIZATION.format(f"- name: nginx\n  newTag: 1.26.0@{OLD}\n"),
        SAME,
        KUSTOMIZATION.format(f"- name: nginx\n  newTag: 1.27.3@{NGINX}\n"),
    ),
    "Helm with a digest": (
        "values.yaml",
        VALUES.format(f"1.26.0\n  sha: {OLD.removeprefix('sha256:')}"),
        SAME,
        VALUES.format(f"1.27.3\n  sha: {NGINX.removeprefix('sha256:')}"),
    ),
}

STALE_DIGEST: dict[str, tuple[str, ...]] = {
    "a pod": ("pod.yaml", POD.format(f"nginx:1.27.3@{OLD}"), SAME, POD.format(f"nginx:1.27.3@{NGINX}")),
    "an ARG": ("Dockerfile", f"ARG V=1.27.3@{OLD}\nFROM nginx:$V\n", SAME, f"ARG V=1.27.3@{NGINX}\nFROM nginx:$V\n"),
    "Kustomize": (
        "kustomization.yaml",
        KUSTOMIZATION.format(f"- {{name: nginx, newTag: '1.27@{OLD}'}}\n"),
        SAME,
        KUSTOMIZATION.format(f"- {{name: nginx, newTag: '1.27@{NGINX}'}}\n"),
    ),
    "Helm": (
        "values.yaml",
        VALUES.format(f"1.27.3\n  digest: {OLD}"),
        SAME,
        VALUES.format(f"1.27.3\n  digest: {NGINX}"),
    ),
    "Helm, sha": (
        "values.yaml",
        VALUES.format(f"1.27.3\n  sha: {OLD.removeprefix('sha256:')}"),
        SAME,
        VALUES.format(f"1.27.3\n  sha: {NGINX.removeprefix('sha256:')}"),
    ),
    "up to date": ("Dockerfile", f"FROM nginx:1.27.3@{NGINX}\n", SAME),
}

TABLES = {"missing-digest": MISSING_DIGEST, "latest-tag": LATEST_TAG, "outdated-tag": OUTDATED_TAG, "stale-digest": STALE_DIGEST}


@pytest.mark.parametrize(("rule", "name"), [(rule, name) for rule, table in TABLES.items() for name in table])
def test_fixes(rule: str, name: str) -> None:
    path, text, safe, *unsafe = TABLES[rule][name]
    expected = text if safe == SAME else safe
    assert fixed("", path, text, rule, unsafe=False) == expected
    assert fixed("", path, text, rule, unsafe=True) == (unsafe[0] if unsafe else expected)
    # A second run changes nothing, and neither does one without registries.
    for after in (expected, *unsafe):
        assert fixed("", path, after, rule, unsafe=False) == after
    assert fixed("", path, text, rule, unsafe=True, online=False) == text


POLICY = """
images:
  - {match: docker.io/library/nginx, tags: ["{major}.{minor}.{patch}-*", latest]}
  - {match: docker.io/library/alpine, approved: false, use-instead: mirror.example/hub/alpine}
  - {match: docker.io/library/python, versions: ">=3.12 <3.14"}
  - {match: "**"}
"""


def test_tags_are_those_that_the_policy_allows() -> None:
    assert (
        fixed(f"{POLICY}rules: {{latest-tag: error}}\n", "Dockerfile", "FROM nginx\n", "latest-tag", unsafe=False)
        == "FROM nginx\n"
    )
    policy = POLICY.replace(", latest", "")
    assert fixed(policy, "Dockerfile", "FROM nginx\n", "latest-tag", unsafe=False) == "FROM nginx:1.27.3-bookworm\n"
    assert fixed(policy, "Dockerfile", "FROM python:3.12-slim\n", "outdated-tag", unsafe=True) == "FROM python:3.13-slim\n"
    assert not checked("outdated-tag", policy, "Dockerfile", "FROM alpine:3\nFROM python:3.13-slim\nFROM python:3.14-slim\n")


MOVED = """
images:
  - {match: docker.io/library/nginx, approved: false, use-instead: ghcr.io/acme/nginx}
  - {match: docker.io/library/alpine, approved: false, use-instead: ghcr.io/acme/alpine}
  - {match: docker.io/library/unreachable, approved: false, use-instead: ghcr.io/acme/unreachable}
  - {match: docker.io/library/*, approved: deprecated, use-instead: ghcr.io/acme/nginx}
  - {match: "**"}
"""
# The rule, the image, and the image after the safe fixes and after all of them
MOVES = [
    ("unapproved-image", "nginx:1.27.3", "ghcr.io/acme/nginx:1.27.3", ""),
    ("unapproved-image", f"nginx:1.27.3@{NGINX}", f"ghcr.io/acme/nginx:1.27.3@{NGINX}", ""),
    ("unapproved-image", "nginx:1.26.0", SAME, "ghcr.io/acme/nginx:1.26.0"),
    # The new name has no such tag, or no such digest, so there is nothing to write.
    ("unapproved-image", "nginx:1.27", SAME, SAME),
    ("unapproved-image", f"alpine:3.20@{ALPINE}", SAME, SAME),
    ("unapproved-image", "unreachable:1", SAME, "ghcr.io/acme/unreachable:1"),
]


@pytest.mark.parametrize(("rule", "image", "safe", "unsafe"), MOVES)
def test_another_image_is_safe_if_it_has_the_same_digest(rule: str, image: str, safe: str, unsafe: str) -> None:
    expected = image if safe == SAME else safe
    assert fixed(MOVED, "Dockerfile", f"FROM {image}\n", rule, unsafe=False) == f"FROM {expected}\n"
    last = expected if unsafe in ("", SAME) else unsafe
    assert fixed(MOVED, "Dockerfile", f"FROM {image}\n", rule, unsafe=True) == f"FROM {last}\n"


def test_a_deprecated_image_too() -> None:
    policy = (
        "images:\n- {match: docker.io/library/nginx, approved: deprecated, use-instead: ghcr.io/acme/nginx}\n- {match: '**'}\n"
    )
    text = "FROM nginx:1.27.3\n"
    assert fixed(policy, "Dockerfile", text, "deprecated-image", unsafe=False) == "FROM ghcr.io/acme/nginx:1.27.3\n"
    values = "image: {repository: nginx, tag: ''}\n"
    assert fixed(policy, "values.yaml", values, "deprecated-image", unsafe=False) == values
    assert fixed(policy, "values.yaml", values, "deprecated-image", unsafe=True) == values.replace("nginx", "ghcr.io/acme/nginx")


REGISTRY = [
    ("Dockerfile", "FROM nginx:1.27.3\n", "FROM docker.io/library/nginx:1.27.3\n", ""),
    ("Dockerfile", "FROM absent:1\n", SAME, "FROM docker.io/library/absent:1\n"),
    ("Dockerfile", "FROM unreachable:1\n", SAME, "FROM docker.io/library/unreachable:1\n"),
    ("Dockerfile", "ARG V\nFROM nginx:$V\n", SAME, "ARG V\nFROM docker.io/library/nginx:$V\n"),
    ("values.yaml", VALUES.format("1.27.3"), SAME, VALUES.format("1.27.3").replace("nginx", "docker.io/library/nginx")),
    ("values.yaml", "image:\n  registry: ''\n  repository: nginx\n  tag: 1.27.3\n",
     "image:\n  registry: 'docker.io'\n  repository: nginx\n  tag: 1.27.3\n", ""),
    ("values.yaml", "image: nginx:1.27.3\n", SAME, "image: docker.io/library/nginx:1.27.3\n"),
    ("kustomization.yaml", KUSTOMIZATION.format("- {name: web, newName: nginx, newTag: 1.27.3}\n"),
     KUSTOMIZATION.format("- {name: web, newName: docker.io/library/nginx, newTag: 1.27.3}\n"), ""),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text", "safe", "unsafe"), REGISTRY)
def test_a_registry_is_safe_to_write_where_it_has_the_image(path: str, text: str, safe: str, unsafe: str) -> None:
    expected = text if safe == SAME else safe
    assert fixed("", path, text, "implicit-registry", unsafe=False) == expected
    assert fixed("", path, text, "implicit-registry", unsafe=True) == (unsafe or expected)


PLATFORMS = [
    ("ghcr.io/acme/app-amd64:1", "ghcr.io/acme/app:1", ""),
    ("ghcr.io/acme/app-x86_64:1", "ghcr.io/acme/app:1", ""),
    ("ghcr.io/acme/lone:1-arm64", SAME, "ghcr.io/acme/lone:1"),
    ("ghcr.io/acme/seven:1-armv7", "ghcr.io/acme/seven:1", ""),
    ("ghcr.io/acme/seven:1-arm64", SAME, "ghcr.io/acme/seven:1"),
    ("ghcr.io/acme/app:1-mips64", SAME, "ghcr.io/acme/app:1"),
    ("ghcr.io/acme/gone-amd64:1", SAME, SAME),
    ("ghcr.io/acme/unreachable-amd64:1", SAME, "ghcr.io/acme/unreachable:1"),
]


@pytest.mark.parametrize(("image", "safe", "unsafe"), PLATFORMS)
def test_the_image_for_all_platforms_is_safe_to_write_where_it_has_the_platform(image: str, safe: str, unsafe: str) -> None:
    expected = image if safe == SAME else safe
    text = "services:\n  web:\n    image: {}\n"
    assert fixed("", "compose.yaml", text.format(image), "platform-repository", unsafe=False) == text.format(expected)
    last = expected if unsafe in ("", SAME) else unsafe
    assert fixed("", "compose.yaml", text.format(image), "platform-repository", unsafe=True) == text.format(last)


NOT_OUTDATED = [
    "FROM python\n", "FROM python:3.14-slim\n", f"FROM python@{NGINX}\n", "ARG V\nFROM python:$V\n", "FROM python:bookworm\n",
    "FROM absent:1\n", "FROM python:3.13-slim-bookworm\n", "FROM python:main-abc1234\n",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_OUTDATED)
def test_tags_that_are_not_outdated(text: str) -> None:
    assert not checked("outdated-tag", "", "Dockerfile", text)


def test_outdated_tags_are_found_where_they_stand() -> None:
    (finding,) = checked("outdated-tag", "", "Dockerfile", "FROM python:3.12-slim\n")
    assert (finding.text, finding.message, finding.location.column) == (
        "3.12-slim",
        "`3.12-slim` is outdated; use `3.14-slim`",
        13,
    )
    assert not checked("outdated-tag", "built: [docker.io/library/python]\n", "Dockerfile", "FROM python:3.12-slim\n")


def test_tags_are_asked_for_by_the_rule_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: list[str] = []
    monkeypatch.setattr(REGISTRIES, "ask", lambda question: kinds.append(question.kind))
    for rule in ("missing-digest", "moving-tag", "outdated-tag"):
        kinds.clear()
        assert not [finding for finding in checked(rule, "", "Dockerfile", "FROM python:3.12-slim\n") if finding.fix]
        assert (TAGS in kinds) == (rule == "outdated-tag")


def test_findings_stand_if_a_registry_cannot_be_asked() -> None:
    findings = checked("missing-digest", "", "Dockerfile", "FROM unreachable:1\n")
    assert [(finding.rule, finding.message, finding.fix) for finding in findings] == [
        ("missing-digest", "image is not pinned by digest", None),
        ("unverified-image", "cannot ask docker.io: timed out", None),
    ]


def test_few_of_the_newer_tags_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    # A registry that lists tags which it does not have.
    asked: list[str] = []

    def ask(question: Question) -> Answer:
        asked.append(question.target)
        return tuple([f"{number}.0" for number in range(100)]) if question.kind == TAGS else None

    monkeypatch.setattr(REGISTRIES, "ask", ask)
    assert not checked("outdated-tag", "", "Dockerfile", f"FROM python:3.0@{NGINX}\n")
    assert len(asked) == 1 + ASKED_MAX
