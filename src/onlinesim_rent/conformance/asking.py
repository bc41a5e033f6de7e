"""Asks an endpoint all questions, and records what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from http import HTTPStatus
from threading import Thread

from onlinesim_rent.conformance.client import Client, Endpoint
from onlinesim_rent.conformance.exchange import Exchange, Recording
from onlinesim_rent.conformance.questions import KEPT, QUESTIONS, RIGHT, Question

Progress = Callable[[int, int, Question], None]
"""Called before each question with its number, the number of all questions, and the question."""


def record(
    endpoint: Endpoint, known: Mapping[str, frozenset[str]], now: float, progress: Progress | None = None
) -> Recording:
    """Ask all questions, one after the other; only the first if it is not answered with HTTP 200."""
    exchanges: dict[Question, tuple[Exchange, ...]] = {}
    recording = Recording(endpoint.url, exchanges, now, known=known)
    with closing(Client(endpoint)) as client:
        for number, question in enumerate(QUESTIONS, 1):
            if progress:
                progress(number, len(QUESTIONS), question)
            exchanges[question] = _ask(endpoint, client, question)
            if not _is_worth_more(exchanges[RIGHT][0]):
                break
        return replace(recording, certificate_ends=client.certificate_ends)


def _is_worth_more(first: Exchange) -> bool:
    return first.answer is not None and first.answer.status == HTTPStatus.OK


def _ask(endpoint: Endpoint, first: Client, question: Question) -> tuple[Exchange, ...]:
    if question in (RIGHT, KEPT):
        return (first.ask(question),)
    if question.times > 1:
        return _ask_at_once(endpoint, question)
    with closing(Client(endpoint)) as client:
        return (client.ask(question),)


def _ask_at_once(endpoint: Endpoint, question: Question) -> tuple[Exchange, ...]:
    """Ask one question many times at once, each on a connection of its own."""
    exchanges: list[Exchange] = []

    def ask() -> None:
        with closing(Client(endpoint)) as client:
            exchanges.append(client.ask(question))

    # Daemons, so that Ctrl-C does not wait for them.
    threads = [Thread(target=ask, daemon=True) for _ in range(question.times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tuple(exchanges)
