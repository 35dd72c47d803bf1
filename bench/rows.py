"""The rows of the table: the measurements, the programs to compare with, and the goals.

A section measures one or a few rows; `--only` takes its name. Every figure is a ratio of medians measured in turns, except for memory, which does not
depend on other load.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

from bench import environment
from bench.measure import Command, Failed, Measured, side_by_side
from bench.trees import Trees
from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MEBIBYTE = 1024
"""In KiB, the unit of the system's memory figures."""
ARGUMENTS_MAX = 3000
"""Files in one command; more might exceed the limit of its arguments."""
DOCKERFILE = re.compile(r"(?:dockerfile|containerfile)(?:\.[a-z0-9]+)?|.+\.dockerfile", re.IGNORECASE)
NO_DOCKERFILE = (".dockerignore", ".md", ".tmpl", ".tpl", ".j2", ".in", ".yaml", ".yml", ".json")
DOCKERFILES_MIN, MANIFESTS_MIN = 300, 2000
"""Minimum numbers of files for the goals to apply."""
REFERENCES = 200
"""Images that a registry is asked about."""
MANIFEST = re.compile(r".+\.(?:ya?ml|json)", re.IGNORECASE)
COMPOSE = re.compile(r"(?:docker-)?compose(?:[-_.].*)?\.ya?ml", re.IGNORECASE)
PATTERNS = (
    "from imglint.plugins.load import readers; print(*sorted({pattern for reader in readers() for pattern in reader.files}))"
)


@record
class Row:
    """One row of the table. `goal` is an upper limit, or a lower one with `at_least`. If there is no figure, `note` is the reason.

    `enough` is whether there were enough files for the goal to apply.
    """

    what: str
    goal: float
    figure: float | None
    unit: str = "times"
    at_least: bool = False
    note: str = ""
    enough: bool = True

    @property
    def verdict(self) -> str:
        """Whether the printed figure reaches the goal."""
        if self.figure is None:
            return "not measured"
        passed = self.shown >= self.goal if self.at_least else self.shown <= self.goal
        return "pass" if passed else "**fail**" if self.enough else "too few files for the goal"

    @property
    def shown(self) -> float:
        """The figure, rounded to its significant digits."""
        return round(self.figure or 0.0, 2 if (self.figure or 0.0) < 10 else 1)


class Bench:
    """A run of the benchmarks: the trees, the time per row, and the memory of each run of imglint."""

    def __init__(self, trees: Trees, seconds: float) -> None:
        self.trees, self.seconds = trees, seconds
        self.programs = environment.imglint()
        self.memory: dict[str, int] = {}

    def imglint(self, *arguments: str, folder: Path | None = None) -> Command:
        """Return an imglint command, in the tree unless another folder is given."""
        return Command((str(self.programs / "imglint"), *arguments), str(folder or self.trees.tree()))

    def python(self, *arguments: str) -> Command:
        """Return a command of the interpreter that runs imglint."""
        return Command((str(self.programs / "python"), "-I", *arguments), str(self.trees.tree()))

    def compare(self, what: str, imglint: Command, other: Command) -> tuple[Measured, Measured]:
        """Measure imglint and another command in turns."""
        ours, theirs = side_by_side((imglint, other), self.seconds)
        self.memory[what] = ours.memory
        return ours, theirs

    def slower(self, what: str, goal: float, imglint: Command, other: Command) -> Row:
        """Return the time of imglint as a multiple of the other command's."""
        ours, theirs = self.compare(what, imglint, other)
        return Row(what, goal, ours.seconds / theirs.seconds, note=_times(ours, theirs))

    def faster(self, what: str, goal: float, imglint: Command, other: Command, *, enough: bool = True) -> Row:
        """Return the time of the other command as a multiple of imglint's."""
        ours, theirs = self.compare(what, imglint, other)
        return Row(what, goal, theirs.seconds / ours.seconds, at_least=True, note=_times(ours, theirs), enough=enough)

    def is_large(self) -> bool:
        """Whether the tree is large enough for the goals for large trees."""
        return len(_named(self.trees.tree(), MANIFEST)) >= MANIFESTS_MIN


def _times(ours: Measured, theirs: Measured) -> str:
    return f"{ours.seconds * 1000:.0f} to {theirs.seconds * 1000:.0f} ms, {ours.memory / MEBIBYTE:.0f} MiB"


def start_up(bench: Bench) -> Iterator[Row]:
    """Measure a whole run over one small file without a policy, against an interpreter that does nothing."""
    nothing, folder = bench.python("-c", "pass"), bench.trees.small_files()
    for file, paths_only, options in (("Dockerfile", 2.5, 4.5), ("compose.yaml", 4.0, 6.0), ("pod.yaml", 4.0, 6.0)):
        yield bench.slower(
            f"one {file}, only a path, against `python -I -c pass`", paths_only, bench.imglint(file, folder=folder), nothing
        )
        command = bench.imglint("--format", "json", file, folder=folder)
        yield bench.slower(f"one {file}, with `--format json`, against `python -I -c pass`", options, command, nothing)


def hadolint(bench: Bench) -> Iterator[Row]:
    """Measure all Dockerfiles as arguments of one process."""
    files = _named(bench.trees.tree(), DOCKERFILE, NO_DOCKERFILE)
    what = f"{len(files)} Dockerfiles, against hadolint"
    if not files:
        yield Row(what, 12, None, note="the tree has none")
        return
    theirs = Command((str(environment.python_peers() / "hadolint"), *files), str(bench.trees.tree()))
    yield bench.faster(what, 12, bench.imglint(*files), theirs, enough=len(files) >= DOCKERFILES_MIN)


def checkov(bench: Bench) -> Iterator[Row]:
    """Measure the whole tree, against the checkov frameworks for these files."""
    frameworks = ("--framework", "kubernetes", "dockerfile", "--skip-download", "--compact", "--quiet")
    theirs = Command((str(environment.python_peers() / "checkov"), "-d", ".", *frameworks), str(bench.trees.tree()))
    yield bench.faster(
        "the tree, against checkov's kubernetes and dockerfile", 55, bench.imglint(), theirs, enough=bench.is_large()
    )


def dclint(bench: Bench) -> Iterator[Row]:
    """Measure all compose files as arguments of one process."""
    files = _named(bench.trees.tree(), COMPOSE)
    what = f"{len(files)} compose files, against dclint"
    if not files:
        yield Row(what, 25, None, note="the tree has none")
        return
    node, modules = environment.node_peers()
    theirs = Command((node, str(modules / "dclint/bin/dclint.cjs"), *files), str(bench.trees.tree()))
    yield bench.faster(what, 25, bench.imglint(*files), theirs)


def walk(bench: Bench) -> Iterator[Row]:
    """Measure the whole tree, against reading it."""
    listed = subprocess.run((bench.programs / "python", "-c", PATTERNS), capture_output=True, text=True, check=True)
    reading = bench.python("-S", str(Path(__file__).with_name("walk.py")), ".", *listed.stdout.split())
    yield bench.slower("the tree, against walking it and reading the same files", 14, bench.imglint(), reading)


def growth(bench: Bench) -> Iterator[Row]:
    """Measure ten trees against one."""
    what = "ten times the files"
    ten, one = bench.compare(what, bench.imglint(folder=bench.trees.tenfold()), bench.imglint())
    yield Row(f"{what}: time", 10.5, ten.seconds / one.seconds, note=_times(ten, one))
    yield Row(
        f"{what}: memory", 1.6, ten.memory / one.memory, note=f"{ten.memory / MEBIBYTE:.0f} to {one.memory / MEBIBYTE:.0f} MiB"
    )


def sarif(bench: Bench) -> Iterator[Row]:
    """Measure SARIF against text."""
    folder, count = bench.trees.faulty()
    calls = [bench.imglint("--select", "latest-tag", "--format", name, folder=folder) for name in ("sarif", "text")]
    yield bench.slower(f"SARIF of {count:,} findings, against text", 3, *calls)


def fixing(bench: Bench) -> Iterator[Row]:
    """Measure fixing against checking, both on a copy of the tree: the next round needs the tree as it was."""
    folder, count = bench.trees.moved()
    program = shlex.quote(str(bench.programs / "imglint"))
    copying = 'rm -rf "$0.copy" && cp -r "$0" "$0.copy" && cd "$0.copy" &&'
    calls = [
        Command(("sh", "-c", f"{copying} {program} {options} --jobs 1", str(folder)), str(folder.parent))
        for options in ("--fix --unsafe-fixes", "--quiet")
    ]
    yield bench.slower(f"fixing {count:,} findings, against checking them", 4, *calls)


def jobs(bench: Bench) -> Iterator[Row]:
    """Measure two processes against one on a large tree, and the automatic choice on a small one."""
    calls = bench.imglint("--jobs", "2"), bench.imglint("--jobs", "1")
    yield bench.faster("the tree, `--jobs 2` against `--jobs 1`", 1.4, *calls, enough=bench.is_large())
    small = bench.trees.small_tree()
    calls = bench.imglint("--quiet", folder=small), bench.imglint("--quiet", "--jobs", "1", folder=small)
    # The difference between two runs of the same command.
    yield bench.slower("a small tree, by default against `--jobs 1`", 1.05, *calls)


def online(bench: Bench) -> Iterator[Row]:
    """Measure asking a registry on this machine about many images, against asking it by skopeo about one after the other."""
    from tests.registry_server import missing

    what = f"{REFERENCES} images on a registry, `--online --refresh`, against skopeo one by one"
    if reason := missing():
        yield Row(what, 5, None, note=reason)
        return
    from bench.registry import asking

    with asking(bench.programs / "imglint", REFERENCES) as (ours, theirs):
        # If it could not ask, it would be fast.
        subprocess.run(ours.argv, cwd=ours.folder, capture_output=True, check=True)
        yield bench.faster(what, 5, ours, theirs)


def memory(bench: Bench) -> Iterator[Row]:
    """Yield the highest peak memory of all runs so far."""
    if bench.memory:
        worst = max(bench.memory, key=bench.memory.__getitem__)
        yield Row("peak memory of a process", 64, bench.memory[worst] / MEBIBYTE, "MiB", note=worst)


SECTIONS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "start-up": start_up,
    "hadolint": hadolint,
    "checkov": checkov,
    "dclint": dclint,
    "walk": walk,
    "growth": growth,
    "sarif": sarif,
    "fixing": fixing,
    "jobs": jobs,
    "online": online,
    "memory": memory,
}


def rows(bench: Bench, only: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of the given sections, or of all. A section that fails yields a row with the reason."""
    for name, section in SECTIONS.items():
        if not only or name in only:
            try:
                yield from section(bench)
            except (Failed, subprocess.CalledProcessError, OSError) as error:
                yield Row(name, 0, None, note=f"not measured: {error}")


def _named(tree: Path, pattern: re.Pattern[str], never: tuple[str, ...] = ()) -> list[str]:
    """Return the files with a name that matches a pattern, relative to the tree."""
    files = [
        os.path.relpath(os.path.join(folder, name), tree)
        for folder, folders, names in os.walk(tree)
        for name in names
        if pattern.fullmatch(name) and not name.lower().endswith(never) and ".git" not in Path(folder).parts
    ]
    return sorted(files)[:ARGUMENTS_MAX]
