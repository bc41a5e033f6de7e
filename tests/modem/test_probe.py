"""Censuses over real pseudo-terminals: which modules count, which ports are not opened, and what leaks."""

from __future__ import annotations

import fcntl
import os
import select
import termios
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lines import (
    BAUD_RATE,
    IS_ROOT,
    LOCKS,
    ORDINARY_USER,
    PROBE,
    ask,
    descriptors,
    hang_up,
    holder,
    join_port_threads,
    lock_file,
    once_found,
    opened,
    port_threads,
    pseudo_terminal,
    python,
    stuck,
    tcp_peer,
    unread,
)
from servers import PATIENCE_SECONDS, until

from modem_simulator import SimulatedBank, SimulatedModule, every_fault_bank, imei, imsi, live_bank
from onlinesim_rent.census.counting import Census
from onlinesim_rent.finding import Verdict
from onlinesim_rent.modem import probe
from onlinesim_rent.modem.ports import signs_of_use
from onlinesim_rent.modem.ports.names import udev_links
from onlinesim_rent.modem.ports.open import open_port
from onlinesim_rent.modem.probe import Prober
from onlinesim_rent.networks.home_network import Names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from onlinesim_rent.modem.ports.find import Port
    from onlinesim_rent.modem.ports.open import OpenPort


pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


@pytest.fixture(scope="module")
def bank() -> Iterator[SimulatedBank]:
    """Five sound modules and one with each fault."""
    modules, _ = every_fault_bank()
    with SimulatedBank(modules) as bank:
        yield bank


def broken(*faults: str, latency: float = 0.0) -> list[SimulatedModule]:
    return [
        SimulatedModule(imei(number), imsi("25099", number), fault=fault, latency=latency)
        for number, fault in enumerate(faults, start=1)
    ]


def prober_with(count: int, happen: Callable[[], object]) -> Prober:
    """A prober in whose census something happens at the moment when so many ports have a finding."""
    return Prober(BAUD_RATE, progress=once_found(count, happen))


def verdicts(findings) -> Counter[Verdict]:
    return Counter(finding.verdict for finding in findings.values())


# Who is counted


def test_all_faults_get_a_verdict_and_no_setting_changes(
    bank: SimulatedBank, monkeypatch: pytest.MonkeyPatch
):
    times_asked: Counter[str] = Counter()

    def open_and_count(port: Port, baud_rate: int) -> OpenPort:
        times_asked[os.path.basename(port.name)] += 1
        return open_port(port, baud_rate)

    monkeypatch.setattr(probe, "open_port", open_and_count)
    _, numbers = every_fault_bank()
    bank.reset()
    findings = ask(bank.ports)
    assert len(findings) == bank.modules
    census = Census.of(findings.values(), Names.load(), 8.0)
    assert census.available == numbers
    counts = bank.stats()
    assert counts["totals"]["settings"] == []
    assert not any("before the census ended" in finding.reason for finding in findings.values())
    # Each time that a port is asked, it is opened twice: to look at it, and to talk.
    assert times_asked.keys() == counts["ports"].keys()
    assert all(count["opens"] <= 2 * times_asked[port] for port, count in counts["ports"].items())


@pytest.mark.timed
def test_silent_modules_take_under_3_s_and_little_cpu():
    """Note 22: a module that answers everything slowly still counts beside them."""
    slow = SimulatedModule(imei(1), imsi("25099", 1), fault="slow_cpin", latency=0.3)
    with SimulatedBank([slow, *broken(*["silent"] * 64)]) as bank:
        worked = time.process_time()
        counted, *silent = ask(bank.ports).values()
        worked = time.process_time() - worked
    assert counted.verdict is Verdict.AVAILABLE
    assert {finding.verdict for finding in silent} == {Verdict.SILENT}
    assert max(finding.seconds for finding in silent) < 3.0
    assert worked < 0.25


@pytest.mark.timed
def test_note_5_512_ports_are_asked_in_one_census():
    with SimulatedBank(live_bank(512, 0.005)) as bank:
        began = time.monotonic()
        assert verdicts(ask(bank.ports)) == {Verdict.AVAILABLE: 512}
        assert time.monotonic() - began < 4.0


def test_note_10_a_device_with_several_names_is_opened_once(tmp_path: Path):
    with SimulatedBank(live_bank(1, 0.0)) as bank:
        for name in ("by-id", "by-path"):
            (tmp_path / name).symlink_to(bank.port("modem000"))
        findings = ask(f"{tmp_path}/*", bank.ports, f"{tmp_path}/by-id")
        assert list(findings) == [f"{tmp_path}/by-id"]
        assert bank.stats()["totals"]["dialogues"] == 1


def test_findings_come_in_the_order_of_their_ports(bank: SimulatedBank, tmp_path: Path):
    paths = [bank.port("modem004"), str(tmp_path / "missing"), "/dev/null", bank.port("modem001")]
    assert list(ask(*paths)) == paths


# Who is left alone


def say_unread(master: int, line: int, data: bytes) -> None:
    """Write to a terminal's other end, and wait until the kernel has brought it here."""
    os.write(master, data)
    until(lambda: unread(line) == len(data))


@pytest.mark.parametrize("lock", LOCKS)
def test_notes_1_and_2_a_held_port_is_in_use_and_left_alone(lock: str):
    with pseudo_terminal() as (master, path), opened(path) as line:
        attributes = termios.tcgetattr(line)
        attributes[0] |= termios.ICRNL
        attributes[4] = attributes[5] = termios.B9600
        termios.tcsetattr(line, termios.TCSANOW, attributes)
        before = termios.tcgetattr(line)
        say_unread(master, line, b"+CMTI: 1\r")
        with holder(path, lock):
            code = "import os, sys; os.close(int(sys.argv.pop(1)))" + PROBE
            shown, _ = python(code, "0", path)
        assert shown[path][0] == Verdict.IN_USE
        assert "held open by process" in shown[path][1]
        assert termios.tcgetattr(line) == before
        assert unread(line) == len(b"+CMTI: 1\r")


@pytest.mark.needs("root")
@pytest.mark.parametrize(("lock", "shown"), [("flock", "(flock)"), ("TIOCEXCL", "(TIOCEXCL)")])
def test_notes_1_and_2_an_ordinary_user_sees_the_locks_of_others(lock: str, shown: str):
    with pseudo_terminal() as (master, path), opened(path) as line:
        os.chown(path, ORDINARY_USER, -1)
        before = termios.tcgetattr(line)
        say_unread(master, line, b"+CMTI: 1\n")
        with holder(path, lock):
            answer, _ = python(PROBE, path, ordinary=True)
        assert answer[path][0] == Verdict.IN_USE
        assert shown in answer[path][1]
        assert termios.tcgetattr(line) == before
        assert unread(line) == len(b"+CMTI: 1\n")


def test_note_1_a_user_sees_what_its_own_processes_hold():
    with pseudo_terminal() as (_, path):
        if IS_ROOT:
            os.chown(path, ORDINARY_USER, -1)
        with holder(path, "nothing", ordinary=True) as pid:
            shown, _ = python(PROBE, path, ordinary=True)
    assert shown[path][0] == Verdict.IN_USE
    assert f"held open by process {pid} " in shown[path][1]


@pytest.mark.needs("/run/lock")
@pytest.mark.parametrize(
    "name", ["LCK..pts_{0}", "LCK..{0}", "LOCK..{0}", "LK.000.136.{0:03}", "lockdev/LCK..pts_{0}"]
)
def test_note_1_a_port_with_a_live_lock_file_is_not_even_opened(name: str):
    with SimulatedBank(live_bank(1, 0.0)) as bank:
        name = name.format(int(Path(bank.port("modem000")).resolve().name))
        with lock_file(name):
            [finding] = ask(bank.ports).values()
            assert bank.stats()["totals"]["opens"] == 0
        assert (finding.verdict, name in finding.reason) == (Verdict.IN_USE, True)
        assert verdicts(ask(bank.ports)) == {Verdict.AVAILABLE: 1}


@pytest.mark.needs("/run/lock")
def test_a_lock_named_after_a_symlink_of_udev_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(signs_of_use, "udev_links", partial(udev_links, udev_data=tmp_path))
    with SimulatedBank(live_bank(1, 0.0)) as bank:
        number = os.stat(bank.port("modem000")).st_rdev
        record = tmp_path / f"c{os.major(number)}:{os.minor(number)}"
        record.write_text(f"S:serial/by-id/rented-{os.getpid()}\n")
        with lock_file(f"LCK..rented-{os.getpid()}"):
            [finding] = ask(bank.ports).values()
    assert (finding.verdict, "LCK..rented-" in finding.reason) == (Verdict.IN_USE, True)


@pytest.mark.needs("root")
def test_note_1_a_user_sees_tiocexcl_set_during_the_census():
    with SimulatedBank(live_bank(1, 0.2)) as bank, ThreadPoolExecutor(1) as census:
        path = os.path.realpath(bank.port("modem000"))
        os.chown(path, ORDINARY_USER, -1)
        with opened(path) as line:
            probing = census.submit(python, PROBE, path, ordinary=True)
            while bank.stats()["totals"]["commands"] < 2:
                pass
            fcntl.ioctl(line, termios.TIOCEXCL)
            answer, _ = probing.result()
    assert answer[path] == [Verdict.IN_USE, "another program has just opened it (TIOCEXCL)"]


@pytest.mark.needs("/run/lock")
def test_note_1_a_port_taken_during_the_census_is_in_use():
    with SimulatedBank(broken("none", "none", "silent")) as bank, ExitStack() as stack:
        lock_name = f"LCK..pts_{Path(bank.port('modem001')).resolve().name}"

        def use_both() -> None:
            stack.enter_context(lock_file(lock_name))
            stack.enter_context(holder(bank.port("modem000"), "nothing"))

        held, locked, _ = ask(bank.ports, prober=prober_with(2, use_both)).values()
    assert (held.verdict, locked.verdict) == (Verdict.IN_USE, Verdict.IN_USE)
    assert "held open by process" in held.reason
    assert "LCK..pts_" in locked.reason


def test_a_rental_that_begins_on_one_port_takes_the_module():
    """The port that is held has answered before, so it is known whose it is."""
    modules = [SimulatedModule(imei(1), imsi("25099", 1), ports=2), *broken("slow_cpin")]
    with SimulatedBank(modules) as bank, ExitStack() as stack:
        path = bank.port("modem000")
        prober = prober_with(2, lambda: stack.enter_context(holder(path, "nothing")))
        findings = list(ask(path, bank.port("modem000b"), bank.port("modem001"), prober=prober).values())
    counted = Census.of(findings, Names.load(), 1.0)
    assert [report.verdict for report in counted.ports[:2]] == [Verdict.IN_USE, Verdict.IN_USE]


def test_a_rental_that_begins_in_this_process_is_seen():
    """The rental software may run in the same process."""
    with SimulatedBank(broken("none", "silent")) as bank, ExitStack() as stack:
        path = bank.port("modem000")
        finding = ask(bank.ports, prober=prober_with(1, lambda: stack.enter_context(opened(path))))[path]
    assert (finding.verdict, finding.reason.split(" (")[0]) == (
        Verdict.IN_USE,
        f"held open by process {os.getpid()}",
    )


def test_a_port_that_is_slow_to_close_still_counts(monkeypatch: pytest.MonkeyPatch):
    """The census's own descriptor is not a sign of use."""
    with SimulatedBank(live_bank(1, 0.0)) as bank:
        path = bank.port("modem000")
        with stuck(monkeypatch, closing=[path]):
            assert ask(path)[path].verdict is Verdict.AVAILABLE


# A long census


def test_a_module_that_changed_after_its_proof_is_not_counted():
    """One slow port prolongs the census. Meanwhile one module begins a call, and one is unplugged.

    At the end, the proofs of the quick modules are too old, so they are asked again.
    """
    slow_module = SimulatedModule(imei(3), imsi("25099", 3), latency=0.55)
    with (
        SimulatedBank([*broken("none", "none"), slow_module]) as bank,
        SimulatedBank([SimulatedModule(imei(9), imsi("25099", 9))]) as unplugged,
    ):

        def change() -> None:
            bank.change("modem001", fault="in_call")
            unplugged.close()

        findings = ask(bank.ports, unplugged.ports, prober=prober_with(3, change))
        well, called, slow, gone = findings.values()
    assert (well.verdict, well.seconds > slow.seconds) == (Verdict.AVAILABLE, True)
    assert called.verdict is Verdict.IN_USE
    assert slow.verdict is Verdict.AVAILABLE
    assert gone.verdict is Verdict.HUNG_UP


def test_a_module_that_is_unplugged_after_its_proof_has_hung_up():
    """The census is short, so it asks no module again. At its end, it checks that each device is there."""
    with (
        SimulatedBank(broken("none", latency=0.2)) as bank,
        SimulatedBank([SimulatedModule(imei(9), imsi("25099", 9))]) as unplugged,
    ):
        # When the slow module proves itself, the quick one has done so long ago, and its port is closed.
        findings = ask(bank.ports, unplugged.ports, prober=prober_with(2, unplugged.close))
        well, gone = findings.values()
    assert (well.verdict, gone.verdict) == (Verdict.AVAILABLE, Verdict.HUNG_UP)


# Descriptors

ROUNDS = """
import json, os, resource, sys, time
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.modem.probe import SPARE_DESCRIPTORS, Prober
wanted = int(sys.argv[1])
limit = len(os.listdir("/proc/self/fd")) + SPARE_DESCRIPTORS + wanted
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
"""


def test_with_few_descriptors_ports_are_asked_in_rounds():
    with SimulatedBank(live_bank(60, 0.0)) as bank:
        verdicts_of, said = python(ROUNDS + PROBE, "50", bank.ports)
    assert len(verdicts_of) == 61
    assert Counter(verdict for verdict, _ in verdicts_of.values())["available"] == 60
    assert "61 ports are asked 10 at a time" in said
    assert "LimitNOFILE" in said


def test_note_3_stuck_ports_free_their_place_for_waiting_ports():
    code = """
import pytest
from lines import ask, stuck
sick, sound = sys.argv[2:]
with pytest.MonkeyPatch.context() as patch, stuck(patch, opening=[sick]):
    findings = ask(sick, sound)
print(json.dumps([finding.verdict for finding in findings.values()]))
"""
    with SimulatedBank(live_bank(1, 0.0)) as bank, pseudo_terminal() as (_, sick):
        shown, _ = python(ROUNDS + code, "7", sick, bank.port("modem000"))
    assert shown == ["unreachable", "available"]


@pytest.mark.parametrize("left", ["3", "0"])
def test_without_descriptors_the_error_names_the_setting(left: str):
    code = """
import contextlib, json, os, resource, sys
from lines import ask
from onlinesim_rent.finding import CensusError
limit = 40
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
taken = []
with contextlib.suppress(OSError):
    while True:
        taken.append(os.dup(0))
for _ in range(int(sys.argv[1])):
    os.close(taken.pop())
try:
    ask("/dev/null")
except CensusError as error:
    print(json.dumps(str(error)))
"""
    assert "raise LimitNOFILE above 40" in python(code, left)[0]


# Nothing left behind


def test_200_censuses_leak_no_descriptor_and_no_thread(tmp_path: Path):
    faults = (
        "none",
        "hang_up",
        "no_sim",
        "denied",
        "in_call",
        "ringing",
        "flood",
        "zero_imei",
        "powered_down",
    )
    with SimulatedBank(broken(*faults)) as bank, tcp_peer(hang_up) as number:
        prober = Prober(115200)
        patterns = (
            bank.ports,
            "/dev/null",
            str(tmp_path),
            f"socket://127.0.0.1:{number}",
            "socket://127.0.0.1:1",
        )
        before = descriptors()
        seen: Counter[Verdict] = Counter()
        for _ in range(200):
            findings = ask(*patterns, prober=prober)
            seen += verdicts(findings)
            # If the host is too busy to close a port in time, its module cannot be asked again.
            assert findings[bank.port("modem000")].verdict in {Verdict.AVAILABLE, Verdict.OUT_OF_TIME}
        join_port_threads()
        assert port_threads() == []
        assert descriptors() <= before
    assert 100 < seen[Verdict.AVAILABLE] <= 200
    assert len(seen) >= 6


def test_a_port_that_is_taken_while_it_waits_is_left_alone(monkeypatch):
    """Few descriptors: it waits for its turn behind a silent port."""
    monkeypatch.setattr(probe, "_capacity", lambda _: 1)
    with (
        pseudo_terminal() as (silent, first),
        pseudo_terminal() as (module, second),
        ThreadPoolExecutor() as census,
    ):
        findings = census.submit(ask, first, second)
        assert select.select([silent], [], [], PATIENCE_SECONDS)[0]
        with opened(second) as rental:
            say_unread(module, rental, b"+CMT: a text")
            assert findings.result()[second].verdict is Verdict.IN_USE
            assert unread(rental) == len(b"+CMT: a text")
        assert unread(module) == 0
