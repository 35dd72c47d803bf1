"""`imglint init`: writes a starter policy from the images that a tree uses today.

The policy approves every image of the tree, in every environment and role, and requires only tags that are in use. A team starts with a policy that
passes, and tightens it.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from textwrap import wrap

from imglint.commands import COMMANDS
from imglint.commands.init_heuristics import environment_patterns, tag_pattern
from imglint.commands.options import CLEAN, CommandOptions, run_command, settings_for
from imglint.engine.facts import Settings, read_files
from imglint.errors import UsageError
from imglint.model import BASE, BUILD, FRONTEND, LATEST, PRODUCTION, ROLES, UNRESOLVED, ImageUse, Problem, RunUser
from imglint.output import check_target, encoded, warn, write_whole
from imglint.plugins.load import rules
from imglint.policy.find import one_for_all
from imglint.policy.lookup import FILE_NAME, default_policy
from imglint.printable import counted, printable
from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 100
STEP = "#   "
NAMES_MAX = 5
"""Image names in the comment of a row."""
DOCKERFILE = "dockerfile"
DOCKERFILES = '["*[Dd]ockerfile*", "*[Cc]ontainerfile*"]'

_PLAIN_IMAGE = re.compile(r"[a-z0-9][a-z0-9._-]*/[a-z0-9._/*-]*")
_PLAIN_PATH = re.compile(r"[A-Za-z][A-Za-z0-9._/-]*(?:/|\.ya?ml|\.json|[Dd]ockerfile)")
"""Images and paths that need no quotes in YAML."""


def init(paths: tuple[str, ...]) -> int:
    """Write a policy for the images in the paths to the current folder, and return the exit status. An existing policy is never overwritten."""
    return run_command(CommandOptions(paths=paths), _init)


def _init(options: CommandOptions) -> int:
    if os.path.lexists(FILE_NAME):
        raise UsageError(f"{FILE_NAME}: already exists; rename or delete it first")
    for path in options.paths:
        if not os.path.lexists(path):
            raise UsageError(f"{path}: no such file or folder")
    check_target(FILE_NAME)
    above = settings_for(CommandOptions()).policies.of("").path
    survey = _survey(options.paths)
    write_whole(FILE_NAME, [encoded("\n".join([*_policy(survey), ""]))])
    if above:
        warn(
            f"imglint: {above} applies to this folder; {FILE_NAME} has no effect before {above} lists the folder under `delegates`"
        )
    print(_summary(survey, options.paths))  # noqa: T201  the result of the command
    return CLEAN


@record
class _Row:
    """One registry and namespace, the pattern for both, and all uses of their images."""

    pattern: str
    uses: tuple[ImageUse, ...]


@record
class _Survey:
    """The contents of a tree.

    `files` are the files of a known kind: path relative to the current folder, kind, and whether the file sets an image or a user. `uses` and
    `users` are the images and users, `built` the names of images built in this tree, and `rows` the rows for all other images. `unresolved` is
    the number of images with a variable without a value.
    """

    files: tuple[tuple[str, str, bool], ...]
    uses: tuple[ImageUse, ...]
    users: tuple[RunUser, ...]
    built: tuple[str, ...]
    rows: tuple[_Row, ...]
    unresolved: int

    @property
    def used_files(self) -> int:
        """The number of files that set an image or a user."""
        return sum([is_used for _, _, is_used in self.files])

    @property
    def checked_uses(self) -> list[ImageUse]:
        """The uses of images that are not built in this tree."""
        return [use for row in self.rows for use in row.uses if not _is_built(use, self.built)]


def _survey(paths: tuple[str, ...]) -> _Survey:
    settings = Settings(one_for_all(default_policy()), rules())
    found, uses, users = list[tuple[str, str, bool]](), list[ImageUse](), list[RunUser]()
    unresolved = 0
    for facts in read_files(paths or ("",), settings):
        if facts.source.kind:
            is_used = any(isinstance(fact, ImageUse | RunUser) for fact in facts.facts)
            found.append((os.path.relpath(facts.source.path), facts.source.kind, is_used))
        for fact in facts.facts:
            if isinstance(fact, RunUser):
                users.append(fact)
            elif isinstance(fact, Problem):
                warn(f"{fact.location}: {fact.message}")
            elif isinstance(fact, ImageUse) and fact.reference and fact.role != FRONTEND:
                uses.append(fact)
            elif isinstance(fact, ImageUse) and fact.problem and fact.problem.rule == UNRESOLVED:
                unresolved += 1
    built = _built(uses)
    return _Survey(tuple(found), tuple(uses), tuple(users), built, _rows(uses, built), unresolved)


def _built(uses: list[ImageUse]) -> tuple[str, ...]:
    """Return the names of images that services build, without those that are the base of another image."""
    bases = {_name(use) for use in uses if use.role in (BASE, BUILD) and not use.built}
    return tuple(sorted({_name(use) for use in uses if use.built} - bases))


def _is_built(use: ImageUse, built: tuple[str, ...]) -> bool:
    return use.built or _name(use) in built


def _name(use: ImageUse) -> str:
    return use.reference.name if use.reference else ""


def _rows(uses: list[ImageUse], built: tuple[str, ...]) -> tuple[_Row, ...]:
    groups: dict[str, list[ImageUse]] = {}
    for use in uses:
        registry, *path = _name(use).split("/")
        groups.setdefault("/".join([registry, *path[:-1][:1]]), []).append(use)
    rows = []
    for name, group in sorted(groups.items()):
        if not all(_is_built(use, built) for use in group):
            deepest = max([_name(use).count("/") for use in group])
            rows.append(_Row(f"{name}/{'*' if deepest == name.count('/') + 1 else '**'}", tuple(group)))
    return tuple(rows)


def _policy(survey: _Survey) -> Iterator[str]:
    """Yield the lines of the policy."""
    yield from _comment(
        f"Registry policy, generated by `imglint init` from {counted(len(survey.uses), 'image')} in "
        f"{counted(survey.used_files, 'file')}. It approves every image in use. Next steps:"
    )
    yield from _comment("1. Correct the environments, which are guesses from file and folder names.", STEP)
    yield from _comment("2. Delete the rows of `images` that you do not approve, and narrow the others.", STEP)
    yield from _comment("3. Run `imglint`. `imglint explain FILE` shows why an image is reported or not.", STEP)
    yield from _comment("`imglint schema` prints a JSON Schema for completion and validation in editors.")
    for section in (
        _environments(survey),
        _images(survey),
        _own(survey),
        _variables(survey),
        _rules(survey),
        _hints(),
    ):
        lines = list(section)
        if lines:
            yield ""
            yield from lines


def _environments(survey: _Survey) -> Iterator[str]:
    found = environment_patterns([file for file in survey.files if file[0].split("/")[0] != os.pardir])
    if found:
        yield from _comment("The files of each environment. The first list that matches a file decides.")
        yield "environments:"
        for name in dict.fromkeys([PRODUCTION, *found]):
            yield f"  {name}:{'' if name in found else ' []  # all other files, see default-environment'}"
            for pattern in found.get(name, ()):
                yield f"    - {pattern if _PLAIN_PATH.fullmatch(pattern) else _quoted(pattern)}"
    else:
        yield from _comment("File and folder names show no environments. List the files that are not production here:")
        yield '# environments: {development: ["docker-compose*.yml", "**/values-dev.yaml"]}'
    yield f"default-environment: {PRODUCTION}  # of all other files"


def _images(survey: _Survey) -> Iterator[str]:
    if not survey.rows:
        yield from _comment("The approved images. None were found; an example:")
        yield from ("# images:", "#   - match: ghcr.io/acme/*", '#     tags: ["v{semver}"]')
        return
    yield from _comment(
        "The approved images. The first row that matches decides. Narrow a row with `environments`, `roles` "
        f"({', '.join(ROLES)}), `files`, `tags` or `forbidden-tags`."
    )
    yield "images:"
    for row in survey.rows:
        yield from _comment(_used(row), "  # ")
        yield f"  - match: {row.pattern if _PLAIN_IMAGE.fullmatch(row.pattern) else _quoted(row.pattern)}"
        yield from _tags(row)


def _used(row: _Row) -> str:
    """Return the names of the images of a row, and how often they are used in each role."""
    roles = Counter([use.role for use in row.uses])
    names = [name.rpartition("/")[2] for name, _ in Counter([_name(use) for use in row.uses]).most_common()]
    more = f" and {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else ""
    counts = ", ".join([f"{count} {role}" for role, count in roles.most_common()] if len(roles) > 1 else roles)
    return f"{counted(len(row.uses), 'use')} of {', '.join(names[:NAMES_MAX])}{more} ({counts})"


def _tags(row: _Row) -> Iterator[str]:
    """Yield the pattern that all tags of a row share; as a comment, if all but `latest` share it.

    `latest` is never added to the pattern, because that would silence latest-tag, which is for the team to decide.
    """
    used = [(_name(use), tag) for use in row.uses if (tag := use.pulled_tag) is not None]
    others = [(name, tag) for name, tag in used if tag != LATEST]
    pattern = tag_pattern(others)
    if pattern and len(others) == len(used):
        yield f"    tags: [{_quoted(pattern)}]"
    elif pattern:
        yield f"    # tags: [{_quoted(pattern)}]  # would flag {counted(len(used) - len(others), 'use')} of {LATEST}"


def _own(survey: _Survey) -> Iterator[str]:
    if survey.built:
        yield from _comment("Images that compose files of this repository build. They need no row.")
        yield "built:"
        yield from [f"  - {name if _PLAIN_IMAGE.fullmatch(name) else _quoted(name)}" for name in survey.built]


def _variables(survey: _Survey) -> Iterator[str]:
    if survey.unresolved:
        has = "has a variable" if survey.unresolved == 1 else "have variables"
        yield from _comment(
            f"{counted(survey.unresolved, 'image')} {has} without a value and cannot be checked. Set values here:"
        )
        yield "# variables: {OWNER: acme}"


def _rules(survey: _Survey) -> Iterator[str]:
    known = rules()
    levels = [*_registries(survey), *_digests(survey), *_root(survey)]
    kept = [line for name, lines in levels if name in known for line in lines]
    if "moving-tag" in known:
        kept.append("# moving-tag: warning  # tags that move with releases, such as 1.25 or stable")
    yield from _comment("Rule levels: off, note, warning or error. `imglint rules` lists the rules with their defaults.")
    if any(not line.startswith("#") for line in kept):
        yield from ["rules:", *[f"  {line}" for line in kept]]
    else:
        yield from ["# rules:", *[f"#   {line.removeprefix('# ')}" for line in kept]]


def _registries(survey: _Survey) -> Iterator[tuple[str, list[str]]]:
    written = [bool(use.reference and use.reference.registry_explicit) for use in survey.checked_uses]
    if written:
        line = f"implicit-registry: error  # {_share(written, 'a registry')}"
        yield "implicit-registry", [line if all(written) else f"# {line}"]


def _digests(survey: _Survey) -> Iterator[tuple[str, list[str]]]:
    pinned = [bool(use.reference and use.reference.digest) for use in survey.checked_uses]
    if pinned:
        line = f"missing-digest: {'error' if all(pinned) else 'warning'}  # {_share(pinned, 'a digest')}"
        yield "missing-digest", [line if pinned.count(True) * 2 > len(pinned) else f"# {line}"]


def _root(survey: _Survey) -> Iterator[tuple[str, list[str]]]:
    """Yield the user that all Dockerfiles share, if there is one; only for Dockerfiles, if other files have other users."""
    uids = {_uid(user) for user in survey.users if user.known and user.user and user.source.kind == DOCKERFILE} - {"0"}
    if len(uids) != 1 or not (uid := uids.pop()).isdigit():
        return
    others = {_uid(user) for user in survey.users if user.known and user.user and user.source.kind != DOCKERFILE} - {"0", uid}
    if others:
        entries = [f"- {{files: {DOCKERFILES}, level: warning, uid: {uid}}}", "- {level: warning}"]
        yield "root-user", ["root-user:  # the user of all Dockerfiles that set one", *[f"  {entry}" for entry in entries]]
    else:
        yield (
            "root-user",
            ["root-user:", "  level: warning", f"  uid: {uid}  # the user of all Dockerfiles that set one"],
        )


def _uid(user: RunUser) -> str:
    """Return the user without its group: a number without leading zeros, or a name in parentheses. Root is 0."""
    name = (user.user or "").partition(":")[0].strip()
    if name.isascii() and name.isdigit():
        return name.lstrip("0") or "0"
    return "0" if name == "root" else f"({name})"


def _hints() -> Iterator[str]:
    yield from _comment("Findings to accept until a date, and files to skip:")
    yield from (
        "# exceptions:",
        "#   - match: docker.io/acme/app:1.25",
        "#     rules: [unapproved-image]",
        "#     reason: why this image is needed, and what will replace it",
        "#     approved-by: platform team",
        "#     until: 2030-12-31",
        '# exclude: ["vendor/", "**/testdata/**"]',
    )


def _comment(text: str, start: str = "# ") -> list[str]:
    return wrap(text, WIDTH, initial_indent=start, subsequent_indent=start, break_long_words=False, break_on_hyphens=False)


def _quoted(text: str) -> str:
    """Return text as a double-quoted YAML scalar. Text must be printable, so quotes and backslashes are all that needs escaping."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _share(flags: list[bool], what: str) -> str:
    """Return how many images have something: `2 of 3 images have a digest`."""
    count = flags.count(True)
    if count == len(flags):
        return f"all images have {what}"
    if not count:
        return f"no image has {what}"
    return f"{count} of {len(flags)} images {'has' if count == 1 else 'have'} {what}"


def _summary(survey: _Survey, paths: tuple[str, ...]) -> str:
    from shlex import quote

    shown = [quote(f"./{path}" if path in COMMANDS or path.startswith("-") else path) for path in paths]
    return (
        f"Wrote {FILE_NAME} with {counted(len(survey.rows), 'row')} for {counted(len(survey.uses), 'image')} in "
        f"{counted(survey.used_files, 'file')}.\n"
        f"Review the file, then run: {printable(' '.join(['imglint', *shown]))}"
    )
