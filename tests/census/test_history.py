from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import pytest
from hand_census import census_of

from onlinesim_rent.census.history import (
    KEPT_SECONDS,
    STEP_SECONDS,
    History,
    Point,
    added,
    kept,
    read_points,
    step_of,
    written_points,
)
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.clock import boot_id

if TYPE_CHECKING:
    from pathlib import Path

SOUND = Point(300.0, 7, 9, failed=False)
FAILED = Point(300.0, None, None, failed=True)


class Clock:
    """A clock that a test sets."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(tmp_path: Path, clock: Clock) -> History:
    return History(RuntimeDirectory(tmp_path / "runtime"), clock)


# The rules


@pytest.mark.parametrize(
    ("before", "new", "after"),
    [
        ((), SOUND, (SOUND,)),
        ((SOUND,), SOUND, (SOUND,)),
        ((SOUND,), SOUND._replace(available=5), (SOUND._replace(available=5),)),
        ((SOUND,), SOUND._replace(available=8), (SOUND,)),
        ((SOUND,), SOUND._replace(ports=10), (SOUND._replace(ports=10),)),
        ((SOUND,), FAILED, (SOUND._replace(failed=True),)),
        ((FAILED,), SOUND, (SOUND._replace(failed=True),)),
        ((FAILED,), FAILED, (FAILED,)),
        ((SOUND,), SOUND._replace(at=600.0), (SOUND, SOUND._replace(at=600.0))),
    ],
    ids=["first", "same", "lower", "higher", "more ports", "fails", "mended", "fails again", "next step"],
)
def test_a_step_has_the_lowest_count_and_any_failure(
    before: tuple[Point, ...], new: Point, after: tuple[Point, ...]
) -> None:
    assert added(before, new) == after


@pytest.mark.parametrize(("now", "step"), [(0.0, 0.0), (299.9, 0.0), (300.0, 300.0), (-0.1, -300.0)])
def test_a_step_is_five_minutes(now: float, step: float) -> None:
    assert step_of(now) == step


@pytest.mark.parametrize(
    ("at", "is_kept"),
    [(300.0, True), (600.0, True), (600.1, False), (600.0 - KEPT_SECONDS, False), (900 - KEPT_SECONDS, True)],
)
def test_only_the_last_day_is_kept(at: float, *, is_kept: bool) -> None:
    assert bool(kept([SOUND._replace(at=at)], now=600.0)) is is_kept


def test_points_are_in_order_and_a_step_is_there_once() -> None:
    points = [SOUND._replace(at=600.0), SOUND, SOUND._replace(available=1)]

    assert kept(points, now=900.0) == (SOUND._replace(available=1), SOUND._replace(at=600.0))


def test_what_was_written_is_read() -> None:
    assert read_points(written_points([SOUND, FAILED])) == (SOUND, FAILED)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\x00",
        "[]",
        "{}",
        "[" * 100_000,
        '{"boot": BOOT}',
        '{"points": []}',
        '{"boot": "another", "points": [[300.0, 7, 9, false]]}',
        '{"boot": BOOT, "points": 1}',
        '{"boot": BOOT, "points": [1]}',
        '{"boot": BOOT, "points": [[300.0, 7, 9]]}',
        '{"boot": BOOT, "points": [["300", 7, 9, false]]}',
        '{"boot": BOOT, "points": [[1e999, 7, 9, false]]}',
        '{"boot": BOOT, "points": [[NaN, 7, 9, false]]}',
        '{"boot": BOOT, "points": [[301.0, 7, 9, false]]}',
        '{"boot": BOOT, "points": [[300.0, -1, 9, false]]}',
        '{"boot": BOOT, "points": [[300.0, 7, null, false]]}',
        '{"boot": BOOT, "points": [[300.0, true, 9, false]]}',
        '{"boot": BOOT, "points": [[300.0, 7, 9, "<b>"]]}',
    ],
)
def test_a_broken_file_or_one_of_another_boot_has_no_points(content: str) -> None:
    assert read_points(content.replace("BOOT", f'"{boot_id()}"').encode()) == ()


# The file


def test_censuses_and_failures_are_remembered(history: History, clock: Clock) -> None:
    history.record(census_of({("russia", "mts"): 5}))
    clock.now += STEP_SECONDS
    history.record_failure()

    assert history.points() == (
        Point(step_of(clock.now) - STEP_SECONDS, 5, 6, failed=False),
        Point(step_of(clock.now), None, None, failed=True),
    )


def test_all_processes_add_to_one_history(tmp_path: Path, clock: Clock) -> None:
    first, second = (History(RuntimeDirectory(tmp_path / "runtime"), clock) for _ in range(2))
    first.record(census_of({}))
    clock.now += STEP_SECONDS
    second.record(census_of({}))

    assert len(first.points()) == 2


def test_a_day_of_censuses_makes_at_most_288_points(history: History, clock: Clock) -> None:
    for _ in range(400):
        history.record(census_of({}))
        clock.now += STEP_SECONDS

    assert 280 < len(history.points()) <= 288


def test_an_unchanged_step_writes_nothing(history: History, tmp_path: Path) -> None:
    file = tmp_path / "runtime" / "history.json"
    history.record(census_of({}))
    written = os.stat(file)
    history.record(census_of({}))

    assert os.stat(file) == written


def test_a_broken_file_is_begun_anew(history: History, tmp_path: Path) -> None:
    (tmp_path / "runtime").mkdir(mode=0o700)
    (tmp_path / "runtime" / "history.json").write_bytes(b"\xff broken")
    history.record(census_of({}))

    assert len(history.points()) == 1


def test_a_history_that_cannot_be_written_is_logged_and_no_error(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    history = History(RuntimeDirectory(tmp_path / "file"), clock)
    with caplog.at_level(logging.WARNING):
        history.record(census_of({}))
        history.record_failure()

    assert len(caplog.messages) == 2
    assert all("history" in message and "RENT_RUNTIME_DIR" in message for message in caplog.messages)
