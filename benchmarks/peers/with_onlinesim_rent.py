"""``python -m peers.with_onlinesim_rent PORT ...``: one whole census, as the service takes it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from takers import DEADLINE_SECONDS, census_taker

from onlinesim_rent.clock import boot_clock
from onlinesim_rent.descriptors import allow_descriptors
from onlinesim_rent.finding import Finding
from onlinesim_rent.modem.ports.find import Port
from onlinesim_rent.modem.probe import Prober


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
        taker = census_taker(ports, Path(directory), prober)
        taker.take(boot_clock() + DEADLINE_SECONDS)
    print(json.dumps({found.port: found.modem and found.modem.imei for found in prober.findings}))


if __name__ == "__main__":
    main(sys.argv[1:])
