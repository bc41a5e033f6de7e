"""Takes censuses in a process of its own, as a worker of the service does. census.py starts it.

    python benchmarks/rounds.py PORTS LIVE ROUNDS

Prints one JSON object: what each round took in seconds and in processor seconds, the most memory in bytes
and the most descriptors. It fails if a round does not count all live modules.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from takers import DEADLINE_SECONDS, census_taker

from onlinesim_rent.census.taking import CensusTaker
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.descriptors import allow_descriptors
from onlinesim_rent.modem.probe import Prober


class Descriptors:
    """Counts this process' open descriptors while the findings of the first census come."""

    def __init__(self) -> None:
        self.most = 0
        self._is_over = False

    def look(self, found: int, ports: int) -> None:
        """Count them with the first finding, and sometimes later: counting takes time."""
        if not self._is_over and (found == 1 or found % 64 == 0):
            self.most = max(self.most, len(os.listdir("/proc/self/fd")))
        self._is_over = self._is_over or found == ports


def main(ports: str, live: str, rounds: str) -> None:
    """Take the rounds and print what they took."""
    allow_descriptors()
    descriptors = Descriptors()
    prober = Prober(115200, progress=descriptors.look)
    with TemporaryDirectory(dir="/dev/shm", prefix="onlinesim-rent-") as directory:
        taker = census_taker([ports], Path(directory), prober)
        measured = [timed(taker, int(live)) for _ in range(int(rounds))]
    seconds, processor = zip(*measured, strict=True)
    # Not getrusage(): its figure begins with what the parent process had.
    peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
    result = {"seconds": seconds, "processor": processor, "memory": int(peak) * 1024}
    print(json.dumps(result | {"descriptors": descriptors.most}))


def timed(taker: CensusTaker, live: int) -> tuple[float, float]:
    """Take a census, insist that it is whole, and return the seconds and processor seconds that it took."""
    began, used = time.perf_counter(), time.process_time()
    census = taker.take(boot_clock() + DEADLINE_SECONDS)
    took = time.perf_counter() - began, time.process_time() - used
    if (counted := sum(census.available.values())) != live:
        sys.exit(f"{counted} of {live} modules were counted")
    return took


if __name__ == "__main__":
    main(*sys.argv[1:])
