"""Registry strategies of five public projects as policies: images that a strategy allows pass, all others are flagged by the right rule.

A case is a folder of `fixtures/policies` with

- `.imglint.yaml`, the strategy as a policy, and `README.md`, which explains the translation;
- a small tree, and `expected.txt`: its findings, one a line, as `path:line:column level rule: message`;
- `images.txt`: the images in the document, one a line: environment, role, reference, and the rules that flag it, if any;
- `registry.yaml` and `online.txt`: what registries have, and images with the rules that flag them by that, in the same form. A `bare` image is the base
  of a stage without USER.

After a change, `IMGLINT_UPDATE=1 pytest tests/test_policies.py` writes `expected.txt`: read the diff. `images.txt` is written by hand.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from imglint.commands.options import CommandOptions, settings_for
from imglint.engine.facts import files, read_file
from imglint.engine.online import Online
from imglint.engine.run import run
from imglint.model import ImageUse
from imglint.plugins.load import rules
from imglint.records import record, replace
from imglint.registry.answers import Answers
from imglint.testing import example_registries

ROOT = Path(__file__).parent.parent / "fixtures" / "policies"
NAMES = ("kubernaut-standards", "kubernaut-two-registries", "kyklos", "prism", "raqeem")
FILES = {
    "build": ("Dockerfile", "FROM {} AS build\nFROM scratch\nCOPY --from=build /app /app\nUSER 1001\n"),
    "base": ("Dockerfile", "FROM {}\nUSER 1001\n"),
    "bare": ("Dockerfile", "FROM {}\n"),
    "workload": ("compose.yaml", "services:\n  app:\n    image: {}\n"),
}
"""For each role, a file in which an image has it."""


@record
class Image:
    """A line of images.txt."""

    line: int
    environment: str
    role: str
    reference: str
    rules: list[str]

    @property
    def path(self) -> str:
        return f"{self.line}/{FILES[self.role][0]}"


def test_every_strategy_has_its_folder() -> None:
    assert sorted(folder.name for folder in ROOT.iterdir() if folder.is_dir()) == list(NAMES)
    assert all((ROOT / name / "README.md").is_file() for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_tree_has_the_expected_findings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / name)
    found = run(("",), settings_for(CommandOptions())).findings
    lines = [
        f"{one.location.path}:{one.location.line}:{one.location.column} {one.level} {one.rule}: {one.message}" for one in found
    ]
    expected = Path("expected.txt")
    if os.environ.get("IMGLINT_UPDATE"):
        expected.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    else:
        assert lines == expected.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_every_image_is_flagged_by_the_expected_rules(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = _laid_out(name, tmp_path, monkeypatch)
    found: dict[int, list[str]] = {image.line: [] for image in images}
    for environment in {image.environment for image in images}:
        paths = [image.path for image in images if image.environment == environment]
        for finding in run(paths, settings_for(CommandOptions(environment=environment))).findings:
            found[int(finding.location.path.partition("/")[0])].append(finding.rule)
    assert {image.line: sorted(found[image.line]) for image in images} == {image.line: image.rules for image in images}


@pytest.mark.parametrize("name", NAMES)
def test_every_image_is_flagged_by_what_registries_know(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registries = example_registries((ROOT / name / "registry.yaml").read_text(encoding="utf-8"))
    images = _laid_out(name, tmp_path, monkeypatch, "online.txt")
    online = {rule.id for rule in rules().values() if rule.online} | {"root-user", "unstated-user", "unverified-image"}
    found: dict[int, set[str]] = {image.line: set() for image in images}
    for environment in {image.environment for image in images}:
        settings = settings_for(CommandOptions(environment=environment))
        settings = replace(settings, rules=rules(), online=Online(Answers(registries.ask)))
        paths = [image.path for image in images if image.environment == environment]
        for finding in run(paths, settings).findings:
            if finding.rule in online:
                found[int(finding.location.path.partition("/")[0])].add(finding.rule)
    assert {line: sorted(names) for line, names in found.items()} == {image.line: image.rules for image in images}
    for path, key in registries.files.items():
        assert "another" in path or (ROOT / name / path).read_text(encoding="utf-8") == key


@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_the_policy_applies_to_an_image(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = _laid_out(name, tmp_path, monkeypatch)
    table = settings_for(CommandOptions()).policies.of("").table
    assert table is not None
    used = set()
    for environment in {image.environment for image in images}:
        settings = settings_for(CommandOptions(environment=environment))
        paths = [image.path for image in images if image.environment == environment]
        facts = [fact for found in files(paths, settings) for fact in read_file(found, settings).facts]
        used |= {
            use.policy_match.row.line for use in facts if isinstance(use, ImageUse) and use.policy_match and use.policy_match.row
        }
    assert used == {row.line for row in table.rows}


def _laid_out(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, listed: str = "images.txt") -> list[Image]:
    """Write the policy, and each image of a list to a file of its own, to a folder, and change to it."""
    images = _images(ROOT / name / listed)
    shutil.copy(ROOT / name / ".imglint.yaml", folder)
    if (ROOT / name / "keys").is_dir():
        shutil.copytree(ROOT / name / "keys", folder / "keys")
    for image in images:
        path = folder / image.path
        path.parent.mkdir()
        path.write_text(FILES[image.role][1].format(image.reference), encoding="utf-8")
    monkeypatch.chdir(folder)
    return images


def _images(path: Path) -> list[Image]:
    images = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line and not line.startswith("#"):
            environment, role, reference, *rules = line.split()
            images.append(Image(number, environment, role, reference, sorted(rules)))
    assert images
    return images
