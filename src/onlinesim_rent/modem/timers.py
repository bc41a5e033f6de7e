"""When the loop must wake up, and for which port."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import count

from onlinesim_rent.modem.line import Line
from onlinesim_rent.modem.proof import NEVER


class Timers:
    """One timer for each port: the time in ``line.wakes_at``.

    An entry with another time is out of date. It stays until that time, because a search would cost more.
    """

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Line]] = []
        self._sequence = count()

    @property
    def next_at(self) -> float:
        """When the next timer is due. It may be out of date, and then the loop wakes up too early."""
        return self._entries[0][0] if self._entries else NEVER

    def wake_at(self, line: Line, at: float) -> None:
        """Set the timer of a port."""
        if at != line.wakes_at:
            line.wakes_at = at
            heapq.heappush(self._entries, (at, next(self._sequence), line))

    def due(self, now: float) -> Iterator[Line]:
        """Yield the ports whose timers are due, and stop these timers."""
        while self._entries and self._entries[0][0] <= now:
            at, _, line = heapq.heappop(self._entries)
            if line.wakes_at == at:
                line.wakes_at = NEVER
                yield line
