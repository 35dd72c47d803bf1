"""`imglint rules` and `imglint schema`: print the documentation of the rules, and the schema of the policy file. Generates docs/rules.md too."""

from __future__ import annotations

import os
import re

from imglint.commands.options import CLEAN, FAILED, known_name
from imglint.errors import PluginError, UsageError
from imglint.output import encoded, warn, write_stdout
from imglint.plugins.load import rules
from imglint.printable import listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.plugins.load import Rule


def print_rules(name: str | None) -> int:
    """Print a line for each rule, or the documentation of one, and return the exit status."""
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
    write_stdout(encoded(schema()))
    return CLEAN


def schema() -> str:
    """Return the JSON Schema of the policy file."""
    with open(os.path.join(os.path.dirname(os.path.dirname(__file__)), "policy", "schema.json"), encoding="utf-8") as file:
        return file.read()


def _listed(known: dict[str, Rule]) -> str:
    name_width, scope_width = (
        max(map(len, column)) for column in zip(*[(rule.id, _scope(rule)) for rule in known.values()], strict=True)
    )
    lines = [f"{rule.id:<{name_width}}  {_scope(rule):<{scope_width}}  {rule.summary}" for rule in known.values()]
    return "\n".join([*lines, "", "`imglint rules RULE` prints the documentation of a rule.", ""])


def _documented(rule: Rule) -> str:
    covers = f"\n\n{_covers(rule)}" if rule.covers else ""
    return f"{rule.id} ({_scope(rule)})\n\n{rule.doc}{covers}\n\n{_fix(rule)}\n"


def page() -> str:
    """Return the documentation of all rules in Markdown: the page `docs/rules.md`."""
    known = sorted(rules().values(), key=lambda rule: rule.id)
    table = [f"| [{rule.id}](#{rule.id}) | {_scope(rule)} | {rule.summary} |" for rule in known]
    parts = [_PAGE_HEAD, "\n".join(["| rule | default | flags |", "|---|---|---|", *table])]
    parts += [_section(rule) for rule in known]
    return "\n\n".join(parts) + "\n"


_PAGE_HEAD = """<!-- Generated from the rules' docstrings by `make docs`; do not edit. -->

# Rules

What each rule flags, why it matters, and how to fix it. `imglint rules RULE` prints the same. To change the level of a rule or where it applies, add it
to `rules` in the [policy](policy.md). In the examples, a `yaml policy` block applies to the blocks after it, and a block with the word `beside` is a
file in their folder."""


def _section(rule: Rule) -> str:
    rest = re.sub("^## ", "### ", rule.doc.partition("\n\n")[2], flags=re.MULTILINE)
    covers = f"{_covers(rule)}\n\n" if rule.covers else ""
    return f"## {rule.id}\n\n{rule.summary}\n\n{_default(rule)}\n\n{_fix(rule)}\n\n{covers}{rest}"


def _default(rule: Rule) -> str:
    """Return the rule's default level and environments as a sentence, and whether it needs registries."""
    return f"{_level(rule)} The rule runs only with [`--online`](online.md)." if rule.online else _level(rule)


def _level(rule: Rule) -> str:
    environments = f"in {', '.join(rule.environments)}" if rule.environments else "in all environments"
    if rule.level:
        return f"**Default:** {rule.level}, {environments}."
    return f"**Default:** off. A policy that sets a level without `environments` enables it {environments}."


def _fix(rule: Rule) -> str:
    """Return what the fixes of the rule do as a sentence."""
    return f"**Fix:** {rule.fix or 'none.'}"


def _covers(rule: Rule) -> str:
    """Return the rules that this one covers as a sentence."""
    return (
        f"**Covers:** where this rule reports a finding, {listed(rule.covers, 'and')} {'do' if rule.covers[1:] else 'does'} not."
    )


def _scope(rule: Rule) -> str:
    """Return the rule's default level and environments as a few words, and whether it needs registries."""
    level = f"{rule.level} in {', '.join(rule.environments)}" if rule.level and rule.environments else str(rule.level)
    return f"{level}, --online" if rule.online else level
