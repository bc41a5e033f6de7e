from __future__ import annotations

import pytest

from onlinesim_rent.census.history import KEPT_SECONDS, STEP_SECONDS, Point
from onlinesim_rent.web.durations import duration
from onlinesim_rent.web.history_picture import counted_runs, history_picture, round_top, summary

NOW = 1_000_200.0
HOUR = 3600.0


def point(hours_ago: float, available: int | None = 40, *, failed: bool = False) -> Point:
    ports = None if available is None else 50
    return Point(NOW - hours_ago * HOUR, available, ports, failed)


def run(hours_ago: float, *counts: int | None) -> list[Point]:
    """One point for each count, in steps that follow each other."""
    return [
        Point(NOW - hours_ago * HOUR + number * STEP_SECONDS, count, None if count is None else 50, False)  # noqa: FBT003
        for number, count in enumerate(counts)
    ]


def test_without_a_point_there_is_no_picture() -> None:
    assert history_picture([], NOW) is None


@pytest.mark.parametrize(
    ("points", "line", "area", "failures"),
    [
        (run(24, 5), "M0 50V50H3.5", "M0 100V50H3.5V100Z", ""),
        (run(12, 10), "M500 0V0H503.5", "M500 100V0H503.5V100Z", ""),
        (run(12, 5, 10), "M500 50V50H503.5V0H506.9", "M500 100V50H503.5V0H506.9V100Z", ""),
        (run(12, 0), "M500 100V100H503.5", "M500 100V100H503.5V100Z", ""),
        (run(12, 5, None, 5), "M500 50V50H503.5M506.9 50V50H510.4", None, ""),
        ([*run(12, 5), *run(6, 10)], "M500 50V50H503.5M750 0V0H753.5", None, ""),
        (run(0.05, 5), "M997.9 50V50H1000", "M997.9 100V50H1000V100Z", ""),
        ([point(12, None, failed=True)], "", "", "M500 100H503.5"),
        ([point(12, 5, failed=True)], "M500 50V50H503.5", None, "M500 100H503.5"),
    ],
    ids=["oldest", "top", "step", "zero", "gap", "far gap", "now", "failed", "failed once"],
)
def test_the_paths_of_points(
    monkeypatch: pytest.MonkeyPatch, points: list[Point], line: str, area: str | None, failures: str
) -> None:
    monkeypatch.setattr("onlinesim_rent.web.history_picture.round_top", lambda _: 10)
    picture = history_picture(points, NOW)

    assert picture
    assert (picture.line, picture.failures) == (line, failures)
    assert area is None or picture.area == area


@pytest.mark.parametrize(
    ("points", "lengths"),
    [
        ([], []),
        (run(3, 1, 2, 3), [3]),
        (run(3, 1, None, 3), [1, 1]),
        (run(3, None, None), []),
        ([*run(3, 1, 2), *run(1, 3)], [2, 1]),
    ],
)
def test_a_run_has_no_gap(points: list[Point], lengths: list[int]) -> None:
    assert [len(found) for found in counted_runs(points)] == lengths


@pytest.mark.parametrize(
    ("highest", "top"),
    [(0, 1), (1, 2), (2, 3), (9, 10), (10, 20), (40, 50), (61, 80), (512, 600), (1999, 3000)],
)
def test_the_top_is_round_and_leaves_some_room(highest: int, top: int) -> None:
    assert round_top(highest) == top


FAILED = "censuses failed for 5 min; none was taken for 23 h 55 min."
DAY = int(KEPT_SECONDS / STEP_SECONDS)


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        (run(24, *[40] * DAY), "In the last 24 hours: always 40 available."),
        (run(24, *[40] * (DAY - 1)), "In the last 24 hours: always 40 available."),
        (run(24, *[0, 61] * (DAY // 2)), "In the last 24 hours: 0 to 61 available."),
        (run(1, *[7] * 12), "In the last 24 hours: always 7 available; none was taken for 23 h."),
        ([point(1, None, failed=True)], f"In the last 24 hours: no census gave a number; {FAILED}"),
    ],
)
def test_a_sentence_says_what_the_picture_shows(points: list[Point], sentence: str) -> None:
    assert summary(points) == sentence


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 s"),
        (0.4, "0 s"),
        (119.4, "119 s"),
        (120, "2 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d"),
        (100_000, "1 d 3 h"),
    ],
)
def test_a_duration_is_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
