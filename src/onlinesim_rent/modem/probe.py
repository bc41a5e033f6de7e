"""Asks all ports at once: one epoll loop that shovels bytes between ports and conversations.

What a module says is judged in conversation.py; what may block in the kernel is done in background.py.
"""

from __future__ import annotations

import errno
import heapq
import logging
import os
import resource
import select
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from functools import partial
from itertools import count

from onlinesim_rent.census import Finding, Modem, NotCounted, Verdict
from onlinesim_rent.errors import CensusError
from onlinesim_rent.modem.background import STUCK_SECONDS, Background
from onlinesim_rent.modem.conversation import Conversation
from onlinesim_rent.modem.holders import is_exclusive, processes_holding
from onlinesim_rent.modem.lock_files import live_lock_files, lock_file_names, udev_links
from onlinesim_rent.modem.port import DESCRIPTORS_PER_PORT, OpenPort, Port, open_port

OPEN_SECONDS = 2.8
"""How long a port may take to open; with it, a stuck one costs a census no more than a silent one."""

CLOSE_SECONDS = 0.1
"""How long a census waits at its end for ports to close, so that the next one finds them free."""

SPARE_DESCRIPTORS = 64
_CHUNK = 4096

_log = logging.getLogger(__name__)


class Prober:
    """Probes ports, and remembers which of them the kernel has not given back since.

    ``clock`` is the one that deadlines are on, in seconds.
    """

    def __init__(self, baud_rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._baud_rate = baud_rate
        self._clock = clock
        self._stuck: set[str] = set()

    def probe(self, ports: Sequence[Port], deadline: float) -> list[Finding]:
        """A finding for every port, in their order, by the deadline.

        Raises CensusError where this process has no descriptors left to open even one port.
        """
        return _Probing(ports, deadline, self._baud_rate, self._clock, self._stuck).run()


class _Line:
    """A port that is open, its conversation, and what the port did not take yet."""

    def __init__(self, port: Port, opened: OpenPort, now: float) -> None:
        self.port = port
        self.opened = opened
        self.descriptor = opened.fileno()
        self.conversation = Conversation(now)
        self.unsent = b""
        self.waits_to_write = False
        self.timer = float("inf")


class _Probing:
    def __init__(
        self,
        ports: Sequence[Port],
        deadline: float,
        baud_rate: int,
        clock: Callable[[], float],
        stuck: set[str],
    ) -> None:
        self._ports = ports
        self._deadline = deadline
        self._baud_rate = baud_rate
        self._clock = clock
        self._stuck = stuck
        self._began = clock()
        self._lock_file_names = {port.name: _lock_file_names(port) for port in ports}
        self._capacity = _capacity(len(ports))
        self._waiting: deque[Port] = deque()
        self._opening: dict[str, Port] = {}
        self._lines: dict[int, _Line] = {}
        self._closing: dict[str, int] = {}
        self._findings: dict[str, Finding] = {}
        self._timers: list[tuple[float, int, Port | _Line]] = []
        self._sequence = count()
        self._background = Background()
        self._epoll = select.epoll()

    def run(self) -> list[Finding]:
        with self._epoll, closing(self._background):
            self._epoll.register(self._background.fileno(), select.EPOLLIN)
            try:
                self._sort_out()
                self._serve_until(self._deadline, lambda: len(self._findings) == len(self._ports))
            finally:
                self._give_up_the_rest()
                self._serve_until(self._clock() + CLOSE_SECONDS, lambda: not self._closing)
        self._check_still_free()
        return [self._findings[port.name] for port in self._ports]

    def _sort_out(self) -> None:
        """Leave alone what somebody holds: looking comes before opening, which would harm the holder."""
        in_use = self._in_use(self._ports)
        for port in self._ports:
            if port.name in self._stuck:
                self._find(port, _stuck(port))
            elif port.name in in_use:
                self._find(port, in_use[port.name])
            else:
                self._waiting.append(port)
        self._open_more()

    def _serve_until(self, end: float, is_done: Callable[[], bool]) -> None:
        while not is_done() and (now := self._clock()) < end:
            wake_at = min(end, self._timers[0][0] if self._timers else end)
            if self._background.has_waiting:
                wake_at = min(wake_at, now + STUCK_SECONDS)
            # epoll counts in milliseconds and would otherwise wake up just before the time.
            for descriptor, events in self._epoll.poll(max(0.0, wake_at - now) + 0.001):
                self._serve(descriptor, events)
            self._wake_due()

    def _serve(self, descriptor: int, events: int) -> None:
        if descriptor == self._background.fileno():
            for outcome in self._background.outcomes():
                outcome()
        elif line := self._lines.get(descriptor):
            # A serial line that has nothing to read gives what one that hung up gives: b"".
            if events != select.EPOLLOUT:
                self._read(line)
            self._go_on(line)

    def _wake_due(self) -> None:
        if self._background.has_waiting:
            self._background.reinforce()
        now = self._clock()
        while self._timers and self._timers[0][0] <= now:
            _, _, waiting = heapq.heappop(self._timers)
            if isinstance(waiting, Port):
                self._stop_waiting_for(waiting)
            elif not waiting.conversation.is_over:
                waiting.timer = float("inf")
                waiting.conversation.wake(now)
                self._go_on(waiting)

    def _open_more(self) -> None:
        free = self._capacity - len(self._opening) - len(self._lines) - len(self._closing)
        ports = [self._waiting.popleft() for _ in range(min(free, len(self._waiting)))]
        for port in ports:
            self._opening[port.name] = port
            self._set_timer(self._clock() + OPEN_SECONDS, port)
        self._background.submit(*(partial(self._open, port) for port in ports))

    def _open(self, port: Port) -> Callable[[], None]:
        """Done in a thread; so is the outcome, once the census is over."""
        if port.name not in self._opening:
            # Given up before a thread came to it.
            return partial(self._stuck.discard, port.name)
        self._stuck.add(port.name)
        try:
            opened = open_port(port, self._baud_rate)
        except NotCounted as reason:
            return partial(self._not_opened, port, reason)
        return partial(self._opened, port, opened)

    def _not_opened(self, port: Port, reason: NotCounted) -> None:
        self._stuck.discard(port.name)
        if self._opening.pop(port.name, None):
            self._find(port, reason)
            self._open_more()

    def _opened(self, port: Port, opened: OpenPort) -> None:
        if self._opening.pop(port.name, None) is None:
            # Too late: the census has gone on without it.
            self._hand_back(port, opened)
            return
        self._stuck.discard(port.name)
        line = _Line(port, opened, self._clock())
        self._lines[line.descriptor] = line
        self._epoll.register(line.descriptor, select.EPOLLIN)
        self._go_on(line)

    def _stop_waiting_for(self, port: Port) -> None:
        if self._opening.pop(port.name, None):
            self._find(port, NotCounted(Verdict.UNREACHABLE, f"did not open within {OPEN_SECONDS} s"))
            self._open_more()

    def _read(self, line: _Line) -> None:
        try:
            data = os.read(line.descriptor, _CHUNK)
        except BlockingIOError:
            data = None
        except OSError:
            data = b""
        if data:
            line.conversation.feed(data, self._clock())
        elif data is not None:
            line.conversation.end(NotCounted(Verdict.HUNG_UP, _hung_up(line.port)))

    def _go_on(self, line: _Line) -> None:
        """Write what is to be written, and end or wait as the conversation says."""
        conversation = line.conversation
        line.unsent += conversation.bytes_to_write()
        if line.unsent and not conversation.is_over:
            self._write(line)
        if conversation.outcome is not None:
            self._find(line.port, _unless_taken(line, conversation.outcome))
            self._epoll.unregister(line.descriptor)
            del self._lines[line.descriptor]
            self._hand_back(line.port, line.opened)
        elif conversation.wakes_at < line.timer:
            line.timer = conversation.wakes_at
            self._set_timer(line.timer, line)

    def _write(self, line: _Line) -> None:
        try:
            line.unsent = line.unsent[os.write(line.descriptor, line.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            line.conversation.end(NotCounted(Verdict.HUNG_UP, _hung_up(line.port)))
        if line.waits_to_write != bool(line.unsent):
            line.waits_to_write = bool(line.unsent)
            self._epoll.modify(line.descriptor, select.EPOLLIN | (select.EPOLLOUT if line.unsent else 0))

    def _hand_back(self, port: Port, opened: OpenPort) -> None:
        self._stuck.add(port.name)
        self._closing[port.name] = opened.fileno()
        self._background.submit(partial(self._close, port, opened))

    def _give_up_the_rest(self) -> None:
        reason = NotCounted(
            Verdict.OUT_OF_TIME, "had not answered everything when the time for the census was up"
        )
        for line in list(self._lines.values()):
            line.conversation.end(reason)
            self._go_on(line)
        for port in [*self._opening.values(), *self._waiting]:
            self._find(port, reason)
        self._opening.clear()
        self._waiting.clear()

    def _check_still_free(self) -> None:
        """Whoever has opened a counted port meanwhile is using it now."""
        counted = [port for port in self._ports if self._findings[port.name].verdict is Verdict.AVAILABLE]
        in_use = self._in_use(counted, ours=list(self._closing.values()))
        for port in counted:
            if sign := in_use.get(port.name):
                modem = self._findings[port.name].modem
                self._find(port, NotCounted(sign.verdict, sign.reason, modem))

    def _in_use(self, ports: Sequence[Port], ours: Collection[int] = ()) -> dict[str, NotCounted]:
        """The signs that somebody else uses a port, by its name. ``ours`` are this census' descriptors."""
        held = processes_holding((port.device for port in ports if port.device), ours)
        locked = live_lock_files({port.name: self._lock_file_names[port.name] for port in ports})
        signs: dict[str, NotCounted] = {}
        for port in ports:
            if port.device in held:
                signs[port.name] = NotCounted(Verdict.IN_USE, f"held open by {held[port.device]}")
            elif port.name in locked:
                signs[port.name] = NotCounted(
                    Verdict.IN_USE, f"locked by another program ({locked[port.name]})"
                )
        return signs

    def _close(self, port: Port, opened: OpenPort) -> Callable[[], None]:
        """Done in a thread."""
        opened.close()
        return partial(self._closed, port)

    def _closed(self, port: Port) -> None:
        self._stuck.discard(port.name)
        self._closing.pop(port.name, None)
        self._open_more()

    def _find(self, port: Port, outcome: Modem | NotCounted) -> None:
        seconds = round(self._clock() - self._began, 3)
        if isinstance(outcome, Modem):
            finding = Finding(port.name, Verdict.AVAILABLE, "has just proved it", seconds, outcome)
        else:
            finding = Finding(port.name, outcome.verdict, outcome.reason, seconds, outcome.modem)
        self._findings[port.name] = finding

    def _set_timer(self, at: float, waiting: Port | _Line) -> None:
        heapq.heappush(self._timers, (at, next(self._sequence), waiting))


def _capacity(port_count: int) -> int:
    """How many ports may be open at once; the others wait for their turn."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        taken = len(os.listdir("/proc/self/fd"))
    except OSError as error:
        if error.errno not in {errno.EMFILE, errno.ENFILE}:
            raise CensusError(f"/proc cannot be read: {error.strerror}") from error
        # Not even one for the listing.
        taken = hard
    capacity = (hard - taken - SPARE_DESCRIPTORS) // DESCRIPTORS_PER_PORT
    if port_count and capacity < 1:
        raise CensusError(f"no descriptors are left to open ports with: raise LimitNOFILE above {hard}")
    if capacity < port_count:
        _log.warning(
            "%d ports are asked %d at a time: LimitNOFILE (%d) is too low", port_count, capacity, hard
        )
    return capacity


def _unless_taken(line: _Line, outcome: Modem | NotCounted) -> Modem | NotCounted:
    """What was found, unless somebody has made the line his own meanwhile, which another user may hide."""
    if isinstance(outcome, Modem) and is_exclusive(line.descriptor):
        return NotCounted(Verdict.IN_USE, "another program has just opened it (TIOCEXCL)", outcome)
    return outcome


def _lock_file_names(port: Port) -> list[str]:
    return lock_file_names([*port.aliases, *udev_links(port.device)], port.device)


def _stuck(port: Port) -> NotCounted:
    if port.is_remote:
        reason = "an earlier census still waits for its terminal server to answer"
    else:
        reason = "its driver has not given it back since an earlier census: plug it in anew"
    return NotCounted(Verdict.UNREACHABLE, reason)


def _hung_up(port: Port) -> str:
    if port.is_remote:
        return "the terminal server closed the connection: the port is in use or its device is gone"
    return "hung up while it was asked: the device is gone or has restarted"
