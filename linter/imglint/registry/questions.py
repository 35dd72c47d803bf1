"""The questions that a registry answers."""

from __future__ import annotations

from imglint.errors import Pending
from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from imglint.registry.hosts import Endpoint

    T = TypeVar("T")

DIGEST, MANIFEST, BLOB, TAGS, REFERRERS = "digest", "manifest", "blob", "tags", "referrers"


@record
class Question:
    """One question about a repository of a registry.

    `kind` is one of these, and the answer is None where the registry answers that it does not exist:

    - DIGEST: the digest, as text, of the manifest with the tag or digest `target`;
    - MANIFEST: the manifest or index with the digest `target`, as bytes that have this digest;
    - BLOB: the blob with the digest `target`, as bytes that have this digest;
    - TAGS: the tags of the repository, as a tuple; `target` is empty;
    - REFERRERS: the index, as bytes, of the manifests whose subject is the manifest with the digest `target`. None means that the registry does not
      have the API for that. Then they are listed under a tag.

    `repository` is without the prefix of the endpoint.
    """

    kind: str
    endpoint: Endpoint
    repository: str
    target: str = ""


Answer = str | bytes | tuple[str, ...] | None


def together(questions: Iterable[Callable[[], T]]) -> list[T]:
    """Return the answers to questions that do not depend on each other. All of them are asked before one of them raises Pending."""
    answers, pending = [], None
    for ask in questions:
        try:
            answers.append(ask())
        except Pending as error:
            pending = error
    if pending is not None:
        raise pending
    return answers
