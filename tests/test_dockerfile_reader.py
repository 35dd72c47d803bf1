"""The Dockerfile reader claims Dockerfiles only, reads any input, and reports spans that contain what it found."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imglint.dockerfile.facts import read_dockerfile
from imglint.model import Comment, Fact, ImageUse, RunUser
from imglint.readers import compose
from imglint.readers.dockerfile import claims, read
from imglint.source import Source

DOCKERFILE = "FROM alpine:3.20\n"
PYTHON = "from typing import Any\n"


@pytest.mark.parametrize(
    ("path", "text", "claimed"),
    [
        ("Dockerfile", "", True),
        ("a/DOCKERFILE", "", True),
        ("Containerfile", "", True),
        ("api.dockerfile", "", True),
        ("api.Containerfile", "", True),
        ("Dockerfile.dev", "", True),
        ("Dockerfile.windows-2022", "", True),
        ("Containerfile.rhel9", "", True),
        ("Dockerfile.php", DOCKERFILE, True),
        ("Dockerfile.php", "<?php\n", False),
        ("dockerfile.go", "package dockerfile\n", False),
        ("dockerfile_test.go", "package dockerfile\n", False),
        ("dockerfile.py", PYTHON, False),
        ("Dockerfile-dev", "# Used for development.\n\nARG TAG=1\n" + DOCKERFILE, True),
        ("Dockerfile_dev", "from alpine:3.20 as dev\nrun true\n", True),
        ("Dockerfile-dev", "#!/bin/sh\ndocker build .\n", False),
        ("web-Dockerfile", DOCKERFILE, True),
        ("DebugDockerfile", DOCKERFILE, True),
        ("Dockerfile2", DOCKERFILE, True),
        ("DockerfileParser.java", "import dockerfile;\n", False),
        ("Dockerfile.dockerignore", "*\n", False),
        (".dockerignore", "*\n", False),
        ("Dockerfile.md", DOCKERFILE, False),
        ("Dockerfile.j2", DOCKERFILE, False),
        ("Dockerfile-alpine.template", DOCKERFILE, False),
        ("Dockerfile.dev.tmpl", DOCKERFILE, False),
        ("build/image", DOCKERFILE + "RUN true\n", True),
        ("build/image", "FROM alpine:3.20 AS one\nFROM one\n", True),
        ("build/image", "from alpine\n", False),
        ("build/image", "FROM alpine:3.20\nthen something else\n", False),
        ("build/image", "FROM alpine, with love\n", False),
        ("build/image", "ARG TAG\n", False),
        ("query", "FROM users\nWHERE id = 1\n", False),
        ("values.yaml", DOCKERFILE, False),
        ("module.py", PYTHON, False),
        ("notes.txt", "", False),
    ],
)
def test_file_is_claimed_by_name_or_content(path: str, text: str, claimed: bool) -> None:
    assert claims(Source(path, text)) is claimed


WORDS = re.findall(
    r"\S+",
    r"""
alpine:3.20 ghcr.io/acme/app Upper/Case scratch one two AS as 0 1 $A ${A} ${A:-x} ${B-$A} ${A%-*} ${A/a/b} ${A '"$A:1"' 'q \$ = A=alpine B=${A}:1 A
--from=one --from=busybox --from=$A --from="x --mount=from=x,type=bind --platform=$TARGETPLATFORM <<EOF <<-'E' # imglint: root 1001 {{ | [ \
""",
)
KEYWORDS = [
    "FROM",
    "from",
    "ARG",
    "ENV",
    "COPY",
    "RUN",
    "USER",
    "ONBUILD COPY",
    "ONBUILD RUN",
    "ADD",
    "LABEL",
    "# ",
    "#",
    "EOF",
    "",
    "X",
]
BREAKS = ["\n", "\n", "\n", "\r\n", " \\\n  ", "\\\n", "`\n", "\n\n", "\\\n# imglint: ignore[x]\n", "\t", "\x85"]
HEADS = [
    "",
    "# escape=`\n",
    "# syntax=docker/dockerfile:1\n",
    "#!/x\n# syntax=a/b\r\n",
    "// syntax=a\n",
    '{"syntax": "a"}',
    "ARG A=debian-x\n",
]
LINES = st.tuples(st.sampled_from(KEYWORDS), st.lists(st.sampled_from(WORDS), max_size=5), st.sampled_from(BREAKS))
DOCKERFILES = st.builds(
    lambda head, lines: head + "".join([f"{keyword} {' '.join(words)}{end}" for keyword, words, end in lines]),
    st.sampled_from(HEADS),
    st.lists(LINES, max_size=12),
)
INSTRUCTIONS = r"""ARG A=3.20
ARG B=alpine:${A}
FROM alpine:$A AS one
FROM ${B}
FROM one
COPY --from=busybox:1 a b
USER $U
USER 1001
RUN --mount=from=ghcr.io/acme/tool:1 x
RUN a \|  b
COPY \| --from=$A \| a b
ENV U=x
X y
ONBUILD COPY --from=x a b""".splitlines()


@settings(max_examples=400)
@given(st.one_of(DOCKERFILES, st.text(max_size=200)))
def test_any_text_is_read_and_spans_match_the_text(text: str) -> None:
    source = Source("Dockerfile", text, kind="dockerfile")
    claims(Source("image", text))
    for fact in read(source):
        start, end = fact.span
        assert 0 <= start <= end <= len(text)
        location = source.location(start, end)
        assert (location.line, location.column) <= (location.end_line, location.end_column)
        if isinstance(fact, ImageUse):
            assert fact.text == text[start:end] != ""
            assert (fact.reference is None) == (fact.problem is not None)
            assert all(0 <= low <= high <= len(text) for low, high in fact.parts.values())
        elif isinstance(fact, Comment):
            assert fact.text.startswith("#")


@given(st.text("abcxyz019.-_/:@ABC\N{LATIN SMALL LETTER E WITH ACUTE}"))
def test_name_without_variables_is_found_as_written(name: str) -> None:
    assert [use.text for use in _uses(f"FROM x{name}\n")] == [f"x{name}"]


@given(st.lists(st.sampled_from(INSTRUCTIONS), max_size=12), st.data())
def test_comments_and_blank_lines_change_only_positions(instructions: list[str], data: st.DataObject) -> None:
    lines = ["FROM debian:13", *[line for instruction in instructions for line in instruction.split("|")]]
    filler = st.sampled_from(["", "\n", "# FROM not:an-image\n", "  \t\n", "\n  # a comment \\\n"])
    filled = "".join([f"{line}\n{data.draw(filler)}" for line in lines])
    assert _facts_without_spans(filled) == _facts_without_spans("".join([f"{line}\n" for line in lines]))


def test_parts_from_arguments_have_the_spans_of_their_defaults() -> None:
    text = 'ARG HOST=ghcr.io\nARG NAME="acme/app"\nARG TAG=1.2\nFROM ${HOST}/${NAME}:${TAG}\n'
    (use,) = _uses(text)
    assert {name: text[slice(*span)] for name, span in use.parts.items()} == {
        "whole": "${HOST}/${NAME}:${TAG}",
        "registry": "ghcr.io",
        "repository": "acme/app",
        "tag": "1.2",
    }


def test_inline_dockerfile_has_spans_of_the_compose_file() -> None:
    dockerfile = "ARG TAG=3.20\nFROM alpine:$${TAG} AS base\nCOPY --from=busy\\\nbox:1 /a /a\nUSER root\n"
    indented = "".join(f"        {line}\n" for line in dockerfile.splitlines())
    text = f"services:\n  web:\n    build:\n      args: {{TAG: '9'}}\n      dockerfile_inline: |\n{indented}"
    found = list(compose.read(Source("compose.yaml", text)))
    uses = [fact for fact in found if isinstance(fact, ImageUse)]
    (user,) = [fact for fact in found if isinstance(fact, RunUser) and fact.user]
    assert [use.text for use in uses] == ["alpine:$${TAG}", "busy\\\n        box:1"]
    assert [str(use.reference) for use in uses] == ["docker.io/library/alpine:9", "docker.io/library/busybox:1"]
    assert {use.where for use in uses} == {user.where} == {"service web stage base"}
    assert text[slice(*user.span)] == "root"


@pytest.mark.parametrize(
    "text",
    [
        "FROM alpine AS s0\n" + "".join(f"FROM s{i} AS s{i + 1}\n" for i in range(100_000)),
        "FROM alpine\nRUN true \\\n" + "  && true \\\n" * 100_000 + "  && true\n",
        "ARG A=x\n" + "ARG A=$A$A\n" * 50_000 + "FROM a:$A\n",
        "ARG \\\n" + "  A=$A \\\n" * 50_000 + "  B=1\nFROM a:$B\n",
        "FROM " + "${A:-" * 100_000 + "\n",
        "ARG A=" + "a" * 1000 + "\n" + "FROM b:${A##*a*a*a*a*b}${A//a*a*b/c}\n" * 500,
        "FROM alpine\nRUN " + "'" * 1_000_001 + "<<EOF\n",
        'FROM alpine\nCOPY --from="' + "a\\b" * 300_000 + '" x y\n',
        "FROM alpine\nRUN --mount=" + "from=x," * 100_000 + " true\n",
        "FROM alpine\n" + "RUN <<A <<B\nA\n" * 50_000,
        "{" * 100_000 + '"syntax"',
    ],
    ids=["stages", "continuation", "doubling", "long ARG", "nesting", "patterns", "quotes", "flag", "fields", "heredocs", "json"],
)
def test_every_input_is_read_quickly(text: str) -> None:
    begin = time.process_time()
    read_dockerfile(Source("Dockerfile", text))
    assert time.process_time() - begin < 10


def _uses(text: str) -> list[ImageUse]:
    return [fact for fact in read_dockerfile(Source("Dockerfile", text)) if isinstance(fact, ImageUse)]


def _facts_without_spans(text: str) -> list[tuple[object, ...]]:
    """Return the facts of a Dockerfile without their positions."""
    return [_without_spans(fact) for fact in read_dockerfile(Source("Dockerfile", text))]


def _without_spans(fact: Fact) -> tuple[object, ...]:
    if isinstance(fact, ImageUse):
        reference = None if fact.reference is None else str(fact.reference)
        return fact.place, fact.where, fact.role, reference, fact.problem and fact.problem.message, sorted(fact.parts)
    if isinstance(fact, RunUser):
        return fact.place, fact.where, fact.user, fact.known, fact.base
    return type(fact).__name__, getattr(fact, "message", "")
