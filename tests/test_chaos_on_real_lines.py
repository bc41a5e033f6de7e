"""The banks of chaos on pseudo-terminals, through the real loop, the real cache and gunicorn."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from chaos_bank import NETWORKS, random_bank, together
from marketplace import ask, counts

from onlinesim_rent.simulator import SimulatedBank, SimulatedModule

SEEDS = range(20)
Networks = dict[tuple[str, str], int]

AT_ONCE = 5
SLOWEST_LATENCY = 0.4
DEADLINE_SECONDS = 8.0


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


def answers(
    start_gunicorn, directory: Path, seeds: range
) -> list[tuple[int, dict[tuple[str, str], int], float]]:
    """What one service says of the seeds' banks, one after the other in its ports, and in which time."""
    server = start_gunicorn(
        "wsgi:app",
        RENT_PORTS=f"{directory}/ports/*",
        RENT_RUNTIME_DIR=f"{directory}/runtime",
        RENT_CACHE_SECONDS="0",
        RENT_DEADLINE_SECONDS=str(DEADLINE_SECONDS),
    )
    given = []
    for seed in seeds:
        with SimulatedBank(modules_of(seed), directory / "ports") as bank:
            began = time.monotonic()
            answer = ask(server)
            given.append((seed, counts(answer), time.monotonic() - began))
            assert not bank.stats()["totals"]["settings"]
    return given


def test_random_banks_are_counted_exactly_and_in_time(start_gunicorn, tmp_path):
    shares = [(tmp_path / str(share), SEEDS[share::AT_ONCE]) for share in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as services:
        given = services.map(lambda share: answers(start_gunicorn, *share), shares)
    for seed, answer, seconds in chain.from_iterable(given):
        counted, there = Counter(answer), numbers(modules_of(seed))
        surely = Counter(next(iter(networks)) for networks in there if len(networks) == 1)
        at_most = Counter(network for networks in there for network in networks)
        assert counted.total() == len(there), f"seed {seed}: {counted}, and there are {there}"
        assert surely <= counted <= at_most, f"seed {seed}"
        assert seconds < DEADLINE_SECONDS + 1, f"seed {seed}"
