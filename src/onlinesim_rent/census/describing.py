"""Asks modules about themselves, for people: never for an answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from onlinesim_rent.census.lock import CensusLock
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.clock import Deadline
from onlinesim_rent.finding import CensusError
from onlinesim_rent.modem.details import DescribedModem, Details
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.modem.probe import Prober


def describe_modules(
    patterns: Sequence[str],
    wanted: Collection[str],
    prober: Prober,
    directory: RuntimeDirectory,
    deadline: float,
) -> dict[str, Details]:
    """Return what the module on each wanted port tells, for those that answer, by a deadline.

    ``prober`` asks with protocol.details.describe. Under the lock of the census, so that no port is asked
    twice at a time. Raises CensusError if the lock cannot be had in time.
    """
    with CensusLock(directory, prober.clock) as lock:
        while not lock.acquire(until=deadline):
            if prober.clock() >= deadline:
                raise CensusError("censuses were being taken all the time: ask for the details again")
        found = find_ports(patterns, Deadline(deadline, prober.clock))
        findings = prober.probe([port for port in found if port.name in wanted], deadline)
    return {
        finding.port: finding.modem.details
        for finding in findings
        if isinstance(finding.modem, DescribedModem)
    }
