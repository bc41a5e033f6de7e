"""How long other programs take for the same bank, and whether they get the right IMEIs."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from glob import glob
from typing import NamedTuple

from banks import Bank
from figures import Bar, Part, Spread, Table
from peers.comparison import Peer, count_right, peers
from peers.environment import cache_directory
from progress import Tell

BANK = Bank(64, 0.05)
ROUNDS = 5
LEAST_TIMES = {"gammu": 10, "python-gsmmodem-new": 5}


class Compared(NamedTuple):
    """A peer, its seconds, and how many right IMEIs it had in its worst round."""

    peer: Peer
    seconds: Spread | None = None
    right: int = 0


def measured(tell: Tell) -> list[Compared]:
    """Let all peers ask the same bank in turn."""
    candidates = peers(cache_directory())
    able = [peer for peer in candidates if not peer.skipped]
    with BANK.serve() as pattern:
        ports = sorted(glob(pattern))
        imeis = dict(zip(ports, (module.imei for module in BANK.modules), strict=True))
        rounds = []
        for number in range(1, ROUNDS + 1):
            tell(f"peers, round {number} of {ROUNDS}")
            rounds.append({peer.name: _timed(peer, ports, imeis) for peer in able})
    return [_compared(peer, [each[peer.name] for each in rounds if peer.name in each]) for peer in candidates]


def seconds(compared: Sequence[Compared]) -> dict[str, Spread]:
    """Return the seconds of each peer that ran."""
    return {each.peer.name: each.seconds for each in compared if each.seconds}


def part(compared: Sequence[Compared]) -> Part:
    """Return the table and the bars of the comparison."""
    ours = compared[0].seconds
    assert ours
    rows = [_row(each, ours) for each in compared]
    table = Table(
        "Other programs on the same bank",
        f"{BANK.size} modules at 50 ms a reply. Each program is started anew, asks all modules at once in "
        f"its own way, and prints their IMEIs: {ROUNDS} rounds in turn (least to most). An IMEI is right if "
        "it is the simulated module's.",
        ["program", "seconds", "times ours", "right IMEIs"],
        rows,
    )
    return Part([table], [*_bars(compared, ours)])


def _timed(peer: Peer, ports: Sequence[str], imeis: Mapping[str, str]) -> tuple[float, int]:
    began = time.perf_counter()
    try:
        found = peer.identify(ports)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise SystemExit(f"{peer.name} failed: {error}") from error
    return time.perf_counter() - began, count_right(found, imeis)


def _compared(peer: Peer, rounds: Sequence[tuple[float, int]]) -> Compared:
    if not rounds:
        return Compared(peer)
    took, right = zip(*rounds, strict=True)
    return Compared(peer, Spread.of(took), min(right))


def _row(compared: Compared, ours: Spread) -> list[str]:
    if not compared.seconds:
        return [compared.peer.name, "skipped", "", compared.peer.skipped]
    times = f"{compared.seconds.median / ours.median:.1f}"
    return [compared.peer.name, compared.seconds.written(".2f"), times, f"{compared.right} of {BANK.size}"]


def _bars(compared: Sequence[Compared], ours: Spread) -> list[Bar]:
    bars = []
    for program, least in LEAST_TIMES.items():
        for each in compared:
            if each.seconds and each.peer.name.startswith(program):
                times = each.seconds.median / ours.median
                goal = f"{least} times faster than {program} at {BANK.size} modules"
                bars.append(Bar(goal, f"{times:.1f} times", times >= least))
    return bars
