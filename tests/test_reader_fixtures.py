"""Every reader finds in every fixture the facts that are expected of it.

A case is an input, `fixtures/readers/<kind>/.../<input>`, with the name and folder that its reader expects, and `<input>.facts.json` beside it. Files
without one are only read along (`.env`, `Chart.yaml`). The reader is the module `imglint.readers.<kind>`, and it has to claim the input. The facts are
an object of lists; empty lists are left out:

- `given`: what the policy provides to the reader: `{"variables": {...}, "targets": [...]}`; written by hand;
- `uses`: each with `at` (line:column-line:column, counted from 1, the end exclusive), `place`, `where`, `role`, `text`, `reference` (null if there is
  none; `problem` is then the rule, its position and its message), and, if they are not the default, `parts` (those outside the use), `tag_known`,
  `built` and `built_or_pulled`;
- `users`: each with `at`, `place`, `where`, `user`, and, if they are not the default, `nonroot`, `known`, `explicit`, `base` and `image` (the
  position of the use);
- `problems`: each with `at` and `message`;
- `comments`: each with `at` and `text`.

To add a case, add the input and an empty `<input>.facts.json`, run `IMGLINT_UPDATE=1 pytest tests/test_reader_fixtures.py`, which writes what the
reader finds, and read every line of the diff: nothing else checks that it is right.
"""

from __future__ import annotations

import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from imglint.model import Comment, Fact, ImageUse, Problem, ReferenceProblem, RunUser, Span
from imglint.source import Source, read_text

ROOT = Path(__file__).parent.parent / "fixtures" / "readers"
SUFFIX = ".facts.json"
CASES = sorted(path.relative_to(ROOT).as_posix().removesuffix(SUFFIX) for path in ROOT.rglob(f"*{SUFFIX}"))


@pytest.mark.parametrize("case", CASES)
def test_the_reader_finds_the_expected_facts(case: str) -> None:
    expected_path = ROOT / (case + SUFFIX)
    expected = json.loads(expected_path.read_text(encoding="utf-8") or "{}")
    given = expected.get("given", {})
    path = str(ROOT / case)
    source = Source(path, read_text(path), variables=given.get("variables"), targets=given.get("targets", ()))
    found = {"given": given} if given else {}
    found |= _read(source, case.partition("/")[0])
    if os.environ.get("IMGLINT_UPDATE"):
        expected_path.write_text(_as_json(found), encoding="utf-8")
    else:
        assert found == expected


def test_every_reader_has_cases() -> None:
    readers = Path(import_module("imglint.readers").__path__[0])
    kinds = {path.stem.replace("_", "-") for path in readers.glob("[a-z]*.py")}
    assert kinds == {case.partition("/")[0] for case in CASES}


def _read(source: Source, kind: str) -> dict[str, Any]:
    reader = import_module(f"imglint.readers.{kind.replace('-', '_')}")
    assert reader.claims(source)
    source.kind = kind
    facts: list[Fact] = sorted(reader.read(source), key=lambda fact: fact.span)
    described = {
        "uses": [_use(fact) for fact in facts if isinstance(fact, ImageUse)],
        "users": [_user(fact) for fact in facts if isinstance(fact, RunUser)],
        "problems": [{"at": _at(source, fact.span), "message": fact.message} for fact in facts if isinstance(fact, Problem)],
        "comments": [{"at": _at(source, fact.span), "text": fact.text} for fact in facts if isinstance(fact, Comment)],
    }
    return {name: entries for name, entries in described.items() if entries}


def _use(use: ImageUse) -> dict[str, Any]:
    described: dict[str, Any] = {
        "at": _at(use.source, use.span),
        "place": use.place,
        "where": use.where,
        "role": use.role,
        "text": use.text,
    }
    described["reference"] = None if use.reference is None else str(use.reference)
    apart = {name: span for name, span in use.parts.items() if not (use.span[0] <= span[0] and span[1] <= use.span[1])}
    if apart:
        described["parts"] = {name: _at(use.source, span) for name, span in apart.items()}
    if use.problem is not None:
        described["problem"] = _problem(use.source, use.problem)
    if not use.tag_known:
        described["tag_known"] = False
    if use.built:
        described["built"] = True
    if use.built_or_pulled:
        described["built_or_pulled"] = True
    return described


def _problem(source: Source, problem: ReferenceProblem) -> str:
    return f"{problem.rule} at {_at(source, problem.span)}: {problem.message}"


def _user(user: RunUser) -> dict[str, Any]:
    described: dict[str, Any] = {"at": _at(user.source, user.span), "place": user.place, "where": user.where, "user": user.user}
    if user.nonroot is not None:
        described["nonroot"] = user.nonroot
    if not user.known:
        described["known"] = False
    if not user.explicit:
        described["explicit"] = False
    if user.base is not None:
        described["base"] = str(user.base)
    if user.image is not None:
        described["image"] = _at(user.source, user.image.span)
    return described


def _at(source: Source, span: Span) -> str:
    location = source.location(*span)
    return f"{location.line}:{location.column}-{location.end_line}:{location.end_column}"


def _as_json(found: dict[str, Any]) -> str:
    """Return the expectations as JSON with one fact per line, so that a diff shows the facts that changed."""
    lists = []
    for name, entries in found.items():
        if isinstance(entries, list):
            rows = ",\n".join([f"    {json.dumps(entry, ensure_ascii=False)}" for entry in entries])
            lists.append(f'  "{name}": [\n{rows}\n  ]')
        else:
            lists.append(f'  "{name}": {json.dumps(entries, ensure_ascii=False)}')
    return "{\n" + ",\n".join(lists) + "\n}\n"
