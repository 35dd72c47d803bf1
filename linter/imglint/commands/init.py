"""`imglint init`: a starter policy from what a tree uses today. Imports the engine, and the guesses.

What it writes approves every image of the tree, in every environment and role, and asks for no tags but those that are used: so that a team begins with
a policy that holds, and narrows it.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from textwrap import wrap

from imglint.commands import COMMANDS
from imglint.commands.init_heuristics import environment_patterns, tag_pattern
from imglint.commands.options import CLEAN, CommandOptions, run_command
from imglint.engine.facts import Settings, facts_of, files
from imglint.errors import UsageError
from imglint.model import BASE, BUILD, FRONTEND, LATEST, PRODUCTION, ROLES, UNRESOLVED, ImageUse, Problem, RunUser
from imglint.output import check_target, encoded, warn, write_whole
from imglint.plugins import rules
from imglint.policy.lookup import FILE_NAME, default_policy, find
from imglint.printable import printable
from imglint.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 100
STEP = "#   "
NAMES_MAX = 5
"""Images that the comment of a row names."""
DOCKERFILE = "dockerfile"
DOCKERFILES = '["*[Dd]ockerfile*", "*[Cc]ontainerfile*"]'

_PLAIN = re.compile(r"[a-z0-9][a-z0-9._-]*/[a-z0-9._/*-]*")


def init(paths: tuple[str, ...]) -> int:
    """Write a policy for what stands in the paths to the current folder, and return the exit status. A policy that is there is left alone."""
    return run_command(CommandOptions(paths=paths), _init)


def _init(request: CommandOptions) -> int:
    if os.path.lexists(FILE_NAME):
        raise UsageError(f"{FILE_NAME}: this file exists already and is left as it is; move it away to have a new one written")
    for path in request.paths:
        if not os.path.lexists(path):
            raise UsageError(f"{path}: there is no such file or folder")
    check_target(FILE_NAME)
    above = find("")
    tree = _tree(request.paths)
    write_whole(FILE_NAME, [encoded("\n".join([*_policy(tree), ""]))])
    if above:
        warn(f"imglint: {above} no longer holds in this folder; name it under `extends` in {FILE_NAME} where it shall")
    print(_summary(tree, request.paths))  # noqa: T201  this is the answer
    return CLEAN


@record
class _Row:
    """One registry and namespace, the pattern for both, and all uses of their images."""

    pattern: str
    uses: tuple[ImageUse, ...]


@record
class _Tree:
    """What a tree uses.

    Its files of a known kind: path from the current folder, kind, and whether an image or a user stands there; the images and users; the names of
    images built here and the rows for all others; how many images have no value.
    """

    files: tuple[tuple[str, str, bool], ...]
    uses: tuple[ImageUse, ...]
    users: tuple[RunUser, ...]
    built: tuple[str, ...]
    rows: tuple[_Row, ...]
    unresolved: int

    @property
    def used_files(self) -> int:
        """How many files name an image or a user."""
        return sum([says for _, _, says in self.files])

    @property
    def judged(self) -> list[ImageUse]:
        """The uses of images that are not built here."""
        return [use for row in self.rows for use in row.uses if not _is_built(use, self.built)]


def _tree(paths: tuple[str, ...]) -> _Tree:
    settings = Settings(default_policy(), rules())
    found, uses, users = list[tuple[str, str, bool]](), list[ImageUse](), list[RunUser]()
    unresolved = 0
    for file in files(paths or ("",), settings):
        facts = facts_of(file, settings)
        if facts.source.kind:
            says = any(isinstance(fact, ImageUse | RunUser) for fact in facts.facts)
            found.append((os.path.relpath(facts.source.path), facts.source.kind, says))
        for fact in facts.facts:
            if isinstance(fact, RunUser):
                users.append(fact)
            elif isinstance(fact, Problem):
                warn(f"{fact.location.path}:{fact.location.line}:{fact.location.column}: {fact.message}")
            elif isinstance(fact, ImageUse) and fact.reference and fact.role != FRONTEND:
                uses.append(fact)
            elif isinstance(fact, ImageUse) and fact.problem and fact.problem.rule == UNRESOLVED:
                unresolved += 1
    built = _built(uses)
    return _Tree(tuple(found), tuple(uses), tuple(users), built, _rows(uses, built), unresolved)


def _built(uses: list[ImageUse]) -> tuple[str, ...]:
    """Return the names of images that services build, without those that something else is built from."""
    bought = {_name(use) for use in uses if use.role in (BASE, BUILD) and not use.built}
    return tuple(sorted({_name(use) for use in uses if use.built} - bought))


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


def _policy(tree: _Tree) -> Iterator[str]:
    """Yield the lines of the policy."""
    yield from _comment(
        f"The registry policy of this repository, begun by `imglint init` from {_count(len(tree.uses), 'image')} in "
        f"{_count(tree.used_files, 'file')}. It approves all that is used today. What to do next:"
    )
    yield from _comment("1. Correct the environments, which were guessed from the names of files and folders.", STEP)
    yield from _comment("2. Delete the rows of `images` that nobody has decided for, and narrow the others.", STEP)
    yield from _comment("3. Run `imglint`; `imglint explain FILE` tells why something is found, or is not.", STEP)
    yield from _comment("`imglint schema` prints a JSON Schema by which editors complete and check this file.")
    for section in (_environments(tree), _images(tree), _own(tree), _variables(tree), _rules(tree), _hints()):
        lines = list(section)
        if lines:
            yield ""
            yield from lines


def _environments(tree: _Tree) -> Iterator[str]:
    found = environment_patterns([file for file in tree.files if file[0].split("/")[0] != os.pardir])
    if found:
        yield from _comment("Which files belong to which environment. The first list that fits a file decides.")
        yield "environments:"
        for name in dict.fromkeys([PRODUCTION, *found]):
            yield f"  {name}:{'' if name in found else ' []  # all that no list claims, as said below'}"
            yield from [f"    - {_quoted(pattern)}" for pattern in found.get(name, ())]
    else:
        yield from _comment("No name of a file or folder tells an environment. List those that are not production here:")
        yield '# environments: {development: ["docker-compose*.yml", "**/values-dev.yaml"]}'
    yield f"default-environment: {PRODUCTION}  # of every other file"


def _images(tree: _Tree) -> Iterator[str]:
    if not tree.rows:
        yield from _comment("The approved images. None was found; a row looks like this:")
        yield from ("# images:", "#   - match: ghcr.io/acme/*", '#     tags: ["v{semver}"]')
        return
    yield from _comment(
        "The approved images: the first row that fits speaks. A row can be narrowed by `environments`, `roles` "
        f"({', '.join(ROLES)}), `files`, `tags` and `forbidden-tags`."
    )
    yield "images:"
    for row in tree.rows:
        yield from _comment(_used(row), "  # ")
        yield f"  - match: {row.pattern if _PLAIN.fullmatch(row.pattern) else _quoted(row.pattern)}"
        yield from _tags(row)


def _used(row: _Row) -> str:
    """Say how often the images of a row are used, and as what."""
    roles = Counter([use.role for use in row.uses])
    names = [name.rpartition("/")[2] for name, _ in Counter([_name(use) for use in row.uses]).most_common()]
    more = f" and {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else ""
    counts = ", ".join([f"{count} {role}" for role, count in roles.most_common()] if len(roles) > 1 else roles)
    return f"{_count(len(row.uses), 'use')} ({counts}): {', '.join(names[:NAMES_MAX])}{more}"


def _tags(row: _Row) -> Iterator[str]:
    """Yield the tags that a row asks for, where all that are used share a pattern; as a comment, where all but the tag latest do.

    To name that tag would keep quiet about it from then on: nobody has decided that yet.
    """
    used = [(_name(use), tag) for use in row.uses if (tag := use.pulled_tag) is not None]
    others = [(name, tag) for name, tag in used if tag != LATEST]
    pattern = tag_pattern(others)
    if pattern and len(others) == len(used):
        yield f"    tags: [{_quoted(pattern)}]"
    elif pattern:
        yield f"    # tags: [{_quoted(pattern)}]  # all but {_count(len(used) - len(others), 'use')} of {LATEST}"


def _own(tree: _Tree) -> Iterator[str]:
    if tree.built:
        yield from _comment("Images that compose files build here. They need no row, wherever they are named.")
        yield "built:"
        yield from [f"  - {name if _PLAIN.fullmatch(name) else _quoted(name)}" for name in tree.built]


def _variables(tree: _Tree) -> Iterator[str]:
    if tree.unresolved:
        has = "has a variable" if tree.unresolved == 1 else "have variables"
        yield from _comment(f"{_count(tree.unresolved, 'image')} {has} without a value, and cannot be judged until one is given:")
        yield "# variables: {OWNER: acme}"


def _rules(tree: _Tree) -> Iterator[str]:
    known = rules()
    levels = [*_registries(tree), *_digests(tree), *_root(tree)]
    kept = [line for name, lines in levels if name in known for line in lines]
    if "moving-tag" in known:
        kept.append("# moving-tag: warning  # a tag that moves with releases, such as 1.25 or stable")
    yield from _comment("Levels of rules: off, note, warning or error. `imglint rules` lists them with their defaults.")
    if any(not line.startswith("#") for line in kept):
        yield from ["rules:", *[f"  {line}" for line in kept]]
    else:
        yield from ["# rules:", *[f"#   {line.removeprefix('# ')}" for line in kept]]


def _registries(tree: _Tree) -> Iterator[tuple[str, list[str]]]:
    written = [bool(use.reference and use.reference.registry_explicit) for use in tree.judged]
    if written and all(written):
        yield "implicit-registry", ["implicit-registry: error  # no image leaves its registry out"]
    elif written:
        yield "implicit-registry", [f"# implicit-registry: error  # {_part(written.count(False), len(written))} none"]


def _digests(tree: _Tree) -> Iterator[tuple[str, list[str]]]:
    pinned = [bool(use.reference and use.reference.digest) for use in tree.judged]
    if pinned and all(pinned):
        yield "missing-digest", ["missing-digest: error  # every image has one"]
    elif pinned and pinned.count(True) * 2 > len(pinned):
        yield "missing-digest", [f"missing-digest: warning  # {_part(pinned.count(True), len(pinned))} one"]
    elif pinned:
        few = _part(pinned.count(True), len(pinned)) + " one" if any(pinned) else "no image has one"
        yield "missing-digest", [f"# missing-digest: warning  # {few}"]


def _root(tree: _Tree) -> Iterator[tuple[str, list[str]]]:
    """Yield the user that all Dockerfiles run as, if there is one: for them alone, where other files have other users."""
    uids = {_uid(user) for user in tree.users if user.known and user.user and user.source.kind == DOCKERFILE} - {"0"}
    if len(uids) != 1 or not (uid := uids.pop()).isdigit():
        return
    others = {_uid(user) for user in tree.users if user.known and user.user and user.source.kind != DOCKERFILE} - {"0", uid}
    if others:
        entries = [f"- {{files: {DOCKERFILES}, level: warning, uid: {uid}}}", "- {level: warning}"]
        yield "root-user", ["root-user:  # the Dockerfiles agree on this user", *[f"  {entry}" for entry in entries]]
    else:
        yield (
            "root-user",
            ["root-user:", "  level: warning", f"  uid: {uid}  # all Dockerfiles that name a user agree on this one"],
        )


def _uid(user: RunUser) -> str:
    """Return the user without a group: a number without leading zeros, or a name; root is 0."""
    name = (user.user or "").partition(":")[0].strip()
    if name.isascii() and name.isdigit():
        return name.lstrip("0") or "0"
    return "0" if name == "root" else f"({name})"


def _hints() -> Iterator[str]:
    yield from _comment("What may stay as it is until a day, and files that are not checked at all:")
    yield from (
        "# exceptions:",
        "#   - match: docker.io/acme/app:1.25",
        "#     rules: [unapproved-image]",
        "#     reason: why it has to stay, and what would end that",
        "#     approved-by: who answers for it",
        "#     until: 2030-12-31",
        '# exclude: ["vendor/", "**/testdata/**"]',
    )


def _comment(text: str, start: str = "# ") -> list[str]:
    return wrap(text, WIDTH, initial_indent=start, subsequent_indent=start, break_long_words=False, break_on_hyphens=False)


def _quoted(text: str) -> str:
    """Return text as a YAML scalar that nothing can break out of: only quotes and backslashes say something in double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _part(number: int, whole: int) -> str:
    """Say of how many images something is told, up to the verb."""
    if number == whole:
        return "the image has" if whole == 1 else f"all {whole} images have"
    return f"{number} of {whole} images {'has' if number == 1 else 'have'}"


def _summary(tree: _Tree, paths: tuple[str, ...]) -> str:
    from shlex import quote

    shown = [quote(f"./{path}" if path in COMMANDS or path.startswith("-") else path) for path in paths]
    return (
        f"Wrote {FILE_NAME}: {_count(len(tree.rows), 'row')} for {_count(len(tree.uses), 'image')} in "
        f"{_count(tree.used_files, 'file')}.\n"
        f"Read it and correct what was guessed, then run: {printable(' '.join(['imglint', *shown]))}"
    )
