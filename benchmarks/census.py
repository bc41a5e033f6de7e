"""How long a census takes: seconds over the floor, processor, memory and descriptors, for many banks.

The floor is the physical limit: a healthy module is sent seven commands, one after the other, and answers
each after its latency. A census cannot be quicker than one module's own dialogue.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from banks import PSEUDO_TERMINALS, TCP, Bank
from figures import Bar, Part, Spread, Table, slope
from progress import Tell

SIZES = (1, 8, 64, 200, 512, 1024, 2000)
LATENCIES = (0.005, 0.05, 0.3)
TRANSPORTS = (PSEUDO_TERMINALS, TCP)
SILENT = (0.05, 0.5)
SILENT_SIZES = (64, 512)
IDLE_SIZE = 64
"""So many modules with the longest latency take two hundredths of a processor."""
ROUNDS = 5
COMMANDS = 7
"""AT, +CGSN, +CPIN?, +CIMI, +CREG?, +CPAS and +CIMI again."""
MOST_SECONDS_OVER_FLOOR = 3.0
MOST_RATIOS = {64: 1.06, 512: 1.22, 1024: 1.45}
DEADLINE_SECONDS = 8.0


class Cost(NamedTuple):
    """What the censuses of one bank took: seconds, processor seconds, bytes, descriptors."""

    bank: Bank
    seconds: Spread
    processor: Spread
    memory: int
    descriptors: int

    @property
    def floor(self) -> float:
        """The seconds of one module's dialogue."""
        return COMMANDS * self.bank.latency

    @property
    def ratio(self) -> Spread:
        """The seconds as a multiple of the floor."""
        return Spread(*(seconds / self.floor for seconds in self.seconds))


def measured(tell: Tell) -> list[Cost]:
    """Measure all banks: one after the other, but side by side those that leave the processors idle."""
    costs: list[Cost] = []
    for banks in _groups():
        tell("census of " + ", ".join(map(str, banks)))
        with ThreadPoolExecutor(len(banks)) as together:
            costs += together.map(measured_bank, banks)
    return sorted(costs, key=lambda cost: (cost.bank.silent, cost.bank.latency, cost.bank.size))


def _groups() -> Iterator[list[Bank]]:
    """Yield the banks that are measured at the same time."""
    for transport in TRANSPORTS:
        whole = [Bank(size, latency, transport) for latency in LATENCIES for size in SIZES]
        idle = [bank for bank in whole if bank.latency == LATENCIES[-1] and bank.size <= IDLE_SIZE]
        yield from ([bank] for bank in whole if bank not in idle)
        yield idle
        yield [Bank(size, 0.05, transport, share) for share in SILENT for size in SILENT_SIZES]


def measured_bank(bank: Bank, rounds: int = ROUNDS) -> Cost:
    """Take censuses of one bank in a process of its own, and return what they took."""
    program = Path(__file__).with_name("rounds.py")
    with bank.serve() as ports:
        command = [sys.executable, str(program), ports, str(bank.live), str(rounds)]
        result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    seconds, processor = Spread.of(result["seconds"]), Spread.of(result["processor"])
    return Cost(bank, seconds, processor, result["memory"], result["descriptors"])


def part(costs: Sequence[Cost]) -> Part:
    """Return the tables and the bars of the costs."""
    whole = [cost for cost in costs if not cost.bank.silent]
    silent = [cost for cost in costs if cost.bank.silent]
    tables = [_ratios(whole, transport) for transport in TRANSPORTS]
    return Part([*tables, _resources(whole), _silent(silent)], [*_bars(whole), *_silent_bars(silent)])


def _ratios(costs: Iterable[Cost], transport: str) -> Table:
    by_size: dict[int, list[str]] = {}
    for cost in costs:
        if cost.bank.transport == transport:
            by_size.setdefault(cost.bank.size, []).append(cost.ratio.written(".2f"))
    return Table(
        f"A census against one module's dialogue, on {transport}",
        f"Seconds of a census as a multiple of the floor, {COMMANDS} commands times the latency: the median "
        f"of {ROUNDS} censuses (least to most). Every census counted every module.",
        ["modules", *(f"{latency * 1000:g} ms a reply" for latency in LATENCIES)],
        [[f"{size:,}", *ratios] for size, ratios in by_size.items()],
    )


def _resources(costs: Sequence[Cost]) -> Table:
    rows = []
    for transport in TRANSPORTS:
        at_50 = [cost for cost in costs if cost.bank.latency == 0.05 and cost.bank.transport == transport]
        rows += [
            [
                f"{cost.bank.size:,} on {transport}",
                cost.seconds.written(".3f"),
                cost.processor.written(".3f"),
                f"{cost.memory / 2**20:.0f}",
                f"{cost.descriptors:,}",
            ]
            for cost in at_50
        ]
        each = slope((cost.bank.size, cost.processor.median * 1000) for cost in at_50)
        more = slope((cost.bank.size, cost.seconds.median * 1000) for cost in at_50)
        rows.append([f"one more module on {transport}", f"{more:.2f} ms", f"{each:.2f} ms", "", ""])
    return Table(
        "What a census takes, at 50 ms a reply",
        "Memory and descriptors are the most that the process had; the interpreter and the libraries are in "
        "them. The rows *one more module* are the slopes of the straight lines that fit the medians best.",
        ["modules", "seconds", "processor seconds", "memory, MB", "descriptors"],
        rows,
    )


def _silent(costs: Iterable[Cost]) -> Table:
    return Table(
        "A census with silent ports, at 50 ms a reply",
        "A silent port is sent AT three times, and has 0.9 s for each.",
        ["modules", "silent", "seconds", "seconds over the floor"],
        [
            [
                f"{cost.bank.size:,} on {cost.bank.transport}",
                f"{cost.bank.silent:.0%}",
                cost.seconds.written(".3f"),
                f"{cost.seconds.median - cost.floor:.3f}",
            ]
            for cost in costs
        ],
    )


def _bars(costs: Iterable[Cost]) -> list[Bar]:
    at_50 = {(cost.bank.transport, cost.bank.size): cost for cost in costs if cost.bank.latency == 0.05}
    bars = [
        Bar(
            f"a census of {size:,} modules at 50 ms on {transport} takes at most {most} times the floor",
            f"{at_50[transport, size].ratio.median:.3f}",
            at_50[transport, size].ratio.median <= most,
        )
        for transport in TRANSPORTS
        for size, most in MOST_RATIOS.items()
    ]
    remote = at_50[TCP, 2000].seconds.most
    in_time = f"2,000 modules over TCP are counted whole within {DEADLINE_SECONDS:g} s"
    return [*bars, Bar(in_time, f"{remote:.2f} s", remote < DEADLINE_SECONDS)]


def _silent_bars(costs: Iterable[Cost]) -> list[Bar]:
    over = max(cost.seconds.median - cost.floor for cost in costs if cost.bank.silent == 0.5)
    goal = f"with half of the ports silent, a census takes at most the floor + {MOST_SECONDS_OVER_FLOOR:g} s"
    return [Bar(goal, f"the floor + {over:.2f} s", over <= MOST_SECONDS_OVER_FLOOR)]
