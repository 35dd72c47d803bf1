"""The command line, by click: options and commands to requests. Imports click; what a command does stands in a module of its own."""

from __future__ import annotations

import click

from imglint.commands.check import check
from imglint.commands.options import CommandOptions
from imglint.output import warn
from imglint.printable import printable
from imglint.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from click.shell_completion import CompletionItem


class _Commands(click.Group):
    """The commands; whatever names none of them is a call of check, when it is run and when a shell completes it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Spell `check` out where it is left out."""
        if args and args[0] not in (*self.commands, *OWN_OPTIONS):
            args = ["check", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the commands, and what check takes."""
        from click.shell_completion import CompletionItem

        found = super().shell_complete(ctx, incomplete)
        if not incomplete.startswith("-"):
            return [*found, CompletionItem(incomplete, type="file")]
        known = {item.value for item in found}
        with click.Context(check_command, parent=ctx) as check_context:
            return found + [item for item in check_command.shell_complete(check_context, incomplete) if item.value not in known]


def _rule_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from imglint.plugins import rules

    return [name for name in rules() if name.startswith(incomplete)]


def _format_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from imglint.plugins import formats

    return [name for name in formats() if name.startswith(incomplete)]


OWN_OPTIONS = ("-h", "--help", "--version")
LEVELS = click.Choice(["note", "warning", "error", "never"])
PATHS = click.argument("paths", nargs=-1, type=click.Path(), metavar="[PATHS]...")
CONFIG = click.option(
    "--config", metavar="FILE", type=click.Path(), help="The policy file; else the nearest .imglint.yaml above."
)
ENVIRONMENT = click.option("--environment", metavar="NAME", help="Count all files as of this environment.")
EXCLUDE = click.option(
    "--exclude", metavar="PATTERN", multiple=True, help="Leave out files by a gitignore pattern; may be repeated."
)


def run(arguments: list[str]) -> int:
    """Run the command line with these arguments and return the exit status."""
    try:
        status = cli.main(arguments, prog_name="imglint", standalone_mode=False)
    except click.exceptions.Abort:
        return 130
    except click.UsageError as error:
        name = error.ctx.command_path if error.ctx else "imglint"
        warn(f"imglint: {_one_line(error)} See {printable(name)} --help")
        return 2
    except click.ClickException as error:
        warn(f"imglint: {_one_line(error)}")
        return 2
    return status if isinstance(status, int) else 0


def _one_line(error: click.ClickException) -> str:
    return " ".join(error.format_message().split("\n"))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, message="imglint %(version)s")
def cli() -> None:
    """Hold the image references in Dockerfiles, compose files, Kubernetes manifests and Helm charts to a registry policy.

    `imglint [PATHS]...` is `imglint check [PATHS]...`.
    """


def _pair(_context: object, _option: object, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    pairs = [tuple(value.partition("=")[::2]) for value in values]
    for pair in pairs:
        if not all(pair):
            raise click.BadParameter("expected FORMAT=FILE, such as sarif=imglint.sarif")
    return tuple((name, file) for name, file in pairs)


@cli.command("check")
@PATHS
@CONFIG
@click.option(
    "--format",
    default="text",
    metavar="NAME",
    shell_complete=_format_names,
    help="Write the report as text, json, sarif, github or gitlab, or as a plugin does [default: text].",
)
@click.option("--output", metavar="FILE", type=click.Path(), help="Write the report to a file instead of stdout.")
@click.option("--report", "reports", metavar="FORMAT=FILE", multiple=True, callback=_pair, help="Write another report to a file.")
@ENVIRONMENT
@click.option(
    "--select", metavar="RULE", multiple=True, shell_complete=_rule_names, help="Apply only this rule; may be repeated."
)
@click.option(
    "--ignore", metavar="RULE", multiple=True, shell_complete=_rule_names, help="Do not apply this rule; may be repeated."
)
@EXCLUDE
@click.option(
    "--fail-on",
    type=LEVELS,
    metavar="LEVEL",
    help="Exit with 1 from this level on: note, warning, error or never [default: warning].",
)
@click.option("--no-ignore-comments", "comments", flag_value=False, default=True, help="Report what comments silence, too.")
@click.option("--baseline", metavar="FILE", type=click.Path(), help="Report only what this baseline does not hold.")
@click.option("--write-baseline", metavar="FILE", type=click.Path(), help="Write all findings to a baseline.")
@click.option("--stdin-filename", metavar="PATH", help="What to call the text of stdin, when the path is '-'.")
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Worker processes [default: by the number of files].")
@click.option("--quiet", is_flag=True, help="Print the findings only.")
@click.option("--verbose", is_flag=True, help="Tell on stderr what is read and by which policy.")
@click.option("--debug", is_flag=True, help="Print tracebacks of internal errors.")
@click.option("--color/--no-color", default=None, help="Colour the text [default: on a terminal].")
def check_command(**options: Any) -> int:
    """Check files and folders; by default the current folder."""
    return check(CommandOptions(**options))


@cli.command("images")
@PATHS
@CONFIG
@ENVIRONMENT
@EXCLUDE
@click.option("--format", type=click.Choice(["text", "json"]), default="text", show_default=True)
def images_command(format: str, **options: Any) -> int:  # noqa: A002  the name of the option
    """List every place where an image is named."""
    from imglint.commands.images import images

    return images(CommandOptions(format=format, **options))


@cli.command("rules")
@click.argument("rule", required=False, shell_complete=_rule_names)
def rules_command(rule: str | None) -> int:
    """List the rules, or print one rule's documentation."""
    from imglint.commands.rules import print_rules

    return print_rules(rule)


@cli.command("explain")
@click.argument("place", metavar="FILE[:LINE]", type=click.Path())
@CONFIG
@ENVIRONMENT
def explain_command(place: str, **options: Any) -> int:
    """Tell which row, rules and levels apply to each image, and why."""
    from imglint.commands.explain import explain

    return explain(place, CommandOptions(**options))


@cli.command("init")
@PATHS
def init_command(paths: tuple[str, ...]) -> int:
    """Write a starter policy from what the tree uses today."""
    from imglint.commands.init import init

    return init(paths)


@cli.command("schema")
def schema_command() -> int:
    """Print the policy file's JSON Schema."""
    from imglint.commands.rules import print_schema

    return print_schema()
