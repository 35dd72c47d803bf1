"""`make bench`: prints the table of results and the machine. The exit status is 0 whatever the results are."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path

from bench.environment import NODE_PEERS, PYTHON_PEERS
from bench.rows import SECTIONS, Bench, Row, rows
from bench.tree import MANIFESTS
from bench.trees import Trees


def main() -> None:
    """Run the benchmarks, and print each row as soon as it is measured."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure imglint against similar tools.")
    parser.add_argument("--tree", type=Path, help="a checkout to measure on [default: a generated tree]")
    parser.add_argument("--size", type=int, default=MANIFESTS, help="manifests in the generated tree [default: %(default)s]")
    parser.add_argument("--seconds", type=float, default=12.0, help="approximate time per row [default: %(default)s]")
    parser.add_argument(
        "--only", action="append", choices=SECTIONS, default=[], help="measure this section only; may be repeated"
    )
    options = parser.parse_args()
    tree = options.tree.resolve() if options.tree else None
    bench = Bench(Trees(tree, options.size), options.seconds)
    _print(machine(), "")
    _print(f"Tree: {tree or f'generated, {options.size} manifests'}. Peers: {', '.join((*PYTHON_PEERS, *NODE_PEERS))}.", "")
    _print("| what | figure | goal | | the medians, imglint's first, and its peak |", "|---|---|---|---|---|")
    for row in rows(bench, options.only):
        _print(_line(row))


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _line(row: Row) -> str:
    if row.figure is None:
        return f"| {row.what} | - | - | {row.verdict} | {row.note} |"
    goal = f"{'at least' if row.at_least else 'at most'} {row.goal:g} {row.unit}"
    return f"| {row.what} | {row.shown:g} {row.unit} | {goal} | {row.verdict} | {row.note} |"


def machine() -> str:
    """Return a one-line description of the machine."""
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{_processor()}, {os.cpu_count()} cores under a load of {os.getloadavg()[0]:.1f}, {system}."


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


main()
