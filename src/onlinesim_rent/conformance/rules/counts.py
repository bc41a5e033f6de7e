"""Rules about the answer's document and its counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from onlinesim_rent.conformance.exchange import Recording
from onlinesim_rent.conformance.questions import ODD_HEADERS
from onlinesim_rent.conformance.reading import (
    SUCCESS,
    Country,
    countries_of,
    document,
    exchange_of,
    first_countries,
    first_ok,
    json_of,
    shape_remarks,
)
from onlinesim_rent.conformance.result import Remark, Skip, failed, warning
from onlinesim_rent.conformance.shown import quoted, shown
from onlinesim_rent.networks import ANY_OPERATOR
from onlinesim_rent.strict_json import NotJson

_AROUND = 40
"""So many bytes before and after a mistake are shown."""

FEW_NUMBERS = 3
"""In a country, so many numbers and a fifth of them may be rented or released between two requests."""


def json(recording: Recording) -> Iterator[Remark]:
    """The body is JSON in UTF-8, strictly."""
    answer = first_ok(recording)
    if answer.problem:
        raise Skip("the body is not whole")
    try:
        document(answer)
    except NotJson as error:
        if error.at is None:
            yield failed(str(error), answer.body)
        else:
            begin = max(0, error.at - _AROUND)
            yield failed(str(error), answer.body[begin : begin + 2 * _AROUND])


def shape(recording: Recording) -> Iterator[Remark]:
    """The document has the contract's fields, each of the right type."""
    yield from shape_remarks(_first_document(recording))


def success(recording: Recording) -> Iterator[Remark]:
    """The document's status is SUCCESS."""
    content: Any = _first_document(recording)
    status = content.get("status") if isinstance(content, dict) else None
    if status == "ERROR":
        text = str(content.get("error", "no error text"))
        yield failed(f"status ERROR: {shown(text.encode('utf-8', 'surrogatepass'))}")
    elif status != SUCCESS:
        yield failed(f"status is {quoted(str(status))}", first_ok(recording).body)


def _first_document(recording: Recording) -> object:
    try:
        return document(first_ok(recording))
    except ValueError:
        raise Skip("the body is not JSON") from None


def country_once(recording: Recording) -> Iterator[Remark]:
    """Each country is listed once."""
    times = Counter(country.name for country in first_countries(recording))
    for name, count in times.items():
        if count > 1:
            yield failed(f"{quoted(name)} is listed {count} times", json_of(name))


def any_present(recording: Recording) -> Iterator[Remark]:
    """Each operatorMap has any."""
    for country in first_countries(recording):
        if ANY_OPERATOR not in country.counts:
            yield failed(f"{quoted(country.name)} has no {ANY_OPERATOR}", json_of(country.counts))


def any_is_sum(recording: Recording) -> Iterator[Remark]:
    """The count of any is the sum over the other operators."""
    for country in first_countries(recording):
        counts = dict(country.counts)
        stated = counts.pop(ANY_OPERATOR, None)
        total = sum(counts.values())
        if stated is not None and stated != total:
            words = (
                f"{quoted(country.name)}: {ANY_OPERATOR} is {stated}, and the sum of the others is {total}"
            )
            yield failed(words, json_of(country.counts))


def positive(recording: Recording) -> Iterator[Remark]:
    """No count is zero or negative. A zero may stand beside the counts of another product."""
    for country in first_countries(recording):
        for operator, count in country.counts.items():
            if count < 0 or (count == 0 and operator not in country.other):
                words = f"{quoted(country.name)}, {quoted(operator)}: rent is {count}"
                yield failed(words, json_of({operator: {"rent": count}}))


def agreement(recording: Recording) -> Iterator[Remark]:
    """Two answers, one after the other, are alike."""
    before = _totals(first_countries(recording))
    again = exchange_of(recording, ODD_HEADERS).answer
    if again is None or not (countries := countries_of(again)):
        raise Skip("the second request got no counts")
    after = _totals(countries)
    for name in sorted(before.keys() | after.keys()):
        first, second = before[name], after[name]
        if abs(first - second) > FEW_NUMBERS + max(first, second) / 5:
            yield warning(f"{quoted(name)}: first {first}, then {second}")


def _totals(countries: list[Country]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for country in countries:
        totals[country.name] += sum(count for name, count in country.counts.items() if name != ANY_OPERATOR)
    return totals
