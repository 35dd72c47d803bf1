"""Each file is claimed by the reader of its kind and by no other, so the order of the readers affects only the run time."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from imglint import readers
from imglint.plugins import load as plugins
from imglint.source import Source, UnreadFile, read_text

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "fixtures"
FOLDER = Path(readers.__path__[0])
READERS: dict[str, Any] = {
    path.stem.replace("_", "-"): import_module(f"imglint.readers.{path.stem}") for path in sorted(FOLDER.glob("[a-z]*.py"))
}
FILES = sorted(path for path in FIXTURES.rglob("*") if path.is_file())

MANIFEST = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: nginx}]}\n"
INDENTED = "".join([f"  {line}\n" for line in MANIFEST.splitlines()])
FLOW = "{apiVersion: v1, kind: Pod}\n"
SERVICES = "services:\n  web:\n    image: nginx:1\n"
PATCH = "# A patch.\n- op: replace\n  path: /spec/template/spec/containers/0/image\n  value: nginx:1\n"
WORKFLOW = "on: push\njobs:\n  a:\n    container: node:22\n    services:\n      db: {image: postgres:16}\n"
ACTION = "name: x\nruns:\n  using: docker\n  image: docker://alpine:3\n"
PIPELINE = "image: node:22\nservices: [redis:7]\ntest: {image: node:20}\n"
DOCKERFILE = "FROM nginx:1\nRUN true\n"
CONFIGURATION = "apiVersion: skaffold/v4beta11\nkind: Config\nbuild: {artifacts: [{image: a}]}\n"
TARGET = 'target "web" {\n  contexts = { a = "docker-image://nginx:1" }\n}\n'
ANNOTATION = "annotations:\n  artifacthub.io/images: |\n    - image: nginx:1\n"
UNIT = "[Container]\nImage=nginx:1\n"
CIRCLE = "version: 2.1\njobs: {a: {docker: [{image: a}]}}\n"
AZURE = "jobs:\n- job: a\n  container: a:1\n"
BUILD = "steps:\n- name: ubuntu\n"
DRONE = "kind: pipeline\nsteps: [{name: a, image: b}]\n"
OLD_DRONE = "pipeline: {a: {image: b}}\n"
WOODPECKER = "steps: [{name: a, image: b}]\n"
BUILDKITE = "steps: [{command: a, image: b}]\n"
BROKEN = "jobs: [\n"


def kinds_of(path: str, text: str) -> list[str]:
    return [kind for kind, reader in READERS.items() if reader.claims(Source(path, text))]


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(FIXTURES)) for path in FILES])
def test_no_two_readers_claim_a_fixture(path: Path) -> None:
    try:
        text = read_text(str(path))
    except UnreadFile:
        pytest.skip("not text")
    assert len(kinds_of(str(path), text)) <= 1


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        # A manifest, whatever its name.
        ("compose.yaml", MANIFEST, "kubernetes"),
        ("compose.yaml", INDENTED, "kubernetes"),
        ("compose.yaml", FLOW, "kubernetes"),
        ("docker-compose.yml", f"{SERVICES}---\n{MANIFEST}", "kubernetes"),
        ("stack.yaml", f"{INDENTED}---\n{SERVICES}", "kubernetes"),
        ("values.yaml", MANIFEST, "kubernetes"),
        ("values-compose.yaml", MANIFEST, "kubernetes"),
        ("image.yaml", MANIFEST, "kubernetes"),
        ("dockerfile.yaml", MANIFEST, "kubernetes"),
        ("pod", MANIFEST, "kubernetes"),
        ("kustomization.yaml", SERVICES, "kubernetes"),
        ("Kustomization", "images: []\n", "kubernetes"),
        ("Kustomization", "", "kubernetes"),
        ("Kustomization", "# none\n---\n{images: []}\n", "kubernetes"),
        # A JSON patch by its content.
        ("patch.yaml", PATCH, "kubernetes"),
        ("patch.json", '[{"path": "/spec", "op": "add", "value": {"kind": "x", "apiVersion": "y"}}]', "kubernetes"),
        ("patch.yaml", '- "o\\x70": replace\n  path: /spec/image\n', "kubernetes"),
        ("patch.yaml", PATCH + "- [", "kubernetes"),
        ("values.yaml", PATCH, "kubernetes"),
        ("chart/templates/patch.yaml", f"{PATCH}# {{{{ x }}}}\n", "helm-template"),
        ("compose.yaml", PATCH, "compose"),
        ("patch.txt", PATCH, None),
        ("patches.yaml", f"{PATCH}---\n{SERVICES}", "compose"),
        ("tasks.yaml", "- name: find\n  path: /spec/image\n  op: shred\n", None),
        ("tasks.yaml", "- name: stop\n  path: [\n", None),
        ("openapi.yaml", "get:\n  op: add\n  path: /spec/image\n", None),
        # A Dockerfile by its name, whatever it contains, or by its content.
        ("Dockerfile", MANIFEST, "dockerfile"),
        ("Dockerfile.pod", MANIFEST, "dockerfile"),
        ("pod.dockerfile", FLOW, "dockerfile"),
        ("Containerfile", MANIFEST, "dockerfile"),
        ("Kustomization", DOCKERFILE, "dockerfile"),
        ("image", DOCKERFILE, "dockerfile"),
        ("dockerfile.yaml", DOCKERFILE, None),
        ("compose.dockerfile", DOCKERFILE, "dockerfile"),
        # A compose file by its name, or by its content under any other name.
        ("compose.yaml", DOCKERFILE, "compose"),
        ("compose.yaml", SERVICES, "compose"),
        ("compose.yaml", f"{SERVICES}configs:\n  pod:\n    content: |\n      apiVersion: v1\n      kind: Pod\n", "compose"),
        ("compose-values.yaml", SERVICES, "compose"),
        ("values.compose.yaml", SERVICES, "compose"),
        ("values-docker-compose.yml", "image: {repository: nginx}\n", "compose"),
        ("dockerfile.compose.yml", SERVICES, "compose"),
        ("stack.yaml", SERVICES, "compose"),
        ("stack.json", SERVICES, None),
        # Values by their name.
        ("values.yaml", SERVICES, "helm-values"),
        ("compose/values.yaml", SERVICES, "helm-values"),
        ("values-composed.yaml", SERVICES, "helm-values"),
        ("values-dockerfile.yaml", DOCKERFILE, "helm-values"),
        # Other names with `values` in them only in a chart.
        ("chart/my_values2.yaml", SERVICES, "helm-values"),
        ("chart/ci/deep/ProdValues.yml", "image: nginx\n", "helm-values"),
        ("chart/myvalues.yaml", MANIFEST, "kubernetes"),
        ("chart/values.schema.json", "{}", None),
        ("chart/values", "image: nginx\n", None),
        ("chart/templates/myvalues.yaml", "image: nginx\n", None),
        ("chart/templates/myvalues.yaml", SERVICES, "compose"),
        ("chart/templates/myvalues.yaml", "image: {{ x }}\n", "helm-template"),
        ("chart/docker-compose-myvalues.yaml", SERVICES, "compose"),
        ("myvalues.yaml", "image: nginx\n", None),
        ("myvalues.yaml", SERVICES, "compose"),
        # Templates of a chart, whatever their names and content.
        ("chart/templates/compose.yaml", f"{SERVICES}# {{{{ x }}}}\n", "helm-template"),
        ("chart/templates/docker-compose.yaml", f"{MANIFEST}# {{{{ x }}}}\n", "helm-template"),
        ("chart/templates/stack.yaml", f"{SERVICES}# {{{{ x }}}}\n", "helm-template"),
        ("chart/templates/values.yaml", "image: {{ x }}\n", "helm-template"),
        ("chart/templates/compose-values.yaml", "image: {{ x }}\n", "helm-template"),
        ("chart/templates/kustomization.yml", "images: {{ x }}\n", "helm-template"),
        ("chart/templates/dockerfile.tpl", "FROM {{ x }}\n", "helm-template"),
        ("chart/crds/crd.yaml", f"{{{{- if x }}}}\n{MANIFEST}{{{{- end }}}}\n", "helm-template"),
        ("chart/files/patch.json", f"{MANIFEST}{{{{ x }}}}\n", "helm-template"),
        ("chart/files/pod.tpl", "image: nginx\n{{ x }}\n", "helm-template"),
        ("chart/compose.yaml", f"{SERVICES}{{{{ x }}}}\n", "helm-template"),
        # Elsewhere in a chart, only a line that begins with an action shows a template; values and files outside of charts are none.
        ("chart/files/pod.yaml", f"{MANIFEST}  {{{{ x }}}}\n", "kubernetes"),
        ("chart/values.yaml", "image: nginx\n{{ x }}\n", "helm-values"),
        ("files/pod.yaml", f"{{{{ x }}}}\n{MANIFEST}", "kubernetes"),
        # Without actions of Helm, a file in a chart's folder of templates is what it looks like.
        ("chart/templates/compose.yaml", SERVICES, "compose"),
        ("chart/templates/pod.yaml", f"{MANIFEST}# {{% x %}}\n", "kubernetes"),
        ("chart/templates/values.yaml", "image: '{% x %}'\n", "helm-values"),
        ("chart/templates/Dockerfile", "FROM {{ x }}\n", "dockerfile"),
        ("chart/templates/kustomization", "images: {{ x }}\n", None),
        # Development containers by their name.
        ("devcontainer.json", "{}", "devcontainer"),
        (".devcontainer.json", "", "devcontainer"),
        (".devcontainer/python/devcontainer.json", '{"image": "nginx"} // apiVersion kind', "devcontainer"),
        ("devcontainer.json", '{"apiVersion": "v1", "kind": "Pod"}', "kubernetes"),
        ("devcontainer.json", '[{"op": "add", "path": "/spec/image", "value": "a"}]', "kubernetes"),
        ("chart/templates/devcontainer.json", '{"image": "{{ x }}"}', "helm-template"),
        ("devcontainer-feature.json", '{"image": "nginx"}', None),
        ("devcontainer.yaml", "image: nginx\n", None),
        # Bake files by their name; `bake.hcl` at the end of one by its content.
        ("docker-bake.hcl", "", "bake"),
        ("docker-bake.override.hcl", TARGET, "bake"),
        ("docker-bake.release.json", "{}", "bake"),
        ("web.docker-bake.hcl", TARGET, "bake"),
        ("bake.hcl", TARGET, "bake"),
        ("release-bake.hcl", f"// A file.\n{TARGET}", "bake"),
        ("bake.json", '{"target": {"web": {}}}', "bake"),
        ("bake.hcl", "job {}\n", None),
        ("bake.json", '{"target-audience": 1}', None),
        ("docker-bake-notes.md", TARGET, None),
        ("main.hcl", TARGET, None),
        ("docker-bake.hcl", MANIFEST, "kubernetes"),
        ("docker-bake.json", '{"apiVersion": "v1", "kind": "Pod"}', "kubernetes"),
        ("docker-bake.hcl", DOCKERFILE, "dockerfile"),
        # Units of Quadlet by their extension and section.
        ("web.container", UNIT, "quadlet"),
        ("web@.container", f"# A unit.\n\t[Container] \r\n{UNIT}", "quadlet"),
        ("web.image", "[Image]\nImage=nginx:1\n", "quadlet"),
        ("web.volume", "[Volume]\n", "quadlet"),
        ("web.build", "[Build]\n", "quadlet"),
        ("web.image", UNIT, None),
        ("web.container", "[Unit]\nDescription=x\n", None),
        ("web.container", "Image=x [Container]\n", None),
        ("web.pod", "[Pod]\n", None),
        ("web.container.d/10-image.conf", UNIT, "quadlet"),
        ("container.d/image.conf", UNIT, "quadlet"),
        ("volume.d/a.conf", "[Volume]\n", "quadlet"),
        ("web.service.d/a.conf", UNIT, None),
        ("web.container/a.conf", UNIT, None),
        ("web.container.d/a.txt", UNIT, None),
        ("web.volume.d/a.conf", UNIT, None),
        ("web.service", UNIT, None),
        ("Dockerfile.container", UNIT, "dockerfile"),
        ("web.container", DOCKERFILE, "dockerfile"),
        ("web.container", f"{MANIFEST}# [Container]\n", "kubernetes"),
        ("web.container", f"{MANIFEST}data: |\n  [Container]\n", "kubernetes"),
        ("web.build", f"{DOCKERFILE}LABEL a=b \\\n  c=d\n", "dockerfile"),
        # Configurations of Skaffold by their content, which is no manifest.
        ("skaffold.yaml", CONFIGURATION, "skaffold"),
        ("dev.yml", f"---\n{MANIFEST}---\n{CONFIGURATION}", "skaffold"),
        ("skaffold.yaml", f"{CONFIGURATION}  - [\n", "skaffold"),
        ("skaffold.yaml", "{apiVersion: skaffold/v4beta11, kind: Config}\n", "skaffold"),
        ("skaffold.yaml", 'apiVersion: "skaffold\\x2fv4"\nkind: Config\n', "skaffold"),
        ("skaffold.yaml", "build: {}\n# skaffold/\n", None),
        ("skaffold.yaml", f"{MANIFEST}# apiVersion: skaffold/v4\n", "kubernetes"),
        ("pod.yaml", f"{MANIFEST}metadata: {{annotations: {{tool: skaffold/v4}}}}\n", "kubernetes"),
        (
            "skaffold.yaml",
            f"apiVersion: v1\nkind: ConfigMap\ndata:\n  skaffold.yaml: |\n{CONFIGURATION.replace('apiVersion', '    apiVersion')}",
            "kubernetes",
        ),
        ("values.yaml", CONFIGURATION, "kubernetes"),
        ("compose.yaml", CONFIGURATION, "kubernetes"),
        ("kustomization.yaml", CONFIGURATION, "kubernetes"),
        ("chart/templates/skaffold.yaml", f"{CONFIGURATION}# {{{{ x }}}}\n", "helm-template"),
        ("skaffold.json", '{"apiVersion": "skaffold/v4beta11", "kind": "Config"}', "kubernetes"),
        # A Chart.yaml with the annotation.
        ("chart/Chart.yaml", f"apiVersion: v2\nname: web\n{ANNOTATION}", "helm-chart"),
        ("Chart.yaml", f"{ANNOTATION}keywords: [services, kind]\n", "helm-chart"),
        ("chart.yaml", ANNOTATION, None),
        ("Chart.yaml", "apiVersion: v2\nname: web\n", None),
        ("chart/templates/Chart.yaml", f"{ANNOTATION}# {{{{ x }}}}\n", "helm-template"),
        ("Chart.yaml", f"{MANIFEST}{ANNOTATION}", "kubernetes"),
        ("Chart.yaml", f"{SERVICES}    annotations: {{artifacthub.io/images: none}}\n", "compose"),
        # Workflows by their folder, unless the content is that of another kind.
        (".github/workflows/ci.yml", WORKFLOW, "github-actions"),
        (".github/workflows/ci.yaml", "", "github-actions"),
        (".github/workflows/broken.yml", "jobs: [\n", "github-actions"),
        ("nested/.gitea/workflows/ci.yml", WORKFLOW, "github-actions"),
        (".forgejo/workflows/ci.yml", WORKFLOW, "github-actions"),
        (".github/workflows/kind.yml", MANIFEST, "kubernetes"),
        (".github/workflows/kustomization.yml", "images: []\n", "kubernetes"),
        (".github/workflows/services.yml", SERVICES, "compose"),
        (".github/workflows/compose.yml", SERVICES, "compose"),
        (".github/workflows/compose.yml", WORKFLOW, "github-actions"),
        (".github/workflows/composer.yml", f"services: x\n{WORKFLOW}", "github-actions"),
        (".github/workflows/docker-compose.yml", '"jobs": {}\n', "github-actions"),
        (".github/workflows/update-values.yml", WORKFLOW, "github-actions"),
        (".github/workflows/values.yaml", "image: nginx\n", "helm-values"),
        ("chart/.github/workflows/ci.yml", "jobs: {a: {container: '${{ x }}'}}\n", "github-actions"),
        ("chart/.github/workflows/x.yml", "{{ x }}\njobs: {}\n", "helm-template"),
        (".github/workflows/nested/ci.yml", WORKFLOW, None),
        (".github/ci.yml", WORKFLOW, None),
        (".github/workflows/ci.json", "{}", None),
        ("workflows/ci.yml", WORKFLOW, None),
        ("x.github/workflows/ci.yml", WORKFLOW, None),
        (".github/workflows.yml", WORKFLOW, None),
        ("ci.yml", WORKFLOW, None),
        ("workflow-templates/ci.yml", WORKFLOW, "github-actions"),
        ("workflow-templates/ci.yml", MANIFEST, "kubernetes"),
        ("workflow-templates/other.yml", WORKFLOW, None),
        # An action by its name and content.
        ("action.yml", ACTION, "github-actions"),
        ("tools/lint/Action.yaml", ACTION, "github-actions"),
        ("action.yml", f"{ACTION}  a: [\n", "github-actions"),
        ("action.yml", "name: runs\n", None),
        ("action.yml", "runs: daily\n", None),
        ("action.yml", "name: [\nthis: runs\n", None),
        ("action.yml", f"{MANIFEST}runs: {{}}\n", "kubernetes"),
        ("action.yml", SERVICES, "compose"),
        (".github/workflows/action.yml", WORKFLOW, "github-actions"),
        ("actions.yml", ACTION, None),
        ("my-action.yml", ACTION, None),
        # Pipelines of GitLab by their names, unless the content is that of another kind.
        (".gitlab-ci.yml", PIPELINE, "gitlab-ci"),
        (".gitlab-ci.yml", "", "gitlab-ci"),
        (".gitlab-ci.yaml", "a: [\n", "gitlab-ci"),
        ("ci/Build.gitlab-ci.yml", PIPELINE, "gitlab-ci"),
        ("chart/.gitlab-ci.yml", PIPELINE, "gitlab-ci"),
        ("chart/templates/.gitlab-ci.yml", f"{PIPELINE}# {{{{ x }}}}\n", "helm-template"),
        (".gitlab-ci.yml", MANIFEST, "kubernetes"),
        ("docker-compose.gitlab-ci.yml", SERVICES, "compose"),
        ("values.gitlab-ci.yml", PIPELINE, "helm-values"),
        ("test.gitlab-ci.yml", SERVICES, "compose"),
        ("gitlab-ci.yml", PIPELINE, None),
        (".gitlab-ci.yml.j2", PIPELINE, None),
        (".gitlab/ci.yml", PIPELINE, None),
        # A pipeline of CircleCI by its folder and its keys; one that is broken is still one.
        (".circleci/config.yml", CIRCLE, "circleci"),
        (".circleci/config.yaml", "", "circleci"),
        (".CircleCI/Config.yml", CIRCLE, "circleci"),
        (".circleci/src/jobs/a.yml", "docker: [{image: a}]\n", "circleci"),
        (".circleci/continue.yml", BROKEN, "circleci"),
        (".circleci/ct.yaml", "chart-dirs: [charts]\n", None),
        (".circleci/config.json", "{}", None),
        ("circleci/config.yml", CIRCLE, None),
        (".circleci/docker-compose.yml", SERVICES, "compose"),
        (".circleci/pod.yml", MANIFEST, "kubernetes"),
        (".circleci/values.yaml", CIRCLE, "helm-values"),
        (".circleci/azure-pipelines.yml", AZURE, "azure-pipelines"),
        (".github/workflows/.circleci/config.yml", CIRCLE, None),
        # A pipeline of Azure by its name, or by what only its files have.
        ("azure-pipelines.yml", "", "azure-pipelines"),
        ("azure-pipelines-ci.yaml", BROKEN, "azure-pipelines"),
        ("azure-pipeline.release.yml", AZURE, "azure-pipelines"),
        ("azure-pipelines.json", "{}", None),
        ("azure-pipelines.yml", MANIFEST, "kubernetes"),
        ("eng/build.yml", AZURE, "azure-pipelines"),
        ("eng/build.yml", "stages:\n- stage: a\n", "azure-pipelines"),
        ("eng/build.yml", "stages:\n- ${{ if a }}:\n  - stage: a\n", "azure-pipelines"),
        ("eng/build.yml", "jobs:\n- template: a.yml\n", "azure-pipelines"),
        ("eng/build.yml", "pool: {vmImage: a}\nsteps: [{bash: a}]\n", "azure-pipelines"),
        ("eng/build.yml", "resources:\n  containers:\n  - container: a\n    image: b\n", "azure-pipelines"),
        ("eng/build.yml", "extends:\n  template: a.yml\n", "azure-pipelines"),
        ("eng/build.yml", "jobs: [{job: a, container: b}]\n", "azure-pipelines"),
        ("eng/build.yml", "container: b\nsteps:\n- script: c\n", "azure-pipelines"),
        ("eng/build.yml", "build:\n- script: c\n", None),
        ("eng/build.yml", "extends: {file: a, template: }\n", None),
        ("eng/build.yml", "resources: {template: a}\n", None),
        ("eng/build.yml", f"{AZURE}  - [\n", None),
        ("eng/build.yml", "- job: a\n  container: b\n", None),
        ("eng/build.yml", "jobs:\n  a:\n    needs:\n    - job: b\n", None),
        ("eng/pod.yml", f"{AZURE}---\n{MANIFEST}", "kubernetes"),
        (".azuredevops/dependabot.yml", "version: 2\nupdates: [{directory: template:}]\n", None),
        ("chart/templates/build.yml", f"{AZURE}# {{{{ x }}}}\n", "helm-template"),
        (".github/workflows/azure-pipelines.yml", WORKFLOW, "github-actions"),
        ("ci/azure-pipelines.yml/a.yml", WORKFLOW, None),
        # A build of Google Cloud by its name, or by a similar path and its steps.
        ("cloudbuild.yaml", "", "cloudbuild"),
        ("cloudbuild_tag.yml", BROKEN, "cloudbuild"),
        ("deploy.cloudbuild.yaml", BUILD, "cloudbuild"),
        ("cloudbuild.json", '{"steps": [{"name": "ubuntu"}]}', "cloudbuild"),
        ("cloudbuild.yaml", MANIFEST, "kubernetes"),
        ("cloudbuild.json", '{"apiVersion": "v1", "kind": "Pod"}', "kubernetes"),
        ("cloudbuild.yaml.txt", BUILD, None),
        ("my-cloud-build.yaml", BUILD, "cloudbuild"),
        ("my-cloud-build.yaml", "steps: [{run: a}]\n", None),
        ("my-cloud-build.yaml", "steps: []\n", None),
        ("my-cloud-build.yaml", "steps: text\n", None),
        ("my-cloud-build.yaml", "- steps\n", None),
        ("my-cloud-build.yaml", "---\n", None),
        ("my-cloud-build.yaml", BROKEN, None),
        ("cloudbuild/a.yaml", BUILD, "cloudbuild"),
        ("cloudbuild/api.json", '{"name": "cloudbuild", "resources": {}}', None),
        ("steps.yaml", BUILD, None),
        (".github/actions/cloudbuild/action.yml", BUILD, None),
        (".gitlab/cloudbuild.yml", BUILD, None),
        # A pipeline of Drone by its name, or by a similar path and its kind.
        (".drone.yml", "", "drone"),
        (".drone.yaml", BROKEN, "drone"),
        (".drone.yml", f"{DRONE}apiVersion: v1\n", "drone"),
        ("drone.yml", DRONE, "drone"),
        ("drone-ci.yml", DRONE, "drone"),
        ("drones.yml", DRONE, None),
        ("cloudbuild/drone.yml", DRONE, "drone"),
        ("cloudbuild/.drone/a.yml", DRONE, "drone"),
        (".drone.release.yml", OLD_DRONE, "drone"),
        ("drone.yml", "kind: secret\n", None),
        ("drone.yml", f"kind: other\n{OLD_DRONE}", None),
        ("drone.yml", "pipeline: {a: {commands: [b]}}\n", None),
        ("drone.yml", WOODPECKER, None),
        ("drone.yml", SERVICES, "compose"),
        (".drone/a.yml", DRONE, "drone"),
        ("a.yml", DRONE, None),
        # A workflow of Woodpecker by its name or folder.
        (".woodpecker.yml", "", "woodpecker"),
        (".woodpecker.yaml", BROKEN, "woodpecker"),
        (".woodpecker/a/b.yml", WOODPECKER, "woodpecker"),
        (".woodpecker/.drone.yml", DRONE, "drone"),
        (".woodpecker/compose.yaml", SERVICES, "compose"),
        (".woodpecker/drone.yml", WOODPECKER, "woodpecker"),
        ("woodpecker.yml", WOODPECKER, None),
        # A pipeline of Buildkite by its name, or by its folder and its steps.
        (".buildkite/pipeline.yml", "", "buildkite"),
        (".buildkite/pipeline.json", '{"steps": []}', "buildkite"),
        ("buildkite.yml", BROKEN, "buildkite"),
        (".buildkite/steps/a.yml", BUILDKITE, "buildkite"),
        (".buildkite/steps/a.yml", BROKEN, "buildkite"),
        (".buildkite/steps/a.yml", "steps: {a: b}\n", None),
        (".buildkite/steps/a.yml", "- steps\n", None),
        (".buildkite/docker-compose.yml", SERVICES, "compose"),
        (".buildkite/a.json", '{"steps": [{"image": "a"}]}', "buildkite"),
        (".buildkite/cloudbuild.yaml", BUILD, "cloudbuild"),
        ("buildkite/a.yml", BUILDKITE, "buildkite"),
        ("buildkite/a.yml", BROKEN, None),
        ("pipeline.yml", BUILDKITE, None),
        # What a program reads at its path is of its kind, even with the keys of a manifest or the name of another kind.
        (".github/workflows/ci.yml", f"{MANIFEST}{WORKFLOW}", "github-actions"),
        (".github/workflows/ci.yml", f"{WORKFLOW}---\n{MANIFEST}", "github-actions"),
        (".github/workflows/ci.yml", f'name: "\n{MANIFEST}"\n{WORKFLOW}', "github-actions"),
        (".github/workflows/kustomization.yaml", WORKFLOW, "github-actions"),
        (".github/workflows/x.gitlab-ci.yml", WORKFLOW, "github-actions"),
        (".github/workflows/compose.yml", "{on: push, jobs: {a: {container: b}}}\n", "github-actions"),
        (".github/workflows/compose.yml", '"j\\x6fbs": {a: {container: b}}\n', "github-actions"),
        (".github/workflows/values.yaml", "? jobs\n: {a: {container: b}}\n", "github-actions"),
        ("chart/.github/workflows/ci.yml", f'name: "\n{{{{ x }}}}"\n{WORKFLOW}', "github-actions"),
        (".github/workflows/manifest.json", f"{MANIFEST}{WORKFLOW}", "kubernetes"),
        ("action.yml", f"{MANIFEST}{ACTION}", "github-actions"),
        ("action.yml", '"r\\x75ns": {using: docker, image: b}\n', "github-actions"),
        (".gitlab-ci.yml", f'variables: {{A: "\n{MANIFEST}"}}\n{PIPELINE}', "gitlab-ci"),
        (".circleci/config.yml", f"{MANIFEST}{CIRCLE}", "circleci"),
        (".circleci/continue.yml", f"{MANIFEST}{CIRCLE}", "kubernetes"),
        ("azure-pipelines.yml", f"{MANIFEST}{AZURE}", "azure-pipelines"),
        ("cloudbuild.yaml", f"{MANIFEST}{BUILD}", "cloudbuild"),
        (".drone.yml", f"{MANIFEST}{OLD_DRONE}", "drone"),
        (".woodpecker.yml", f"{MANIFEST}{WOODPECKER}", "woodpecker"),
        (".woodpecker/kustomization.yaml", WOODPECKER, "woodpecker"),
        (".woodpecker/compose.yaml", f"{SERVICES}{WOODPECKER}", "woodpecker"),
        ("buildkite.yml", f"{MANIFEST}{BUILDKITE}", "buildkite"),
        ("devcontainer.json", '{"apiVersion": "v1", "kind": "Pod", "image": "b"}', "devcontainer"),
        ("devcontainer.json", '// {"apiVersion": "v1", "kind": "Pod"}\n{"build": {}}', "devcontainer"),
        ("devcontainer.json", '{"apiVersion": "v1", "kind": "Pod", "image": "b"', "kubernetes"),
        ("docker-bake.json", '{"apiVersion": "v1", "kind": "Pod", "target": {}}', "bake"),
    ],
)
def test_a_near_miss_is_claimed_by_one_reader(
    path: str, text: str, kind: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("chart").mkdir()
    tmp_path.joinpath("chart", "Chart.yaml").write_text("name: chart\n")
    tmp_path.joinpath("workflow-templates").mkdir()
    tmp_path.joinpath("workflow-templates", "ci.properties.json").write_text("{}")
    assert kinds_of(str(tmp_path / path), text) == ([kind] if kind else [])


@pytest.mark.parametrize(
    ("folder", "path"),
    [("", ".github/workflows/ci.yml"), ("", "./.github/workflows/ci.yml"), (".github", "workflows/ci.yml"), (".github/workflows", "ci.yml"),
     (".github", "./workflows/ci.yml"), (".github/workflows", "./ci.yml"), (".github/workflows/x", "../ci.yml")],
)  # fmt: skip
def test_a_workflow_is_claimed_from_every_folder(folder: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.joinpath(".github", "workflows", "x").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / folder)
    assert kinds_of(path, WORKFLOW) == ["github-actions"]
    assert kinds_of(path.replace("ci.yml", "x/ci.yml"), WORKFLOW) == []


def test_the_kinds_asked_first_are_kinds_of_readers() -> None:
    assert set(readers.ASKED_FIRST) <= set(READERS)


@pytest.mark.parametrize(
    ("name", "first"),
    [("", "kubernetes"), ("deploy.yaml", "kubernetes"), ("compose.yaml", "compose"), ("Dockerfile", "dockerfile")],
)
def test_every_reader_is_asked_and_the_likeliest_first(name: str, first: str) -> None:
    asked = [reader.kind for reader in plugins.readers(name)]
    assert asked[0] == first
    assert sorted(asked) == sorted(READERS)
