"""The banks of chaos on pseudo-terminals, through the real loop, the real cache and gunicorn."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import pytest
from chaos_bank import NETWORKS, random_bank, together
from marketplace import ask, counts

from modem_simulator import SimulatedBank, SimulatedModule

SEEDS = range(10)
Networks = dict[tuple[str, str], int]

AT_ONCE = 5
SLOWEST_LATENCY = 0.4
DEADLINE_SECONDS = 8.0


def modules_of(seed: int) -> list[SimulatedModule]:
    return [each.module for each in random_bank(seed, slowest=SLOWEST_LATENCY).modules]


Numbers = list[set[tuple[str, str]]]
"""For each number, the networks that it may be counted in."""


def numbers(modules: list[SimulatedModule]) -> tuple[Numbers, Numbers]:
    """The numbers that can surely be rented, and the doubtful ones.

    Modules that share an IMEI or a SIM are one number, and doubtful where one of them is not live. Which of
    their SIMs is counted is the census's choice.
    """
    groups: dict[int, list[SimulatedModule]] = {}
    for group, module in zip(together([(each.imei, each.imsi) for each in modules]), modules, strict=True):
        groups.setdefault(group, []).append(module)
    sure, doubtful = [], []
    for members in groups.values():
        networks = {NETWORKS[module.imsi[:5]] for module in members if module.live}
        (sure if all(module.live for module in members) else doubtful).append(networks)
    return sure, [networks for networks in doubtful if networks]


def answers(
    start_gunicorn, directory: Path, seeds: range
) -> list[tuple[int, dict[tuple[str, str], int], float]]:
    """What one service answers for the seeds' banks, one after the other, and how long each answer took."""
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


@pytest.mark.timed
def test_random_banks_are_counted_exactly_and_in_time(start_gunicorn, tmp_path):
    shares = [(tmp_path / str(share), SEEDS[share::AT_ONCE]) for share in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as services:
        given = services.map(lambda share: answers(start_gunicorn, *share), shares)
    for seed, answer, seconds in chain.from_iterable(given):
        counted, (sure, doubtful) = Counter(answer), numbers(modules_of(seed))
        surely = Counter(next(iter(networks)) for networks in sure if len(networks) == 1)
        at_most = Counter(network for networks in sure + doubtful for network in networks)
        assert len(sure) <= counted.total() <= len(sure + doubtful), (
            f"seed {seed}: {counted}, {sure}, {doubtful}"
        )
        assert surely <= counted <= at_most, f"seed {seed}"
        assert seconds < DEADLINE_SECONDS + 1, f"seed {seed}"
