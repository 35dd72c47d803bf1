"""Imports run in one direction: a module imports only from the layers below its own, and no group of modules imports itself in a circle."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "linter" / "imglint"
LAYERS = (
    ("__main__",),
    ("main",),
    ("testing",),
    ("__init__",),
    ("commands",),
    ("engine",),
    ("formats", "readers", "policy"),
    ("yaml", "dockerfile", "plugins"),
    ("output",),
    ("model",),
    ("registry",),
    ("patterns", "errors", "git_index"),
    ("reference", "traced", "source", "quoting"),
    ("spelling", "records", "printable", "repository", "git", "version", "_start"),
)
"""The modules and packages of imglint, from the top down. Those of one layer do not import each other."""
RANK = {name: -layer for layer, names in enumerate(LAYERS) for name in names}
MODULES_MAX = 19
"""Modules directly in the package."""


def module_name(path: Path) -> str:
    """Return the dotted name of a module within the package; `engine.run`, or `__init__` for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, also those for type checkers only and those inside of functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                is_module = node.module != "imglint" and f"{node.module}.{alias.name}".removeprefix("imglint.") in MODULES
                yield f"{node.module}.{alias.name}" if is_module else node.module


def inner_imports(module: str) -> set[str]:
    """Return the modules of imglint that a module imports."""
    found = {"__init__" if name == "imglint" else name.removeprefix("imglint.") for name in imports(MODULES[module])
             if name == "imglint" or name.startswith("imglint.")}  # fmt: skip
    return found - {module}


def test_every_module_has_a_layer() -> None:
    assert {name.partition(".")[0] for name in MODULES} == set(RANK)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_layers_below(module: str) -> None:
    here = module.partition(".")[0]
    there = {name.partition(".")[0] for name in inner_imports(module)} - {here}
    assert {name: RANK[name] for name in there if RANK[name] >= RANK[here]} == {}


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert list(TopologicalSorter({module: inner_imports(module) for module in MODULES}).static_order())


def test_few_modules_are_directly_in_the_package() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= MODULES_MAX


@pytest.mark.parametrize(
    "package", sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py") if path.parent.name != "yaml")
)
def test_packages_import_nothing(package: str) -> None:
    assert not list(imports(PACKAGE / package / "__init__.py"))


def test_the_engine_does_not_know_the_rules() -> None:
    assert not [module for module, path in MODULES.items() if any(name.startswith("imglint_rules") for name in imports(path))]


def test_rules_use_the_public_interface_alone() -> None:
    used = {name for path in (ROOT / "rules" / "imglint_rules").rglob("*.py") for name in imports(path)}
    assert {name for name in used if name.startswith("imglint")} == {
        "imglint",
        *(f"imglint_rules.{name}" for name in ("_fixes", "_registry", "_tags", "_words", "root_user")),
    }
