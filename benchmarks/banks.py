"""Banks of equal simulated modules, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

from modem_simulator import SimulatedBank, SimulatedModule, live_bank
from modem_simulator.bank_file import write_bank

PSEUDO_TERMINALS, TCP = "pseudo-terminals", "TCP"

_ADDRESSES = cycle(range(100, 200))


class Bank(NamedTuple):
    """A bank of modules that all answer after ``latency`` seconds, but for a share that never answers."""

    size: int
    latency: float
    transport: str = PSEUDO_TERMINALS
    silent: float = 0.0

    def __str__(self) -> str:
        """Describe the bank in a few words."""
        silent = f" ({self.silent:.0%} silent)" if self.silent else ""
        return f"{self.size:,} modules{silent} at {self.latency * 1000:g} ms on {self.transport}"

    @property
    def modules(self) -> list[SimulatedModule]:
        """The modules: all of one family, so that their dialogues are equal."""
        live = [replace(module, family="SIM800") for module in live_bank(self.size, self.latency)]
        return [
            replace(module, fault="silent") if number < self.size - self.live else module
            for number, module in enumerate(live)
        ]

    @property
    def live(self) -> int:
        """How many of its modules are to be counted."""
        return self.size - round(self.size * self.silent)

    def serve(self) -> AbstractContextManager[str]:
        """Serve the modules, and yield their ports for RENT_PORTS."""
        return _pseudo_terminals(self) if self.transport == PSEUDO_TERMINALS else _tcp_ports(self)


@contextmanager
def _pseudo_terminals(bank: Bank) -> Iterator[str]:
    with SimulatedBank(bank.modules) as simulated:
        yield simulated.ports


@contextmanager
def _tcp_ports(bank: Bank) -> Iterator[str]:
    """Serve the modules on a loopback address that no other bank has."""
    pid = os.getpid()
    address = f"127.{next(_ADDRESSES)}.{pid >> 8 & 255}.{pid & 255}"
    program = Path(__file__).with_name("terminal_server.py")
    with subprocess.Popen(
        [sys.executable, str(program), address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdin
            assert server.stdout
            print(write_bank(bank.modules), file=server.stdin, flush=True)
            first = int(server.stdout.readline())
            yield f"socket://{address}:{first}-{first + bank.size - 1}"
        finally:
            server.kill()
