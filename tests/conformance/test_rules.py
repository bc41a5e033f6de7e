"""The rules, over exchanges recorded by hand. test_wrong_endpoints.py shows each rule on a real socket."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from marketplace import PUBLISHED_ANSWER

from onlinesim_rent.conformance import questions as asked
from onlinesim_rent.conformance.exchange import Answer, Exchange, Failure, FailureKind, Recording
from onlinesim_rent.conformance.result import Outcome, Result, judge
from onlinesim_rent.conformance.rules import RULES
from onlinesim_rent.networks.home_network import Names

PASSED, WARNING, FAILED, SKIPPED = Outcome.PASSED, Outcome.WARNING, Outcome.FAILED, Outcome.SKIPPED
NOW = 1_800_000_000.0
DAY = 86_400
RULE = {rule.name: rule for rule in RULES}
KNOWN = Names.load().operators
JSON = ("Content-Type", "application/json; charset=utf-8")
ERROR = b'{"countryList": [], "status": "ERROR", "error": "mend it"}'


def answered(status: int, body: bytes, *headers: tuple[str, str], seconds: float = 0.1) -> Exchange:
    return Exchange(seconds, Answer(status, (JSON, *headers), body))


def recorded(document: Any = PUBLISHED_ANSWER, **changes: Any) -> Recording:
    """An endpoint that keeps every rule, but answers with this document."""
    body = json.dumps(document).encode()
    right = answered(200, body)
    exchanges = {
        asked.RIGHT: (right,),
        asked.KEPT: (right,),
        asked.GZIP_WANTED: (answered(200, body, ("Content-Encoding", "gzip")),),
        asked.GZIP_SENT: (right,),
        asked.ODD_HEADERS: (right,),
        asked.AT_ONCE: (right,) * 30,
        asked.WRONG_ACTION: (answered(400, ERROR),),
        asked.OTHER_METHOD: (answered(405, ERROR, ("Allow", "GET, POST")),),
    }
    keyless = [question for question in asked.QUESTIONS if question not in exchanges]
    refused = answered(401, ERROR, ("WWW-Authenticate", "Bearer"))
    exchanges |= dict.fromkeys(keyless, (refused,))
    return Recording("https://rent.example.com/", exchanges, NOW, NOW + 60 * DAY, KNOWN, **changes)


def but(recording: Recording, question: asked.Question, *exchanges: Exchange) -> Recording:
    return replace(recording, exchanges={**recording.exchanges, question: exchanges})


def judged(name: str, recording: Recording) -> Result:
    return judge(RULE[name], recording)


def one_country(**counts: int) -> dict[str, Any]:
    operators = {name: {"rent": count} for name, count in counts.items()}
    return {"countryList": [{"country": "russia", "operatorMap": operators}], "status": "SUCCESS"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_right_endpoint_keeps_the_rule(rule) -> None:
    assert judge(rule, recorded()).outcome is PASSED


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_is_skipped_if_nothing_was_answered(rule) -> None:
    failure = Failure(FailureKind.UNREACHABLE, "connection refused")
    recording = Recording("https://x/", {asked.RIGHT: (Exchange(0.1, failure=failure),)}, NOW)
    assert judge(rule, recording).outcome is (FAILED if rule.name == "reachable" else SKIPPED)


@pytest.mark.parametrize(
    ("seconds", "outcome"),
    [(0.1, PASSED), (7.99, PASSED), (8.0, WARNING), (9.99, WARNING), (10.0, FAILED), (14.0, FAILED)],
)
def test_the_time_of_one_and_of_thirty_is_judged(seconds: float, outcome: Outcome) -> None:
    body = json.dumps(PUBLISHED_ANSWER).encode()
    quick, slow = answered(200, body), answered(200, body, seconds=seconds)
    assert judged("time", but(recorded(), asked.RIGHT, slow)).outcome is outcome
    assert judged("thirty-at-once", but(recorded(), asked.AT_ONCE, *[quick] * 29, slow)).outcome is outcome


def test_those_of_thirty_that_fail_are_counted_by_their_reason() -> None:
    late = Exchange(15.0, failure=Failure(FailureKind.LATE, "no whole answer within 15 s"))
    exchanges = [answered(200, ERROR)] * 27 + [answered(429, ERROR)] * 2 + [late]
    result = judged("thirty-at-once", but(recorded(), asked.AT_ONCE, *exchanges))
    assert result.reason.startswith(
        "30 of 30 got no SUCCESS (27 of them: HTTP 200, 2 of them: HTTP 429, "
        "1 of them: no whole answer within 15 s)"
    )


@pytest.mark.parametrize(("days", "outcome"), [(60, PASSED), (21, PASSED), (20.9, WARNING), (0.1, WARNING)])
def test_the_days_of_a_certificate_are_judged(days: float, outcome: Outcome) -> None:
    result = judged("certificate", replace(recorded(), certificate_ends=NOW + days * DAY))
    assert (result.outcome, result.reason) == (outcome, f"{days:.0f} days left")


@pytest.mark.parametrize(
    ("url", "outcome"),
    [
        ("https://rent.example.com/", PASSED),
        ("http://127.0.0.1:8000/", PASSED),
        ("http://[::1]:8000/", PASSED),
        ("http://LOCALHOST/", PASSED),
        ("http://rent.example.com/", WARNING),
        ("http://10.0.0.1/", WARNING),
    ],
)
def test_plain_http_is_only_for_the_loopback(url: str, outcome: Outcome) -> None:
    assert judged("encryption", replace(recorded(), url=url)).outcome is outcome


@pytest.mark.parametrize(
    ("name", "document", "reason"),
    [
        ("any-sum", one_country(any=20, mts=9), '"russia": any is 20, and the sum of the others is 9'),
        ("any-sum", one_country(any=1), '"russia": any is 1, and the sum of the others is 0'),
        ("any-present", one_country(mts=1), '"russia" has no any'),
        ("positive", one_country(any=-1, mts=-1), '"russia", "any": rent is -1; "russia", "mts": rent is -1'),
        (
            "operator-names",
            one_country(any=1, MTS=1),
            '"MTS" is no known operator of "russia"; the nearest is "mts"',
        ),
        (
            "operator-names",
            one_country(any=1, kyivstar=1),
            '"kyivstar" is no known operator of "russia"; it is one of "ukraine"',
        ),
        ("shape", {"status": "SUCCESS", "countryList": {}}, "countryList is an object, not a list"),
        ("shape", {"countryList": []}, "status is missing"),
        ("shape", one_country(any="1"), 'countryList[0].operatorMap."any".rent is a string, not an integer'),
        ("shape", one_country(any=True), 'countryList[0].operatorMap."any".rent is a bool, not an integer'),
        ("success", {"status": "ERROR", "error": "RENT_PORTS"}, "status ERROR: RENT_PORTS"),
        (
            "country-once",
            {"status": "SUCCESS", "countryList": one_country(any=1, mts=1)["countryList"] * 3},
            '"russia" is listed 3 times',
        ),
    ],
)  # fmt: skip
def test_the_reason_names_the_place_and_what_is_wrong(name: str, document: Any, reason: str) -> None:
    result = judged(name, recorded(document))
    assert result.outcome in {WARNING, FAILED}
    assert result.reason == reason


def test_the_shared_endpoint_may_have_other_products_and_zeros() -> None:
    operators = {
        "any": {"vk": 10, "rent": 19},
        "beeline": {"vk": 10, "rent": 19},
        "megafon": {"vk": 5, "rent": 0},
    }
    document = {"countryList": [{"country": "russia", "operatorMap": operators}], "status": "SUCCESS"}
    assert {judge(rule, recorded(document)).outcome for rule in RULES} == {PASSED}


def test_an_empty_list_leaves_nothing_to_judge() -> None:
    result = judged("any-sum", recorded({"countryList": [], "status": "SUCCESS"}))
    assert (result.outcome, result.reason) == (
        SKIPPED,
        "countryList is empty, so that there is nothing to judge",
    )


@pytest.mark.parametrize(
    ("after", "outcome"), [(100, PASSED), (90, PASSED), (77, PASSED), (70, WARNING), (130, WARNING)]
)
def test_a_count_may_change_a_little_between_two_answers(after: int, outcome: Outcome) -> None:
    again = answered(200, json.dumps(one_country(any=after, mts=after)).encode())
    assert (
        judged("agreement", but(recorded(one_country(any=100, mts=100)), asked.ODD_HEADERS, again)).outcome
        is outcome
    )


def test_many_remarks_are_counted() -> None:
    result = judged(
        "operator-names", recorded(one_country(any=0, **{f"x{number}": 1 for number in range(9)}))
    )
    assert result.reason.endswith("; and 6 more")


def test_the_bytes_around_a_mistake_are_shown() -> None:
    body = json.dumps(PUBLISHED_ANSWER).encode().replace(b'"kyivstar":', b'"kyivstar"')
    result = judged("json", but(recorded(), asked.RIGHT, answered(200, body)))
    assert b'"kyivstar" {"rent": 5}' in result.evidence
    assert len(result.evidence) == 80
