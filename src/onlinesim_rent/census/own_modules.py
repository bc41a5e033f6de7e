"""Takes a census of modules that an application of your own asks, because it holds their ports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from onlinesim_rent.census.claims_directory import ClaimsDirectory
from onlinesim_rent.census.counting import Census
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.finding import Finding
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.modem.ports.paths import all_paths
from onlinesim_rent.networks.home_network import Names

ASK_SECONDS = 2.9
"""The most time for asking all modules: then a silent one is known, and all proofs are still young enough."""

Ask = Callable[[float], Iterable[Finding]]
"""Asks all modules by a deadline on boot_clock, and returns a finding for each port.

A finding's ``seconds`` count from the start of the call.
"""


@dataclass(frozen=True, slots=True)
class OwnModules:
    """Takes a census of the modules that ``ask`` asks."""

    ask: Ask
    names: Names
    claims: ClaimsDirectory
    clock: Callable[[], float] = boot_clock

    def take(self, deadline: float) -> Census:
        """Ask the modules by a deadline on the clock, and count them. Raises CensusError."""
        began = self.clock()
        findings = list(self.ask(min(deadline, began + ASK_SECONDS)))
        seconds = round(self.clock() - began, 3)
        # Not before the modules were asked: a number may have been rented meanwhile.
        claims = self.claims.current()
        ports = find_ports(finding.port for finding in findings) if claims.names else []
        paths = {port.name: all_paths(port, {}) for port in ports}
        return Census.of(findings, self.names, seconds, claims=claims, paths=paths)
