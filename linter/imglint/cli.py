"""The command line, by click: options and commands to requests. Imports click; what a command does stands in a module of its own."""

from __future__ import annotations

import sys

import click

from imglint.check import Request, check
from imglint.main import COMMANDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LEVELS = click.Choice(["note", "warning", "error", "never"])
PATHS = click.argument("paths", nargs=-1, type=click.Path(), metavar="[PATHS]...")
CONFIG = click.option(
    "--config", metavar="FILE", type=click.Path(), help="The policy file; else the nearest .imglint.yaml above."
)
ENVIRONMENT = click.option("--environment", metavar="NAME", help="Count all files as of this environment.")
EXCLUDE = click.option(
    "--exclude", metavar="PATTERN", multiple=True, help="Leave out files by a gitignore pattern; may be repeated."
)


def run() -> int:
    """Run the command line and return the exit status."""
    arguments = sys.argv[1:]
    if arguments[:1] not in [["--help"], ["--version"], *([name] for name in COMMANDS)]:
        # Whatever names no command is a call of check, spelled out or not.
        arguments = ["check", *arguments]
    try:
        status = cli.main(arguments, prog_name="imglint", standalone_mode=False)
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        error.show()
        return 2
    return status if isinstance(status, int) else 0


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="imglint", message="imglint %(version)s")
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
@click.option("--format", default="text", metavar="NAME", help="text, json, sarif, github, gitlab, or a plugin's.")
@click.option("--output", metavar="FILE", type=click.Path(), help="Write the report to a file instead of stdout.")
@click.option("--report", "reports", metavar="FORMAT=FILE", multiple=True, callback=_pair, help="Write another report to a file.")
@ENVIRONMENT
@click.option("--select", metavar="RULE", multiple=True, help="Apply only this rule; may be repeated.")
@click.option("--ignore", metavar="RULE", multiple=True, help="Do not apply this rule; may be repeated.")
@EXCLUDE
@click.option("--fail-on", type=LEVELS, help="The lowest level that makes the exit status 1 [default: warning].")
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
    """Check files and folders (default: the current folder)."""
    return check(Request(**options))


@cli.command("images")
@PATHS
@CONFIG
@ENVIRONMENT
@EXCLUDE
@click.option("--format", type=click.Choice(["text", "json"]), default="text", show_default=True)
def images_command(format: str, **options: Any) -> int:  # noqa: A002  the name of the option
    """List every place where an image is named."""
    from imglint.images import images

    return images(Request(format=format, **options))


@cli.command("rules")
@click.argument("rule", required=False)
def rules_command(rule: str | None) -> int:
    """List the rules, or print one rule's documentation."""
    from imglint.rulebook import print_rules

    return print_rules(rule)


@cli.command("explain")
@click.argument("place", metavar="FILE[:LINE]")
@CONFIG
@ENVIRONMENT
def explain_command(place: str, **options: Any) -> int:
    """Tell what each use in a file is, and which row, rules and levels apply to it and why."""
    from imglint.explain import explain

    return explain(place, Request(**options))


@cli.command("init")
@PATHS
def init_command(paths: tuple[str, ...]) -> int:
    """Write a starter policy from what the tree uses today."""
    from imglint.starter import init

    return init(paths)


@cli.command("schema")
def schema_command() -> int:
    """Print the policy file's JSON Schema."""
    from imglint.rulebook import print_schema

    return print_schema()
