"""Ports that delay a census in every way they can: the deadline holds, and the sound ports count."""

from __future__ import annotations

import os
import select
import time
from contextlib import ExitStack, contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
from lines import (
    BAUD_RATE,
    CENSUS_SECONDS,
    TELNET_OPTIONS,
    ask,
    black_hole,
    fill,
    flood,
    hang_up,
    join_port_threads,
    listen_only,
    module,
    module_over_telnet,
    pseudo_terminal,
    python,
    refuse,
    say,
    stuck,
    tcp_peer,
    trickle,
)
from servers import PATIENCE_SECONDS

from modem_simulator import SimulatedBank, SimulatedModule, imei, imsi, live_bank
from onlinesim_rent.finding import Verdict
from onlinesim_rent.modem import probe
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.modem.ports.open import open_port
from onlinesim_rent.modem.ports.tcp import TcpPort
from onlinesim_rent.modem.probe import Prober

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onlinesim_rent.modem.ports.open import OpenPort
    from onlinesim_rent.modem.ports.tcp import Address

STUCK = 64
OVERSHOOT_SECONDS = 0.2


pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


class StandIn:
    """An open port, of which a test replaces a part."""

    def __init__(self, line: OpenPort) -> None:
        self._line = line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)


def loopback(number: int, count: int = STUCK) -> list[str]:
    """One TCP port under many names: all of 127.0.0.0/8 is this host."""
    return [f"socket://127.0.0.{host}:{number}" for host in range(1, count + 1)]


@contextmanager
def pseudo_terminals(count: int = STUCK, *, full: bool = False) -> Iterator[list[str]]:
    with ExitStack() as stack:
        terminals = [stack.enter_context(pseudo_terminal()) for _ in range(count)]
        for terminal in terminals if full else ():
            fill(*terminal)
        yield [path for _, path in terminals]


# TCP


def test_note_8_a_terminal_server_is_judged_by_what_it_does():
    with ExitStack() as stack:
        peers = {
            f"socket://127.0.0.1:{stack.enter_context(tcp_peer(talk))}": wanted
            for talk, wanted in {
                module: (Verdict.AVAILABLE, "answered all checks"),
                hang_up: (Verdict.HUNG_UP, "the terminal server closed the connection"),
                say(b"Port already in use\r\n"): (Verdict.IN_USE, "another client of its terminal server"),
                say(TELNET_OPTIONS): (Verdict.NOT_AT, "speaks telnet"),
                listen_only: (Verdict.SILENT, "no answer to AT"),
                flood: (Verdict.NOT_AT, "never stops talking"),
            }.items()
        }
        peers["socket://127.0.0.1:1"] = (Verdict.UNREACHABLE, "connection refused")
        hole = f"socket://127.0.0.1:{stack.enter_context(black_hole())}"
        peers[hole] = (Verdict.UNREACHABLE, "the terminal server does not answer")
        findings = ask(*peers)
    # Long before the census must end: the black hole does not hold it up.
    assert max(finding.seconds for finding in findings.values()) < CENSUS_SECONDS / 2
    for name, (verdict, reason) in peers.items():
        assert (findings[name].verdict, findings[name].reason[: len(reason)]) == (verdict, reason)


@pytest.mark.parametrize("options", [b"", TELNET_OPTIONS], ids=["raw", "telnet"])
@pytest.mark.parametrize("words", [b"Port already in use\r\n", b"Port's device already in use\r\n"])
def test_note_29_a_port_that_ser2net_refuses_is_in_use(options: bytes, words: bytes):
    with tcp_peer(refuse(options + words)) as number:
        [finding] = ask(f"socket://127.0.0.1:{number}").values()
    assert finding.verdict is Verdict.IN_USE
    assert finding.reason == "another client of its terminal server uses it"


@pytest.mark.parametrize(
    "words", [b"", TELNET_OPTIONS, b"\r\nser2net port 3001 device /dev/ttyUSB0 [115200N81]\r\n"]
)
def test_other_words_before_a_hang_up_have_hung_up(words: bytes):
    with tcp_peer(refuse(words)) as number:
        [finding] = ask(f"socket://127.0.0.1:{number}").values()
    assert finding.verdict is Verdict.HUNG_UP


def test_note_29_a_module_behind_telnet_mode_is_available():
    with tcp_peer(module_over_telnet) as number:
        [finding] = ask(f"socket://127.0.0.1:{number}").values()
    assert finding.verdict is Verdict.AVAILABLE


def test_note_4_ports_above_descriptor_1024_are_asked():
    code = """
import json, os, resource, sys
from lines import ask
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
taken = [os.dup(0) for _ in range(1100)]
print(json.dumps([finding.verdict for finding in ask(*sys.argv[1:]).values()]))
"""
    with tcp_peer(module) as number, SimulatedBank(live_bank(2, 0.0)) as bank:
        shown, _ = python(code, f"socket://127.0.0.1:{number}", bank.ports)
    assert shown == ["available"] * 3


# Stuck in the kernel, in every way


@pytest.mark.timed
def test_note_3_256_slow_drivers_delay_no_module(monkeypatch: pytest.MonkeyPatch):
    def open_slowly(*port: Any) -> OpenPort:
        # Not long enough to be stuck. One after the other, they would take 3.8 s.
        time.sleep(0.015)
        return open_port(*port)

    monkeypatch.setattr(probe, "open_port", open_slowly)
    with SimulatedBank(live_bank(256, 0.05)) as bank:
        findings = ask(bank.ports, seconds=8.0).values()
    assert {finding.verdict for finding in findings} == {Verdict.AVAILABLE}
    assert max(finding.seconds for finding in findings) < 1.5


@pytest.mark.timed
@pytest.mark.parametrize(
    "way", ["open", "close", "connect", "full", "nobody reads", "flood", "trickle", "mixed"]
)
def test_notes_3_and_7_the_deadline_holds_for_hostile_ports(way: str, monkeypatch: pytest.MonkeyPatch):
    count = STUCK // 4 if way == "mixed" else STUCK
    opening: list[str] = []
    closing: list[str] = []
    full: list[str] = []
    remote: list[str] = []
    with ExitStack() as stack:
        stack.enter_context(stuck(monkeypatch, opening=opening, closing=closing))
        if way in {"open", "mixed"}:
            opening += stack.enter_context(pseudo_terminals(count))
        if way in {"close", "mixed"}:
            closing += stack.enter_context(pseudo_terminals(count))
        if way in {"full", "nobody reads", "mixed"}:
            full += stack.enter_context(pseudo_terminals(count, full=way != "nobody reads"))
        if way in {"connect", "mixed"}:
            remote += loopback(stack.enter_context(black_hole()), count)
        if way == "trickle":
            remote += loopback(stack.enter_context(tcp_peer(trickle)), count)
        sick = opening + closing + full + remote
        bank = stack.enter_context(SimulatedBank(live_bank(1, 0.0)))
        if way == "flood":
            floods = [SimulatedModule(imei(n), imsi("25099", n), fault="flood") for n in range(2, count + 2)]
            sick = [stack.enter_context(SimulatedBank(floods)).ports]
        # Floods end by their own excess, if the host lets them all talk.
        seconds = 3.0 if way == "flood" else 0.7
        began = time.monotonic()
        findings = ask(*sick, bank.ports, seconds=seconds)
        overshoot = time.monotonic() - began - seconds
    *others, sound = findings.values()
    assert overshoot < OVERSHOOT_SECONDS
    assert len(others) == STUCK
    assert sound.verdict is Verdict.AVAILABLE
    wanted = {Verdict.NOT_AT} if way == "flood" else {Verdict.OUT_OF_TIME}
    assert {finding.verdict for finding in others} == wanted


@pytest.mark.timed
def test_512_ports_that_never_stop_talking_hide_no_module():
    floods = [SimulatedModule(imei(n), imsi("25099", n), fault="talkative") for n in range(100, 612)]
    with SimulatedBank(live_bank(8, 0.05) + floods) as bank:
        began = time.monotonic()
        findings = ask(bank.ports)
        seconds = time.monotonic() - began
    counted = [finding for finding in findings.values() if finding.verdict is Verdict.AVAILABLE]
    assert (len(counted), len(findings)) == (8, 520)
    assert seconds < 5.0


@pytest.mark.parametrize("way", ["opening", "closing"])
def test_note_3_a_stuck_port_is_left_out_until_it_is_free(way: str, monkeypatch: pytest.MonkeyPatch):
    prober = Prober(BAUD_RATE)
    with SimulatedBank(live_bank(2, 0.0)) as bank:
        sick, sound = bank.port("modem000"), bank.port("modem001")
        with stuck(monkeypatch, **{way: [sick]}) as gate:
            first = ask(sick, sound, prober=prober)
            again = [ask(sick, sound, prober=prober) for _ in range(3)]
            gate.open()
            join_port_threads()
            last = ask(sick, sound, prober=prober)
    # A port that is stuck in close() has answered before.
    assert first[sick].verdict is (Verdict.UNREACHABLE if way == "opening" else Verdict.AVAILABLE)
    assert first[sound].verdict is Verdict.AVAILABLE
    for findings in again:
        assert "is stuck since an earlier census" in findings[sick].reason
        assert findings[sound].verdict is Verdict.AVAILABLE
        # It is left out at once: nobody waits for it.
        assert findings[sick].seconds < findings[sound].seconds
    assert [finding.reason for finding in last.values()] == ["answered all checks"] * 2


class SlowToClose(StandIn):
    """As at 9,600 baud with a driver such as pl2303."""

    def close(self) -> None:
        time.sleep(0.267)
        self._line.close()


@pytest.mark.timed
def test_note_3_slow_closes_are_over_for_the_next_census(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probe, "open_port", lambda *port: SlowToClose(open_port(*port)))
    first, other = Prober(BAUD_RATE), Prober(BAUD_RATE)
    with SimulatedBank(live_bank(16, 0.0)) as bank:
        reasons = {
            finding.reason
            for prober in (first, first, other)
            for finding in ask(bank.ports, prober=prober).values()
        }
    assert reasons == {"answered all checks"}


def test_note_8_a_pending_connection_ends_with_its_census(monkeypatch: pytest.MonkeyPatch):
    """Here a second passes when a connection is begun, and no time at all otherwise."""
    now = 0.0

    def connect(address: Address, number: int) -> TcpPort:
        nonlocal now
        connection = TcpPort(address, number)
        now += 1.0
        return connection

    monkeypatch.setattr(probe, "TcpPort", connect)
    prober = Prober(BAUD_RATE, clock=lambda: now)
    with black_hole() as number:
        ports = find_ports(loopback(number, 1))
        [first], [again] = (prober.probe(ports, now + 1.0) for _ in range(2))
    [last] = prober.probe(ports, now + 100.0)
    assert first.verdict is again.verdict is Verdict.OUT_OF_TIME
    assert last.reason.startswith("connection refused")


def test_note_3_a_port_queued_at_the_deadline_is_never_opened():
    with SimulatedBank(live_bank(8, 0.0)) as bank:
        findings = ask(bank.ports, seconds=0.0)
        join_port_threads()
        opens = bank.stats()["totals"]["opens"]
    assert {finding.verdict for finding in findings.values()} == {Verdict.OUT_OF_TIME}
    assert opens <= 2 * 4


class Refusing(StandIn):
    """Notes when it takes no more bytes."""

    def __init__(self, line: OpenPort, has_refused: Event) -> None:
        super().__init__(line)
        self._has_refused = has_refused

    def write(self, data: bytes) -> int:
        try:
            return self._line.write(data)
        except BlockingIOError:
            self._has_refused.set()
            raise


def test_note_7_a_port_that_is_slow_to_accept_has_not_hung_up(monkeypatch: pytest.MonkeyPatch):
    """Its module reads only once the port could not take the first command."""
    simulated = SimulatedModule(imei(1), imsi("25099", 1), latency=0)
    simulated.opened(0, 0.0)
    has_refused = Event()
    monkeypatch.setattr(probe, "open_port", lambda *port: Refusing(open_port(*port), has_refused))

    def come_to_life() -> None:
        assert has_refused.wait(PATIENCE_SECONDS)
        with suppress(OSError):
            while select.select([master], [], []):
                for event in simulated.feed(0, os.read(master, 65536).lstrip(b"x"), 0.0):
                    os.write(master, event.data)

    with pseudo_terminal() as (master, path):
        fill(master, path)
        module_thread = Thread(target=come_to_life)
        module_thread.start()
        finding = ask(path)[path]
        module_thread.join()
    assert has_refused.is_set()
    assert finding.verdict is Verdict.AVAILABLE


def test_note_4_a_process_with_stuck_ports_ends_at_once():
    code = """
import json, os, sys, time
from onlinesim_rent.modem import probe
from lines import ask
reading, writing = os.pipe()
probe.open_port = lambda *_: os.read(reading, 1)
ask(*sys.argv[1:], seconds=2.0)
print(json.dumps(time.monotonic()))
"""
    with pseudo_terminals() as sick:
        ended_at, _ = python(code, *sick)
    # A process that waits for its threads would never end.
    assert time.monotonic() - ended_at < PATIENCE_SECONDS / 2
