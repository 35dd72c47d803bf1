"""Suggestions in messages: the image to use instead, similar images, approved patterns."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.policy_cases import DIGEST, policy_of, use_of

from imglint import approved_patterns, replacement, similar_approved
from imglint.model import ImageTable, Row
from imglint.patterns.image import ImagePattern
from imglint.policy.lookup import Policy


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("instead", "text", "expected"),
    [
        ("ghcr.io/new/*", "old/x:1", "ghcr.io/new/x:1"),
        ("ghcr.io/new/*", "old/x", "ghcr.io/new/x"),
        ("ghcr.io/new/*", "other/x:1", ""),
        ("ghcr.io/new/app:2", "old/x:1", "ghcr.io/new/app:2"),
        ("ghcr.io/app:2", "old/x", "ghcr.io/app:2"),
        ("app:2", "old/x:1", "app:2"),
        (f"ghcr.io/new/app@{DIGEST}", "old/x:1", f"ghcr.io/new/app@{DIGEST}"),
        ("localhost:5000/app", "old/x:1", "localhost:5000/app:1"),
        ("", "old/x:1", ""),
    ],
)
def test_a_replacement_without_a_tag_takes_the_tag_of_the_use(instead: str, text: str, expected: str) -> None:
    row = Row("p", 1, 1, (ImagePattern("old/*"),), approved=False, use_instead=instead)
    assert replacement(Policy(table=ImageTable(("p",), (row,))).resolve(use_of(text))) == expected


def test_an_invalid_reference_has_no_suggestions() -> None:
    resolved = policy_of(SUGGEST).resolve(use_of("docker.io/library/Postgres"))
    assert resolved.policy_match is not None
    assert (resolved.reference, resolved.row, similar_approved(resolved)) == (None, None, [])


SUGGEST = """
images:
  - match: docker.io/library/postgres
  - {match: quay.io/minio/*, environments: [production], roles: [workload], files: [deploy/]}
  - match: quay.io/kubernaut/*
  - match: quay.io/team/tools/*
  - {match: quay.io/refused/postgres, approved: false}
  - {match: ghcr.io/tools/postgres, roles: [build]}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("quay.io/sclorg/postgres:16", ["docker.io/library/postgres"]),
        ("minio/minio", ["quay.io/minio/minio"]),
        ("quay.io/kubernuat/gateway", ["quay.io/kubernaut/gateway"]),
        ("docker.io/library/postgers", ["docker.io/library/postgres"]),
        ("docker.io/library/logstash", []),
        ("quay.io/nothing/alike", []),
        ("quay.io/x/poster", []),
        ("quay.io/kubertrout/x", []),
        ("ghcr.io/team/tools/x", ["quay.io/team/tools/x"]),
        ("quay.io/postgres", ["docker.io/library/postgres"]),
    ],
)
def test_similar_images_have_a_similar_name_or_namespace(text: str, expected: list[str]) -> None:
    resolved = policy_of(SUGGEST).resolve(use_of(text))
    assert resolved.policy_match is not None
    assert similar_approved(resolved) == expected
    assert approved_patterns(resolved) == ["docker.io/library/postgres", "quay.io/minio/*", "quay.io/kubernaut/*"]


@pytest.mark.parametrize(("number", "expected"), [(499, ["docker.io/library/postgres"]), (500, [])])
def test_the_first_500_patterns_are_searched_for_similar_names(number: int, expected: list[str]) -> None:
    names = ["docker.io/library/postgres" if one == number else f"quay.io/acme/x{one}" for one in range(501)]
    patterns = tuple(ImagePattern(name) for name in names)
    for rows in (tuple(Row("p", line, 1, (pattern,)) for line, pattern in enumerate(patterns, 1)), (Row("p", 1, 1, patterns),)):
        assert similar_approved(Policy(table=ImageTable(("p",), rows)).resolve(use_of("postgers"))) == expected
