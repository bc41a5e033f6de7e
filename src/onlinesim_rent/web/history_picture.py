"""Draws the last 24 hours as the paths of an SVG. Pure functions over points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from onlinesim_rent.census.history import KEPT_SECONDS, STEP_SECONDS, Point
from onlinesim_rent.web.durations import duration

WIDTH, HEIGHT = 1000, 100
"""The picture's own units. The page stretches them to the room that there is."""

_ROUND_NUMBERS = (1, 2, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True, slots=True)
class HistoryPicture:
    """The picture in WIDTH and HEIGHT, from 24 hours ago at the left to now at the right.

    ``line`` and ``area`` are path data (SVG 2, 9.3); they have gaps where no census was taken.
    ``failures`` marks in the same way when a census failed. ``top`` is the number at the upper edge.
    ``summary`` says the same in a sentence.
    """

    line: str
    area: str
    failures: str
    top: int
    summary: str


def history_picture(points: Sequence[Point], now: float) -> HistoryPicture | None:
    """Draw points of the last 24 hours before ``now``, the oldest first; None if there is none."""
    if not points:
        return None
    top = round_top(max((point.available or 0 for point in points), default=0))
    runs = list(counted_runs(points))
    return HistoryPicture(
        line="".join(_line(run, now, top) for run in runs),
        area="".join(_area(run, now, top) for run in runs),
        failures="".join(_mark(point, now) for point in points if point.failed),
        top=top,
        summary=summary(points),
    )


def counted_runs(points: Sequence[Point]) -> Iterator[list[Point]]:
    """Yield the points that have a count, as runs without a gap in time."""
    counted = [point for point in points if point.available is not None]
    run = counted[:1]
    for before, point in pairwise(counted):
        if point.at > before.at + STEP_SECONDS:
            yield run
            run = []
        run.append(point)
    if run:
        yield run


def round_top(highest: int) -> int:
    """Return a round number with some room above the highest count."""
    wanted, power = max(1.0, highest * 1.1), 1
    while wanted > _ROUND_NUMBERS[-1] * power:
        power *= 10
    return next(number * power for number in _ROUND_NUMBERS if number * power >= wanted)


def summary(points: Sequence[Point]) -> str:
    """Say in a sentence what the picture shows."""
    counts = [point.available for point in points if point.available is not None]
    failing = sum(point.failed for point in points) * STEP_SECONDS
    missing = KEPT_SECONDS - len(points) * STEP_SECONDS
    parts = [_range(counts) if counts else "no census gave a number"]
    if failing:
        parts.append(f"censuses failed for {duration(failing)}")
    if missing > STEP_SECONDS:
        parts.append(f"none was taken for {duration(missing)}")
    return f"In the last 24 hours: {'; '.join(parts)}."


def _range(counts: Sequence[int]) -> str:
    lowest, highest = min(counts), max(counts)
    return f"always {lowest} available" if lowest == highest else f"{lowest} to {highest} available"


def _line(run: Sequence[Point], now: float, top: int) -> str:
    first, *_ = run
    steps = "".join(f"V{_y(point, top):g}H{_end(point, now):g}" for point in run)
    return f"M{_x(first.age(now)):g} {_y(first, top):g}{steps}"


def _area(run: Sequence[Point], now: float, top: int) -> str:
    first, *_ = run
    steps = "".join(f"V{_y(point, top):g}H{_end(point, now):g}" for point in run)
    return f"M{_x(first.age(now)):g} {HEIGHT}{steps}V{HEIGHT}Z"


def _mark(point: Point, now: float) -> str:
    return f"M{_x(point.age(now)):g} {HEIGHT}H{_end(point, now):g}"


def _end(point: Point, now: float) -> float:
    return _x(max(0.0, point.age(now) - STEP_SECONDS))


def _x(age: float) -> float:
    return round(WIDTH * (1 - age / KEPT_SECONDS), 1)


def _y(point: Point, top: int) -> float:
    return round(HEIGHT * (1 - (point.available or 0) / top), 1)
