"""The fixes that the rules offer: tables of a file and a policy, and the file after the fixes, which was read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from imglint.engine.discover import Found
from imglint.engine.facts import Settings
from imglint.engine.fix import fix_file
from imglint.engine.tree import Trees
from imglint.plugins import load as plugins
from imglint.policy.find import one_for_all
from imglint.policy.load import load
from imglint.policy.lookup import FILE_NAME, default_policy


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fixed(policy: str, path: str, text: str, *selected: str, unsafe: bool = True, of: str = "") -> str:
    """Return a file after the fixes of the selected rules, or of one rule, the text itself if there are none, or why they failed."""
    data = text.encode()
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(data)
    if policy:
        Path(FILE_NAME).write_text(policy, encoding="utf-8")
    policies = one_for_all(load(FILE_NAME, plugins.rules(), plugins.kinds()) if policy else default_policy())
    settings = Settings(policies, plugins.rules(), selected=frozenset(selected), tree=Trees(policies))

    def is_wanted(finding: object) -> bool:
        fix = getattr(finding, "fix", None)
        return fix is not None and (fix.safe or unsafe) and getattr(finding, "rule", "") in (selected or (of,))

    after = fix_file(Found(path, True), data, settings, is_wanted)
    return after.failure or after.after.decode()


UID = "rules: {root-user: {uid: 1001}}\n"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n  - name: web\n    image: docker.io/acme/web:1.2.3\n{}"
SERVICE = "services:\n  web:\n    image: docker.io/acme/web:1.2.3\n{}"
INLINE = "services:\n  web:\n    build:\n      dockerfile_inline: {}"
SAME = "SAME"

# name of the case: policy, file, text, the text after the fixes
ROOT_USER = {
    "an operand": (UID, "Dockerfile", "FROM a\nUSER root\n", "FROM a\nUSER 1001\n"),
    "no fix of what looks like a comment": (UID, "Dockerfile", "FROM a\nUSER root:root # no comment\n", SAME),
    "a group, which was chosen for the other user": (UID, "Dockerfile", "FROM a\nUSER  0:0  \n", "FROM a\nUSER  1001  \n"),
    "quotes stay": (UID, "Dockerfile", 'FROM a\nUSER "0"\n', 'FROM a\nUSER "1001"\n'),
    "no fix of a variable": (UID, "Dockerfile", "FROM a\nARG U=0\nUSER $U\n", SAME),
    "no fix without a uid": ("", "Dockerfile", "FROM a\nUSER root\n", SAME),
    "the first of a list": ("rules: {root-user: {uid: [7, 8]}}\n", "Dockerfile", "FROM a\nUSER root\n", "FROM a\nUSER 7\n"),
    "the uid of the row": ("images: [{match: a, uid: 9}]\n", "Dockerfile", "FROM a\nUSER root\n", "FROM a\nUSER 9\n"),
    "an operand that continues": (UID, "Dockerfile", "FROM a\nUSER \\\n  0\nCMD x\n", "FROM a\nUSER \\\n  1001\nCMD x\n"),
    "a new line": (UID, "Dockerfile", "FROM a\nRUN b\n", "FROM a\nRUN b\nUSER 1001\n"),
    "a new line without a line break": (UID, "Dockerfile", "FROM a\nRUN b", "FROM a\nRUN b\nUSER 1001"),
    "a new line, the only one": (UID, "Dockerfile", "FROM a", "FROM a\nUSER 1001"),
    "a new line with carriage returns": (UID, "Dockerfile", "FROM a\r\nRUN b\r\n", "FROM a\r\nRUN b\r\nUSER 1001\r\n"),
    "carriage returns, but not at the end": (UID, "Dockerfile", "FROM a\r\nRUN b", "FROM a\r\nRUN b\r\nUSER 1001"),
    "line feeds after a carriage return": (UID, "Dockerfile", "FROM a\r\nRUN b\n", "FROM a\r\nRUN b\nUSER 1001\n"),
    "a new line after a heredoc": (
        UID,
        "Dockerfile",
        "FROM a\nRUN <<X\nUSER 5\nX\n\n# end\n",
        "FROM a\nRUN <<X\nUSER 5\nX\nUSER 1001\n\n# end\n",
    ),
    "a heredoc at the end of the file": (UID, "Dockerfile", "FROM a\nRUN <<X\nx\nX", "FROM a\nRUN <<X\nx\nX\nUSER 1001"),
    "a new line after a continued one": (
        UID,
        "Dockerfile",
        "FROM a \\\n  AS b",
        "FROM a \\\n  AS b\nUSER 1001",
    ),
    "a new line after a continued one with comments": (
        UID,
        "Dockerfile",
        "FROM a\n  RUN b \\\n# c\n    d\n# e\n",
        "FROM a\n  RUN b \\\n# c\n    d\n  USER 1001\n# e\n",
    ),
    "no new line behind a continuation without an end": (UID, "Dockerfile", "FROM a\nRUN b \\\n", SAME),
    "no new line behind such a continuation and a comment": (UID, "Dockerfile", "FROM a\nRUN b \\\n# c\n", SAME),
    "a new line after ONBUILD": (UID, "Dockerfile", "FROM a\nONBUILD USER 0\n", "FROM a\nONBUILD USER 0\nUSER 1001\n"),
    "a new line on scratch": (UID, "Dockerfile", "FROM scratch\nCOPY a /\n", "FROM scratch\nCOPY a /\nUSER 1001\n"),
    "a new line in the last stage": (
        UID,
        "Dockerfile",
        "FROM a AS b\nRUN c\nFROM b\nRUN d\n",
        "FROM a AS b\nRUN c\nFROM b\nRUN d\nUSER 1001\n",
    ),
    "a new line in the stage that is shipped": (
        f"targets: [b]\n{UID}",
        "Dockerfile",
        "FROM a AS b\nRUN c\n\nFROM d\nCMD e\n",
        "FROM a AS b\nRUN c\nUSER 1001\n\nFROM d\nCMD e\n",
    ),
    "no new line where other stages derive from the shipped one": (
        f"targets: [b]\n{UID}",
        "Dockerfile",
        "FROM a AS b\nRUN c\nFROM b\nRUN apt-get update\n",
        SAME,
    ),
    "no new line that would have to be in two stages": (
        f"targets: [b, c]\n{UID}",
        "Dockerfile",
        "FROM a AS x\nFROM x AS b\nFROM x AS c\n",
        SAME,
    ),
    "no new line in a template": (UID, "Dockerfile", "FROM a\n{{ if b }}\nRUN c\n{{ end }}\n", SAME),
    "no new line where an action precedes the stage": (UID, "Dockerfile", "{{ if b }}FROM a\nRUN c\n", SAME),
    "no new line on Windows": (UID, "Dockerfile", "FROM mcr.microsoft.com/windows/nanoserver:1\n", SAME),
    "no new line in a heredoc without an end": (UID, "Dockerfile", "FROM a\nRUN <<X\nx\n", SAME),
    "in an inline Dockerfile": (
        UID,
        "compose.yaml",
        INLINE.format("|\n        FROM a\n          RUN b\n    ports: []\n"),
        INLINE.format("|\n        FROM a\n          RUN b\n          USER 1001\n    ports: []\n"),
    ),
    "in an inline Dockerfile at the end of the file": (
        UID,
        "compose.yaml",
        INLINE.format("|-\r\n        FROM a\r\n        RUN b"),
        INLINE.format("|-\r\n        FROM a\r\n        RUN b\r\n        USER 1001"),
    ),
    "an operand in an inline Dockerfile": (
        UID,
        "compose.yaml",
        INLINE.format('"FROM a\\nUSER 0\\n"\n'),
        INLINE.format('"FROM a\\nUSER 1001\\n"\n'),
    ),
    "no new line in a quoted inline Dockerfile": (UID, "compose.yaml", INLINE.format('"FROM a\\nRUN b\\n"\n'), SAME),
    "no new line in a folded inline Dockerfile": (
        UID,
        "compose.yaml",
        INLINE.format(">\n        FROM a\n\n        RUN b\n"),
        SAME,
    ),
    "compose": (UID, "compose.yaml", SERVICE.format("    user: root\n"), SERVICE.format('    user: "1001"\n')),
    "compose, a number": (UID, "compose.yaml", SERVICE.format("    user: 0 # c\n"), SERVICE.format('    user: "1001" # c\n')),
    "compose, with a group": (UID, "compose.yaml", SERVICE.format("    user: 0:0\n"), SERVICE.format('    user: "1001"\n')),
    "compose, in quotes": (UID, "compose.yaml", SERVICE.format("    user: '0'\n"), SERVICE.format("    user: '1001'\n")),
    "compose, on a line": (
        UID,
        "compose.yaml",
        "services: {a: {image: b, user: 0}}\n",
        'services: {a: {image: b, user: "1001"}}\n',
    ),
    "compose, with an anchor": (
        UID,
        "compose.yaml",
        "services:\n  a: {image: b, user: &u root}\n  c: {image: d, user: *u}\n",
        'services:\n  a: {image: b, user: &u "1001"}\n  c: {image: d, user: *u}\n',
    ),
    "compose, no fix where others share an anchor": (
        "images: [{match: b, uid: 5}, {match: '**'}]\nrules: {root-user: {uid: 1001}}\n",
        "compose.yaml",
        "services:\n  a: {image: b, user: &u root}\n  c: {image: d, user: *u}\n",
        SAME,
    ),
    "compose, a default": (
        UID,
        "compose.yaml",
        SERVICE.format('    user: "${U:-0}"\n'),
        SERVICE.format('    user: "${U:-1001}"\n'),
    ),
    "compose, a default that is not the whole": (UID, "compose.yaml", SERVICE.format('    user: "0:${U:-0}"\n'), SAME),
    "runAsUser": (
        UID,
        "pod.yaml",
        POD.format("    securityContext: {runAsUser: 0}\n"),
        POD.format("    securityContext: {runAsUser: 1001}\n"),
    ),
    "no fix of runAsUser that is something else": (
        UID,
        "pod.yaml",
        POD.format("    securityContext: {runAsUser: &u 0, runAsGroup: *u}\n"),
        SAME,
    ),
    "runAsUser in quotes": (
        UID,
        "pod.yaml",
        POD.format('    securityContext:\n      runAsUser: "0"\n'),
        POD.format('    securityContext:\n      runAsUser: "1001"\n'),
    ),
    "runAsUser of a pod": (
        UID,
        "pod.yaml",
        POD.format("  securityContext:\n    runAsUser: 0 # root\n"),
        POD.format("  securityContext:\n    runAsUser: 1001 # root\n"),
    ),
    "runAsUser in JSON": (
        UID,
        "pod.json",
        '{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "a", "securityContext": {"runAsUser":0}}]}}',
        '{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "a", "securityContext": {"runAsUser":1001}}]}}',
    ),
    "no fix of runAsNonRoot": (UID, "pod.yaml", POD.format("    securityContext: {runAsNonRoot: false}\n"), SAME),
    "Helm values": (
        UID,
        "values.yaml",
        "image: {repository: a, tag: v1}\nsecurityContext:\n  runAsUser: 0\n",
        "image: {repository: a, tag: v1}\nsecurityContext:\n  runAsUser: 1001\n",
    ),
}


@pytest.mark.parametrize("case", ROOT_USER.values(), ids=ROOT_USER)
def test_root_user(case: tuple[str, str, str, str]) -> None:
    policy, path, text, expected = case
    assert fixed(policy, path, text, "root-user") == (text if expected == SAME else expected)
    assert fixed(policy, path, text, "root-user", unsafe=False) == text


def manifest(container: str) -> str:
    return f"apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - {container}\n"


KUSTOMIZATION = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n{}"
APPLICATION = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  source:\n    kustomize:\n      images:\n      - {}\n"
RELEASE = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec:\n  values:\n    image:\n      repository: {}\n      tag: v1\n"
HUB, ANY = "docker.io/library/", "images: [{match: '**'}]\n"
SAFE, UNSAFE = True, False

# name of the case: whether it is safe where a row approves the name, file, text, the text after the fixes
IMPLICIT_REGISTRY = {
    "FROM": (SAFE, "Dockerfile", "FROM nginx:1\n", f"FROM {HUB}nginx:1\n"),
    "FROM with a platform and a digest": (
        SAFE,
        "Dockerfile",
        f"FROM --platform=linux/amd64 acme/web:1@sha256:{'a' * 64} AS web\n",
        f"FROM --platform=linux/amd64 docker.io/acme/web:1@sha256:{'a' * 64} AS web\n",
    ),
    "FROM in quotes": (SAFE, "Dockerfile", 'FROM "nginx"\n', f'FROM "{HUB}nginx"\n'),
    "FROM that continues": (SAFE, "Dockerfile", "FROM \\\n  nginx \\\n  AS a\n", f"FROM \\\n  {HUB}nginx \\\n  AS a\n"),
    "a name that continues": (SAFE, "Dockerfile", "FROM ngi\\\nnx\n", SAME),
    "a default of an ARG": (SAFE, "Dockerfile", "ARG BASE=nginx:1\nFROM ${BASE}\n", f"ARG BASE={HUB}nginx:1\nFROM ${{BASE}}\n"),
    "a default in quotes": (SAFE, "Dockerfile", 'ARG BASE="nginx"\nFROM $BASE\n', f'ARG BASE="{HUB}nginx"\nFROM $BASE\n'),
    "a default of a default": (
        SAFE,
        "Dockerfile",
        "ARG A=nginx\nARG B=$A\nFROM $B:1\n",
        f"ARG A={HUB}nginx\nARG B=$A\nFROM $B:1\n",
    ),
    "a default in FROM": (SAFE, "Dockerfile", "FROM ${X:-nginx}\n", f"FROM ${{X:-{HUB}nginx}}\n"),
    "a nested default": (
        SAFE,
        "Dockerfile",
        "ARG A\nARG B=${A:-nginx}\nFROM $B\n",
        f"ARG A\nARG B=${{A:-{HUB}nginx}}\nFROM $B\n",
    ),
    "a default of a part of a name": (SAFE, "Dockerfile", "ARG X=web\nFROM acme/$X\n", SAME),
    "an escaped name": (SAFE, "Dockerfile", "FROM ng\\inx\n", SAME),
    "a default that two stages use": (
        SAFE,
        "Dockerfile",
        "ARG A=nginx\nFROM $A AS x\nFROM $A\n",
        f"ARG A={HUB}nginx\nFROM $A AS x\nFROM $A\n",
    ),
    "COPY --from": (SAFE, "Dockerfile", f"FROM {HUB}a\nCOPY --from=nginx a b\n", f"FROM {HUB}a\nCOPY --from={HUB}nginx a b\n"),
    "ONBUILD COPY": (
        SAFE,
        "Dockerfile",
        f"FROM {HUB}a\nONBUILD COPY --from=nginx a b\n",
        f"FROM {HUB}a\nONBUILD COPY --from={HUB}nginx a b\n",
    ),
    "mounts": (
        SAFE,
        "Dockerfile",
        f"FROM {HUB}a\nRUN --mount=from=b,target=/b \\\n  --mount=target=/c,from=c x\n",
        f"FROM {HUB}a\nRUN --mount=from={HUB}b,target=/b \\\n  --mount=target=/c,from={HUB}c x\n",
    ),
    "compose": (SAFE, "compose.yaml", "services: {a: {image: 'nginx:1'}}\n", f"services: {{a: {{image: '{HUB}nginx:1'}}}}\n"),
    "compose, a default": (
        SAFE,
        "compose.yaml",
        "services:\n  a:\n    image: ${IMAGE:-nginx}:1\n",
        f"services:\n  a:\n    image: ${{IMAGE:-{HUB}nginx}}:1\n",
    ),
    "compose, a default with a tag": (
        SAFE,
        "compose.yaml",
        'services:\n  a:\n    image: "${IMAGE-nginx:1}"\n',
        f'services:\n  a:\n    image: "${{IMAGE-{HUB}nginx:1}}"\n',
    ),
    "compose, an unknown tag": (
        SAFE,
        "compose.yaml",
        "services:\n  a:\n    image: acme/a:${TAG}\n",
        "services:\n  a:\n    image: docker.io/acme/a:${TAG}\n",
    ),
    "compose, an inline Dockerfile": (
        SAFE,
        "compose.yaml",
        INLINE.format('|\n        FROM nginx\n      cache_from: ["acme/a"]\n'),
        INLINE.format(f'|\n        FROM {HUB}nginx\n      cache_from: ["docker.io/acme/a"]\n'),
    ),
    "compose, a quoted inline Dockerfile": (
        SAFE,
        "compose.yaml",
        INLINE.format('"ARG A=nginx\\nFROM $A\\n"\n').replace("$", "$$"),
        INLINE.format(f'"ARG A={HUB}nginx\\nFROM $A\\n"\n').replace("$", "$$"),
    ),
    "compose, an additional context": (
        SAFE,
        "compose.yaml",
        "services:\n  a:\n    build:\n      context: .\n      additional_contexts: [x=docker-image://nginx]\n",
        f"services:\n  a:\n    build:\n      context: .\n      additional_contexts: [x=docker-image://{HUB}nginx]\n",
    ),
    **{
        f"compose, no fix of an anchor that is something else, {other}": (
            SAFE,
            "compose.yaml",
            f"services:\n  a:\n    image: &i nginx\n    {other}\n  b: {{image: *i}}\n",
            SAME,
        )
        for other in ("environment: {A: *i}", "command: [*i]", "command:\n    - *i", "labels:\n      a:\n        *i")
    },
    "compose, no fix of an anchor that was something else": (
        SAFE,
        "compose.yaml",
        "services:\n  a:\n    environment: {A: &i nginx}\n    image: *i\n",
        SAME,
    ),
    "compose, an anchor of an extension": (
        SAFE,
        "compose.yaml",
        'x-image: &i "nginx"\nservices:\n  a: {"image" : *i}\n  b:\n    image: *i\n',
        f'x-image: &i "{HUB}nginx"\nservices:\n  a: {{"image" : *i}}\n  b:\n    image: *i\n',
    ),
    "compose, an anchor of a mapping": (
        SAFE,
        "compose.yaml",
        "services:\n  a: &a\n    image: nginx\n  b: *a\n",
        f"services:\n  a: &a\n    image: {HUB}nginx\n  b: *a\n",
    ),
    "compose, an anchor": (
        SAFE,
        "compose.yaml",
        "services:\n  a: {image: &i nginx}\n  b: {image: *i}\n",
        f"services:\n  a: {{image: &i {HUB}nginx}}\n  b: {{image: *i}}\n",
    ),
    "a manifest": (SAFE, "pod.yaml", manifest("image: nginx # c"), manifest(f"image: {HUB}nginx # c")),
    "a folded manifest": (SAFE, "pod.yaml", manifest("image: >-\n      nginx:1"), manifest(f"image: >-\n      {HUB}nginx:1")),
    "a manifest, on the line below": (
        SAFE,
        "pod.yaml",
        manifest("image:\n      nginx:1"),
        manifest(f"image:\n      {HUB}nginx:1"),
    ),
    "a manifest with an escape": (SAFE, "pod.yaml", manifest('image: "ngin\\x78"'), SAME),
    "a manifest with a base 60 number": (SAFE, "pod.yaml", manifest("image: 1:20"), manifest(f"image: {HUB}1:20")),
    "a manifest in JSON": (
        SAFE,
        "pod.json",
        '{"kind":"Pod","apiVersion":"v1","spec":{"containers":[{"image":"nginx"}]}}',
        f'{{"kind":"Pod","apiVersion":"v1","spec":{{"containers":[{{"image":"{HUB}nginx"}}]}}}}',
    ),
    "newName": (
        SAFE,
        "kustomization.yaml",
        KUSTOMIZATION.format("images:\n- name: a\n  newName: nginx\n  newTag: v1\n"),
        KUSTOMIZATION.format(f"images:\n- name: a\n  newName: {HUB}nginx\n  newTag: v1\n"),
    ),
    "no fix of the name that manifests have": (
        SAFE,
        "kustomization.yaml",
        KUSTOMIZATION.format("images:\n- name: nginx\n  newTag: v1\n"),
        SAME,
    ),
    "an image of Argo CD": (SAFE, "app.yaml", APPLICATION.format("a=nginx:v1"), APPLICATION.format(f"a={HUB}nginx:v1")),
    "no fix of the name in an image of Argo CD": (SAFE, "app.yaml", APPLICATION.format("nginx:v1"), SAME),
    "a patch": (
        SAFE,
        "kustomization.yaml",
        KUSTOMIZATION.format(
            "patches:\n- patch: |-\n    apiVersion: v1\n    kind: Pod\n    spec: {containers: [{name: a, image: nginx}]}\n"
        ),
        KUSTOMIZATION.format(
            f"patches:\n- patch: |-\n    apiVersion: v1\n    kind: Pod\n    spec: {{containers: [{{name: a, image: {HUB}nginx}}]}}\n"
        ),
    ),
    "a JSON patch": (
        SAFE,
        "kustomization.yaml",
        KUSTOMIZATION.format(
            'patches:\n- target: {kind: Pod, name: a}\n  patch: \'[{"op":"replace","path":"/spec/containers/0/image","value":"nginx"}]\'\n'
        ),
        KUSTOMIZATION.format(
            f'patches:\n- target: {{kind: Pod, name: a}}\n  patch: \'[{{"op":"replace","path":"/spec/containers/0/image","value":"{HUB}nginx"}}]\'\n'
        ),
    ),
    "Helm values without a registry": (
        UNSAFE,
        "values.yaml",
        "image:\n  repository: nginx\n  tag: 1.25\n",
        f"image:\n  repository: {HUB}nginx\n  tag: 1.25\n",
    ),
    "a string in Helm values": (UNSAFE, "values.yaml", "image: nginx:v1\n", f"image: {HUB}nginx:v1\n"),
    "Helm values of Flux": (UNSAFE, "release.yaml", RELEASE.format("nginx"), RELEASE.format(f"{HUB}nginx")),
    **{
        f"an empty registry in Helm values, {before!r}": (
            SAFE,
            "values.yaml",
            f"image:\n  registry:{before}\n  repository: nginx\n  tag: v1\n",
            f"image:\n  registry:{after}\n  repository: nginx\n  tag: v1\n",
        )
        for before, after in {
            "": " docker.io",
            " ": " docker.io ",
            " # c": " docker.io # c",
            " ~": " docker.io",
            " null # c": " docker.io # c",
            ' ""': ' "docker.io"',
            ' " "': ' "docker.io"',
            " ''": " 'docker.io'",
        }.items()
    },
    **{
        f"a pipeline in {path}": (SAFE, path, text.replace("@", "nginx:1.25"), text.replace("@", f"{HUB}nginx:1.25"))
        for path, text in {
            ".circleci/config.yml": "jobs:\n  a:\n    docker:\n    - image: '@' # c\n    - {image: \"@\"}\n",
            "azure-pipelines.yml": "container: @\nresources: {containers: [{container: a, image: @}]}\nservices: {b: '@'}\n",
            "cloudbuild.yaml": "steps:\n- name: @\n- name: >-\n    @\n",
            "cloudbuild.json": '{"steps": [{"name": "@"}]}\n',
            ".drone.yml": "kind: pipeline\nsteps:\n- image: @\nservices: [{image: '@'}]\n",
            ".woodpecker.yml": "steps:\n  a: {image: @}\n",
            "buildkite.yml": "steps:\n- image: @\n  plugins: [{docker#v5: {image: @}}]\n",
        }.items()
    },
    "a parameter of CircleCI": (
        SAFE,
        ".circleci/config.yml",
        "parameters: {i: {default: nginx}, t: {default: v1}}\njobs: {a: {docker: [{image: << pipeline.parameters.i >>}]}}\n",
        f"parameters: {{i: {{default: {HUB}nginx}}, t: {{default: v1}}}}\njobs: {{a: {{docker: [{{image: << pipeline.parameters.i >>}}]}}}}\n",
    ),
    "a tag from a matrix": (
        SAFE,
        ".woodpecker.yml",
        "matrix: {T: [v1]}\nsteps:\n- image: nginx:${T}\n",
        f"matrix: {{T: [v1]}}\nsteps:\n- image: {HUB}nginx:${{T}}\n",
    ),
    "several tags from a matrix": (
        SAFE,
        ".woodpecker.yml",
        "matrix: {T: [v1, v2]}\nsteps:\n- image: nginx:${T}\n",
        f"matrix: {{T: [v1, v2]}}\nsteps:\n- image: {HUB}nginx:${{T}}\n",
    ),
    "a name of the matrix of a job": (
        SAFE,
        "azure-pipelines.yml",
        "trigger: none\nstrategy: {matrix: {a: {i: 'nginx:1'}, b: {i: nginx}}}\ncontainer: $[ variables['i'] ]\n",
        f"trigger: none\nstrategy: {{matrix: {{a: {{i: '{HUB}nginx:1'}}, b: {{i: {HUB}nginx}}}}}}\ncontainer: $[ variables['i'] ]\n",
    ),
    "half of a name in a substitution": (
        SAFE,
        "cloudbuild.yaml",
        "substitutions: {_A: acme}\nsteps: [{name: '${_A}/tool'}]\n",
        SAME,
    ),
    "an empty registry in braces": (
        SAFE,
        "values.yaml",
        'image: {"registry": "", "repository": nginx, tag: v1}\n',
        'image: {"registry": "docker.io", "repository": nginx, tag: v1}\n',
    ),
}


@pytest.mark.parametrize("case", IMPLICIT_REGISTRY.values(), ids=IMPLICIT_REGISTRY)
def test_implicit_registry(case: tuple[bool, str, str, str]) -> None:
    is_safe, path, text, after = case
    expected = text if after == SAME else after
    assert fixed("", path, text, "implicit-registry") == expected
    assert fixed("", path, text, "implicit-registry", unsafe=False) == text
    assert fixed(ANY, path, text, "implicit-registry", unsafe=False) == (expected if is_safe else text)


OLD = "images:\n- {match: docker.io/acme/*, approved: false, use-instead: ghcr.io/acme/*}\n- {match: '**'}\n"
OTHER = "images:\n- {{match: docker.io/acme/web, approved: deprecated, use-instead: {}}}\n- {{match: '**'}}\n"
TAGGED = (
    "images:\n- {{match: 'docker.io/acme/web:{}', approved: false, use-instead: 'docker.io/acme/web:{}'}}\n- {{match: '**'}}\n"
)
A, B = "@sha256:" + "a" * 64, "@sha256:" + "b" * 64
WEB = "image:\n  registry: docker.io\n  repository: acme/web\n  tag: {}\n"

# name of the case: policy, file, text, the text after the fixes
USE_INSTEAD = {
    "FROM": (OLD, "Dockerfile", "FROM acme/web:1\n", "FROM ghcr.io/acme/web:1\n"),
    "a digest is kept": (OLD, "Dockerfile", f"FROM acme/web:1{A}\n", f"FROM ghcr.io/acme/web:1{A}\n"),
    "a digest is kept without a tag": (OLD, "Dockerfile", f"FROM acme/web{A}\n", f"FROM ghcr.io/acme/web{A}\n"),
    "a digest is not written behind another tag": (OTHER.format("ghcr.io/a/b:2"), "Dockerfile", f"FROM acme/web:1{A}\n", SAME),
    "a digest is not written behind a new tag": (OTHER.format("ghcr.io/a/b:2"), "Dockerfile", f"FROM acme/web{A}\n", SAME),
    "another digest": (OTHER.format(f"ghcr.io/a/b{B}"), "Dockerfile", f"FROM acme/web{A}\n", f"FROM ghcr.io/a/b{B}\n"),
    "another tag": (OTHER.format("ghcr.io/a/b:2"), "Dockerfile", "FROM acme/web:1\n", "FROM ghcr.io/a/b:2\n"),
    "a tag where there is none": (OTHER.format("ghcr.io/a/b:2"), "Dockerfile", "FROM acme/web\n", "FROM ghcr.io/a/b:2\n"),
    "a tag and a digest where there is none": (
        OTHER.format(f"ghcr.io/a/b:2{A}"),
        "Dockerfile",
        "FROM acme/web\n",
        f"FROM ghcr.io/a/b:2{A}\n",
    ),
    "a digest behind a tag": (OTHER.format(f"ghcr.io/a/b:2{A}"), "Dockerfile", "FROM acme/web:1\n", f"FROM ghcr.io/a/b:2{A}\n"),
    "a tag in front of a digest": (
        OTHER.format(f"ghcr.io/a/b:2{A}"),
        "Dockerfile",
        f"FROM acme/web{A}\n",
        f"FROM ghcr.io/a/b:2{A}\n",
    ),
    "a tag in front of another digest": (
        OTHER.format(f"ghcr.io/a/b:2{B}"),
        "Dockerfile",
        f"FROM acme/web{A}\n",
        f"FROM ghcr.io/a/b:2{B}\n",
    ),
    "no fix of an unknown tag": (OTHER.format("ghcr.io/a/b:2"), "compose.yaml", "services: {a: {image: 'acme/web:$T'}}\n", SAME),
    "an unknown tag stays": (
        OLD,
        "compose.yaml",
        "services: {a: {image: 'acme/web:$T'}}\n",
        "services: {a: {image: 'ghcr.io/acme/web:$T'}}\n",
    ),
    "a name on Docker Hub": (OTHER.format("acme/new"), "Dockerfile", "FROM docker.io/acme/web:1\n", "FROM acme/new:1\n"),
    "a registry in an ARG": (
        OLD,
        "Dockerfile",
        "ARG R=docker.io\nFROM ${R}/acme/web:1\n",
        "ARG R=ghcr.io\nFROM ${R}/acme/web:1\n",
    ),
    "no fix of a registry in an ARG that others use": (
        OLD,
        "Dockerfile",
        "ARG R=docker.io\nFROM ${R}/other/web AS x\nFROM ${R}/acme/web:1\n",
        SAME,
    ),
    "a Helm map": (OLD, "values.yaml", WEB.format("v1"), WEB.format("v1").replace("docker.io", "ghcr.io")),
    "a Helm map without a tag": (OLD, "values.yaml", WEB.format('""'), WEB.format('""').replace("docker.io", "ghcr.io")),
    "a Helm map, all of it": (
        OTHER.format("ghcr.io/a/b:v2"),
        "values.yaml",
        WEB.format("v1"),
        "image:\n  registry: ghcr.io\n  repository: a/b\n  tag: v2\n",
    ),
    "a Helm map, Docker Hub": (
        OTHER.format("acme/b"),
        "values.yaml",
        WEB.format("v1"),
        WEB.format("v1").replace("acme/web", "acme/b"),
    ),
    "a Helm map with an empty registry": (
        OLD,
        "values.yaml",
        "image: {registry: '', repository: acme/web, tag: v1}\n",
        "image: {registry: 'ghcr.io', repository: acme/web, tag: v1}\n",
    ),
    "a Helm map with the registry in the name": (
        OLD,
        "values.yaml",
        "image: {repository: docker.io/acme/web, tag: v1}\n",
        "image: {repository: ghcr.io/acme/web, tag: v1}\n",
    ),
    "a number stays text": (
        TAGGED.format("1.9", "1.10"),
        "values.yaml",
        WEB.format("1.9"),
        WEB.format('"1.10"'),
    ),
    "a number in quotes": (TAGGED.format("1.9", "1.10"), "values.yaml", WEB.format("'1.9'"), WEB.format("'1.10'")),
    "a number with a comment": (
        TAGGED.format("stable", "20240612"),
        "values.yaml",
        WEB.format("stable # c"),
        WEB.format('"20240612" # c'),
    ),
    "a number on the line below": (TAGGED.format("stable", "1.10"), "values.yaml", WEB.format("\n    stable"), SAME),
    "a registry of all images of a chart": (
        OLD,
        "values.yaml",
        "global:\n  imageRegistry: docker.io\nimage:\n  repository: acme/web\n  tag: v1\n",
        SAME,
    ),
    "the name beside a registry of all images of a chart": (
        OTHER.format("acme/new"),
        "values.yaml",
        "global:\n  imageRegistry: docker.io\nimage:\n  repository: acme/web\n  tag: v1\n",
        "global:\n  imageRegistry: docker.io\nimage:\n  repository: acme/new\n  tag: v1\n",
    ),
    "newName": (
        OLD,
        "kustomization.yaml",
        KUSTOMIZATION.format("images:\n- {name: web, newName: acme/web, newTag: v1}\n"),
        KUSTOMIZATION.format("images:\n- {name: web, newName: ghcr.io/acme/web, newTag: v1}\n"),
    ),
    "newTag": (
        OTHER.format("ghcr.io/acme/web:20240612"),
        "kustomization.yaml",
        KUSTOMIZATION.format("images:\n- name: web\n  newName: acme/web\n  newTag: stable\n"),
        KUSTOMIZATION.format('images:\n- name: web\n  newName: ghcr.io/acme/web\n  newTag: "20240612"\n'),
    ),
    "no fix of the name that manifests have": (
        OLD,
        "kustomization.yaml",
        KUSTOMIZATION.format("images:\n- {name: acme/web, newTag: v1}\n"),
        SAME,
    ),
    "no fix of the name in an image of Argo CD": (OLD, "app.yaml", APPLICATION.format("acme/web:v1"), SAME),
    "an image of Argo CD": (OLD, "app.yaml", APPLICATION.format("a=acme/web:v1"), APPLICATION.format("a=ghcr.io/acme/web:v1")),
    "no fix by what is not approved": (
        "images: [{match: docker.io/acme/*, approved: false, use-instead: 'ghcr.io/acme/*'}]\n",
        "compose.yaml",
        "services: {a: {image: docker.io/acme/web}}\n",
        SAME,
    ),
    **{
        f"no fix by what has other tags, {key}": (
            f"images: [{{match: docker.io/acme/*, approved: false, use-instead: 'ghcr.io/acme/*'}}, {{match: ghcr.io/**, {key}}}]\n",
            "compose.yaml",
            "services: {a: {image: docker.io/acme/web:1}}\n",
            SAME,
        )
        for key in ("tags: ['v*']", "forbidden-tags: ['1']", "versions: '>=2'")
    },
    "no fix by what is deprecated": (
        OTHER.format("docker.io/acme/web:2"),
        "compose.yaml",
        "services: {a: {image: docker.io/acme/web}}\n",
        SAME,
    ),
    "a name that gets too long": (
        "images: [{match: docker.io/*, approved: false, use-instead: 'ghcr.io/longer/*'}]\n",
        "Dockerfile",
        f"FROM docker.io/{'a' * 250}\n",
        SAME,
    ),
    "a template": (
        OLD,
        "chart/templates/a.yaml",
        "image: acme/web:v1\n{{ if .Values.a }}\n{{ end }}\n",
        "image: ghcr.io/acme/web:v1\n{{ if .Values.a }}\n{{ end }}\n",
    ),
}


@pytest.mark.parametrize("case", USE_INSTEAD.values(), ids=USE_INSTEAD)
def test_use_instead(case: tuple[str, str, str, str]) -> None:
    policy, path, text, expected = case
    Path("chart").mkdir()
    Path("chart/Chart.yaml").write_text("name: a\nversion: 1.0.0\n")
    assert fixed(policy, path, text, "unapproved-image", "deprecated-image") == (text if expected == SAME else expected)
    assert fixed(policy, path, text, "unapproved-image", "deprecated-image", unsafe=False) == text


# the text of an image, and the text after the fixes
PLATFORMS = {
    "ghcr.io/acme/app-amd64:v1": "ghcr.io/acme/app:v1",
    "acme/app-linux-amd64": "acme/app",
    "acme/app_x86_64:1": "acme/app:1",
    "acme/arm64-app:1": "acme/app:1",
    "acme/app-arm64-debug:1": "acme/app-debug:1",
    "acme/app-arm64/web:1": "acme/app/web:1",
    "acme/app:v1-arm64": "acme/app:v1",
    "acme/app:arm64-v1.2": "acme/app:v1.2",
    "acme/app:v1-linux-386": "acme/app:v1",
    "acme/app:linux-386-v1": "acme/app:v1",
    "acme/app-amd64:$T": "acme/app:$T",
    "arm64v8/nginx:1": SAME,
    "ghcr.io/acme/arm64/app:1": SAME,
    "acme/app:arm64": SAME,
    "acme/app:linux-arm64": SAME,
    "acme/app:latest-arm64": SAME,
    "acme/app:linux-arm-v7": SAME,
    "acme/app-amd64:v1-amd64": SAME,
    "acme/app:v1-amd64-arm64": SAME,
    f"acme/app-amd64:v1{A}": SAME,
}


@pytest.mark.parametrize(("image", "expected"), PLATFORMS.items())
def test_platform_repository(image: str, expected: str) -> None:
    before, after = (f"services:\n  a:\n    image: {text}\n" for text in (image, image if expected == SAME else expected))
    assert fixed("", "compose.yaml", before, "platform-repository") == after
    assert fixed("", "compose.yaml", before, "platform-repository", unsafe=False) == before


C = "# imglint: ignore"
# name of the case: whether it is safe, file, text, the text after the fixes
UNUSED_IGNORE = {
    "after code": (SAFE, "pod.yaml", manifest(f"image: a:1.2.3 \t {C}[latest-tag] c"), manifest("image: a:1.2.3")),
    "on a line of its own": (
        SAFE,
        "pod.yaml",
        manifest(f"{C}[latest-tag] c\n    image: a:1"),
        manifest("image: a:1").replace("- ", "-\n    "),
    ),
    "on a line of its own, with others": (
        SAFE,
        "Dockerfile",
        f"# a\n {C}[latest-tag]\r\n# b\nFROM a:1\n",
        "# a\n# b\nFROM a:1\n",
    ),
    "at the beginning of a file": (SAFE, "Dockerfile", f"{C}-file[latest-tag]\nFROM a:1\n", "FROM a:1\n"),
    "at the end of a file": (SAFE, "Dockerfile", f"FROM a:1\n{C}[latest-tag]", "FROM a:1\n"),
    "after code with a carriage return": (
        SAFE,
        "compose.yaml",
        f"services: {{a: {{image: b:1}}}} {C}-file[latest-tag]\r\n",
        "services: {a: {image: b:1}}\r\n",
    ),
    "in an instruction": (
        SAFE,
        "Dockerfile",
        f"FROM a:1\nRUN \\\n  {C}[latest-tag]\n  --mount=from=b:1 c\n",
        "FROM a:1\nRUN \\\n  --mount=from=b:1 c\n",
    ),
    "the first of two": (
        SAFE,
        "Dockerfile",
        f"{C}[latest-tag, implicit-registry] c\nFROM a:1\n",
        f"{C}[implicit-registry] c\nFROM a:1\n",
    ),
    "the last of two": (
        SAFE,
        "Dockerfile",
        f"{C}[implicit-registry , latest-tag ]\nFROM a:1\n",
        f"{C}[implicit-registry ]\nFROM a:1\n",
    ),
    "the one in the middle": (
        SAFE,
        "Dockerfile",
        f"{C}[implicit-registry, latest-tag, unstated-user]\nFROM a:1\n",
        f"{C}[implicit-registry, unstated-user]\nFROM a:1\n",
    ),
    "both": (SAFE, "Dockerfile", f"{C}[latest-tag, unsupported-version]\nFROM a:1\n", "FROM a:1\n"),
    "four": (SAFE, "Dockerfile", f"{C}-file[latest-tag,syntax-error,unread-file,internal-error]\nFROM a:1\n", "FROM a:1\n"),
    "an unknown rule": (UNSAFE, "Dockerfile", f"{C}[acme-rule]\nFROM a:1\n", "FROM a:1\n"),
    "no fix of a comment without rules": (SAFE, "Dockerfile", f"{C} latest-tag\nFROM a:1\n", SAME),
    "two comments, of which the first would cover more": (
        SAFE,
        "Dockerfile",
        f"{C}[latest-tag]\n{C}[missing-digest, unused-ignore]\nFROM q.io/a:1\n",
        f"{C}[missing-digest, unused-ignore]\nFROM q.io/a:1\n",
    ),
    "two comments": (SAFE, "Dockerfile", f"{C}[unsupported-version]\n{C}[latest-tag]\nFROM a:1\n", "FROM a:1\n"),
    "three comments": (
        SAFE,
        "Dockerfile",
        f"{C}[syntax-error]\n{C}[latest-tag]\n{C}[syntax-error]\nFROM a:1\n",
        "FROM a:1\n",
    ),
    "no fix of a comment that a used one covers": (
        SAFE,
        "Dockerfile",
        f"{C}[unused-ignore]\n# imglint:\nFROM a:1\n",
        SAME,
    ),
    "Helm templates": (
        SAFE,
        "chart/templates/a.yaml",
        f"{{{{ if .Values.a }}}}\nimage: a:1 {C}[latest-tag]\n{{{{ end }}}}\n",
        "{{ if .Values.a }}\nimage: a:1\n{{ end }}\n",
    ),
    "Helm values": (SAFE, "values.yaml", f"image: acme/a:v1 {C}[latest-tag]\n", "image: acme/a:v1\n"),
    "an inline Dockerfile": (
        SAFE,
        "compose.yaml",
        INLINE.format(f"|\n        {C}[latest-tag]\n        FROM a:1\n"),
        INLINE.format("|\n        FROM a:1\n"),
    ),
}


@pytest.mark.parametrize("case", UNUSED_IGNORE.values(), ids=UNUSED_IGNORE)
def test_unused_ignore(case: tuple[bool, str, str, str]) -> None:
    is_safe, path, text, after = case
    Path("chart").mkdir()
    Path("chart/Chart.yaml").write_text("name: a\nversion: 1.0.0\n")
    expected = text if after == SAME else after
    assert fixed("", path, text, of="unused-ignore") == expected
    assert fixed("", path, text, of="unused-ignore", unsafe=False) == (expected if is_safe else text)
