"""`imglint rules` and `imglint schema`: what the rules say of themselves, and the policy file's schema. Imports the plugins."""

from __future__ import annotations

import os
import sys

from imglint.check import CLEAN, FAILED, known_name
from imglint.output import CallError, tell
from imglint.plugins import PluginError, rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.plugins import Rule


def print_rules(name: str | None) -> int:
    """Print all rules, a line each, or the documentation of one, and return the exit status."""
    try:
        known = rules()
        text = _listed(known) if name is None else _documented(known[known_name("rule", name, known)])
    except (CallError, PluginError) as error:
        tell(f"imglint: {error}")
        return FAILED
    sys.stdout.write(text)
    return CLEAN


def print_schema() -> int:
    """Print the JSON Schema of the policy file, and return the exit status."""
    with open(os.path.join(os.path.dirname(__file__), "policy-schema.json"), encoding="utf-8") as file:
        sys.stdout.write(file.read())
    return CLEAN


def _listed(known: dict[str, Rule]) -> str:
    width = max(len(name) for name in known)
    lines = [f"{rule.id:<{width}}  {_scope(rule):<24}  {rule.summary}" for rule in known.values()]
    return "\n".join([*lines, "", "imglint rules RULE tells more of one.", ""])


def _documented(rule: Rule) -> str:
    return f"{rule.id} ({_scope(rule)})\n\n{rule.doc}\n"


def _scope(rule: Rule) -> str:
    """Say at which level a rule speaks by default, and where."""
    return f"{rule.level} in {', '.join(rule.environments)}" if rule.environments else str(rule.level)
