from __future__ import annotations

import json
from collections import Counter

import pytest
from hand_census import RUSSIA_AND_UKRAINE

from onlinesim_rent.web.schemas import dump_answer, dump_error, load_request

PUBLISHED_EXAMPLE = """
{"countryList": [
   {"country": "russia",  "operatorMap": {"any": {"rent": 19}, "beeline": {"rent": 9}, "megafon": {"rent": 10}}},
   {"country": "ukraine", "operatorMap": {"any": {"rent": 21}, "kyivstar": {"rent": 5}, "life": {"rent": 2}, "vodafone": {"rent": 14}}}],
 "status": "SUCCESS"}
"""  # noqa: E501 - as published, but for the order of the operators


def problem_of(body: bytes) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        load_request(body)
    assert type(caught.value) is ValueError
    return str(caught.value)


def test_the_contracts_request_is_loaded() -> None:
    asked = load_request(b'{"action": "GET_SERVICES", "key": "secret-key"}')

    assert asked == {"action": "GET_SERVICES", "key": "secret-key"}


def test_unknown_fields_are_ignored() -> None:
    body = b'{"action": "GET_SERVICES", "key": "k", "version": [1e999, {"a": null}], "a": 1}'

    assert load_request(body) == {"action": "GET_SERVICES", "key": "k"}


def test_a_missing_key_passes_the_schema() -> None:
    assert load_request(b'{"action": "GET_SERVICES"}') == {"action": "GET_SERVICES"}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b'{"key": "k"}', "the action is missing"),
        (b'{"action": "GET_NUMBER", "key": "k"}', "the action is not GET_SERVICES"),
        (b'{"action": "get_services", "key": "k"}', "the action is not GET_SERVICES"),
        (b'{"action": "\\ud800", "key": "k"}', "the action is not GET_SERVICES"),
        (b'{"action": null, "key": "k"}', "the action is null, not a string"),
        (b'{"action": ["GET_SERVICES"], "key": "k"}', "the action is not a string"),
        (b'{"action": "GET_SERVICES", "key": null}', "the key is null, not a string"),
        (b'{"action": "GET_SERVICES", "key": 7}', "the key is not a string"),
        (b'{"key": true}', "the action is missing; the key is not a string"),
    ],
)
def test_a_wrong_request_is_refused_with_a_sentence(body: bytes, problem: str) -> None:
    assert problem_of(body) == problem


@pytest.mark.parametrize("body", [b"[]", b'["action", "key"]', b'"GET_SERVICES"', b"null", b"7", b"true"])
def test_json_that_is_no_object_is_refused(body: bytes) -> None:
    assert problem_of(body) == "the body is not a JSON object"


REQUEST = '{"action": "GET_SERVICES", "key": "k"}'


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"action=GET_SERVICES&key=k", id="a form"),
        pytest.param(b"{'action': 'GET_SERVICES'}", id="Python"),
        pytest.param(REQUEST[:-1].encode(), id="cut off"),
        pytest.param(f"{REQUEST}x".encode(), id="followed by more"),
        pytest.param(b'{"action": NaN}', id="NaN"),
        pytest.param(b'{"action": -Infinity}', id="infinity"),
        pytest.param(b'{"a": %s}' % (b"9" * 5000), id="an integer of 5000 digits"),
        pytest.param(b'{"key": "a", "key": "b", "action": "GET_SERVICES"}', id="two keys"),
        pytest.param(b'{"action": "GET_SERVICES", "a": {"b": 1, "b": 1}}', id="two values within"),
        pytest.param(b'{"action": "\xff"}', id="not UTF-8"),
        pytest.param(b'{"action": "\xed\xa0\x80"}', id="half a surrogate pair"),
        pytest.param(REQUEST.encode("utf-8-sig"), id="a byte order mark"),
        pytest.param(REQUEST.encode("utf-16"), id="UTF-16"),
        pytest.param(REQUEST.encode("utf-16-le"), id="UTF-16 without a mark"),
        pytest.param(REQUEST.encode("utf-32"), id="UTF-32"),
        pytest.param(b'{"action": "GET\nSERVICES"}', id="a line break in a string"),
    ],
)
def test_a_body_that_is_not_json_in_utf_8_is_refused(body: bytes) -> None:
    assert problem_of(body).startswith("the body is not JSON in UTF-8: ")


@pytest.mark.parametrize(
    ("body", "mistake"),
    [
        (b" ", "it is empty"),
        (b"{'action': 'GET_SERVICES'}", "Expecting property name enclosed in double quotes at byte 1"),
        ('{"ключ": "x" 1}'.encode(), "Expecting ',' delimiter at byte 17"),
        (b'{"action": "GET_SERVICES', "Unterminated string starting at byte 11"),
        (b'{"action": "\xff"}', "it is not UTF-8 at byte 12"),
        (b'{"a": %s}' % (b"9" * 5000), "a number in it has too many digits"),
        (b"[" * 8000, "it nests too deep"),
    ],
)
def test_the_mistake_in_a_body_is_told_in_words_of_json(body: bytes, mistake: str) -> None:
    assert problem_of(body) == f"the body is not JSON in UTF-8: {mistake}"


@pytest.mark.parametrize("body", [b"[" * 8000 + b"]" * 8000, b'{"a":' * 2500 + b"1" + b"}" * 2500])
def test_nesting_deeper_than_the_interpreter_goes_is_refused_too(body: bytes) -> None:
    assert problem_of(body)


@pytest.mark.parametrize(
    "body",
    [b'{"key": "secret-key" "action"}', b'{"secret-key": 1, "secret-key": 1}', b'{"action": "secret-key"}'],
)
def test_no_problem_quotes_the_body(body: bytes) -> None:
    assert "secret" not in problem_of(body)


def test_the_published_example_is_written_in_order() -> None:
    document = dump_answer(Counter(RUSSIA_AND_UKRAINE))

    assert json.dumps(document) == json.dumps(json.loads(PUBLISHED_EXAMPLE))


def test_without_numbers_the_list_is_empty() -> None:
    assert dump_answer(Counter()) == {"countryList": [], "status": "SUCCESS"}


def test_operators_and_countries_without_numbers_are_left_out() -> None:
    available = Counter({("russia", "mts"): 0, ("russia", "tele2"): 1, ("ukraine", "life"): 0})

    countries = dump_answer(available)["countryList"]

    assert countries == [{"country": "russia", "operatorMap": {"any": {"rent": 1}, "tele2": {"rent": 1}}}]


def test_an_error_says_so_behind_an_empty_list() -> None:
    document = json.dumps(dump_error("mend it"))

    assert document == '{"countryList": [], "status": "ERROR", "error": "mend it"}'
