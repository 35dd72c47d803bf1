"""No spelling hides an image: what kubectl, Helm, Kustomize or Docker Compose takes from a file is listed, or the file is reported.

Each trick changes a plain file, the control. Whether an engine takes the image was tried with kubectl 1.32 (`kubectl label --local`) and
`kubectl kustomize`, or follows from the parser: kubectl, Kustomize and Helm use go-yaml 2 by way of sigs.k8s.io/yaml, Docker Compose uses go-yaml 3.
"""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

import pytest
from fuzz.targets import hidden

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Imglint

EVIL = "evil/x:1"
POD = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n  containers:\n  - name: a\n    image: {EVIL}\n"
JSON = '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"a","image":"' + EVIL + '"}]}}\n'
FLOW = f"{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{containers: [{{name: a, image: '{EVIL}'}}]}}}}\n"
VOLUME = f"apiVersion: v1\nkind: Pod\nspec:\n  volumes:\n  - name: a\n    image:\n      reference: {EVIL}\n"
COMPOSE = f"services:\n  web:\n    image: {EVIL}\n"
VALUES = f"web:\n  image: {EVIL}\n"
MAP = "web:\n  image:\n    repository: evil/x\n    tag: 1\n"
KUSTOMIZATION = "resources: [pod.yaml]\nimages:\n- name: web\n  newName: evil/x\n  newTag: '1'\n"
TEMPLATE = f"kind: Pod\nspec:\n  {{{{- if .Values.a }}}}\n  containers:\n  - name: a\n    image: {EVIL}\n  {{{{- end }}}}\n"
MERGED = f"{POD[: POD.index('spec:')]}x: &x\n  image: {EVIL}\nspec:\n  containers:\n  - name: a\n    image: {EVIL}\n"
LIST = "apiVersion: v1\nkind: List\nitems:\n- " + POD.replace("\n", "\n  ").rstrip() + "\n"
SCHEMA = POD.replace("metadata: {name: a}\n", "metadata:\n  name: a\n  annotations:\n    a: b\n")
PATCH = f"- op: replace\n  path: /spec/containers/0/image\n  value: {EVIL}\n"
INLINE = "patches:\n- patch: |\n    " + PATCH.replace("\n", "\n    ").rstrip() + "\n"
RELEASE = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec:\n  values:\n    web: {repository: evil/x, tag: 1}\n"
ARGO_CD = (
    "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  source:\n    helm:\n"
    "      values: |\n        image:\n          repository: evil/x\n          tag: 1\n"
)
RESOURCE = f"apiVersion: example.com/v1\nkind: Shop\nspec:\n  web:\n    image: {EVIL}\n"
PATCH_FILE = "patch.yaml"
TPL, POD_FILE, STACK = "chart/templates/pod.yaml", "pod.yaml", "stack.yaml"

TRICKS: dict[str, tuple[str, str, str, str]] = {
    # How keys are written.
    "escaped kind": (POD_FILE, POD, "kind:", '"\\x6bind":'),
    "escaped apiVersion": (POD_FILE, POD, "apiVersion:", '"\\u0061piVersion":'),
    "escaped kind and apiVersion": (POD_FILE, POD, "apiVersion: v1\nkind:", '"\\u0061piVersion": v1\n"\\u006bind":'),
    "escaped image": (POD_FILE, POD, "image:", '"im\\u0061ge":'),
    "all keys escaped": (POD_FILE, POD.replace("containers:", '"cont\\x61iners":'), "image:", '"im\\u0061ge":'),
    "eight digits": (POD_FILE, POD, "image:", '"im\\U00000061ge":'),
    "escaped value": (POD_FILE, POD, EVIL, '"\\x65vil/x:1"'),
    "tagged kind": (POD_FILE, POD, "kind:", "!!str kind:"),
    "tagged image": (POD_FILE, POD, "image:", "!!str image:"),
    "non-specific tag": (POD_FILE, POD, "kind:", "! kind:"),
    "binary kind": (POD_FILE, POD, "kind:", "!!binary a2luZA==:"),
    "binary apiVersion and kind": (POD_FILE, POD, "apiVersion: v1\nkind:", "!!binary YXBpVmVyc2lvbg==: v1\n!!binary a2luZA==:"),
    "binary image": (POD_FILE, POD, "image:", "!!binary aW1hZ2U=:"),
    "verbatim tag": (POD_FILE, POD, "image:", "!<tag:yaml.org,2002:binary> aW1hZ2U=:"),
    "escaped tag": (POD_FILE, POD, "image:", "!!bin%61ry aW1hZ2U=:"),
    "tag directive": (POD_FILE, "---\n" + POD, f"---\n{POD}",
      "%TAG !e! tag:yaml.org,2002:bin\n---\n" + POD.replace("kind:", "!e!ary a2luZA==:")),
    "anchored kind": (POD_FILE, POD, "kind:", "&a kind:"),
    "anchored image": (POD_FILE, POD, "image:", "&a image:"),
    "key through an alias": (POD_FILE, POD.replace("{name: a}",
      "{name: a, labels: {a: image}}"), f"a: image}}}}\nspec:\n  containers:\n  - name: a\n    image: {EVIL}",
        f"a: &k image}}}}\nspec:\n  containers:\n  - name: a\n    *k : {EVIL}"),
    "complex kind": (POD_FILE, POD, "kind: Pod", "? kind\n: Pod"),
    "complex kind and apiVersion": (POD_FILE, POD, "apiVersion: v1\nkind: Pod", "? apiVersion\n: v1\n? kind\n: Pod"),
    "complex image": (POD_FILE, POD, f"image: {EVIL}", f"? image\n    : {EVIL}"),
    "key in a block scalar": (POD_FILE, POD, "kind: Pod", "? |-\n  kind\n: Pod"),
    "space before the colon": (POD_FILE, POD, "kind:", "kind   :"),
    "root with a tag": (POD_FILE, POD, "apiVersion", "--- !!map\napiVersion"),
    "root with an anchor": (POD_FILE, POD, "apiVersion", "--- &a\napiVersion"),
    "duplicate image": (POD_FILE, POD, f"image: {EVIL}", f"image: good:1\n    image: {EVIL}"),
    "duplicate kind": (POD_FILE, POD, "kind: Pod", "kind: CustomResourceDefinition\nkind: Pod"),
    "duplicate kind on the first line": (
        POD_FILE, POD, "apiVersion: v1\n", "kind: CustomResourceDefinition\napiVersion: v1\n"
    ),
    "duplicate kind in another spelling": (POD_FILE, POD, "kind: Pod", "kind: CustomResourceDefinition\n? kind\n: Pod"),
    "duplicate kind at the end": (POD_FILE, POD.replace("kind: Pod\n",
      "") + "kind: Pod\n", "apiVersion: v1\n", "apiVersion: v1\nkind: CustomResourceDefinition\n"),
    "duplicate spec": (POD_FILE, POD, "spec:", "spec: {containers: [{name: a, image: 'good:1'}]}\nspec:"),
    # How values are written.
    "tagged value": (POD_FILE, POD, EVIL, f"!!str {EVIL}"),
    "unknown tag": (POD_FILE, POD, EVIL, f"!foo {EVIL}"),
    "binary value": (POD_FILE, POD, EVIL, "!!binary ZXZpbC94OjE="),
    "binary value in a block": (POD_FILE, POD, EVIL, "!!binary |\n      ZXZpbC94\n      OjE="),
    "value on the next line": (POD_FILE, POD, f"image: {EVIL}", f"image:\n      {EVIL}"),
    "folded value": (POD_FILE, POD, EVIL, f">-\n      {EVIL}"),
    "literal value": (POD_FILE, POD, EVIL, f"|\n      {EVIL}"),
    "aliased value": (POD_FILE, POD.replace("{name: a}", f"{{name: a, labels: {{a: '{EVIL}'}}}}"),
      f"a: '{EVIL}'}}}}\nspec:\n  containers:\n  - name: a\n    image: {EVIL}",
        f"a: &v '{EVIL}'}}}}\nspec:\n  containers:\n  - name: a\n    image: *v"),
    "tab before the value": (POD_FILE, POD, f"image: {EVIL}", f"image:\t{EVIL}"),
    "status through an alias": (POD_FILE, POD, POD[POD.index("spec:") :], POD[POD.index("spec:") :].replace("spec:",
      "status: &x") + "spec: *x\n"),
    # How documents are written.
    "indented": (POD_FILE, POD, POD, "".join(f"    {line}\n" for line in POD.splitlines())),
    "second document indented": (POD_FILE, POD, POD, "a: b\n---\n" + "".join(f"    {line}\n" for line in POD.splitlines())),
    "null document first": (POD_FILE, POD, "apiVersion", "--- \n~\n---\napiVersion"),
    "empty documents first": (POD_FILE, POD, "apiVersion", "---\n---\n# a\n---\napiVersion"),
    "flow style": (POD_FILE, POD, POD, FLOW),
    "flow style with a comment": (POD_FILE, FLOW, "{apiVersion", "# a\n{ # b\napiVersion"),
    "flow style in brackets on lines": (POD_FILE, FLOW, "{apiVersion: v1, kind: Pod", "{\napiVersion\n: v1\n,\nkind\n: Pod\n"),
    "flow style with a tag": (POD_FILE, FLOW, "{apiVersion", "!!map {apiVersion"),
    "flow style behind the marker": (POD_FILE, FLOW, "{apiVersion", "--- {apiVersion"),
    "flow style in a file of another kind": ("stack.json", FLOW, "kind:", '"k\\u0069nd":'),
    "list without a version": (POD_FILE, LIST, "apiVersion: v1\nkind: List", "kind: List"),
    "lone carriage returns": (POD_FILE, POD, POD, POD.replace("\n", "\r")),
    "carriage return in a comment": (POD_FILE, POD, "kind:", "# a\rkind:"),
    "carriage return before image": (POD_FILE, POD, "    image:", "    # a\r    image:"),
    "next line in a comment": (POD_FILE, POD, "    image:", "    # a\x85    image:"),
    "line separator in a comment": (POD_FILE, POD, "    image:", "    # a\u2028    image:"),
    "paragraph separator before kind": (POD_FILE, POD, "kind:", "# a\u2029kind:"),
    "line separator after a value": (POD_FILE, POD, f"image: {EVIL}", f"image: a\u2028    x: y\u2028    image: {EVIL}"),
    "two byte order marks": (POD_FILE, POD, "apiVersion", "\ufeff\ufeffapiVersion"),
    "byte order mark in a document": (POD_FILE, f"---\n{POD}", "apiVersion", "\ufeffapiVersion"),
    "byte order mark in the second document": (POD_FILE, f"a: b\n---\n{POD}", "apiVersion", "\ufeffapiVersion"),
    "YAML directive": (POD_FILE, f"---\n{POD}", "---\n", "%YAML 1.1\n---\n"),
    # JSON.
    "JSON escapes": ("pod.json", JSON, '"kind"', '"k\\u0069nd"'),
    "JSON escapes everywhere": ("pod.json", JSON.replace("image",
      "im\\u0061ge"), '"apiVersion":"v1","kind"', '"\\u0061piVersion":"v1","k\\u0069nd"'),
    "JSON with tabs": ("pod.json", JSON, '"kind"', '\n\t\t"kind"'),
    "JSON keys on lines": ("pod.json", JSON, '"kind":', '"kind"\n:\n'),
    "JSON after JSON": ("pod.json", JSON, JSON, '{"a":1}\n\n' + JSON.replace("kind", "k\\u0069nd")),
    "JSON behind JSON": ("pod.json", JSON, JSON, '{"a":1}' + JSON),
    "JSON with a lone surrogate": ("pod.json", JSON, '{"api', '{"a":"\\ud800","api'),
    "JSON with a long key": ("pod.json", JSON, "{", '{"' + "k" * 2000 + '":1,', ),
    "JSON with a long key and escapes": ("pod.json", JSON.replace("kind", "k\\u0069nd"), '{"api', '{"' + "k" * 2000 + '":1,"api'),
    "JSON nested deeply": ("pod.json", JSON.replace("kind", "k\\u0069nd"), '{"api', '{"a":' + "[" * 300 + "]" * 300 + ',"api'),
    "JSON with special characters": ("pod.json", JSON, '{"api', '{"a":"\x7f\x85\u2028","api'),
    "JSON string that looks like an end": ("pod.json", JSON, '{"api', '{"a":"}\\n{","api'),
    # Lines of scalars that look like keys.
    "schema in a quoted value": (POD_FILE, SCHEMA, "a: b", 'a: "\n\nkind: CustomResourceDefinition\n\n"'),
    "schema in a quoted key": (POD_FILE, POD, "apiVersion: v1\nkind: Pod",
      '"\n\nkind: CustomResourceDefinition\n\n": a\napiVersion: v1\nkind: Pod'),
    "schema in a single-quoted value": (POD_FILE, SCHEMA, "a: b", "a: '\n\nkind: CustomResourceDefinition\n\n'"),
    "schema in a pod spec": (POD_FILE, POD, "spec:\n", "spec:\n  apiVersion: apiextensions.k8s.io/v1\n  kind: CustomResourceDefinition\n"),
    "schema before another document": (POD_FILE, POD, "apiVersion", "kind: CustomResourceDefinition\n...\napiVersion"),
    "schema that is shared": (POD_FILE, POD, "spec:\n", "x: &x {apiVersion: v1, kind: CustomResourceDefinition}\nspec:\n  <<: *x\n"),
    "ignored words in a comment": (POD_FILE, POD, "kind: Pod", "#kind: CustomResourceDefinition\nkind: Pod"),
    # Merge keys. go-yaml 2 lets what comes last win, and takes a quoted merge key for one.
    "merge key after image": (POD_FILE, MERGED, f"    image: {EVIL}", "    image: good:1\n    <<: *x"),
    "escaped merge key after image": (POD_FILE, MERGED, f"    image: {EVIL}", '    image: good:1\n    "\\x3c<": *x'),
    "two merge keys": (POD_FILE, MERGED, f"    image: {EVIL}", "    <<: *x\n    <<: {a: b}"),
    "quoted merge key": (POD_FILE, MERGED, f"    image: {EVIL}", '    "<<": *x'),
    "merged kind": (POD_FILE, POD, "apiVersion: v1\nkind: Pod\n", "a: &a {apiVersion: v1, kind: Pod}\n<<: *a\n"),
    # Names that claim another kind.
    "pod in compose.yaml": ("compose.yaml", POD, "kind:", '"k\\u0069nd":'),
    "indented pod in compose.yaml": ("compose.yaml", POD, POD, "".join(f"    {line}\n" for line in POD.splitlines())),
    "flow pod in docker-compose.yml": ("docker-compose.yml", FLOW, "kind", "? kind"),
    "pod after services": ("compose.yaml", POD, "apiVersion", "services: {}\n---\napiVersion"),
    "services after a pod": ("compose.yaml", COMPOSE, "services", "apiVersion: v1\nkind: ConfigMap\n---\nservices"),
    "services with text of a manifest": ("compose.yaml", COMPOSE,
      "services", 'x-a: "\n\nkind: Pod\n\napiVersion: v1\n"\nservices'),
    "values with text of a manifest": ("values.yaml", VALUES, "web", 'a: "\n\nkind: Pod\n\napiVersion: v1\n"\nweb'),
    "values before a manifest": ("values.yaml", MAP, MAP, MAP + "---\napiVersion: v1\nkind: ConfigMap\n"),
    "values that look like a manifest": ("values.yaml", MAP, "web", "apiVersion: v1\nkind: Pod\nweb"),
    "pod in values.yaml": ("values.yaml", POD, "kind:", '"k\\u0069nd":'),
    "image volume": (POD_FILE, VOLUME, "reference", '"ref\\x65rence"'),
    # Compose files by their content.
    "escaped services": (STACK, COMPOSE, "services", '"serv\\x69ces"'),
    "services with a comment of a template": (STACK, COMPOSE, "services", "# {{ a }}\nservices"),
    "flow services": (STACK, COMPOSE, COMPOSE, f"{{services: {{web: {{image: '{EVIL}'}}}}}}\n"),
    "indented services": (STACK, COMPOSE, COMPOSE, "".join(f"  {line}\n" for line in COMPOSE.splitlines())),
    "merged services": (STACK, COMPOSE, COMPOSE, f"x-a: &a {{services: {{web: {{image: '{EVIL}'}}}}}}\n<<: *a\n"),
    "complex services": (STACK, COMPOSE, "services:", "? services\n:"),
    "service beside one that is templated": (STACK, COMPOSE, "  web", "  a: {image: '{{ a }}'}\n  web"),
    "escaped image of a service": (STACK, COMPOSE, "image", '"im\\x61ge"'),
    # Kustomize ignores case.
    "upper-case images": ("kustomization.yaml", KUSTOMIZATION, "images", "Images"),
    "upper-case newName": ("kustomization.yaml", KUSTOMIZATION, "newName", "NEWNAME"),
    "escaped newName": ("kustomization.yaml", KUSTOMIZATION, "newName", '"new\\x4eame"'),
    "old name of images": ("kustomization.yaml", KUSTOMIZATION, "images", "imageTags"),
    "byte order marks": ("kustomization.yaml", KUSTOMIZATION, "resources", "\ufeff\ufeffresources"),
    # Templates: Helm renders them before it parses them.
    "template in flow style": (TPL, TEMPLATE, f"- name: a\n    image: {EVIL}", f"- {{name: a, image: '{EVIL}'}}"),
    "template in plain flow style": (TPL, TEMPLATE, f"- name: a\n    image: {EVIL}", f"- {{image: {EVIL}, name: a}}"),
    "template in flow style with a number sign": (TPL, TEMPLATE,
      f"- name: a\n    image: {EVIL}", f"- {{name: 'a #b', image: '{EVIL}'}}"),
    "template in flow style behind an action": (TPL, TEMPLATE,
      f"- name: a\n    image: {EVIL}", f"- {{{{ if .a }}}}{{image: '{EVIL}'}}{{{{ end }}}}"),
    "template as JSON": (TPL, TEMPLATE, f"- name: a\n    image: {EVIL}", f'- {{"name": "a", "image":"{EVIL}"}}'),
    "template as JSON on lines": (TPL, TEMPLATE, f"- name: a\n    image: {EVIL}", f'- {{"name": "a",\n    "image"\n    :\n    "{EVIL}"}}'),
    "template with the value on the next line": (TPL, TEMPLATE, f"image: {EVIL}", f"image:\n      {EVIL}"),
    "template with the value after a comment": (TPL, TEMPLATE, f"image: {EVIL}", f"image: # a\n      # b\n      {EVIL}"),
    "template with a quoted value on the next line": (TPL, TEMPLATE, f"image: {EVIL}", f'image:\n      "{EVIL}"'),
    "template with the value after an action": (TPL, TEMPLATE,
      f"image: {EVIL}", f"image:\n      {{{{- if .a }}}}\n      {EVIL}\n      {{{{- end }}}}"),
    "template with a folded value": (TPL, TEMPLATE, EVIL, f">-\n      {EVIL}"),
    "template with a literal value": (TPL, TEMPLATE, EVIL, f"|\n      {EVIL}"),
    "template with an indented block": (TPL, TEMPLATE, EVIL, f"|2-\n      {EVIL}"),
    "template with an alias": (TPL, TEMPLATE.replace("kind: Pod",
      f"kind: Pod\nx: {EVIL}"),
      f"x: {EVIL}\nspec:\n  {{{{- if .Values.a }}}}\n  containers:\n  - name: a\n    image: {EVIL}",
        f"x: &x {EVIL}\nspec:\n  {{{{- if .Values.a }}}}\n  containers:\n  - name: a\n    image: *x"),
    "template with a quoted alias": (TPL, TEMPLATE.replace("kind: Pod",
      f"kind: Pod\nx: '{EVIL}'"), f"x: '{EVIL}'\nspec:\n  {{{{- if .Values.a }}}}\n  containers:\n  - name: a\n    image: {EVIL}",
        f"x: &x '{EVIL}'\nspec:\n  {{{{- if .Values.a }}}}\n  containers:\n  - name: a\n    image: *x"),
    "template with a tag": (TPL, TEMPLATE, EVIL, f"!!str {EVIL}"),
    "template with an anchor": (TPL, TEMPLATE, EVIL, f"&a {EVIL}"),
    "template with a binary value": (TPL, TEMPLATE, EVIL, "!!binary ZXZpbC94OjE="),
    "template with a literal action": (TPL, TEMPLATE, EVIL, f'{{{{ "{EVIL}" }}}}'),
    "template with a raw literal": (TPL, TEMPLATE, EVIL, f"{{{{- `{EVIL}` | quote -}}}}"),
    "template with a literal in quotes": (TPL, TEMPLATE, EVIL, f'"{{{{ "{EVIL}" }}}}"'),
    "template on one line": (TPL, TEMPLATE, f"image: {EVIL}", f"{{{{ if .a }}}}image: {EVIL}{{{{ end }}}}"),
    "template with actions around": (TPL, TEMPLATE, f"image: {EVIL}", f"{{{{- with .a }}}}image: {EVIL}\n    {{{{- end }}}}"),
    "template with an escaped key": (TPL, TEMPLATE, "image:", '"im\\u0061ge":'),
    "template with a folded key": (TPL, TEMPLATE, "image:", '"im\\\n      age":'),
    "template with a complex key": (TPL, TEMPLATE, f"image: {EVIL}", f"? image\n    : {EVIL}"),
    "template with a complex key and a comment": (TPL, TEMPLATE, f"image: {EVIL}", f"? image # a\n    : {EVIL}"),
    "template with a tagged key": (TPL, TEMPLATE, "image:", "!!str image:"),
    "template with a binary key": (TPL, TEMPLATE, "image:", "!!binary aW1hZ2U=:"),
    "template with an anchored key": (TPL, TEMPLATE, "image:", "&a image:"),
    "template with a key through an alias": (TPL, TEMPLATE, f"- name: a\n    image: {EVIL}",
      f"- name: &k image\n    *k : {EVIL}"),
    "template with lone carriage returns": (TPL, TEMPLATE, "    image", "    # a\r    image"),
    "template with line separators": (TPL, TEMPLATE, "    image", "    # a\u2028    image"),
    "template with a space before the colon": (TPL, TEMPLATE, "image:", "image  :"),
    "template with an image volume": (TPL, TEMPLATE, f"image: {EVIL}", f"image:\n      reference: {EVIL}"),
    "template with an image volume in flow style": (TPL, TEMPLATE, f"image: {EVIL}", f"image: {{reference: '{EVIL}'}}"),
    "template with an image volume after another key": (TPL, TEMPLATE,
      f"image: {EVIL}", f"image:\n      pullPolicy: Always\n      reference: {EVIL}"),
    "template with a default": (TPL, TEMPLATE, EVIL, f'{{{{ .Values.b | default "{EVIL}" }}}}'),
    "template that computes a text": (TPL, TEMPLATE, EVIL, '{{ print "evil" "/x:1" }}'),
    "template in JSON": ("chart/templates/pod.json", JSON, '"a","image"', '"{{ a }}","image"'),
    "manifest that is no YAML": (POD_FILE, POD, "  - name: a\n", "  - name: a\n{{ if a }}\n    x: {b\n{{ end }}\n"),
    "manifest that is no YAML in flow style": (POD_FILE, POD,
      f"  - name: a\n    image: {EVIL}", f"{{{{ if a }}}}\n  - {{name: a, image: '{EVIL}'}}\n{{{{ end }}}}"),
    "manifest nested too deeply with a template": (POD_FILE, POD,
      "metadata: {name: a}", "# {{ a }}\nmetadata: {name: a, a: " + "[" * 300 + "]" * 300 + "}"),
    # Patches, values and custom resources.
    "patch with an escaped operation": (PATCH_FILE, PATCH, "op: replace", '"\\x6fp": "r\\x65place"'),
    "patch with a tagged operation": (PATCH_FILE, PATCH, "op: replace", "!!str op: !!str replace"),
    "patch with a complex key": (PATCH_FILE, PATCH, "op: replace", "? op\n  : replace"),
    "patch with a folded path": (PATCH_FILE, PATCH, "/spec/containers/0/image", ">-\n    /spec/containers/0/image"),
    "patch with an escaped path": (PATCH_FILE, PATCH, "/spec/containers/0/image", '"/spec/containers/0/im\\x61ge"'),
    "patch with an escaped pointer": (PATCH_FILE, PATCH, "/spec/containers/0/image", "/spec/~0/image"),
    "patch with an anchored value": (PATCH_FILE, PATCH, f"value: {EVIL}", f"value: &a {EVIL}\n- {{op: test, path: /a, value: *a}}"),
    "patch with a merged operation": (PATCH_FILE, PATCH, "- op: replace\n  path", "- &a {op: replace, path: /a}\n- <<: *a\n  path"),
    "patch of a list": (PATCH_FILE, PATCH, f"/0/image\n  value: {EVIL}", f"\n  value: [{{image: '{EVIL}'}}]"),
    "patch of a spec": (PATCH_FILE, PATCH, f"/containers/0/image\n  value: {EVIL}", f"\n  value: {{containers: [{{image: '{EVIL}'}}]}}"),
    "patch in JSON": ("patch.json", '[{"op":"add","path":"/spec/image","value":"' + EVIL + '"}]', '"op"', '"\\u006fp"'),
    "patch in a file with words of manifests": (PATCH_FILE, PATCH, "- op", "- {op: add, path: /a, value: {apiVersion: v1, kind: Pod}}\n- op"),
    "patch with a byte order mark": (PATCH_FILE, PATCH, "- op", "\ufeff- op"),
    "indented patch": (PATCH_FILE, PATCH, PATCH, "  " + PATCH.replace("\n", "\n  ").rstrip(" ")),
    "patch after a document marker": (PATCH_FILE, PATCH, "- op", "--- # a\n- op"),
    "patch on the line of a document marker": (PATCH_FILE, PATCH, "- op: replace\n", "--- !!seq\n- op: replace\n"),
    "inline patch with an escaped key": ("kustomization.yaml", INLINE, "- op: replace", '- "\\x6fp": replace'),
    "inline patch in quotes": ("kustomization.yaml", INLINE, INLINE[INLINE.index("|") :], json.dumps(PATCH) + "\n"),
    "inline patch in single quotes": (
        "kustomization.yaml", INLINE, INLINE[INLINE.index("|") :],
        f"'[{{\"op\": \"add\", \"path\": \"/spec/image\", \"value\": \"{EVIL}\"}}]'\n",
    ),
    "inline patch under an escaped key": ("kustomization.yaml", INLINE, "- patch:", '- "p\\x61tch":'),
    "inline patch in another list": ("kustomization.yaml", INLINE, "patches:", "patchesJSON6902:"),
    "inline patch in a merged mapping": ("kustomization.yaml", INLINE, INLINE, "a: &a\n  " + INLINE.replace("\n", "\n  ").rstrip() + "\n<<: *a\n"),
    "release with an escaped key": (POD_FILE, RELEASE, "values:", '"v\\x61lues":'),
    "release with an escaped kind": (POD_FILE, RELEASE, "HelmRelease", '"H\\x65lmRelease"'),
    "release with another key": (POD_FILE, RELEASE, "repository: evil/x", '"r\\x65pository": evil/x'),
    "release in a list": (POD_FILE, RELEASE, RELEASE, "apiVersion: v1\nkind: List\nitems:\n- " + RELEASE.replace("\n", "\n  ").rstrip() + "\n"),
    "values in quotes": (POD_FILE, ARGO_CD, ARGO_CD[ARGO_CD.index("|") :], '"web:\\n  r\\x65pository: evil/x\\n  tag: 1"\n'),
    "binary values": (
        POD_FILE, ARGO_CD, ARGO_CD[ARGO_CD.index("|") :], "!!binary aW1hZ2U6IHtyZXBvc2l0b3J5OiBldmlsL3gsIHRhZzogMX0=\n"
    ),
    "values without the usual words": (POD_FILE, ARGO_CD, "image:", "web:"),
    "values with a template": (POD_FILE, ARGO_CD, "tag: 1", "tag: 1\n        {{ a }}: ]\n        image: evil/x:1"),
    "custom resource with an escaped key": (POD_FILE, RESOURCE, "image:", '"im\\x61ge":'),
    "custom resource with a merged spec": (POD_FILE, RESOURCE, "spec:", "a: &a\n  image: evil/x:1\nspec:\n  <<: *a"),
    "custom resource of an odd group": (POD_FILE, RESOURCE, "example.com/v1", "a.k8s.io/v1"),
}  # fmt: skip
"""Path, control, the text in it that the trick replaces, and the trick. All take EVIL."""


def write(folder: Path, path: str, text: str) -> None:
    folder.joinpath("chart", "templates").mkdir(parents=True, exist_ok=True)
    folder.joinpath("chart", "Chart.yaml").write_text("name: chart\n")
    folder.joinpath(path).write_bytes(text.encode())


def listed(imglint: Imglint, path: str) -> list[str]:
    """Return the images that are listed; an unresolved one as it is written."""
    uses = json.loads(imglint("images", "--format", "json", path).out)
    return [f"{use['repository']}:{use['tag']}".removeprefix("library/") if use["valid"] else use["text"] for use in uses]


def errors(imglint: Imglint, path: str) -> list[str]:
    """Return the rules of the findings of level error, which every format has to report."""
    outcome = imglint(path, "--format", "json", "--fail-on", "error", "--ignore", "latest-tag")
    found = [finding["rule"] for finding in json.loads(outcome.out)["findings"] if finding["level"] == "error"]
    for name in ("text", "sarif", "json", "github", "gitlab"):
        assert imglint(path, "--format", name, "--fail-on", "error", "--ignore", "latest-tag").status == bool(found)
    return found


@pytest.mark.parametrize(("path", "control", "old", "new"), TRICKS.values(), ids=TRICKS.keys())
def test_a_trick_hides_nothing(path: str, control: str, old: str, new: str, imglint: Imglint, tmp_path: Path) -> None:
    assert old in control
    write(tmp_path, path, control.replace(old, new))
    assert any(EVIL in text or "evil" in text for text in listed(imglint, path)) or errors(imglint, path)


@pytest.mark.parametrize(("path", "control"), sorted({(path, control) for path, control, _, _ in TRICKS.values()}))
def test_a_control_is_listed_without_errors(path: str, control: str, imglint: Imglint, tmp_path: Path) -> None:
    write(tmp_path, path, control)
    assert EVIL in listed(imglint, path)
    assert errors(imglint, path) == []


@pytest.mark.parametrize("seed", range(20))
def test_what_a_parser_loads_is_listed(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    for _ in range(20):
        hidden(random.randbytes(120))


def test_documents_beyond_the_limit_of_nodes_are_reported_once(
    imglint: Imglint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imglint.yaml.documents.EVENTS_MAX", 100)
    write(tmp_path, "pod.yaml", f"---\n{POD}" * 20)
    assert errors(imglint, "pod.yaml") == ["syntax-error"]
