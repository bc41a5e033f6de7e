"""POST /getServicesRent: authenticate, validate, answer."""

from __future__ import annotations

import gzip
import hmac
import json
import logging
import zlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from flask import Blueprint, Response, abort, request

from onlinesim_rent.clock import boot_clock
from onlinesim_rent.web.errors import InvalidRequest, Unauthorized, error_answer, unreadable
from onlinesim_rent.web.schemas import dump_answer, dump_error, load_request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from onlinesim_rent.census.counting import Census
    from onlinesim_rent.settings import Settings

BODY_LIMIT = 16 * 1024
"""Bytes of a body, packed or unpacked: a hundred times what the contract's own needs."""

logger = logging.getLogger(__name__)


class CensusSource(Protocol):
    """Where the counts come from."""

    def get(self, deadline: float) -> Census:
        """Return a census that is valid now, by ``deadline`` on boot_clock.

        Raises CensusError when there is none by then.
        """


def rent_blueprint(settings: Settings, census: CensusSource) -> Blueprint:
    """Make the service's one route, for an application of its own or any other.

    Its errors are answered as the contract has it, and those of the application's other routes are not
    touched. What no route matches, 404 and 405 that is, stays the application's.
    """
    blueprint = Blueprint("onlinesim_rent", __name__)
    keys = [key.encode() for key in settings.api_keys]

    @blueprint.post("/getServicesRent", provide_automatic_options=False)
    def get_services_rent() -> Response:
        deadline = boot_clock() + settings.deadline_seconds
        check_header(keys, required=settings.authorization_required)
        asked = parse(unpack(read_body()))
        check_key(asked, keys)
        return answer(dump_answer(census.get(deadline).available))

    # The application's handler of a status, if it has one, would go before ours of every exception.
    # These two are raised while a body is read.
    for kind in (Exception, 400, 413):
        blueprint.register_error_handler(kind, refuse)
    return blueprint


def check_header(keys: Iterable[bytes], *, required: bool) -> None:
    """Raise Unauthorized unless the Authorization header holds a key, or may be and is missing.

    It goes before the body is read, so that no stranger makes us wait for one or unpack it.
    """
    header = request.headers.get("Authorization")
    if header is None:
        if required:
            raise Unauthorized("the Authorization header is missing")
        return
    scheme, _, key = header.partition(" ")
    # WSGI hands a header's bytes over as Latin-1 (PEP 3333), in which a letter's last byte may be a space.
    if scheme.lower() != "bearer" or not is_one_of(key.strip(" \t").encode("latin-1"), keys):
        raise Unauthorized("the Authorization header is not Bearer with a valid key")


def read_body() -> bytes:
    """Return the request's body as it was sent; aborts with 413 when it is too large."""
    # Werkzeug cuts a chunked body off at the limit without a word, so the limit is one byte further.
    # It belongs to the request, since the application's other routes may have another.
    request.max_content_length = BODY_LIMIT + 1
    try:
        body = request.get_data()
    except Exception as error:  # noqa: BLE001 - whatever a server has for broken chunks
        raise unreadable(error) from None
    return at_most_limit(body)


def unpack(body: bytes) -> bytes:
    """Undo the body's Content-Encoding; raises InvalidRequest or aborts with 413."""
    match request.headers.get("Content-Encoding", "").strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return gunzip(body)
        case _:
            raise InvalidRequest("the Content-Encoding is not gzip")


def gunzip(body: bytes) -> bytes:
    """Unpack one whole gzip member, no further than the limit."""
    unpacker = zlib.decompressobj(wbits=31)  # 16 + 15: a gzip header and trailer (zlib's manual)
    try:
        content = at_most_limit(unpacker.decompress(body, BODY_LIMIT + 1))
    except zlib.error:
        raise InvalidRequest("the body is not the gzip that its Content-Encoding announces") from None
    if not unpacker.eof or unpacker.unused_data:
        raise InvalidRequest("the body is not one whole gzip member")
    return content


def at_most_limit(content: bytes) -> bytes:
    """Return the content itself; aborts with 413 when it is larger than a body may be."""
    if len(content) > BODY_LIMIT:
        abort(413)
    return content


def parse(body: bytes) -> dict[str, Any]:
    """Read the request in the body, whatever its Content-Type; raises InvalidRequest."""
    try:
        return load_request(body)
    except ValueError as error:
        raise InvalidRequest(str(error)) from None


def check_key(asked: Mapping[str, Any], keys: Iterable[bytes]) -> None:
    """Raise Unauthorized unless the body holds a key."""
    if "key" not in asked:
        raise Unauthorized("the key is missing from the body")
    # JSON can spell half a surrogate pair, which plain UTF-8 cannot.
    if not is_one_of(asked["key"].encode("utf-8", "surrogatepass"), keys):
        raise Unauthorized("the key in the body is not a valid one")


def is_one_of(given: bytes, keys: Iterable[bytes]) -> bool:
    """Compare with every valid key, in a time that tells neither which it was nor how near."""
    return sum(hmac.compare_digest(given, key) for key in keys) > 0


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
    return answer(dump_error(refusal.text), refusal.status, refusal.headers)


def answer(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Every response of the service: JSON, packed when the caller takes gzip, kept by nobody."""
    body = json.dumps(document).encode()
    response = Response(body, status, headers, content_type="application/json; charset=utf-8")
    response.cache_control.no_store = True
    response.vary.add("Accept-Encoding")
    if request.accept_encodings.quality("gzip") > 0:
        response.set_data(gzip.compress(body, mtime=0))
        response.content_encoding = "gzip"
    return response
