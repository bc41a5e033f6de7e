"""A program that uses one port takes the whole module: real terminals and processes, and a tree of sysfs."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from lines import LOCKS, ask, holder, lock_file, once_found, stuck
from sysfs import wired

from modem_simulator import SimulatedBank, SimulatedModule, imei, imsi, live_bank
from onlinesim_rent.finding import Finding, Verdict
from onlinesim_rent.modem import probe
from onlinesim_rent.modem.ports import signs_of_use
from onlinesim_rent.modem.probe import Prober

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


def ask_first(bank: SimulatedBank, prober: Prober) -> Finding:
    """Take a census in which RENT_PORTS names only the bank's first port."""
    [finding] = ask(bank.port("modem000"), prober=prober).values()
    return finding


@pytest.mark.parametrize("lock", LOCKS)
def test_note_27_a_holder_of_an_unnamed_port_takes_the_module(lock: str, tmp_path: Path):
    with SimulatedBank(live_bank(2, 0.0)) as bank:
        named, unnamed = bank.port("modem000"), bank.port("modem001")
        prober = wired(tmp_path, named, unnamed)
        with holder(unnamed, lock) as pid:
            finding = ask_first(bank, prober)
            assert bank.stats()["ports"]["modem000"]["opens"] == 0
        assert finding.verdict is Verdict.IN_USE
        assert finding.reason.startswith(f"its module is held on ttyUSB1 by process {pid} (py")
        assert ask_first(bank, prober).verdict is Verdict.AVAILABLE


def test_note_27_a_holder_takes_every_named_port(tmp_path: Path):
    with SimulatedBank(live_bank(3, 0.0)) as bank:
        held, *others = (bank.port(f"modem00{number}") for number in range(3))
        with holder(held, "nothing") as pid:
            findings = ask(bank.ports, prober=wired(tmp_path, held, *others))
    assert {finding.verdict for finding in findings.values()} == {Verdict.IN_USE}
    assert findings[held].reason.startswith(f"held open by process {pid} ")
    for path in others:
        assert findings[path].reason.startswith(f"its module is held on ttyUSB0 by process {pid} ")


@pytest.mark.parametrize(("driver", "options"), [("ftdi_sio", {}), ("option", {"taken_by_holders": False})])
def test_a_holder_leaves_other_modules_alone(driver: str, options: dict[str, bool], tmp_path: Path):
    with SimulatedBank(live_bank(2, 0.0)) as bank:
        free, held = bank.port("modem000"), bank.port("modem001")
        prober = wired(tmp_path, free, held, driver=driver, **options)
        with holder(held, "nothing"):
            findings = ask(free, held, prober=prober)
    assert [finding.verdict for finding in findings.values()] == [Verdict.AVAILABLE, Verdict.IN_USE]


@pytest.mark.needs("/run/lock")
def test_a_lock_file_of_another_port_takes_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with SimulatedBank(live_bank(2, 0.0)) as bank:
        number = os.stat(bank.port("modem001")).st_rdev
        name = f"ttyTEST{os.getpid()}"
        monkeypatch.setattr(
            signs_of_use, "kernel_names", lambda device: [name] if device and device.number == number else []
        )
        prober = wired(tmp_path, bank.port("modem000"), bank.port("modem001"))
        with lock_file(f"LCK..{name}"):
            finding = ask_first(bank, prober)
    assert finding.verdict is Verdict.IN_USE
    assert finding.reason == f"its module is locked on ttyUSB1 by another program (/run/lock/LCK..{name})"


def test_a_holder_that_comes_during_the_census_takes_the_module(tmp_path: Path):
    with SimulatedBank(live_bank(2, 0.0)) as bank, ExitStack() as stack:
        named, unnamed = bank.port("modem000"), bank.port("modem001")
        taken = once_found(1, lambda: stack.enter_context(holder(unnamed, "nothing")))
        finding = ask_first(bank, wired(tmp_path, named, unnamed, progress=taken))
        assert finding.reason.startswith("its module is held on ttyUSB1 by process ")


def test_a_census_is_no_holder_of_its_own_ports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The third port waits for the first, and is looked at again while the slower second is still open."""
    monkeypatch.setattr(probe, "_capacity", lambda _: 2)
    modules = [
        SimulatedModule(imei(number), imsi("25099", number), latency=latency)
        for number, latency in enumerate((0.1, 0.25, 0.0))
    ]
    with SimulatedBank(modules) as bank:
        paths = [bank.port(f"modem00{number}") for number in range(3)]
        findings = ask(*paths, prober=wired(tmp_path, *paths))
    assert [finding.verdict for finding in findings.values()] == [Verdict.AVAILABLE] * 3
    first, second, third = findings.values()
    assert first.seconds < third.seconds < second.seconds


def test_a_port_that_the_census_is_opening_is_no_sign(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The driver is stuck after open(): this census and the next one do not know the descriptor."""
    with SimulatedBank(live_bank(2, 0.0)) as bank:
        sound, sick = bank.port("modem000"), bank.port("modem001")
        prober = wired(tmp_path, sound, sick)
        with stuck(monkeypatch, setting_up=[sick]):
            for _ in range(2):
                findings = ask(sound, sick, prober=prober)
                assert findings[sick].verdict is Verdict.UNREACHABLE
                assert findings[sound].verdict is Verdict.AVAILABLE
