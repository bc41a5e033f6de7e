from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from onlinesim_rent.conformance.junit import junit
from onlinesim_rent.conformance.report import Report, lines
from onlinesim_rent.conformance.result import Outcome, Result
from onlinesim_rent.conformance.rules import RULES
from onlinesim_rent.conformance.shown import quoted, shown

RULE = {rule.name: rule for rule in RULES}
REPORT = Report(
    "https://rent.example.com/?a=<&>",
    [
        Result(RULE["reachable"], Outcome.PASSED),
        Result(RULE["certificate"], Outcome.WARNING, "2 days left"),
        Result(RULE["json"], Outcome.FAILED, 'no "JSON"', b"<html>\x1b[31m"),
        Result(RULE["shape"], Outcome.SKIPPED, "the body is not JSON"),
    ],
)


def test_the_lines_say_what_what_bytes_and_how_to_repeat_it() -> None:
    told = list(lines(REPORT))
    assert told[0] == (Outcome.PASSED, "reachable    the endpoint can be connected to, and speaks HTTP/1.1")
    assert told[1] == (Outcome.WARNING, "certificate  2 days left")
    assert (Outcome.FAILED, 'json         no "JSON"') in told
    assert (None, r"bytes: <html>\x1b[31m") in told
    assert told[-1] == (Outcome.SKIPPED, "shape        the body is not JSON")
    assert sum(text.startswith("repeat: curl ") for _, text in told) == 2


def test_the_summary_counts_the_outcomes() -> None:
    assert (
        REPORT.summary()
        == "https://rent.example.com/?a=<&>: 1 fail, 1 warning, 1 pass, 1 skipped of 4 rules."
    )
    assert REPORT.failed


def test_warnings_alone_are_no_failure() -> None:
    assert not Report("https://x/", REPORT.results[:2]).failed


def test_the_document_holds_every_rule() -> None:
    document = json.loads(json.dumps(REPORT.document()))
    assert [rule["outcome"] for rule in document["rules"]] == ["pass", "warning", "fail", "skipped"]
    assert document["rules"][2]["bytes"] == r"<html>\x1b[31m"
    assert document["passed"] is False


def test_junit_has_a_case_for_each_rule() -> None:
    suites = ET.fromstring(junit(REPORT, 1.5))
    [suite] = suites
    assert suites.tag == "testsuites"
    assert sorted(suites.attrib) == ["errors", "failures", "name", "tests", "time"]
    assert suite.attrib == {
        "name": "https://rent.example.com/?a=<&>",
        "tests": "4",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
        "time": "1.500",
    }
    assert [(case.get("name"), [child.tag for child in case]) for case in suite] == [
        ("reachable", []),
        ("certificate", ["system-out"]),
        ("json", ["failure"]),
        ("shape", ["skipped"]),
    ]
    failure = suite[2][0]
    assert (failure.get("message"), failure.get("type")) == ('no "JSON"', "json")
    assert r"bytes: <html>\x1b[31m" in (failure.text or "")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"plain", "plain"),
        (b"\x1b[31m\r\n\xff", r"\x1b[31m\r\n\xff"),
        ("ключ".encode(), r"\u043a\u043b\u044e\u0447"),
        (b"imei 869731054051594", "imei ...1594"),
        (b'{"rent": 123456}', '{"rent": 123456}'),
        (rb'{"error": "\u0430"}', r'{"error": "\u0430"}'),
        (b"x" * 300, "x" * 200 + "..."),
    ],
)
def test_bytes_are_shown_as_safe_text(content: bytes, text: str) -> None:
    assert shown(content) == text


def test_half_a_surrogate_pair_can_be_quoted() -> None:
    assert quoted("\ud800").isascii()
