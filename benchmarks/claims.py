"""A census of many modules with many claims against the same census without.

The two take turns, and each pair gives a ratio, so that a busy moment of the machine hits both.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from banks import Bank
from figures import Bar, Part, Spread, Table
from progress import Tell
from takers import DEADLINE_SECONDS, census_taker

from onlinesim_rent.census.taking import CensusTaker
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.descriptors import allow_descriptors
from onlinesim_rent.modem.probe import Prober

MODULES = 512
CLAIMS = 10_000
ROUNDS = 7
MOST_RATIO = 1.05


def part(tell: Tell) -> Part:
    """Measure the pairs."""
    tell(f"census of {MODULES} modules with {CLAIMS:,} claims and without")
    allow_descriptors()
    with Bank(MODULES, 0.05).serve() as ports, TemporaryDirectory(dir="/dev/shm") as name:
        directory = Path(name)
        without = census_taker([ports], directory, Prober(115200))
        with_claims = census_taker([ports], directory, Prober(115200), make_claims(directory))
        seconds(without)
        pairs = [(seconds(without), seconds(with_claims)) for _ in range(ROUNDS)]
    ratio = Spread.of(with_ / without for without, with_ in pairs)
    goal = f"{CLAIMS:,} claims make a census of {MODULES} modules at most {MOST_RATIO} times as long"
    table = Table(
        "A census with claims",
        f"The median of {ROUNDS} pairs of censuses (least to most).",
        ["modules", "claims", "times the seconds without claims"],
        [[f"{MODULES}", f"{CLAIMS:,}", ratio.written(".2f")]],
    )
    return Part([table], [Bar(goal, f"{ratio.median:.2f}", ratio.median <= MOST_RATIO)])


def make_claims(directory: Path) -> Path:
    """Make a directory of claims on numbers that no module has."""
    claims = directory / "claims"
    claims.mkdir()
    for number in range(CLAIMS):
        (claims / f"imsi-{number:015}").touch()
    return claims


def seconds(taker: CensusTaker) -> float:
    """Take a census, insist that it is whole, and return the seconds that it took."""
    began = time.perf_counter()
    census = taker.take(boot_clock() + DEADLINE_SECONDS)
    took = time.perf_counter() - began
    if sum(census.available.values()) != MODULES:
        raise SystemExit(f"{sum(census.available.values())} of {MODULES} modules were counted")
    return took
