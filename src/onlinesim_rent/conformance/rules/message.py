"""Rules about the answer as a message: status, headers, size, gzip."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from onlinesim_rent.conformance.exchange import Answer, Recording
from onlinesim_rent.conformance.questions import GZIP_SENT, GZIP_WANTED, KEY, ODD_HEADERS, Question
from onlinesim_rent.conformance.reading import exchange_of, first_answer, first_ok, first_success, is_success
from onlinesim_rent.conformance.result import Remark, failed, warning
from onlinesim_rent.conformance.shown import quoted

CONTENT_TYPE = "application/json; charset=utf-8"
_HINTS = {
    401: "the key is not accepted; is it the endpoint's?",
    404: "nothing is served at this path; is the URL right?",
    405: "POST is not served at this path; is the URL right?",
    429: "too many requests; wait, and check again",
    502: "the proxy does not reach the service",
    504: "the service did not answer the proxy in time",
}
LARGE_BYTES = 256 * 1024
"""More than twice an answer that names every country with every operator."""


def status(recording: Recording) -> Iterator[Remark]:
    """The HTTP status is 200."""
    answer = first_answer(recording)
    if answer.status != HTTPStatus.OK:
        hint = _HINTS.get(answer.status, "")
        yield failed(f"HTTP {answer.status}{hint and ': '}{hint}", answer.body)


def content_type(recording: Recording) -> Iterator[Remark]:
    """The Content-Type is the contract's, to the letter."""
    given = first_ok(recording).header("Content-Type")
    if given is None:
        yield failed("the Content-Type is missing")
    elif given != CONTENT_TYPE:
        yield failed(f"{quoted(given)} is not exactly {quoted(CONTENT_TYPE)}", given.encode("latin-1"))


def size(recording: Recording) -> Iterator[Remark]:
    """The body arrives whole, and is not too large."""
    answer = first_ok(recording)
    if answer.problem:
        yield failed(f"the body did not arrive whole: {answer.problem}", answer.body)
    elif len(answer.body) > LARGE_BYTES:
        yield warning(f"the body has {len(answer.body)} bytes", answer.body)


def plain_answer(recording: Recording) -> Iterator[Remark]:
    """The answer is not packed if the request does not accept gzip."""
    if coding := _coding(first_ok(recording)):
        yield failed(f"the request accepts no coding, and the answer's is {quoted(coding)}")


def gzip_answer(recording: Recording) -> Iterator[Remark]:
    """The answer is packed if the request accepts gzip."""
    first_success(recording)
    answer = exchange_of(recording, GZIP_WANTED).answer
    if answer and _coding(answer) != "gzip":
        yield failed("the request accepts gzip, and the answer is not packed", answer.body)
    elif answer and answer.problem:
        yield failed(f"the packed answer cannot be read: {answer.problem}", answer.body)
    else:
        yield from _success(recording, GZIP_WANTED)


def gzip_request(recording: Recording) -> Iterator[Remark]:
    """A request in gzip is understood."""
    first_success(recording)
    yield from _success(recording, GZIP_SENT)


def marketplace_headers(recording: Recording) -> Iterator[Remark]:
    """The headers that the marketplace sends are accepted."""
    first_success(recording)
    yield from _success(recording, ODD_HEADERS)


def secrecy(recording: Recording) -> Iterator[Remark]:
    """No answer repeats the key."""
    first_answer(recording)
    place = KEY.encode()
    for question, answer in recording.answers():
        headers = "".join(value for _, value in answer.headers).encode("latin-1")
        if place in answer.body or place in headers:
            yield failed(f"the answer to {question.name} repeats the key", answer.body)
            return


def _success(recording: Recording, question: Question) -> Iterator[Remark]:
    exchange = exchange_of(recording, question)
    if exchange.failure:
        yield failed(f"no answer: {exchange.failure.words}")
    elif not is_success(exchange.answer):
        assert exchange.answer
        yield failed(f"HTTP {exchange.answer.status}, no SUCCESS", exchange.answer.body)


def _coding(answer: Answer) -> str:
    coding = (answer.header("Content-Encoding") or "").strip().lower()
    return {"identity": "", "x-gzip": "gzip"}.get(coding, coding)
