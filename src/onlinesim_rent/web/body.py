"""Reads a request's body, unpacks it and checks that it is the contract's request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import abort, request
from werkzeug.exceptions import ClientDisconnected

from onlinesim_rent.web.errors import InvalidRequest, unreadable
from onlinesim_rent.web.schemas import load_request
from onlinesim_rent.web.unpacking import TooLarge, unpack

BODY_LIMIT = 16 * 1024
"""The largest body in bytes, packed or unpacked: a hundred times the size of the contract's request."""


def read_request() -> Mapping[str, Any]:
    """Return the request in the body, whatever its Content-Type.

    Raises InvalidRequest, or aborts with 413 if the body is too large.
    """
    try:
        return load_request(_unpack(_read_body()))
    except ValueError as error:
        raise InvalidRequest(str(error)) from None


def _read_body() -> bytes:
    """Return the body as it was sent; aborts with 413 if it is too large."""
    # Werkzeug silently cuts a chunked body at the limit. One byte more than the limit shows that it was cut.
    # The limit is set on the request because the application's other routes may have another one.
    request.max_content_length = BODY_LIMIT + 1
    try:
        body = request.get_data()
    except Exception as error:  # noqa: BLE001 - each server has its own exceptions for broken chunks
        raise unreadable(error) from None
    # Gunicorn only ends the body if the client has gone before its announced length.
    if len(body) < (request.content_length or 0):
        raise ClientDisconnected
    return _at_most_limit(body)


def _unpack(body: bytes) -> bytes:
    """Undo the body's Content-Encoding; raises ValueError or aborts with 413."""
    try:
        return unpack(body, request.headers.get("Content-Encoding", ""), BODY_LIMIT)
    except TooLarge:
        abort(413)


def _at_most_limit(content: bytes) -> bytes:
    """Return the content; aborts with 413 if it is larger than a body may be."""
    if len(content) > BODY_LIMIT:
        abort(413)
    return content
