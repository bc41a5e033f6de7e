"""When a module is asked again, as a table of times."""

from __future__ import annotations

import pytest

from onlinesim_rent.modem.proof import NEVER, PROOF_SECONDS, again_at, is_too_old

DEADLINE = 8.0


@pytest.mark.parametrize(
    ("proved_at", "now", "too_old"),
    [(1.0, 3.0, False), (1.0, 3.001, True), (6.0, 8.0, False), (6.0, 8.4, False), (5.9, 8.4, True)],
)
def test_a_proof_is_too_old_after_two_seconds_up_to_the_deadline(proved_at, now, too_old):
    assert is_too_old(proved_at, now, DEADLINE) == too_old


@pytest.mark.parametrize(
    ("asked_at", "proved_at", "at"),
    [
        pytest.param(0.0, 0.35, 8.0 - 0.35 - 0.5, id="quick: just before the deadline"),
        pytest.param(0.0, 3.5, 8.0 - 3.0 - 0.5, id="slow: earlier"),
        pytest.param(0.0, 4.5, 4.6, id="very slow: at once, as soon as its port has closed"),
        pytest.param(0.0, 5.2, NEVER, id="too slow to be asked again"),
        pytest.param(5.0, 6.5, NEVER, id="young enough at the deadline"),
    ],
)
def test_a_module_is_asked_again_as_late_as_its_pace_allows(asked_at, proved_at, at):
    assert again_at(asked_at, proved_at, DEADLINE) == pytest.approx(at)


@pytest.mark.parametrize("seconds", [0.01, 0.35, 1.0, 2.0, 3.0, 4.0])
def test_the_second_proof_is_young_enough_at_the_deadline(seconds):
    """A second dialogue takes four of the first one's seven exchanges."""
    proved_again_at = again_at(0.0, seconds, DEADLINE) + seconds * 4 / 7
    assert DEADLINE - PROOF_SECONDS <= proved_again_at <= DEADLINE
