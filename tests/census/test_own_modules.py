"""A census of modules that an application of its own asks."""

from __future__ import annotations

import pytest
from lines import CENSUS_SECONDS

from onlinesim_rent.application import own_census
from onlinesim_rent.census.claims_directory import ClaimsDirectory
from onlinesim_rent.census.own_modules import ASK_SECONDS, OwnModules
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.finding import CensusError, Finding, Held, Modem, NotCounted, Verdict
from onlinesim_rent.networks.home_network import Names
from onlinesim_rent.settings import Settings

MODEM = Modem("869731054051594", "250990000000001")
BEELINE = ("russia", "beeline")


@pytest.fixture
def claims(tmp_path):
    directory = tmp_path / "claims"
    directory.mkdir()
    return directory


def findings(deadline=0.0):
    call = NotCounted(Verdict.IN_USE, "is in a call (RING)")
    return [Finding.of("/dev/slot1", MODEM, 0.1), Finding.of("/dev/slot2", call, 0.2)]


def test_a_finding_says_what_a_port_showed():
    proved, in_call = findings()
    assert (proved.verdict, proved.modem, proved.seconds) == (Verdict.AVAILABLE, MODEM, 0.1)
    assert (in_call.verdict, in_call.reason) == (Verdict.IN_USE, "is in a call (RING)")
    assert not in_call.is_held
    assert Finding.of("/dev/slot3", Held("held open by process 1"), 0.0).is_held


def test_an_own_census_is_answered_until_a_claim_is_made(claims, tmp_path):
    settings = Settings.from_env(
        {
            "RENT_API_KEY": "k",
            "RENT_PORTS": "/dev/slot*",
            "RENT_RUNTIME_DIR": f"{tmp_path}/runtime",
            "RENT_CLAIMS_DIR": str(claims),
            "RENT_CACHE_SECONDS": "60",
        }
    )
    calls = []
    census = own_census(settings, lambda deadline: calls.append(deadline) or findings())
    assert [census.get(boot_clock() + CENSUS_SECONDS).available for _ in range(2)] == [{BEELINE: 1}] * 2
    assert len(calls) == 1
    (claims / "port-slot1").touch()
    reports = census.get(boot_clock() + CENSUS_SECONDS).ports
    assert [report.verdict for report in reports] == [Verdict.CLAIMED, Verdict.IN_USE]
    assert len(calls) == 2


def test_a_number_that_is_rented_meanwhile_is_not_counted(claims):
    def ask(deadline):
        (claims / f"imsi-{MODEM.imsi}").touch()
        return findings()

    census = OwnModules(ask, Names.load(None), ClaimsDirectory(claims)).take(boot_clock() + CENSUS_SECONDS)
    assert census.available == {}


def test_a_claims_directory_that_is_gone_is_an_error(tmp_path):
    taker = OwnModules(findings, Names.load(None), ClaimsDirectory(tmp_path / "none"))
    with pytest.raises(CensusError, match="RENT_CLAIMS_DIR"):
        taker.take(boot_clock() + CENSUS_SECONDS)


@pytest.mark.parametrize(("granted", "given"), [(8.0, ASK_SECONDS), (2.0, 2.0)])
def test_modules_are_asked_while_each_proof_is_young(granted, given):
    deadlines = []
    taker = OwnModules(
        lambda deadline: deadlines.append(deadline) or [],
        Names.load(None),
        ClaimsDirectory(None),
        clock=lambda: 1000.0,
    )
    taker.take(1000.0 + granted)
    assert deadlines == [1000.0 + given]
