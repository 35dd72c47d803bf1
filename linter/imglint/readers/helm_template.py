"""Templates of Helm charts: the images that they name literally. They are no YAML until they are rendered. Parses no YAML."""

from __future__ import annotations

from imglint.model import Comment
from imglint.readers import _chart as chart
from imglint.yaml import templates as template

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import Fact
    from imglint.source import Source

FILES = ("*.yaml", "*.yml", "*.tpl")


def claims(source: Source) -> bool:
    """Whether the file stands in a chart's `templates` folder and holds actions; without any it is the YAML that it looks like."""
    return source.name.lower().endswith((".yaml", ".yml", ".tpl")) and "{{" in source.text and chart.in_templates(source.path)


def read(source: Source) -> Iterator[Fact]:
    """Yield the images that the template names, and the comments of YAML that speak to imglint."""
    yield from template.images(source, 0, len(source.text))
    for start, end in template.comment_spans(source.text):
        yield Comment(source, (start, end))
