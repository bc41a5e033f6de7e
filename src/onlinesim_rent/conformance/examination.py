"""One whole check of an endpoint: ask, record, judge, report."""

from __future__ import annotations

from collections.abc import Mapping

from onlinesim_rent.conformance.asking import Progress, record
from onlinesim_rent.conformance.client import Endpoint
from onlinesim_rent.conformance.report import Report
from onlinesim_rent.conformance.result import judge
from onlinesim_rent.conformance.rules import RULES


def examine(
    endpoint: Endpoint, known: Mapping[str, frozenset[str]], now: float, progress: Progress | None = None
) -> Report:
    """Check an endpoint by every rule.

    ``known`` holds the marketplace's names of operators, by their country; ``now`` is in seconds since 1970.
    """
    recording = record(endpoint, known, now, progress)
    return Report(endpoint.url, [judge(rule, recording) for rule in RULES], endpoint.ca_file)
