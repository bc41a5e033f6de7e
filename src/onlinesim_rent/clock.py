"""The one clock: all deadlines and all ages are measured on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from onlinesim_rent.finding import CensusError

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_clock() -> float:
    """Seconds since the host was started, those it slept included.

    No change of the date moves it, it is the same for every process, and a host that slept in mid-census
    has passed its deadline: time.monotonic() would have stood still (clock_gettime(2), CLOCK_BOOTTIME).
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A time on a clock by which work must be done."""

    at: float
    clock: Callable[[], float] = boot_clock

    def check(self, work: str) -> None:
        """Raise CensusError that names the work if the time has come."""
        if self.clock() >= self.at:
            raise CensusError(f"the time for the census was up while it was {work}")


@cache
def boot_id() -> str:
    """Return this boot's own number: ages mean nothing across a reboot. Raises CensusError."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError as error:
        raise CensusError(
            f"{_BOOT_ID} cannot be read ({error.strerror}): "
            "mount /proc whole, which in a systemd unit is ProcSubset=all"
        ) from error
