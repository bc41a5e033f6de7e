"""A bank of simulated modules on pseudo-terminals, run by one epoll loop and one heap of timers."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from string import ascii_lowercase
from time import monotonic
from typing import Self

from .module import Counts, Emission, Event, HangUp, SimulatedModule
from .open_watch import OpenWatch
from .pseudo_terminal import open_master

READ_SIZE = 1024
LONGEST_BACKLOG = 65536
"""Bytes. If nobody reads, further bytes are lost, as in a UART."""
AWAY_SECONDS = 0.2
"""How long the device is gone after its module hung up."""


@dataclass(eq=False, slots=True)
class Port:
    """One of a module's ports, and its present pseudo-terminal."""

    path: Path
    module: SimulatedModule
    index: int
    master: int = -1
    watch: int = -1
    is_open: bool = False
    session: int = 0
    backlog: bytearray = field(default_factory=bytearray)
    waiting: list[Emission] = field(default_factory=list)  # to repeat, once the backlog is empty

    @property
    def counts(self) -> Counts:
        """What callers asked this port."""
        return self.module.counts[self.index]


class Bank:
    """Runs modules in real time. Inside ``with``, each port is a symlink in ``directory``.

    The names are ``modem000``, and ``modem000b``, ``modem000c``, ... for a module's other ports.
    """

    def __init__(self, modules: Iterable[SimulatedModule], directory: Path) -> None:
        self.ports = {
            port.path.name: port
            for number, module in enumerate(modules)
            for port in _ports(number, module, directory)
        }
        self._epoll = select.epoll()
        self._ready: dict[int, Callable[[], None]] = {}
        self._watch = OpenWatch()
        self._watched: dict[int, Port] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._heard: list[tuple[Port, bytes]] = []
        self._serving = True

    def __enter__(self) -> Self:
        self.listen(self._watch.descriptor, self.notice_opens)
        try:
            for port in self.ports.values():
                self._attach(port)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for port in self.ports.values():
            self._detach(port)
        self._watch.close()
        self._epoll.close()

    def serve(self) -> None:
        """Run the modules until ``stop``."""
        while self._serving:
            self._wait()
            for descriptor, _ in self._epoll.poll(0):
                self._ready[descriptor]()
            self._hear()
            now = monotonic()  # read once, so that repeated timers do not starve the others
            while self._timers and self._timers[0][0] <= now:
                heappop(self._timers)[2]()

    def stop(self) -> None:
        """Let ``serve`` return."""
        self._serving = False

    def listen(self, descriptor: int, callback: Callable[[], None], events: int = select.EPOLLIN) -> None:
        """Let ``serve`` call ``callback`` whenever the descriptor is ready."""
        self._epoll.register(descriptor, events)
        self._ready[descriptor] = callback

    def _wait(self) -> None:
        """Wait for a port or for the next timer. epoll itself would round up to whole milliseconds."""
        patience = max(0.0, self._timers[0][0] - monotonic()) if self._timers else None
        select.select([self._epoll], [], [], patience)

    def _later(self, at: float, action: Callable[[], None]) -> None:
        heappush(self._timers, (at, next(self._order), action))

    # A port's device comes and goes

    def _attach(self, port: Port) -> None:
        port.master, slave = open_master()
        port.watch = self._watch.add(slave)
        self._watched[port.watch] = port
        self.listen(port.master, partial(self._attend, port), _interest(port))
        port.path.symlink_to(slave)

    def _detach(self, port: Port) -> None:
        """Remove a device, its name first: the kernel soon gives the number to another terminal."""
        if port.master < 0:
            return
        port.path.unlink(missing_ok=True)
        self._end_session(port)
        self._watched.pop(port.watch, None)
        self._ready.pop(port.master, None)
        os.close(port.master)
        port.master = -1

    # ... is opened and closed

    def notice_opens(self) -> None:
        """Begin the session of each port that was opened since the last call."""
        for watch in self._watch.opened():
            if port := self._watched.get(watch):
                self._end_session(port)
                port.is_open = True
                self._epoll.modify(port.master, _interest(port))
                self._schedule(port, port.module.opened(port.index, monotonic()))

    def _end_session(self, port: Port) -> None:
        if not port.is_open:  # epoll.modify() would report the same edge again
            return
        port.module.closed(port.index, monotonic())
        port.is_open = False
        port.session += 1
        port.backlog.clear()
        port.waiting.clear()
        self._epoll.modify(port.master, _interest(port))

    # ... is read and written

    def _attend(self, port: Port) -> None:
        if port.backlog:
            self._write(port, b"")
        try:
            self._heard.append((port, os.read(port.master, READ_SIZE)))
        except BlockingIOError:
            pass
        except OSError:  # EIO: nobody holds the slave open any more
            self._end_session(port)

    def _hear(self) -> None:
        """Pass the bytes that were read to the modules, after any opening that came before them."""
        self.notice_opens()
        for port, data in self._heard:
            self._schedule(port, port.module.feed(port.index, data, monotonic()))
        self._heard.clear()

    def _schedule(self, port: Port, events: Iterable[Event]) -> None:
        now, session = monotonic(), port.session
        for event in events:
            if event.at <= now:
                self._play(port, session, event)
            else:
                self._later(event.at, partial(self._play, port, session, event))

    def _play(self, port: Port, session: int, event: Event) -> None:
        if session != port.session:
            return
        if isinstance(event, HangUp):
            self._detach(port)
            self._later(monotonic() + AWAY_SECONDS, partial(self._attach, port))
            return
        self._write(port, event.data)
        if event.every:
            port.waiting.append(event)
            self._repeat(port)

    def _repeat(self, port: Port) -> None:
        if port.backlog:
            return
        for event in port.waiting:
            again = event._replace(at=monotonic() + event.every)
            self._later(again.at, partial(self._play, port, port.session, again))
        port.waiting.clear()

    def _write(self, port: Port, data: bytes) -> None:
        """Write what the pseudo-terminal accepts; keep the rest until it is writable."""
        was_full = bool(port.backlog)
        if len(port.backlog) < LONGEST_BACKLOG:
            port.backlog += data
        with suppress(OSError):  # full, or closed just now: reading will tell
            del port.backlog[: os.write(port.master, port.backlog)]
        if bool(port.backlog) != was_full:
            self._epoll.modify(port.master, _interest(port))
        if was_full:
            self._repeat(port)


def _interest(port: Port) -> int:
    """Return the epoll events. While nobody has the port open, only edges: it hangs up all the time."""
    return select.EPOLLIN | (select.EPOLLOUT if port.backlog else 0) | (0 if port.is_open else select.EPOLLET)


def _ports(number: int, module: SimulatedModule, directory: Path) -> Iterable[Port]:
    for index, suffix in enumerate(("", *ascii_lowercase[1:])[: module.ports]):
        yield Port(directory / f"modem{number:03}{suffix}", module, index)
