"""Read Dockerfiles inside compose files (`dockerfile_inline`).

Docker builds from the text that remains after YAML removes indentation and escapes and Compose replaces variables. That text is read as a Dockerfile,
and the spans of its facts are then mapped to the characters of the compose file that produced them.
"""

from __future__ import annotations

from imglint.dockerfile.facts import read_dockerfile
from imglint.model import Problem
from imglint.readers._compose_variables import replacements
from imglint.readers._embedded import MappedText, mapped_text, relocated
from imglint.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from imglint.model import Fact, Span
    from imglint.yaml.nodes import Scalar

TEXT_MAX = 1024 * 1024
"""Characters of an inline Dockerfile after interpolation. A longer one is not read and is reported."""
ALL_TEXT_MAX = 16 * TEXT_MAX
"""Characters of all inline Dockerfiles of one file. Those over the limit are not read and are reported."""


def read_inline_dockerfile(
    source: Source,
    value: Scalar,
    variables: Mapping[str, str | None],
    *,
    arguments: Mapping[str, str],
    targets: Sequence[str],
    prefix: str,
    budget: list[int],
) -> Iterator[Fact]:
    """Yield the facts of the Dockerfile in a scalar.

    `variables` are those of the compose file, `arguments` the values of build arguments, and `targets` the shipped stages. `prefix` starts the
    `where` of each fact. `budget` has one item: the number of characters left for the inline Dockerfiles of the file.
    """
    limit = min(TEXT_MAX, budget[0])
    mapped = _interpolated(mapped_text(source, value), variables, limit) if len(value.value) <= limit else None
    budget[0] -= len(mapped.text) if mapped else limit
    if mapped is None:
        message = f"inline Dockerfile is longer than {TEXT_MAX} characters after interpolation and was not read"
        if limit < TEXT_MAX:
            message = f"inline Dockerfiles in this file are longer than {ALL_TEXT_MAX} characters; this one was not read"
        yield Problem(source, (value.start, value.end), message, "unread-file")
        return
    if mapped.text:
        dockerfile = Source(source.path, mapped.text, source.kind, arguments, targets)
        for fact in read_dockerfile(dockerfile, prefix=prefix):
            yield relocated(fact, source, mapped)


def _interpolated(mapped: MappedText, variables: Mapping[str, str | None], limit: int) -> MappedText | None:
    """Return a text with its variables replaced, or None if the result is longer than `limit`."""
    parts: list[str] = []
    spans: list[Span] = []
    index = 0
    for start, end, value in replacements(mapped.text, variables):
        parts += [mapped.text[index:start], value]
        spans += mapped.spans[index:start] + [mapped.span((start, end))] * len(value)
        index = end
        if len(spans) > limit:
            return None
    spans += mapped.spans[index:]
    return MappedText("".join([*parts, mapped.text[index:]]), spans, mapped.has_lines) if len(spans) <= limit else None
