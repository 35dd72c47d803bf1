"""Checking takes linear time for any input, so that no repository can stall a run.

The tests compare the processor time of this process for inputs of size n and 2n. A failed measurement is repeated.
"""

from __future__ import annotations

import gc
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imglint.commands.check import check
from imglint.commands.options import CommandOptions, settings_for
from imglint.engine import run as engine
from imglint.engine.discover import Found
from imglint.engine.gitignore import GitIgnore
from imglint.engine.judge import FINDINGS_MAX
from imglint.patterns.image import ImagePattern
from imglint.patterns.matcher import PATTERN_MAX
from imglint.patterns.path import PathPattern
from imglint.patterns.tag import TagPattern

if TYPE_CHECKING:
    from collections.abc import Callable

RATIO = 3.2
"""Highest accepted ratio of the two times. Quadratic work has a ratio of 4."""
RUNS = 3

POD = "apiVersion: v1\nkind: Pod\nspec:\n"
APPLICATION = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n"
LIST = "apiVersion: v1\nkind: List\nitems:\n"
RESOURCE = "apiVersion: example.com/v1\nkind: Shop\nspec:\n"


def lines(count: int, line: str) -> str:
    """Return `count` lines. In `line`, `@` is replaced by the number of the line and `^` by the next number."""
    return "".join([line.replace("@", str(at)).replace("^", str(at + 1)) + "\n" for at in range(count)])


WORKFLOW = ".github/workflows/ci.yml"
PIPELINE = ".gitlab-ci.yml"
MATRIX = f"{{x: [{'a, ' * 20}], y: [{'b, ' * 20}], include: [{'{x: a}, ' * 20}]}}"
TASK = "apiVersion: tekton.dev/v1\nkind: Task\nspec:\n"

FILES: dict[str, tuple[str, int, Callable[[int], str]]] = {
    "chain of stages": (
        "Dockerfile", 4_000, lambda n: "FROM a AS s0\n" + lines(n, "FROM s@ AS s^") + "USER $A\n",
    ),
    "independent stages": ("Dockerfile", 2_000, lambda n: lines(n, "FROM a/b@:latest")),
    "stages that use one argument": ("Dockerfile", 1_500, lambda n: "ARG T=latest\n" + lines(n, "FROM a/b@:${T}")),
    "continuation lines": ("Dockerfile", 50_000, lambda n: "FROM a\nRUN x \\\n" + lines(n, "  y@ \\") + " z\n"),
    "blank continuation lines": ("Dockerfile", 100_000, lambda n: "FROM a\nRUN x \\\n" + "\n" * n + " z\n"),
    "arguments": ("Dockerfile", 20_000, lambda n: lines(n, "ARG A@=x") + "FROM a\n"),
    "arguments that double in length": ("Dockerfile", 8_000, lambda n: "ARG A0=xxxxxxxx\n" + lines(n, "ARG A^=$A@$A@") + "FROM $A9\n"),
    "argument that grows": ("Dockerfile", 8_000, lambda n: "ARG A=x\n" + lines(n, "ARG A=${A}x") + "FROM $A\n"),
    "environment variables": ("Dockerfile", 8_000, lambda n: "FROM a\n" + lines(n, "ENV A@=$A@$B C=$A@") + "USER $A9\n"),
    "instruction with many variables": ("Dockerfile", 40_000, lambda n: "FROM a\nENV " + "A=$A " * n + "\nUSER $A\n"),
    "reference with many variables": ("Dockerfile", 60_000, lambda n: "ARG A=x\nFROM " + "$A" * n + "\n"),
    "open braces": ("Dockerfile", 60_000, lambda n: "FROM " + "${A:-" * n + "\n"),
    "mounts of an instruction": ("Dockerfile", 2_000, lambda n: "FROM a\nRUN " + "--mount=from=a/b:latest " * n + "x\n"),
    "fields of a mount": ("Dockerfile", 50_000, lambda n: "FROM a\nRUN --mount=" + "from=a," * n + " x\n"),
    "quotes in a flag": ("Dockerfile", 100_000, lambda n: "FROM a\nCOPY --from=" + "'" * n + " a b\n"),
    "quotes in a word": ("Dockerfile", 100_000, lambda n: "FROM a\nENV " + "\"'" * n + "\n"),
    "escapes": ("Dockerfile", 200_000, lambda n: "FROM a\nENV A=" + "\\" * n + "\n"),
    "unterminated heredocs": ("Dockerfile", 40_000, lambda n: "FROM a\nRUN " + "<<A " * n + "\n" + "b\n" * n),
    "consecutive heredocs": ("Dockerfile", 10_000, lambda n: "FROM a\n" + lines(n, "RUN <<A\nb\nA")),
    "exec forms": ("Dockerfile", 100_000, lambda n: "FROM a\nRUN " + "[" * n + " <<A\n"),
    "stage names that match a variable": (
        "Dockerfile", 1_000, lambda n: "".join([f"FROM a AS b{at}{'x' * n}\n" for at in range(100)]) + lines(n, "FROM b$C"),
    ),
    "long line": ("Dockerfile", 2_000_000, lambda n: "FROM a\nLABEL " + ("a" * 60_000 + "\\\n") * (n // 60_000) + "\n"),
    "long reference": ("Dockerfile", 300_000, lambda n: "FROM a\nCOPY --from=" + "a-" * n + " b c\n"),
    "directives": ("Dockerfile", 40_000, lambda n: "# check=a\n" * n + "FROM a\n"),
    "unknown instructions": ("Dockerfile", 4_000, lambda n: "FROM a\n" + "X\nARG\n" * n),
    "flags": ("Dockerfile", 40_000, lambda n: "FROM a\nCOPY " + "--x \\\n" * n + " b c\n"),
    "flags with white space in a character": ("Dockerfile", 10_000, lambda n: "FROM a\nCOPY " + "--\xe0" * n + " b c\n"),
    "quotes in many flags": ("Dockerfile", 40, lambda n: "FROM a\n" + ("COPY --from=" + "''" * 1000 + "a b c\n") * n),
    "heredocs on many lines of an instruction": (
        "Dockerfile", 20_000, lambda n: "FROM a\nRUN \\\n" + "<<A \\\n" * n + "x\n" + "A\n" * n,
    ),
    "heredocs with white space": ("Dockerfile", 2_000, lambda n: "FROM a\n" + lines(n, "RUN << A@\nb\nA@")),
    "variables before a heredoc": ("Dockerfile", 10_000, lambda n: "FROM a\nRUN " + "${A:-b}\\\n" * n + " <<A\nA\n"),
    "open braces before a heredoc": ("Dockerfile", 10_000, lambda n: "FROM a\nRUN " + "${A:-\\\n" * n + " <<A\nA\n"),
    "triggers": ("Dockerfile", 2_000, lambda n: "FROM a\n" + "ONBUILD COPY --from=b c d\n" * n),
    "actions of a template that are open in flags": (
        "Dockerfile", 10_000, lambda n: "FROM a\nCOPY " + "--from={{ " * n + "}} b c\n",
    ),
    "actions of a template in an image": ("Dockerfile", 20_000, lambda n: "FROM " + "{{ a }}" * n + " AS b\n"),
    "actions of a template that are open in an image": ("Dockerfile", 40_000, lambda n: "FROM " + "{{ {% " * n + " AS b\n"),
    "actions of a template before an instruction": ("Dockerfile", 20_000, lambda n: "FROM a\n" + "{{ a }} " * n + "FROM b\n"),
    "actions of a template before nothing": ("Dockerfile", 20_000, lambda n: "FROM a\n}}" + "{{ a " * n + "\n"),
    "stages chosen by a variable": (
        "Dockerfile", 4_000, lambda n: lines(199, "FROM a AS s@") + lines(n, "FROM s${TARGETARCH}"),
    ),
    "replacements": ("Dockerfile", 2_000, lambda n: f"ARG A={'a' * 1000}\n" + "FROM ${A//*a*a*a*b/c}\n" * n),
    "replacements of any character": ("Dockerfile", 2_000, lambda n: f"ARG A={'a' * 1000}\n" + "FROM ${A//????b/c}\n" * n),
    "removed suffixes": ("Dockerfile", 2_000, lambda n: f"ARG A={'a' * 1000}\n" + "FROM ${A%*a*a*b}\n" * n),
    "value of many pieces": ("Dockerfile", 2_000, lambda n: f"ARG A=x\nARG B={'$A' * 60}\n" + "FROM $B\n" * n),
    "value through many variables": (
        "Dockerfile", 4_000, lambda n: "ARG A0=x\n" + lines(60, "ARG A^=$A@") + "FROM $A60\n" * n,
    ),
    "imglint comments": ("Dockerfile", 4_000, lambda n: "FROM a\n" + lines(n, "# imglint: ignore[latest-tag]")),
    "rules in a comment": ("Dockerfile", 50_000, lambda n: "# imglint: ignore[" + "a@," * n + "]\nFROM a\n"),
    "flow brackets": ("pod.yaml", 200_000, lambda n: POD + "  containers: " + "[" * n),
    "closed flow brackets": ("pod.yaml", 100_000, lambda n: POD + "  containers: " + "[" * n + "]" * n),
    "flow brackets in a document without images": ("pod.yaml", 100_000, lambda n: POD + "  a: " + "[{" * n),
    "asterisks in a document without images": ("pod.yaml", 40_000, lambda n: POD + "  a: b" + "*a" * n + "\n"),
    "spaces before asterisks": ("pod.yaml", 100_000, lambda n: POD + "  a: b" + " " * n + "*a\n"),
    "unclosed list": ("pod.yaml", 40_000, lambda n: POD + "  image: [" + "a, " * n),
    "words like keys": ("pod.yaml", 40_000, lambda n: POD.replace("kind", "a") + "  a: " + "apiVersion kind image " * n),
    "lines like keys": ("pod.yaml", 20_000, lambda n: POD.replace("kind:", "a:") + "  apiVersion: kind image:x\n" * n),
    "blank lines in block scalars": ("pod.yaml", 4_000, lambda n: POD + "  image: |\n\n   \n    a\n" * n + "\n" * n),
    "document end markers": ("pod.yaml", 10_000, lambda n: POD + "  image: a\n" + "# a\n...\n" * n),
    "nested lists on one line": ("pod.yaml", 50_000, lambda n: POD + "  " + "- " * n + "image:\n"),
    "containers": ("pod.yaml", 1_500, lambda n: POD + "  containers:\n" + lines(n, "  - image: a/b@:latest")),
    "parameters": (
        "task.yaml", 1_500, lambda n: f"{TASK}  params:\n" + lines(n, "  - {name: p@, default: a/b@}") + "  steps:\n"
        + lines(n, "  - image: $(params.p@)"),
    ),
    "parameters in one image": (
        "task.yaml", 300, lambda n: f"{TASK}  params: [{{name: p, default: {'a' * 4000}}}]\n  steps:\n"
        + lines(n, f"  - image: b{'$(params.p)' * 300}"),
    ),
    "containers on one line": ("pod.yaml", 1_500, lambda n: POD + "  containers: [" + "{image: a/b:latest}, " * n + "]\n"),
    "documents": ("pod.yaml", 1_000, lambda n: lines(n, f"---\n{POD}  containers: [{{image: a/b@}}]")),
    "documents without images": ("pod.yaml", 3_000, lambda n: lines(n, f"---\n{POD}  a: b@")),
    "broken documents": ("pod.yaml", 1_000, lambda n: lines(n, f"---\n{POD}  image: ]")),
    "document start markers": ("pod.yaml", 20_000, lambda n: POD + "---\n# image:\n" * n),
    "aliases": ("pod.yaml", 20_000, lambda n: POD + "  a: &a {image: b}\n  c: [" + "*a, " * n + "]\n"),
    "aliases of aliases": (
        "pod.yaml", 5_000, lambda n: POD + "  a0: &a0 {image: b}\n" + lines(n, "  a^: &a^ [*a@, *a@, *a@, *a@]"),
    ),
    "containers through aliases": (
        "pod.yaml", 1_500, lambda n: POD + "  a: &a\n" + lines(n, "  - image: a/b@") + "  b:\n" + lines(n, "  - containers: *a"),
    ),
    "chain of merge keys": (
        "pod.yaml", 2_000, lambda n: POD + "  a0: &a0 {image: b}\n" + lines(n, "  a^: &a^ {<<: *a@, containers: [{image: b}]}"),
    ),
    "merge keys with shared mappings": (
        "pod.yaml", 1_500, lambda n: POD + lines(n, "  a@: &a@ {k@: b}") + lines(n, "  - {<<: [*a0, *a1], image: b}"),
    ),
    "block scalar": ("pod.yaml", 30_000, lambda n: POD + "  image: |\n" + "    a\n" * n),
    "folded Dockerfile": (
        "compose.yaml", 10_000, lambda n: "services:\n  a:\n    build:\n      dockerfile_inline: >\n" + "        a\n" * n,
    ),
    "comments at block scalars": (
        "pod.yaml", 1_500, lambda n: POD + "  a:\n" + "  # imglint: ignore[latest-tag]\n  - >-\n\n    a\n" * n,
    ),
    "comment at a block scalar after many blank lines": (
        "pod.yaml", 100_000, lambda n: POD + "  # imglint: ignore[latest-tag]\n  image: >-\n" + "\n" * n + "    a\n",
    ),
    "images of a custom resource": ("pod.yaml", 1_500, lambda n: RESOURCE + lines(n, "  a@: {image: a/b:@}")),
    "images of custom resources through an alias": (
        "pod.yaml", 1_500, lambda n: f"{LIST}- &a\n" + lines(n, "  a@: {image: b}")
        + (f"- {RESOURCE}".replace("\n", "\n  ") + "  a: *a\n") * n,
    ),
    "operations": (
        "patch.yaml", 1_000, lambda n: lines(n, "- {op: add, path: /spec/containers/0/image, value: 'a/b:@'}"),
    ),
    "operations with one long path": (
        "patch.yaml", 4_000, lambda n: f"- &a /spec/{'a/' * n}image\n" + "- {op: add, path: *a, value: b}\n" * n,
    ),
    "operations with one value": (
        "patch.yaml", 3_000, lambda n: "- &a\n" + lines(n, "  - {image: a/b:@}") + "- {op: add, path: /spec/containers, value: [*a]}\n" * n,
    ),
    "patches with one value": (
        "kustomization.yaml", 1_500, lambda n: "a: &a\n" + lines(n, "- {image: a/b:@}") + "patches:\n"
        + "- patch: [{op: add, path: /spec/containers, value: *a}]\n- {kind: Pod, apiVersion: v1, spec: {containers: *a}}\n" * n,
    ),
    "patches in one string": (
        "kustomization.yaml", 4_000, lambda n: "a: &a |\n" + "  - {op: add, path: /spec/a, value: b}\n" * n + "patches:\n" + "- patch: *a\n" * n,
    ),
    "patches in strings": (
        "kustomization.yaml", 500, lambda n: "patches:\n" + lines(n, "- patch: '[{op: add, path: /spec/image, value: a/b:@}]'"),
    ),
    "values in a string": ("pod.yaml", 1_500, lambda n: APPLICATION + "  helm:\n    values: |\n" + lines(n, "      a@: {image: a/b:@}")),
    "values through an alias": (
        "pod.yaml", 4_000, lambda n: APPLICATION + "  a: &a\n" + lines(n, "    a@: {image: a/b:@}") + "  sources:\n"
        + "  - helm: {valuesObject: {a: *a}}\n" * n,
    ),
    "applications through an alias": (
        "pod.yaml", 1_500, lambda n: f"{LIST}- &a\n" + lines(n, "  a@: {image: b}")
        + (f"- {APPLICATION}".replace("\n", "\n  ") + "  a: *a\n") * n,
    ),
    "plain scalar of many lines": ("pod.yaml", 30_000, lambda n: POD + "  image: a\n" + "    a\n" * n),
    "escapes in a scalar": ("pod.yaml", 60_000, lambda n: POD + '  image: "' + "\\x41" * n + '"\n'),
    "keys that are mappings": ("pod.yaml", 1_000, lambda n: POD + "  image:\n" + "  ? {a: b}\n  : c\n" * n),
    "templates": ("pod.yaml", 40_000, lambda n: POD + "  image: ]\n" + "{{ a }}" * n),
    "unclosed templates": ("pod.yaml", 100_000, lambda n: POD + "  image: ]\n  image: x" + "{{ " * n),
    "template comments": ("pod.yaml", 20_000, lambda n: POD + "  image: ]\n" + "{{/* a */}}\n" * n),
    "images in a template": ("pod.yaml", 1_500, lambda n: POD + "  a: ]\n{{ x }}\n" + lines(n, "  image: a/b@:latest")),
    "flow style in a template": ("pod.yaml", 1_500, lambda n: POD + "  a: ]\n{{ x }}\n" + lines(n, "  - {image: a/b@:latest}")),
    "flow style on one line of a template": ("pod.yaml", 20_000, lambda n: POD + "  a: ]\n{{ x }}\n" + "{image: , " * n),
    "aliases in a template": (
        "pod.yaml", 1_500, lambda n: POD + "  a: ]\n{{ x }}\n" + lines(n, "  a: &a@ b:1\n  image: *a@"),
    ),
    "keys without values in a template": ("pod.yaml", 20_000, lambda n: POD + "  a: ]\n{{ x }}\n" + "image:\n" * n),
    "escaped keys in a template": ("pod.yaml", 20_000, lambda n: POD + "  a: ]\n{{ x }}\n" + '"\\x41": b\n' * n),
    "escaped keys": ("a.yaml", 5_000, lambda n: "a: apiVersion kind\n" + lines(n, '"\\x41@": {b: c}')),
    "JSON that is no manifest": ("a.json", 20_000, lambda n: '{"kind": [' + '"apiVersion", ' * n + "1]}\n"),
    "spaces": ("pod.yaml", 1_000_000, lambda n: POD + " " * n + "image: b\n"),
    "carriage returns": ("pod.yaml", 20_000, lambda n: POD + "  image: a\r" + "\r" * n),
    "values": ("values.yaml", 1_500, lambda n: "a:\n" + lines(n, "- {repository: a/b@, tag: latest}")),
    "values that share a mapping": (
        "values.yaml", 2_000, lambda n: "a: &a {x: y}\nb:\n" + lines(n, "- {<<: *a, repository: a/b@, tag: latest}"),
    ),
    "names that the chart completes": (
        "values.yaml", 1_500, lambda n: "imageRegistry: a.b\nimages:\n" + lines(n, "  a@: {name: b@}"),
    ),
    "image keys in one mapping": ("values.yaml", 3_000, lambda n: "image:\n" + lines(n, "  aImage: a/b@")),
    "services": ("compose.yaml", 1_200, lambda n: "services:\n" + lines(n, "  s@: {image: a/b@:latest}")),
    "services that extend each other": (
        "compose.yaml", 1_200, lambda n: "services:\n  s0: {image: a}\n" + lines(n, "  s^: {extends: s@}"),
    ),
    "services that extend in a cycle": ("compose.yaml", 1_200, lambda n: "services:\n" + lines(n, "  s@: {extends: s^}")),
    "variables in an image": ("compose.yaml", 100_000, lambda n: "services:\n  a: {image: '" + "${A:-b}" * n + "'}\n"),
    "open braces in images": ("compose.yaml", 300, lambda n: "services:\n" + lines(n, f"  s@: {{image: '{'${A:-' * 700}'}}")),
    "open braces in an inline Dockerfile": (
        "compose.yaml", 10_000, lambda n: "services:\n a:\n  build:\n   dockerfile_inline: '" + "${A:-" * n + "'\n",
    ),
    "inline Dockerfiles": (
        "compose.yaml", 500, lambda n: "services:\n" + lines(n, '  s@: {build: {dockerfile_inline: "FROM a/b@:latest\\n"}}'),
    ),
    "containers of jobs": (WORKFLOW, 1_200, lambda n: "jobs:\n" + lines(n, "  j@: {container: 'a/b@:latest'}")),
    "values of a matrix": (
        WORKFLOW, 600, lambda n: f"jobs:\n  a:\n    strategy: {{matrix: {{x: [{'a, ' * n}]}}}}\n    container: b:${{{{ matrix.x }}}}\n",
    ),
    "combinations of a matrix": (
        WORKFLOW, 100, lambda n: "jobs:\n" + lines(n, f"  j@: {{strategy: {{matrix: {MATRIX}}}, container: 'b:${{{{ matrix.x }}}}'}}"),
    ),
    "matrix that jobs share": (
        WORKFLOW, 400, lambda n: f"x: &x {{matrix: {{include: [{'{x: a}, ' * n}]}}}}\njobs:\n"
        + lines(n, "  j@: {strategy: *x, container: 'a:${{ matrix.x }}'}"),
    ),
    "services that jobs share": (
        WORKFLOW, 1_000, lambda n: "x: &x\n" + lines(n, "  s@: {image: 'a:${{ matrix.x }}'}") + "jobs:\n" + lines(n, "  j@: {services: *x}"),
    ),
    "operators": (WORKFLOW, 200, lambda n: "jobs:\n" + lines(n, f"  j@: {{container: \"a:${{{{ {'x || ' * 500}'b' }}}}\"}}")),
    "alternatives of expressions": (
        WORKFLOW, 1_000, lambda n: "jobs:\n" + lines(n, f"  j@: {{container: \"a:{'${{ x && 1 || 2 }}' * 60}\"}}"),
    ),
    "open expressions": (WORKFLOW, 200, lambda n: "jobs:\n" + lines(n, f"  j@: {{container: \"a:{'${{ ' * 900}\"}}")),
    "jobs": (PIPELINE, 1_200, lambda n: lines(n, "j@: {image: 'a/b@:latest'}")),
    "jobs that extend each other": (
        PIPELINE, 600, lambda n: "j0: {image: a, variables: {A: b}}\n" + lines(n, "j^: {extends: j@, image: 'a:$A'}"),
    ),
    "jobs that extend many others": (PIPELINE, 400, lambda n: f".x: &x [{', '.join(f'j{at}' for at in range(n))}]\n" + lines(n, "j@: {extends: *x}")),
    "variables that double in length": (
        PIPELINE, 1_000, lambda n: "variables:\n  A0: xxxxxxxx\n" + lines(n, "  A^: $A@$A@") + lines(n, "j@: {image: $A40}"),
    ),
    "variables of nothing": (
        PIPELINE, 1_000, lambda n: "variables:\n  A0: ''\n" + lines(n, "  A^: $A@$A@") + lines(n, "j@: {image: a$A40}"),
    ),
    "rules that jobs share": (
        PIPELINE, 600, lambda n: ".x: &x\n" + lines(n, "- {variables: {A: b@}}") + lines(n, "j@: {rules: *x, image: 'a:$A'}"),
    ),
    "services that jobs of a pipeline share": (
        PIPELINE, 1_000, lambda n: ".x: &x\n" + lines(n, "- a:$A@") + lines(n, "j@: {services: *x}"),
    ),
    "variables of a matrix": (
        PIPELINE, 200, lambda n: lines(n, f"j@: {{image: '$A$B', parallel: {{matrix: [{{A: [{'a, ' * 30}], B: [{'b, ' * 30}]}}]}}}}"),
    ),
    "caches": ("compose.yaml", 1_500, lambda n: "services: {a: {build: {cache_from: [" + "a/b:latest, " * n + "]}}}\n"),
    "JSON brackets": ("devcontainer.json", 100_000, lambda n: "[" * n),
    "JSON values": ("devcontainer.json", 20_000, lambda n: '{"a": [' + '"b", ' * n + "]}\n"),
    "JSON comments": ("devcontainer.json", 20_000, lambda n: "{" + "/* a */ // imglint: b\n" * n + "}\n"),
    "open JSON comments": ("devcontainer.json", 100_000, lambda n: "{" + "/*" * n),
    "JSON escapes": ("devcontainer.json", 40_000, lambda n: '{"image": "' + "\\u0041" * n + '"}\n'),
    "quotes in JSON": ("devcontainer.json", 40_000, lambda n: '"' * n + " imglint:"),
    "development container caches": (
        "devcontainer.json", 1_500, lambda n: '{"build": {"cacheFrom": [' + '"a/b:latest", ' * n + "]}}\n",
    ),
    "variables of a development container": ("devcontainer.json", 400, lambda n: '{"image": "' + "${localEnv:A:b}" * n + '"}\n'),
    "contexts": ("docker-bake.hcl", 1_500, lambda n: 'target "a" {\ncontexts = {\n' + lines(n, 'a@ = "docker-image://a/b@:latest"') + "}\n}\n"),
    "targets": ("docker-bake.hcl", 1_000, lambda n: lines(n, 'target "a@" { contexts = { a = "docker-image://a/b@" } }')),
    "targets that inherit": ("docker-bake.hcl", 1_000, lambda n: lines(n, 'target "a@" { inherits = ["a^"] }')),
    "targets that inherit from many": (
        "docker-bake.hcl", 1_000, lambda n: 'target "b" {\n' + lines(n, "a@ = 1") + "}\n" + lines(n, 'target "a@" { inherits = ["b"] }'),
    ),
    "targets that share a variable": (
        "docker-bake.hcl", 1_000, lambda n: 'variable "A" { default = [\n' + lines(n, '"a/b@",') + "] }\n" + lines(n, 'target "a@" { cache-from = A }'),
    ),
    "inline Dockerfiles that share arguments": (
        "docker-bake.hcl", 400, lambda n: 'variable "A" { default = {\n' + lines(n, 'a@ = "b"') + "} }\n"
        + lines(n, 'target "a@" {\nargs = A\ndockerfile-inline = "FROM a@"\n}'),
    ),
    "matrix": (
        "docker-bake.hcl", 100, lambda n: 'target "a" {\nmatrix = { m = [\n' + lines(n, '"b@",') + "] }\ncontexts = {\n"
        + lines(n, 'a@ = "docker-image://a/b@:${m}"') + "}\n}\n",
    ),
    "Bake variables that double in length": (
        "docker-bake.hcl", 2_000, lambda n: 'variable "A0" { default = "x" }\n' + lines(n, 'variable "A^" { default = "${A@}${A@}" }')
        + lines(n, 'target "a@" { contexts = { a = "docker-image://${A@}" } }'),
    ),
    "variables of lists of lists": (
        "docker-bake.hcl", 4_000, lambda n: "A0 = []\n" + lines(n, "A^ = [A@, A@]") + f'target "a" {{ cache-from = A{n} }}\n',
    ),
    "HCL brackets": ("docker-bake.hcl", 100_000, lambda n: "a = " + "[" * n),
    "HCL operators": ("docker-bake.hcl", 20_000, lambda n: "a = 1" + " + 1" * n + "\n"),
    "HCL comments": ("docker-bake.hcl", 20_000, lambda n: "# imglint: ignore[a]\n" * n),
    "open HCL comments": ("docker-bake.hcl", 100_000, lambda n: "/*" * n),
    "HCL labels": ("docker-bake.hcl", 40_000, lambda n: "a " + '"b" ' * n + "{}\n"),
    "HCL strings": ("docker-bake.hcl", 20_000, lambda n: 'a = "' + "${b}$${" * n + '"\n'),
    "HCL heredocs": ("docker-bake.hcl", 4_000, lambda n: lines(n, "a@ = <<-A\n  b\nA")),
    "HCL heredocs in a heredoc": ("docker-bake.hcl", 4_000, lambda n: "a = <<A\n" + "${<<B\nB\n}" * n + "\nA\n"),
    "HCL line of a heredoc": ("docker-bake.hcl", 40_000, lambda n: "a = <<-A\n" + "$$" * n + "\nA\n"),
    "entries of a unit": ("a.container", 20_000, lambda n: "[Container]\n" + "Image=a/b:latest\n" * n),
    "mounts of a unit": ("a.container", 1_500, lambda n: "[Container]\n" + lines(n, "Mount=type=image,source=a/b@")),
    "mounts on one line of a unit": ("a.container", 1_500, lambda n: "[Container]\nMount=" + "type=image,source=a/b " * n + "\n"),
    "quotes in a mount": ("a.container", 20_000, lambda n: "[Container]\nMount=type=image" + "\"'" * n + "\n"),
    "continued lines of a unit": ("a.container", 20_000, lambda n: "[Container]\nImage=a\\\n" + "b\\\n#\n" * n),
    "continued mounts of a unit": ("a.container", 1_000, lambda n: "[Container]\nMount=" + "type=image,source=a/b \\\n" * n + "\n"),
    "artifacts": (
        "skaffold.yaml", 1_500, lambda n: "apiVersion: skaffold/v4\nbuild:\n  artifacts:\n" + lines(n, "  - {image: a@, ko: {fromImage: a/b@}}"),
    ),
    "artifacts through an alias": (
        "skaffold.yaml", 1_500, lambda n: "apiVersion: skaffold/v4\nbuild:\n  artifacts: &a\n" + lines(n, "  - {image: a@, ko: {fromImage: a/b@}}")
        + "profiles:\n" + "- build: {artifacts: *a}\n" * n,
    ),
    "listed images": (
        "Chart.yaml", 1_000, lambda n: "annotations:\n  artifacthub.io/images: |\n" + lines(n, "    - image: a/b@:latest"),
    ),
    "jobs of CircleCI that share a list": (
        ".circleci/config.yml", 1_500, lambda n: "a: &a\n" + lines(n, "- image: a/b@") + "jobs:\n" + lines(n, "  j@: {docker: *a}"),
    ),
    "jobs of CircleCI that share a list with parameters": (
        ".circleci/config.yml", 400, lambda n: "a: &a\n" + lines(n, "- image: a/b@:<< parameters.a >>") + "jobs:\n"
        + lines(n, "  j@: {docker: *a}"),
    ),
    "calls of jobs of CircleCI": (
        ".circleci/config.yml", 800, lambda n: "jobs:\n  a:\n    docker:\n" + lines(n, "    - image: a/b@:<< parameters.p@ >>")
        + "workflows: {w: {jobs: [" + "{a: {x: 1}}, " * n + "]}}\n",
    ),
    "calls of an executor of CircleCI": (
        ".circleci/config.yml", 800, lambda n: "executors: {e: {docker: [{image: 'a:<< parameters.p >>'}]}}\njobs:\n"
        + lines(n, "  a@: {executor: {name: e, p: << parameters.p >>}}") + "workflows: {w: {jobs: [" + "{a0: {p: 1}}, " * n + "]}}\n",
    ),
    "orbs in orbs": (".circleci/config.yml", 1_500, lambda n: "orbs:\n" + lines(n, "  o@: &o@ {orbs: {a: *o0}}")),
    "jobs of Azure Pipelines with one matrix": (
        "azure-pipelines.yml", 800, lambda n: "a: &a\n" + lines(n, "  l@: {i: a/b@}") + "jobs:\n"
        + lines(n, "- {job: j@, container: 'a/b:$(x)', strategy: {matrix: *a}}"),
    ),
    "services of a job with a matrix": (
        "azure-pipelines.yml", 800, lambda n: "strategy:\n matrix:\n" + lines(n, "  l@: {i@: a/b@}") + "services:\n"
        + lines(n, "  s@: a/b:$(i@)"),
    ),
    "open expressions of Azure Pipelines": (
        "azure-pipelines.yml", 20_000, lambda n: "trigger: none\ncontainer: 'a:" + "$[[a]${{" * n + "'\n",
    ),
    "arguments of a build that steps share": (
        "cloudbuild.yaml", 1_500, lambda n: "a: &a\n" + lines(n, "- --tag=a@") + "steps:\n" + lines(n, "- {name: a/b@, args: *a}"),
    ),
    "open variables in steps": (".drone.yml", 1_000, lambda n: f"kind: pipeline\nsteps: [{{image: '{'${A' * n}'}}, {{image: '${{{'a' * n}'}}]\n"),
    "steps with one matrix": (
        ".woodpecker.yml", 150, lambda n: "matrix:\n include:\n" + lines(n, "  - {A: b}") + "steps:\n" + lines(n, "- image: a/b@:${A}"),
    ),
    "lists of a matrix": (".woodpecker.yml", 1_500, lambda n: "matrix:\n" + lines(n, " A@: [a, b]") + "steps: [{image: 'a:${A1}'}]\n"),
    "steps of Buildkite that share plugins": (
        ".buildkite/pipeline.yml", 1_200, lambda n: "a: &a\n" + lines(n, "- docker#v@: {image: a/b@}") + "steps:\n"
        + lines(n, "- {label: a@, plugins: *a}"),
    ),
    "fields of a cache": ("compose.yaml", 50_000, lambda n: "services: {a: {build: {cache_from: ['" + "ref=a," * n + "']}}}\n"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "count", "text"), FILES.values(), ids=FILES.keys())
def test_file_is_checked_in_linear_time(
    name: str, count: int, text: Callable[[int], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = settings_for(CommandOptions(select=("implicit-registry", "latest-tag", "missing-digest", "root-user")))

    def read(size: int) -> Callable[[], object]:
        folder = tmp_path / str(size)
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text(size), newline="")
        return lambda: engine.check_file(Found(os.path.join(str(size), name), True), settings)

    hold_linear(read(count), read(2 * count))


TEXTS: dict[str, Callable[[int], Callable[[], object]]] = {
    "tag pattern with many asterisks": lambda n: lambda: TagPattern("*a" * 500 + "b").fits("a" * n),
    "tag pattern with many branches": lambda n: lambda: TagPattern("{branch}{prerelease}" * 20 + "b").fits("a" * n),
    "image pattern with many asterisks": lambda n: lambda: ImagePattern("x/" + "*a" * 500 + "b").fits("x/" + "a" * n, None, None),
    "path pattern with many asterisks": lambda n: lambda: PathPattern("*a" * 500 + "b").fits("a" * n),
    "path pattern with many folders": lambda n: lambda: PathPattern("**/a/" * 200 + "b").fits("a/" * (n // 16) + "a"),
    ".gitignore pattern with many asterisks": lambda n: lambda: GitIgnore(["*a" * 500 + "b"]).ignores("a" * n, False),
    ".gitignore with many lines": lambda n: lambda: GitIgnore([f"a{at}" for at in range(2 * n)]).ignores("b", False),
}


@pytest.mark.parametrize("make", TEXTS.values(), ids=TEXTS.keys())
def test_text_is_matched_in_linear_time(make: Callable[[int], Callable[[], object]]) -> None:
    hold_linear(make(4_000), make(8_000))


@pytest.mark.parametrize("make", [TagPattern, lambda text: ImagePattern("x/" + text[2:]), PathPattern])
def test_pattern_is_compiled_in_linear_time(make: Callable[[str], object]) -> None:
    hold_linear(
        lambda: [make("*a" * (PATTERN_MAX // 4)) for _ in range(10)], lambda: [make("*a" * (PATTERN_MAX // 2)) for _ in range(10)]
    )


def kustomization(count: int) -> dict[str, str]:
    """Return a manifest with many images, and a kustomization that renames each to the next one."""
    entries = lines(count, "- {name: a@, newName: a^}")
    return {
        "pod.yaml": f"{POD}  containers:\n" + lines(count, "  - {image: a@}"),
        "kustomization.yaml": f"resources: [pod.yaml]\nimages:\n{entries}",
    }


def overlays(count: int) -> dict[str, str]:
    """Return a manifest, and many kustomizations that all reach each other."""
    listed = "".join([f"- ../k{at}\n" for at in range(50)])
    names = "".join([f"# a{at}\n" for at in range(count)])
    folders = {f"k{at}/kustomization.yaml": f"resources:\n- ../pod.yaml\n{listed}{names if not at else ''}" for at in range(50)}
    return {"pod.yaml": f"{POD}  containers:\n" + lines(count, "  - {image: a@}"), **folders}


@pytest.mark.parametrize("make", [kustomization, overlays])
def test_names_are_looked_up_in_linear_time(
    make: Callable[[int], dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(count: int) -> Callable[[], object]:
        folder = tmp_path / str(count)
        for name, text in make(count).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)

        def run() -> object:
            monkeypatch.chdir(folder)
            return engine.run(["pod.yaml"], settings_for(CommandOptions(("pod.yaml",), jobs=1)))

        return run

    hold_linear(check(600), check(1_200))


FIXES: dict[str, tuple[str, int, Callable[[int], str]]] = {
    "many lines": ("compose.yaml", 1_000, lambda n: "services:\n" + lines(n, "  s@: {image: 'acme/a@:1'}")),
    "one line": ("pod.json", 1_000, lambda n: '{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": ['
                 + ", ".join(f'{{"image": "acme/a{at}:1"}}' for at in range(n)) + "]}}"),
    "one argument": ("Dockerfile", 800, lambda n: "ARG A=acme/a:1\n" + lines(n, "FROM $A") + "USER 1\n"),
    "an argument for parts": ("Dockerfile", 800, lambda n: "ARG A=acme\n" + lines(n, "FROM $A/a@:1") + "USER 1\n"),
    "stages": ("Dockerfile", 800, lambda n: lines(n, "FROM acme/a@:1") + "USER 1\n"),
    "comments": ("compose.yaml", 800, lambda n: "services:\n" + lines(n, "  s@: {image: 'acme/a@:1'} # imglint: ignore[latest-tag]")),
}  # fmt: skip
MOVE = "images: [{match: acme/*, approved: false, use-instead: ghcr.io/acme/*}, {match: '**'}]\nrules: {unused-ignore: off}\n"


@pytest.mark.parametrize(("name", "count", "text"), FIXES.values(), ids=FIXES.keys())
def test_a_file_is_fixed_in_linear_time(
    name: str, count: int, text: Callable[[int], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("policy").write_text(MOVE)

    def fix(count: int) -> Callable[[], object]:
        folder = tmp_path / str(count)
        folder.mkdir()
        (folder / name).write_text(text(count))
        options = CommandOptions((str(count),), config="policy", diff=True, unsafe_fixes=True, output=os.devnull, quiet=True)
        return lambda: check(options)

    hold_linear(fix(count), fix(2 * count))


PINNED: dict[str, tuple[str, Callable[[int], str]]] = {
    "stages": ("Dockerfile", lambda n: lines(n, "FROM acme/a@:1") + "USER 1\n"),
    "a tag in an argument": ("Dockerfile", lambda n: "ARG V=1\n" + lines(n, "FROM acme/a:$V") + "USER 1\n"),
    "many arguments": ("Dockerfile", lambda n: lines(n, "ARG V@=1") + lines(n, "FROM acme/a:$V@") + "USER 1\n"),
    "arguments on a line": (
        "Dockerfile",
        lambda n: f"ARG {' '.join(f'V{at}=1' for at in range(n))}\n" + lines(n, "FROM acme/a:$V@") + "USER 1\n",
    ),
}


@pytest.mark.parametrize(("name", "text"), PINNED.values(), ids=PINNED.keys())
def test_a_file_is_pinned_in_linear_time(
    name: str, text: Callable[[int], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("imglint.registry.client.Client.ask", lambda _client, _question: f"sha256:{'0' * 64}")

    def fix(count: int) -> Callable[[], object]:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        folder = tmp_path / str(count)
        folder.mkdir()
        (folder / name).write_text(text(count))
        options = CommandOptions((str(count),), select=("missing-digest",), diff=True, output=os.devnull, quiet=True, online=True)
        return lambda: check(options)

    hold_linear(fix(400), fix(800))


def test_a_file_with_ten_thousand_findings_is_fixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("policy").write_text(MOVE)
    Path("compose.yaml").write_text(FIXES["many lines"][2](FINDINGS_MAX // 2))
    options = CommandOptions(("compose.yaml",), config="policy", fix=True, unsafe_fixes=True, quiet=True)
    assert check(options) == 0
    assert Path("compose.yaml").read_text().count("ghcr.io/acme/a") == FINDINGS_MAX // 2


def hold_linear(once: Callable[[], object], twice: Callable[[], object]) -> None:
    """Fail if the second call takes more than RATIO times as long as the first in every measurement."""
    small = large = float("inf")
    gc.disable()
    try:
        for _ in range(RUNS):
            small, large = min(small, spent(once)), min(large, spent(twice))
            # Times below a few milliseconds are harmless, and mostly noise.
            if large < RATIO * max(small, 0.004):
                return
    finally:
        gc.enable()
        gc.collect()
    pytest.fail(f"{small:.4f} s became {large:.4f} s")


def spent(call: Callable[[], object]) -> float:
    """Return the processor time of a call in seconds."""
    begin = time.process_time()
    call()
    return time.process_time() - begin
