"""The banks of chaos on pseudo-terminals, through the real loop, the real cache and gunicorn."""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from onlinesim_rent.simulator import SimulatedBank, SimulatedModule
from onlinesim_rent.simulator.chaos import NETWORKS, random_bank, together

SEEDS = range(20)
AT_ONCE = 5
SLOWEST_LATENCY = 0.4
DEADLINE_SECONDS = 8.0

BODY = json.dumps({"action": "GET_SERVICES", "key": "secret-key"})
HEADERS = {"Authorization": "Bearer secret-key", "Content-Type": "application/json"}


def modules_of(seed: int) -> list[SimulatedModule]:
    return [each.module for each in random_bank(seed, slowest=SLOWEST_LATENCY).modules]


def numbers(modules: list[SimulatedModule]) -> list[set[tuple[str, str]]]:
    """For each number there is to rent, the networks that it may be counted in.

    Modules that share an IMEI or a SIM are one number; which of their SIMs is counted is the census's choice.
    """
    live = [module for module in modules if module.live]
    groups: dict[int, set[tuple[str, str]]] = {}
    for group, module in zip(together([(each.imei, each.imsi) for each in live]), live, strict=True):
        groups.setdefault(group, set()).add(NETWORKS[module.imsi[:5]])
    return list(groups.values())


def census(start_gunicorn, runtime, seed: int) -> tuple[Counter[tuple[str, str]], float]:
    """What the service says of a seed's bank, and after how many seconds."""
    with SimulatedBank(modules_of(seed)) as bank:
        server = start_gunicorn(
            "wsgi:app",
            RENT_PORTS=bank.ports,
            RENT_RUNTIME_DIR=str(runtime / str(seed)),
            RENT_CACHE_SECONDS="0",
            RENT_DEADLINE_SECONDS=str(DEADLINE_SECONDS),
            WEB_CONCURRENCY="1",
        )
        began = time.monotonic()
        answer = server.request("POST", "/getServicesRent", BODY, HEADERS)
        seconds = time.monotonic() - began
        server.stop()
        assert not bank.stats()["totals"]["settings"]
    document = json.loads(answer.body)
    assert document["status"] == "SUCCESS", document
    counts = {
        (country["country"], operator): count["rent"]
        for country in document["countryList"]
        for operator, count in country["operatorMap"].items()
        if operator != "any"
    }
    return Counter(counts), seconds


def test_random_banks_are_counted_exactly_and_in_time(start_gunicorn, tmp_path):
    with ThreadPoolExecutor(AT_ONCE) as rounds:
        answers = list(rounds.map(lambda seed: census(start_gunicorn, tmp_path, seed), SEEDS))
    for seed, (counted, seconds) in zip(SEEDS, answers, strict=True):
        there = numbers(modules_of(seed))
        surely = Counter(next(iter(networks)) for networks in there if len(networks) == 1)
        at_most = Counter(network for networks in there for network in networks)
        assert counted.total() == len(there), f"seed {seed}: {counted}, and there are {there}"
        assert surely <= counted <= at_most, f"seed {seed}"
        assert seconds < DEADLINE_SECONDS + 1, f"seed {seed}"
