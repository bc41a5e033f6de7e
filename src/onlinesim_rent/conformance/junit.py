"""The report as JUnit XML, as CI systems read it (the schema of Jenkins, junit-10.xsd)."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from onlinesim_rent.conformance.report import Report
from onlinesim_rent.conformance.result import Outcome, Result

SUITE = "onlinesim-rent check"


def junit(report: Report, seconds: float) -> bytes:
    """Return the document; ``seconds`` is how long the check took.

    A warning is a passed case with its text in system-out, because JUnit knows no warning.
    """
    outcomes = [result.outcome for result in report.results]
    numbers: dict[str, Any] = {
        "tests": str(len(outcomes)),
        "failures": str(outcomes.count(Outcome.FAILED)),
        "errors": "0",
        "time": f"{seconds:.3f}",
    }
    suites = ET.Element("testsuites", name=SUITE, **numbers)
    # Jenkins' schema has no attribute for skipped cases on the outer element.
    numbers["skipped"] = str(outcomes.count(Outcome.SKIPPED))
    suite = ET.SubElement(suites, "testsuite", name=report.url, **numbers)
    for result in report.results:
        _add(suite, report, result)
    ET.indent(suites)
    document: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return document


def _add(suite: ET.Element, report: Report, result: Result) -> None:
    case = ET.SubElement(suite, "testcase", classname=SUITE, name=result.rule.name, time="0")
    text = "\n".join(f"{name}: {text}" for name, text in report.details(result).items())
    match result.outcome:
        case Outcome.FAILED:
            ET.SubElement(case, "failure", message=result.reason, type=result.rule.name).text = text
        case Outcome.SKIPPED:
            ET.SubElement(case, "skipped", message=result.reason)
        case Outcome.WARNING:
            ET.SubElement(case, "system-out").text = f"warning: {result.reason}\n{text}"
