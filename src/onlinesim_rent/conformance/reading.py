"""Reads an answer by the contract: its JSON, and what is wrong with its shape."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from onlinesim_rent.conformance.exchange import Answer, Exchange, Recording
from onlinesim_rent.conformance.questions import RIGHT, Question
from onlinesim_rent.conformance.result import Remark, Skip, failed
from onlinesim_rent.conformance.shown import quoted
from onlinesim_rent.strict_json import NotJson, read_json

SUCCESS = "SUCCESS"

MOST_NUMBERS = 1_000_000
"""More numbers than any partner has."""


@dataclass(frozen=True, slots=True)
class Country:
    """One entry of countryList. ``other`` names the operators that have other products too."""

    name: str
    counts: Mapping[str, int]
    other: frozenset[str]


def exchange_of(recording: Recording, question: Question) -> Exchange:
    """Return the exchange of a question. Raises Skip if it was not asked."""
    exchange = recording.of(question)
    if exchange is None:
        raise Skip("not asked, because the first request got no answer")
    return exchange


def first_answer(recording: Recording) -> Answer:
    """Return the answer to the right request. Raises Skip if there is none."""
    exchange = exchange_of(recording, RIGHT)
    if exchange.answer is None:
        raise Skip("the first request got no answer")
    return exchange.answer


def first_ok(recording: Recording) -> Answer:
    """Return the answer to the right request. Raises Skip unless its status is 200."""
    answer = first_answer(recording)
    if answer.status != HTTPStatus.OK:
        raise Skip("the right request is not answered with HTTP 200")
    return answer


def document(answer: Answer) -> object:
    """Return an answer's JSON. Raises NotJson."""
    if answer.problem:
        raise NotJson("the body is not whole")
    return read_json(answer.body)


def is_success(answer: Answer | None) -> bool:
    """Whether an answer is the contract's with the status SUCCESS."""
    if answer is None or answer.status != HTTPStatus.OK:
        return False
    try:
        content = document(answer)
    except ValueError:
        return False
    return isinstance(content, dict) and content.get("status") == SUCCESS


def first_success(recording: Recording) -> Answer:
    """Return the answer to the right request. Raises Skip unless it is a success."""
    answer = first_ok(recording)
    if not is_success(answer):
        raise Skip("the right request is not answered with SUCCESS")
    return answer


def first_countries(recording: Recording) -> list[Country]:
    """Return the counts of the right request. Raises Skip if there are none of the right shape."""
    content = _content(first_success(recording))
    if next(shape_remarks(content), None):
        raise Skip("the shape of the answer is wrong")
    countries = list(_countries(content))
    if not countries:
        raise Skip("countryList is empty, so that there is nothing to judge")
    return countries


def countries_of(answer: Answer) -> list[Country]:
    """Return an answer's counts; none if it is no success of the right shape."""
    if not is_success(answer) or next(shape_remarks(_content(answer)), None):
        return []
    return list(_countries(_content(answer)))


def _content(answer: Answer) -> Any:
    return document(answer)


def _countries(content: Any) -> Iterator[Country]:
    for entry in content["countryList"]:
        operators = entry["operatorMap"]
        counts = {name: products["rent"] for name, products in operators.items()}
        yield Country(
            entry["country"], counts, frozenset(name for name, own in operators.items() if len(own) > 1)
        )


def shape_remarks(content: object) -> Iterator[Remark]:
    """Say where a document differs from the contract's shape. Other fields are ignored."""
    if not isinstance(content, dict):
        yield _wrong("the answer", content, "an object")
        return
    if "status" not in content:
        yield failed("status is missing", json_of(content))
    elif not isinstance(content["status"], str):
        yield _wrong("status", content["status"], "a string")
    if "countryList" not in content:
        yield failed("countryList is missing", json_of(content))
    elif not isinstance(content["countryList"], list):
        yield _wrong("countryList", content["countryList"], "a list")
    else:
        for index, entry in enumerate(content["countryList"]):
            yield from _country_remarks(f"countryList[{index}]", entry)


def _country_remarks(place: str, entry: object) -> Iterator[Remark]:
    if not isinstance(entry, dict):
        yield _wrong(place, entry, "an object")
        return
    if not isinstance(entry.get("country"), str) or not entry["country"]:
        yield _wrong(f"{place}.country", entry.get("country"), "a name")
    operators = entry.get("operatorMap")
    if not isinstance(operators, dict):
        yield _wrong(f"{place}.operatorMap", operators, "an object")
        return
    for name, products in operators.items():
        yield from _operator_remarks(f"{place}.operatorMap.{quoted(name)}", products)


def _operator_remarks(place: str, products: object) -> Iterator[Remark]:
    if not isinstance(products, dict):
        yield _wrong(place, products, 'an object such as {"rent": 1}')
    elif "rent" not in products:
        yield failed(f"{place}.rent is missing", json_of(products))
    # A bool is an int of Python, but no number of JSON.
    elif type(products["rent"]) is not int:
        yield _wrong(f"{place}.rent", products["rent"], "an integer")
    elif abs(products["rent"]) > MOST_NUMBERS:
        yield failed(f"{place}.rent is more than {MOST_NUMBERS}", json_of(products))


_KINDS = {bool: "a bool", str: "a string", float: "a number with a fraction", int: "a number", list: "a list"}


def _wrong(place: str, value: object, wanted: str) -> Remark:
    if value is None:
        return failed(f"{place} is missing or null, not {wanted}", b"null")
    kind = "empty" if value == "" else _KINDS.get(type(value), "an object")
    return failed(f"{place} is {kind}, not {wanted}", json_of(value))


def json_of(value: object) -> bytes:
    """Write a part of an answer again, to show it."""
    try:
        return json.dumps(value).encode()
    except RecursionError:
        return b"(nested too deep to be shown)"
