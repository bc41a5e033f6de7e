"""The last census of a fleet, for pages: that of a request here or, if they are newer, the hosts' own."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock, Thread

from onlinesim_rent.census.cache import CensusCache
from onlinesim_rent.census.counting import Census
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.hosts.exchange import ExchangeError
from onlinesim_rent.hosts.fleet import Fleet
from onlinesim_rent.hosts.kept import kept_union

PAUSE_SECONDS = 10.0
"""How long a page shows what was read from Redis before. A younger census of a request is enough, too."""

PAUSE_SHARE = 20
"""In a large fleet, the pause is so many times as long as the reading."""

WAIT_SECONDS = 0.5
"""How long a page waits for Redis. What comes later is shown the next time."""


@dataclass
class LastUnion:
    """Tells of the last census, and takes none: it has no ``get``, so no answer can come from it.

    ``cache`` has the censuses of the requests here. Any thread may call the methods.
    """

    cache: CensusCache
    fleet: Fleet
    clock: Callable[[], float] = boot_clock
    _lock: Lock = field(default_factory=Lock)
    _kept: tuple[Census, float] | None = None
    _read_again_at: float = -math.inf

    def last(self) -> tuple[Census, float] | None:
        """Return the newest census that is known here, however old, and its age in seconds."""
        last = self.cache.last()
        if not last or last[1] > PAUSE_SECONDS:
            self._read()
        kept = self._kept and (self._kept[0], self.clock() - self._kept[1])
        return min(filter(None, (last, kept)), key=lambda census: census[1], default=None)

    def last_failure(self) -> str:
        """Return why the last attempt to get a census for a request failed; empty if it did not."""
        return self.cache.last_failure()

    def _read(self) -> None:
        """Read what Redis keeps, but not again and again, and do not wait long for it."""
        with self._lock:
            if self.clock() < self._read_again_at:
                return
            self._read_again_at = math.inf
        reading = Thread(target=self._read_now, daemon=True)
        try:
            reading.start()
        except RuntimeError:
            # No thread is left: show what is there.
            self._read_again_at = self.clock() + PAUSE_SECONDS
        else:
            reading.join(WAIT_SECONDS)

    def _read_now(self) -> None:
        began = self.clock()
        try:
            # The next request meets the same problem, and tells it.
            with suppress(ExchangeError):
                kept = kept_union(self.fleet)
                self._kept = kept and (kept.census, began - kept.age)
        finally:
            ended = self.clock()
            self._read_again_at = ended + max(PAUSE_SECONDS, PAUSE_SHARE * (ended - began))
