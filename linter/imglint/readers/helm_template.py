"""Templates of Helm charts: the images that they name literally. They are not YAML until they are rendered, so no YAML is parsed."""

from __future__ import annotations

from imglint.model import Comment
from imglint.readers._chart import is_chart_template
from imglint.yaml.templates import template_comments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import Fact
    from imglint.source import Source

FILES = ("*.yaml", "*.yml", "*.tpl", "*.json")


def claims(source: Source) -> bool:
    """Return whether the file is a template of a chart."""
    return source.name.lower().endswith((".yaml", ".yml", ".tpl", ".json")) and is_chart_template(source)


def read(source: Source) -> Iterator[Fact]:
    """Yield the images that the template names, and its comments."""
    # Imported here because few runs read templates.
    from imglint.yaml.template_reader import template_images

    yield from template_images(source, 0, len(source.text))
    for start, end in template_comments(source.text):
        yield Comment(source, (start, end))
