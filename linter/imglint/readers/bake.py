"""Files of Docker Buildx Bake, in HCL or JSON: the images that targets take as contexts and caches, and their Dockerfiles.

The format is that of the Bake file reference (docs.docker.com/build/bake/reference). What a target tags is built. Variables have the value of the
policy's `variables`, else their default. Functions are not called.
"""

from __future__ import annotations

import re

from imglint.model import UNREAD_FILE, Comment, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import Fact, NamedFile
    from imglint.readers._hcl import Block
    from imglint.source import Source

FILES = ("docker-bake*.hcl", "docker-bake*.json", "*.docker-bake.hcl", "*.docker-bake.json", "*bake.hcl", "*bake.json")

_NAME = r"docker-bake(?:[-_.].*)?\.(?:hcl|json)|.*\.docker-bake\.(?:hcl|json)"
_CONTENT = r"""^[ \t{]*(?:"(?:target|group)"[ \t]*:|(?:target|group)[ \t]+["A-Za-z_])"""


def claims(source: Source) -> bool:
    """Return whether the file is named as Bake looks for it; with another name that ends in `bake.hcl` or `bake.json`, whether it has targets."""
    name = source.name.lower()
    if "bake" not in name or not name.endswith((".hcl", ".json")):
        return False
    if not re.fullmatch(_NAME, name) and not (
        name.endswith(("bake.hcl", "bake.json")) and re.search(_CONTENT, source.text, re.MULTILINE)
    ):
        return False
    # Imported here because few files have such a name.
    from imglint.readers._other_kinds import is_other_kind

    return not is_other_kind(source)


def read(source: Source) -> Iterator[Fact | NamedFile]:
    """Yield the images that the targets of a file name, and their Dockerfiles."""
    # Imported here because a run imports all readers, and few runs read such a file.
    from imglint.readers._bake import targets_of

    root: Block | None
    if source.name.lower().endswith(".json"):
        from imglint.readers._bake_json import block_of
        from imglint.readers._json import read_json

        node, facts = read_json(source)
        root = block_of(source, node) if node is not None else None
    else:
        root, facts = _read_hcl(source)
    yield from facts
    if root is not None:
        yield from targets_of(source, root)


def _read_hcl(source: Source) -> tuple[Block | None, list[Fact]]:
    from imglint.readers._hcl import InvalidHcl, Parser

    parser = Parser(source.text)
    try:
        root = parser.file()
    except InvalidHcl as error:
        start = min(error.offset, max(len(source.text) - 1, 0))
        span = (start, min(start + 1, len(source.text)))
        if error.is_limit:
            return None, [Problem(source, span, error.reason, UNREAD_FILE)]
        return None, [Problem(source, span, f"invalid HCL: {error.reason}")]
    return root, [Comment(source, span) for span in parser.comments]
