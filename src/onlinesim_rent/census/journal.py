"""Logs a census: one line for the census, and one for each port whose verdict has changed."""

from __future__ import annotations

import logging
from collections import Counter

from onlinesim_rent.census.counting import Census
from onlinesim_rent.census.host_report import HostState
from onlinesim_rent.finding import Verdict

FINDS_NO_PORT = "finds no port: are the modules plugged in, and is it their path?"
"""Follows RENT_PORTS in a message when there is no port to ask."""

_log = logging.getLogger(__name__)


def record(previous: Census | None, census: Census) -> None:
    """Log a census, and what has changed since the previous one, if there was one.

    The log lines hold no IMEI, IMSI or phone number.
    """
    verdicts = Counter(report.verdict for report in census.ports)
    _log.info(
        "census: %d of %d ports available, in %.2f s%s",
        verdicts.pop(Verdict.AVAILABLE, 0),
        len(census.ports),
        census.seconds,
        "".join(f"; {number} {verdict}" for verdict, number in verdicts.most_common()),
    )
    _record_hosts(previous, census)
    if not census.ports and not census.hosts and (previous is None or previous.ports):
        _log.warning("RENT_PORTS %s", FINDS_NO_PORT)
    # Each host logs its own ports.
    if not census.hosts:
        _record_changes(previous, census)
    for plmn in sorted(set(census.unnamed) - set(previous.unnamed if previous else ())):
        _log.warning(
            "network %s has no known name and is listed under its digits: name it in RENT_NAMES_FILE", plmn
        )


def _record_hosts(previous: Census | None, census: Census) -> None:
    """Log which hosts of a fleet are missing, and which are back."""
    before = {report.host: report.state for report in previous.hosts} if previous else {}
    for report in census.missing:
        if report.state != before.get(report.host):
            _log.warning("host %s is not counted: it %s", report.host, report.reason)
    for report in census.hosts:
        if report.state is HostState.ANSWERED and before.get(report.host, report.state) != report.state:
            _log.info("host %s is counted again", report.host)
    if census.alone != (previous.alone if previous else ""):
        _log.warning("%s", census.alone or "RENT_REDIS_URL: Redis answers again")


def _record_changes(previous: Census | None, census: Census) -> None:
    before = {report.port: report.verdict for report in previous.ports} if previous else {}
    for report in census.ports:
        old = before.pop(report.port, None)
        # In the first census, skip the available ports: the line for the census has given their number.
        if report.verdict != (old if previous else Verdict.AVAILABLE):
            was = f", was {old}" if old else ""
            _log.info("%s: %s%s: %s", report.port, report.verdict, was, report.reason)
    for port, old in before.items():
        _log.info("%s: gone, was %s", port, old)
