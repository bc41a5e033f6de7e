"""Adds the rent counts to the answer of an endpoint that serves other products (the contract's shared one).

Only ``rent`` is ours. Everything else stays as the endpoint sent it, in its order:

- An operator gets ``rent`` if we count numbers of it. It is added if it is missing, and so is its country. An
  operator without numbers of ours gets no ``rent``.
- A ``rent`` that is there already is replaced, by 0 if we count none: only this service asks the modules. The
  sum of two counts of the same modules would be too many.
- ``any`` gets the sum of our counts in its country as ``rent``. Its other fields stay, even if one is not the
  sum: it is the endpoint's promise, and a greater one could be a number too many.
- A country that gets our counts and has no ``any`` gets one, because the contract requires it: the sum of
  every field of the country's operators.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from onlinesim_rent.networks import ANY_OPERATOR

Counts = Mapping[str, Any]
"""One operator's numbers, by product."""


def merge(services: Mapping[str, Any], rent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the endpoint's answer ``services`` with the counts of our own answer ``rent``.

    Both are documents of the contract with the status SUCCESS, and name each country once. Neither is
    changed. To merge the same counts again changes nothing.
    """
    ours = {country["country"]: country["operatorMap"] for country in rent["countryList"]}
    theirs = [
        {**country, "operatorMap": _merge_operators(country["operatorMap"], ours.pop(country["country"], {}))}
        for country in services["countryList"]
    ]
    added = [{"country": name, "operatorMap": operators} for name, operators in ours.items()]
    return {**services, "countryList": theirs + added}


def _merge_operators(theirs: Mapping[str, Counts], ours: Mapping[str, Counts]) -> dict[str, Counts]:
    if ours and ANY_OPERATOR not in theirs:
        theirs = {ANY_OPERATOR: _sums(theirs.values()), **theirs}
    merged = {name: _merge_counts(counts, ours.get(name)) for name, counts in theirs.items()}
    # Operators that are there keep their place; the others follow.
    return merged | {name: counts for name, counts in ours.items() if name not in merged}


def _merge_counts(theirs: Counts, ours: Counts | None) -> Counts:
    if ours:
        return {**theirs, **ours}
    return {**theirs, "rent": 0} if "rent" in theirs else theirs


def _sums(operators: Iterable[Counts]) -> Counts:
    sums: Counter[str] = Counter()
    for counts in operators:
        # A field of a later version of the contract may be of any type. True is an int of Python's.
        sums.update({field: number for field, number in counts.items() if type(number) is int})
    return dict(sums)
