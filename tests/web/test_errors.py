from __future__ import annotations

import logging

import pytest
from werkzeug.exceptions import (
    ClientDisconnected,
    HTTPException,
    ImATeapot,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
    TooManyRequests,
)

from onlinesim_rent.finding import CensusError
from onlinesim_rent.web.errors import InvalidRequest, ServicesError, Unauthorized, error_answer


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (CensusError("no port answers"), 200, "no port answers"),
        (ServicesError("redirects"), 200, "the endpoint of RENT_SERVICES_URL redirects"),
        (InvalidRequest("the action is missing"), 400, "the action is missing; send the JSON object {"),
        (
            Unauthorized("the key is missing"),
            401,
            "the key is missing; send a key of RENT_API_KEY in the body",
        ),
        (ClientDisconnected(), 400, "did not arrive whole"),
        (NotFound(), 404, "send POST /getServicesRent"),
        (MethodNotAllowed(["POST"]), 405, "send POST /getServicesRent"),
        (RequestEntityTooLarge(), 413, "larger than 16 KiB"),
        (ImATeapot("short and stout"), 418, "short and stout"),
        (HTTPException("of no status"), 500, "of no status"),
        (ZeroDivisionError("secret"), 500, "internal error; the log has the details"),
    ],
)
def test_every_error_has_its_status_and_text(error: Exception, status: int, text: str) -> None:
    answer = error_answer(error)

    assert answer.status == status
    assert text in answer.text


def test_a_message_with_braces_is_shown_unchanged() -> None:
    assert error_answer(CensusError("{error} {0}")).text == "{error} {0}"


def test_headers_that_belong_to_an_error_go_with_it() -> None:
    assert error_answer(Unauthorized("")).headers == {"WWW-Authenticate": 'Bearer realm="onlinesim-rent"'}
    assert error_answer(MethodNotAllowed(["POST"])).headers == {"Allow": "POST"}
    assert error_answer(TooManyRequests(retry_after=7)).headers == {"Retry-After": "7"}
    assert error_answer(NotFound()).headers == {}


def test_only_our_own_faults_are_errors_in_the_log() -> None:
    assert error_answer(ZeroDivisionError()).log_level == logging.ERROR
    assert error_answer(CensusError("")).log_level == logging.ERROR
    assert error_answer(Unauthorized("")).log_level == logging.WARNING
    assert error_answer(InvalidRequest("")).log_level == logging.INFO
    assert error_answer(NotFound()).log_level == logging.DEBUG
