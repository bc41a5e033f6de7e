from __future__ import annotations

import json
import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from threading import Barrier, Event, Thread

import pytest
from hand_census import RUSSIA_AND_UKRAINE, census_of
from servers import PATIENCE_SECONDS

from onlinesim_rent.census.cache import LEAST_SECONDS, PROOF_MARGIN_SECONDS, RESERVE_SECONDS, CensusCache
from onlinesim_rent.census.counting import Census
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.finding import CensusError


class Clock:
    """A clock that a test sets. ``was_read`` tells that a caller knows the time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.was_read = Event()

    def __call__(self) -> float:
        now = self.now
        self.was_read.set()
        return now


class Censuses:
    """Takes censuses and counts them."""

    def __init__(self) -> None:
        self.taken = 0
        self.recorded: list[Census | None] = []

    def take(self, deadline: float) -> Census:
        self.taken += 1
        return replace(census_of(RUSSIA_AND_UKRAINE), unnamed=(f"census {self.taken}",))

    def record(self, previous: Census | None, census: Census) -> None:
        self.recorded.append(previous)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def censuses():
    return Censuses()


@pytest.fixture
def cache(tmp_path, clock, censuses):
    return CensusCache(tmp_path / "runtime", 5.0, censuses.take, record=censuses.record)


@pytest.fixture
def virtual(tmp_path, clock, censuses):
    """A cache whose time a test sets."""
    return CensusCache(tmp_path / "runtime", 5.0, censuses.take, record=censuses.record, clock=clock)


def in_time(clock=boot_clock) -> float:
    return clock() + PATIENCE_SECONDS


def test_a_census_is_remembered_for_the_seconds_set(virtual, clock, censuses):
    first = virtual.get(in_time(clock))
    clock.now += 4.999
    assert virtual.get(in_time(clock)) == first
    clock.now += 0.001
    assert virtual.get(in_time(clock)) != first
    assert censuses.taken == 2


def test_a_request_that_asks_again_gets_its_own_census_again(tmp_path, clock, censuses):
    cache = CensusCache(tmp_path / "runtime", 0.0, censuses.take, record=censuses.record, clock=clock)
    came_at, deadline = clock.now - 0.001, in_time(clock)
    first = cache.get(deadline, came_at)
    clock.now += PROOF_MARGIN_SECONDS
    assert cache.get(deadline, came_at) == first
    clock.now += 0.001
    assert cache.get(deadline, came_at) != first
    assert censuses.taken == 2


def test_a_request_that_asks_again_too_late_for_a_census_gets_an_error(virtual, clock, censuses):
    came_at, deadline = clock.now, in_time(clock)
    virtual.get(deadline, came_at)
    clock.now = deadline - LEAST_SECONDS + 0.001
    with pytest.raises(CensusError, match="too little time"):
        virtual.get(deadline, came_at)
    assert censuses.taken == 1


def test_zero_seconds_turn_the_cache_off(tmp_path, censuses):
    cache = CensusCache(tmp_path / "runtime", 0.0, censuses.take, record=censuses.record)
    cache.get(in_time())
    cache.get(in_time())
    assert censuses.taken == 2


def test_a_census_from_the_future_of_its_clock_is_not_served(virtual, clock, censuses):
    virtual.get(in_time(clock))
    clock.now -= 1.0
    virtual.get(in_time(clock))
    assert censuses.taken == 2


def test_a_census_of_another_boot_is_not_served(cache, tmp_path, censuses):
    cache.get(in_time())
    file = tmp_path / "runtime" / "census.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"boot": "another"}))
    cache.get(in_time())
    assert censuses.taken == 2


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"boot": 1}',
        '{"census": {}}',
        "\x00",
        pytest.param('{"census": {"ports": [], "seconds": 1' + "0" * 400 + ', "unnamed": []}}', id="large"),
        pytest.param("[" * 100_000, id="nested"),
    ],
)
def test_a_stored_census_that_cannot_be_read_is_not_used(cache, tmp_path, censuses, content):
    cache.get(in_time())
    (tmp_path / "runtime" / "census.json").write_text(content)
    cache.get(in_time())
    assert censuses.taken == 2


def test_a_stored_census_with_a_wrong_time_is_not_used(cache, tmp_path, censuses):
    cache.get(in_time())
    file = tmp_path / "runtime" / "census.json"
    file.write_text(file.read_text().replace('"seconds": 1.0', '"seconds": "1.0"'))
    cache.get(in_time())
    assert censuses.taken == 2


def test_the_stored_census_equals_the_taken_one(cache):
    first = cache.get(in_time())
    again = cache.get(in_time())
    assert again == first
    assert again is not first


def test_the_journal_gets_the_previous_census_however_old(virtual, clock, censuses):
    first = virtual.get(in_time(clock))
    clock.now += 3600
    virtual.get(in_time(clock))
    assert censuses.recorded == [None, first]


def test_each_failure_is_recorded_and_a_kept_census_is_none(tmp_path, censuses):
    failures = []
    cache = CensusCache(
        tmp_path / "runtime",
        5.0,
        censuses.take,
        record=censuses.record,
        record_failure=lambda: failures.append("failed"),
    )
    for deadline in (0.0, in_time(), in_time(), 0.0):
        with suppress(CensusError):
            cache.get(deadline)
    assert failures == ["failed", "failed"]
    assert censuses.taken == 1


def test_a_census_of_other_settings_is_not_used(tmp_path, censuses):
    ours, others = (
        CensusCache(tmp_path / "runtime", 5.0, censuses.take, record=censuses.record, subject=subject)
        for subject in ("/dev/ttyUSB*", "/dev/ttyACM*")
    )
    assert others.get(in_time()) != ours.get(in_time())
    assert others.last() is None
    assert censuses.taken == 2


def test_without_cache_waiters_get_a_census_begun_afterwards(tmp_path):
    """The first census begins before the others ask. The second one serves them all."""
    begun, others_wait, censuses = Event(), Event(), Censuses()

    def take(deadline: float) -> Census:
        begun.set()
        assert others_wait.wait(PATIENCE_SECONDS)
        return censuses.take(deadline)

    def cache() -> CensusCache:
        return CensusCache(tmp_path / "runtime", 0.0, take, record=censuses.record)

    with ThreadPoolExecutor(10) as askers:
        first = askers.submit(cache().get, in_time())
        assert begun.wait(PATIENCE_SECONDS)
        answers = [askers.submit(cache().get, in_time()) for _ in range(9)]
        others_wait.set()
        assert {answer.result().unnamed for answer in answers} <= {("census 2",), ("census 3",)}
        assert first.result().unnamed == ("census 1",)
    assert censuses.taken <= 3


def test_a_census_is_not_begun_with_too_little_time_left_for_one(virtual, clock, taker, censuses):
    clock.now = boot_clock()
    with ThreadPoolExecutor(1) as askers:
        asked = askers.submit(virtual.get, clock.now + LEAST_SECONDS - 0.5)
        assert clock.was_read.wait(PATIENCE_SECONDS)
        clock.now += (LEAST_SECONDS - 0.5) * 0.75
        taker.kill()
        with pytest.raises(CensusError, match="too little time"):
            asked.result(PATIENCE_SECONDS)
    assert censuses.taken == 0


def test_a_census_leaves_its_waiters_time_to_read_it(tmp_path):
    deadlines = []

    def take(deadline: float) -> Census:
        deadlines.append(deadline)
        return census_of({})

    wanted_by = in_time()
    CensusCache(tmp_path / "runtime", 5.0, take, record=lambda previous, census: None).get(wanted_by)
    assert deadlines == [wanted_by - RESERVE_SECONDS]


def test_a_failed_wait_is_recorded_until_the_next_census(cache, taker):
    with pytest.raises(CensusError):
        cache.get(boot_clock() + 0.1)
    assert "another census" in cache.last_failure()
    taker.kill()
    taker.join(PATIENCE_SECONDS)
    cache.get(in_time())
    assert cache.last_failure() == ""


def test_an_error_of_the_ports_does_not_blame_the_directory(tmp_path):
    def take(deadline: float) -> Census:
        raise PermissionError(13, "Permission denied", "/proc")

    with pytest.raises(PermissionError):
        CensusCache(tmp_path / "runtime", 5.0, take, record=lambda previous, census: None).get(in_time())


def test_ten_threads_make_one_census_and_get_one_answer(cache, censuses):
    together, answers = Barrier(10), []

    def ask() -> None:
        together.wait()
        answers.append(cache.get(in_time()))

    threads = [Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert censuses.taken == 1
    assert len(answers) == 10
    assert all(answer == answers[0] for answer in answers)


def _take_until_killed(directory, began) -> None:
    def take(deadline: float) -> Census:
        began.send(None)
        signal.pause()
        raise AssertionError

    CensusCache(directory, 5.0, take, record=lambda previous, census: None).get(in_time())


@pytest.fixture
def taker(tmp_path):
    """A process whose census never ends."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_take_until_killed, args=(tmp_path / "runtime", theirs)
    )
    process.start()
    assert ours.poll(PATIENCE_SECONDS)
    yield process
    process.kill()
    process.join(PATIENCE_SECONDS)


def test_a_waiting_caller_keeps_its_own_deadline(cache, taker, censuses):
    began = boot_clock()
    with pytest.raises(CensusError, match="another census"):
        cache.get(began + 0.3)
    assert 0.3 <= boot_clock() - began < PATIENCE_SECONDS / 2
    assert censuses.taken == 0


def test_a_process_killed_in_a_census_does_not_block_the_next(cache, taker, censuses):
    os.kill(taker.pid, signal.SIGKILL)
    taker.join(PATIENCE_SECONDS)
    assert cache.get(in_time()).available == RUSSIA_AND_UKRAINE
    assert censuses.taken == 1


def test_a_failed_census_is_an_error_and_the_next_one_is_new(tmp_path):
    failures = [CensusError("no descriptors"), None]

    def take(deadline: float) -> Census:
        if failure := failures.pop(0):
            raise failure
        return census_of({})

    cache = CensusCache(tmp_path / "runtime", 5.0, take, record=lambda previous, census: None)
    with pytest.raises(CensusError, match="no descriptors"):
        cache.get(in_time())
    assert cache.get(in_time()).available == {}


def test_a_refused_directory_is_not_written_to(cache, tmp_path, censuses):
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime").chmod(0o777)
    with pytest.raises(CensusError, match="RENT_RUNTIME_DIR"):
        cache.get(in_time())
    assert "RENT_RUNTIME_DIR" in cache.last_failure()
    assert cache.last() is None
    assert list((tmp_path / "runtime").iterdir()) == []
    assert censuses.taken == 0


def test_an_impossible_directory_is_an_error_with_its_setting(tmp_path, censuses):
    (tmp_path / "file").touch()
    cache = CensusCache(tmp_path / "file" / "runtime", 5.0, censuses.take, record=censuses.record)
    with pytest.raises(CensusError, match=r"RENT_RUNTIME_DIR .*Not a directory"):
        cache.get(in_time())
