"""No repository breaks a run, and nothing is skipped without a report.

Each limit in docs/limits.md is tested at its value and at one more.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import zlib
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import scripted_registry

from imglint import Unverified, parse
from imglint.commands.options import CommandOptions, settings_for
from imglint.dockerfile import stages
from imglint.engine import run as engine
from imglint.engine.discover import Found
from imglint.engine.fix import fix_file
from imglint.formats import sarif
from imglint.formats.text import LINE_MAX as SHOWN_MAX
from imglint.model import INTERNAL_ERROR
from imglint.plugins.load import formats, output_format
from imglint.policy.checked_nodes import ERRORS_MAX
from imglint.records import replace
from imglint.registry.cache import FOR_GOOD, FOR_NOW, prune
from imglint.registry.credentials import DockerCredentials
from imglint.registry.examples import ExampleRegistries
from imglint.registry.hosts import Endpoint, Hosts
from imglint.registry.images import PublicKey
from imglint.registry.registries import Registries
from imglint.registry.tokens import Challenge, challenge_of
from imglint.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Imglint

    from imglint.model import Finding, ImageUse

ROOT = Path(__file__).parent.parent
POD = "apiVersion: v1\nkind: Pod\nspec:\n"
UNREAD = "unread-file"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rules_of(imglint: Imglint, *arguments: str) -> list[str]:
    """Return the rules of all findings."""
    outcome = imglint(*arguments, "--format", "json", "--select", "latest-tag")
    findings = json.loads(outcome.out)["findings"]
    assert outcome.status == (1 if findings else 0)
    return [finding["rule"] for finding in findings]


NAMES = [
    *("Dockerfile", "compose.yaml", "values.yaml", "deploy.yaml", "deploy.json", "kustomization.yaml", "templates/x.tpl", "x"),
    *("devcontainer.json", "docker-bake.hcl", "docker-bake.json", "web.container", "data.volume", "skaffold.yaml", "Chart.yaml"),
    *(".github/workflows/ci.yml", "action.yml", ".gitlab-ci.yml"),
]
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
        *[
            "apiVersion: skaffold/v4\n",
            "annotations:\n  artifacthub.io/images: |\n",
            'target "a" {\n',
            "contexts = {\n",
            '"docker-image://',
            "dockerfile-inline = <<-A\n",
            "A\n",
            "cache-from = [",
            '"image": ',
            "${localEnv:A:b}",
            "\\u0041",
            "[Container]\n",
            "Image=",
            "jobs:\n",
            "runs: ",
            "container: ",
            "matrix: ",
            "include: ",
            "uses: docker://",
            "${{ matrix.image || 'a' }}",
            "!reference [a, image]",
            "variables: ",
            "$[[ inputs.a ]]",
        ],
    ]
)
BYTES = st.binary(max_size=60) | st.lists(PIECES, max_size=40).map(
    lambda pieces: "".join(pieces).encode("utf-8", "surrogatepass")
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES), mark=st.sampled_from([b"", b"\xff\xfe", b"\xef\xbb\xbf"]), data=BYTES)
def test_any_file_is_checked_without_internal_errors(name: str, mark: bytes, data: bytes, tree: Path) -> None:
    Path("templates").mkdir(exist_ok=True)
    Path("Chart.yaml").write_bytes(data)
    Path(".env").write_bytes(data)
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(mark + data)
    report = engine.run([name], settings_for(CommandOptions(paths=(name,))))
    assert not [finding.message for finding in report.findings if finding.rule == INTERNAL_ERROR]
    for one in formats():
        out = StringIO()
        output_format(one).write(report, out)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=BYTES | st.binary().map(lambda data: b"images:\n- match: " + data))
def test_any_policy_is_accepted_or_rejected_with_errors(data: bytes, imglint: Imglint, tree: Path) -> None:
    Path(".imglint.yaml").write_bytes(data)
    Path("Dockerfile").write_text("FROM scratch\nUSER 1000\n")
    outcome = imglint("Dockerfile", cwd=tree)
    assert outcome.status in (0, 2)
    assert "Traceback" not in outcome.err
    assert all(line.startswith(".imglint.yaml:") for line in outcome.err.splitlines())


def references(imglint: Imglint, text: str, name: str = "Dockerfile") -> list[str | None]:
    """Return the reference of each image in a file, None if it has none."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)
    return [use["reference"] for use in json.loads(imglint("images", "--format", "json", name).out)]


class Lint:
    """Runs imglint on small trees, for the cases of LIMITS."""

    def __init__(self, imglint: Imglint, git: Callable[..., None]) -> None:
        self.imglint, self.git = imglint, git

    def rules(self, name: str, text: str) -> list[str]:
        """Return the rules of the findings in a file, which has to give the same as a part of its folder."""
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
        found = rules_of(self.imglint, name, "--jobs", "1")
        assert found == rules_of(self.imglint, "--jobs", "1")
        return found

    def logs_in(self, config: str, helper: str = "") -> bool:
        """Return whether a configuration of Docker, and the answer of its credential helper, can be read."""
        Path("config.json").write_text(config)
        Path("answer").write_text(helper)
        program = Path("docker-credential-test")
        program.write_text(f"#!/bin/sh\nexec /bin/cat {Path('answer').absolute()}\n")
        program.chmod(0o755)
        with pytest.MonkeyPatch.context() as patch:
            for name in ("DOCKER_CONFIG", "PATH"):
                patch.setenv(name, os.getcwd())
            try:
                DockerCredentials()(Endpoint("ghcr.io", "ghcr.io", credentials=True))
            except Unverified:
                return False
        return True

    def keeps_answer(self, size: int) -> bool:
        """Return whether an answer stays when the cache is pruned."""
        for folder in (FOR_GOOD, FOR_NOW):
            Path(folder).mkdir(exist_ok=True)
        path = Path(FOR_GOOD, "answer")
        path.write_bytes(bytes(size))
        prune(".")
        return path.exists()

    def is_read(self, name: str, text: str) -> bool:
        return UNREAD not in self.rules(name, text)

    def is_resolved(self, name: str, text: str) -> bool:
        """Whether the last image in a file has a reference."""
        return references(self.imglint, text, name)[-1] is not None

    def is_resolved_or_unread(self, name: str, text: str) -> bool:
        """Whether the last image in a file has a reference. If not, that must be reported as unread-file."""
        resolved = self.is_resolved(name, text)
        assert resolved == self.is_read(name, text)
        return resolved

    def accepts(self, *arguments: str) -> bool:
        outcome = self.imglint(*arguments)
        assert (outcome.status == 2) == bool(outcome.err)
        return outcome.status != 2

    def accepts_policy(self, text: str) -> bool:
        Path("policy.yaml").write_text(text)
        return self.accepts("--config", "policy.yaml")

    def accepts_certificates(self, size: int) -> bool:
        Path("ca.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".ljust(size))
        return self.accepts_policy("registries: [{host: ghcr.io, ca: ca.pem}]\n")

    def accepts_baseline(self, size: int) -> bool:
        Path("Dockerfile").write_text("FROM a:latest\n")
        self.imglint("--write-baseline", "baseline.json")
        Path("baseline.json").write_text(Path("baseline.json").read_text().ljust(size))
        assert Path("baseline.json").stat().st_size == size
        return self.accepts("--baseline", "baseline.json")

    def reads_stdin(self, text: str) -> bool:
        Path("stdin").write_text(text)
        before = os.dup(0)
        descriptor = os.open("stdin", os.O_RDONLY)
        try:
            os.dup2(descriptor, 0)
            return UNREAD not in rules_of(self.imglint, "-", "--stdin-filename", "Dockerfile")
        finally:
            os.dup2(before, 0)
            os.close(before)
            os.close(descriptor)

    def messages(self, name: str, text: str, rule: str) -> list[str]:
        """Return the messages of the findings of one rule in a file."""
        Path(name).write_text(text)
        findings = json.loads(self.imglint(name, "--format", "json", "--select", rule).out)["findings"]
        return [finding["message"] for finding in findings if finding["rule"] == rule]

    def inherits_dockerfile(self, count: int) -> bool:
        """Whether a target finds the Dockerfile of the last of that many targets that it inherits from, in its own context."""
        Path("own").mkdir(exist_ok=True)
        Path("own", "last.txt").write_text("FROM a:latest\n")
        bases = ", ".join([f'"t{at}"' for at in range(count)])
        text = f'target "web" {{\n  context = "own"\n  inherits = [{bases}]\n}}\ntarget "t{count - 1}" {{ dockerfile = "last.txt" }}\n'
        text += "".join([f'target "t{at}" {{}}\n' for at in range(count - 1)])
        return "latest-tag" in self.rules("docker-bake.hcl", text)

    def knows_chart(self, templates: dict[str, str], size: int = 0) -> bool:
        """Whether chart-image-drift finds an image that a chart with these templates, and values of this size, does not have."""
        Path("templates").mkdir(exist_ok=True)
        for old in Path("templates").iterdir():
            old.unlink()
        for name, text in templates.items():
            Path("templates", name).write_text(text)
        Path("values.yaml").write_text("image: {repository: acme/web, tag: '1'}\n#".ljust(size, "#"))
        listed = "annotations:\n  artifacthub.io/images: |\n    - image: acme/web:2\n"
        return self.messages("Chart.yaml", listed, "chart-image-drift") != []

    def sarif_results(self, text: str) -> list[dict[str, Any]]:
        Path("Dockerfile").write_text(text)
        log = json.loads(self.imglint("Dockerfile", "--format", "sarif", "--select", "latest-tag").out)
        return [result for result in log["runs"][0]["results"] if result["ruleId"] == "latest-tag"]

    def reads_beside(self, name: str, text: str, source: str, source_text: str) -> bool:
        """Whether the last image in a source is resolved with the help of the file `name`."""
        Path(name).write_text(text)
        return self.is_resolved(source, source_text)

    def reads_parent(self, count: int) -> bool:
        """Whether the registry of a subchart is that of the outermost chart, if it is nested in as many."""
        folder = Path("chart")
        for number in range(count + 1):
            folder = folder / "charts" / "a" if number else folder
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "Chart.yaml").write_text("name: a\n")
            (folder / "values.yaml").write_text("" if number else "global: {registry: quay.io}\n")
        return references(self.imglint, "image: {name: a}\n", str(folder / "values.yaml")) == ["quay.io/a"]

    def reads_inline_value(self, value: str) -> bool:
        """Whether an inline Dockerfile of 11 characters and a value is read."""
        Path(".env").write_text(f"A={value}\n")
        return self.is_read("compose.yaml", inline_dockerfile("FROM a:1\n# $A"))

    def obeys_gitignore(self, count: int) -> bool:
        Path(".gitignore").write_text("a*b\n" * (count // 2))
        Path("folder").mkdir(exist_ok=True)
        Path("folder/.gitignore").write_text("c/d\n" * (count - count // 2))
        Path("folder/Dockerfile").write_text("FROM a:1\n")
        return UNREAD not in rules_of(self.imglint, "--jobs", "1")

    def compares_renamed_files(self, count: int) -> bool:
        """Whether a file that was renamed and edited has only its changed lines, if there are `count` deleted files."""
        lines = "# A comment.\n" * 20
        self.git(Path(), "init", "--quiet")
        for number in range(count - 1):
            Path(f"{number}.txt").write_text(f"{number}\n")
        Path("Dockerfile").write_text(f"FROM a:latest\n{lines}")
        self.git(Path(), "add", ".")
        self.git(Path(), "commit", "--quiet", "--message", "Add files")
        for path in Path().glob("*.txt"):
            path.unlink()
        Path("Dockerfile").unlink()
        Path("x.Dockerfile").write_text(f"FROM a:latest\n{lines}# Another one.\n")
        found = rules_of(self.imglint, "--since", "HEAD", "--select", "latest-tag")
        Path("x.Dockerfile").unlink()
        return not found

    def compares_lines(self, size: int) -> bool:
        """Whether an edited file of some bytes has only its changed lines."""
        self.git(Path(), "init", "--quiet")
        Path("Dockerfile").write_text("FROM a:latest\n")
        self.git(Path(), "add", ".")
        self.git(Path(), "commit", "--quiet", "--allow-empty", "--message", "Add a file")
        Path("Dockerfile").write_text("FROM a:latest\n".ljust(size, "\n"))
        return not rules_of(self.imglint, "--since", "HEAD", "--select", "latest-tag")

    def obeys_index(self, index: bytes) -> bool:
        """Whether .gitignore is obeyed in a repository with this index. It is none for Git."""
        Path(".git").mkdir(exist_ok=True)
        Path(".git/index").write_bytes(index)
        return self.obeys_pattern("a")

    def obeys_pattern(self, pattern: str) -> bool:
        Path(".gitignore").write_text(f"Dockerfile\n{pattern}\n")
        Path("Dockerfile").write_text("FROM a:1\n")
        return UNREAD not in rules_of(self.imglint, "--jobs", "1")

    def extends(self, count: int, extended: Callable[[int], range]) -> bool:
        """Whether the first of `count` policies is accepted, if policy N extends those in `extended(N)`."""
        for number in range(count):
            names = ", ".join([f"p{at}.yaml" for at in extended(number)])
            Path(f"p{number}.yaml").write_text(f"fail-on: never\n{f'extends: [{names}]' if names else ''}\n")
        return self.accepts("--config", "p0.yaml")


def values(count: int) -> str:
    """Return Helm values that name as many images, and nothing else."""
    return "a:\n" + "- {repository: a, tag: latest}\n" * count


def pattern(size: int) -> str:
    return "*" + "a" * (size - 1)


def long_reference(size: int) -> str:
    """Return a valid reference of any size: only registries have no limit."""
    return f"a.{'a' * (size - 4)}/b"


def quoted_flag(size: int) -> str:
    """Return a flag that names the image a:1 once its quotes and escapes are removed."""
    escape = "\\" * (size % 2)
    return f"--from=a:{escape}1".ljust(size, '"')


def merged_mappings(count: int) -> str:
    anchors = [f"  a{at}: &a{at} {{b: c}}\n" for at in range(count - 1)]
    aliases = ", ".join([f"*a{at}" for at in range(count - 1)])
    return f"{POD}{''.join(anchors)}  x: {{image: a:1, <<: [{aliases}]}}\n"


def merged_chain(count: int) -> str:
    links = [f"  a{at}: &a{at} {{<<: *a{at - 1}}}\n" for at in range(1, count)]
    return f"services:\n  a0: &a0 {{image: a:1}}\n{''.join(links)}"


def helm_values(*sources: str) -> str:
    listed = ", ".join([f"{{helm: {{{source}}}}}" for source in sources])
    return f"apiVersion: argoproj.io/v1alpha1\nkind: Application\nimage: a\nspec: {{sources: [{listed}]}}\n"


def inline_dockerfile(*texts: str) -> str:
    services = [f"  s{at}: {{build: {{dockerfile_inline: {json.dumps(text)}}}}}\n" for at, text in enumerate(texts)]
    return f"services:\n{''.join(services)}"


def extended_chain(count: int) -> str:
    """Return a compose file in which the last of some services has a build and extends all others."""
    services = [f"  s{at}: {{extends: s{at - 1}, image: a:1}}\n" for at in range(1, count - 1)]
    return f"services:\n  s0: {{image: a:1}}\n{''.join(services)}  last: {{extends: s{count - 2}, build: {{context: .}}}}\n"


def workflow(container: str) -> str:
    return f"jobs: {{a: {{container: {json.dumps(container)}}}}}\n"


def extended_jobs(count: int) -> str:
    """Return a pipeline in which the last of some jobs extends all others."""
    jobs = [f"j{at}: {{extends: j{at - 1}}}\n" for at in range(1, count)]
    return f"j0: {{image: a:1}}\n{''.join(jobs)}"


def nested_variables(count: int) -> str:
    """Return a pipeline with as many variables, each the value of the one before."""
    names = [f"  A{at}: $A{at + 1}\n" for at in range(1, count)]
    return f"variables:\n  A{count}: a:1\n{''.join(names)}a: {{image: $A1}}\n"


def includes_files(lint: Lint, count: int) -> bool:
    """Whether a pipeline can include files by a pattern, if there are as many files and folders."""
    Path("files").mkdir(exist_ok=True)
    for at in range(count - 2):
        Path("files", f"{at}.yml").write_text("a: {}\n")
    return lint.is_read(".gitlab-ci.yml", "include: {local: '**.yml'}\n")


LATEST_POD = f"{POD}  containers: [{{name: a, image: 'x:latest'}}]\n"
REWRITES = "resources: [../pod.yaml]\nimages: [{name: x, newTag: v1}]\n"
"""A kustomization in a subfolder that rewrites LATEST_POD."""


def is_rewritten(lint: Lint, files: dict[str, str]) -> bool:
    """Whether LATEST_POD is judged with what the kustomizations among some files set."""
    for name, text in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    return "latest-tag" not in lint.rules("pod.yaml", LATEST_POD)


def kustomizations(count: int) -> dict[str, str]:
    """Return as many kustomizations, of which the last rewrites LATEST_POD."""
    return {f"k{at:03}/kustomization.yaml": "resources: [a.yaml]\n" for at in range(count - 1)} | {
        "z/kustomization.yaml": REWRITES
    }


def overlays(count: int) -> dict[str, str]:
    """Return as many kustomizations, each an overlay of the one before, of which the last rewrites LATEST_POD."""
    first = {"k0/kustomization.yaml": "resources: [../pod.yaml]\n"}
    others = {f"k{at}/kustomization.yaml": f"resources: [../k{at - 1}]\n" for at in range(1, count)}
    return {
        **first,
        **others,
        f"k{count - 1}/kustomization.yaml": f"resources: [../k{count - 2}]\nimages: [{{name: x, newTag: v1}}]\n",
    }


def components(count: int) -> dict[str, str]:
    """Return a kustomization with as many components, of which the last rewrites LATEST_POD."""
    listed = ", ".join([f"../c{at}" for at in range(count)])
    folders = {f"c{at}/kustomization.yaml": "kind: Component\n" for at in range(count)}
    last = {f"c{count - 1}/kustomization.yaml": "kind: Component\nimages: [{name: x, newTag: v1}]\n"}
    return {**folders, **last, "k/kustomization.yaml": f"resources: [../pod.yaml]\ncomponents: [{listed}]\n"}


def knows_signatures(count: int) -> bool:
    """Return whether so many signatures of an image are read."""
    registries = ExampleRegistries()
    digest = registries.add("a:1")
    for _ in range(count):
        registries.sign("docker.io/library/a", digest, "a.pub")
    key = PublicKey("a.pub", registries.files["a.pub"])
    try:
        return bool(Registries(Hosts(None), registries.ask).signature(parse("a:1"), key))
    except Unverified:
        return False


def bake_context(context: str, **variables: str) -> str:
    """Return a Bake file with a context and variables."""
    defaults = "".join([f'variable "{name.upper()}" {{ default = "{value}" }}\n' for name, value in variables.items()])
    return f'{defaults}target "a" {{\n  contexts = {{ a = "{context}" }}\n}}\n'


def compose_image(image: str) -> str:
    return f"services: {{a: {{image: '{image}'}}}}\n"


def fix_in_passes(count: int) -> bytes:
    """Return a Dockerfile with a tag `v` and many `x` after the fixes of a rule that takes away one `x` in a pass."""

    def check(use: ImageUse, _options: object) -> Iterator[Finding]:
        for at in range(use.span[1] - count, use.span[1]):
            if use.source.text[at : at + 1] == "x":
                place = use.source.location(at, at + 1)
                yield replace(use.finding("too long", fix=use.fix(use.text[:-1], "shorten it")), location=place)

    settings = settings_for(CommandOptions())
    rule = replace(settings.rules["latest-tag"], id="short-tag", check_image=check)
    own = {one.id: one for one in settings.rules.values() if not (one.check_image or one.check_user)}
    content = b"FROM a:v" + b"x" * count
    return fix_file(Found("Dockerfile", True), content, replace(settings, rules=own | {rule.id: rule}), lambda _: True).after


LIMITS: list[tuple[str, str, int | None, Callable[[Lint, int], bool]]] = [
    ("source.FILE_SIZE_MAX", "file", None, lambda lint, n: lint.is_read("Dockerfile", "FROM a:latest\n".ljust(n, "\n"))),
    ("source.FILE_SIZE_MAX", "policy", 1000, lambda lint, n: lint.accepts_policy("fail-on: error\n#".ljust(n))),
    ("source.FILE_SIZE_MAX", "baseline", 2000, lambda lint, n: lint.accepts_baseline(n)),
    ("source.FILE_SIZE_MAX", "stdin", 1000, lambda lint, n: lint.reads_stdin("FROM a:latest\n#".ljust(n))),
    ("source.BESIDE_SIZE_MAX", ".env", None,
     lambda lint, n: lint.reads_beside(".env", "A=b:1\n#".ljust(n), "compose.yaml", compose_image("$A"))),
    ("source.LINE_MAX", "line", None, lambda _, n: len(Source("f", "x" * n).line_around(0)[0]) == n),
    ("engine.changed_lines.COMPARED_MAX", "bytes", None, lambda lint, n: lint.compares_lines(n)),
    ("engine.changed_lines.RENAMED_MAX", "files", 5, lambda lint, n: lint.compares_renamed_files(n)),
    ("engine.gitignore.PATTERNS_MAX", "patterns", None, lambda lint, n: lint.obeys_gitignore(n)),
    ("git_index.SIZE_MAX", "index", 1000, lambda lint, n: lint.obeys_index(
        b"DIRC" + (2 << 32).to_bytes(8, "big") + b"ABCD" + (n - 40).to_bytes(4, "big") + bytes(n - 20))),
    # Entries of version 4 that repeat the name before, of ten bytes, and one of the other bytes.
    ("git_index.SIZE_MAX", "names", 10_000, lambda lint, n: lint.obeys_index(
        b"DIRC" + ((4 << 32) + 10 + n % 2).to_bytes(8, "big") + (bytes(60) + b"\x03\xe8\0" + b"a" * 1000 + b"\0")
        + (bytes(60) + b"\x03\xe8\0\0") * 9 + (bytes(60) + b"\0\1\x87\x68a\0") * (n % 2) + bytes(20))),
    ("patterns.matcher.PATTERN_MAX", "match", None, lambda lint, n: lint.accepts_policy(f"images: [{{match: '{pattern(n)}'}}]\n")),
    ("patterns.matcher.PATTERN_MAX", "tags", None,
     lambda lint, n: lint.accepts_policy(f"images: [{{match: a, tags: ['{pattern(n)}']}}]\n")),
    ("patterns.matcher.PATTERN_MAX", "versions", None,
     lambda lint, n: lint.accepts_policy(f"images: [{{match: a, versions: '<{'9' * (n - 1)}'}}]\n")),
    ("patterns.version.COMPARISONS_MAX", "versions", None,
     lambda lint, n: lint.accepts_policy(f"images: [{{match: a, versions: '{'<9 ' * n}'}}]\n")),
    ("patterns.matcher.PATTERN_MAX", "files", None, lambda lint, n: lint.accepts_policy(f"exclude: ['{pattern(n)}']\n")),
    ("patterns.matcher.PATTERN_MAX", "option", None, lambda lint, n: lint.accepts("--exclude", pattern(n))),
    ("patterns.matcher.PATTERN_MAX", ".gitignore", None, lambda lint, n: lint.obeys_pattern(pattern(n))),
    ("patterns.matcher.PATTERN_MAX", "negated", None, lambda lint, n: lint.obeys_pattern(f"!{pattern(n)}")),
    ("engine.facts.FACTS_MAX", "images", 20, lambda lint, n: lint.is_read("values.yaml", values(n))),
    ("readers._pipelines.USES_MAX", "images", 20, lambda lint, n: lint.is_read(
        ".woodpecker.yml", "a: &a {image: 'a:1'}\nsteps: [" + "*a, " * n + "]\n")),
    ("engine.tree_files.WALK_MAX", "files", 20, lambda lint, n: is_rewritten(
        lint, {f"f{at:03}": "" for at in range(n - 3)} | {"z/kustomization.yaml": REWRITES})),
    ("engine.tree_files.FILES_MAX", "kustomizations", 20, lambda lint, n: is_rewritten(lint, kustomizations(n))),
    ("engine.tree_files.TEXT_MAX", "characters", 1000, lambda lint, n: is_rewritten(
        lint, {"k/kustomization.yaml": "#".ljust(500, "\n"), "z/kustomization.yaml": REWRITES.ljust(n - 500, "\n")})),
    ("engine.kustomizations.REACH_MAX", "overlays", 20, lambda lint, n: is_rewritten(lint, overlays(n))),
    ("engine.kustomizations.REACH_MAX", "components", 20, lambda lint, n: is_rewritten(lint, components(n))),
    ("source.BESIDE_SIZE_MAX", "kustomization", None, lambda lint, n: is_rewritten(
        lint, {"z/kustomization.yaml": REWRITES.ljust(n, "\n")})),
    ("registry.signatures.SIGNATURES_MAX", "signatures", None, lambda _, n: knows_signatures(n)),
    ("policy.registries.PEM_MAX", "certificates", 1000, lambda lint, n: lint.accepts_certificates(n)),
    ("engine.judge.FINDINGS_MAX", "findings", 20, lambda lint, n: lint.is_read("values.yaml", values(n))),
    ("engine.ignore_comments.NAMES_MAX", "rules", None, lambda lint, n: not lint.rules(
        "Dockerfile", f"# imglint: ignore[{'x, ' * (n - 1)}latest-tag]\nFROM a:latest\n")),
    ("engine.ignore_comments.UNUSED_MAX", "comments", 20, lambda lint, n: len(
        lint.messages("Dockerfile", "# imglint: ignore[x]\n" * n + "FROM scratch\n", "unused-ignore")) == n),
    ("engine.fix.PASSES_MAX", "passes", None, lambda _, n: fix_in_passes(n) == b"FROM a:v"),
    ("formats.sarif.RESULTS_MAX", "results", 20,
     lambda lint, n: len(lint.sarif_results("".join([f"FROM a{at}:latest\n" for at in range(n)]))) == n),
    ("formats.sarif.RELATED_MAX", "places", None,
     lambda lint, n: len(lint.sarif_results("ARG T=latest\n" + "FROM a:$T\n" * n)[0]["relatedLocations"]) == n),
    ("dockerfile.instructions.INSTRUCTIONS_MAX", "instructions", 20,
     lambda lint, n: lint.is_read("Dockerfile", "FROM a:1\n" + "RUN x\n" * (n - 1))),
    ("dockerfile.instructions.INSTRUCTIONS_MAX", "another frontend", 20,
     lambda lint, n: lint.is_read("Dockerfile", "# syntax=acme/x:1\nFROM a:1\n" + "RUN x\n" * (n - 1))),
    ("dockerfile.instructions.FLAG_MAX", "quotes", None,
     lambda lint, n: lint.is_read("Dockerfile", f"FROM a:1\nCOPY {quoted_flag(n)} b c\n")),
    ("dockerfile.instructions.LINE_MAX", "line", None, lambda lint, n: lint.is_read("Dockerfile", "FROM a:1\nRUN ".ljust(n + 9, "x"))),
    ("dockerfile.instructions.INSTRUCTIONS_MAX", "continuation lines", 20,
     lambda lint, n: lint.is_read("Dockerfile", "FROM a:1\nRUN x" + "\\\nx" * (n - 2) + "\n")),
    ("dockerfile.heredocs.TEXT_MAX", "instruction", None,
     lambda lint, n: lint.is_read("Dockerfile", "FROM a:1\n" + ("RUN " + ("x" * 60_000 + "\\\n") * 20)[: n - 4 + 2 * (n // 60_000)] + " <<A\nA\n")),
    ("dockerfile.heredocs.NESTING_MAX", "variables", None,
     lambda lint, n: lint.is_read("Dockerfile", f"FROM a:1\nRUN {'${A:-' * n}{'}' * n} <<A\nA\n")),
    ("dockerfile.variables.STEPS_MAX", "steps", 100, lambda lint, n: lint.is_read(
        "Dockerfile", "ARG A=x\n" + "ARG B=$A\n" * ((n - 2) // 10) + "ARG B=b\n" * ((n - 2) % 10) + "FROM a:1\n")),
    ("dockerfile.facts.EARLIER_MAX", "characters", None,
     lambda lint, n: lint.is_read("Dockerfile", "FROM a:1\nRUN << A\nA\n".ljust(n, "\n"))),
    ("dockerfile.stages.IMAGES_MAX", "stages", 20, lambda lint, n: lint.is_read("Dockerfile", "FROM a:1\n" * n + "USER 1\n")),
    ("dockerfile.stages.IMAGES_MAX", "copies", 20,
     lambda lint, n: lint.is_read("Dockerfile", "FROM a:1\n" + "COPY --from=b:1 c d\n" * (n - 1) + "USER 1\n")),
    ("dockerfile.stages.IMAGES_MAX", "mounts of one RUN", 20,
     lambda lint, n: lint.is_read("Dockerfile", "FROM a:1\nRUN " + "--mount=from=b:1 " * (n - 1) + "x\nRUN x\n")),
    ("dockerfile.stages.CHOICES_MAX", "stages", None, lambda lint, n: not lint.messages(
        "Dockerfile", "".join([f"FROM a:1 AS s{at}\n" for at in range(n)]) + "FROM s$TARGETARCH\n", "unresolved-reference")),
    ("dockerfile.variables.VALUE_MAX", "word", None, lambda lint, n: lint.is_resolved_or_unread("Dockerfile", f"FROM {long_reference(n)}\n")),
    ("dockerfile.variables.VALUE_MAX", "value", None,
     lambda lint, n: lint.is_resolved_or_unread("Dockerfile", f"ARG A={long_reference(n)[:-2]}\nFROM ${{A}}/b\n")),
    ("dockerfile.variables.PIECES_MAX", "pieces", None,
     lambda lint, n: lint.is_resolved_or_unread("Dockerfile", f"ARG A=x\nFROM {'${A}' * n}\n")),
    # The text of the first default counts too.
    ("dockerfile.variables.PIECES_MAX", "variables", None, lambda lint, n: lint.is_resolved_or_unread(
        "Dockerfile", "ARG A1=a\n" + "".join([f"ARG A{at}=$A{at - 1}\n" for at in range(2, n)]) + f"FROM $A{n - 1}\n")),
    ("dockerfile.variables.NESTING_MAX", "defaults", None,
     lambda lint, n: lint.is_resolved_or_unread("Dockerfile", f"FROM {'${A:-' * n}a{'}' * n}\n")),
    ("dockerfile.variables.PATTERN_MAX", "pattern", None,
     lambda lint, n: lint.is_resolved_or_unread("Dockerfile", f"ARG A=x:1\nFROM ${{A%{pattern(n)}}}\n")),
    ("printable.NAME_MAX", "name", None, lambda lint, n: "X" * n in lint.messages(
        "Dockerfile", f"FROM a:1\n{'X' * n}\n", "syntax-error")[0]),
    ("yaml.documents.DEPTH_MAX", "flow lists", None,
     lambda lint, n: "syntax-error" not in lint.rules("pod.yaml", f"{POD}  image: {'[' * (n - 2)}{']' * (n - 2)}\n")),
    ("yaml.documents.DEPTH_MAX", "block lists", None,
     lambda lint, n: "syntax-error" not in lint.rules("pod.yaml", f"{POD}  image:\n  {'- ' * (n - 2)}a\n")),
    # The stream, the document, its mappings, their keys and the list are 16 other events.
    ("yaml.documents.EVENTS_MAX", "nodes", 40,
     lambda lint, n: "syntax-error" not in lint.rules("pod.yaml", f"{POD}  image: [{'a, ' * (n - 16)}]\n")),
    # Only libyaml ends the line at the line separator.
    ("yaml.documents.PURE_SIZE_MAX", "document", None,
     lambda lint, n: "syntax-error" not in lint.rules("pod.yaml", f"{POD}  image: a\u2028]\n#".ljust(n))),
    ("yaml.nodes.MERGED_MAX", "mappings", None, lambda lint, n: lint.is_read("pod.yaml", merged_mappings(n))),
    ("yaml.nodes.MERGED_MAX", "chain", None, lambda lint, n: lint.is_read("compose.yaml", merged_chain(n))),
    ("yaml.nodes.SOURCES_MAX", "entries", None,
     lambda lint, n: lint.is_read("pod.yaml", f"{POD}  a: &a {{b: c}}\n  x: {{image: a:1, <<: [{'*a, ' * n}]}}\n")),
    ("yaml.facts.TEXT_MAX", "image", None, lambda lint, n: lint.is_resolved("compose.yaml", compose_image(long_reference(n)))),
    ("readers._compose_variables.TEXT_MAX", "text", 100,
     lambda lint, n: lint.is_resolved("compose.yaml", compose_image("${A:-b}" + "c" * (n - 7)))),
    ("readers._compose_variables.TEXT_MAX", "value", 100,
     lambda lint, n: lint.reads_beside(".env", f"A={'b' * n}\n", "compose.yaml", compose_image("$A"))),
    # The outermost expression is level 0.
    ("readers._compose_variables.DEPTH_MAX", "defaults", None,
     lambda lint, n: lint.is_resolved("compose.yaml", compose_image("${A:-" * (n + 1) + "b" + "}" * (n + 1)))),
    ("readers.compose.EXTENDED_MAX", "chain", None, lambda lint, n: lint.is_read("compose.yaml", extended_chain(n))),
    # Three steps are for the value of the expression.
    ("readers._alternatives.STEPS_MAX", "characters of an expression", 40, lambda lint, n: lint.is_resolved_or_unread(
        ".github/workflows/ci.yml", workflow(f"${{{{ {'b:1'!r:<{n - 10}} }}}}"))),
    ("readers._alternatives.STEPS_MAX", "characters of a variable", 40, lambda lint, n: lint.is_resolved_or_unread(
        ".gitlab-ci.yml", f"a: {{image: '{'b' * (n - 16)}:$A'}}\n")),
    # A call takes one step more than there are parameters in the text.
    ("readers._alternatives.STEPS_MAX", "parameters of a call", 40, lambda lint, n: lint.is_read(
        ".circleci/config.yml", f"jobs: {{a: {{parameters: {{c: {{default: 1}}}}, docker: [{{image: 'b:{'<< parameters.c >>' * (n - 1)}'}}]}}}}\n"
        "workflows: {w: {jobs: [{a: {d: 1}}]}}\n")),
    ("readers._actions_expressions.DEPTH_MAX", "parentheses", None, lambda lint, n: lint.is_resolved(
        ".github/workflows/ci.yml", workflow(f"${{{{ {'(' * n}'a:1'{')' * n} }}}}"))),
    ("readers.gitlab_ci.EXTENDED_MAX", "chain", None, lambda lint, n: lint.is_read(".gitlab-ci.yml", extended_jobs(n))),
    ("readers.gitlab_ci.EXTENDED_MAX", "list", None, lambda lint, n: lint.is_read(
        ".gitlab-ci.yml", f"a: {{image: 'a:1', extends: [{'b, ' * n}]}}\n")),
    ("readers._gitlab_variables.DEPTH_MAX", "variables", None,
     lambda lint, n: lint.is_resolved_or_unread(".gitlab-ci.yml", nested_variables(n))),
    ("readers._gitlab_files.WALK_MAX", "files", 20, includes_files),
    ("readers._embedded.TEXT_MAX", "values", 40, lambda lint, n: lint.is_read("pod.yaml", helm_values(f"values: '{'a' * n}'"))),
    # The mapping, its key and the list are three other nodes; the lists and what the alias repeats are twelve.
    ("readers._custom_resources.NODES_MAX", "values", 40,
     lambda lint, n: lint.is_read("pod.yaml", helm_values(f"valuesObject: {{image: [{'a, ' * (n - 3)}]}}"))),
    ("readers._custom_resources.NODES_MAX", "aliases", 40,
     lambda lint, n: lint.is_read("pod.yaml", helm_values(f"valuesObject: [{'a, ' * (n - 12)}&a [b, c, d, e]]", "valuesObject: [*a]"))),
    ("readers._chart_values.PARENTS_MAX", "charts", None, lambda lint, n: lint.reads_parent(n)),
    ("readers._inline_dockerfile.TEXT_MAX", "text", 40,
     lambda lint, n: lint.is_read("compose.yaml", inline_dockerfile("FROM a:1".ljust(n)))),
    ("readers._inline_dockerfile.TEXT_MAX", "interpolated text", 40,
     lambda lint, n: lint.reads_inline_value("b" * (n - 11))),
    ("readers._inline_dockerfile.ALL_TEXT_MAX", "texts", 40,
     lambda lint, n: lint.is_read("compose.yaml", inline_dockerfile("FROM a:1".ljust(15), "FROM a:1".ljust(n - 15)))),
    ("readers._json.DEPTH_MAX", "levels", None, lambda lint, n: lint.is_read("devcontainer.json", "[" * n + "]" * n)),
    ("readers._json.NODES_MAX", "values", 20, lambda lint, n: lint.is_read("devcontainer.json", f"[{'1, ' * (n - 1)}]")),
    ("readers.devcontainer.TEXT_MAX", "string", None,
     lambda lint, n: lint.is_read("devcontainer.json", f'{{"image": "{"a/b:1${localEnv:B:".ljust(n - 1)}}}"}}\n')),
    ("readers._hcl.DEPTH_MAX", "levels", None, lambda lint, n: lint.is_read("docker-bake.hcl", f"a = {'[' * (n - 2)}1{']' * (n - 2)}\n")),
    ("readers._hcl.DEPTH_MAX", "blocks", None, lambda lint, n: lint.is_read("docker-bake.hcl", "a {" * (n - 1) + "}" * (n - 1))),
    ("readers._hcl.NODES_MAX", "values", 20, lambda lint, n: lint.is_read("docker-bake.hcl", f"a = [{'1, ' * (n - 2)}]\n")),
    ("readers._bake.TEXT_MAX", "text", 200, lambda lint, n: lint.is_resolved_or_unread(
        "docker-bake.hcl", bake_context("docker-image://a${B}", b="b" * (n - 16)))),
    ("readers._bake.PIECES_MAX", "variables", None, lambda lint, n: lint.is_resolved_or_unread(
        "docker-bake.hcl", bake_context("docker-image://a${B}", b="${C}" * n, c="c"))),
    ("readers._bake.DEPTH_MAX", "chain", None, lambda lint, n: lint.is_resolved_or_unread(
        "docker-bake.hcl", bake_context("docker-image://a${B0}", **{f"b{at}": f"${{B{at + 1}}}" for at in range(n)}, **{f"b{n}": "b"}))),
    ("readers._bake.COMBINATIONS_MAX", "values", None, lambda lint, n: lint.is_read(
        "docker-bake.hcl", f"target a {{\nmatrix = {{ b = [{'1, ' * n}] }}\ncontexts = {{ c = \"docker-image://d:${{b}}\" }}\n}}\n")),
    ("readers._bake.INHERITED_MAX", "chain", None, lambda lint, n: lint.inherits_dockerfile(n)),
    ("readers._bake.ARGUMENTS_MAX", "arguments", None, lambda lint, n: lint.is_read(
        "docker-bake.hcl", f'target a {{\nargs = {{ {"b = 1, " * n}}}\ndockerfile-inline = "FROM a:1"\n}}\n')),
    ("readers._inline_dockerfile.TEXT_MAX", "Bake", 40, lambda lint, n: lint.is_read(
        "docker-bake.hcl", f'target a {{\ndockerfile-inline = "{"FROM a:1".ljust(n)}"\n}}\n')),
    ("readers._inline_dockerfile.ALL_TEXT_MAX", "Bake", 40, lambda lint, n: lint.is_read(
        "docker-bake.hcl", "".join([f'target a {{\ndockerfile-inline = "{"FROM a:1".ljust(size)}"\n}}\n' for size in (15, n - 15)]))),
    ("readers._chart_images.FILES_MAX", "templates", 5, lambda lint, n: lint.knows_chart({f"{at}.yaml": "" for at in range(n)})),
    ("readers._chart_images.TEXT_MAX", "templates", 40, lambda lint, n: lint.knows_chart({"a.yaml": "#" * (n - 20), "b.yaml": "#" * 20})),
    ("source.BESIDE_SIZE_MAX", "values", None, lambda lint, n: lint.knows_chart({}, n)),
    ("reference.PATH_MAX", "repository", None, lambda lint, n: lint.is_resolved("Dockerfile", f"FROM quay.io/{'a' * n}\n")),
    ("reference.TAG_MAX", "tag", None, lambda lint, n: lint.is_resolved("Dockerfile", f"FROM a:{'b' * n}\n")),
    ("policy.load.EXTENDS_MAX", "chain", None,
     lambda lint, n: lint.extends(n, lambda number: range(number + 1, min(number + 2, n)))),
    ("policy.load.FILES_MAX", "files", None, lambda lint, n: lint.extends(n, lambda number: range(1, 0 if number else n))),
    ("policy.load.TARGETS_MAX", "targets", None, lambda lint, n: lint.accepts_policy(f"targets: [{'a, ' * n}]\n")),
    # Three values are the policy, the key and the list.
    ("policy.checked_nodes.VALUES_MAX", "values", 100, lambda lint, n: lint.accepts_policy(f"built: [{'a, ' * (n - 3)}]\n")),
    ("registry.credentials.CONFIG_SIZE_MAX", "bytes", None, lambda lint, n: lint.logs_in("{}".ljust(n))),
    ("registry.helpers.OUTPUT_MAX", "bytes", None,
     lambda lint, n: lint.logs_in('{"credsStore": "test"}', '{"Username": "a", "Secret": "b"}'.ljust(n))),
    ("registry.cache.SIZE_MAX", "bytes", 1000, lambda lint, n: lint.keeps_answer(n)),
    ("registry.client.MANIFEST_SIZE_MAX", "bytes", 1000, lambda _, n: scripted_registry.is_content_accepted("manifest", n)),
    ("registry.client.BLOB_SIZE_MAX", "bytes", 1000, lambda _, n: scripted_registry.is_content_accepted("blob", n)),
    ("registry.client.TAGS_SIZE_MAX", "bytes", 1000, lambda _, n: scripted_registry.is_tags_page_accepted(n)),
    ("registry.client.TAGS_MAX", "tags", 20, lambda _, n: scripted_registry.are_tags_accepted(n)),
    ("registry.client.PAGES_MAX", "pages", 20, lambda _, n: scripted_registry.are_pages_accepted(n)),
    ("registry.tokens.ANSWER_MAX", "bytes", None, lambda _, n: scripted_registry.is_token_accepted(size=n)),
    ("registry.tokens.TOKEN_MAX", "characters", None, lambda _, n: scripted_registry.is_token_accepted(n)),
    ("registry.tokens.CHALLENGE_MAX", "characters", None,
     lambda _, n: challenge_of(["Bearer realm=x".rjust(n, ",")]) == Challenge("x")),
    ("registry.sites.URL_MAX", "characters", None, lambda _, n: scripted_registry.is_realm_accepted(n)),
    ("registry.transport.RETRIES_MAX", "retries", 1, lambda _, n: scripted_registry.are_retries_made(n)),
    ("registry.answers.SIZE_MAX", "bytes", 1000, lambda _, n: scripted_registry.are_answers_kept(n)),
    ("registry.registries.VARIANTS_MAX", "platforms", 20, lambda _, n: scripted_registry.are_platforms_accepted(n)),
    ("registry.gates.CONNECTIONS_MAX", "connections", None, lambda _, n: scripted_registry.are_connections_made(n)),
    ("registry.gates.PAUSE_MAX", "seconds", 1, lambda _, n: scripted_registry.are_retries_made(1, n)),
    ("registry.gates.PAUSES_MAX", "seconds", 1, lambda _, n: scripted_registry.are_retries_made(n)),
    ("registry.gates.INTERRUPTED_MAX", "failures", None, lambda _, n: scripted_registry.are_failures_tolerated(n)),
    ("registry.gates.TIMED_OUT_MAX", "time-outs", 3, lambda _, n: scripted_registry.are_timeouts_tolerated(n)),
]  # fmt: skip
"""Name, unit, lower value to test with if the real one takes too long to reach, and a function: whether an input of size n is within the limit."""


@pytest.mark.parametrize(("name", "what", "lowered", "is_within"), LIMITS, ids=[f"{name} {what}" for name, what, *_ in LIMITS])
def test_limit_excludes_one_more_than_its_value(
    name: str,
    what: str,
    lowered: int | None,
    is_within: Callable[[Lint, int], bool],
    imglint: Imglint,
    tree: Path,
    git: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module, _, constant = f"imglint.{name}".rpartition(".")
    if lowered is not None:
        monkeypatch.setattr(import_module(module), constant, lowered)
    limit = getattr(import_module(module), constant)
    lint = Lint(imglint, git)
    assert is_within(lint, limit)
    assert not is_within(lint, limit + 1)


def test_sarif_log_is_cut_at_its_size_limit(
    imglint: Imglint, tree: Path, git: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    lint = Lint(imglint, git)
    text = "".join([f"FROM a{at}:latest\n" for at in range(20)])
    Path("Dockerfile").write_text(text)
    log = imglint("Dockerfile", "--format", "sarif", "--select", "latest-tag").out
    size = len(zlib.compress(log.encode(), wbits=31))
    monkeypatch.setattr(sarif, "SIZE_MAX", size)
    assert len(lint.sarif_results(text)) == 20
    monkeypatch.setattr(sarif, "SIZE_MAX", size - 1)
    assert len(lint.sarif_results(text)) < 20


def test_policy_errors_after_the_limit_are_not_listed(imglint: Imglint, tree: Path) -> None:
    def errors(count: int) -> list[str]:
        """Return the messages, without their positions."""
        Path("policy.yaml").write_text("images:\n" + "- match: //\n" * count)
        return [line.partition(": ")[2] for line in imglint("--config", "policy.yaml").err.splitlines()]

    at_limit = errors(ERRORS_MAX)
    assert len(at_limit) == ERRORS_MAX
    assert len(set(at_limit)) == 1
    for more in (1, 5):
        assert errors(ERRORS_MAX + more)[:-1] == at_limit
        assert f"more than {ERRORS_MAX} " in errors(ERRORS_MAX + more)[-1]


def test_every_documented_limit_is_tested() -> None:
    tested = {name for name, *_ in LIMITS} | {"formats.sarif.SIZE_MAX", "policy.checked_nodes.ERRORS_MAX"}
    assert tested == documented_limits().keys()


def documented_limits() -> dict[str, str]:
    """Return the limits in docs/limits.md with their values."""
    page = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `([a-z_.]+\.[A-Z_]+)` \| ([0-9,]+) ", page, re.MULTILINE))


def test_images_within_the_limit_are_reported(imglint: Imglint, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "IMAGES_MAX", 3)
    Path("Dockerfile").write_text("FROM a:latest\n" * 5)
    assert rules_of(imglint) == ["latest-tag"] * 3 + [UNREAD]


@pytest.mark.parametrize("text", ["ARG A=$B$B\nARG B=$A$A\nFROM $A\n", "ARG A=$A$A\nFROM x$A\n", "ARG A=${A:-$A}\nFROM x$A\n"])
def test_arguments_that_refer_to_each_other_are_resolved(text: str, imglint: Imglint, tree: Path) -> None:
    assert references(imglint, text)[0] in (None, "x")


def socket_at(path: Path) -> None:
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)


UNREADABLE_FILES: dict[str, Callable[[Path], object]] = {
    "named pipe": os.mkfifo,
    "socket": socket_at,
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "invalid UTF-8": lambda path: path.write_bytes(b"FROM a\n\xff\n"),
    "truncated UTF-16": lambda path: path.write_bytes(b"\xff\xfeF"),
}


@pytest.mark.parametrize("make", UNREADABLE_FILES.values(), ids=UNREADABLE_FILES.keys())
def test_unreadable_named_file_is_reported(make: Callable[[Path], object], imglint: Imglint, tree: Path) -> None:
    make(tree / "Dockerfile")
    for option in ("--no-color", "--quiet"):
        outcome = imglint("Dockerfile", option)
        assert outcome.status == 1
        assert UNREAD in outcome.out


@pytest.mark.parametrize("make", [os.mkfifo, socket_at, UNREADABLE_FILES["invalid UTF-8"]])
def test_unreadable_file_in_a_folder_is_reported_and_the_others_are_checked(
    make: Callable[[Path], object], imglint: Imglint, tree: Path
) -> None:
    make(tree / "Dockerfile")
    Path("a.Dockerfile").write_text("FROM a:latest\n")
    assert sorted(rules_of(imglint)) == ["latest-tag", UNREAD]


@pytest.mark.parametrize("make", [UNREADABLE_FILES["named pipe"], UNREADABLE_FILES["link to a device"], os.mkdir])
def test_special_files_do_not_block_a_run(make: Callable[[Path], object], imglint: Imglint, tree: Path) -> None:
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
        assert references(imglint, text, "compose.yaml" if name == ".env" else "values.yaml") in ([None], ["a"])
        Path(name).rename("odd")


def test_unreadable_gitignore_is_reported_and_excludes_nothing(imglint: Imglint, tree: Path) -> None:
    os.mkfifo(".gitignore")
    Path("Dockerfile").write_text("FROM a:latest\n")
    assert sorted(rules_of(imglint)) == ["latest-tag", UNREAD]


def test_folder_walk_does_not_follow_links(imglint: Imglint, tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "Dockerfile").write_text("FROM a:latest\n")
    Path("link.Dockerfile").symlink_to(outside / "Dockerfile")
    Path("folder").symlink_to(outside)
    Path("loop").symlink_to(".")
    assert rules_of(imglint) == []
    assert rules_of(imglint, "link.Dockerfile") == ["latest-tag"]


def test_yaml_tags_in_a_policy_run_no_code(imglint: Imglint, tree: Path) -> None:
    Path("Dockerfile").write_text("FROM a:latest\n")
    for tag in ("!!python/object/apply:os.system", "!!python/name:os.system", "!!python/module:antigravity"):
        Path(".imglint.yaml").write_text(f"fail-on: {tag} ['touch made']\n")
        assert imglint().status == 2
    assert sorted(path.name for path in tree.iterdir()) == [".imglint.yaml", "Dockerfile"]


@pytest.mark.parametrize("command", [["imglint"], ["python", "-m", "imglint"], ["python", "-P", "-m", "imglint"]])
def test_no_code_in_the_checked_folder_is_run(command: list[str], tree: Path) -> None:
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
def test_no_report_overwrites_a_checked_file_or_the_policy(name: str, option: str, imglint: Imglint, tree: Path) -> None:
    Path("Dockerfile").write_text("FROM a:latest\n")
    Path(".imglint.yaml").write_text("fail-on: error\n")
    before = Path(name).read_text()
    outcome = imglint("Dockerfile", option, f"json=./{name}" if option == "--report" else f"./{name}")
    assert (outcome.status, outcome.out) == (2, "")
    assert Path(name).read_text() == before


def test_two_reports_cannot_share_a_file(imglint: Imglint, tree: Path) -> None:
    assert imglint("--report", "json=a", "--report", "sarif=./a").status == 2
    assert not Path("a").exists()


def test_no_report_is_written_through_a_link_in_a_repository(
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
def test_closed_stdout_ends_the_run_quietly(unbuffered: str, tree: Path) -> None:
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


def test_findings_on_one_long_line_keep_only_part_of_it(tree: Path) -> None:
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
"""Constants that limit output for people or caches, not input."""


def test_every_limit_is_documented() -> None:
    constants = {}
    for path in sorted((ROOT / "linter" / "imglint").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT / "linter").with_suffix("").parts)
        for name in re.findall(r"^([A-Z_]*MAX) = ", path.read_text(encoding="utf-8"), re.MULTILINE):
            constants[f"{module.removeprefix('imglint.')}.{name}"] = f"{getattr(import_module(module), name):,}"
    expected = {name: value for name, value in constants.items() if not name.startswith(FOR_PEOPLE)}
    assert documented_limits() == expected
