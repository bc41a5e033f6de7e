"""The one clock: all deadlines and all ages are measured on it."""

from __future__ import annotations

import time


def boot_clock() -> float:
    """Seconds since the host was started, those it slept included.

    No change of the date moves it, it is the same for every process, and a host that slept in mid-census
    has passed its deadline: time.monotonic() would have stood still (clock_gettime(2), CLOCK_BOOTTIME).
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)
