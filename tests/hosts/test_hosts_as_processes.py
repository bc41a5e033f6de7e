"""Three publishers and two fronts as processes, on hosts whose wall clocks are an hour apart."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from email.utils import parsedate_to_datetime

import pytest
from fleet_processes import HOSTS, HOUR, SECRET, UNION, Processes, answered, own
from lines import BAUD_RATE, python
from marketplace import ask, counts
from namespaces import in_own_network
from servers import environment, until

from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.modem.ports.open import open_port

# Alone: a busy machine makes a host late, and a late host is rightly left out.
pytestmark = [pytest.mark.needs("redis-server"), pytest.mark.timed]

WHOLE = sum(UNION.values())


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    # A short cache, so that each answer is of now.
    with Processes(tmp_path_factory.mktemp("fleet"), RENT_CACHE_SECONDS="0.3") as fleet:
        yield fleet


@pytest.fixture
def fleet(processes):
    """The fleet, once it is whole."""
    until(lambda: answered(processes.front) == WHOLE == answered(processes.beside))
    return processes


def without(fleet, number):
    """What the other hosts have to rent. No SIM of this one is in a module of theirs."""
    return WHOLE - own(fleet, number)


def health(server):
    answer = server.request("GET", "/healthz")
    return answer.status, answer.body.decode()


def metrics(server):
    return server.request("GET", "/metrics").body.decode()


def test_three_hosts_behind_one_url_give_the_exact_union(fleet):
    assert counts(ask(fleet.front)) == counts(ask(fleet.beside)) == UNION
    assert health(fleet.front) == (200, "ok\n")
    for host in HOSTS:
        assert f'host_answered{{host="{host}",state="answered"}} 1.0' in metrics(fleet.front)


def test_the_clocks_of_the_hosts_are_an_hour_apart(fleet):
    dates = [
        parsedate_to_datetime(server.request("GET", "/healthz").headers["Date"])
        for server in (fleet.front, fleet.beside)
    ]
    assert (dates[1] - dates[0]).total_seconds() == pytest.approx(HOUR, abs=10)


def test_thirty_requests_at_once_on_two_fronts_never_count_too_many(fleet):
    with ThreadPoolExecutor(30) as callers:
        answers = list(callers.map(lambda number: ask((fleet.front, fleet.beside)[number % 2]), range(30)))
    # With so short a deadline, a busy machine may make a host late, and it is not counted.
    assert all(sum(counts(answer).values()) <= WHOLE for answer in answers)
    until(lambda: answered(fleet.front) == WHOLE == answered(fleet.beside))


def test_a_killed_publisher_s_host_is_named_until_it_is_back(fleet):
    fleet.publishers[0].end()
    until(lambda: answered(fleet.front) == answered(fleet.beside) == without(fleet, 0))
    status, text = health(fleet.front)
    assert status == 200
    assert text.startswith("degraded: host pool-1 did not answer in time")
    assert 'host_answered{host="pool-1",state="late"} 0.0' in metrics(fleet.front)
    fleet.front.stderr.until("host pool-1 is not counted: it did not answer in time")
    fleet.publishers[0].start()
    until(lambda: answered(fleet.front) == WHOLE)
    fleet.front.stderr.until("host pool-1 is counted again")
    # Each host logs its own ports.
    assert "/modem000" not in fleet.front.stderr.text


def test_a_stopped_publisher_costs_its_host_and_no_answer(fleet):
    fleet.publishers[0].send(signal.SIGSTOP)
    until(lambda: answered(fleet.front) == answered(fleet.beside) == without(fleet, 0))
    fleet.publishers[0].send(signal.SIGCONT)
    until(lambda: answered(fleet.front) == WHOLE)


def test_a_host_that_is_cut_off_from_redis_comes_back_by_itself(fleet):
    fleet.link.cut()
    until(lambda: answered(fleet.front) == without(fleet, 1))
    fleet.publishers[1].log.until("does not publish: RENT_REDIS_URL: Redis does not answer in time")
    fleet.link.mend()
    until(lambda: answered(fleet.front) == WHOLE)


IN_A_NETWORK_OF_ITS_OWN = """
import json, subprocess, sys
from pathlib import Path
from fleet_processes import Processes, UNION, answered, own
from namespaces import deliver, drop
from servers import until

PORT, ADDRESS = 6379, "127.0.0.9"
listening = ["--port", str(PORT), "--bind", "0.0.0.0", "--protected-mode", "no"]
whole = sum(UNION.values())
with Processes(
    Path(sys.argv[1]),
    redis_options=listening,
    path_of_pool_2=f"redis://{ADDRESS}:{PORT}",
    RENT_CACHE_SECONDS="0.3",
) as fleet:
    until(lambda: answered(fleet.front) == whole)
    subprocess.run(drop(ADDRESS), check=True)
    answers = []

    def answer():
        answers.append(answered(fleet.front))
        return answers[-1]

    until(lambda: answer() == whole - own(fleet, 1))
    fleet.publishers[1].log.until("does not publish: RENT_REDIS_URL: Redis does not answer in time")
    health = fleet.front.request("GET", "/healthz").body.decode()
    subprocess.run(deliver(), check=True)
    until(lambda: answer() == whole)
print(json.dumps([answers, health]))
"""


@pytest.mark.needs("own networks", "ip", "mount", "nft", "unshare")
def test_packets_that_are_dropped_cost_a_host_its_place_until_they_arrive(tmp_path):
    (answers, health), _ = python(IN_A_NETWORK_OF_ITS_OWN, str(tmp_path), wrap=in_own_network)
    assert max(answers) == WHOLE
    assert health.startswith("degraded: host pool-2")


def test_a_killed_redis_leaves_a_host_its_own_numbers(fleet):
    fleet.redis.kill()
    until(lambda: answered(fleet.beside) == own(fleet, 2))
    assert str(answered(fleet.front)).startswith("RENT_REDIS_URL: Redis cannot be reached")
    assert health(fleet.front)[0] == 503
    assert health(fleet.beside)[0] == 200
    assert "onlinesim_rent_redis_failed 1.0" in metrics(fleet.beside)
    fleet.redis.start()
    until(lambda: answered(fleet.front) == WHOLE)


def test_a_replica_that_takes_over_brings_back_no_number_of_before(fleet):
    fleet.replicate()
    # One number is taken after the replica has its data.
    [first, *_] = find_ports([fleet.banks[0].ports])
    with closing(open_port(first, BAUD_RATE)):
        until(lambda: answered(fleet.front) == WHOLE - 1 == answered(fleet.beside))
        fleet.redis.kill()
        until(lambda: answered(fleet.beside) == own(fleet, 2))
        until(lambda: "Redis cannot be reached" in str(answered(fleet.front)))
        fleet.fail_over()
        answers = []

        def is_whole():
            answers.extend([answered(fleet.front), answered(fleet.beside)])
            return answers[-2:] == [WHOLE - 1, WHOLE - 1]

        assert until(is_whole) < 10
        assert max(number for number in answers if isinstance(number, int)) == WHOLE - 1
    until(lambda: answered(fleet.front) == WHOLE)


def test_a_stopped_redis_costs_no_front_its_deadline(fleet):
    fleet.redis.stop()
    until(lambda: answered(fleet.beside) == own(fleet, 2))
    assert "Redis does not answer in time" in str(answered(fleet.front))
    fleet.redis.go_on()
    until(lambda: answered(fleet.front) == WHOLE)


def test_a_killed_front_leaves_the_other_one_alone(fleet):
    os.kill(fleet.front.workers()[0], signal.SIGKILL)
    assert answered(fleet.beside) == WHOLE
    until(lambda: answered(fleet.front) == WHOLE)


def test_a_stopped_front_leaves_the_other_one_alone_and_goes_on(fleet):
    [worker] = fleet.front.workers()
    os.kill(worker, signal.SIGSTOP)
    assert answered(fleet.beside) == WHOLE
    os.kill(worker, signal.SIGCONT)
    until(lambda: answered(fleet.front) == WHOLE)


def test_sigterm_ends_a_publisher_at_once_and_it_says_what_it_did(fleet):
    publisher = fleet.publishers[0]
    seconds = until(lambda: publisher.end(signal.SIGTERM) == 0)
    assert seconds < 3
    log = publisher.log.text
    assert len(re.findall("publishes as 'pool-1'", log)) >= 1
    assert "Traceback" not in log
    publisher.start()


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"RENT_PORTS": "/dev/ttyUSB*"}, "RENT_REDIS_URL is not set"),
        ({"RENT_REDIS_URL": "redis://x", "RENT_FLEET_SECRET": SECRET}, "RENT_PORTS is not set"),
    ],
)
def test_a_publisher_says_which_setting_it_lacks(variables, told, tmp_path):
    given = {"RENT_API_KEY": "secret-key", "RENT_RUNTIME_DIR": str(tmp_path)} | variables
    ended = subprocess.run(
        [sys.executable, "-m", "onlinesim_rent", "publish"],
        env=environment(**given),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert ended.returncode == os.EX_CONFIG
    assert told in ended.stderr
