"""Connects the TCP ports of one census from the loop: a terminal server that is down holds no thread.

The name of each server is looked up once, in a thread. servers.py tells which of its ports to try.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from selectors import EVENT_WRITE, BaseSelector

from onlinesim_rent.finding import NotCounted
from onlinesim_rent.modem.background import Outcome
from onlinesim_rent.modem.line import Line, State
from onlinesim_rent.modem.ports.tcp import Address, NoAnswer, does_not_answer
from onlinesim_rent.modem.servers import Server
from onlinesim_rent.modem.system import Background, System
from onlinesim_rent.modem.timers import Timers

CONNECT_SECONDS = 2.8
"""How long the look-up of a server's name and the connection may take together."""

_NOT_LOOKED_UP = f"the terminal server's name was not found within {CONNECT_SECONDS} s: check this host's DNS"


@dataclass(eq=False, slots=True)
class _Attempt:
    """A port that is tried: until when, the address that is tried now, and those that are left."""

    server: Server
    until: float
    address: Address | None = None
    left: tuple[Address, ...] = ()


class Connections:
    """The connections of one census. Its methods run in the loop.

    ``opened`` is called with each port that is connected, ``failed`` with each port that is not, and the
    reason. ``resume`` is called with ports that were not admitted, to be asked for again.
    """

    def __init__(
        self,
        system: System,
        timers: Timers,
        selector: BaseSelector,
        background: Background,
        *,
        opened: Callable[[Line], None],
        failed: Callable[[Line, NotCounted], None],
        resume: Callable[[Iterable[Line]], None],
    ) -> None:
        self._system = system
        self._timers = timers
        self._selector = selector
        self._background = background
        self._opened = opened
        self._failed = failed
        self._resume = resume
        self._servers: dict[str, Server] = {}
        self._attempts: dict[Line, _Attempt] = {}

    def reason_to_leave(self, line: Line) -> NotCounted | None:
        """Return why a port must not be tried: its server is down, and the port has not answered before."""
        return None if line.modem else self._server(line).down

    def admits(self, line: Line) -> bool:
        """Whether to ``connect`` a port now. If not, ``resume`` is called with it later."""
        return self._server(line).admits(line)

    def connect(self, line: Line) -> None:
        """Begin to connect a port that is admitted. ``opened`` or ``failed`` is called, perhaps at once."""
        server = self._server(line)
        attempt = self._attempts[line] = _Attempt(server, self._system.clock() + CONNECT_SECONDS)
        if server.addresses:
            self._try_all(line, attempt)
            return
        line.state = State.OPENING
        self._timers.wake_at(line, attempt.until)
        server.looked_up_for.append(line)
        if len(server.looked_up_for) == 1:
            self._background.submit(partial(self._look_up, server, line.port.host))

    def go_on(self, line: Line) -> None:
        """Take the outcome of a connection: its descriptor can be written to."""
        attempt = self._attempts[line]
        self._selector.unregister(line.opened)
        try:
            line.opened.check()
        except NotCounted as reason:
            line.opened.close()
            self._try_next(line, attempt, reason)
        else:
            del self._attempts[line]
            if attempt.address:
                attempt.server.prefer(attempt.address)
            self._resume(attempt.server.answered())
            self._opened(line)

    def wake(self, line: Line) -> None:
        """Stop waiting for a look-up or a connection that takes too long."""
        attempt = self._attempts[line]
        if line.state is State.CONNECTING:
            self._close(line)
            self._try_next(line, attempt, does_not_answer())
        else:
            line.state = State.GIVEN_UP
            self._fail(line, attempt, NoAnswer(_NOT_LOOKED_UP))

    def give_up(self, line: Line) -> None:
        """The census ends: stop waiting for a port. Neither ``opened`` nor ``failed`` is called."""
        del self._attempts[line]
        if line.state is State.CONNECTING:
            self._close(line)
        else:
            line.state = State.GIVEN_UP

    def _server(self, line: Line) -> Server:
        return self._servers.setdefault(line.port.host, Server())

    def _try_all(self, line: Line, attempt: _Attempt) -> None:
        attempt.left = tuple(attempt.server.addresses)
        self._try_next(line, attempt, does_not_answer())

    def _try_next(self, line: Line, attempt: _Attempt, reason: NotCounted) -> None:
        """Try the next address; without one, fail for this reason."""
        while attempt.left:
            now = self._system.clock()
            patience = (attempt.until - now) / len(attempt.left)
            attempt.address, *left = attempt.left
            attempt.left = tuple(left)
            try:
                line.opened = self._system.connect(attempt.address, line.port)
            except NotCounted as refused:
                reason = refused
                continue
            line.state = State.CONNECTING
            self._selector.register(line.opened, EVENT_WRITE, line)
            self._timers.wake_at(line, now + patience)
            return
        line.state = State.CLOSED
        self._fail(line, attempt, reason)

    def _fail(self, line: Line, attempt: _Attempt, reason: NotCounted) -> None:
        del self._attempts[line]
        server = attempt.server
        self._resume(server.was_silent(reason) if isinstance(reason, NoAnswer) else server.answered())
        self._failed(line, reason)

    def _close(self, line: Line) -> None:
        self._selector.unregister(line.opened)
        line.opened.close()
        line.state = State.CLOSED

    # A thread looks up a name, and the loop handles the outcome. After the census, the thread does.

    def _look_up(self, server: Server, host: str) -> Outcome:
        try:
            return partial(self._looked_up, server, self._system.addresses(host), None)
        except NoAnswer as reason:
            return partial(self._looked_up, server, [], reason)

    def _looked_up(self, server: Server, addresses: list[Address], reason: NoAnswer | None) -> None:
        server.addresses = addresses
        lines, server.looked_up_for = server.looked_up_for, []
        for line in lines:
            if line.state is State.GIVEN_UP:
                line.state = State.CLOSED
            elif reason:
                line.state = State.CLOSED
                self._fail(line, self._attempts[line], reason)
            else:
                self._try_all(line, self._attempts[line])
