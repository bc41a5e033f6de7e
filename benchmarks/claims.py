"""A census of many modules with many claims against the same census without, both measured in this run.

    make bench

The two take turns, and each pair gives a ratio, so that a busy moment of the machine hits both.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from modem_simulator import SimulatedBank, live_bank
from onlinesim_rent.census.claims_directory import ClaimsDirectory
from onlinesim_rent.census.known_modules import KnownModules
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.census.taking import CensusTaker
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.descriptors import allow_descriptors
from onlinesim_rent.modem.probe import Prober
from onlinesim_rent.networks.home_network import Names

MODULES = 512
CLAIMS = 10_000
ROUNDS = 9
GOAL = 1.05


def main() -> None:
    """Print the median ratio of the pairs."""
    allow_descriptors()
    modules = [replace(module, family="SIM800") for module in live_bank(MODULES, 0.05)]
    with SimulatedBank(modules) as bank, TemporaryDirectory() as name:
        directory = Path(name)
        claims = make_claims(directory)
        without = taker(bank.ports, None, directory)
        with_claims = taker(bank.ports, claims, directory)
        seconds(without)
        pairs = [(seconds(without), seconds(with_claims)) for _ in range(ROUNDS)]
    ratios = [with_ / without for without, with_ in pairs]
    ratio = statistics.median(ratios)
    print(f"{MODULES} modules with {CLAIMS:,} claims take {ratio:.2f} times as long as without")
    print(f"({min(ratios):.2f} to {max(ratios):.2f} in {ROUNDS} pairs)   goal {GOAL}")


def make_claims(directory: Path) -> Path:
    """Make a directory of claims on numbers that no module has."""
    claims = directory / "claims"
    claims.mkdir()
    for number in range(CLAIMS):
        (claims / f"imsi-{number:015}").touch()
    return claims


def taker(ports: str, claims: Path | None, directory: Path) -> CensusTaker:
    """Make what takes the service's census, with claims or without."""
    known = KnownModules(RuntimeDirectory(directory / "runtime"))
    return CensusTaker([ports], Prober(115200), Names.load(), known, ClaimsDirectory(claims))


def seconds(taker: CensusTaker) -> float:
    """Take a census, insist that it is whole, and return the seconds that it took."""
    began = time.perf_counter()
    census = taker.take(boot_clock() + 8)
    took = time.perf_counter() - began
    if sum(census.available.values()) != MODULES:
        raise SystemExit(f"{sum(census.available.values())} of {MODULES} modules were counted")
    return took


if __name__ == "__main__":
    main()
