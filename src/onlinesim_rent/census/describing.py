"""Asks modules about themselves, for people: never for an answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from onlinesim_rent.census.cache import LATE_SECONDS
from onlinesim_rent.census.lock import CensusLock
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.clock import Deadline
from onlinesim_rent.finding import CensusError
from onlinesim_rent.modem.details import DescribedModem, Details
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.modem.probe import Prober

ASKING_SHARE = 0.4
"""The most time for the questions, as a share of a request's time (RENT_DEADLINE_SECONDS).

A request that waits for the ports meanwhile then has more than half of its time left for its own census.
"""


def describe_modules(
    patterns: Sequence[str],
    wanted: Collection[str],
    prober: Prober,
    directory: RuntimeDirectory,
    seconds: float,
) -> dict[str, Details]:
    """Return what the module on each wanted port tells, for those that answer.

    ``prober`` asks with protocol.details.describe. Under the lock of the census, so that no port is asked
    twice at a time. ``seconds`` is how long a request may take. Other censuses may delay this for so long,
    and the questions take at most ASKING_SHARE of it. Raises CensusError if the lock cannot be had in time.
    """
    clock, asking = prober.clock, ASKING_SHARE * seconds
    latest_begin = clock() + seconds
    with CensusLock(directory, clock) as lock:
        while not lock.acquire(until=clock() + asking + LATE_SECONDS):
            if clock() >= latest_begin:
                raise CensusError("censuses were being taken all the time: ask for the details again")
        deadline = Deadline(clock() + asking, clock)
        found = find_ports(patterns, deadline)
        findings = prober.probe([port for port in found if port.name in wanted], deadline.at)
    return {
        finding.port: finding.modem.details
        for finding in findings
        if isinstance(finding.modem, DescribedModem)
    }
