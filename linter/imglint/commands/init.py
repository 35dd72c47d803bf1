"""`imglint init`: writes a starter policy from the images that a tree uses today.

The policy approves every image of the tree, in every environment and role, and requires only what all of them fulfill, or nearly all. So a team starts
with a policy that hardly fails, and tightens it.
"""

from __future__ import annotations

import os
from collections import Counter

from imglint.commands import COMMANDS
from imglint.commands.init_heuristics import File, environment_patterns, escaped, excluded_folders
from imglint.commands.init_rows import approved_rows, own_images
from imglint.commands.init_text import Survey, policy_lines
from imglint.commands.options import CLEAN, CommandOptions, run_command, settings_for
from imglint.engine.facts import Settings, read_files
from imglint.engine.run import run
from imglint.engine.tree import Trees
from imglint.errors import UsageError
from imglint.model import CI, FRONTEND, ImageUse, Problem, RunUser, Severity
from imglint.output import check_target, encoded, warn, write_whole
from imglint.patterns.matcher import PATTERN_MAX
from imglint.patterns.path import PathPattern, PathPatterns
from imglint.plugins.load import kinds, rules
from imglint.policy.find import MISSPELLED, WorkingTree, found
from imglint.policy.load import load
from imglint.policy.lookup import FILE_NAME, Policy
from imglint.printable import counted, printable
from imglint.repository import is_below, root_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from imglint.engine.facts import FileFacts
    from imglint.model import Finding
    from imglint.policy.find import Place, Policies

BASELINE = ".imglint-baseline.json"
BASELINE_FROM = 20
"""Errors and warnings that remain from which on a baseline is suggested."""
LEVELS = (Severity.ERROR, Severity.WARNING)
"""The levels of findings that fail a run."""


def init(paths: tuple[str, ...]) -> int:
    """Write a policy for the images in the paths to the current folder, and return the exit status. An existing policy is never overwritten."""
    return run_command(CommandOptions(paths=paths), _init)


def _init(options: CommandOptions) -> int:
    if os.path.lexists(FILE_NAME):
        raise UsageError(f"{FILE_NAME}: already exists; rename or delete it first")
    for name in MISSPELLED:
        if os.path.lexists(name):
            raise UsageError(f"{name}: not read as a policy; rename it to {FILE_NAME}, or delete it")
    for path in options.paths:
        if not os.path.lexists(path):
            raise UsageError(f"{path}: no such file or folder")
        if not is_below(os.path.abspath(path), os.getcwd()):
            raise UsageError(f"{path}: outside of the current folder; run `imglint init` in a folder that contains it")
    check_target(FILE_NAME)
    survey = _survey(options.paths, _policies())
    write_whole(FILE_NAME, [encoded("\n".join([*policy_lines(survey), ""]))])
    settings = settings_for(options)
    report = run(options.paths or ("",), settings)
    for line in (*_written(survey, settings.policies.of("")), *_next_steps(report.findings, options.paths)):
        print(line)  # noqa: T201  the result of the command
    return CLEAN


class _WithNewPolicy(WorkingTree):
    """The working tree, as if the current folder had a policy file already."""

    def find(self, folder: str, names: tuple[str, ...]) -> str | None:
        return FILE_NAME if FILE_NAME in names and folder == os.getcwd() else super().find(folder, names)


def _policies() -> Policies:
    """Return the policies that apply as soon as the current folder has one, which sets nothing yet.

    Raises UsageError if the policy of a folder above applies here.
    """

    def load_found(path: str, place: Place) -> Policy:
        return Policy(path, os.getcwd()) if path == FILE_NAME else load(path, rules(), kinds(), place, found=True)

    policies = found(_WithNewPolicy, load_found, ("",))
    above = policies.of("")
    if above.path != FILE_NAME:
        folder = f"{above.relative(os.getcwd())}/"
        raise UsageError(f"{above.path} applies to this folder; add `{folder}` to its `delegates` first, or edit that policy")
    return policies


def _survey(paths: tuple[str, ...], policies: Policies) -> Survey:
    """Return the contents of the files that the new policy applies to.

    Raises PolicyError if the policy of a folder below is invalid.
    """
    settings = Settings(policies, rules(), tree=Trees(policies))
    new = policies.of("")
    read = [(_as_file(facts), facts) for facts in read_files(paths or ("",), settings) if policies.of(facts.source.path) is new]
    below = _folders_with_policies(policies)
    read = [(file, facts) for file, facts in read if below.keys().isdisjoint(_folders_above(file.path))]
    exclude = excluded_folders([file for file, _ in read])
    excluded = PathPatterns([PathPattern(text) for text in exclude])
    delegates = [folder for folder in below if not excluded.fit(folder.rstrip("/"), is_folder=True)]
    for folder in delegates:
        load(below[folder], rules(), kinds(), found=True)
    kept = [(file, facts.facts) for file, facts in read if not excluded.fit(file.path)]
    uses, users = list[ImageUse](), list[RunUser]()
    for fact in [fact for _, facts in kept for fact in facts]:
        if isinstance(fact, RunUser):
            users.append(fact)
        elif isinstance(fact, Problem):
            warn(f"{fact.location}: {fact.message}")
        elif isinstance(fact, ImageUse) and fact.reference and fact.role != FRONTEND:
            uses.append(fact)
    own = own_images(uses)
    return Survey(
        sum([file.is_used for file, _ in kept]),
        tuple(uses),
        tuple(users),
        own,
        approved_rows(uses, own),
        # The names of pipelines say what they do, not where an image runs: `test.yml`.
        environment_patterns([file for file, _ in kept if file.kind and not file.is_pipeline]),
        tuple(exclude),
        tuple([text for text in map(escaped, delegates) if len(text) <= PATTERN_MAX]),
    )


def _folders_with_policies(policies: Policies) -> dict[str, str]:
    """Return the outermost folders below that have a policy already, relative, with a slash at the end, and the paths of these policies."""
    paths = {os.path.join(os.path.relpath(unused.folder), "").replace(os.sep, "/"): unused.path for unused in policies.unused}
    return {folder: path for folder, path in sorted(paths.items()) if paths.keys().isdisjoint(_folders_above(folder[:-1]))}


def _folders_above(path: str) -> Iterator[str]:
    """Yield the folders above a path, with a slash at the end."""
    at = path.find("/")
    while at >= 0:
        yield path[: at + 1]
        at = path.find("/", at + 1)


def _as_file(facts: FileFacts) -> File:
    path = os.path.relpath(facts.source.path).replace(os.sep, "/")
    is_used = any(isinstance(fact, ImageUse | RunUser) for fact in facts.facts)
    return File(path, facts.source.kind, is_used, facts.source.environment == CI)


def _written(survey: Survey, policy: Policy) -> Iterator[str]:
    """Yield what was written, and the folder that it applies to if that is not the whole repository."""
    number = counted(len(survey.rows), "row")
    yield f"Wrote {FILE_NAME}: {number} for {counted(len(survey.uses), 'image')} in {counted(survey.files, 'file')}."
    root = root_of("")
    if root != os.getcwd() and not policy.delegated_at:
        path = printable(os.path.relpath(root))
        yield f"The policy applies to this folder only; to cover the repository, run `imglint init` in `{path}`."


def _next_steps(findings: Iterable[Finding], paths: Sequence[str]) -> Iterator[str]:
    """Yield how much the policy does not allow yet, and the commands that come next."""
    left = Counter([finding.level for finding in findings if finding.level in LEVELS])
    if left:
        levels = " and ".join([counted(left[level], str(level)) for level in LEVELS if left[level]])
        by_rule = Counter([finding.rule for finding in findings if finding.level in LEVELS]).most_common()
        remain = "remains" if left.total() == 1 else "remain"
        yield f"{levels} {remain}: {', '.join([f'{number} {rule}' for rule, number in by_rule])}."
    yield f"Review the policy, then run: {_command(paths)}"
    if left.total() > BASELINE_FROM:
        yield f"To accept these findings for now, run: {_command(paths, '--write-baseline', BASELINE)}"
        yield f"After that, run: {_command(paths, '--baseline', BASELINE)}"


def _command(paths: Iterable[str], *options: str) -> str:
    """Return the command that checks the paths."""
    from shlex import quote

    shown = [quote(f"./{path}" if path in COMMANDS or path.startswith("-") else path) for path in paths]
    return printable(" ".join(["imglint", *options, *shown]))
