"""The one clock for all deadlines and ages."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from onlinesim_rent.finding import CensusError

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_clock() -> float:
    """Return the seconds since the host started, including the time it slept.

    All processes see the same clock, and a change of the date does not move it. It goes on while the host
    sleeps, and time.monotonic() does not (clock_gettime(2), CLOCK_BOOTTIME).
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A time on a clock by which work must be done."""

    at: float
    clock: Callable[[], float] = boot_clock

    def check(self, work: str) -> None:
        """Raise CensusError if the time is up. Its text names the work."""
        if self.clock() >= self.at:
            raise CensusError(f"the time for the census was up while it was {work}")


@cache
def boot_id() -> str:
    """Return the number of this boot, because ages are wrong after a reboot. Raises CensusError."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError as error:
        raise CensusError(
            f"{_BOOT_ID} cannot be read ({error.strerror}): "
            "mount all of /proc; in a systemd unit, set ProcSubset=all"
        ) from error
