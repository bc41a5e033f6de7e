"""What is taken, in a whole census: real terminals and processes, a tree of sysfs, and files for claims."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lines import BAUD_RATE, CENSUS_SECONDS, holder
from sysfs import wired

from modem_simulator import SimulatedBank, SimulatedModule, imei, imsi, live_bank
from onlinesim_rent.application import live_census
from onlinesim_rent.census.claims_directory import ClaimsDirectory
from onlinesim_rent.census.counting import Census
from onlinesim_rent.census.known_modules import KnownModules
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.census.taking import CensusTaker
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.finding import Verdict
from onlinesim_rent.modem.probe import Prober
from onlinesim_rent.networks.home_network import Names
from onlinesim_rent.settings import Settings

TWO_PORTS = SimulatedModule(imei(1), imsi("25099", 1), ports=2)


def take(tmp_path: Path, prober: Prober, *ports: str) -> Census:
    known = KnownModules(RuntimeDirectory(tmp_path / "runtime"))
    (tmp_path / "claims").mkdir(exist_ok=True)
    taker = CensusTaker(ports, prober, Names.load(), known, ClaimsDirectory(tmp_path / "claims"))
    return taker.take(boot_clock() + CENSUS_SECONDS)


def verdicts(census: Census) -> list[Verdict]:
    return [report.verdict for report in census.ports]


def test_note_27_a_claim_on_an_unnamed_port_takes_the_module(tmp_path: Path):
    with SimulatedBank(live_bank(2, 0.0)) as bank:
        named, unnamed = bank.port("modem000"), bank.port("modem001")
        prober = wired(tmp_path, named, unnamed)
        assert verdicts(take(tmp_path, prober, named)) == [Verdict.AVAILABLE]
        (tmp_path / "claims" / "port-ttyUSB1").touch()
        assert verdicts(take(tmp_path, prober, named)) == [Verdict.CLAIMED]


def test_a_claim_may_name_the_device_behind_a_symlink(tmp_path: Path):
    with SimulatedBank(live_bank(1, 0.0)) as bank:
        port = bank.port("modem000")
        (tmp_path / "claims").mkdir()
        device = os.path.realpath(port).removeprefix("/dev/").replace("/", "_")
        (tmp_path / "claims" / f"port-{device}").touch()
        assert verdicts(take(tmp_path, Prober(BAUD_RATE), port)) == [Verdict.CLAIMED]


def test_a_port_that_hangs_up_counts_against_its_device(tmp_path: Path):
    modules = [
        SimulatedModule(imei(1), imsi("25099", 1)),
        SimulatedModule(imei(2), imsi("25099", 2), fault="hang_up"),
    ]
    with SimulatedBank(modules) as bank:
        ports = bank.port("modem000"), bank.port("modem001")
        sibling, gone = verdicts(take(tmp_path, wired(tmp_path, *ports), *ports))
        assert gone is Verdict.HUNG_UP
        # The number of a terminal that is gone is given to the next program that asks for one.
        # If that program is quick, it is seen to hold the port.
        assert sibling in {Verdict.HUNG_UP, Verdict.IN_USE}


@pytest.mark.parametrize(
    ("taken_by", "beside_the_held"), [("claims", Verdict.AVAILABLE), ("holders", Verdict.IN_USE)]
)
def test_only_holders_take_a_module_that_showed_its_ports(tmp_path: Path, taken_by, beside_the_held):
    with SimulatedBank([TWO_PORTS]) as bank:
        settings = Settings.from_env({
            "RENT_API_KEY": "key",
            "RENT_PORTS": bank.ports,
            "RENT_RUNTIME_DIR": f"{tmp_path}/runtime",
            "RENT_CACHE_SECONDS": "0",
            "RENT_TAKEN_BY": taken_by,
        })  # fmt: skip
        census = live_census(settings)
        first = census.get(boot_clock() + CENSUS_SECONDS)
        assert sorted(verdicts(first)) == [Verdict.AVAILABLE, Verdict.DUPLICATE]
        with holder(first.ports[0].port, "nothing"):
            assert verdicts(census.get(boot_clock() + CENSUS_SECONDS)) == [Verdict.IN_USE, beside_the_held]
