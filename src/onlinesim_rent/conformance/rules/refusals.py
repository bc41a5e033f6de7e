"""Rules about requests that must be refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus

from onlinesim_rent.conformance.exchange import Answer, Recording
from onlinesim_rent.conformance.questions import OTHER_METHOD, WRONG_ACTION, Question
from onlinesim_rent.conformance.reading import exchange_of, first_ok
from onlinesim_rent.conformance.result import Remark, failed, warning

_COUNT = b'"rent"'


def wrong_key(question: Question) -> Callable[[Recording], Iterator[Remark]]:
    """Make the judge of a question with a wrong key, or without one."""

    def judge(recording: Recording) -> Iterator[Remark]:
        yield from _unauthorized(question, _refusal(recording, question))

    return judge


def missing_header(question: Question) -> Callable[[Recording], Iterator[Remark]]:
    """Make the judge of the question without a header: one sibling marketplace sends none."""

    def judge(recording: Recording) -> Iterator[Remark]:
        answer = _refusal(recording, question)
        if isinstance(answer, Answer) and answer.status == HTTPStatus.OK:
            yield warning("the key in the body is enough; of this service, RENT_AUTHORIZATION=optional")
        else:
            yield from _unauthorized(question, answer)

    return judge


def wrong_action(recording: Recording) -> Iterator[Remark]:
    """Another action than GET_SERVICES is refused."""
    yield from _refused(WRONG_ACTION, _refusal(recording, WRONG_ACTION), HTTPStatus.BAD_REQUEST)


def other_method(recording: Recording) -> Iterator[Remark]:
    """Another method than POST is refused."""
    answer = _refusal(recording, OTHER_METHOD)
    yield from _refused(OTHER_METHOD, answer, HTTPStatus.METHOD_NOT_ALLOWED)
    if isinstance(answer, Answer) and answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = answer.header("Allow")
        if allowed is None or "POST" not in [method.strip() for method in allowed.split(",")]:
            yield failed("the header Allow does not name POST", (allowed or "").encode("latin-1"))


def _refusal(recording: Recording, question: Question) -> Answer | str:
    """Return the answer to a question, or the words that say why there is none."""
    first_ok(recording)
    exchange = exchange_of(recording, question)
    return exchange.answer or (exchange.failure.words if exchange.failure else "")


def _unauthorized(question: Question, answer: Answer | str) -> Iterator[Remark]:
    yield from _refused(question, answer, HTTPStatus.UNAUTHORIZED)
    if (
        isinstance(answer, Answer)
        and answer.status == HTTPStatus.UNAUTHORIZED
        and not answer.header("WWW-Authenticate")
    ):
        yield failed(f"{question.name}: the header WWW-Authenticate is missing")


def _refused(question: Question, answer: Answer | str, status: int) -> Iterator[Remark]:
    if isinstance(answer, str):
        yield failed(f"{question.name}: no answer: {answer}")
    elif answer.status != status:
        yield failed(f"{question.name}: HTTP {answer.status}, not {status}", answer.body)
    elif _COUNT in answer.body:
        yield failed(f"{question.name}: the refusal holds a count", answer.body)
