"""No answer holds a proof older than RENT_CACHE_SECONDS and PROOF_MARGIN_SECONDS. In virtual time."""

from __future__ import annotations

from random import Random

import pytest

from onlinesim_rent.census.cache import LATE_SECONDS, PROOF_MARGIN_SECONDS, CensusCache
from onlinesim_rent.census.counting import Census, PortReport
from onlinesim_rent.finding import CensusError, Verdict

CACHE_SECONDS = 5.0
BOUND_SECONDS = CACHE_SECONDS + PROOF_MARGIN_SECONDS
GRANTED_SECONDS = 20.0


class World:
    """A clock that a test sets, and ports that take their time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.proofs = [0.2]
        self.seconds = 1.0
        self.begun: list[float] = []
        self.jump_at = 0
        self.jump_seconds = 0.0
        self.readings = 0

    def clock(self) -> float:
        self.readings += 1
        if self.readings == self.jump_at:
            self.now += self.jump_seconds
        return self.now

    def take(self, deadline: float) -> Census:
        self.begun.append(self.now)
        self.now += self.seconds
        reports = [
            PortReport(f"{self.begun[-1]} {at}", Verdict.AVAILABLE, "", at, "russia", "mts")
            for at in self.proofs
        ]
        return Census((*reports, PortReport("silent", Verdict.SILENT, "", 0.1)), self.seconds)


@pytest.fixture
def world():
    return World()


def cache_of(world, directory, seconds=CACHE_SECONDS):
    return CensusCache(directory, seconds, world.take, record=lambda *_: None, clock=world.clock)


@pytest.fixture
def cache(world, tmp_path):
    return cache_of(world, tmp_path / "runtime")


def get(cache, world, granted=GRANTED_SECONDS):
    return cache.get(world.now + granted)


def ages(census, now):
    """The age of each counted proof: a simulated port's name holds the start of its census."""
    return [
        now - float(report.port.split()[0]) - report.seconds
        for report in census.ports
        if report.verdict is Verdict.AVAILABLE
    ]


def test_an_age_counts_from_the_oldest_counted_proof(cache, world):
    world.proofs, world.seconds = [2.9, 0.2, 1.0], 3.0
    first = get(cache, world)
    world.now = 1000.0 + 0.2 + CACHE_SECONDS - 0.001
    assert get(cache, world) == first
    world.now += 0.001
    assert get(cache, world) != first


def test_a_census_that_counts_nothing_ages_from_its_end(cache, world):
    world.proofs, world.seconds = [], 3.0
    get(cache, world)
    world.now += CACHE_SECONDS - 0.001
    get(cache, world)
    assert world.begun == [1000.0]


def test_the_reported_age_is_that_of_the_oldest_proof(cache, world):
    world.proofs, world.seconds = [0.25, 1.0], 2.0
    get(cache, world)
    assert cache.last()[1] == 1.75


def test_the_first_answer_holds_no_older_proof_either(cache, world):
    world.proofs, world.seconds = [0.0], BOUND_SECONDS
    get(cache, world)
    world.proofs, world.seconds = [0.0], BOUND_SECONDS + 0.1
    with pytest.raises(CensusError, match=r"last asked 8\.1 s ago, and at most 8 s are allowed; ask again"):
        get(cache, world)
    assert len(world.begun) == 2


def test_a_census_that_took_longer_than_granted_is_an_error(cache, world):
    world.proofs, world.seconds = [8.0], 8.0 + LATE_SECONDS + 0.1
    with pytest.raises(CensusError, match=r"ended 0\.6 s too late"):
        get(cache, world, granted=8.0)
    assert cache.last() is None
    assert "too late" in cache.last_failure()
    world.proofs, world.seconds = [0.2], 1.0
    get(cache, world, granted=8.0)
    assert cache.last_failure() == ""


@pytest.mark.parametrize("jump_seconds", [6.0, 9.0, 100.0])
@pytest.mark.parametrize("is_warm", [False, True])
def test_a_process_stopped_at_any_instant_answers_nothing_old(tmp_path, is_warm, jump_seconds):
    """The process is stopped before its first, second, ... reading of the clock."""
    answers = 0
    for reading in range(1, 20):
        world = World()
        cache = cache_of(world, tmp_path / f"runtime{reading}")
        if is_warm:
            get(cache, world)
        world.jump_at, world.jump_seconds = world.readings + reading, jump_seconds
        deadline = world.now + GRANTED_SECONDS
        try:
            census = cache.get(deadline)
        except CensusError:
            continue
        answers += 1
        assert world.now <= deadline + LATE_SECONDS
        assert max(ages(census, world.now)) <= BOUND_SECONDS
    assert answers > 5


@pytest.mark.parametrize("seconds", [0.0, 1.0, 5.0, 60.0])
def test_no_answer_of_any_history_holds_an_older_proof(tmp_path, seconds):
    random, world = Random(seconds), World()
    cache = cache_of(world, tmp_path / "runtime", seconds)
    answers = refusals = 0
    for _ in range(500):
        world.now += random.choice([0.0, 0.1, 1.0, 4.0, 30.0])
        world.seconds = random.choice([0.3, 3.0, 7.7, 70.0])
        world.proofs = [random.uniform(0, world.seconds) for _ in range(random.randrange(4))]
        world.jump_at = world.readings + random.randrange(40)
        world.jump_seconds = random.choice([0.5, 5.0, 70.0])
        deadline = world.now + random.choice([1.0, 8.0, 100.0])
        try:
            census = cache.get(deadline)
        except CensusError:
            refusals += 1
            continue
        answers += 1
        assert world.now <= deadline + LATE_SECONDS
        assert max(ages(census, world.now), default=0.0) <= seconds + PROOF_MARGIN_SECONDS + 1e-6
    assert answers > 50
    assert refusals > 50
