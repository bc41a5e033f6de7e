"""Takes one census: finds the ports, asks the modules, reads the claims, and counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onlinesim_rent.census.claims_directory import ClaimsDirectory
from onlinesim_rent.census.counting import Census
from onlinesim_rent.census.known_modules import KnownModules
from onlinesim_rent.census.shown import Marker
from onlinesim_rent.clock import Deadline
from onlinesim_rent.finding import Finding
from onlinesim_rent.modem.ports.find import Port, find_ports
from onlinesim_rent.modem.ports.paths import all_paths, siblings
from onlinesim_rent.modem.probe import Prober
from onlinesim_rent.networks.home_network import Names


@dataclass(frozen=True, slots=True)
class CensusTaker:
    """Takes a census of the modules on the ports that ``patterns`` name.

    With a ``marker``, the census also says what the ports showed, for the other hosts of a fleet.
    """

    patterns: Sequence[str]
    prober: Prober
    names: Names
    known: KnownModules
    claims: ClaimsDirectory
    marker: Marker | None = None

    def take(self, deadline: float) -> Census:
        """Ask the modules, by a deadline on the prober's clock, and count them.

        Raises CensusError if no census can be taken in time.
        """
        clock = self.prober.clock
        began = clock()
        ports = find_ports(self.patterns, Deadline(deadline, clock))
        findings = self.prober.probe(ports, deadline)
        census = self._count(ports, findings, seconds=round(clock() - began, 3))
        self.known.learn(ports, findings)
        return census

    def _count(self, ports: Sequence[Port], findings: Sequence[Finding], seconds: float) -> Census:
        # Not before the modules were asked: a number may have been rented meanwhile.
        claims = self.claims.current()
        others = self.prober.topology.others(port.device for port in ports if port.device)
        return Census.of(
            findings,
            self.names,
            seconds,
            known=self.known.of(ports),
            siblings=siblings(ports, others),
            claims=claims,
            paths={port.name: all_paths(port, others) for port in ports} if claims.names else {},
            taken_by_holders=self.prober.taken_by_holders,
            marker=self.marker,
        )
