"""Which module a port belongs to is known from earlier censuses, on real serial lines."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import pytest
from lines import CENSUS_SECONDS, holder

from modem_simulator import SimulatedBank, SimulatedModule, imei, imsi
from onlinesim_rent.application import live_census
from onlinesim_rent.census.known_modules import KnownModules
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.finding import Finding, Modem, Verdict
from onlinesim_rent.modem.ports.find import Port
from onlinesim_rent.settings import Settings

PORTS = [Port("/dev/ttyUSB0", node=10), Port("/dev/ttyUSB1", node=11)]
SHOWN = [
    Finding("/dev/ttyUSB0", Verdict.AVAILABLE, "", 0.3, Modem(imei(1), imsi("25099", 1))),
    Finding("/dev/ttyUSB1", Verdict.NOT_REGISTERED, "", 0.3, Modem(imei(2))),
]


@pytest.fixture
def directory(tmp_path):
    return RuntimeDirectory(tmp_path / "runtime")


def test_every_process_knows_what_a_port_showed(directory, tmp_path):
    KnownModules(directory).learn(PORTS, SHOWN)
    of_another = KnownModules(RuntimeDirectory(tmp_path / "runtime"))
    assert of_another.of(PORTS) == {"/dev/ttyUSB0": imei(1), "/dev/ttyUSB1": imei(2)}


def test_a_port_that_shows_nothing_today_stays_known(directory):
    known = KnownModules(directory)
    known.learn(PORTS, SHOWN)
    known.learn(
        PORTS, [Finding("/dev/ttyUSB0", Verdict.IN_USE, "", 0.0), replace(SHOWN[1], modem=Modem(imei(3)))]
    )
    assert known.of(PORTS) == {"/dev/ttyUSB0": imei(1), "/dev/ttyUSB1": imei(3)}


def test_a_device_that_is_plugged_in_again_is_unknown(directory):
    known = KnownModules(directory)
    known.learn(PORTS, SHOWN)
    assert known.of([replace(PORTS[0], node=12)]) == {}


def test_another_boot_has_shown_nothing(directory):
    known = KnownModules(directory)
    known.learn(PORTS, SHOWN)
    content = directory.read("modules.json") or b""
    directory.replace("modules.json", content.replace(b'"boot": "', b'"boot": "other'))
    assert known.of(PORTS) == {}


@pytest.mark.parametrize("content", [b"", b"[]", b"\x00", b'{"boot": 1}', b"[" * 100_000])
def test_a_file_that_cannot_be_read_tells_nothing(directory, content):
    directory.replace("modules.json", content)
    assert KnownModules(directory).of(PORTS) == {}


def test_a_rental_that_holds_one_port_takes_the_module(tmp_path):
    """The earlier census showed that both ports belong to one module."""
    with (
        SimulatedBank([SimulatedModule(imei(1), imsi("25099", 1), ports=2)]) as bank,
        ExitStack() as rental,
    ):
        settings = Settings.from_env(
            {
                "RENT_API_KEY": "k",
                "RENT_PORTS": bank.ports,
                "RENT_RUNTIME_DIR": str(tmp_path / "runtime"),
                "RENT_CACHE_SECONDS": "0",
            }
        )
        before = live_census(settings).get(boot_clock() + CENSUS_SECONDS)
        rental.enter_context(holder(bank.port("modem000"), "nothing"))
        during = live_census(settings).get(boot_clock() + CENSUS_SECONDS)
        rental.close()
        after = live_census(settings).get(boot_clock() + CENSUS_SECONDS)
    assert [report.verdict for report in before.ports] == [Verdict.AVAILABLE, Verdict.DUPLICATE]
    assert [report.verdict for report in during.ports] == [Verdict.IN_USE, Verdict.IN_USE]
    assert during.ports[1].reason.startswith("the same module as ")
    assert after.available.total() == 1


def test_a_census_of_other_ports_forgets_nothing(directory, tmp_path):
    known = KnownModules(directory)
    device = tmp_path / "ttyUSB0"
    device.touch()
    there = Port(str(device), node=device.stat().st_ino)
    remote = Port("socket://127.0.0.1:7001")
    known.learn([there, remote], [replace(SHOWN[0], port=port.name) for port in (there, remote)])
    known.learn(PORTS, SHOWN)
    assert known.of([there, remote]) == {there.name: imei(1), remote.name: imei(1)}


def test_a_port_that_is_gone_is_forgotten(directory):
    known = KnownModules(directory)
    known.learn(PORTS, SHOWN)
    known.learn([replace(PORTS[0], node=12)], [])
    assert known.of(PORTS) == {}
