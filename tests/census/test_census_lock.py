"""Callers that wait for another's census: what they share, and what they do if its holder is stopped."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore

import pytest
from hand_census import RUSSIA_AND_UKRAINE, census_of
from servers import PATIENCE_SECONDS

from onlinesim_rent.census.cache import LATE_SECONDS, CensusCache
from onlinesim_rent.census.counting import Census, PortReport
from onlinesim_rent.census.lock import CensusLock
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.finding import CensusError, Verdict

GRANTED_SECONDS = 1.0


def ignore(previous, census) -> None:
    """Log nothing of a census."""


def in_time() -> float:
    return boot_clock() + PATIENCE_SECONDS


class Crowd:
    """One caller takes a census, and the others ask meanwhile. ``now`` is the time of all."""

    def __init__(self, directory, others: int) -> None:
        self.now = 1000.0
        self.taken = 0
        self.proved_after = 0.0
        self.recorded = lambda census: None
        self._directory = directory
        self._others = others
        self._first_is_taking, self._asked, self._go_on = Event(), Semaphore(0), Event()

    def answers(self, meanwhile) -> list:
        """Return all answers, the first taker's first. ``meanwhile`` runs while the others wait."""
        with ThreadPoolExecutor(1 + self._others) as askers:
            try:
                first = askers.submit(self._ask, lambda: self.now)
                assert self._first_is_taking.wait(PATIENCE_SECONDS)
                others = [askers.submit(self._ask, self._clock_of_another()) for _ in range(self._others)]
                for _ in others:
                    assert self._asked.acquire(timeout=PATIENCE_SECONDS)
                meanwhile()
            finally:
                self._go_on.set()
            return [first.result(), *(other.result() for other in others)]

    def _ask(self, clock):
        try:
            cache = CensusCache(self._directory, 0.0, self._take, record=self._record, clock=clock)
            return cache.get(1008.0).unnamed
        except CensusError as error:
            return str(error)

    def _record(self, previous, census) -> None:
        self.recorded(census)

    def _clock_of_another(self):
        readings = iter(range(1_000_000))

        def clock() -> float:
            now = self.now
            if next(readings) == 0:
                self._asked.release()
            return now

        return clock

    def _take(self, deadline: float) -> Census:
        self.taken += 1
        number, began_at = self.taken, self.now
        self._first_is_taking.set()
        assert self._go_on.wait(PATIENCE_SECONDS)
        self.now += 0.25
        report = PortReport("ttyUSB0", Verdict.AVAILABLE, "", self.proved_after, "russia", "mts")
        return Census((report,), self.now - began_at, (f"census {number}",))


def test_thirty_at_once_share_the_census_that_is_begun_next(tmp_path):
    crowd = Crowd(tmp_path / "runtime", others=29)
    answers = crowd.answers(meanwhile=lambda: None)
    assert answers == [("census 1",)] + 29 * [("census 2",)]
    assert crowd.taken == 2


def test_thirty_callers_at_once_share_one_census(tmp_path):
    crowd = Crowd(tmp_path / "runtime", others=29)

    def meanwhile() -> None:
        crowd.now += 7.0
        crowd.proved_after = 5.0

    assert crowd.answers(meanwhile) == 30 * [("census 1",)]
    assert crowd.taken == 1


def test_an_old_proof_is_not_shared_when_no_time_is_left(tmp_path):
    crowd = Crowd(tmp_path / "runtime", others=1)

    def meanwhile() -> None:
        crowd.now += 7.0

    first, other = crowd.answers(meanwhile)
    assert "last asked" in first
    assert "too little time" in other


def test_a_census_too_old_to_share_is_replaced(tmp_path):
    crowd = Crowd(tmp_path / "runtime", others=2)

    def recorded(census) -> None:
        if census.unnamed == ("census 2",):
            crowd.now += 3.5

    crowd.recorded = recorded
    first, *others = crowd.answers(meanwhile=lambda: None)
    assert first == ("census 1",)
    [error, answer] = sorted(others, key=lambda other: isinstance(other, tuple))
    assert "last asked 3.8 s ago" in error
    assert answer == ("census 3",)


def _take_when_told(directory, granted: float, ours) -> None:
    """Take one census: report its start, continue when told, and report the result."""

    def take(deadline: float) -> Census:
        ours.send("begun")
        ours.recv()
        return census_of(RUSSIA_AND_UKRAINE)

    try:
        census = CensusCache(directory, 5.0, take, record=ignore).get(boot_clock() + granted)
        ours.send(sum(census.available.values()))
    except CensusError as error:
        ours.send(str(error))


class Taker:
    """A process in the middle of a census."""

    def __init__(self, directory, granted: float) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(
            target=_take_when_told, args=(directory, granted, theirs)
        )
        self._process.start()
        assert self.told() == "begun"
        self.pid = self._process.pid

    def told(self):
        assert self.pipe.poll(PATIENCE_SECONDS)
        return self.pipe.recv()

    def stop(self) -> None:
        """Stop it until its time is up."""
        os.kill(self.pid, signal.SIGSTOP)
        ends = boot_clock() + GRANTED_SECONDS + LATE_SECONDS
        while boot_clock() <= ends:
            time.sleep(ends - boot_clock() + 0.01)

    def go_on(self) -> None:
        self.pipe.send("go on")
        os.kill(self.pid, signal.SIGCONT)

    def end(self) -> None:
        self._process.kill()
        self._process.join(PATIENCE_SECONDS)


@pytest.fixture
def taker(tmp_path):
    taker = Taker(tmp_path / "runtime", GRANTED_SECONDS)
    yield taker
    taker.end()


@pytest.fixture
def cache(tmp_path):
    return CensusCache(tmp_path / "runtime", 5.0, lambda deadline: census_of({}), record=ignore)


def test_a_census_that_was_stopped_and_goes_on_is_an_error(taker, cache):
    taker.stop()
    taker.go_on()
    assert "too late" in taker.told()
    assert cache.last() is None
    assert cache.get(in_time()).available == {}


def test_a_census_that_is_not_stopped_is_answered(tmp_path):
    taker = Taker(tmp_path / "runtime", PATIENCE_SECONDS)
    taker.go_on()
    assert taker.told() == 40
    taker.end()


def test_a_stopped_holder_is_named_at_once_when_its_time_is_up(taker, cache):
    with pytest.raises(CensusError, match="another census was still being taken"):
        cache.get(boot_clock())
    taker.stop()
    deadline = in_time()
    with pytest.raises(CensusError, match=f"process {taker.pid} .* stopped or stuck; .*kill -9 {taker.pid}"):
        cache.get(deadline)
    assert deadline - boot_clock() > PATIENCE_SECONDS / 2
    assert str(taker.pid) in cache.last_failure()


def test_without_a_holder_no_process_is_named(tmp_path, cache):
    cache.get(in_time())
    assert RuntimeDirectory(tmp_path / "runtime").read("census.holder") is None


def test_an_earlier_waiter_does_not_wait_for_a_stopped_holder(taker, cache):
    os.kill(taker.pid, signal.SIGSTOP)
    deadline = in_time()
    with pytest.raises(CensusError, match="stopped or stuck"):
        cache.get(deadline)
    assert deadline - boot_clock() > PATIENCE_SECONDS / 2


def test_a_waiter_takes_over_when_a_stopped_holder_is_killed(taker, cache):
    taker.stop()
    with pytest.raises(CensusError):
        cache.get(in_time())
    taker.end()
    assert cache.get(in_time()).available == {}
    assert cache.last_failure() == ""


def test_the_next_holder_is_not_taken_for_the_killed_one(tmp_path):
    """The record of the killed holder stays until the next holder has written its own."""
    directory = RuntimeDirectory(tmp_path / "runtime")
    directory.replace("census.holder", b'{"pid": 1, "until": 0.0}')
    with open(directory.descriptor("census.lock"), "rb") as held, CensusLock(directory, boot_clock) as lock:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert not lock.acquire(in_time())
        assert not lock.acquire(in_time())
        directory.replace("census.holder", f'{{"pid": 2, "until": {in_time()}}}'.encode())
        for _ in range(4):
            assert not lock.acquire(in_time())
        directory.replace("census.holder", b'{"pid": 3, "until": 0.0}')
        assert not lock.acquire(in_time())
        assert not lock.acquire(in_time())
        fcntl.flock(held, fcntl.LOCK_UN)
        assert lock.acquire(in_time())


def test_a_child_of_the_taker_does_not_keep_the_lock(tmp_path):
    """A child that is forked during a census inherits the lock's descriptor."""
    children = []

    def take(deadline: float) -> Census:
        children.append(multiprocessing.get_context("fork").Process(target=signal.pause))
        children[-1].start()
        return census_of(RUSSIA_AND_UKRAINE)

    cache = CensusCache(tmp_path / "runtime", 0.0, take, record=ignore)
    try:
        cache.get(in_time())
        cache.get(in_time())
    finally:
        for child in children:
            child.kill()
            child.join(PATIENCE_SECONDS)
    assert len(children) == 2


def test_a_directory_deleted_in_mid_census_is_made_again(tmp_path):
    def take(deadline: float) -> Census:
        shutil.rmtree(tmp_path / "runtime")
        return census_of(RUSSIA_AND_UKRAINE)

    cache = CensusCache(tmp_path / "runtime", 5.0, take, record=ignore)
    assert cache.get(in_time()).available == RUSSIA_AND_UKRAINE
    assert cache.last()[0].available == RUSSIA_AND_UKRAINE
    assert cache.last_failure() == ""


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"\xff", b'{"pid": 1}', b'{"pid": 1, "until": "x"}', b"[" * 100_000],
    ids=["empty", "list", "no text", "no time", "no number", "nested"],
)
def test_a_holder_file_that_cannot_be_read_names_nobody(tmp_path, cache, content):
    directory = RuntimeDirectory(tmp_path / "runtime")
    directory.replace("census.holder", content)
    descriptor = directory.descriptor("census.lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(CensusError, match="another census was still being taken"):
            cache.get(boot_clock() + 0.5)
    finally:
        os.close(descriptor)
