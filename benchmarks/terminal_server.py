"""Simulated modules behind TCP ports, as ser2net shows them, in a process of their own.

    python benchmarks/terminal_server.py ADDRESS <BANK.json

Prints the first TCP port's number once all of them listen; the others follow it. Serves until it is ended.
"""

from __future__ import annotations

import resource
import select
import selectors
import socket
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from heapq import heappop, heappush
from itertools import count

from modem_simulator import Emission, Event, SimulatedModule
from modem_simulator.bank_file import read_bank

FIRST_NUMBER = 7001


class TerminalServer:
    """Serves each module on its own TCP port of an address, to one client at a time."""

    def __init__(self, address: str, modules: Iterable[SimulatedModule]) -> None:
        self._selector = selectors.EpollSelector()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        for number, module in enumerate(modules, FIRST_NUMBER):
            listener = socket.create_server((address, number))
            listener.settimeout(0)
            self._selector.register(listener, selectors.EVENT_READ, partial(self._accept, listener, module))

    def serve(self) -> None:
        """Serve until the process ends."""
        while True:
            patience = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
            # epoll itself would round up to whole milliseconds.
            select.select([self._selector], [], [], patience)
            for key, _ in self._selector.select(0):
                key.data()
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                heappop(self._timers)[2]()

    def _accept(self, listener: socket.socket, module: SimulatedModule) -> None:
        client, _ = listener.accept()
        client.settimeout(0)
        self._selector.register(client, selectors.EVENT_READ, partial(self._hear, client, module))
        self._say_later(client, module.opened(0, time.monotonic()))

    def _hear(self, client: socket.socket, module: SimulatedModule) -> None:
        now = time.monotonic()
        data = client.recv(1024)
        if data:
            self._say_later(client, module.feed(0, data, now))
        else:
            module.closed(0, now)
            self._selector.unregister(client)
            client.close()

    def _say_later(self, client: socket.socket, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Emission):
                say: Callable[[], None] = partial(self._say, client, event.data)
                heappush(self._timers, (event.at, next(self._order), say))

    @staticmethod
    def _say(client: socket.socket, data: bytes) -> None:
        if client.fileno() >= 0:
            client.send(data)


def main(address: str) -> None:
    """Serve the modules that one line of standard input describes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = TerminalServer(address, read_bank(sys.stdin.readline()))
    print(FIRST_NUMBER, flush=True)
    server.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
