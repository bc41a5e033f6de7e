"""How soon after its start the service gives its first right answer, and how much memory it takes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from banks import Bank
from figures import Bar, Part, Spread, Table
from progress import Tell
from served import Served, gunicorn
from wrk import ask, is_installed

BANK = Bank(8, 0.005)
STARTS = 5
MOST_SECONDS = 1.5
ANSWERS = 10_000
CENSUSES = (20, 500)
MOST_GROWTH = 0.03


def start(tell: Tell) -> Part:
    """Measure the seconds from exec() to the first right answer."""
    tell("start of the service")
    with BANK.serve() as ports:
        seconds = Spread.of(_first_answer(ports) for _ in range(STARTS))
    table = Table(
        "Start-up",
        f"Seconds from starting the gunicorn process to the first right answer, which includes a census of "
        f"{BANK.size} modules at 5 ms a reply: {STARTS} starts (least to most).",
        ["", "seconds"],
        [["first right answer", seconds.written(".2f")]],
    )
    goal = f"the first right answer within {MOST_SECONDS} s of the start"
    return Part([table], [Bar(goal, f"{seconds.median:.2f} s", seconds.median <= MOST_SECONDS)])


def memory(tell: Tell) -> Part:
    """Measure the resident memory after answers, and after censuses."""
    rows = [*_after_answers(tell)] if is_installed() else []
    censuses = _after_censuses(tell)
    growth = sum(censuses[1][1:]) / sum(censuses[0][1:]) - 1
    table = Table(
        "Resident memory",
        "Pages that several processes share are counted in each.",
        ["after", "master, MB", "its two workers, MB"],
        [
            [after, f"{master / 2**20:.1f}", f"{workers / 2**20:.1f}"]
            for after, master, workers in [*rows, *censuses]
        ],
    )
    few, many = CENSUSES
    goal = f"memory after {many} censuses is within {MOST_GROWTH:.0%} of that after {few}"
    return Part([table], [Bar(goal, f"{growth:+.1%}", abs(growth) <= MOST_GROWTH)])


def _first_answer(ports: str) -> float:
    with TemporaryDirectory(dir="/dev/shm") as runtime:
        began = time.perf_counter()
        with gunicorn("wsgi:app", RENT_PORTS=ports, RENT_RUNTIME_DIR=runtime) as server:
            counted = numbers(server.ask())
            took = time.perf_counter() - began
    if counted != BANK.live:
        raise SystemExit(f"the first answer has {counted} numbers instead of {BANK.live}")
    return took


def numbers(answer: bytes) -> int:
    """Return how many numbers an answer has."""
    countries = json.loads(answer)["countryList"]
    operators = [operator for country in countries for operator in country["operatorMap"].items()]
    return sum(of_operator["rent"] for name, of_operator in operators if name != "any")


def _after_answers(tell: Tell) -> list[tuple[str, int, int]]:
    with (
        BANK.serve() as ports,
        TemporaryDirectory(dir="/dev/shm") as name,
        gunicorn("wsgi:app", RENT_PORTS=ports, RENT_RUNTIME_DIR=name, RENT_CACHE_SECONDS="60") as server,
    ):
        server.ask()
        first = ("1 answer", *server.resident())
        count = 0
        while count < ANSWERS:
            tell(f"memory after {ANSWERS:,} answers: {count:,}")
            count += ask(f"http://127.0.0.1:{server.port}", 4, Path(name)).total
        return [first, (f"{count:,} answers", *server.resident())]


def _after_censuses(tell: Tell) -> list[tuple[str, int, int]]:
    rows = []
    with (
        BANK.serve() as ports,
        TemporaryDirectory(dir="/dev/shm") as name,
        gunicorn("wsgi:app", RENT_PORTS=ports, RENT_RUNTIME_DIR=name, RENT_CACHE_SECONDS="0") as server,
    ):
        taken = 0
        for censuses in CENSUSES:
            tell(f"memory after {censuses} censuses")
            _take(server, censuses - taken)
            taken = censuses
            rows.append((f"{censuses} censuses", *server.resident()))
    return rows


def _take(server: Served, censuses: int) -> None:
    """Take so many censuses, one for each request."""
    for _ in range(censuses):
        if numbers(server.ask()) != BANK.live:
            raise SystemExit("a census was not whole")
