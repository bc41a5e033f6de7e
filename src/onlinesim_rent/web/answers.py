"""Writes answers: JSON, packed if the caller accepts gzip, and never cached by anybody."""

from __future__ import annotations

import gzip
import json
import logging
from functools import cached_property, lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Response, request
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

from onlinesim_rent.web.errors import error_answer
from onlinesim_rent.web.schemas import dump_answer, dump_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onlinesim_rent.census.counting import Census

# Plain text, because werkzeug's objects for these headers are slow to build.
_HEADERS = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
_HEADERS_OF_PACKED = _HEADERS | {"Content-Encoding": "gzip"}

logger = logging.getLogger(__name__)


class Answer:
    """A document as the bytes that are sent, plain and packed."""

    def __init__(self, document: object) -> None:
        self.plain = json.dumps(document, allow_nan=False).encode()

    @cached_property
    def packed(self) -> bytes:
        """The same document in gzip."""
        return gzip.compress(self.plain, mtime=0)


class CensusAnswers:
    """Writes and packs the answer to a census once, and gives it again as long as the census is the same."""

    def __init__(self) -> None:
        self._last: tuple[Census, Answer] | None = None

    def of(self, census: Census) -> Answer:
        """Return the answer to a census."""
        last = self._last
        # Comparing the objects costs the same for any number of ports; a census never changes.
        if last is None or last[0] is not census:
            self._last = last = census, Answer(dump_answer(census.available))
        return last[1]


def respond(
    answer: Answer, status: int = 200, headers: Mapping[str, str | Sequence[str]] | None = None
) -> Response:
    """Send an answer. Every response of the service in JSON is made here."""
    sent, body = _HEADERS, answer.plain
    if _accepts_gzip(request.headers.get("Accept-Encoding", "")):
        sent, body = _HEADERS_OF_PACKED, answer.packed
    return Response(body, status, {**sent, **(headers or {})}, content_type="application/json; charset=utf-8")


# A client sends the same header each time.
@lru_cache(maxsize=64)
def _accepts_gzip(accept_encoding: str) -> bool:
    return parse_accept_header(accept_encoding, Accept).quality("gzip") > 0


def refuse(error: Exception) -> Response:
    """Log why a request failed, and answer it."""
    refusal = error_answer(error)
    logger.log(
        refusal.log_level,
        "%d to %s: %s",
        refusal.status,
        request.remote_addr or "a local socket",
        refusal.text,
        exc_info=error if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR else None,
    )
    return respond(Answer(dump_error(refusal.text)), refusal.status, refusal.headers)
