"""How a front waits for its hosts, in virtual time."""

from __future__ import annotations

import pytest
from fleets import MARKS, NAMES, modems
from virtual_redis import VirtualExchange, VirtualRedis
from virtual_time import VirtualTime

from onlinesim_rent.census.counting import Census
from onlinesim_rent.finding import Finding, Verdict
from onlinesim_rent.hosts.answer import Answer, Asked, written
from onlinesim_rent.hosts.collecting import GRACE_SECONDS, Collecting, Plan
from onlinesim_rent.hosts.union import union


class Stage:
    """Hosts that answer so many seconds after a number, with a proof that old."""

    def __init__(self, cache_seconds: float = 5.0, seconds: float = 7.7) -> None:
        self.time = VirtualTime()
        self.redis = VirtualRedis(self.time)
        self.asked: list[Asked] = []
        plan = Plan(1000.0, 1000.0 + seconds, cache_seconds, cache_seconds + 3.0)
        self.collecting = Collecting(
            VirtualExchange(self.redis), MARKS, plan, clock=self.time.clock, sleep=self.time.sleep
        )
        self.ended_at = 0.0

    def host(self, name: str, *, after: float, age: float = 0.0) -> None:
        exchange = VirtualExchange(self.redis)

        def serve() -> None:
            exchange.hold(name, name)
            last = None
            while True:
                asked = exchange.asked()
                if asked and asked.raised != last:
                    last = asked.raised
                    self.asked.append(asked)
                    self.time.sleep(after)
                    proved = -age if asked.age else after
                    finding = Finding("/dev/ttyUSB0", Verdict.AVAILABLE, "", 0.0, modems([len(name)])[0])
                    census = Census.of([finding], NAMES, 0.0, marker=MARKS)
                    answer = Answer.of(name, asked.raised, census, proved)
                    exchange.store(name, asked.raised, written(answer, MARKS, "1"), 60)
                self.time.sleep(0.01)

        self.time.start(serve)
        self.time.run(self.time.now + 0.0)

    def run(self) -> Census:
        def collect() -> None:
            self.collecting.run()
            self.ended_at = self.time.now - 1000.0
            self.oldest = self.collecting.oldest()

        self.time.start(collect)
        self.time.run(1020.0)
        self.time.end()
        answers, unusable = self.collecting.so_far()
        return union(answers, unusable, NAMES, self.ended_at, oldest=self.oldest)


@pytest.fixture
def stage():
    return Stage()


def numbers(census: Census) -> int:
    return sum(census.available.values())


def test_a_front_ends_when_the_last_host_has_answered(stage):
    stage.host("a", after=0.5)
    stage.host("bb", after=2.0)
    assert numbers(stage.run()) == 2
    assert 2.0 < stage.ended_at < 2.2


def test_a_host_whose_proof_gets_too_old_is_asked_again(stage):
    stage.host("a", after=0.1, age=4.0)
    stage.host("bb", after=6.5)
    census = stage.run()
    assert numbers(census) == 2
    assert census.degraded == ""
    assert [asked.age for asked in stage.asked][:3] == [5.0, 5.0, 0]


def test_without_a_cache_a_quick_host_is_asked_again_after_a_slow_one():
    stage = Stage(cache_seconds=0.0)
    stage.host("a", after=0.3)
    stage.host("bb", after=3.2)
    census = stage.run()
    assert numbers(census) == 2
    assert 3.4 < stage.ended_at < 4.0


def test_a_host_is_asked_again_only_once(stage):
    stage.host("a", after=0.1, age=100.0)
    stage.host("bb", after=20.0)
    census = stage.run()
    assert {report.host: report.state for report in census.missing} == {"bb": "late"}
    assert len({asked.raised for asked in stage.asked}) == 2


def test_a_front_without_any_host_ends_at_once(stage):
    stage.run()
    assert stage.ended_at < 0.1


def test_the_time_for_counting_is_kept_free():
    stage = Stage(seconds=7.7)
    stage.host("a", after=20.0)
    stage.run()
    assert 7.3 < stage.ended_at < 7.5
    assert GRACE_SECONDS < 7.3
