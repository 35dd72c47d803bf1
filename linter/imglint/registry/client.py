"""Asks registries over HTTP, following the OCI distribution specification."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imglint.errors import Unverified
from imglint.printable import printable
from imglint.reference import InvalidReference, parse
from imglint.registry.failures import Failure
from imglint.registry.fields import content_digest, document, is_digest, valid_tags
from imglint.registry.logins import anonymous
from imglint.registry.questions import DIGEST, MANIFEST, REFERRERS, TAGS
from imglint.registry.registries import INDEXES, MANIFESTS
from imglint.registry.sites import URL_MAX, blob_site, redirect_site, shown, site_at
from imglint.registry.tokens import DENIED, Tokens
from imglint.registry.transport import REQUEST_SECONDS, Patience, Request, Transport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imglint.registry.logins import Credentials
    from imglint.registry.questions import Answer, Question
    from imglint.registry.transport import Reply

MANIFEST_SIZE_MAX = 4_194_304
"""Bytes of a manifest. The specification asks registries to accept at least as many."""
BLOB_SIZE_MAX = 4_194_304
"""Bytes of a configuration or a signature. Layers are not asked for."""
TAGS_SIZE_MAX = 4_194_304
"""Bytes of a page of tags."""
TAGS_MAX = 100_000
PAGES_MAX = 200
"""Tags of a repository, and pages that they come in."""
PAGE_TAGS = 1000
"""Tags that are asked for at a time. Registries may send fewer or, against the specification, more."""
QUESTION_SECONDS = 60.0
"""Time for all requests of a question."""
REASON_SHOWN = 200
"""Characters of a reason."""
TYPES = (*INDEXES, *MANIFESTS)
NO_API = (405, 501)
"""How registries answer, besides 404, that they do not have the API for referrers."""
REDIRECTS = (301, 302, 303, 307, 308)
NEXT = re.compile(r"<([^<>]*)>[^<>,]*;\s*rel=\"?next\b")


class Client:
    """Connections to registries, for use from several threads. Answers of registries are checked, but not kept.

    `credentials` returns the login for an endpoint, and is called once for each endpoint that has `credentials`. `seconds` is the time for a
    request.
    """

    def __init__(self, credentials: Credentials = anonymous, seconds: float = REQUEST_SECONDS) -> None:
        self._transport = Transport(seconds)
        self._tokens = Tokens(self._transport, credentials)

    def ask(self, question: Question) -> Answer:
        """Ask the registry.

        Raises Unverified if it could not be asked.
        """
        try:
            _check(question)
            return _Asking(self._transport, self._tokens, question).answer()
        except Failure as failure:
            raise Unverified(question.endpoint.registry, printable(failure.reason)[:REASON_SHOWN]) from None


class _Asking:
    """The requests for the answer to a question."""

    def __init__(self, transport: Transport, tokens: Tokens, question: Question) -> None:
        self._transport, self._tokens, self._question = transport, tokens, question
        self._endpoint = question.endpoint
        self._site = site_at(question.endpoint)
        self._repository = f"{question.endpoint.prefix}{question.repository}"
        self._patience = Patience(QUESTION_SECONDS)

    def answer(self) -> Answer:
        """Return the answer. Raises Failure."""
        if self._question.kind == DIGEST:
            return self._digest()
        if self._question.kind == TAGS:
            return self._tags()
        if self._question.kind == REFERRERS:
            return self._referrers()
        content = self._manifest() if self._question.kind == MANIFEST else self._blob()
        if content is not None and content_digest(content, self._question.target) != self._question.target:
            raise Failure("answered with content that does not have the requested digest")
        return content

    def _digest(self) -> str | None:
        """Return the digest of a manifest, without its content if the registry states it."""
        target = self._question.target
        reply = self._send("HEAD", f"manifests/{target}", 0, {"Accept": ", ".join(TYPES)})
        if reply is None:
            return None
        digest = reply.headers.get("Docker-Content-Digest", "")
        if not digest or not reply.headers.get("Content-Type"):
            content = self._manifest()
            return None if content is None else content_digest(content, target)
        _check_type(reply)
        if not is_digest(digest):
            raise Failure("answered with an invalid digest")
        if ":" in target and digest != target:
            raise Failure("answered with another digest than the requested one")
        return digest

    def _manifest(self) -> bytes | None:
        reply = self._send("GET", f"manifests/{self._question.target}", MANIFEST_SIZE_MAX, {"Accept": ", ".join(TYPES)})
        if reply is None:
            return None
        _check_type(reply)
        return reply.body

    def _blob(self) -> bytes | None:
        reply = self._authorized("GET", f"blobs/{self._question.target}", BLOB_SIZE_MAX, {})
        if reply.status in REDIRECTS:
            site, path = blob_site(self._endpoint, reply.headers.get("Location", ""))
            try:
                # Without the header Authorization: the storage is not the registry.
                reply = self._transport.send(site, Request("GET", path, {}, BLOB_SIZE_MAX), self._patience)
            except Failure as failure:
                # The advice after the semicolon is for hosts that the policy lists.
                raise Failure(f"redirected a blob to {shown(site.host)}: {failure.reason.partition(';')[0]}") from None
            if reply.status != 200:
                raise Failure(f"redirected a blob to {shown(site.host)}: HTTP {reply.status}")
        return reply.body if _is_present(reply) else None

    def _referrers(self) -> bytes | None:
        """Return the index of the manifests that refer to another, None from a registry without that API."""
        reply = self._authorized("GET", f"referrers/{self._question.target}", MANIFEST_SIZE_MAX, {"Accept": INDEXES[0]})
        if reply.status in NO_API or not _is_present(reply):
            return None
        # A registry without it can answer anything, such as a page for people.
        return reply.body if _type_of(reply) == INDEXES[0] else None

    def _tags(self) -> tuple[str, ...] | None:
        path = first = f"tags/list?n={PAGE_TAGS}"
        found: set[str] = set()
        for _ in range(PAGES_MAX):
            reply = self._send("GET", path, TAGS_SIZE_MAX, {})
            if reply is None and path == first:
                return None
            if reply is None:
                raise Failure("HTTP 404")
            found.update(_tags_of(reply.body))
            if len(found) > TAGS_MAX:
                raise Failure(f"answered with more than {TAGS_MAX} tags")
            query = self._next_query(reply)
            if not query:
                return tuple(sorted(found))
            path = f"tags/list?{query}"
        raise Failure(f"answered with tags on more than {PAGES_MAX} pages")

    def _next_query(self, reply: Reply) -> str:
        """Return the query for the next page of tags, empty after the last one (RFC 8288). Raises Failure if it is at another address."""
        found = NEXT.search(reply.headers.get("Link", "")[:URL_MAX])
        if found is None:
            return ""
        address, _, query = found[1].partition("?")
        own = f"/v2/{self._repository}/tags/list"
        if address not in ("", own, f"{self._site.scheme}://{self._endpoint.host}{own}") or not re.fullmatch("[!-~]+", query):
            raise Failure("answered with tags that continue at another address")
        return query

    def _send(self, method: str, path: str, size_max: int, headers: Mapping[str, str]) -> Reply | None:
        reply = self._authorized(method, path, size_max, headers)
        if reply.status in REDIRECTS and self._endpoint.redirects:
            site, path = redirect_site(self._endpoint, reply.headers.get("Location", ""))
            # Without the header Authorization: the storage is not the registry.
            reply = self._transport.send(site, Request(method, path, headers, size_max), self._patience)
        return reply if _is_present(reply) else None

    def _authorized(self, method: str, path: str, size_max: int, headers: Mapping[str, str]) -> Reply:
        """Return the answer to a request after authorizing it, if the registry demands that."""
        about = self._endpoint, self._repository
        path = f"/v2/{self._repository}/{path}"

        def sent(authorization: str) -> Reply:
            added = {"Authorization": authorization} if authorization else {}
            return self._transport.send(self._site, Request(method, path, {**headers, **added}, size_max), self._patience)

        authorization = self._tokens.known(*about, self._patience)
        reply = sent(authorization)
        if reply.status != 401:
            return reply
        return sent(self._tokens.renewed(*about, reply, authorization, self._patience))


def _check(question: Question) -> None:
    """Raise Failure for a name, tag or digest that is not valid: some registries answer these with an error of their own."""
    name = f"{question.endpoint.prefix}{question.repository}"
    target = question.target
    has_tag = question.kind == DIGEST and ":" not in target
    try:
        reference = parse(f"localhost/{name}{f':{target}' if has_tag else ''}")
    except InvalidReference:
        raise Failure("invalid repository name, tag or digest") from None
    is_name = (reference.repository, reference.tag or "", reference.digest) == (name, target if has_tag else "", None)
    if not is_name or (not has_tag and question.kind != TAGS and not is_digest(target)):
        raise Failure("invalid repository name, tag or digest")


def _is_present(reply: Reply) -> bool:
    """Return whether the registry has what was asked for. Raises Failure if it did not say."""
    if reply.status in (401, 403):
        raise Failure(f"{DENIED} (HTTP {reply.status})")
    if reply.status in REDIRECTS:
        raise Failure(f"redirected (HTTP {reply.status})")
    if reply.status not in (200, 404):
        raise Failure(f"HTTP {reply.status}")
    return reply.status == 200


def _check_type(reply: Reply) -> None:
    if _type_of(reply) not in TYPES:
        raise Failure("answered with something other than a manifest")


def _type_of(reply: Reply) -> str:
    return reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _tags_of(body: bytes) -> list[str]:
    """Return the tags on a page. Those that no reference can have are left out."""
    answer = document(body) or {}
    tags = answer["tags"] or [] if "tags" in answer else None
    if not isinstance(tags, list):
        raise Failure("answered with invalid JSON")
    return valid_tags(tags)
