"""Several hosts on a real Redis: publishers in threads, and a front in the test."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from fleets import PREFIX, Host, count, front, modems, states, take, until_expected
from lines import CENSUS_SECONDS
from redis_servers import redis_server
from servers import until

from onlinesim_rent.census.cache import CensusCache
from onlinesim_rent.census.claims import Claims, digest
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.finding import CensusError
from onlinesim_rent.hosts.marks import Marks

pytestmark = pytest.mark.needs("redis-server")

NETWORK = ("russia", "beeline")


@pytest.fixture
def start(redis, run_host):
    """Starts a host, and returns once fronts expect it."""

    def start(name, modules, **values):
        host = run_host(name, modules, **values)
        until_expected(redis.url, name)
        return host

    return start


def test_three_hosts_give_one_answer(start, redis):
    hosts = [start(f"pool-{number}", range(number * 10, number * 10 + 3 + number)) for number in range(3)]
    census = take(front(redis.url))
    assert census.available == {NETWORK: 12}
    assert states(census) == {"pool-0": "answered", "pool-1": "answered", "pool-2": "answered"}
    assert census.degraded == ""
    assert {report.port for report in census.ports} >= {"pool-0: /dev/ttyUSB0", "pool-2: /dev/ttyUSB4"}
    assert [host.censuses for host in hosts] == [1, 1, 1]


def test_a_host_with_a_front_asks_its_own_ports_directly(start, redis, tmp_path):
    start("pool-1", range(3))
    own = Host("pool-2", tmp_path, redis.url, modems(range(10, 12)))
    census = take(front(redis.url, own))
    assert count(census) == 5
    assert states(census) == {"pool-1": "answered", "pool-2": "answered"}


def test_the_claims_of_a_front_s_own_host_are_told_with_their_ports(redis, tmp_path):
    claim = f"imsi-{modems([11])[0].imsi}"
    own = Host("pool-2", tmp_path, redis.url, modems(range(10, 12)), claims=frozenset({claim}))
    census = take(front(redis.url, own))
    assert count(census) == 1
    assert census.claims == Claims(own.claims).fingerprint
    assert census.matched == {digest(claim): ("pool-2: /dev/ttyUSB1",)}


def test_a_module_and_a_sim_that_two_hosts_show_count_once(start, redis):
    start("pool-1", [1, 2, 3])
    start("pool-2", [3, 4])
    census = take(front(redis.url))
    assert count(census) == 4
    [twin] = [report for report in census.ports if report.verdict == "duplicate"]
    assert twin.reason == "the same module as pool-1: /dev/ttyUSB2, which is counted"


def test_a_claim_on_one_host_takes_the_number_on_every_host(start, redis):
    [taken] = modems([3])
    start("pool-1", [1, 2], claims=frozenset({f"imsi-{taken.imsi}"}))
    start("pool-2", [3, 4])
    census = take(front(redis.url))
    assert count(census) == 3
    [claimed] = [report for report in census.ports if report.verdict == "claimed"]
    assert (claimed.port, claimed.reason) == ("pool-2: /dev/ttyUSB0", "taken by a claim on another host")


def test_a_claim_holds_while_its_host_is_missing(start, redis, tmp_path):
    [taken] = modems([3])
    start("pool-2", [3, 4])
    hosts = front(redis.url, expected=("pool-1", "pool-2"))
    with Host("pool-1", tmp_path, redis.url, modems([1, 2]), claims=frozenset({f"imsi-{taken.imsi}"})):
        until_expected(redis.url, "pool-1")
        assert count(take(hosts)) == 3
    redis.client.delete(f"{PREFIX}:name:pool-1", f"{PREFIX}:answer:pool-1")
    assert redis.client.ttl(f"{PREFIX}:claims:pool-1") > 6 * 86_400
    for each in (hosts, front(redis.url, expected=("pool-1", "pool-2"))):
        census = take(each)
        assert (count(census), states(census)["pool-1"]) == (1, "missing")
    start("pool-1", [1, 2])
    assert count(take(hosts)) == 4


def test_redis_holds_no_identity(start, redis):
    [claimed] = modems([7])
    start("pool-1", range(4), claims=frozenset({f"imei-{claimed.imei}", f"imsi-{claimed.imsi}"}))
    take(front(redis.url))
    stored = repr(redis.client.keys("*")) + repr(redis.client.hgetall(f"{PREFIX}:answered"))
    stored += redis.client.get(f"{PREFIX}:answer:pool-1") + redis.client.get(f"{PREFIX}:claims:pool-1")
    for modem in [*modems(range(4)), claimed]:
        for identity in (modem.imei, modem.imsi, modem.imei[8:], modem.imsi[6:]):
            assert identity not in stored


def test_hosts_that_cannot_be_counted_are_named_with_the_reason(start, redis):
    start("good", range(3))
    start("foreign", range(10, 13), marks=Marks(b"another secret, of some other fleet"))
    began = time.monotonic()
    census = take(front(redis.url, expected=("good", "foreign", "gone")))
    # A host that is not there is not waited for.
    assert time.monotonic() - began < CENSUS_SECONDS / 2
    assert count(census) == 3
    assert states(census) == {"good": "answered", "foreign": "other secret", "gone": "missing"}
    assert "host foreign has another RENT_FLEET_SECRET" in census.degraded
    assert "host gone is not there" in census.degraded


@pytest.mark.timed
def test_a_host_that_is_stopped_is_late(start, redis):
    start("pool-1", range(3))
    redis.client.set(f"{PREFIX}:name:stopped", "somebody")
    began = time.monotonic()
    census = take(front(redis.url, expected=("pool-1", "stopped")), seconds=0.5)
    assert time.monotonic() - began < 1
    assert states(census) == {"pool-1": "answered", "stopped": "late"}


def test_no_host_at_all_is_an_error_and_not_zero(redis):
    with pytest.raises(CensusError, match="no host was there in the last day"):
        take(front(redis.url))
    with pytest.raises(CensusError, match="no host has answered: host gone is not there"):
        take(front(redis.url, expected=("gone",)))


def test_two_hosts_of_one_name_are_refused(start, redis, tmp_path, caplog):
    start("twin", range(3), owner="the first")
    with Host("twin", tmp_path, redis.url, modems(range(10, 20)), owner="the second"):
        until(lambda: "another host publishes as 'twin'" in caplog.text)
        assert count(take(front(redis.url))) == 3


def test_thirty_requests_on_two_fronts_cost_one_census_a_host(start, redis, tmp_path):
    hosts = [
        start(f"pool-{number}", range(number * 10, number * 10 + 4), cache_seconds=CENSUS_SECONDS)
        for number in range(3)
    ]
    fronts = [front(redis.url, cache_seconds=CENSUS_SECONDS) for _ in range(2)]
    caches = [
        CensusCache(tmp_path / f"front-{number}", CENSUS_SECONDS, fleet.take, record=lambda *_: None)
        for number, fleet in enumerate(fronts)
    ]
    together = threading.Barrier(30)

    def ask(number):
        together.wait()
        return count(caches[number % 2].get(boot_clock() + CENSUS_SECONDS))

    with ThreadPoolExecutor(30) as callers:
        assert set(callers.map(ask, range(30))) == {12}
    assert [host.censuses for host in hosts] == [1, 1, 1]


# Redis away, and back


def test_without_redis_a_front_remembers_the_claims_of_other_hosts(tmp_path):
    [taken] = modems([10])
    claims = frozenset({f"imsi-{taken.imsi}"})
    with redis_server(tmp_path) as redis, Host("pool-1", tmp_path, redis.url, [], claims=claims):
        with_ports = front(redis.url, Host("pool-2", tmp_path, redis.url, modems(range(10, 15))))
        until_expected(redis.url, "pool-1")
        assert count(take(with_ports)) == 4
        redis.kill()
        assert count(take(with_ports)) == 4


def test_without_redis_a_host_answers_alone_and_a_front_not_at_all(tmp_path):
    with redis_server(tmp_path) as redis, Host("pool-1", tmp_path, redis.url, modems(range(3))) as other:
        own = Host("pool-2", tmp_path, redis.url, modems(range(10, 15)))
        with_ports, without = front(redis.url, own), front(redis.url)
        until_expected(redis.url, "pool-1")
        assert (count(take(with_ports)), count(take(without))) == (8, 3)

        redis.kill()
        census = take(with_ports)
        assert count(census) == 5
        assert census.degraded.startswith("RENT_REDIS_URL: Redis cannot be reached")
        with pytest.raises(CensusError, match="Redis cannot be reached"):
            take(without)

        before = len(other.pauses)
        redis.start()
        until(lambda: count(take(with_ports)) == 8)
        # It may be at the beginning of a pause when Redis comes back.
        assert len(other.pauses) <= before + 1
        assert count(take(without)) == 3
