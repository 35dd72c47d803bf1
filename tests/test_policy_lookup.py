"""The policy looked up: patterns for images and files, environments, rows, levels, exceptions, and what is suggested."""

from __future__ import annotations

import re
import string
import subprocess
import sys
from pathlib import Path

import pathspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from imglint import (
    BASE,
    BUILD,
    FRONTEND,
    WORKLOAD,
    ImageUse,
    Problem,
    RunUser,
    Severity,
    Source,
    approved_patterns,
    image_use,
    parse,
    plugins,
    replace,
    replacement,
    similar_approved,
)
from imglint.model import ImageTable, Row
from imglint.patterns.image import ImagePattern
from imglint.patterns.matcher import InvalidPattern
from imglint.patterns.path import PathPattern, PathPatterns
from imglint.policy.load import load
from imglint.policy.lookup import FILE_NAME, Policy, default_policy, find
from imglint.traced import literal

DIGEST = "sha256:" + "0" * 64


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def policy_of(text: str) -> Policy:
    Path(FILE_NAME).write_text(text, encoding="utf-8")
    return load(FILE_NAME, plugins.rules(), plugins.kinds())


def use_of(text: str, path: str = "deploy/web.yaml", role: str = WORKLOAD, **more: bool) -> ImageUse:
    source = Source(path, text)
    return image_use(
        source, literal(text, 0), (0, len(text)), place="container", where="container web", role=role, unresolved="", **more
    )


def fits(pattern: str, text: str) -> bool:
    reference = parse(text)
    return ImagePattern(pattern).fits(reference.name, reference.tag, reference.digest)


IMAGES = [
    ("**", "nginx ghcr.io/a/b/c:v1 localhost:5000/x", ""),
    ("docker.io/library/*", "nginx library/nginx docker.io/nginx index.docker.io/nginx:1", "acme/nginx quay.io/library/nginx"),
    ("nginx", "nginx docker.io/library/nginx:1.27", "nginx-x acme/nginx"),
    ("prism-*", "prism-server docker.io/library/prism-x", "acme/prism-server ghcr.io/acme/prism-server"),
    ("acme/*", "acme/api docker.io/acme/api", "acme/team/api ghcr.io/acme/api acme-x/api"),
    ("acme/**", "acme/api acme/team/api", "ghcr.io/acme/api"),
    ("docker.io/*", "nginx", "acme/api"),
    ("docker.io/**", "nginx acme/api", "quay.io/acme/api evil-docker.io/x"),
    ("index.docker.io/acme/*", "acme/api", "quay.io/acme/api"),
    ("ghcr.io/**", "ghcr.io/x ghcr.io/a/b/c", "evil-ghcr.io/x ghcr.io.evil.example/x ghcr.io:443/x nginx"),
    (
        "quay.io/kubernaut/*",
        "quay.io/kubernaut/gateway:v1",
        "quay.io/kubernaut-x/gateway quay.io/kubernaut/a/b quay.io/kubernaut",
    ),
    ("quay.io/*/app", "quay.io/a/app", "quay.io/a/b/app quay.io/app"),
    ("quay.io/**/app", "quay.io/a/app quay.io/a/b/app", "quay.io/a/app-x"),
    ("*/team/*", "quay.io/team/app localhost/team/app team/app", "team/x/app quay.io/a/team/app"),
    ("**/nginx", "nginx quay.io/a/nginx", "quay.io/a/my-nginx"),
    ("quay.io/**/app/**", "quay.io/a/b/app/c quay.io/a/app/c/d", "quay.io/app quay.io/a/b/app"),
    ("*.gcr.io/**", "eu.gcr.io/a/b", "gcr.io/a eu.gcr.io.evil.example/a"),
    ("localhost:5000/*", "localhost:5000/x", "localhost/x localhost:5001/x"),
    ("acme/app:1.*", "acme/app:1.2", "acme/app acme/app:2.1"),
    ("acme/app:latest", "acme/app:latest", "acme/app:1"),
    ("nginx:1", "nginx:1", "nginx:2 nginx"),
    ("localhost:5000/app:1", "localhost:5000/app:1", "localhost:5000/app:2 localhost:5000/app localhost/app:1"),
    ("[::1]:5000/*", "[::1]:5000/app", "[::2]:5000/app"),
    ("Acme/*", "Acme/app", "acme/app"),
    ("*", "nginx", "acme/app quay.io/nginx"),
    (f"acme/app@{DIGEST}", f"acme/app@{DIGEST} acme/app:1@{DIGEST}", "acme/app:1"),
    ("acme/app:1@sha256:*", f"acme/app:1@{DIGEST}", f"acme/app:1 acme/app:2@{DIGEST}"),
]


@pytest.mark.parametrize(("pattern", "text"), [(pattern, text) for pattern, good, _ in IMAGES for text in good.split()])
def test_an_image_that_fits(pattern: str, text: str) -> None:
    assert fits(pattern, text)


@pytest.mark.parametrize(("pattern", "text"), [(pattern, text) for pattern, _, bad in IMAGES for text in bad.split()])
def test_an_image_that_does_not_fit(pattern: str, text: str) -> None:
    assert not fits(pattern, text)


@given(st.from_regex(r"[ab*./-]{1,6}", fullmatch=True), st.from_regex(r"[ab./-]{0,8}", fullmatch=True))
def test_wildcards_of_images_are_runs_with_and_without_slashes(pattern: str, text: str) -> None:
    name, tail = f"ghcr.io/x{pattern}", f"ghcr.io/x{text}"
    try:
        made = ImagePattern(name)
    except InvalidPattern:
        assume(False)
    expected = re.sub(r"\\\*(\\\*)+", ".*", re.escape(name)).replace(r"\*", "[^/]*")
    assert made.fits(tail, None, None) == (re.fullmatch(expected, tail) is not None)


@pytest.mark.parametrize(
    ("pattern", "template", "text", "expected"),
    [
        ("docker.io/jaafarn/raqeem-*", "ghcr.io/mj-nehme/raqeem/*", "jaafarn/raqeem-api:v1", "ghcr.io/mj-nehme/raqeem/api"),
        ("old/*", "new/app", "old/x", "new/app"),
        ("*/old/**", "*/new/**", "quay.io/old/a/b", "quay.io/new/a/b"),
        ("**/x-*", "ghcr.io/*/*", "quay.io/a/x-b/x-c", "ghcr.io/quay.io/a/x-b/c"),
        ("*-*", "new/*.*", "a-b-c", "new/a.b-c"),
        ("**", "mirror.example/**", "nginx", "mirror.example/docker.io/library/nginx"),
        ("**/*", "new/*.*", "quay.io/a/b", "new/quay.io/a.b"),
        ("old/*", "new/*/*", "old/x", "new/x/*"),
        ("old/x", "new/y", "old/x", "new/y"),
        ("old/x", "new/y", "old/xx", None),
        ("old/*", "new/*", "quay.io/old/x", None),
    ],
)
def test_what_wildcards_hold_fills_another_name(pattern: str, template: str, text: str, expected: str | None) -> None:
    assert ImagePattern(pattern).fill(parse(text).name, template) == expected


@pytest.mark.parametrize(
    ("pattern", "wildcards"),
    [("**", 1), ("*/**", 2), ("docker.io/library/*", 1), ("*.gcr.io/acme/a*b-*", 3), ("docker.io/library/nginx", 0)],
)
def test_wildcards_are_counted(pattern: str, wildcards: int) -> None:
    assert ImagePattern(pattern).wildcards == wildcards


LONG = "a" * 1025
TOO_LONG = "a pattern has at most 1024 characters, this has 1025"
BAD_IMAGES = [
    ("", "", "a pattern for images cannot be empty; ** alone stands for every image"),
    (LONG, LONG, TOO_LONG),
    ("https://quay.io/x://y", "https://", "an image name has no scheme; leave it out"),
    ("acme/a b?c", " ", "' ' cannot stand in an image name; the wildcards are * and **"),
    ("acme/a\nb", "\n", "'\\n' cannot stand in an image name; the wildcards are * and **"),
    ("quay.io/acme/", "quay.io/acme/", "this names no image; write quay.io/acme/** for all below it"),
    ("/acme/web", "/", "a part between slashes is empty"),
    ("quay.io", "quay.io", "quay.io is a registry and names no image; write quay.io/** for all of it"),
    ("localhost", "localhost", "localhost is a registry and names no image; write localhost/** for all of it"),
    ("quay.io/Acme/*:Tag", "quay.io/Acme/*:Tag", "a repository is written in lower case: acme/*"),
]
POSIX = "alpha, digit, alnum, upper, lower, space, punct, xdigit, blank, cntrl, graph, print"
BAD_PATHS = [
    ("  ", "  ", "a pattern for files cannot be empty"),
    (LONG, LONG, TOO_LONG),
    ("!a", "!", "a pattern cannot begin with '!': say what fits, not what does not"),
    ("#a", "#", "a pattern that begins with '#' is a comment; write \\#"),
    ("a//b//c", "//", "a part between slashes is empty"),
    ("./a", "./", "patterns are relative to the policy's folder; leave './' out"),
    ("../a", "../", "patterns are relative to the policy's folder; name files below the policy's folder"),
    ("/", "/", "this names no file; ** alone stands for every file"),
    ("a/b\\", "\\", "a backslash needs a character behind it"),
    ("a[\\", "[\\", "'[' needs a ']'; write \\[ for the character itself"),
    ("a[\\]", "[\\]", "'[' needs a ']'; write \\[ for the character itself"),
    ("a[b[c", "[b[c", "'[' needs a ']'; write \\[ for the character itself"),
    ("[[::]]", "[[::]]", f"there is no class [::]; there are {POSIX}"),
    ("a/[b-", "[b-", "'[' needs a ']'; write \\[ for the character itself"),
    ("a[[:tab:]]b", "[[:tab:]]b", f"there is no class [:tab:]; there are {POSIX}"),
]
UNREADABLE = [(ImagePattern, *case) for case in BAD_IMAGES] + [(PathPattern, *case) for case in BAD_PATHS]


@pytest.mark.parametrize(("kind", "pattern", "wrong", "reason"), UNREADABLE)
def test_a_pattern_that_cannot_be_read(
    kind: type[ImagePattern] | type[PathPattern], pattern: str, wrong: str, reason: str
) -> None:
    with pytest.raises(InvalidPattern) as caught:
        kind(pattern)
    start = pattern.index(wrong)
    assert (caught.value.start, caught.value.end) == (start, start + len(wrong))
    assert str(caught.value) == caught.value.reason == reason


def test_an_empty_part_of_an_image_is_shown_where_it_stands() -> None:
    with pytest.raises(InvalidPattern, match="between slashes") as caught:
        ImagePattern("quay.io/acme//web//x")
    assert (caught.value.start, caught.value.end) == (13, 14)


@pytest.mark.parametrize("kind", [ImagePattern, PathPattern])
def test_a_pattern_of_the_greatest_length_is_read(kind: type[ImagePattern] | type[PathPattern]) -> None:
    assert kind(LONG[1:]).text == LONG[1:]


def test_long_names_take_a_step_for_each_character() -> None:
    assert not ImagePattern("ghcr.io/" + "*a" * 20 + "**b").fits("ghcr.io/" + "a" * 100_000, None, None)
    assert not PathPattern("*a" * 20 + "b").fits("a" * 100_000)
    assert not PathPattern("**/a/" * 20 + "b").fits("a/" * 10_000 + "c")


SEGMENTS = st.lists(st.sampled_from(["a", "b", "*", "?", "[ab]", "[a-b]x", "\\*", "ab"]), min_size=1, max_size=3).map("".join)
PATTERNS = st.builds(
    lambda front, parts, back: front + "/".join(parts) + back,
    st.sampled_from(["", "/", "**/"]),
    st.lists(SEGMENTS | st.just("**"), min_size=1, max_size=4),
    st.sampled_from(["", "/", "/**"]),
)
PATHS = st.lists(st.text("ab*x", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join)


@given(PATTERNS, PATHS)
@example("a/**", "a")
@example("**/a/**/b", "a/b")
@example("a/*", "a/b/c")
def test_paths_fit_as_pathspec_says(pattern: str, path: str) -> None:
    # Of a star beside `**`, and of a folder below `**`, Git itself says otherwise than pathspec.
    assume(not re.search(r"[^/*]\*\*|\*\*[^/*]|\*\*\*|\*\*/$", pattern))
    expected = pathspec.GitIgnoreSpec.from_lines([pattern]).match_file(path)
    assert PathPattern(pattern).fits(path) == expected


@pytest.mark.parametrize(
    ("pattern", "path", "is_folder", "expected"),
    [
        ("vendor/", "vendor", True, True),
        ("vendor/", "vendor", False, False),
        ("vendor/", "a/vendor/b.yaml", False, True),
        ("docker-compose*.yml", "a/docker-compose.dev.yml", False, True),
        ("/docker-compose.yml", "a/docker-compose.yml", False, False),
        ("deploy/prod/", "deploy/prod/a.yaml", False, True),
        ("deploy/prod/", "x/deploy/prod/a.yaml", False, False),
        ("**/testdata/**", "a/testdata/b/c.yaml", False, True),
        ("[!a]", "/", False, False),
        ("[/[a-c]", "b", False, True),
        ("[/[a-c]", "x/b", False, False),
        ("x/[!/a]y", "x/by", False, True),
        ("x[a/]y", "x/y", False, False),
        ("a\\/b", "a/b", False, True),
        ("a\\/b", "x/a/b", False, False),
        ("[[:digit:]]x", "1x", False, True),
        ("[[:digit:]]x", "ax", False, False),
        ("[]]", "]", False, True),
        ("[^a-c]", "d", False, True),
        ("[^a-c]", "b", False, False),
        ("[!a-c]", "d", False, True),
        ("[!a-c]", "b", False, False),
        ("[!a-c]", "!", False, True),
        ("a/**/b/c", "a/x/y/b/c", False, True),
        ("**/a/b", "a/a/b", False, True),
        ("a/b", "a/a/b", False, False),
        ("a\t", "a\t", False, True),
        ("aX", "aX", False, True),
        ("a\\[/b]", "a[/b]", False, True),
        ("a\\\\ ", "a\\", False, True),
        ("a\\\\ ", "a\\ ", False, False),
        ("a\\\\\\ ", "a\\ ", False, True),
        ("a/***/b", "a/x/y/b", False, True),
        ("a/*/b", "a/x/y/b", False, False),
        ("a/  /b", "a/x/b", False, False),
        ("a/X*/b", "a/y/b", False, False),
        ("a\t", "a", False, False),
        ("[a-]x", "-x", False, True),
        ("x[a]yz", "xayz", False, True),
        ("[^]a]", "b", False, True),
        ("[^]a]", "]", False, False),
        ("[\\]a]x", "]x", False, True),
        ("[\\]a]x", "\\x", False, False),
        ("[a\\-c]", "-", False, True),
        ("[a\\-c]", "b", False, False),
        ("[[:a]", ":", False, True),
        ("[[:a]", "[", False, True),
        ("[a:]", ":", False, True),
        ("[[:digit:][:upper:]_]", "A", False, True),
        ("[[:digit:][:upper:]_]", "_", False, True),
        ("[[:digit:][:upper:]_]", "a", False, False),
        ("a\\ ", "a ", False, True),
        ("a  ", "a", False, True),
        ("**", "a/b", False, True),
    ],
)
def test_what_a_path_pattern_fits(pattern: str, path: str, is_folder: bool, expected: bool) -> None:
    assert PathPattern(pattern).fits(path, is_folder) == expected


CLASSES = {
    "alpha": string.ascii_letters,
    "digit": string.digits,
    "alnum": string.ascii_letters + string.digits,
    "upper": string.ascii_uppercase,
    "lower": string.ascii_lowercase,
    "space": string.whitespace,
    "punct": string.punctuation,
    "xdigit": string.hexdigits,
    "blank": " \t",
    "cntrl": "".join(map(chr, range(32))) + "\x7f",
    "graph": string.ascii_letters + string.digits + string.punctuation,
    "print": string.ascii_letters + string.digits + string.punctuation + " ",
}


@pytest.mark.parametrize(("name", "members"), CLASSES.items())
def test_the_classes_of_characters_are_those_of_posix(name: str, members: str) -> None:
    characters = set(map(chr, range(128))) - {"/"}
    pattern = PathPattern(f"[[:{name}:]]")
    assert {character for character in characters if pattern.fits(character)} == set(members) - {"/"}


@given(PATTERNS, PATHS, st.booleans())
@example("a/b", "a/b", True)
@example("/a/**/b/", "a/ab/b", True)
@example("a/", "b/a", True)
@example("**", "a", False)
@example("a/", "a", False)
@example("a", "b", False)
def test_a_pattern_fits_what_it_is_for_and_all_below(pattern: str, path: str, is_folder: bool) -> None:
    made, names = PathPattern(pattern), path.split("/")
    folders = ["/".join(names[:count]) for count in range(1, len(names))]
    above = any(made.is_for(folder, folder.rpartition("/")[2], True) for folder in folders)
    assert made.fits(path, is_folder) == (above or made.is_for(path, names[-1], is_folder))


def test_of_a_list_of_patterns_one_has_to_fit() -> None:
    patterns = PathPatterns([PathPattern("a"), PathPattern("vendor/"), PathPattern("*")])
    few = PathPatterns(patterns.patterns[:2])
    assert not few.patterns[1].fits("vendor")
    assert few.patterns[1].at == ""
    assert [few.fit("vendor"), few.fit("vendor", is_folder=True), few.fit("a"), few.fit(None)] == [False, True, True, False]
    found = [patterns.first("vendor"), patterns.first("vendor", is_folder=True), few.first("vendor"), patterns.first(None)]
    assert [one and one.text for one in found] == ["*", "vendor/", None, None]


def test_the_policy_is_the_nearest_up_to_the_root_of_the_repository(folder: Path) -> None:
    below = folder / "repository" / "deploy" / "prod"
    below.mkdir(parents=True)
    (folder / FILE_NAME).touch()
    assert find(str(below)) == FILE_NAME
    (folder / "repository" / ".git").mkdir()
    assert find(str(below)) is None
    (folder / "repository" / FILE_NAME).touch()
    assert find(str(below)) == f"repository/{FILE_NAME}"
    assert find(str(folder / "repository")) == f"repository/{FILE_NAME}"


def test_a_run_without_a_policy_loads_neither_yaml_nor_patterns() -> None:
    code = "import sys; from imglint.policy.lookup import default_policy, find; default_policy(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "imglint.policy.lookup" in loaded
    assert not {
        "ruamel",
        "pathspec",
        "typing",
        "dataclasses",
        "difflib",
        "imglint.patterns.image",
        "imglint.yaml.documents",
    } & set(loaded)


def test_without_a_policy_every_file_is_production_and_nothing_is_judged_by_rows() -> None:
    policy = default_policy()
    placed = policy.resolve(use_of("nginx"))
    assert (placed.environment, placed.built, policy.fail_on, policy.environments) == (
        "production",
        False,
        "warning",
        ("production",),
    )
    assert placed.policy_match is not None
    assert (placed.row, placed.policy_match.partial_matches, placed.policy_match.table) == (None, (), None)
    assert (similar_approved(placed), approved_patterns(placed)) == ([], [])
    assert (policy.excluded("a"), policy.kind_of("a"), policy.exception_for("latest-tag", placed, "a", "2026-01-01")) == (
        False,
        None,
        None,
    )


def test_the_first_environment_that_fits_wins_and_outside_of_the_folder_none_does(folder: Path) -> None:
    (folder / "sub").mkdir()
    Path("sub", FILE_NAME).write_text("environments: {dev: ['*.dev.yaml'], staging: [deploy/]}\ndefault-environment: qa\n")
    policy = load(f"sub/{FILE_NAME}", plugins.rules(), plugins.kinds())
    cases = {"sub/deploy/a.dev.yaml": "dev", "sub/deploy/a.yaml": "staging", "sub/a.yaml": "qa", "deploy/a.dev.yaml": "qa"}
    assert {path: policy.environment_of(path) for path in cases} == cases
    assert policy.environment_of(str(folder / "sub" / "deploy" / "a.yaml")) == "staging"
    environment, pattern = policy.environment_reason("sub/deploy/a.yaml")
    assert (environment, pattern and (pattern.text, pattern.at)) == ("staging", ("deploy/", f"sub/{FILE_NAME}:1"))
    assert policy.environment_reason("sub/a.yaml") == ("qa", None)
    assert policy.environments == ("dev", "staging", "qa", "production")


def test_a_folder_that_a_link_names_too_is_the_same_folder(folder: Path) -> None:
    policy = policy_of("environments: {staging: [/deploy/]}\n")
    (folder / "deploy").mkdir()
    link = folder.with_name(folder.name + "-link")
    link.symlink_to(folder)
    assert policy.environment_of(str(link / "deploy" / "a.yaml")) == "staging"
    assert policy.environment_of(str(link.parent / "deploy" / "a.yaml")) == "production"


def test_a_link_below_the_folder_is_where_it_stands_and_not_where_it_leads(folder: Path) -> None:
    policy = policy_of("environments: {staging: [/deploy/]}\n")
    elsewhere = folder.with_name(folder.name + "-elsewhere")
    elsewhere.mkdir()
    (folder / "deploy").symlink_to(elsewhere)
    assert policy.environment_of("deploy/a.yaml") == "staging"
    assert policy.environment_of(str(elsewhere / "a.yaml")) == "production"


def test_files_left_out_and_kinds(folder: Path) -> None:
    policy = policy_of(
        "exclude: [vendor/, '**/testdata/**']\nkinds: {helm-values: ['environments/*.yaml'], kubernetes: ['*.yaml']}\n"
    )
    assert policy.excluded("vendor", is_folder=True)
    assert not policy.excluded("vendor")
    pattern = policy.exclusion("vendor", is_folder=True)
    assert (policy.exclusion("vendor"), pattern and (pattern.text, pattern.at)) == (None, ("vendor/", f"{FILE_NAME}:1"))
    assert policy.excluded("a/testdata/b.yaml")
    assert not policy.excluded(str(folder.parent / "vendor"), is_folder=True)
    assert policy.kind_of("environments/a.yaml") == "helm-values"
    assert policy.kind_of("b.yaml") == "kubernetes"
    assert policy.kind_of("b.txt") is None
    kind, pattern = policy.kind_reason("environments/a.yaml")
    assert (kind, pattern and (pattern.text, pattern.at)) == ("helm-values", ("environments/*.yaml", f"{FILE_NAME}:2"))
    assert policy.kind_reason("b.txt") == (None, None)


TABLE = """
environments: {development: ["*.dev.yaml"], qa: ["*.qa.yaml"]}
images:
  - match: quay.io/acme/*
    environments: [development]
    tags: [dev]
  - match: quay.io/acme/*
    environments: [production]
    tags: ["v{semver}"]
  - match: docker.io/library/golang
    roles: [build]
  - match: docker.io/library/alpine
    files: ["docker/"]
  - match: docker.io/library/redis:7
  - match: docker.io/old/*:1.*
    approved: false
  - match: docker.io/docker/dockerfile
    roles: [frontend]
"""
ROWS = [
    ("quay.io/acme/web:x", "a.dev.yaml", WORKLOAD, 4, []),
    ("quay.io/acme/web:x", "a.yaml", WORKLOAD, 7, []),
    ("golang:1", "Dockerfile", BUILD, 10, []),
    ("golang:1", "Dockerfile", BASE, None, [10]),
    ("alpine:3", "docker/Dockerfile", BASE, 12, []),
    ("alpine:3", "Dockerfile", BASE, None, [12]),
    ("redis:7", "a.yaml", WORKLOAD, 14, []),
    ("redis:8", "a.yaml", WORKLOAD, None, []),
    (f"redis@{DIGEST}", "a.yaml", WORKLOAD, None, []),
    ("old/app:1.2", "a.yaml", WORKLOAD, 15, []),
    ("old/app", "a.yaml", WORKLOAD, None, []),
    ("docker/dockerfile:1", "Dockerfile", FRONTEND, 17, []),
    ("quay.io/acme/web:x", "a.qa.yaml", WORKLOAD, None, [4, 7]),
    ("docker/dockerfile:1", "Dockerfile", BASE, None, [17]),
    ("alpine:3", "docker/Dockerfile", FRONTEND, None, [12]),
]


@pytest.mark.parametrize(("text", "path", "role", "line", "partial_matches"), ROWS)
def test_the_row_is_the_first_that_fits_wholly(
    folder: Path, text: str, path: str, role: str, line: int | None, partial_matches: list[int]
) -> None:
    policy = policy_of(TABLE)
    match = policy.resolve(use_of(text, path, role)).policy_match
    assert match is not None
    assert (match.row.line if match.row else None, [row.line for row in match.partial_matches]) == (
        line,
        partial_matches,
    )
    assert (match.table, match.path) == (policy.table, path)


@pytest.mark.parametrize("pattern", [row[0] for row in IMAGES])
def test_a_row_is_found_for_what_its_match_fits_and_for_nothing_else(pattern: str) -> None:
    policy = Policy(table=ImageTable(("p",), (Row("p", 1, 1, (ImagePattern(pattern),)),)))
    texts = sorted({text for _, good, bad in IMAGES for text in f"{good} {bad}".split()})
    # What has neither tag nor digest reads as latest.
    pulled = {text: text if parse(text).tag or parse(text).digest else f"{text}:latest" for text in texts}
    assert [text for text in texts if policy.resolve(use_of(text)).row] == [text for text in texts if fits(pattern, pulled[text])]


@given(
    st.lists(st.sampled_from([row[0] for row in IMAGES]), min_size=1, max_size=6),
    st.sampled_from(sorted({text for row in IMAGES for text in row[1].split()})),
)
def test_among_many_rows_the_first_that_fits_is_found(patterns: list[str], text: str) -> None:
    rows = tuple(Row("p", number, 1, (ImagePattern(pattern),)) for number, pattern in enumerate(patterns))
    match = Policy(table=ImageTable(("p",), rows)).resolve(use_of(text)).policy_match
    expected = next((number for number, pattern in enumerate(patterns) if fits(pattern, text)), None)
    assert match is not None
    assert (match.row.line if match.row else None) == expected


def test_an_unknown_tag_passes_where_it_would_be_approved_and_is_not_refused(folder: Path) -> None:
    policy = policy_of(TABLE)
    matches = [policy.resolve(use_of(text, tag_known=False)).policy_match for text in ("redis", "old/app")]
    assert [match and match.row and match.row.at for match in matches] == [".imglint.yaml:14", None]


def test_frontends_are_judged_where_a_row_names_them(folder: Path) -> None:
    frontend = use_of("docker/dockerfile:1", role=FRONTEND)
    assert policy_of(TABLE).judges(frontend)
    assert not policy_of("images: [{match: docker.io/docker/dockerfile}]\n").judges(frontend)
    assert policy_of("images: [{match: x}]\n").judges(use_of("nginx"))


def test_an_environment_for_all_files(folder: Path) -> None:
    placed = policy_of(TABLE).resolve(use_of("quay.io/acme/web:x", "a.yaml"), "development")
    assert placed.policy_match is not None
    assert placed.policy_match.row is not None
    assert (placed.environment, placed.policy_match.row.line) == ("development", 4)


def test_what_is_built_here(folder: Path) -> None:
    policy = policy_of('built: [controller, "prism-*", ghcr.io/acme/app, "acme/by-tag:1.*", "acme/by-digest@sha256:*"]\n')
    cases = {
        "controller:latest": True,
        "prism-web": True,
        "ghcr.io/acme/app:1": True,
        "ghcr.io/acme/controller": False,
        "acme/prism-web": False,
        "acme/by-tag:1.2": True,
        "acme/by-tag:2": False,
        f"acme/by-digest@{DIGEST}": True,
        "acme/by-digest": False,
    }
    assert {text: policy.resolve(use_of(text)).built for text in cases} == cases
    assert policy.resolve(use_of("nginx", built=True)).built


RULES = """
environments: {development: [dev/], staging: [staging/]}
images:
  - match: docker.io/library/loud
    rules: {latest-tag: error, implicit-registry: off}
    digest: required
  - match: docker.io/library/easy
    digest: optional
  - match: "**"
rules:
  latest-tag: warning
  moving-tag:
    - {environments: [production], level: error, exclude: [demo/]}
    - {level: note, files: ["*.yaml"]}
  missing-digest: warning
  root-user: {uid: 1001}
  unapproved-image: off
  implicit-registry:
    - {environments: [production], level: error}
    - {level: warning}
  unconventional-tag: {level: note, environments: [staging]}
"""
LEVELS = [
    ("latest-tag", "nginx", "a.yaml", "warning", "rules", 11),
    ("latest-tag", "nginx", "dev/a.yaml", "off", "elsewhere", 11),
    ("latest-tag", "loud", "dev/a.yaml", "error", "row", 4),
    ("moving-tag", "nginx", "a.yaml", "error", "rules", 13),
    ("moving-tag", "nginx", "demo/a.yaml", "note", "rules", 14),
    ("moving-tag", "nginx", "dev/a.yaml", "note", "rules", 14),
    ("moving-tag", "nginx", "dev/a.yml", "off", "elsewhere", 13),
    ("missing-digest", "nginx", "a.yaml", "warning", "rules", 15),
    ("missing-digest", "nginx", "dev/a.yaml", "off", "elsewhere", 15),
    ("missing-digest", "loud", "dev/a.yaml", "error", "row", 4),
    ("missing-digest", "easy", "a.yaml", "off", "row", 7),
    ("root-user", "nginx", "a.yaml", "warning", "rules", 16),
    ("unapproved-image", "nginx", "a.yaml", "off", "rules", 17),
    ("implicit-registry", "nginx", "a.yaml", "error", "rules", 19),
    ("implicit-registry", "nginx", "dev/a.yaml", "warning", "rules", 20),
    ("implicit-registry", "loud", "a.yaml", "off", "row", 4),
    ("unconventional-tag", "nginx", "staging/a.yaml", "note", "rules", 21),
    ("unconventional-tag", "nginx", "a.yaml", "off", "elsewhere", 21),
    ("misplaced-image", "nginx", "dev/a.yaml", "error", "default", None),
    ("platform-repository", "nginx", "a.yaml", "off", "default", None),
]


@pytest.mark.parametrize(("rule", "text", "path", "level", "by", "line"), LEVELS)
def test_levels_come_from_the_row_then_the_rules_then_the_default(
    folder: Path, rule: str, text: str, path: str, level: str, by: str, line: int | None
) -> None:
    policy = policy_of(RULES)
    decision = policy.decision(plugins.rules()[rule], policy.resolve(use_of(text, path)))
    assert (str(decision.level), decision.by, decision.at) == (level, by, f"{FILE_NAME}:{line}" if line else "")


def test_what_was_decided_for_one_file_is_not_taken_for_another(folder: Path) -> None:
    policy = policy_of(RULES)
    decisions = [policy.decision(plugins.rules()[rule], policy.resolve(use_of(text, path))) for rule, text, path, *_ in LEVELS]
    assert [(str(decision.level), decision.by) for decision in decisions] == [(level, by) for *_, level, by, _ in LEVELS]


@pytest.mark.parametrize(
    "text",
    [
        "images: [{match: ghcr.io/a/x, rules: {latest-tag: off}}, {match: ghcr.io/a/y, digest: required}]\n",
        '{"images": [{"match": "ghcr.io/a/x", "rules": {"latest-tag": "off"}}, {"match": "ghcr.io/a/y", "digest": "required"}]}',
    ],
)
def test_rows_on_one_line_decide_each_for_its_own_images(folder: Path, text: str) -> None:
    policy, rules = policy_of(text), plugins.rules()
    placed = [policy.resolve(use_of(name)) for name in ("ghcr.io/a/x", "ghcr.io/a/y")]
    found = [[str(policy.decision(rules[name], use).level) for use in placed] for name in ("latest-tag", "missing-digest")]
    assert found == [["off", "error"], ["off", "error"]]
    assert len({use.row.key for use in placed if use.row}) == 2


def test_exceptions_on_one_line_are_told_apart(folder: Path) -> None:
    entry = "{match: %s, rules: [latest-tag], until: 2026-03-01}"
    found = policy_of(f"exceptions: [{entry % 'acme/a'}, {entry % 'acme/b'}]\n").exceptions
    assert len({one.at for one in found}) == 1
    assert len({one.key for one in found}) == 2


@pytest.mark.parametrize(
    ("rules", "path", "by", "uid"),
    [
        ("", "a.yaml", "default", None),
        ("root-user: {uid: 1001}", "a.yaml", "rules", 1001),
        ("root-user: {uid: 1001, environments: [dev]}", "a.yaml", "elsewhere", None),
    ],
)
def test_a_rule_has_options_whoever_decides_its_level(folder: Path, rules: str, path: str, by: str, uid: int | None) -> None:
    policy = policy_of(f"environments: {{dev: [dev/]}}\nrules: {{{rules}}}\n")
    image = policy.resolve(use_of("nginx", path))
    users = [RunUser(image.source, (0, 1), "container", "", None, image=one, environment="production") for one in (image, None)]
    decisions = [policy.decision(plugins.rules()["root-user"], user) for user in users]
    assert [(decision.by, getattr(decision.options, "uid", "none")) for decision in decisions] == [(by, uid), (by, uid)]


def test_a_rule_that_is_off_elsewhere_keeps_its_options(folder: Path) -> None:
    rule = replace(plugins.rules()["root-user"], environments=("production",))
    image = default_policy().resolve(use_of("nginx"), "dev")
    decision = default_policy().decision(rule, image)
    assert (decision.level, decision.by, decision.at) == (Severity.OFF, "elsewhere", "")
    assert decision.options == plugins.rules()["root-user"].options()  # type: ignore[misc]


def test_a_problem_has_no_row(folder: Path) -> None:
    policy = policy_of("images: [{match: '**', rules: {syntax-error: off}}]\n")
    decision = policy.decision(plugins.rules()["syntax-error"], Problem(Source("a.yaml", ""), (0, 0), "no end"))
    assert (decision.level, decision.by) == (Severity.ERROR, "default")


def test_a_list_whose_entries_name_environments_leaves_the_default_ones_behind(folder: Path) -> None:
    policy = policy_of(
        "rules:\n  latest-tag:\n    - {environments: [production], level: error}\n    - {level: note}\nenvironments: {dev: [dev/]}\n"
    )
    levels = [
        policy.decision(plugins.rules()["latest-tag"], policy.resolve(use_of("nginx", path))).level
        for path in ("a.yaml", "dev/a.yaml")
    ]
    assert levels == [Severity.ERROR, Severity.NOTE]


def test_by_default_latest_is_an_error_in_production_alone(folder: Path) -> None:
    policy, rule = policy_of("environments: {dev: [dev/]}\n"), plugins.rules()["latest-tag"]
    decisions = [policy.decision(rule, policy.resolve(use_of("nginx", path))) for path in ("a.yaml", "dev/a.yaml")]
    assert [(str(decision.level), decision.by) for decision in decisions] == [("error", "default"), ("off", "elsewhere")]


def test_a_rule_gets_its_options_from_the_entry_that_fits_also_where_the_row_sets_the_level(folder: Path) -> None:
    policy = policy_of(
        "images: [{match: '**', rules: {root-user: note}}]\n"
        "environments: {dev: [dev/]}\n"
        "rules:\n  root-user:\n    - {environments: [dev], uid: [1, 2]}\n    - {uid: 1001, explicit: true}\n"
    )
    rule = plugins.rules()["root-user"]
    found = []
    for path in ("dev/a.yaml", "a.yaml"):
        image = policy.resolve(use_of("nginx", path))
        user = RunUser(image.source, (0, 1), "container", "", None, image=image, environment=image.environment)
        decision = policy.decision(rule, user)
        found.append((str(decision.level), getattr(decision.options, "uid", 0), getattr(decision.options, "explicit", 0)))
    assert found == [("note", (1, 2), False), ("note", 1001, True)]


EXCEPTIONS = """
exceptions:
  - {match: quay.io/acme/tool:1.0, rules: [unapproved-image, latest-tag], until: 2026-02-09, reason: none newer, approved-by: us}
  - {files: [legacy/], rules: [root-user, latest-tag], until: 2026-03-01}
  - {match: acme/*, files: [legacy/], rules: [misplaced-image], until: 2026-03-01}
  - {match: "acme/app@sha256:*", rules: [unapproved-image], until: 2026-03-01}
  - {match: acme/old, rules: [unapproved-image]}
"""


@pytest.mark.parametrize(
    ("rule", "text", "path", "today", "line"),
    [
        ("unapproved-image", "quay.io/acme/tool:1.0", "a.yaml", "2026-02-09", 3),
        ("unapproved-image", "quay.io/acme/tool:1.0", "a.yaml", "2026-02-10", None),
        ("unapproved-image", "quay.io/acme/tool:1.1", "a.yaml", "2026-02-09", None),
        ("unapproved-image", "quay.io/acme/tool", "a.yaml", "2026-02-09", None),
        ("moving-tag", "quay.io/acme/tool:1.0", "a.yaml", "2026-02-09", None),
        ("latest-tag", "quay.io/acme/tool:1.0", "legacy/a.yaml", "2026-02-09", 3),
        ("latest-tag", "quay.io/acme/tool:1.0", "legacy/a.yaml", "2026-02-28", 4),
        ("root-user", None, "legacy/a.yaml", "2026-02-28", 4),
        ("root-user", None, "a.yaml", "2026-02-28", None),
        ("misplaced-image", "acme/app:1", "legacy/a.yaml", "2026-02-28", 5),
        ("misplaced-image", "acme/app:1", "a.yaml", "2026-02-28", None),
        ("misplaced-image", None, "legacy/a.yaml", "2026-02-28", None),
        ("unapproved-image", f"acme/app@{DIGEST}", "a.yaml", "2026-02-28", 6),
        ("unapproved-image", "acme/app:1", "a.yaml", "2026-02-28", None),
        ("unapproved-image", "acme/old:1", "a.yaml", "9999-12-31", 7),
        ("unapproved-image", "acme/older:1", "a.yaml", "2026-02-28", None),
    ],
)
def test_exceptions(folder: Path, rule: str, text: str | None, path: str, today: str, line: int | None) -> None:
    found = policy_of(EXCEPTIONS).exception_for(rule, use_of(text) if text else None, path, today)
    assert (found.line if found else None) == line


def test_an_exception_says_why_who_and_where(folder: Path) -> None:
    first, *_ = policy_of(EXCEPTIONS).exceptions
    assert (first.reason, first.approved_by, first.at, first.column, first.expired("2026-02-10")) == (
        "none newer",
        "us",
        ".imglint.yaml:3",
        5,
        True,
    )


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
def test_what_to_write_instead_has_the_tag_of_the_use_where_it_has_none(instead: str, text: str, expected: str) -> None:
    row = Row("p", 1, 1, (ImagePattern("old/*"),), approved=False, use_instead=instead)
    assert replacement(Policy(table=ImageTable(("p",), (row,))).resolve(use_of(text))) == expected


def test_nothing_is_close_to_what_is_no_reference(folder: Path) -> None:
    placed = policy_of(SUGGEST).resolve(use_of("docker.io/library/Postgres"))
    assert placed.policy_match is not None
    assert (placed.reference, placed.row, similar_approved(placed)) == (None, None, [])


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
def test_suggestions_are_of_the_same_name_or_almost_the_same_spelling(folder: Path, text: str, expected: list[str]) -> None:
    placed = policy_of(SUGGEST).resolve(use_of(text))
    assert placed.policy_match is not None
    assert similar_approved(placed) == expected
    assert approved_patterns(placed) == ["docker.io/library/postgres", "quay.io/minio/*", "quay.io/kubernaut/*"]


@pytest.mark.parametrize(("number", "expected"), [(499, ["docker.io/library/postgres"]), (500, [])])
def test_a_close_name_is_looked_for_in_the_first_500_patterns(number: int, expected: list[str]) -> None:
    names = ["docker.io/library/postgres" if one == number else f"quay.io/acme/x{one}" for one in range(501)]
    patterns = tuple(ImagePattern(name) for name in names)
    for rows in (tuple(Row("p", line, 1, (pattern,)) for line, pattern in enumerate(patterns, 1)), (Row("p", 1, 1, patterns),)):
        assert similar_approved(Policy(table=ImageTable(("p",), rows)).resolve(use_of("postgers"))) == expected


@pytest.mark.parametrize(
    ("pattern", "rest"),
    [("acme/*", ""), ("acme/*:1.*", ":1.*"), ("acme/*@sha256:*", "@sha256:*"), ("acme/*:1@sha256:*", ":1@sha256:*")],
)
def test_a_pattern_bears_a_tag_a_digest_both_or_neither(pattern: str, rest: str) -> None:
    assert (ImagePattern(pattern).rest, ImagePattern(pattern).at) == (rest, "")
