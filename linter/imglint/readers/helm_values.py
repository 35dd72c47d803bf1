"""Values files of Helm charts. Imports the YAML trees.

Values have no schema, so a map is taken for an image by its keys and by the key it is under; see `_values.py`.
"""

from __future__ import annotations

from imglint.readers import kubernetes
from imglint.readers._chart import is_chart_template, is_values_file
from imglint.readers._values import images_and_users
from imglint.yaml.facts import ambiguous_merges, read_documents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import Fact
    from imglint.source import Source

FILES = ("*.yaml", "*.yml")


def claims(source: Source) -> bool:
    """Return whether the file is named as values are, and is not a compose file, a manifest or a template."""
    if not is_values_file(source) or is_chart_template(source) or kubernetes.claims(source):
        return False
    if "compose" not in source.name.lower():
        return True
    # Imported here because few values files need it.
    from imglint.readers import compose

    return not compose.claims(source)


def read(source: Source) -> Iterator[Fact]:
    """Yield the images and users that the values name."""
    roots, file_facts = read_documents(source)
    yield from file_facts
    yield from ambiguous_merges(source, roots)
    seen: set[tuple[type, int]] = set()
    for root in roots:
        for fact in images_and_users(source, root):
            key = (type(fact), fact.span[0])
            if key not in seen:
                seen.add(key)
                yield fact
