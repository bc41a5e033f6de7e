"""How the rent counts are added to an answer of other products, by table and by property."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onlinesim_rent.web.merging import merge
from onlinesim_rent.web.schemas import dump_answer

Available = dict[tuple[str, str], int]


def answer(**countries: dict[str, Any]) -> dict[str, Any]:
    listed = [{"country": name, "operatorMap": operators} for name, operators in countries.items()]
    return {"countryList": listed, "status": "SUCCESS"}


def merged(services: dict[str, Any], available: Available) -> dict[str, Any]:
    return merge(services, dump_answer(Counter(available)))


def test_the_contracts_example_of_a_shared_endpoint() -> None:
    services = answer(
        russia={
            "any": {"vk": 10, "wa": 52},
            "beeline": {"vk": 10, "wa": 20},
            "megafon": {"vk": 0, "wa": 32},
        }
    )

    assert merged(services, {("russia", "beeline"): 9, ("russia", "megafon"): 10}) == answer(
        russia={
            "any": {"vk": 10, "wa": 52, "rent": 19},
            "beeline": {"vk": 10, "wa": 20, "rent": 9},
            "megafon": {"vk": 0, "wa": 32, "rent": 10},
        }
    )


BEELINE = {("russia", "beeline"): 9}


@pytest.mark.parametrize(
    ("before", "available", "after"),
    {
        "a missing country is added": ({}, BEELINE, {"any": {"rent": 9}, "beeline": {"rent": 9}}),
        "a missing operator is added after the others": (
            {"any": {"vk": 1}, "tele2": {"vk": 1}},
            BEELINE,
            {"any": {"vk": 1, "rent": 9}, "tele2": {"vk": 1}, "beeline": {"rent": 9}},
        ),
        "any keeps its place": (
            {"beeline": {"vk": 1}, "any": {"vk": 1}},
            BEELINE,
            {"beeline": {"vk": 1, "rent": 9}, "any": {"vk": 1, "rent": 9}},
        ),
        "a missing any is added with the sum of every field": (
            {"beeline": {"vk": 1}, "tele2": {"vk": 2, "wa": 0, "x": True, "y": "3"}},
            BEELINE,
            {
                "any": {"vk": 3, "wa": 0, "rent": 9},
                "beeline": {"vk": 1, "rent": 9},
                "tele2": {"vk": 2, "wa": 0, "x": True, "y": "3"},
            },
        ),
        "an any that is not the sum stays so": (
            {"any": {"vk": 7}, "beeline": {"vk": 1}},
            BEELINE,
            {"any": {"vk": 7, "rent": 9}, "beeline": {"vk": 1, "rent": 9}},
        ),
        "a rent that is there is replaced, not added to": (
            {"any": {"rent": 5, "vk": 1}, "beeline": {"rent": 5, "vk": 1}},
            BEELINE,
            {"any": {"rent": 9, "vk": 1}, "beeline": {"rent": 9, "vk": 1}},
        ),
        "a rent that is there becomes 0 if none is counted": (
            {"any": {"rent": 5}, "beeline": {"rent": 4, "vk": 1}, "tele2": {"rent": 1}},
            {("russia", "tele2"): 2},
            {"any": {"rent": 2}, "beeline": {"rent": 0, "vk": 1}, "tele2": {"rent": 2}},
        ),
        "a country without numbers stays as it is": ({"mts": {}}, {}, {"mts": {}}),
        "a country without numbers loses its old rent": (
            {"any": {"rent": 5}, "mts": {"rent": "5"}},
            {},
            {"any": {"rent": 0}, "mts": {"rent": 0}},
        ),
    }.values(),
)
def test_what_becomes_of_one_country(
    before: dict[str, Any], available: Available, after: dict[str, Any]
) -> None:
    [country] = merged(answer(russia=before) if before else answer(), available)["countryList"]

    assert country == {"country": "russia", "operatorMap": after}
    assert list(country["operatorMap"]) == list(after)


def test_unknown_keys_stay_at_every_level_and_in_their_order() -> None:
    country = {"id": 7, "operatorMap": {"any": {}, "beeline": {"new": [1]}}, "country": "russia", "x": None}
    services = {"version": 2, "status": "SUCCESS", "countryList": [country]}

    after = merged(services, BEELINE)

    assert list(after) == ["version", "status", "countryList"]
    assert list(after["countryList"][0]) == ["id", "operatorMap", "country", "x"]
    assert after["countryList"][0]["operatorMap"]["beeline"] == {"new": [1], "rent": 9}


def test_added_countries_follow_the_others_by_name() -> None:
    services = answer(ukraine={"any": {}})

    after = merged(services, {("russia", "mts"): 1, ("england", "ee"): 1, ("ukraine", "life"): 1})

    assert [country["country"] for country in after["countryList"]] == ["ukraine", "england", "russia"]


# Whatever the endpoint sends

NAMES = st.sampled_from(["russia", "ukraine", "kazakhstan", "england"])
OPERATORS = st.sampled_from(["beeline", "mts", "tele2", "life"])
VALUES = st.integers(0, 99) | st.none() | st.text(max_size=3) | st.booleans()
COUNTS = st.dictionaries(st.sampled_from(["vk", "wa", "rent", "x"]), VALUES)
COUNTRIES = st.dictionaries(NAMES, st.dictionaries(OPERATORS | st.just("any"), COUNTS))
SERVICES = st.builds(lambda countries: answer(**countries), COUNTRIES)
AVAILABLE = st.dictionaries(st.tuples(NAMES, OPERATORS), st.integers(0, 99))


def rents(document: dict[str, Any]) -> Counter[tuple[str, str]]:
    """Every rent that is not 0, by country and operator, ``any`` among them."""
    return +Counter(
        {
            (country["country"], operator): counts.get("rent", 0)
            for country in document["countryList"]
            for operator, counts in country["operatorMap"].items()
        }
    )


def without_rent(document: dict[str, Any]) -> list[tuple[str, list[tuple[str, list[tuple[str, Any]]]]]]:
    """The other products in their order."""
    return [
        (
            country["country"],
            [
                (operator, [(field, number) for field, number in counts.items() if field != "rent"])
                for operator, counts in country["operatorMap"].items()
            ],
        )
        for country in document["countryList"]
    ]


@given(SERVICES, AVAILABLE)
def test_exactly_our_numbers_are_told_and_any_is_their_sum(
    services: dict[str, Any], available: Available
) -> None:
    sums: Counter[tuple[str, str]] = Counter()
    for (country, _), number in available.items():
        sums[country, "any"] += number

    assert rents(merged(services, available)) == +Counter(available) + sums


@given(SERVICES, AVAILABLE)
def test_nothing_of_the_other_products_is_lost_changed_or_moved(
    services: dict[str, Any], available: Available
) -> None:
    before, after = without_rent(services), without_rent(merged(services, available))

    assert [country for country, _ in after[: len(before)]] == [country for country, _ in before]
    for (_, operators), (_, merged_operators) in zip(before, after, strict=False):
        named = dict(operators)
        assert [entry for entry in merged_operators if entry[0] in named] == operators


@given(SERVICES, AVAILABLE)
def test_merging_twice_is_merging_once(services: dict[str, Any], available: Available) -> None:
    once = merged(services, available)

    assert str(merged(once, available)) == str(once)


@given(SERVICES)
def test_an_empty_census_changes_nothing_but_the_rent(services: dict[str, Any]) -> None:
    after = merged(services, {})

    assert without_rent(after) == without_rent(services)
    assert rents(after) == Counter()


@given(SERVICES, AVAILABLE)
def test_the_endpoints_document_itself_is_not_changed(services: dict[str, Any], available: Available) -> None:
    before = copy.deepcopy(services)
    merged(services, available)

    assert services == before
