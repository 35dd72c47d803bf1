"""Charts of Helm: the images that `Chart.yaml` lists in the annotation `artifacthub.io/images`. Imports the YAML trees.

The annotation is a string with a YAML list (artifacthub/hub, docs/helm_annotations.md). Artifact Hub and other programs take the images of the chart
from it.
"""

from __future__ import annotations

from imglint.model import ImageUse
from imglint.printable import clipped
from imglint.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import Fact
    from imglint.source import Source
    from imglint.yaml.nodes import Mapping

FILES = ("chart.yaml",)

ANNOTATION = "artifacthub.io/images"
PLACE = "annotation"


def claims(source: Source) -> bool:
    """Return whether the file is that of a chart and has the annotation. A manifest or compose file with its name is none."""
    text = source.text
    if source.name != "Chart.yaml" or ANNOTATION not in text:
        return False
    # Imported here because few files have such a name and the annotation.
    from imglint.readers._other_kinds import is_other_kind

    if is_other_kind(source):
        return False
    if "services" not in text:
        return True
    from imglint.readers import compose

    return not compose.claims(source)


def read(source: Source) -> Iterator[Fact]:
    """Yield the images that the annotation lists, each with what the files of the chart say about it."""
    from imglint.readers._chart_images import ChartImages
    from imglint.readers._embedded import read_embedded
    from imglint.yaml.facts import ambiguous_merges, read_documents
    from imglint.yaml.nodes import Mapping

    roots, file_facts = read_documents(source)
    yield from file_facts
    yield from ambiguous_merges(source, roots)
    for root in roots:
        annotations = root.mapping("annotations") if isinstance(root, Mapping) else None
        value = annotations.scalar(ANNOTATION) if annotations else None
        if isinstance(root, Mapping) and value is not None:
            facts = list(read_embedded(source, value, "images", _listed_images))
            references = [fact.reference for fact in facts if isinstance(fact, ImageUse) and fact.reference is not None]
            chart = ChartImages(source, root, references)
            yield from [replace(fact, chart=chart) if isinstance(fact, ImageUse) else fact for fact in facts]


def _listed_images(source: Source) -> Iterator[Fact]:
    """Yield the images in the text of the annotation."""
    from imglint.yaml.facts import image_use_of, read_documents
    from imglint.yaml.nodes import Mapping, Sequence

    roots, facts = read_documents(source)
    yield from facts
    for root in roots:
        for item in root.items if isinstance(root, Sequence) else ():
            image = item.scalar("image") if isinstance(item, Mapping) else None
            if isinstance(item, Mapping) and image is not None:
                yield image_use_of(source, image, place=PLACE, where=_where(item))


def _where(item: Mapping) -> str:
    return " ".join(filter(None, ("annotation image", clipped(item.text("name")))))
