"""The loop of one census, over a host in virtual time: what a real line seldom does."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from selectors import EVENT_WRITE, SelectorKey
from types import CodeType, FrameType

import pytest
from chaos_bank import ChaosBank, ChaosModule, Line, random_bank
from virtual import VirtualBackground, VirtualHost, VirtualLine, VirtualSelector

from modem_simulator import SimulatedModule, imei, imsi
from onlinesim_rent import modem
from onlinesim_rent.finding import Finding, NotCounted, Verdict
from onlinesim_rent.modem.background import Outcome, Task
from onlinesim_rent.modem.ports.find import Port
from onlinesim_rent.modem.probing import CLOSE_SECONDS, Probing
from onlinesim_rent.modem.turns import OPEN_SECONDS


def one_sound_module() -> ChaosBank:
    """A module on one clean line, which answers after 52 ms."""
    bank = random_bank(10, most=1)
    assert [module.module.fault for module in bank.modules] == ["none"]
    return bank


def a_quick_and_a_slow_module() -> ChaosBank:
    """Two modules on clean lines, which answer after 11 ms and 199 ms."""
    bank = random_bank(5, most=2)
    assert [module.module.fault for module in bank.modules] == ["none", "none"]
    return bank


def census(host: VirtualHost) -> Finding:
    [finding] = Probing(host.ports, 8.0, host).run()
    return finding


def test_a_sound_module_is_available():
    assert census(VirtualHost(one_sound_module())).verdict is Verdict.AVAILABLE


class LineThatIsFull(VirtualLine):
    """Takes nothing at first. Like a serial line, it gives b"" when there is nothing to read."""

    is_full = True

    def write(self, data: bytes) -> int:
        if self.is_full:
            raise BlockingIOError
        return super().write(data)

    def read(self, most: int) -> bytes:
        try:
            return super().read(most)
        except BlockingIOError:
            return b""


class SelectorThatTellsOfRoom(VirtualSelector):
    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        for key in self.get_map().values():
            if key.events & EVENT_WRITE:
                key.fileobj.is_full = False
                return [(key, EVENT_WRITE)]
        return super().select(timeout)


class HostWithAFullLine(VirtualHost):
    def selector(self) -> VirtualSelector:
        return SelectorThatTellsOfRoom(self)

    def open_port(self, port: Port) -> VirtualLine:
        line = super().open_port(port)
        line.__class__ = LineThatIsFull
        return line


def test_a_line_that_has_room_again_is_written_and_not_read():
    assert census(HostWithAFullLine(one_sound_module())).verdict is Verdict.AVAILABLE


class HostThatIsStopped(VirtualHost):
    """Sleeps for five seconds while the last answer is on its way; the module begins a call meanwhile."""

    commands = 0

    def note(self, port: Port, arrow: str, data: bytes) -> None:
        self.commands += arrow == "<-"
        if arrow == "<-" and self.commands == 7:
            self.later(self.now + 0.01, self._stop)

    def _stop(self) -> None:
        [module] = self.bank.modules
        self.later(self.now + 1.0, lambda: module.change(self.now, fault="in_call"))
        self._sleep(self.now + 5.0)


def test_an_answer_from_before_a_stop_is_as_old_as_the_stop():
    finding = census(HostThatIsStopped(one_sound_module()))
    assert (finding.verdict, finding.reason) == (
        Verdict.OUT_OF_TIME,
        "was not closed in time to be asked again",
    )


class HostThatIsStoppedEarly(VirtualHost):
    """Sleeps for three seconds while the first module is asked for its SIM. The modules stay well."""

    def note(self, port: Port, arrow: str, data: bytes) -> None:
        if (port, data) == (self.ports[0], b"AT+CPIN?\r"):
            self.later(self.now + 0.001, lambda: self._sleep(self.now + 3.0))


def test_a_module_that_is_asked_again_after_a_stop_counts():
    host = HostThatIsStoppedEarly(a_quick_and_a_slow_module())
    assert Probing(host.ports, 8.0, host).run()[0].verdict is Verdict.AVAILABLE


class HostWithASlowDriver(VirtualHost):
    def delay(self, _: Task) -> float:
        return OPEN_SECONDS + 1.0


def test_a_port_given_up_while_it_is_queued_is_never_opened():
    host = HostWithASlowDriver(one_sound_module())
    assert census(host).reason == f"did not open within {OPEN_SECONDS} s"
    assert [module.module.counts[0].opens for module in host.bank.modules] == [0]


class HostThatClosesSlowly(VirtualHost):
    """As drivers do that wait for their buffer: 0.1 s at least (drivers/tty/tty_port.c, drain_delay)."""

    def delay(self, task: Task) -> float:
        return 0.15 if task.func.__name__ == "_close" else 0.0  # type: ignore[attr-defined]


def test_a_port_is_closed_before_its_module_is_asked_again():
    bank = one_sound_module()
    bank.modules[0].change(0.0, fault="slow_cpin")
    # It keeps the census from ending early.
    bank.modules.append(ChaosModule(SimulatedModule(imei(2), imsi("25099", 2), fault="overdue"), Line()))
    host = HostThatClosesSlowly(bank)
    slow, _ = Probing(host.ports, 4.7, host).run()
    assert slow.verdict is Verdict.AVAILABLE
    assert bank.modules[0].module.counts[0].opens == 2


class BackgroundWithASlowOpen(VirtualBackground):
    """The first port is open long before its driver says so, and after the census has given it up."""

    def _do(self, number: int) -> None:
        if (task := self._tasks.pop(number, None)) is None:
            return
        seconds = 0.0 if number else OPEN_SECONDS + 0.5
        outcome = task()
        self._host.later(self._host.now + seconds, partial(self._tell, outcome))

    def _tell(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._host.ready.add(self.NUMBER)


class HostWithFewDescriptors(VirtualHost):
    """May have one port open at a time. ``looks`` are the times at which it looked for signs of use."""

    def __init__(self, bank: ChaosBank) -> None:
        super().__init__(bank)
        self.looks: list[float] = []
        self.most_open = 0

    def background(self) -> BackgroundWithASlowOpen:
        return BackgroundWithASlowOpen(self)

    def capacity(self, _wanted: int) -> int:
        return 1

    def delay(self, _: Task) -> float:
        return 0.0

    def open_port(self, port: Port) -> VirtualLine:
        line = super().open_port(port)
        given_up = {number for number, other in self._open.items() if other.port == self.ports[0]}
        self.most_open = max(self.most_open, len(self._open.keys() - given_up))
        return line

    def signs_of_use(
        self, ports: Sequence[Port], ours: Collection[int], opening: Collection[Port]
    ) -> dict[str, NotCounted]:
        self.looks.append(self.now)
        return super().signs_of_use(ports, ours, opening)


def test_a_port_that_opens_too_late_frees_its_place_once():
    host = HostWithFewDescriptors(random_bank(5, most=3))
    first, *others = Probing(host.ports, 8.0, host).run()
    assert first.reason == f"did not open within {OPEN_SECONDS} s"
    assert {finding.verdict for finding in others} == {Verdict.AVAILABLE}
    assert host.most_open == 1


def test_waiting_ports_are_not_looked_at_at_every_turn():
    # The modules answer within 0.2 s each.
    host = HostWithFewDescriptors(random_bank(191, most=3))
    Probing(host.ports, 8.0, host).run()
    begin, first_turn, _end = host.looks
    assert (begin, first_turn) == (0.0, pytest.approx(OPEN_SECONDS, abs=0.01))


class LineThatTakesLongToRead(VirtualLine):
    def read(self, most: int) -> bytes:
        self._host.now += 0.5
        return super().read(most)


class HostThatIsSlow(VirtualHost):
    def open_port(self, port: Port) -> VirtualLine:
        line = super().open_port(port)
        line.__class__ = LineThatTakesLongToRead
        return line


def test_many_talking_ports_do_not_delay_the_deadline():
    host = HostThatIsSlow(random_bank(3))
    assert len(host.ports) > 30
    Probing(host.ports, 8.0, host).run()
    assert host.now < 8.0 + 0.5 + CLOSE_SECONDS + 0.5


MODEM = str(Path(modem.__file__).parent)


def called_with(call: Callable[[CodeType], None], host: VirtualHost) -> None:
    """Take a census, and tell of each function of the package that is called."""

    def trace(frame: FrameType, *_: object) -> None:
        if frame.f_code.co_filename.startswith(MODEM):
            call(frame.f_code)

    # The garbage of other tests may call functions of the package at any time.
    gc.disable()
    traced = sys.gettrace()
    sys.settrace(trace)
    try:
        census(host)
    finally:
        sys.settrace(traced)
        gc.enable()


def test_ctrl_c_at_any_step_is_no_other_error():
    steps: dict[CodeType, None] = {}
    # What a cache keeps of the first census, the later ones do not call again.
    census(VirtualHost(one_sound_module()))
    called_with(steps.setdefault, VirtualHost(one_sound_module()))

    for step in steps:

        def interrupt(code: CodeType, step: CodeType = step) -> None:
            if code is step:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            called_with(interrupt, VirtualHost(one_sound_module()))
    assert len(steps) > 50


class HostWithCtrlC(VirtualHost):
    def note(self, port: Port, arrow: str, data: bytes) -> None:
        if data == b"AT+CIMI\r":
            raise KeyboardInterrupt


def test_ctrl_c_leaves_no_port_open():
    host = HostWithCtrlC(one_sound_module())
    with pytest.raises(KeyboardInterrupt):
        census(host)
    assert [module.module.counts[0].opens for module in host.bank.modules] == [1]
    assert host._open == {}
