"""A host in virtual time: the operating system of probing.py, over the modules of a chaos bank.

The real loop runs here, with a heap of events instead of the kernel. Nothing really waits, so any moment can
be tested.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from selectors import EVENT_READ, BaseSelector, SelectorKey
from typing import TYPE_CHECKING, Any

from chaos_bank import ChaosBank, ChaosModule, Lost, Said, Stopped, port_name

from modem_simulator import HangUp
from onlinesim_rent.finding import NotCounted, Verdict
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.find import Port
from onlinesim_rent.modem.ports.signs_of_use import but_for, signs_of_use

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from chaos_bank import Word

    from modem_simulator import Event
    from onlinesim_rent.modem.background import Outcome, Task
    from onlinesim_rent.modem.ports.topology import Others

NEVER = float("inf")


class VirtualLine:
    """An open port. The bytes of its module arrive later, in pieces."""

    def __init__(self, host: VirtualHost, port: Port, module: ChaosModule, index: int, number: int) -> None:
        self._host = host
        self._number = number
        self.port = port
        self.module = module
        self.index = index
        self.unread = b""
        self.is_lost = False
        self.session = 0
        self.free_at = 0.0
        self.on_its_way = 0

    def fileno(self) -> int:
        return self._number

    def read(self, most: int) -> bytes:
        data, self.unread = self.unread[:most], self.unread[most:]
        if not self.unread and not self.is_lost:
            self._host.ready.discard(self._number)
            if not data:
                raise BlockingIOError
        self._host.note(self.port, "->", data)
        return data

    def write(self, data: bytes) -> int:
        if self.is_lost:
            raise OSError
        self._host.note(self.port, "<-", data)
        self._host.asked_at[self.port.name] = self._host.now
        self._host.schedule(self, self.module.module.feed(self.index, data, self._host.now))
        return len(data)

    def is_exclusive(self) -> bool:
        return False

    def close(self) -> None:
        self._host.closed(self)


class VirtualSelector(BaseSelector):
    """Returns the lines that have bytes to read, or lets time pass."""

    def __init__(self, host: VirtualHost) -> None:
        self._host = host
        self._keys: dict[int, SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> SelectorKey:
        key = SelectorKey(fileobj, fileobj.fileno(), events, data)
        self._keys[key.fd] = key
        return key

    def unregister(self, fileobj: Any) -> SelectorKey:
        return self._keys.pop(fileobj.fileno())

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        assert timeout is not None
        end = self._host.now + timeout
        self._host.catch_up()
        while not (ready := [number for number in self._host.readable() if number in self._keys]):
            if not self._host.let_happen_until(end):
                break
        return [(self._keys[number], EVENT_READ) for number in ready]

    def get_map(self) -> Mapping[Any, SelectorKey]:
        return self._keys


class VirtualBackground:
    """Does most tasks after a moment, some after seconds, and at the end the rest at once."""

    NUMBER = 0
    has_waiting = False

    def __init__(self, host: VirtualHost) -> None:
        self._host = host
        self._tasks: dict[int, Task] = {}
        self._order = count()
        self._outcomes: list[Outcome] = []
        self._is_closed = False

    def fileno(self) -> int:
        return self.NUMBER

    def submit(self, *tasks: Task) -> None:
        for task in tasks:
            if self._is_closed:
                task()()
                continue
            number = next(self._order)
            self._tasks[number] = task
            self._host.later(self._host.now + self._host.delay(task), lambda number=number: self._do(number))

    def _do(self, number: int) -> None:
        if task := self._tasks.pop(number, None):
            self._outcomes.append(task())
            self._host.ready.add(self.NUMBER)

    def outcomes(self) -> list[Outcome]:
        self._host.ready.discard(self.NUMBER)
        done, self._outcomes = self._outcomes, []
        return done

    def reinforce(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        self._is_closed = True
        self._host.ready.discard(self.NUMBER)
        for outcome in self._outcomes:
            outcome()
        while self._tasks:
            self._tasks.pop(next(iter(self._tasks)))()()


class VirtualHost:
    """The modules' ports, who holds them, and the time.

    ``asked_at`` is when each port got its last question. ``slow`` are the ports that were slow to open or
    close. ``was_stopped`` tells whether the service was stopped.
    """

    def __init__(self, bank: ChaosBank, transcript: list[str] | None = None) -> None:
        self.bank = bank
        self.now = 0.0
        self.asked_at: dict[str, float] = {}
        self.slow: set[str] = set()
        self.was_stopped = False
        self.ready: set[int] = set()
        self.module_of: dict[str, tuple[ChaosModule, int]] = {
            port_name(number, index): (module, index)
            for number, module in enumerate(bank.modules)
            for index in range(module.module.ports)
        }
        self.devices = {name: DeviceIdentity(number) for number, name in enumerate(self.module_of)}
        self.ports: list[Port] = []
        self.find()
        self.others = self._ports_of_modules()
        self._open: dict[int, VirtualLine] = {}
        self._lines_of: dict[int, list[VirtualLine]] = {id(module): [] for module in bank.modules}
        self._numbers = count(1)
        self._order = count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._transcript = transcript

    def find(self) -> None:
        """Find the ports again, as each census does."""
        self.ports = [
            Port(name, device=self.devices[name], node=module.node)
            for name, (module, index) in self.module_of.items()
            if index in module.named
        ]

    # What probing.py needs from the system

    def clock(self) -> float:
        return self.now

    def selector(self) -> VirtualSelector:
        return VirtualSelector(self)

    def background(self) -> VirtualBackground:
        return VirtualBackground(self)

    def capacity(self, wanted: int) -> int:
        return wanted

    def signs_of_use(
        self, ports: Sequence[Port], ours: Collection[int], opening: Collection[Port]
    ) -> dict[str, NotCounted]:
        held = {
            self.devices[line.port.name]: "process 2 (the census)"
            for number, line in self._open.items()
            if number not in ours
        }
        held |= {device: "process 1 (agent)" for name, device in self.devices.items() if self.is_held(name)}
        return signs_of_use(ports, but_for(self.others, {port.device for port in opening}), held, {})

    def is_there(self, port: Port) -> bool:
        module, _ = self.module_of[port.name]
        return not module.is_gone and module.node == port.node

    def open_port(self, port: Port) -> VirtualLine:
        module, index = self.module_of[port.name]
        if module.is_gone:
            raise NotCounted(Verdict.UNREACHABLE, "no such device: is it plugged in?")
        if module.node != port.node:
            raise NotCounted(Verdict.UNREACHABLE, "has just been plugged in again: the next census asks it")
        line = VirtualLine(self, port, module, index, next(self._numbers))
        self._open[line.fileno()] = line
        self._lines_of[id(module)].append(line)
        self.schedule(line, module.module.opened(index, self.now))
        return line

    # The kernel's part

    def _ports_of_modules(self) -> dict[DeviceIdentity, Others]:
        """What sysfs tells of other ports."""
        return {
            device: {
                other: name
                for name, other in self.devices.items()
                if other != device and self.module_of[name][0] is self.module_of[own][0]
            }
            for own, device in self.devices.items()
            if self.module_of[own][0].is_told
        }

    def is_held(self, name: str) -> bool:
        module, index = self.module_of[name]
        return index in module.held

    def delay(self, task: Task) -> float:
        """How long a driver takes to open or close a port."""
        rng = self.bank.rng
        if rng.random() >= 0.01:
            return rng.random() * 0.05
        [line] = task.args  # type: ignore[attr-defined]
        self.slow.add(line.port.name)
        return rng.random() * 4.0

    def later(self, at: float, action: Callable[[], None]) -> None:
        heappush(self._due, (at, next(self._order), action))

    def readable(self) -> list[int]:
        return list(self.ready)

    def catch_up(self) -> None:
        """Play the events that were due while the service was busy."""
        while min(self._due[0][0] if self._due else NEVER, self.bank.next_at) <= self.now:
            self.let_happen_until(self.now)

    def let_happen_until(self, end: float) -> bool:
        """Play the next event. If there is none before ``end``, move the time to ``end`` and return False."""
        at = min(self._due[0][0] if self._due else NEVER, self.bank.next_at)
        if at > end:
            # Like epoll, return a moment late: at exactly ``end``, rounding could make nothing due yet.
            self.now = max(self.now, end + self.bank.lag) + 1e-6
            return False
        self._happen(at)
        return True

    def _happen(self, at: float) -> None:
        self.now = max(self.now, at)
        if self.bank.next_at <= at:
            for word in self.bank.happen():
                self._hear(word)
        else:
            heappop(self._due)[2]()

    def _hear(self, word: Word) -> None:
        if isinstance(word, Stopped):
            self._sleep(self.now + word.seconds)
            return
        for line in list(self._lines_of[id(word.module)]):
            if isinstance(word, Said):
                self._send(line, word.data)
            elif isinstance(word, Lost):
                line.session += 1
                line.free_at = self.now
                if word.hangs_up:
                    self._lose(line)

    def _sleep(self, until: float) -> None:
        """Stop the service; the modules go on."""
        self.was_stopped = True
        while min(self._due[0][0] if self._due else NEVER, self.bank.next_at) < until:
            self._happen(min(self._due[0][0] if self._due else NEVER, self.bank.next_at))
        self.now = max(self.now, until)

    # The bytes on their way from the modules

    def schedule(self, line: VirtualLine, events: list[Event]) -> None:
        for event in events:
            self.later(event.at, lambda event=event, session=line.session: self._play(line, session, event))

    def _play(self, line: VirtualLine, session: int, event: Event) -> None:
        if line.session != session:
            return
        if isinstance(event, HangUp):
            self._lose(line)
            return
        self._send(line, event.data)
        if event.every:
            self.schedule(line, [event._replace(at=self.now + event.every)])

    def _send(self, line: VirtualLine, data: bytes) -> None:
        """Put bytes on the line, behind the bytes that are already on it."""
        at = max(self.now, line.free_at)
        for seconds, piece in line.module.line.cut(data, self.bank.rng):
            at += seconds
            if at <= self.now and not line.on_its_way:
                self._arrive(line, line.session, piece)
            else:
                line.on_its_way += 1
                self.later(
                    at, lambda piece=piece, session=line.session: self._arrive_late(line, session, piece)
                )
        line.free_at = at

    def _arrive_late(self, line: VirtualLine, session: int, piece: bytes) -> None:
        line.on_its_way -= 1
        self._arrive(line, session, piece)

    def _arrive(self, line: VirtualLine, session: int, piece: bytes) -> None:
        if line.session != session:
            return
        line.unread += piece
        self._show(line)

    def _show(self, line: VirtualLine) -> None:
        """Let the selector see the line, at once or after the lag of the reader."""
        if self.bank.lag:
            self.later(self.now + self.bank.lag, lambda: self._make_ready(line))
        else:
            self.ready.add(line.fileno())

    def _make_ready(self, line: VirtualLine) -> None:
        if line.fileno() in self._open and (line.unread or line.is_lost):
            self.ready.add(line.fileno())

    def _lose(self, line: VirtualLine) -> None:
        line.is_lost = True
        self._show(line)

    def closed(self, line: VirtualLine) -> None:
        line.session += 1
        line.module.module.closed(line.index, self.now)
        self._lines_of[id(line.module)].remove(line)
        del self._open[line.fileno()]
        self.ready.discard(line.fileno())

    def note(self, port: Port, arrow: str, data: bytes) -> None:
        if self._transcript is not None:
            self._transcript.append(f"{port.name:10} {self.now:12.4f} {arrow} {data!r}")
