"""Gives each port its turn: opens and closes as many at once as the descriptors allow.

Threads open and close serial devices; connections.py connects TCP ports.

A port that another program uses is not opened: opening would disturb that program.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from onlinesim_rent.finding import NotCounted, Verdict
from onlinesim_rent.modem.background import Outcome
from onlinesim_rent.modem.connections import Connections
from onlinesim_rent.modem.line import Line, State, gone, hung_up
from onlinesim_rent.modem.proof import NEVER
from onlinesim_rent.modem.system import System
from onlinesim_rent.modem.timers import Timers

OPEN_SECONDS = 2.8
"""How long a port may take to open. With this limit, a stuck port takes no longer than a silent one."""

_SIGNS_SECONDS = 0.5
"""A port that has waited longer for its turn is looked at again: another program may use it by now."""


class Turns:
    """The turns of the ports ``lines`` in one census.

    ``begin`` is called with each port that has opened and was sent its first command. ``find`` is called with
    each port that does not open, and the reason. Both run in the loop, which serves ``background`` and
    ``selector``.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        system: System,
        timers: Timers,
        begin: Callable[[Line], None],
        find: Callable[[Line, NotCounted], None],
    ) -> None:
        self._lines = lines
        self._system = system
        self._timers = timers
        self._begin = begin
        self._find = find
        self._free = self._capacity = system.capacity(len(lines))
        self._waiting: deque[Line] = deque()
        self._closing: list[Line] = []
        self._signs_at = system.clock()
        self.background = system.background()
        self.selector = system.selector()
        self._connections = Connections(
            system,
            timers,
            self.selector,
            self.background,
            opened=self._connected,
            failed=self._failed,
            resume=self._resume,
        )

    @property
    def has_closed_all(self) -> bool:
        """Whether no port is open, opening or closing, except those that were given up."""
        return self._free == self._capacity

    def reasons_to_leave(self, lines: Sequence[Line]) -> Mapping[str, NotCounted]:
        """Return why ports, by name, must not be opened or counted: used by a program, or no longer there."""
        ports = [line.port for line in lines]
        ours = [line.opened.fileno() for line in self._lines if line.is_open]
        opening = [line.port for line in self._lines if line.may_be_open]
        self._signs_at = self._system.clock()
        signs = self._system.signs_of_use(ports, ours, opening)
        # The number of a device that is gone can be another device's by now, which a program may use.
        absent = {
            line.port.name: hung_up(line.port)
            for line in lines
            if line.modem and not self._system.is_there(line.port)
        }
        return {**signs, **absent}

    def wait(self, line: Line) -> None:
        """Let a port wait for its turn, until ``take``."""
        self._waiting.append(line)

    def take(self) -> None:
        """Begin to close the ports that are to close, and to open those that wait, as many as possible."""
        closing, self._closing = self._closing, []
        if closing:
            self.background.submit(*(partial(self._close, line) for line in closing))
        if self._free > 0 and self._waiting and self._system.clock() - self._signs_at > _SIGNS_SECONDS:
            self._leave_used()
        devices = []
        while self._free > 0 and self._waiting:
            line = self._waiting.popleft()
            if not line.port.is_remote:
                self._free -= 1
                devices.append(line)
            elif reason := self._connections.reason_to_leave(line):
                self._refuse(line, reason)
            elif self._connections.admits(line):
                self._free -= 1
                self._connections.connect(line)
        if devices:
            self._queue(devices)

    def go_on(self, line: Line) -> None:
        """Take the outcome of a connection."""
        self._connections.go_on(line)

    def wake(self, line: Line) -> None:
        """Stop waiting for a port that takes too long to open."""
        if line.port.is_remote:
            self._connections.wake(line)
        else:
            self.give_up(line, NotCounted(Verdict.UNREACHABLE, f"did not open within {OPEN_SECONDS} s"))

    def close(self, line: Line) -> None:
        """Let a port be closed by the next ``take``; another one may then open."""
        line.state = State.CLOSING
        line.wakes_at = NEVER
        if line.port.is_remote:
            # This never blocks.
            line.opened.close()
            self._closed(line)
        else:
            # Together with others: a thread that is woken for each port delays the loop.
            self._closing.append(line)

    def give_up(self, line: Line, reason: NotCounted) -> None:
        """Stop waiting for a port that is queued or opening; another one may then open."""
        if line.port.is_remote:
            self._connections.give_up(line)
        else:
            line.give_up()
        self._free += 1
        self._find(line, reason)

    def end(self) -> None:
        """Open no more ports."""
        self._waiting.clear()

    def abandon(self) -> None:
        """Open no more ports, and close all others, whatever was going on with each."""
        self.end()
        watched = [key.fileobj for key in self.selector.get_map().values() if key.data]
        for opened in watched:
            self.selector.unregister(opened)
        for line in self._lines:
            if line.state in {State.TALKING, State.CONNECTING}:
                self.close(line)
            elif line.state in {State.QUEUED, State.OPENING}:
                line.give_up()

    def _queue(self, lines: Sequence[Line]) -> None:
        give_up_at = self._system.clock() + OPEN_SECONDS
        for line in lines:
            line.state = State.QUEUED
            self._timers.wake_at(line, give_up_at)
        self.background.submit(*(partial(self._open, line) for line in lines))

    def _resume(self, lines: Iterable[Line]) -> None:
        self._waiting.extend(lines)

    def _connected(self, line: Line) -> None:
        line.begin(line.opened, self._system.clock())
        self._begin(line)

    def _failed(self, line: Line, reason: NotCounted) -> None:
        line.wakes_at = NEVER
        self._free += 1
        self._refuse(line, reason)

    def _refuse(self, line: Line, reason: NotCounted) -> None:
        self._find(line, gone(reason) if line.modem else reason)

    def _leave_used(self) -> None:
        """Leave out the waiting ports that another program uses by now."""
        waiting = list(self._waiting)
        reasons = self.reasons_to_leave(waiting)
        self._waiting = deque(line for line in waiting if line.port.name not in reasons)
        for line in waiting:
            if reason := reasons.get(line.port.name):
                self._find(line, reason)

    # A thread opens or closes the port, and the loop handles the outcome. After the census, the thread does.

    def _open(self, line: Line) -> Outcome:
        if not line.move(State.QUEUED, State.OPENING):
            return _do_nothing
        try:
            opened = self._system.open_port(line.port)
        except NotCounted as reason:
            return partial(self._not_opened, line, reason)
        # The loop may come to this port only after many others. The module can answer meanwhile.
        line.begin(opened, self._system.clock())
        return partial(self._opened, line)

    def _opened(self, line: Line) -> None:
        if line.state is State.OPENING:
            self._begin(line)
        else:
            # Too late: the census no longer waits for this port, or has ended.
            self._free -= 1
            line.state = State.CLOSING
            self.background.submit(partial(self._close, line))

    def _not_opened(self, line: Line, reason: NotCounted) -> None:
        is_waited_for = line.state is State.OPENING
        line.state = State.CLOSED
        line.wakes_at = NEVER
        if is_waited_for:
            self._free += 1
            self._refuse(line, reason)

    def _close(self, line: Line) -> Outcome:
        line.opened.close()
        return partial(self._closed, line)

    def _closed(self, line: Line) -> None:
        line.state = State.CLOSED
        self._free += 1


def _do_nothing() -> None:
    """The outcome for a port that was given up before a thread opened it."""
