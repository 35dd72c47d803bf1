"""`--online` on the command line: what could not be asked is shown once, all formats hold it, fixing asks again, and rules that ask are marked."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from imglint.errors import Unverified
from imglint.registry.examples import ExampleRegistries

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Imglint

    from imglint.registry.questions import Answer, Question

POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n  - {{name: web, image: '{}'}}\n"


class Asked:
    """Registries in memory, how often each question was asked, and the reason why a repository cannot be asked about."""

    def __init__(self) -> None:
        self.registries = ExampleRegistries()
        self.counts: Counter[Question] = Counter()
        self.refuses: dict[str, str] = {}

    def ask(self, question: Question) -> Answer:
        self.counts[question] += 1
        if question.repository in self.refuses:
            raise Unverified(question.endpoint.registry, self.refuses[question.repository])
        return self.registries.ask(question)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    answers = Asked()

    class Client:
        def __init__(self, *_more: object, **_options: object) -> None: ...

        def ask(self, question: Question) -> Answer:
            return answers.ask(question)

    monkeypatch.setattr("imglint.registry.client.Client", Client)
    return answers


@pytest.fixture
def unverified(tmp_path: Path, asked: Asked) -> None:
    """Write files of which four images cannot be asked about: three for one reason, one for another."""
    for number, image in enumerate(("quay.io/a/a:1.0.0", "quay.io/a/b:1.0.0", "quay.io/a/a:1.0.0", "ghcr.io/a/c:1.0.0")):
        (tmp_path / f"pod{number}.yaml").write_text(POD.format(image))
    asked.refuses.update({"a/a": "timed out", "a/b": "timed out", "a/c": "too many requests"})


@pytest.mark.usefixtures("unverified")
def test_what_could_not_be_asked_is_shown_once_for_a_registry_and_reason(imglint: Imglint) -> None:
    assert imglint("--online", "--select", "missing-digest", "--ignore", "missing-digest").status == 0
    options = ("--online", "--select", "missing-digest")
    outcome = imglint(*options, "--format", "concise")
    lines = outcome.out.splitlines()
    assert lines[4:6] == [
        "pod0.yaml:6:25: warning unverified-image: cannot ask quay.io: timed out (and 2 more places)",
        "pod3.yaml:6:25: warning unverified-image: cannot ask ghcr.io: too many requests",
    ]
    assert [line.partition(": ")[2] for line in lines[:4]] == ["warning missing-digest: image is not pinned by digest"] * 4
    text = imglint(*options, "--quiet").out
    assert text.count("unverified-image") == 2
    shown = "pod0.yaml:6:25: warning unverified-image: cannot ask quay.io: timed out (and 2 more places)\n    6 |   - {name: web, image: 'quay.io"
    assert shown in text
    assert "8 warnings in 4 files" in imglint(*options).out
    assert imglint(*options, "--statistics").out.splitlines()[:2] == [
        "4  warning  missing-digest",
        "4  warning  unverified-image",
    ]


@pytest.mark.parametrize("name", ["json", "sarif", "gitlab", "github"])
@pytest.mark.usefixtures("unverified")
def test_the_other_formats_hold_all_of_what_could_not_be_asked(name: str, imglint: Imglint) -> None:
    outcome = imglint("--online", "--select", "missing-digest", "--format", name)
    assert outcome.status == 1
    assert outcome.out.count(": timed out") + outcome.out.count(": too many requests") == 4


@pytest.mark.usefixtures("unverified")
def test_without_online_nothing_is_asked(imglint: Imglint, asked: Asked) -> None:
    imglint()
    imglint("--select", "missing-digest,outdated-tag", "--fix")
    imglint("explain", "pod0.yaml")
    assert not asked.counts


TREE = {
    "Dockerfile": "ARG BASE=quay.io/acme/go:1.25.3\nFROM $BASE AS build\nFROM quay.io/acme/base:1.0.0\nCOPY --from=build /a /a\nUSER 1\n",
    "compose.yaml": "services:\n  web:\n    image: quay.io/acme/web:1.0.0\n  db: {image: 'quay.io/acme/db:16.1.0'}\n",
    "k8s/pod.yaml": POD.format("quay.io/acme/web:1.0.0"),
    "k8s/kustomization.yaml": "resources: [pod.yaml]\nimages:\n- name: quay.io/acme/other\n  newTag: 1.0.0\n",
    "k8s/pod.json": '{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "quay.io/acme/web:1.0.0"}]}}\n',
    "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "chart/values.yaml": "web:\n  image:\n    repository: quay.io/acme/web\n    tag: 1.0.0\n    digest: ''\n"
    "db:\n  image:\n    registry: quay.io\n    repository: acme/db\n    tag: 16.1.0\n    sha:\nold:\n  image: quay.io/acme/old:1.0.0\n",
    "chart/templates/pod.yaml": "{{- if .Values.a }}\nspec:\n  containers:\n  - image: quay.io/acme/web:1.0.0\n{{- end }}\n",
}
IMAGES = ("go:1.25.3", "base:1.0.0", "web:1.0.0", "db:16.1.0", "other:1.0.0", "old:1.0.0")


@pytest.fixture
def tree(tmp_path: Path, asked: Asked) -> dict[str, str]:
    """Write TREE, and return the digests of its images."""
    for name, text in TREE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return {image: asked.registries.add(f"quay.io/acme/{image}") for image in IMAGES}


def test_a_whole_repository_is_pinned(tmp_path: Path, tree: dict[str, str], imglint: Imglint, asked: Asked) -> None:
    options = ("--online", "--refresh", "--select", "missing-digest")
    diff = imglint(*options, "--diff")
    assert (diff.status, diff.err.splitlines()[0]) == (1, "would fix 11 findings in 7 files")
    assert {name: (tmp_path / name).read_text() for name in TREE} == TREE
    assert set(asked.counts.values()) == {1}

    asked.counts.clear()
    outcome = imglint(*options, "--fix")
    assert (outcome.status, outcome.err) == (0, "fixed 11 findings in 7 files\n")
    # Each name is asked about once, although the files are checked, fixed and checked again.
    assert set(asked.counts.values()) == {1}
    images = json.loads(imglint("images", "--format", "json").out)
    assert len(images) == 11
    for image in images:
        name = image["repository"].removeprefix("acme/")
        assert image["digest"] == next(digest for key, digest in tree.items() if key.startswith(f"{name}:"))

    after = {name: (tmp_path / name).read_text() for name in TREE}
    again = imglint(*options, "--fix")
    assert (again.status, again.err, {name: (tmp_path / name).read_text() for name in TREE}) == (0, "", after)
    assert imglint(*options, "--diff").out == ""
    without = {name: re.sub(r" ?@?(?:sha256:)?[0-9a-f]{64}", "", text) for name, text in after.items()}
    assert without == TREE


def test_a_fix_raises_questions_that_are_asked_then(tmp_path: Path, imglint: Imglint, asked: Asked) -> None:
    (tmp_path / ".imglint.yaml").write_text(
        "images:\n- {match: quay.io/old/*, approved: false, use-instead: quay.io/new/*}\n- {match: quay.io/new/*, digest: required}\n"
    )
    (tmp_path / "Dockerfile").write_text("FROM quay.io/old/web:1.0.0\nUSER 1\n")
    digest = asked.registries.add("quay.io/old/web:1.0.0")
    asked.registries.manifests["quay.io/new/web"] = asked.registries.manifests["quay.io/old/web"]
    asked.registries.tags["quay.io/new/web"] = {"1.0.0": digest}
    outcome = imglint("--online", "--fix")
    assert (outcome.status, outcome.err) == (0, "fixed 2 findings in 1 file\n")
    assert (tmp_path / "Dockerfile").read_text() == f"FROM quay.io/new/web:1.0.0@{digest}\nUSER 1\n"


def test_a_registry_that_does_not_answer_about_the_new_name_is_no_fault_of_a_fix(
    tmp_path: Path, imglint: Imglint, asked: Asked
) -> None:
    (tmp_path / ".imglint.yaml").write_text(
        "images:\n- {match: quay.io/old/*, approved: false, use-instead: gone.example/*}\n- {match: gone.example/*}\n"
        "rules: {missing-digest: warning}\n"
    )
    (tmp_path / "Dockerfile").write_text("FROM quay.io/old/web:1.0.0\nUSER 1\n")
    asked.registries.add("quay.io/old/web:1.0.0")
    outcome = imglint("--online", "--fix", "--unsafe-fixes", "--format", "concise")
    assert (tmp_path / "Dockerfile").read_text() == "FROM gone.example/web:1.0.0\nUSER 1\n"
    assert "unverified-image: cannot ask gone.example: not listed under `registries`" in outcome.out


def test_explain_and_rules_mark_the_rules_that_ask(tmp_path: Path, imglint: Imglint, asked: Asked) -> None:
    (tmp_path / "Dockerfile").write_text("FROM quay.io/acme/web:1.0.0\nUSER 1\n")
    (tmp_path / ".imglint.yaml").write_text("rules: {outdated-tag: warning}\n")
    assert "--online" in imglint("explain", "Dockerfile").out
    assert "warning outdated-tag (.imglint.yaml:1)" in " ".join(imglint("explain", "Dockerfile:1").out.split())
    listed = imglint("rules").out
    assert "\noutdated-tag " in listed
    lines = {line.split()[0]: line for line in listed.splitlines() if line}
    assert "off, --online" in lines["outdated-tag"]
    assert "warning, --online" in lines["unverified-image"]
    assert "--online" not in lines["missing-digest"].partition("  ")[2][:40]
    assert imglint("rules", "outdated-tag").out.startswith("outdated-tag (off, --online)\n")
    assert not asked.counts
