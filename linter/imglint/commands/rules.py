"""What the rules say of themselves, for `imglint rules` and docs/rules.md, and the policy file's schema. Imports the plugins."""

from __future__ import annotations

import os
import re

from imglint.commands.options import CLEAN, FAILED, known_name
from imglint.errors import PluginError, UsageError
from imglint.output import encoded, warn, write_stdout
from imglint.plugins import rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.plugins import Rule


def print_rules(name: str | None) -> int:
    """Print all rules, a line each, or the documentation of one, and return the exit status."""
    try:
        known = rules()
        text = _listed(known) if name is None else _documented(known[known_name("rule", name, known)])
    except (UsageError, PluginError) as error:
        warn(f"imglint: {error}")
        return FAILED
    write_stdout(encoded(text))
    return CLEAN


def print_schema() -> int:
    """Print the JSON Schema of the policy file, and return the exit status."""
    with open(os.path.join(os.path.dirname(os.path.dirname(__file__)), "policy", "schema.json"), encoding="utf-8") as file:
        write_stdout(encoded(file.read()))
    return CLEAN


def _listed(known: dict[str, Rule]) -> str:
    width = max(len(name) for name in known)
    lines = [f"{rule.id:<{width}}  {_scope(rule):<24}  {rule.summary}" for rule in known.values()]
    return "\n".join([*lines, "", "imglint rules RULE tells more of one.", ""])


def _documented(rule: Rule) -> str:
    return f"{rule.id} ({_scope(rule)})\n\n{rule.doc}\n"


def page() -> str:
    """Return the documentation of all rules as one page in Markdown, `docs/rules.md`."""
    known = sorted(rules().values(), key=lambda rule: rule.id)
    table = [f"| [{rule.id}](#{rule.id}) | {_scope(rule)} | {rule.summary} |" for rule in known]
    parts = [_PAGE_HEAD, "\n".join(["| rule | default | flags |", "|---|---|---|", *table])]
    parts += [_section(rule) for rule in known]
    return "\n\n".join(parts) + "\n"


_PAGE_HEAD = """<!-- Written by `make docs` from the rules' docstrings: change those. -->

# Rules

What each rule flags, why, and how to put it right. `imglint rules RULE` prints the same. A policy sets a rule's level under `rules` and says where it
applies; [policy.md](policy.md) tells how. In the examples, a block `yaml policy` holds for the blocks behind it."""


def _section(rule: Rule) -> str:
    rest = re.sub("^## ", "### ", rule.doc.partition("\n\n")[2], flags=re.MULTILINE)
    return f"## {rule.id}\n\n{rule.summary}\n\n{_default(rule)}\n\n{rest}"


def _default(rule: Rule) -> str:
    """Say in a sentence what the rule does where no policy speaks of it."""
    places = f"in {', '.join(rule.environments)}" if rule.environments else "everywhere"
    if rule.level:
        return f"**Default:** {rule.level}, {places}."
    return f"**Default:** off. A level without environments makes it speak {places}."


def _scope(rule: Rule) -> str:
    """Say at which level a rule speaks by default, and where."""
    return f"{rule.level} in {', '.join(rule.environments)}" if rule.level and rule.environments else str(rule.level)
