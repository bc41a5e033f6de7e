"""What the pages of a front show between two requests: what the hosts keep in Redis."""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import pytest
from fleets import PREFIX, SECRET, Host, count, front, modems, states, take
from redis_servers import redis_server
from servers import until

from onlinesim_rent.application import create_app
from onlinesim_rent.census.cache import CensusCache
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.configuration_error import ConfigurationError
from onlinesim_rent.finding import CensusError
from onlinesim_rent.hosts.last_union import WAIT_SECONDS, LastUnion
from onlinesim_rent.settings import Settings

pytestmark = pytest.mark.needs("redis-server")


@pytest.fixture
def start(redis, run_host):
    """Starts a host that publishes once an hour, and returns once it has published."""

    def start(name, modules, **values):
        host = run_host(name, modules, **{"publish_seconds": 3600} | values)
        until(lambda: redis.client.exists(f"{PREFIX}:answer:{name}"))
        return host

    return start


class Clock:
    """The boot clock, and what a test adds to it."""

    def __init__(self):
        self.added = 0.0

    def __call__(self):
        return boot_clock() + self.added


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def seen(tmp_path, clock):
    """Makes what the pages of a front see; its cache serves the requests."""

    def seen(fleet):
        cache = CensusCache(
            tmp_path / "front", 5.0, lambda _: take(fleet), record=lambda *_: None, clock=clock
        )
        return LastUnion(cache, fleet, clock)

    return seen


def test_pages_show_what_hosts_keep_and_ask_nobody(start, redis, seen):
    hosts = [start("pool-1", range(3)), start("pool-2", [2, 3])]
    census, age = seen(front(redis.url)).last()
    assert (count(census), states(census)) == (4, {"pool-1": "answered", "pool-2": "answered"})
    assert 0 <= age < 5
    assert [host.censuses for host in hosts] == [1, 1]
    assert not redis.client.exists(f"{PREFIX}:raised")


def test_a_request_never_counts_what_is_only_kept(redis, seen, tmp_path):
    with Host("pool-1", tmp_path, redis.url, modems(range(3)), publish_seconds=60):
        until(lambda: redis.client.exists(f"{PREFIX}:answer:pool-1"))
    fleet = front(redis.url)
    assert count(seen(fleet).last()[0]) == 3
    with pytest.raises(CensusError):
        take(fleet, seconds=0.5)


def test_the_age_is_that_of_the_oldest_proof_by_redis_clock(start, redis, seen):
    start("pool-1", range(3))
    start("pool-2", range(10, 12))
    # An answer is kept for three hours here.
    redis.client.pexpire(f"{PREFIX}:answer:pool-2", (3 * 3600 - 40) * 1000)
    census, age = seen(front(redis.url)).last()
    assert 40 <= age < 45
    assert min(report.seconds for report in census.ports) == pytest.approx(-40, abs=5)
    assert 0 <= census.seconds < 1


def test_a_host_that_had_a_census_already_took_no_time(start, redis, seen):
    host = start("pool-1", range(3), publish_seconds=0.1)
    first = redis.client.get(f"{PREFIX}:answer:pool-1")
    until(lambda: redis.client.get(f"{PREFIX}:answer:pool-1") != first)
    census, _ = seen(front(redis.url)).last()
    assert (host.censuses, census.seconds) == (1, 0.0)


def test_the_newer_of_a_request_and_the_hosts_is_shown(start, redis, seen, clock):
    host = start("pool-1", range(3), cache_seconds=0.0, publish_seconds=0.2)
    last = seen(front(redis.url))
    last.cache.get(clock() + 8)
    host.modules = modems(range(5))
    assert count(last.last()[0]) == 3
    # The census of the request is older than what the host keeps fresh.
    clock.added = 20.0
    until(lambda: redis.client.get(f"{PREFIX}:answer:pool-1").count('"available"') == 5)
    census, age = last.last()
    assert (count(census), age < 5) == (5, True)
    last.cache.get(clock() + 8)
    host.modules = modems(range(7))
    assert count(last.last()[0]) == 5


def test_a_front_with_ports_shows_its_own_too(start, redis, seen, tmp_path):
    start("pool-1", range(3))
    own = Host("pool-2", tmp_path, redis.url, modems(range(10, 12)))
    own.cache.get(boot_clock() + 8)
    census, _ = seen(front(redis.url, own)).last()
    assert (count(census), states(census)) == (5, {"pool-1": "answered", "pool-2": "answered"})
    assert own.censuses == 1


def test_a_host_that_has_gone_is_named(start, redis, seen):
    start("pool-1", range(3))
    census, _ = seen(front(redis.url, expected=("pool-1", "pool-2"))).last()
    assert count(census) == 3
    assert census.degraded.startswith("host pool-2 is not there")


def test_a_host_whose_answer_is_gone_leaves_the_last_request_shown(start, redis, seen, clock):
    start("pool-1", range(3))
    start("pool-2", range(10, 12), publish_seconds=3600)
    last = seen(front(redis.url))
    last.cache.get(clock() + 8)
    redis.client.delete(f"{PREFIX}:answer:pool-2")
    clock.added = 60.0
    census, age = last.last()
    assert (count(census), age > 60) == (5, True)


def test_redis_is_read_once_for_many_pages(start, redis, seen):
    start("pool-1", range(3))
    last = seen(front(redis.url))
    last.last()
    before = redis.client.info("commandstats")["cmdstat_pttl"]["calls"]
    assert all(count(last.last()[0]) == 3 for _ in range(20))
    assert redis.client.info("commandstats")["cmdstat_pttl"]["calls"] == before


def test_a_redis_that_hangs_stops_no_page(tmp_path, seen, clock):
    with (
        redis_server(tmp_path) as redis,
        Host("pool-1", tmp_path, redis.url, modems(range(3)), publish_seconds=60),
    ):
        until(lambda: redis.client.exists(f"{PREFIX}:answer:pool-1"))
        last = seen(front(redis.url))
        last.cache.get(clock() + 8)
        redis.stop()
        clock.added = 60.0
        began = time.monotonic()
        assert count(last.last()[0]) == 3
        assert time.monotonic() - began < WAIT_SECONDS + 0.4
        # The failure is not met again at once.
        began = time.monotonic()
        assert count(last.last()[0]) == 3
        assert time.monotonic() - began < 0.2


def test_without_a_thread_the_last_request_is_shown(start, redis, seen, clock, monkeypatch):
    start("pool-1", range(3))
    last = seen(front(redis.url))
    last.cache.get(clock() + 8)
    clock.added = 60.0

    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", refuse)
    assert count(last.last()[0]) == 3


# The service


@pytest.fixture
def settings(redis, tmp_path):
    return Settings.from_env(
        {
            "RENT_API_KEY": "secret-key",
            "RENT_REDIS_URL": redis.url,
            "RENT_FLEET_SECRET": SECRET.decode(),
            "RENT_HOST_NAME": "front",
            "RENT_RUNTIME_DIR": str(tmp_path / "service"),
            "RENT_STATUS_PAGE": "1",
        }
    )


def test_a_missing_client_of_redis_is_told(settings, monkeypatch):
    monkeypatch.delitem(sys.modules, "onlinesim_rent.hosts.redis_exchange")
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigurationError, match=r"`make install` .*/pip install '\.\[redis\]'"):
        create_app(settings)


@pytest.mark.parametrize(("seconds", "shown"), [(60.0, True), (0.0, False)])
def test_the_setting_switches_it_on(start, settings, seconds, shown):
    start("pool-1", range(3))
    fleet = replace(settings.fleet, publish_seconds=seconds)
    client = create_app(replace(settings, fleet=fleet)).test_client()
    metrics = client.get("/metrics").text
    page = client.get("/status", headers={"Authorization": "Bearer secret-key"}).text
    series = 'onlinesim_rent_available{country="russia",operator="beeline"} 3.0'
    assert (series in metrics, "numbers available" in page) == (shown, shown)
    assert client.get("/healthz").text == "ok\n"
