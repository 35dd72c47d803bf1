"""The command line: parses options and commands with click. Each command is implemented in a module of its own, which is imported when it runs."""

from __future__ import annotations

import os

import click

from imglint.commands.check import check
from imglint.commands.options import CommandOptions
from imglint.errors import UsageError
from imglint.output import warn
from imglint.printable import printable
from imglint.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from click.shell_completion import CompletionItem


class _Commands(click.Group):
    """The commands. Arguments that do not start with a command belong to `check`, in a run and in shell completion."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert `check` if no command is given."""
        if args and args[0] not in (*self.commands, *OWN_OPTIONS):
            args = ["check", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands, and the options and files that `check` accepts."""
        from click.shell_completion import CompletionItem

        found = super().shell_complete(ctx, incomplete)
        if not incomplete.startswith("-"):
            return [*found, CompletionItem(incomplete, type="file")]
        known = {item.value for item in found}
        with click.Context(check_command, parent=ctx) as check_context:
            return found + [item for item in check_command.shell_complete(check_context, incomplete) if item.value not in known]


def _rule_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from imglint.plugins.load import rules

    front, comma, start = incomplete.rpartition(",")
    return [f"{front}{comma}{name}" for name in rules() if name.startswith(start)]


def _format_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from imglint.plugins.load import formats

    return [name for name in formats() if name.startswith(incomplete)]


def _image_format_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from imglint.plugins.load import image_formats

    return [name for name in image_formats() if name.startswith(incomplete)]


OWN_OPTIONS = ("-h", "--help", "-V", "--version")
LEVELS = ("note", "warning", "error")
PATHS = click.argument("paths", nargs=-1, type=click.Path(), metavar="[PATHS]...")


def _only_one(_context: object, _option: object, values: tuple[str, ...]) -> str | None:
    if len(values) > 1:
        raise click.BadParameter("given more than once; give it once")
    return values[0] if values else None


CONFIG = click.option(
    "--config",
    metavar="FILE",
    type=click.Path(),
    multiple=True,
    callback=_only_one,
    help="Policy file [default: .imglint.yaml in the root of the repository].",
)
CONFIG_FROM = click.option(
    "--config-from",
    metavar="REF",
    multiple=True,
    callback=_only_one,
    help="Read the policy from this Git revision instead of the working tree.",
)
ENVIRONMENT = click.option("--environment", metavar="NAME", help="Treat all files as part of this environment.")
EXCLUDE = click.option(
    "--exclude", metavar="PATTERN", multiple=True, help="Skip files that match this gitignore pattern; may be repeated."
)


def run(arguments: list[str]) -> int:
    """Run the command line with these arguments and return the exit status."""
    try:
        _check_names(arguments)
        status = cli.main(arguments, prog_name="imglint", standalone_mode=False)
    except click.exceptions.Abort:
        return 130
    except SystemExit as end:
        # The completion of a shell ends like this.
        status = end.code
    except UsageError as error:
        warn(f"imglint: {error}")
        return 2
    except click.UsageError as error:
        name = error.ctx.command_path if error.ctx else "imglint"
        warn(f"imglint: {_one_line(error)} (see `{printable(name)} --help`)")
        return 2
    except click.ClickException as error:
        warn(f"imglint: {_one_line(error)}")
        return 2
    return status if isinstance(status, int) else 0


def _check_names(arguments: list[str]) -> None:
    """Raise UsageError if an argument could be an option and the name of a file: a hook passes the names of files that a stranger chose."""
    for argument in arguments:
        if argument == "--":
            return
        if argument[:1] == "-" and os.path.lexists(argument):
            raise UsageError(f"`{argument}` is an option and the name of a file; write `./{argument}` for the file, or rename it")


def _one_line(error: click.ClickException) -> str:
    similar = sorted(getattr(error, "possibilities", None) or ())
    text = error.message if similar else error.format_message()
    text = " ".join(text.split("\n")).removesuffix(".")
    advice = f"; did you mean {' or '.join([f'`{name}`' for name in similar])}?" if similar else ""
    return f"{text[:1].lower()}{text[1:]}{advice}"


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, "-V", "--version", message="imglint %(version)s")
def cli() -> None:
    """Check container image references in Dockerfiles, compose files, Kubernetes manifests, Helm charts and CI pipelines against a registry policy.

    `imglint [PATHS]...` is short for `imglint check [PATHS]...`.
    """


def _names(_context: object, _option: object, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names in lists with commas."""
    names = tuple([name.strip() for value in values for name in value.split(",")])
    if not all(names):
        raise click.BadParameter("expected rules separated by commas, such as latest-tag,root-user")
    return names


def _pair(_context: object, _option: object, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    pairs = [tuple(value.partition("=")[::2]) for value in values]
    for pair in pairs:
        if not all(pair):
            raise click.BadParameter("expected FORMAT=FILE, such as sarif=imglint.sarif")
    return tuple((name, file) for name, file in pairs)


@cli.command("check")
@PATHS
@CONFIG
@CONFIG_FROM
@click.option(
    "--format",
    default="text",
    metavar="NAME",
    shell_complete=_format_names,
    help="Report format: text, concise, json, sarif, github, gitlab, or the name of a plugin [default: text].",
)
@click.option("-o", "--output", metavar="FILE", type=click.Path(), help="Write the report to this file instead of stdout.")
@click.option(
    "--report",
    "reports",
    metavar="FORMAT=FILE",
    multiple=True,
    callback=_pair,
    help="Also write a report in this format to a file; may be repeated.",
)
@ENVIRONMENT
@click.option(
    "--select",
    metavar="RULES",
    multiple=True,
    callback=_names,
    shell_complete=_rule_names,
    help="Run only these rules, separated by commas; may be repeated.",
)
@click.option(
    "--ignore",
    metavar="RULES",
    multiple=True,
    callback=_names,
    shell_complete=_rule_names,
    help="Do not run these rules, separated by commas; may be repeated.",
)
@EXCLUDE
@click.option(
    "--fail-on",
    type=click.Choice([*LEVELS, "never"]),
    metavar="LEVEL",
    help="Lowest level that makes the exit status 1: note, warning, error or never [default: warning].",
)
@click.option("--fix", is_flag=True, help="Write the safe fixes into the files, and report what remains.")
@click.option("--unsafe-fixes", is_flag=True, help="With --fix or --diff, include the fixes that need a review.")
@click.option("--diff", is_flag=True, help="Print a diff of what --fix would change, and write nothing.")
@click.option("--online", is_flag=True, help="Ask registries about the images. Without it, imglint never uses the network.")
@click.option("--refresh", is_flag=True, help="With --online, ask again instead of using cached answers.")
@click.option(
    "--min-level",
    type=click.Choice(LEVELS),
    metavar="LEVEL",
    help="Lowest level to show: note, warning or error. By default, the formats text and concise only count most notes.",
)
@click.option("--statistics", is_flag=True, help="Print the number of findings of each rule instead of the findings.")
@click.option(
    "--no-ignore-comments",
    "comments",
    flag_value=False,
    default=True,
    help="Report findings that `imglint: ignore` comments silence.",
)
@click.option("--baseline", metavar="FILE", type=click.Path(), help="Report only findings that are not in this baseline.")
@click.option("--write-baseline", metavar="FILE", type=click.Path(), help="Write all findings to this baseline.")
@click.option(
    "--since",
    metavar="REF",
    multiple=True,
    callback=_only_one,
    help="Report only findings on lines that changed since the merge base with this Git revision.",
)
@click.option("--stdin-filename", metavar="PATH", help="File name of the text on stdin, if the path is '-'.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of worker processes, always 1 with --online [default: chosen automatically].",
)
@click.option("-q", "--quiet", is_flag=True, help="Print only the findings.")
@click.option("-v", "--verbose", is_flag=True, help="Print to stderr which policy is used and which files are read.")
@click.option("--debug", is_flag=True, help="Print the tracebacks of internal errors.")
@click.option("--color/--no-color", default=None, help="Color the text [default: on a terminal].")
def check_command(**options: Any) -> int:
    """Check files and folders (default: the current folder)."""
    return check(CommandOptions(**options))


@cli.command("images")
@PATHS
@CONFIG
@CONFIG_FROM
@ENVIRONMENT
@EXCLUDE
@click.option(
    "--format",
    default="text",
    metavar="NAME",
    shell_complete=_image_format_names,
    help="Output format: text, json, ndjson, csv or cyclonedx [default: text].",
)
def images_command(format: str, **options: Any) -> int:  # noqa: A002  the name of the option
    """List every image reference."""
    from imglint.commands.images import images

    return images(CommandOptions(format=format, **options))


@cli.command("rules")
@click.argument("rule", required=False, shell_complete=_rule_names)
def rules_command(rule: str | None) -> int:
    """List the rules, or print the documentation of one."""
    from imglint.commands.rules import print_rules

    return print_rules(rule)


@cli.command("explain")
@click.argument("target", metavar="FILE[:LINE]", type=click.Path())
@CONFIG
@CONFIG_FROM
@ENVIRONMENT
def explain_command(target: str, **options: Any) -> int:
    """Show which row, rules and levels apply to each image, and why."""
    from imglint.commands.explain import explain

    return explain(target, CommandOptions(**options))


@cli.command("init")
@PATHS
def init_command(paths: tuple[str, ...]) -> int:
    """Write a starter policy from the images in use today."""
    from imglint.commands.init import init

    return init(paths)


@cli.command("schema")
def schema_command() -> int:
    """Print the JSON Schema of the policy file."""
    from imglint.commands.rules import print_schema

    return print_schema()
