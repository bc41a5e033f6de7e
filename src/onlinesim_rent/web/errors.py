"""The errors of a request, and one table of the answer to each."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from werkzeug.exceptions import (
    ClientDisconnected,
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
)

from onlinesim_rent.finding import CensusError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class InvalidRequest(Exception):
    """The request is not the GET_SERVICES of the contract."""


class Unauthorized(Exception):
    """The request has no valid key, so the marketplace may not have sent it."""


class ServicesError(Exception):
    """The partner's own endpoint gave no answer to which the rent counts could be added.

    The text says what the endpoint does, and how to mend it. It never quotes what the endpoint sent.
    """


class LoginRequired(Exception):
    """A page for people was asked for without a valid key."""


class NotLoopback(Exception):
    """A page for this host's people was asked for from elsewhere."""


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """The answer to a failed request, and the level at which it is logged."""

    status: int
    text: str
    headers: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    log_level: int = logging.DEBUG


_ANSWERS: Mapping[type[BaseException], ErrorAnswer] = {
    # The contract documents HTTP 200 with the status ERROR for a failure on the partner's side.
    CensusError: ErrorAnswer(200, "{error}", log_level=logging.ERROR),
    ServicesError: ErrorAnswer(200, "the endpoint of RENT_SERVICES_URL {error}", log_level=logging.ERROR),
    InvalidRequest: ErrorAnswer(
        400,
        '{error}; send the JSON object {{"action": "GET_SERVICES", "key": "<apiKey>"}}',
        log_level=logging.INFO,
    ),
    Unauthorized: ErrorAnswer(
        401,
        "{error}; send a key of RENT_API_KEY in the body and in the header 'Authorization: Bearer <apiKey>' "
        "(with RENT_AUTHORIZATION=optional, the header may be missing)",
        {"WWW-Authenticate": 'Bearer realm="onlinesim-rent"'},
        log_level=logging.WARNING,
    ),
    # Browsers take the first challenge that they know: a dialogue for a name and a password.
    LoginRequired: ErrorAnswer(
        401,
        "{error}; log in with any name and the key as the password, or send 'Authorization: Bearer <apiKey>'",
        {
            "WWW-Authenticate": (
                'Basic realm="onlinesim-rent", charset="UTF-8"',
                'Bearer realm="onlinesim-rent"',
            )
        },
        log_level=logging.INFO,
    ),
    NotLoopback: ErrorAnswer(
        404,
        "this page is for the host itself; open it there on 127.0.0.1, or let nginx publish /status "
        "(deploy/onlinesim-rent.nginx)",
        log_level=logging.INFO,
    ),
    ClientDisconnected: ErrorAnswer(400, "the body did not arrive whole; send it again"),
    NotFound: ErrorAnswer(404, "nothing is served at this path; send POST /getServicesRent"),
    MethodNotAllowed: ErrorAnswer(405, "this method is not served here; send POST /getServicesRent"),
    RequestEntityTooLarge: ErrorAnswer(413, "the body is larger than 16 KiB, packed or unpacked; send less"),
    HTTPException: ErrorAnswer(500, "{error.description}"),
    Exception: ErrorAnswer(500, "internal error; the log has the details", log_level=logging.ERROR),
}


def error_answer(error: Exception) -> ErrorAnswer:
    """Return the answer to an error: the row of its nearest class in the table."""
    answer = next(_ANSWERS[kind] for kind in type(error).__mro__ if kind in _ANSWERS)
    answer = replace(answer, text=answer.text.format(error=error))
    if isinstance(error, HTTPException):
        return replace(answer, status=error.code or answer.status, headers=_headers(error))
    return answer


def unreadable(error: Exception) -> Exception:
    """Translate an error from reading a body: each server has its own exceptions for broken chunks."""
    return error if isinstance(error, HTTPException) else ClientDisconnected()


def _headers(error: HTTPException) -> dict[str, str]:
    """Return the headers that belong to the error, such as Allow. Our body has its own type."""
    return {name: value for name, value in error.get_headers() if name != "Content-Type"}
