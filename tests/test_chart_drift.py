"""chart-image-drift flags what the files of a chart certainly do not have, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imglint.testing import check_text

if TYPE_CHECKING:
    from tests.conftest import Imglint

WEB = "image: {repository: ghcr.io/acme/web, tag: 1.2.0}\n"
TEMPLATE = "image: {{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}\n"


def messages(entries: str, files: dict[str, str], chart: str = "") -> list[str]:
    listed = "".join([f"    - image: {image}\n" for image in entries.split()])
    text = f"{chart}annotations:\n  artifacthub.io/images: |\n{listed}"
    found = check_text(text, "Chart.yaml", rule="chart-image-drift", files=files)
    return [finding.message for finding in found if finding.rule == "chart-image-drift"]


@pytest.mark.parametrize(
    ("entries", "files", "chart"),
    [
        # The same image, however it is written.
        ("ghcr.io/acme/web:1.2.0", {"values.yaml": WEB}, ""),
        ("nginx:1.27", {"values.yaml": "image: {registry: docker.io, repository: library/nginx, tag: '1.27'}\n"}, ""),
        ("docker.io/acme/web:1", {"values.yaml": "web:\n  image: acme/web:1\n"}, ""),
        # No tag to compare.
        ("ghcr.io/acme/web", {"values.yaml": WEB}, ""),
        (f"ghcr.io/acme/web@sha256:{'a' * 64}", {"values.yaml": WEB}, ""),
        ("ghcr.io/acme/web:9", {"values.yaml": f"image: {{repository: ghcr.io/acme/web, digest: 'sha256:{'a' * 64}'}}\n"}, ""),
        ("ghcr.io/acme/web:9", {"values.yaml": "images:\n- image: ghcr.io/acme/web\n"}, ""),
        ("ghcr.io/acme/web:9", {"values.yaml": "image: {repository: ghcr.io/acme/web, tag: '{{ .Values.version }}'}\n"}, ""),
        # The tag is that of the chart, as it is or with something around it.
        *[
            (
                f"ghcr.io/acme/web:{tag}",
                {"values.yaml": "image: {repository: ghcr.io/acme/web, tag: ''}\n", "templates/web.yaml": TEMPLATE},
                "appVersion: v1.2.0\n",
            )
            for tag in ("v1.2.0", "1.2.0", "1.2.0-alpine")
        ],
        # The tag is under another key.
        (
            "ghcr.io/acme/web:9",
            {"values.yaml": "image: {repository: ghcr.io/acme/web, version: 9.9}\n", "templates/web.yaml": TEMPLATE},
            "appVersion: 1.2.0\n",
        ),
        # No template uses the version of the chart, so something else sets the tag; or the chart has none.
        ("ghcr.io/acme/web:9", {"values.yaml": "image: {repository: ghcr.io/acme/web, tag: ''}\n"}, "appVersion: 1.2.0\n"),
        (
            "ghcr.io/acme/web:9",
            {"values.yaml": "image: {repository: ghcr.io/acme/web, tag: ''}\n", "templates/web.yaml": TEMPLATE},
            "",
        ),
        # The tag or the name can be put together from something that the files mention.
        ("ghcr.io/acme/web:1.3.0", {"values.yaml": f"{WEB}canary: 1.3.0\n"}, ""),
        ("ghcr.io/acme/web:1.3.0", {"values.yaml": WEB, "templates/web.yaml": "image: {{ .x | default `1.3.0` }}\n"}, ""),
        ("ghcr.io/acme/db:1", {"values.yaml": f"{WEB}hub: ghcr.io/acme\ndb: 1.0\n"}, ""),
        ("ghcr.io/acme/db:1", {"values.yaml": f"{WEB}components: {{db: {{version: 1}}}}\n"}, ""),
        ("ghcr.io/acme/db:1", {"values.yaml": f"{WEB}components: [db]\n"}, ""),
        ("ghcr.io/acme/db:1", {"values.yaml": f"{WEB}args: [--image=ghcr.io/acme/db]\n"}, ""),
        ("ghcr.io/acme/db:1", {"values.yaml": f"{WEB}env: {{DB: 'ghcr.io/acme/db:1'}}\n"}, ""),
        ("ghcr.io/acme/db:1", {"values.yaml": WEB, "templates/db.yaml": "image: '{{ .Values.hub }}/db:{{ .Values.tag }}'\n"}, ""),
        ("ghcr.io/acme/db:1", {"values.yaml": WEB, "templates/deep/db.tpl": "--db=acme/db:{{ .Values.tag }}\n"}, ""),
        ("ghcr.io/acme/db:1", {"values.yaml": f"{WEB}db: {{image: {{repository: '{{{{ x }}}}/db', tag: 1}}}}\n"}, ""),
        ("ghcr.io/acme/db:1", {"values.yaml": f"{WEB}other: {{image: {{repository: '{{{{.x}}}}/y', tag: 1}}}}\n"}, ""),
        ("ghcr.io/acme/db:1", {"values.yaml": f"{WEB}odd:\n  ? [a]\n  : db\n  components: [db]\n"}, ""),
        # Templates spell it out.
        ("ghcr.io/acme/db:1", {"values.yaml": WEB, "templates/db.yaml": "image: ghcr.io/acme/db:1\n"}, ""),
        ("ghcr.io/acme/db:1", {"templates/db.yaml": "image: ghcr.io/acme/db:1\n"}, ""),
        (
            "ghcr.io/acme/db:1",
            {"templates/db.yaml": "image: ghcr.io/acme/db:{{ .Chart.AppVersion }}\n"},
            "appVersion: '1'\n",
        ),
        # Images from elsewhere.
        ("ghcr.io/acme/db:1", {"values.yaml": WEB}, "dependencies: [{name: db}]\n"),
        ("ghcr.io/acme/db:1", {"values.yaml": WEB, "charts/db/values.yaml": ""}, ""),
        ("ghcr.io/acme/db:1", {"values.yaml": WEB, "requirements.yaml": ""}, ""),
        ("ghcr.io/acme/web:1.2.0 ghcr.io/acme/web:9", {"values.yaml": WEB}, "dependencies: [{name: db}]\n"),
        # What is not known.
        ("ghcr.io/acme/web:9", {}, ""),
        ("ghcr.io/acme/web:9", {"values.yaml": "replicas: 1\n"}, ""),
        ("ghcr.io/acme/web:9", {"values.yaml": f"{WEB}broken: [\n"}, ""),
        ("ghcr.io/acme/web:9", {"values.yaml": f"{WEB}--- [\n"}, ""),
        ("Ghcr.io/Acme/web:9", {"values.yaml": WEB}, ""),
    ],
)  # fmt: skip
def test_what_a_chart_may_have_is_not_flagged(entries: str, files: dict[str, str], chart: str) -> None:
    assert messages(entries, files, chart) == []


def test_an_operator_runs_images_of_its_own() -> None:
    text = (
        "annotations:\n  artifacthub.io/operator: 'true'\n"
        "  artifacthub.io/images: |\n    - image: ghcr.io/acme/db:1\n    - image: ghcr.io/acme/web:9\n"
    )
    found = check_text(text, "Chart.yaml", rule="chart-image-drift", files={"values.yaml": WEB})
    assert [finding.text for finding in found if finding.rule == "chart-image-drift"] == ["9"]


@pytest.mark.parametrize(
    ("entries", "files", "chart", "message"),
    [
        (
            "ghcr.io/acme/web:1.1.0", {"values.yaml": WEB}, "",
            "the chart has ghcr.io/acme/web with the tag `1.2.0` (values.yaml:1); update this list",
        ),
        (
            "ghcr.io/acme/web:1.1.0", {"values.yaml": WEB}, "dependencies: [{name: db}]\n",
            "the chart has ghcr.io/acme/web with the tag `1.2.0` (values.yaml:1); update this list",
        ),
        (
            "ghcr.io/acme/web:1.1.0",
            {"values.yaml": "image: {repository: ghcr.io/acme/web, tag: ''}\n", "templates/web.yaml": TEMPLATE},
            "name: web\nappVersion: 1.2.0\n",
            "the chart has ghcr.io/acme/web with the tag `1.2.0` (Chart.yaml:2); update this list",
        ),
        (
            "ghcr.io/acme/web:1.1.0",
            {"templates/web.yaml": "image: ghcr.io/acme/web:{{ .Chart.AppVersion }}\n"},
            "appVersion: 1.2.0\n",
            "the chart has ghcr.io/acme/web with the tag `1.2.0` (Chart.yaml:1); update this list",
        ),
        (
            "ghcr.io/acme/web:1.1.0", {"values.yaml": f"{WEB}b:\n  image: ghcr.io/acme/web:2\nc:\n  image: ghcr.io/acme/web:3\n"}, "",
            "the chart has ghcr.io/acme/web with the tag `1.2.0` (values.yaml:1), `2` (values.yaml:3), `3` (values.yaml:5); update this list",
        ),
        (
            "docker.io/acme/web:1.2.0", {"values.yaml": WEB, "templates/web.yaml": TEMPLATE}, "",
            "the chart does not name docker.io/acme/web, but ghcr.io/acme/web; update this list",
        ),
        (
            "ghcr.io/acme/db:1", {"values.yaml": f"{WEB}web: {{image: acme/other:1}}\ndb: {{image: {{repository: a/b, tag: 1}}}}\n"}, "",
            "the chart does not name ghcr.io/acme/db, but docker.io/a/b, docker.io/acme/other, ghcr.io/acme/web; update this list",
        ),
        (
            "ghcr.io/acme/db:1", {"templates/web.yaml": "image: ghcr.io/acme/web:1\n"}, "",
            "the chart does not name ghcr.io/acme/db, but ghcr.io/acme/web; update this list",
        ),
    ],
)  # fmt: skip
def test_what_a_chart_does_not_have_is_flagged(entries: str, files: dict[str, str], chart: str, message: str) -> None:
    assert messages(entries, files, chart) == [message]


def test_values_and_templates_that_cannot_be_read_are_not_judged(imglint: Imglint, tmp_path: Path) -> None:
    chart = tmp_path / "Chart.yaml"
    chart.write_text("annotations:\n  artifacthub.io/images: |\n    - image: ghcr.io/acme/web:9\n")
    tmp_path.joinpath("values.yaml").write_text(WEB)

    def drifts() -> bool:
        out = imglint("--select", "chart-image-drift", "--format", "json", "Chart.yaml", cwd=tmp_path).out
        return [finding["rule"] for finding in json.loads(out)["findings"]] == ["chart-image-drift"]

    assert drifts()
    templates = tmp_path / "templates"
    templates.mkdir()
    templates.joinpath("notes.txt").write_bytes(b"\xff")
    assert drifts()
    templates.joinpath("web.yaml").write_bytes(b"\xff")
    assert not drifts()
    templates.joinpath("web.yaml").unlink()
    tmp_path.joinpath("values.yaml").write_bytes(b"\xff")
    assert not drifts()
