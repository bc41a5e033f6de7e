"""A census of many modules behind TCP ports, against one module's own dialogue, both measured in this run.

    make bench

Every module answers after 50 ms, so a dialogue of seven exchanges takes at least 350 ms. The modules run in
one process beside this one, as those of ser2net do on other hosts: on two processors they have one each.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from census import LATENCY_SECONDS, compare, medians

from onlinesim_rent.modem.probe import Prober

GOALS = {1: 1.0, 64: 1.1, 512: 1.5, 2000: 3.0}


def main() -> None:
    """Print a line for each size of bank."""
    compare(GOALS, measure)


def measure(size: int) -> tuple[float, float]:
    """Return the median seconds and processor seconds of a census of so many remote modules, all counted."""
    with remote_bank(size) as ports:
        return medians(Prober(115200), ports, size)


@contextmanager
def remote_bank(size: int) -> Iterator[str]:
    """Serve so many modules, on a loopback address of this process; yield the range for RENT_PORTS."""
    pid = os.getpid()
    address = f"127.99.{pid >> 8 & 255}.{pid & 255}"
    program = Path(__file__).with_name("remote_bank.py")
    command = [sys.executable, str(program), address, str(size), str(LATENCY_SECONDS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as bank:
        try:
            assert bank.stdout
            first = int(bank.stdout.readline())
            yield f"socket://{address}:{first}-{first + size - 1}"
        finally:
            bank.kill()


if __name__ == "__main__":
    main()
