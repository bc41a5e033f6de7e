"""Writes answers: JSON, packed if the caller accepts gzip, and never cached by anybody."""

from __future__ import annotations

import gzip
import json
import logging
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Response, request

from onlinesim_rent.web.errors import error_answer
from onlinesim_rent.web.schemas import dump_error

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)


class Answer:
    """A document as the bytes that are sent, plain and packed."""

    def __init__(self, document: object) -> None:
        self.plain = json.dumps(document).encode()

    @cached_property
    def packed(self) -> bytes:
        """The same document in gzip."""
        return gzip.compress(self.plain, mtime=0)


def respond(answer: Answer, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Send an answer. Every response of the service in JSON is made here."""
    response = Response(answer.plain, status, headers, content_type="application/json; charset=utf-8")
    response.cache_control.no_store = True
    response.vary.add("Accept-Encoding")
    if request.accept_encodings.quality("gzip") > 0:
        response.set_data(answer.packed)
        response.content_encoding = "gzip"
    return response


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
