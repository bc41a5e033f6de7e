"""``python -m peers.with_onlinesim_rent PORT ...``: one whole census, as the service takes it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from onlinesim_rent.census.claims_directory import ClaimsDirectory
from onlinesim_rent.census.known_modules import KnownModules
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.census.taking import CensusTaker
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.descriptors import allow_descriptors
from onlinesim_rent.finding import Finding
from onlinesim_rent.modem.ports.find import Port
from onlinesim_rent.modem.probe import Prober
from onlinesim_rent.networks.home_network import Names

DEADLINE_SECONDS = 8


class RememberingProber(Prober):
    """Remembers the findings, because a census does not tell IMEIs."""

    findings: Sequence[Finding] = ()

    def probe(self, ports: Sequence[Port], deadline: float) -> list[Finding]:
        """Probe the ports, and remember what they showed."""
        self.findings = findings = super().probe(ports, deadline)
        return findings


def main(ports: Sequence[str]) -> None:
    """Take a census; print an object of port to IMEI or null."""
    allow_descriptors()
    prober = RememberingProber(115200)
    with TemporaryDirectory() as directory:
        known = KnownModules(RuntimeDirectory(Path(directory, "runtime")))
        taker = CensusTaker(ports, prober, Names.load(), known, ClaimsDirectory(None))
        taker.take(boot_clock() + DEADLINE_SECONDS)
    print(json.dumps({found.port: found.modem and found.modem.imei for found in prober.findings}))


if __name__ == "__main__":
    main(sys.argv[1:])
