"""Ignore comments: which lines they cover, what they silence, and when they are reported as unused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from imglint.engine import ignore_comments

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Imglint

POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n{}"
IMPLICIT, LATEST, ROOT, UNUSED = "implicit-registry", "latest-tag", "root-user", "unused-ignore"

# name of the case: file, text, the findings left, as line and rule
CASES = {
    "on the line": ("pod.yaml", POD.format("  - image: nginx # imglint: ignore[latest-tag, implicit-registry] demo\n"), []),
    "on the line above": ("pod.yaml", POD.format("  # imglint: ignore[latest-tag,implicit-registry]\n  - image: nginx\n"), []),
    "only what it names": ("pod.yaml", POD.format("  - image: nginx # imglint: ignore[latest-tag]\n"), [(6, IMPLICIT)]),
    "not two lines below": (
        "pod.yaml",
        POD.format("  # imglint: ignore[latest-tag]\n  -\n    image: quay.io/a/b\n"),
        [(6, UNUSED), (8, LATEST)],
    ),
    "for its own line, and not for the next as well": (
        "pod.yaml",
        POD.format("  - image: quay.io/a/b # imglint: ignore[latest-tag]\n  - image: quay.io/a/c\n"),
        [(7, LATEST)],
    ),
    "after code it does not cover the next line": (
        "pod.yaml",
        POD.format("  - name: web # imglint: ignore[latest-tag]\n    image: quay.io/a/b\n"),
        [(6, UNUSED), (7, LATEST)],
    ),
    "after code it does not cover a second finding on the next line": (
        "compose.yaml",
        "services:\n  a: {image: 'quay.io/a/b:1.2.3'}  # imglint: ignore[latest-tag]\n  b: {image: 'quay.io/a/b:latest'}\n",
        [(2, UNUSED), (3, LATEST)],
    ),
    "alone on its line it covers the next line after others have been covered": (
        "pod.yaml",
        POD.format("  # imglint: ignore[latest-tag]\n  - image: quay.io/a/b\n  - image: quay.io/a/c\n"),
        [(8, LATEST)],
    ),
    "after a single character it does not cover the next line": (
        "kustomization.yaml",
        "images:\n- # imglint: ignore[latest-tag]\n  name: quay.io/a/b\n  newTag: latest\n",
        [(2, UNUSED), (4, LATEST)],
    ),
    "indented by a tab it is alone on its line": (
        "Dockerfile",
        "\t# imglint: ignore[latest-tag]\nFROM quay.io/a/b\nUSER 1\n",
        [],
    ),
    "alone in the middle of an instruction": (
        "Dockerfile",
        "FROM quay.io/a/b:1\nRUN --mount=from=quay.io/a/c:1 \\\n# imglint: ignore[latest-tag]\n --mount=from=quay.io/a/d x\nUSER 1\n",
        [],
    ),
    "below the line": (
        "pod.yaml",
        POD.format("  - image: quay.io/a/b\n  # imglint: ignore[latest-tag]\n"),
        [(6, LATEST), (7, UNUSED)],
    ),
    "for the file and on the line, both are used": (
        "pod.yaml",
        POD.format("  # imglint: ignore-file[latest-tag]\n  - image: quay.io/a/b # imglint: ignore[latest-tag]\n"),
        [],
    ),
    "that names a rule twice": ("pod.yaml", POD.format("  - image: quay.io/a/b # imglint: ignore[latest-tag, latest-tag]\n"), []),
    "that silences its own unused rule": (
        "pod.yaml",
        POD.format("  # imglint: ignore[latest-tag, unused-ignore]\n  - image: quay.io/a/b:1\n"),
        [],
    ),
    "that would hide a failure to read": (
        "pod.yaml",
        "# imglint: ignore-file[unread-file, internal-error]\n" + POD.format("  - image: quay.io/a/b:1\n"),
        [(1, UNUSED), (1, UNUSED)],
    ),
    "for two findings of one line": (
        "Dockerfile",
        "FROM quay.io/a/b:1\n# imglint: ignore[latest-tag]\nRUN --mount=from=quay.io/a/c --mount=from=quay.io/a/d x\nUSER 1\n",
        [],
    ),
    "for the whole file, wherever it is": (
        "pod.yaml",
        POD.format("  - image: nginx\n# imglint: ignore-file[latest-tag, implicit-registry]\n"),
        [],
    ),
    "on the line of the use": ("Dockerfile", "ARG A=quay.io/a/b\n\n# imglint: ignore[latest-tag]\nFROM $A\nUSER 1\n", []),
    "on the line of the default": ("Dockerfile", "# imglint: ignore[latest-tag]\nARG A=quay.io/a/b\n\nFROM $A\nUSER 1\n", []),
    "in a heredoc it is no comment": (
        "Dockerfile",
        "FROM quay.io/a/b\nRUN <<EOF\n# imglint: ignore-file[latest-tag]\nEOF\nUSER 1\n",
        [(1, LATEST)],
    ),
    "in a string it is no comment": (
        "pod.yaml",
        POD.format("  - image: quay.io/a/b\n    args: ['# imglint: ignore-file[latest-tag]']\n"),
        [(6, LATEST)],
    ),
    "in a block scalar it is no comment": (
        "pod.yaml",
        POD.format("  - image: quay.io/a/b\n    args:\n    - |\n      # imglint: ignore-file[latest-tag]\n"),
        [(6, LATEST)],
    ),
    "above the header of a block scalar": (
        "pod.yaml",
        POD.format("  # imglint: ignore[latest-tag]\n  - image: >-\n      quay.io/a/b\n"),
        [],
    ),
    "after the header of a block scalar": (
        "pod.yaml",
        POD.format("  - image: !!str |2- # imglint: ignore[latest-tag]\n\n     \n      quay.io/a/b\n"),
        [],
    ),
    "above a line that only ends like a block scalar": (
        "pod.yaml",
        POD.format("  # imglint: ignore[latest-tag]\n  - command: a|\n    image: quay.io/a/b\n"),
        [(6, UNUSED), (8, LATEST)],
    ),
    "alone on the last line": (
        "pod.yaml",
        POD.format("  - image: quay.io/a/b\n# imglint: ignore[latest-tag]"),
        [(6, LATEST), (7, UNUSED)],
    ),
    "in compose": ("compose.yaml", "services:\n  web:\n    # imglint: ignore[latest-tag]\n    image: quay.io/a/b\n", []),
    "in values": ("values.yaml", "image:\n  repository: quay.io/a/b\n  tag: latest # imglint: ignore[latest-tag]\n", []),
    "in values, at the name": (
        "values.yaml",
        "image:\n  repository: quay.io/a/b # imglint: ignore[latest-tag]\n  tag: latest\n",
        [],
    ),
    "in a pipeline": (
        "azure-pipelines.yml",
        "container: a/b:1 # imglint: ignore[implicit-registry]\nservices: {c: 'd:1'}\n",
        [(2, "implicit-registry")],
    ),
    "that silences nothing": ("pod.yaml", POD.format("  - image: quay.io/a/b:1 # imglint: ignore[latest-tag]\n"), [(6, UNUSED)]),
    "of a rule that did not run": ("pod.yaml", POD.format("  - image: quay.io/a/b:1 # imglint: ignore[missing-digest]\n"), []),
    "of a rule that there is not": (
        "pod.yaml",
        POD.format("  - image: quay.io/a/b:1 # imglint: ignore[latest-tags]\n"),
        [(6, UNUSED)],
    ),
    "that names no rule": ("pod.yaml", POD.format("  - image: quay.io/a/b # imglint: ignore\n"), [(6, LATEST), (6, UNUSED)]),
    "with empty brackets": ("pod.yaml", POD.format("  - image: quay.io/a/b # imglint: ignore[]\n"), [(6, LATEST), (6, UNUSED)]),
    "that silences unused-ignore": (
        "pod.yaml",
        POD.format("  # imglint: ignore-file[unused-ignore]\n  - image: quay.io/a/b:1 # imglint: ignore[latest-tag]\n"),
        [],
    ),
    "that would hide a broken file": (
        "Dockerfile",
        "# imglint: ignore-file[syntax-error]\nFROM quay.io/a/b:1\nFOO\nUSER 1\n",
        [(1, UNUSED), (3, "syntax-error")],
    ),
    "for root-user, at the operand": ("Dockerfile", "FROM quay.io/a/b:1\n# imglint: ignore[root-user]\nUSER root\n", []),
    "for unstated-user, at a FROM with its default elsewhere": (
        "Dockerfile",
        "ARG A=quay.io/a/b:1\n\n# imglint: ignore[unstated-user]\nFROM $A\n",
        [],
    ),
}


def found(imglint: Imglint, folder: Path, name: str, text: str, *options: str) -> list[tuple[int, str]]:
    (folder / name).write_text(text)
    report = json.loads(imglint("--format", "json", *options, name).out)
    return [(finding["line"], finding["rule"]) for finding in report["findings"]]


@pytest.mark.parametrize(("name", "text", "expected"), CASES.values(), ids=CASES.keys())
def test_a_comment(imglint: Imglint, tmp_path: Path, name: str, text: str, expected: list[tuple[int, str]]) -> None:
    assert found(imglint, tmp_path, name, text) == expected


def test_no_ignore_comments_reports_all_findings_and_no_unused_comments(imglint: Imglint, tmp_path: Path) -> None:
    text = POD.format(
        "  - image: quay.io/a/b # imglint: ignore[latest-tag]\n  - image: quay.io/a/b:1 # imglint: ignore[latest-tag]\n"
    )
    assert found(imglint, tmp_path, "pod.yaml", text) == [(7, UNUSED)]
    assert found(imglint, tmp_path, "pod.yaml", text, "--no-ignore-comments") == [(6, LATEST)]


def test_a_comment_for_a_rule_that_is_not_selected_is_not_unused(imglint: Imglint, tmp_path: Path) -> None:
    text = POD.format("  - image: quay.io/a/b:1 # imglint: ignore[latest-tag]\n")
    assert found(imglint, tmp_path, "pod.yaml", text, "--select", ROOT, "--select", UNUSED) == []


@pytest.mark.parametrize(
    ("comment", "column", "end", "message"),
    [
        ("# imglint: ignore", 1, 18, "ignore comment names no rule; write `# imglint: ignore[RULE] reason`"),
        ("# imglint: ignore[latest-tga]", 19, 29, "unknown rule `latest-tga`; did you mean `latest-tag`?"),
        ("# imglint: ignore[root-user, latest-tag] a", 30, 40, "`latest-tag` has no finding here; remove it from the comment"),
        (
            "# imglint: ignore-file[ unread-file]",
            25,
            36,
            "`unread-file` cannot be silenced by a comment; use `exclude` in the policy",
        ),
    ],
)
def test_an_unused_comment_is_reported_at_the_name(
    comment: str, column: int, end: int, message: str, imglint: Imglint, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM quay.io/a/b:1\n{comment}\nUSER root\n")
    report = json.loads(imglint("--format", "json", "--select", UNUSED, "--select", ROOT, "--select", LATEST).out)
    [finding] = [finding for finding in report["findings"] if finding["rule"] == UNUSED]
    assert (finding["line"], finding["column"], finding["end_column"]) == (2, column, end)
    assert finding["message"] == message


def test_names_in_a_comment_are_limited(imglint: Imglint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ignore_comments, "NAMES_MAX", 2)
    text = "# imglint: ignore[missing-digest, {}]\nFROM quay.io/a/b\nUSER 1\n"
    assert found(imglint, tmp_path, "Dockerfile", text.format("latest-tag")) == []
    assert found(imglint, tmp_path, "Dockerfile", text.format("moving-tag, latest-tag")) == [(1, UNUSED), (2, LATEST)]


def test_findings_of_unused_comments_are_limited(imglint: Imglint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ignore_comments, "UNUSED_MAX", 3)
    for count in (3, 4):
        text = "FROM quay.io/a/b:1\n" + "# imglint: ignore[latest-tag]\n" * count + "USER 1\n"
        assert len(found(imglint, tmp_path, "Dockerfile", text)) == 3
