"""What takes a census in the benchmarks, as the service has it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from onlinesim_rent.census.claims_directory import ClaimsDirectory
from onlinesim_rent.census.known_modules import KnownModules
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.census.taking import CensusTaker
from onlinesim_rent.modem.probe import Prober
from onlinesim_rent.networks.home_network import Names

DEADLINE_SECONDS = 8
"""The service's default."""


def census_taker(
    ports: Sequence[str], directory: Path, prober: Prober, claims: Path | None = None
) -> CensusTaker:
    """Make what takes the census of some ports; ``directory`` is for its files."""
    known = KnownModules(RuntimeDirectory(directory / "runtime"))
    return CensusTaker(ports, prober, Names.load(), known, ClaimsDirectory(claims))
