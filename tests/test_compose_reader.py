"""Compose files: the files that the reader claims, the positions of parts behind variables, and hostile input."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imglint.model import Fact, ImageUse, NamedFile, RunUser
from imglint.readers import compose
from imglint.readers._compose_variables import dotenv
from imglint.source import Source

RUNS = "services: {web: {image: nginx:1}}\n"
BLOCK = "services:\n  web:\n    image: nginx:1\n"


@pytest.mark.parametrize(
    ("path", "text", "claimed"),
    [
        ("docker-compose.yml", "", True),
        ("a/docker-compose.yaml", RUNS, True),
        ("Docker-Compose.YML", RUNS, True),
        ("docker-compose.override.yml", RUNS, True),
        ("docker-compose-dev.yaml", RUNS, True),
        ("my-docker-compose.yml", RUNS, True),
        ("compose.yaml", "", True),
        ("compose.prod.yml", "", True),
        ("compose-test.yml", "", True),
        ("app.compose.yml", "", True),
        ("app-compose.yml", "", True),
        ("compose.yaml", "services: [", True),
        ("stack.yml", BLOCK, True),
        ("stack.yml", "version: '3'\nx-a: 1\n" + BLOCK, True),
        ("stack.yml", '"services":\n  web:\n    build: .\n', True),
        ("stack.yml", "services:\n  web:\n    extends: {file: a.yml, service: b}\n", True),
        ("compose.txt", RUNS, False),
        ("decompose.yml", "a: 1\n", False),
        ("composition.yaml", "a: 1\n", False),
        ("composer.yml", "a: 1\n", False),
        ("compose.yaml", "apiVersion: v1\nkind: ConfigMap\n", False),
        ("stack.yml", "services:\n  web:\n    class: Mailer\n", False),
        ("stack.yml", "services:\n  - image: nginx:1\n", False),
        ("stack.yml", "services:\n  web:\n    image: {repository: nginx}\n", False),
        ("stack.yml", BLOCK + "stages: [test]\n", False),
        ("stack.yml", BLOCK + "apiVersion: v1\n", False),
        ("values.yaml", BLOCK, False),
        ("dev-values.yaml", BLOCK, False),
        ("ci.yml", "jobs:\n  test:\n    services:\n      db:\n        image: postgres\n", False),
        ("stack.yml", "services:\n  web:\n    image: '{{ image }}'\n", False),
        ("stack.yml", BLOCK + "  broken: [\n", False),
    ],
)
def test_a_compose_file_is_claimed_by_its_name_or_content(path: str, text: str, claimed: bool) -> None:
    assert compose.claims(Source(path, text)) is claimed


@pytest.mark.parametrize(
    ("image", "part", "written"),
    [
        ("ghcr.io/acme/app:1", "tag", "1"),
        ("ghcr.io/acme/app:1", "registry", "ghcr.io"),
        ("nginx:${TAG:-latest}", "tag", "latest"),
        ("nginx:${TAG:-latest}", "repository", "nginx"),
        ("nginx:${TAG:-latest}", "whole", "nginx:${TAG:-latest}"),
        ("nginx:${TAG-latest}", "tag", "latest"),
        ("nginx:1.${MINOR:-27}", "tag", "1.${MINOR:-27}"),
        ("${IMAGE:-ghcr.io/acme/app:latest}", "whole", "ghcr.io/acme/app:latest"),
        ("${IMAGE:-ghcr.io/acme/app:latest}", "tag", "latest"),
        ("${IMAGE:-nginx:${TAG:-latest}}", "tag", "latest"),
        ("${IMAGE:-nginx:${TAG:-latest}}", "whole", "nginx:${TAG:-latest}"),
        ("${IMAGE:-${OTHER:-nginx}:${TAG:-1.${MINOR:-27}}}", "tag", "1.${MINOR:-27}"),
        ("${GIVEN}:1", "repository", "${GIVEN}"),
        ("app:${GIVEN:-2}", "tag", "${GIVEN:-2}"),
        ("app:${GIVEN:+alpine}", "tag", "alpine"),
        ("$GIVEN/app:1", "repository", "$GIVEN/app"),
        ("app:1${SUFFIX:-}", "tag", "1"),
    ],
)
@pytest.mark.parametrize("style", ["{}", "'{}'", '"{}"', "&anchor {}", "|-\n      {}", "!override {}"])
def test_a_part_is_where_its_text_is_written(image: str, part: str, written: str, style: str) -> None:
    source = Source("compose.yaml", f"services:\n  web:\n    image: {style.format(image)}\n", variables={"GIVEN": "acme"})
    (use,) = _uses(source)
    start, end = use.parts[part]
    assert source.text[start:end] == written


@pytest.mark.parametrize(
    ("shared", "service", "found"),
    [
        ("{dockerfile_inline: 'FROM nginx:1'}", "build: {<<: *shared, context: .}", "nginx:1"),
        ("{cache_from: ['nginx:1']}", "build: {<<: *shared, context: .}", "nginx:1"),
        ("{additional_contexts: {a: 'docker-image://nginx:1'}}", "build: {<<: *shared}", "nginx:1"),
        ("{a: 'docker-image://nginx:1'}", "build: {additional_contexts: {<<: *shared}}", "nginx:1"),
        ("{type: image, source: 'nginx:1'}", "volumes: [{<<: *shared, target: /a}]", "nginx:1"),
        ("{image: 'nginx:1'}", "pre_start: [{<<: *shared, command: x}]", "nginx:1"),
    ],
)
def test_merge_keys_count_everywhere_in_a_service(shared: str, service: str, found: str) -> None:
    source = Source("compose.yaml", f"x-shared: &shared {shared}\nservices:\n  web:\n    {service}\n")
    assert [use.text for use in _uses(source)] == [found]


@pytest.mark.parametrize(
    ("image", "invalid"),
    [
        ("nginx:${TAG/a/b}", "${TAG/a/b}"),
        ("nginx:${TAG:-1", "${TAG:-1"),
        ("nginx:${TAG:-${OTHER/a/b}}", "${OTHER/a/b}"),
        ("nginx:${TAG:-1.${OTHER:-${LAST}}", "${TAG:-1.${OTHER:-${LAST}}"),
    ],
)
def test_an_invalid_variable_is_reported_where_it_is(image: str, invalid: str) -> None:
    (use,) = _uses(Source("compose.yaml", f"services: {{web: {{image: '{image}'}}}}"))
    assert use.problem is not None
    assert use.problem.rule == "invalid-reference"
    assert use.source.text[slice(*use.problem.span)] == invalid


def test_a_variable_in_the_policy_overrides_one_in_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=env\nB=env\n")
    source = Source(str(tmp_path / "compose.yml"), "services: {web: {image: 'x/$A:$B'}}", variables={"A": "policy"})
    assert [str(use.reference) for use in _uses(source)] == ["docker.io/x/policy:env"]


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("A=1", "A", "1"),
        ("A = 1 ", "A", "1"),
        ("A: 1", "A", "1"),
        ("export A=1", "A", "1"),
        ("# A=0\nA=1 # one", "A", "1"),
        ("A=1#2", "A", "1#2"),
        ("A=", "A", ""),
        ("A=''", "A", ""),
        ("A='$B \\' c'", "A", "$B ' c"),
        ('A="x\\ty\\"z"', "A", 'x\ty"z'),
        ('A="two\nlines"\nB=1', "B", "1"),
        ("B=2\nA=${B}.1", "A", "2.1"),
        ('B=2\nA="$B"', "A", "2"),
        ("A=${B:-3}", "A", "3"),
        ("A=$B", "A", None),
        ("A=${B", "A", None),
        ("A=1\r\nB=2\r\n", "A", "1"),
        ("A=1\nA=2", "A", "2"),
        ("no assignment\nA=1", "A", "1"),
        ('A="never closed', "A", '"never closed'),
    ],
)
def test_an_env_file_is_read_as_compose_reads_it(text: str, name: str, value: str | None) -> None:
    assert dotenv(text, {})[name] == value


@given(st.lists(st.sampled_from(["# a comment", "", "   "]), max_size=5), st.integers(0, 4))
def test_comments_and_blank_lines_change_only_positions(added: list[str], where: int) -> None:
    lines = ["services:", "  web:", "    image: nginx:${T:-1}", "    user: root"]
    changed = [*lines[:where], *added, *lines[where:]]
    assert _described("\n".join(changed)) == _described("\n".join(lines))


WORDS = "services: web: build: nginx FROM image: cache_from: dockerfile_inline: $ ${A:- { } [ ] ' : &a *a <<: | # , ref= ? \\"
PIECES = st.sampled_from([*WORDS.split(), '"', " image: ", "- ", "  ", "\n", "\r\n", "\t", "\u2028", "\x00", "---\n"])


@given(st.lists(PIECES, max_size=40).map("".join))
def test_no_text_makes_the_reader_raise_and_every_use_has_its_text_at_its_span(text: str) -> None:
    source = Source("compose.yaml", text)
    for fact in compose.read(source):
        start, end = fact.span
        assert 0 <= start <= end <= len(text)
        if isinstance(fact, ImageUse):
            assert text[start:end] == fact.text


@pytest.mark.parametrize(
    "hostile",
    [
        lambda n: "services: {web: {image: '" + "${A:-" * n + "}" * n + "'}}",
        lambda n: "services: {web: {image: '" + "${A:-" * n + "'}}",
        lambda n: "services:\n" + "".join(f"  s{i}: {{extends: s{i + 1}}}\n" for i in range(n)),
        lambda n: (
            "x-0: &a0 {image: x}\n"
            + "".join(f"x-{i}: &a{i} {{<<: *a{i - 1}}}\n" for i in range(1, n))
            + "services:\n"
            + "".join(f"  s{i}: *a{i}\n" for i in range(n))
        ),
        lambda n: (
            "x-a: &a {volumes: ["
            + "{type: image, source: x}," * n
            + "]}\nservices:\n"
            + "".join(f"  s{i}: *a\n" for i in range(n))
        ),
        lambda n: "services: {web: {build: {cache_from: ['" + "x," * n + "']}}}",
        lambda n: "services: {web: {build: {cache_from: ['" + ",=" * n + "']}}}",
    ],
)
def test_time_is_linear_in_the_size_of_the_file(hostile: object) -> None:
    def seconds(size: int) -> float:
        source = Source("compose.yaml", hostile(size))  # type: ignore[operator]
        started = time.process_time()
        assert all(fact.span[1] <= len(source.text) for fact in compose.read(source))
        return time.process_time() - started

    small, large = min(seconds(500) for _ in range(3)), min(seconds(4000) for _ in range(2))
    assert large < 8 * 4 * small + 0.2


def test_a_variable_that_grows_exponentially_is_unresolved() -> None:
    env = "A0=xx\n" + "".join(f"A{i}=$A{i - 1}$A{i - 1}\n" for i in range(1, 60))
    values = dotenv(env, {})
    assert values["A59"] is None
    assert values["A3"] == "x" * 16


def _uses(source: Source) -> list[ImageUse]:
    return [fact for fact in compose.read(source) if isinstance(fact, ImageUse)]


def _described(text: str) -> list[tuple[object, ...]]:
    return [_description(fact) for fact in compose.read(Source("compose.yaml", text))]


def _description(fact: Fact | NamedFile) -> tuple[object, ...]:
    if isinstance(fact, ImageUse):
        return (fact.text, fact.where, str(fact.reference))
    return (fact.user, fact.where, fact.source.text[slice(*fact.span)]) if isinstance(fact, RunUser) else (type(fact),)
