"""The questions that a registry answers."""

from __future__ import annotations

from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.registry.hosts import Endpoint

DIGEST, MANIFEST, BLOB, TAGS = "digest", "manifest", "blob", "tags"


@record
class Question:
    """One question about a repository of a registry.

    `kind` is one of these, and the answer is None where the registry answers that it does not exist:

    - DIGEST: the digest, as text, of the manifest with the tag or digest `target`;
    - MANIFEST: the manifest or index with the digest `target`, as bytes that have this digest;
    - BLOB: the blob with the digest `target`, as bytes that have this digest;
    - TAGS: the tags of the repository, as a tuple; `target` is empty.

    `repository` is without the prefix of the endpoint.
    """

    kind: str
    endpoint: Endpoint
    repository: str
    target: str = ""


Answer = str | bytes | tuple[str, ...] | None
