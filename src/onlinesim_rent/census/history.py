"""Remembers how many numbers were available in the last 24 hours, for people. No answer depends on it."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from onlinesim_rent.census.counting import Census
from onlinesim_rent.census.parsed_file import ParsedFile
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.clock import boot_clock, boot_id
from onlinesim_rent.finding import CensusError

STEP_SECONDS = 300.0
"""One point stands for all censuses of so many seconds."""

KEPT_SECONDS = 24 * 3600.0
"""Older points are forgotten."""

_FILE = "history.json"
_log = logging.getLogger(__name__)


class Point(NamedTuple):
    """What the censuses of one step said.

    ``at`` is the step's beginning, on the boot clock. ``available`` is the lowest count of the step, and
    ``ports`` its highest number of ports; both are None if every census failed. ``failed`` says whether one
    failed.
    """

    at: float
    available: int | None
    ports: int | None
    failed: bool

    def age(self, now: float) -> float:
        """Return how many seconds ago the step began."""
        return now - self.at


class History:
    """The points in a file that all workers share. They are on the boot clock, which nobody can set.

    Both methods that record cost one stat(2) as long as nothing changes. They never raise: if the file cannot
    be written, the log says why. If two processes write at once, the later one wins.
    """

    def __init__(self, directory: RuntimeDirectory, clock: Callable[[], float] = boot_clock) -> None:
        self._directory = directory
        self._file = ParsedFile(directory, _FILE, read_points)
        self._clock = clock

    def record(self, census: Census) -> None:
        """Remember a census."""
        self._add(sum(census.available.values()), len(census.ports), failed=False)

    def record_failure(self) -> None:
        """Remember that a census failed."""
        self._add(None, None, failed=True)

    def points(self) -> tuple[Point, ...]:
        """Return the points of the last 24 hours, the oldest first. Raises CensusError."""
        return kept(self._file.value() or (), self._clock())

    def _add(self, available: int | None, ports: int | None, *, failed: bool) -> None:
        now = self._clock()
        try:
            before = self._file.value() or ()
            after = kept(added(before, Point(step_of(now), available, ports, failed)), now)
            if after != before:
                self._directory.replace(_FILE, written_points(after))
        except CensusError as error:
            _log.warning("the history of the status page could not be written: %s", error)


def step_of(now: float) -> float:
    """Return the beginning of the step that a moment is in."""
    return now // STEP_SECONDS * STEP_SECONDS


def added(points: tuple[Point, ...], new: Point) -> tuple[Point, ...]:
    """Return the points with a new one. It is joined to the last point if that is of the same step."""
    if not points or points[-1].at != new.at:
        return (*points, new)
    last = points[-1]
    joined = Point(
        new.at,
        min(_known(last.available, new.available), default=None),
        max(_known(last.ports, new.ports), default=None),
        last.failed or new.failed,
    )
    return (*points[:-1], joined)


def kept(points: Iterable[Point], now: float) -> tuple[Point, ...]:
    """Return the points of the last 24 hours, the oldest first; of two of one step, only the last."""
    by_step = {point.at: point for point in points if 0 <= point.age(now) < KEPT_SECONDS}
    return tuple(by_step[at] for at in sorted(by_step))


def written_points(points: Iterable[Point]) -> bytes:
    """Return the content of the file. Raises CensusError."""
    return json.dumps({"boot": boot_id(), "points": list(points)}, separators=(",", ":")).encode()


def read_points(content: bytes) -> tuple[Point, ...]:
    """Read the file; a broken one, or one of another boot, has no points. Raises CensusError."""
    try:
        record = json.loads(content)
        points = tuple(Point(*entry) for entry in record["points"])
        is_ours = record["boot"] == boot_id()
    except (KeyError, TypeError, ValueError, RecursionError):
        return ()
    return points if is_ours and all(map(_is_sound, points)) else ()


def _is_sound(point: Point) -> bool:
    at, available, ports, failed = point
    return (
        isinstance(at, float)
        and math.isfinite(at)
        and at == step_of(at)
        and all(number is None or (type(number) is int and number >= 0) for number in (available, ports))
        and (available is None) == (ports is None)
        and isinstance(failed, bool)
    )


def _known(*numbers: int | None) -> list[int]:
    return [number for number in numbers if number is not None]
