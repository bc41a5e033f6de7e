"""A census of many modules against one module's own dialogue, both measured in this run.

    make bench

Every module answers after 50 ms, so a dialogue of seven exchanges takes at least 350 ms. That is the physical
limit of a census too. Compare the ratios: the seconds depend on the machine.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from modem_simulator import SimulatedBank, live_bank
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.descriptors import allow_descriptors
from onlinesim_rent.finding import Verdict
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.modem.probe import Prober

LATENCY_SECONDS = 0.05
ROUNDS = 5
GOALS = {1: 1.0, 64: 1.08, 512: 1.30, 1024: 1.60}


def main() -> None:
    """Print a line for each size of bank."""
    compare(GOALS, measure)


def compare(goals: Mapping[int, float], measure: Callable[[int], tuple[float, float]]) -> None:
    """Measure a census of each size; print its seconds as a ratio to those of one module, beside the goal."""
    allow_descriptors()
    print(f"{'modules':>8} {'seconds':>8} {'CPU':>6} {'ratio':>6} {'goal':>6}")
    own = 0.0
    for size, goal in goals.items():
        seconds, processor = measure(size)
        own = own or seconds
        print(f"{size:8} {seconds:8.3f} {processor:6.3f} {seconds / own:6.2f} {goal:6.2f}", flush=True)


def measure(size: int) -> tuple[float, float]:
    """Return the median seconds and processor seconds of a census of so many modules, all counted."""
    # All modules are of one family, so that their dialogues are equal.
    modules = [replace(module, family="SIM800") for module in live_bank(size, LATENCY_SECONDS)]
    with SimulatedBank(modules) as bank:
        prober = Prober(115200)
        return medians(prober, bank.ports, size)


def medians(prober: Prober, ports: str, size: int) -> tuple[float, float]:
    """Return the median seconds and processor seconds of a census in which all modules are counted."""
    rounds = [timed(lambda: take(prober, ports, size)) for _ in range(ROUNDS)]
    return statistics.median(seconds for seconds, _ in rounds), statistics.median(cpu for _, cpu in rounds)


def take(prober: Prober, ports: str, size: int) -> None:
    """Take a census as the service does, and fail if it does not count every module."""
    findings = prober.probe(find_ports([ports]), boot_clock() + 8)
    available = sum(finding.verdict is Verdict.AVAILABLE for finding in findings)
    if available != size:
        raise SystemExit(f"{available} of {size} modules were counted")


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Return the seconds and processor seconds that the work takes."""
    began, used = time.monotonic(), processor_seconds()
    work()
    return time.monotonic() - began, processor_seconds() - used


def processor_seconds() -> float:
    """Return the processor seconds that this process has used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
