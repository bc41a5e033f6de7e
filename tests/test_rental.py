"""A rental played through: an agent rents numbers out and takes them back, while the marketplace asks."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

import pytest
from marketplace import ask, counts

from modem_simulator import SimulatedBank, live_bank

MODULES = live_bank(20, 0.005)
STEPS = 24

AGENT = """
import os, sys
# It remembers nothing: what is taken stands in the directory, so it may be killed at any time.
directory = sys.argv[1]
for line in sys.stdin:
    what, name = line.split()
    path = os.path.join(directory, name)
    open(path, "w").close() if what == "rent" else os.remove(path)
    print("done", flush=True)
"""


class Agent:
    """A program that rents numbers out. It can be killed between any two orders, and started again."""

    def __init__(self, directory: Path) -> None:
        self._command = [sys.executable, "-c", AGENT, str(directory)]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def order(self, what: str, name: str) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{what} {name}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


class Moment(NamedTuple):
    """How many numbers are taken from a time on; while an order runs, between ``least`` and ``most``."""

    at: float
    least: int
    most: int


class Asked(NamedTuple):
    begin: float
    end: float
    available: int


@contextmanager
def marketplace(server) -> Iterator[list[Asked]]:
    """Ask all the time, from a thread."""
    answers: list[Asked] = []
    ended = Event()

    def ask_on() -> None:
        while not ended.is_set():
            answers.append(asked(server))

    thread = Thread(target=ask_on)
    thread.start()
    try:
        yield answers
    finally:
        ended.set()
        thread.join()


def asked(server) -> Asked:
    begin = time.monotonic()
    answer = ask(server)
    assert answer.status == 200, answer.body
    return Asked(begin, time.monotonic(), sum(counts(answer).values()))


def taken_while(history: list[Moment], answer: Asked) -> tuple[int, int]:
    """The fewest and the most numbers that were taken at any moment of a request."""
    ends = [later.at for _, later in pairwise(history)] + [float("inf")]
    during = [
        moment
        for moment, end in zip(history, ends, strict=True)
        if moment.at <= answer.end and end >= answer.begin
    ]
    return min(moment.least for moment in during), max(moment.most for moment in during)


@pytest.mark.parametrize("cache_seconds", ["0", "60"])
def test_a_rented_number_is_gone_from_the_very_next_answer(cache_seconds, start_gunicorn, tmp_path):
    claims = tmp_path / "claims"
    claims.mkdir()
    chance = random.Random(7)
    free = [
        name
        for number, module in enumerate(MODULES)
        for name in ([f"imsi-{module.imsi}"] if number % 2 else [f"imei-{module.imei}"])
    ]
    taken: list[str] = []
    history = [Moment(time.monotonic(), 0, 0)]
    with SimulatedBank(MODULES) as bank:
        server = start_gunicorn(
            "wsgi:app",
            RENT_PORTS=bank.ports,
            RENT_RUNTIME_DIR=f"{tmp_path}/runtime",
            RENT_CLAIMS_DIR=str(claims),
            RENT_CACHE_SECONDS=cache_seconds,
            WEB_CONCURRENCY="2",
        )
        agent = Agent(claims)
        with marketplace(server) as answers:
            for step in range(STEPS):
                rents = not taken or (bool(free) and chance.random() < 0.6)
                before, after = (free, taken) if rents else (taken, free)
                name = before.pop(chance.randrange(len(before)))
                least, most = len(taken), len(taken) + 1
                history.append(Moment(time.monotonic(), least, most))
                agent.order("rent" if rents else "finish", name)
                after.append(name)
                history.append(Moment(time.monotonic(), len(taken), len(taken)))
                assert asked(server).available == len(MODULES) - len(taken)
                if step % 8 == 7:
                    agent.kill()
                    agent.start()
        agent.kill()
    assert answers
    for answer in answers:
        least, most = taken_while(history, answer)
        assert len(MODULES) - most <= answer.available <= len(MODULES) - least


def test_a_claims_directory_that_goes_away_is_an_error(start_gunicorn, tmp_path):
    claims = tmp_path / "claims"
    claims.mkdir()
    with SimulatedBank(MODULES[:2]) as bank:
        server = start_gunicorn(
            "wsgi:app",
            RENT_PORTS=bank.ports,
            RENT_RUNTIME_DIR=f"{tmp_path}/runtime",
            RENT_CLAIMS_DIR=str(claims),
            RENT_CACHE_SECONDS="60",
        )
        assert asked(server).available == 2
        (claims / "ttyUSB3").touch()
        refused = json.loads(ask(server).body)
        assert refused["status"] == "ERROR"
        assert "'ttyUSB3', which is no claim" in refused["error"]
        (claims / "ttyUSB3").unlink()
        claims.rmdir()
        assert "RENT_CLAIMS_DIR" in json.loads(ask(server).body)["error"]
        claims.mkdir()
        assert asked(server).available == 2
