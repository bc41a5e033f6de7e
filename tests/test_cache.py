from __future__ import annotations

import json
import multiprocessing
import os
import signal
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Thread

import pytest
from hand_census import RUSSIA_AND_UKRAINE, census_of

from onlinesim_rent.cache import LEAST_SECONDS, RESERVE_SECONDS, CensusCache
from onlinesim_rent.census import Census
from onlinesim_rent.errors import CensusError

PATIENCE_SECONDS = 20


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Censuses:
    """Takes censuses and counts them."""

    def __init__(self) -> None:
        self.taken = 0
        self.recorded: list[Census | None] = []

    def take(self, deadline: float) -> Census:
        self.taken += 1
        return Census(census_of(RUSSIA_AND_UKRAINE).ports, float(self.taken))

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
    return CensusCache(tmp_path / "runtime", 5.0, censuses.take, record=censuses.record, age_clock=clock)


def in_time() -> float:
    return time.monotonic() + PATIENCE_SECONDS


def test_a_census_is_remembered_for_the_seconds_set_and_no_longer(cache, clock, censuses):
    first = cache.get(in_time())
    clock.now += 4.999
    assert cache.get(in_time()) == first
    clock.now += 0.001
    assert cache.get(in_time()) != first
    assert censuses.taken == 2


def test_nothing_is_remembered_where_no_seconds_are_set(tmp_path, censuses, clock):
    cache = CensusCache(tmp_path, 0.0, censuses.take, record=censuses.record, age_clock=clock)
    tmp_path.chmod(0o700)
    cache.get(in_time())
    cache.get(in_time())
    assert censuses.taken == 2


def test_a_census_from_the_future_of_its_clock_is_not_served(cache, clock, censuses):
    cache.get(in_time())
    clock.now -= 1.0
    cache.get(in_time())
    assert censuses.taken == 2


def test_a_census_of_another_boot_is_not_served(cache, tmp_path, censuses):
    cache.get(in_time())
    file = tmp_path / "runtime" / "census.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"boot": "another"}))
    cache.get(in_time())
    assert censuses.taken == 2


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"boot": 1}', '{"census": {}}', "\x00"])
def test_a_memory_that_cannot_be_read_is_no_memory(cache, tmp_path, censuses, content):
    cache.get(in_time())
    (tmp_path / "runtime" / "census.json").write_text(content)
    cache.get(in_time())
    assert censuses.taken == 2


def test_the_memory_is_the_same_census(cache):
    first = cache.get(in_time())
    again = cache.get(in_time())
    assert again == first
    assert again is not first


def test_what_is_recorded_goes_with_the_census_before_it_however_old(cache, clock, censuses):
    first = cache.get(in_time())
    clock.now += 3600
    cache.get(in_time())
    assert censuses.recorded == [None, first]


def test_a_census_of_another_subject_in_the_same_directory_is_not_ours(tmp_path, censuses, clock):
    ours, others = (
        CensusCache(
            tmp_path / "runtime",
            5.0,
            censuses.take,
            record=censuses.record,
            subject=subject,
            age_clock=clock,
        )
        for subject in ("/dev/ttyUSB*", "/dev/ttyACM*")
    )
    assert others.get(in_time()) != ours.get(in_time())
    assert others.last() is None
    assert censuses.taken == 2


def test_without_memory_those_who_wait_get_a_census_that_was_begun_since_they_asked(tmp_path):
    """The first is begun before the others ask; the second serves them all."""
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
        assert {answer.result().seconds for answer in answers} <= {2.0, 3.0}
        assert first.result().seconds == 1.0
    assert censuses.taken <= 3


def test_a_census_is_not_begun_with_too_little_time_left_for_one(tmp_path, taker, censuses):
    cache = CensusCache(tmp_path / "runtime", 5.0, censuses.take, record=censuses.record)
    with ThreadPoolExecutor(1) as askers:
        asked = askers.submit(cache.get, time.monotonic() + LEAST_SECONDS - 0.5)
        with pytest.raises(TimeoutError):
            asked.result((LEAST_SECONDS - 0.5) * 0.75)
        taker.kill()
        with pytest.raises(CensusError, match="too little time"):
            asked.result(PATIENCE_SECONDS)
    assert censuses.taken == 0


def test_a_census_leaves_those_who_wait_for_it_the_time_to_get_it(tmp_path):
    deadlines = []

    def take(deadline: float) -> Census:
        deadlines.append(deadline)
        return census_of({})

    wanted_by = in_time()
    CensusCache(tmp_path / "runtime", 5.0, take, record=lambda previous, census: None).get(wanted_by)
    assert deadlines == [wanted_by - RESERVE_SECONDS]


def test_who_waits_in_vain_leaves_word_of_it_until_a_census_is_taken(cache, taker):
    with pytest.raises(CensusError):
        cache.get(time.monotonic() + 0.1)
    assert "another census" in cache.last_failure()
    taker.kill()
    taker.join(PATIENCE_SECONDS)
    cache.get(in_time())
    assert cache.last_failure() == ""


def test_what_goes_wrong_with_the_ports_is_not_blamed_on_the_directory(tmp_path):
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
    """A process that takes a census without end."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_take_until_killed, args=(tmp_path / "runtime", theirs)
    )
    process.start()
    assert ours.poll(PATIENCE_SECONDS)
    yield process
    process.kill()
    process.join(PATIENCE_SECONDS)


def test_what_waits_for_anothers_census_has_its_own_deadline(cache, taker, censuses):
    began = time.monotonic()
    with pytest.raises(CensusError, match="another census"):
        cache.get(began + 0.3)
    assert 0.3 <= time.monotonic() - began < 2.0
    assert censuses.taken == 0


def test_a_process_killed_in_mid_census_leaves_nothing_that_stops_the_next(cache, taker, censuses):
    os.kill(taker.pid, signal.SIGKILL)
    taker.join(PATIENCE_SECONDS)
    assert cache.get(in_time()).available == RUSSIA_AND_UKRAINE
    assert censuses.taken == 1


def test_a_census_that_fails_is_an_error_and_the_next_is_taken_anew(tmp_path):
    failures = [CensusError("no descriptors"), None]

    def take(deadline: float) -> Census:
        if failure := failures.pop(0):
            raise failure
        return census_of({})

    cache = CensusCache(tmp_path / "runtime", 5.0, take, record=lambda previous, census: None)
    with pytest.raises(CensusError, match="no descriptors"):
        cache.get(in_time())
    assert cache.get(in_time()).available == {}


def test_the_directory_is_made_for_this_user_alone(cache, tmp_path):
    cache.get(in_time())
    assert stat.S_IMODE((tmp_path / "runtime").stat().st_mode) == 0o700
    files = [file.stat().st_mode for file in (tmp_path / "runtime").iterdir()]
    assert len(files) == 2
    assert not any(mode & 0o077 for mode in files)


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o720, 0o777, 0o1777])
def test_a_directory_that_others_can_write_to_is_refused(cache, tmp_path, censuses, mode):
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime").chmod(mode)
    with pytest.raises(CensusError, match="RENT_RUNTIME_DIR"):
        cache.get(in_time())
    assert censuses.taken == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_refused(cache, tmp_path):
    (tmp_path / "runtime").mkdir(mode=0o700)
    os.chown(tmp_path / "runtime", 65534, 65534)
    with pytest.raises(CensusError, match="RENT_RUNTIME_DIR"):
        cache.get(in_time())


def test_a_directory_that_cannot_be_is_an_error_that_names_its_setting(tmp_path, censuses):
    (tmp_path / "file").touch()
    cache = CensusCache(tmp_path / "file" / "runtime", 5.0, censuses.take, record=censuses.record)
    with pytest.raises(CensusError, match=r"RENT_RUNTIME_DIR .*Not a directory"):
        cache.get(in_time())
