"""Takes one census: finds the ports, asks the modules, and counts."""

from __future__ import annotations

from collections.abc import Sequence

from onlinesim_rent.census.counting import Census
from onlinesim_rent.census.known_modules import KnownModules
from onlinesim_rent.clock import Deadline
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.modem.probe import Prober
from onlinesim_rent.networks.home_network import Names


def take_census(
    patterns: Sequence[str],
    prober: Prober,
    names: Names,
    known: KnownModules,
    deadline: float,
) -> Census:
    """Ask the modules on the ports that ``patterns`` name, by a deadline on the prober's clock.

    Raises CensusError if no census can be taken in time.
    """
    clock = prober.clock
    began = clock()
    ports = find_ports(patterns, Deadline(deadline, clock))
    findings = prober.probe(ports, deadline)
    census = Census.of(findings, names, round(clock() - began, 3), known.of(ports))
    known.learn(ports, findings)
    return census
