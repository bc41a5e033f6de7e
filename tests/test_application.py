"""What is wired together: the census of the settings' ports, over real serial lines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from onlinesim_rent import live_census
from onlinesim_rent.census import Verdict
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.settings import Settings
from onlinesim_rent.simulator import SimulatedBank, SimulatedModule

BEELINE = SimulatedModule("869731054051594", "250990000000001")


@pytest.fixture
def settings(tmp_path):
    return Settings(api_keys=("k",), ports=(f"{tmp_path}/none*",), runtime_dir=tmp_path / "runtime")


def census_by(settings, seconds=8.0):
    return live_census(settings).get(boot_clock() + seconds)


def test_a_census_is_shared_by_those_with_the_same_settings(settings):
    census_by(settings)
    assert live_census(settings).last()


@pytest.mark.parametrize(
    "other",
    [{"ports": ("/dev/none*",)}, {"baud_rate": 9600}],
    ids=["ports", "baud rate"],
)
def test_a_census_is_not_shared_across_other_settings(settings, other):
    census_by(settings)
    assert live_census(replace(settings, **other)).last() is None


def test_a_census_is_not_shared_across_other_names(settings, tmp_path):
    census_by(settings)
    names = tmp_path / "names.toml"
    names.write_text('[countries]\nRU = "rossiya"\n')
    assert live_census(replace(settings, names_file=names)).last() is None


def test_the_ports_are_given_the_time_that_was_asked_for(settings):
    """A silent port is told from a slow one after 3 s: here is less time than that."""
    with SimulatedBank([BEELINE, replace(BEELINE, imei="869731054051602", fault="silent")]) as bank:
        census = census_by(replace(settings, ports=(bank.ports,)), seconds=2.0)
    assert [report.verdict for report in census.ports] == [Verdict.AVAILABLE, Verdict.OUT_OF_TIME]
    assert census.seconds < 2.0


def test_a_census_says_when_each_port_was_found(settings):
    with SimulatedBank([BEELINE]) as bank:
        census = census_by(replace(settings, ports=(bank.ports,)))
    assert 0 < census.proved_after <= census.seconds
