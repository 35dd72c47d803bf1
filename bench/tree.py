"""The generated tree: the repository of a platform team, with files in the proportions and sizes of public ones.

The same size and seed give the same tree, byte for byte. Every maker returns the text of a file and the number of images in it, so that a benchmark can
verify that the files were read, not only opened. Imports nothing that is measured.
"""

from __future__ import annotations

import os
from random import Random

from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Made = tuple[str, int]
    Maker = Callable[[Random], Made]

MANIFESTS = 2000
"""The default size of a tree: the number of manifests. Other kinds of file are in proportion."""

_WORDS = (
    "account agent api auth batch billing cache cart catalog checkout cluster config consumer controller customer dashboard data delivery edge event "
    "export feed filter gateway graph health import index ingest inventory invoice job ledger log mail media metric monitor node notify order page "
    "partner payment pricing profile proxy queue rate record report router sample scheduler search session shipping signal stock store stream sync "
    "task ticket token trace transfer user vault view wallet web worker"
)
WORDS = _WORDS.split()
REGISTRIES = (
    "",
    "",
    "",
    "acme/",
    "docker.io/acme/",
    "ghcr.io/acme/",
    "quay.io/acme/",
    "registry.example.com:5000/platform/",
    "gcr.io/acme-prod/",
)
CLASSES = ("small", "medium", "large")


@record
class Kind:
    """One kind of file: the number of files per thousand manifests, their path, and the function that makes them.

    In the path, `{n}` is a counter; `{fifth}` is the same for five files, and `{app}` for ten.
    """

    name: str
    per_thousand: int
    path: str
    make: Maker


@record
class Tree:
    """A written tree: the files by kind, and the number of images."""

    files: dict[str, int]
    places: int


def generate(folder: str, manifests: int = MANIFESTS, seed: int = 1) -> Tree:
    """Write a tree into a new folder. It is the root of a Git repository, so that no policy or .gitignore above it applies."""
    rng = Random(seed)  # noqa: S311  the same tree every time is what is wanted
    files = {kind.name: -(-manifests * kind.per_thousand // 1000) for kind in KINDS}
    places = 0
    _write(os.path.join(folder, ".git", "HEAD"), "ref: refs/heads/main\n")
    _write(os.path.join(folder, ".gitignore"), "*.log\n*.tmp\n/build/\ndist/\n.env.local\ncoverage/\n")
    for kind in KINDS:
        for n in range(files[kind.name]):
            text, found = kind.make(rng)
            app = f"{WORDS[n // 10 % len(WORDS)]}-{n // 10}"
            _write(os.path.join(folder, kind.path.format(n=n, fifth=n // 5, app=app)), text)
            places += found
    return Tree(files, places)


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)


def name(rng: Random) -> str:
    """Return a name for a workload or an image."""
    return "-".join(rng.sample(WORDS, rng.choice((1, 2, 2, 3))))


def tag(rng: Random) -> str:
    """Return a tag, usually a version."""
    version = f"{rng.randrange(10)}.{rng.randrange(30)}.{rng.randrange(20)}"
    return rng.choice((version, version, f"v{version}", f"{version}-alpine", "latest", f"{rng.getrandbits(28):07x}"))


def image(rng: Random) -> str:
    """Return a reference, usually with a tag, sometimes with a digest."""
    reference = rng.choice(REGISTRIES) + name(rng)
    reference += f":{tag(rng)}" if rng.random() < 0.95 else ""
    return reference + (f"@sha256:{rng.getrandbits(256):064x}" if rng.random() < 0.1 else "")


def sentence(rng: Random) -> str:
    """Return a line of prose."""
    return " ".join(rng.choices(WORDS, k=rng.randrange(5, 16))).capitalize() + "."


def indented(spaces: int, text: str) -> str:
    """Return lines with an indentation."""
    return "".join(" " * spaces + line + "\n" for line in text.splitlines())


def dockerfile(rng: Random) -> Made:
    """Make a Dockerfile; half of them have a build stage."""
    lines, places = [], 1
    if rng.random() < 0.2:
        lines, places = ["# syntax=docker/dockerfile:1.7"], 2
    if rng.random() < 0.5:
        places += 1
        lines += [
            f"ARG GO_VERSION=1.{rng.randrange(18, 26)}",
            "",
            "FROM docker.io/library/golang:${GO_VERSION}-alpine AS build",
            "WORKDIR /src",
        ]
        lines += [
            "RUN --mount=type=cache,target=/go/pkg/mod \\",
            "    go mod download && \\",
            f"    go build -o /out/{name(rng)} ./...",
        ]
        lines += ["", f"FROM {image(rng)}", "COPY --from=build /out /usr/local/bin"]
    else:
        lines += [f"FROM {image(rng)}", "WORKDIR /app", "COPY . ."]
    if rng.random() < 0.1:
        lines.append(f"COPY --from=docker.io/library/{rng.choice(WORDS)}:{tag(rng)} /etc/{rng.choice(WORDS)} /etc/")
        places += 1
    lines += [f"ENV {word.upper()}_URL=https://{word}.example.com" for word in rng.sample(WORDS, rng.randrange(8))]
    lines += ["RUN apt-get update && apt-get install -y --no-install-recommends \\"]
    lines += [f"        {word} \\" for word in rng.sample(WORDS, rng.randrange(1, 16))] + ["    && rm -rf /var/lib/apt/lists/*"]
    lines += [f"# {sentence(rng)}", f"EXPOSE {rng.randrange(1024, 9999)}"] + ["USER 1001"] * (rng.random() < 0.6)
    return "\n".join([*lines, f'ENTRYPOINT ["/usr/local/bin/{name(rng)}"]', ""]), places


def container(rng: Random, role: str) -> str:
    """Return a container of a pod spec as a list item."""
    text = f"- name: {role}\n  image: {image(rng)}\n  imagePullPolicy: IfNotPresent\n"
    if rng.random() < 0.5:
        text += f"  args:\n  - --{rng.choice(WORDS)}={rng.randrange(99)}\n  - --log-level=info\n"
    text += "  env:\n" + "".join(
        f'  - name: {word.upper()}\n    value: "{rng.randrange(9999)}"\n' for word in rng.sample(WORDS, rng.randrange(1, 6))
    )
    if rng.random() < 0.6:
        text += f"  ports:\n  - containerPort: {rng.randrange(1024, 9999)}\n    name: http\n"
        text += "  readinessProbe:\n    httpGet:\n      path: /ready\n      port: http\n    periodSeconds: 10\n"
    text += f"  resources:\n    limits:\n      cpu: {rng.randrange(1, 9)}00m\n      memory: {rng.randrange(1, 9)}56Mi\n"
    if rng.random() < 0.4:
        text += "  securityContext:\n    allowPrivilegeEscalation: false\n    runAsNonRoot: true\n    capabilities:\n      drop: [ALL]\n"
    return text


def head(rng: Random, version: str, kind: str) -> str:
    """Return the first lines of a manifest."""
    title = name(rng)
    return (
        f"apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {title}\n  namespace: {rng.choice(WORDS)}\n"
        f"  labels:\n    app.kubernetes.io/name: {title}\n    app.kubernetes.io/part-of: platform\n"
    )


def workload(rng: Random) -> Made:
    """Make a manifest of a workload."""
    roles = ["main"] + ["sidecar"] * (rng.random() < 0.2)
    starts = ["prepare"] * (rng.random() < 0.15)
    pod = "containers:\n" + "".join([container(rng, role) for role in roles])
    pod += "initContainers:\n" * bool(starts) + "".join([container(rng, role) for role in starts])
    pod += f"serviceAccountName: {rng.choice(WORDS)}\n" + "securityContext:\n  runAsUser: 1001\n" * (rng.random() < 0.3)
    kind = rng.choice(("Deployment", "Deployment", "Deployment", "StatefulSet", "DaemonSet", "Rollout"))
    version = "argoproj.io/v1alpha1" if kind == "Rollout" else "apps/v1"
    labels = "metadata:\n  labels:\n    app: main\n"
    spec = f"spec:\n  replicas: {rng.randrange(1, 9)}\n  selector:\n    matchLabels:\n      app: main\n  template:\n"
    return head(rng, version, kind) + spec + indented(4, labels + "spec:\n" + indented(2, pod)), len(roles) + len(starts)


def settings(rng: Random) -> Made:
    """Make a manifest of another object, without images."""
    kind = rng.choice(("Service", "ConfigMap", "Role", "ServiceAccount", "Application"))
    if kind == "Service":
        return head(
            rng, "v1", kind
        ) + f"spec:\n  selector:\n    app: main\n  ports:\n  - name: http\n    port: {rng.randrange(9999)}\n", 0
    if kind == "ConfigMap":
        pairs = "".join(
            f"  {word}.properties: |\n{indented(4, f'{word}.enabled=true{chr(10)}{sentence(rng)}')}"
            for word in rng.sample(WORDS, 4)
        )
        return head(rng, "v1", kind) + f"data:\n{pairs}", 0
    if kind == "Role":
        rules = "".join(
            f'- apiGroups: [""]\n  resources: [{word}s]\n  verbs: [get, list, watch]\n' for word in rng.sample(WORDS, 5)
        )
        return head(rng, "rbac.authorization.k8s.io/v1", kind) + f"rules:\n{rules}", 0
    if kind == "ServiceAccount":
        return head(rng, "v1", kind), 0
    source = f"repoURL: https://git.example.com/{name(rng)}.git\ntargetRevision: HEAD\npath: deploy/{rng.choice(WORDS)}\n"
    return head(rng, "argoproj.io/v1alpha1", kind) + "spec:\n  source:\n" + indented(4, source), 0


def schema(rng: Random) -> Made:
    """Make a CustomResourceDefinition with 10 to 150 KB of schema: few files, but many of the bytes of a real tree."""
    fields = [
        f"{word}{n}:\n  description: {sentence(rng)}\n  type: object\n  properties:\n"
        f"    image:\n      type: string\n    enabled:\n      description: {sentence(rng)}\n      type: boolean\n"
        for n in range(rng.choice((50, 100, 200, 600)))
        for word in [rng.choice(WORDS)]
    ]
    versions = (
        "spec:\n  versions:\n  - name: v1\n    schema:\n      openAPIV3Schema:\n        type: object\n        properties:\n"
    )
    return head(rng, "apiextensions.k8s.io/v1", "CustomResourceDefinition") + versions + indented(10, "".join(fields)), 0


def manifest(rng: Random) -> Made:
    """Make a file with one or a few manifests."""
    makers = (workload, settings)
    made = [rng.choices(makers, (45, 55))[0](rng) for _ in range(rng.choice((1, 1, 1, 1, 2, 4)))]
    return "---\n".join([text for text, _ in made]), sum([places for _, places in made])


def compose(rng: Random) -> Made:
    """Make a compose file; some services are built and have no image."""
    text, places = "services:\n", 0
    for service in rng.sample(WORDS, rng.randrange(2, 6)):
        if rng.random() < 0.3:
            body = f"build:\n  context: ./{service}\n  target: release\n"
        else:
            body, places = f"image: {rng.choice(REGISTRIES)}{name(rng)}:${{{service.upper()}_TAG:-{tag(rng)}}}\n", places + 1
        body += f"restart: unless-stopped\nports:\n  - '{rng.randrange(1024, 9999)}:80'\nenvironment:\n"
        body += "".join(f"  {word.upper()}: ${{{word.upper()}:-{rng.randrange(99)}}}\n" for word in rng.sample(WORDS, 3))
        text += f"  {service}:\n" + indented(4, body + f"volumes:\n  - {service}:/var/lib/{service}\n")
    return text + "volumes:\n" + "".join(f"  {word}: {{}}\n" for word in rng.sample(WORDS, 2)), places


def values(rng: Random) -> Made:
    """Make the values of a chart, usually with comments, sometimes long."""
    text, places = "global:\n  imagePullSecrets: []\n", rng.choice((2, 4, 8, 16))
    for component in rng.sample(WORDS, places):
        body = f"enabled: true\nimage:\n  repository: {rng.choice(REGISTRIES)}{name(rng)}\n  tag: {tag(rng)!r}\n  pullPolicy: IfNotPresent\n"
        body += "".join(
            f"## @param {component}.{word} {sentence(rng)}\n##\n{word}:\n  value: {rng.randrange(99)}\n"
            for word in rng.sample(WORDS, 20)
        )
        text += f"## {sentence(rng)}\n{component}:\n" + indented(2, body)
    return text, places


def template(rng: Random) -> Made:
    """Make a chart template; few contain a literal image."""
    literal = rng.random() < 0.1
    body = f'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{{{ include "chart.fullname" . }}}}-{rng.choice(WORDS)}\n'
    body += '  labels: {{- include "chart.labels" . | nindent 4 }}\nspec:\n  template:\n    spec:\n      containers:\n      - name: main\n'
    body += f"        image: {image(rng)}\n" if literal else '        image: {{ include "chart.image" . }}\n'
    for word in rng.sample(WORDS, rng.randrange(5, 25)):
        body += f"        {{{{- if .Values.{word}.enabled }}}}\n        {word}: {{{{ .Values.{word}.value | quote }}}}\n        {{{{- end }}}}\n"
    return body, int(literal)


def chart(rng: Random) -> Made:
    """Make a Chart.yaml; few list the images of the chart."""
    text = f"apiVersion: v2\nname: {name(rng)}\nversion: 1.{rng.randrange(9)}.0\nappVersion: 2.{rng.randrange(9)}.1\n"
    if rng.random() >= 0.2:
        return text, 0
    return f"{text}annotations:\n  artifacthub.io/images: |\n    - name: main\n      image: {image(rng)}\n", 1


def script(rng: Random) -> Made:
    """Make a YAML file of no known kind, which looks like a workflow but is in another folder."""
    steps = "".join(f"    - name: {sentence(rng)}\n      run: make {word}\n" for word in rng.sample(WORDS, rng.randrange(3, 20)))
    return (
        f"name: {name(rng)}\non:\n  push:\n    branches: [main]\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n{steps}",
        0,
    )


def commands(rng: Random) -> list[str]:
    """Return the commands of a pipeline."""
    return [f"make {word}" for word in rng.sample(WORDS, rng.randrange(3, 20))]


def workflow(rng: Random) -> Made:
    """Make a workflow of GitHub Actions; most jobs run on a machine, without an image."""
    text, places = f"name: {name(rng)}\non:\n  push:\n    branches: [main]\njobs:\n", 0
    for job in rng.sample(WORDS, rng.randrange(1, 5)):
        body = "runs-on: ubuntu-latest\n"
        if rng.random() < 0.2:
            body, places = f"{body}container:\n  image: {image(rng)}\n", places + 1
        if rng.random() < 0.2:
            service = f"  database:\n    image: {image(rng)}\n    ports: ['{rng.randrange(1024, 9999)}:5432']\n"
            body, places = f"{body}services:\n{service}", places + 1
        steps = [f"- name: {sentence(rng)}\n  run: {command}\n" for command in commands(rng)]
        if rng.random() < 0.1:
            steps, places = [f"- uses: docker://{image(rng)}\n", *steps], places + 1
        text += f"  {job}:\n" + indented(4, f"{body}steps:\n- uses: actions/checkout@v5\n{''.join(steps)}")
    return text, places


def gitlab(rng: Random) -> Made:
    """Make a pipeline of GitLab CI."""
    jobs = rng.sample(WORDS, rng.randrange(1, 8))
    text = f"default:\n  image: {image(rng)}\nstages: [{', '.join(jobs)}]\n"
    for job in jobs:
        lines = "".join([f"  - {command}\n" for command in commands(rng)])
        text += f"{job}-job:\n  stage: {job}\n  image: {image(rng)}\n  script:\n{lines}"
    return text, 1 + len(jobs)


def circleci(rng: Random) -> Made:
    """Make a configuration of CircleCI: a job with a service."""
    steps = "".join([f"    - run: {command}\n" for command in commands(rng)])
    docker = f"    docker:\n    - image: {image(rng)}\n    - image: {image(rng)}\n"
    return f"version: 2.1\njobs:\n  test:\n{docker}    steps:\n    - checkout\n{steps}", 2


def azure(rng: Random) -> Made:
    """Make a pipeline of Azure Pipelines."""
    steps = "".join([f"  - script: {command}\n" for command in commands(rng)])
    return f"trigger: [main]\njobs:\n- job: test\n  container: {image(rng)}\n  steps:\n{steps}", 1


def cloudbuild(rng: Random) -> Made:
    """Make a build of Google Cloud Build."""
    lines = commands(rng)
    return "steps:\n" + "".join([f"- name: {image(rng)}\n  args: [{line!r}]\n" for line in lines]), len(lines)


def steps_with_images(rng: Random) -> Made:
    """Make steps as Drone and Woodpecker have them."""
    lines = commands(rng)
    steps = [f"- name: step-{number}\n  image: {image(rng)}\n  commands: [{line!r}]\n" for number, line in enumerate(lines)]
    return f"kind: pipeline\ntype: docker\nname: test\nsteps:\n{''.join(steps)}", len(lines)


def buildkite(rng: Random) -> Made:
    """Make a pipeline of Buildkite with a step in a container."""
    plugin = f"  plugins:\n  - docker#v5.12.0:\n      image: {image(rng)}\n"
    return f"steps:\n- command: make test\n{plugin}" + "".join([f"- command: {line}\n" for line in commands(rng)]), 1


def devcontainer(rng: Random) -> Made:
    """Make a development container, with comments and a trailing comma."""
    return f'{{\n  // {sentence(rng)}\n  "name": "{name(rng)}",\n  "image": "{image(rng)}",\n  "forwardPorts": [8080,],\n}}\n', 1


def skaffold(rng: Random) -> Made:
    """Make a configuration of Skaffold, which names what it builds alone."""
    names = "".join([f"  - image: {name(rng)}-built\n    context: {word}\n" for word in rng.sample(WORDS, 3)])
    return f"apiVersion: skaffold/v4beta11\nkind: Config\nbuild:\n  artifacts:\n{names}", 0


def bake(rng: Random) -> Made:
    """Make a file of Bake with an image as a context of each target."""
    words = rng.sample(WORDS, rng.randrange(1, 5))
    targets = [
        f'target "{word}" {{\n  # {sentence(rng)}\n  contexts = {{\n    base = "docker-image://{image(rng)}"\n  }}\n'
        f'  tags = ["docker.io/acme/{word}-built"]\n}}\n'
        for word in words
    ]
    return f'group "default" {{\n  targets = [{", ".join([f"{word!r}" for word in words])}]\n}}\n'.replace("'", '"') + "".join(
        targets
    ), len(words)


def unit(rng: Random) -> Made:
    """Make a unit of Quadlet with a full name, as Podman needs it."""
    return f"[Unit]\nDescription={sentence(rng)}\n\n[Container]\nImage=quay.io/acme/{name(rng)}:{tag(rng)}\n\n[Install]\n", 1


def source(rng: Random) -> Made:
    """Make a source file of a program."""
    body = "".join(
        f"\t// {sentence(rng)}\n\tresult = append(result, {word}.New(ctx))\n"
        for word in rng.choices(WORDS, k=rng.choice((10, 30, 60, 150)))
    )
    return f"package {rng.choice(WORDS)}\n\nfunc Run(ctx context.Context) []Task {{\n{body}\treturn result\n}}\n", 0


def prose(rng: Random) -> Made:
    """Make a page of documentation."""
    return f"# {name(rng)}\n\n" + "\n".join(sentence(rng) for _ in range(rng.choice((10, 30, 60, 150)))) + "\n", 0


def package(rng: Random) -> Made:
    """Make a JSON file that is not a manifest."""
    entries = ",\n".join(
        f'    "{name(rng)}": "^{rng.randrange(9)}.{rng.randrange(9)}.0"' for _ in range(rng.choice((10, 30, 100)))
    )
    return f'{{\n  "name": "{name(rng)}",\n  "dependencies": {{\n{entries}\n  }}\n}}\n', 0


KINDS = (
    Kind("dockerfile", 150, "services/{app}/image-{n}/Dockerfile", dockerfile),
    Kind("manifest", 990, "deploy/{app}/{n}.yaml", manifest),
    Kind("schema", 10, "deploy/crds/{app}-{n}.yaml", schema),
    Kind("compose", 50, "examples/{app}/{n}/docker-compose.yml", compose),
    Kind("chart", 40, "charts/{n}/Chart.yaml", chart),
    Kind("values", 40, "charts/{n}/values.yaml", values),
    Kind("template", 200, "charts/{fifth}/templates/{n}.yaml", template),
    Kind("script", 150, "ci/{app}/{n}.yml", script),
    Kind("workflow", 60, ".github/workflows/{n}.yml", workflow),
    Kind("gitlab", 10, "services/{app}/ci/{n}.gitlab-ci.yml", gitlab),
    Kind("circleci", 4, ".circleci/{n}.yml", circleci),
    Kind("azure", 4, "services/{app}/azure-pipelines-{n}.yml", azure),
    Kind("cloudbuild", 4, "services/{app}/cloudbuild-{n}.yaml", cloudbuild),
    Kind("drone", 2, "services/{app}/{n}/.drone.yml", steps_with_images),
    Kind("woodpecker", 2, ".woodpecker/{n}.yml", steps_with_images),
    Kind("buildkite", 4, ".buildkite/{n}.yml", buildkite),
    Kind("devcontainer", 10, ".devcontainer/{n}/devcontainer.json", devcontainer),
    Kind("skaffold", 4, "services/{app}/skaffold-{n}/skaffold.yaml", skaffold),
    Kind("bake", 4, "services/{app}/bake-{n}/docker-bake.hcl", bake),
    Kind("unit", 4, "units/{app}-{n}.container", unit),
    Kind("source", 500, "services/{app}/src/{n}.go", source),
    Kind("prose", 250, "docs/{app}/{n}.md", prose),
    Kind("package", 50, "web/{app}/{n}/package.json", package),
)
