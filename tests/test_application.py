"""What is wired together: the census of the settings' ports, over real serial lines."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from disks import after_sleep, behind_mount
from lines import CENSUS_SECONDS
from servers import environment

from modem_simulator import SimulatedBank, SimulatedModule
from onlinesim_rent.application import live_census
from onlinesim_rent.census.cache import RESERVE_SECONDS
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.finding import Verdict
from onlinesim_rent.modem.probe import Prober
from onlinesim_rent.settings import Settings

ASK_BOTH_WAYS = """
import json, subprocess, sys
from onlinesim_rent.application import create_app
from onlinesim_rent.clock import boot_clock
import time
request = {"json": {"action": "GET_SERVICES", "key": "k"}, "headers": {"Authorization": "Bearer k"}}
answer = create_app().test_client().post("/getServicesRent", **request).json
census = subprocess.run([sys.executable, "-m", "onlinesim_rent", "census"], capture_output=True, text=True)
print(json.dumps([answer["status"], census.stdout.splitlines()[-1][:6], boot_clock() - time.monotonic()]))
"""

TELL_FAILURE = """
from onlinesim_rent.application import live_census
from onlinesim_rent.settings import Settings
print(live_census(Settings.from_env()).last_failure())
"""

BEELINE = SimulatedModule("869731054051594", "250990000000001")


@pytest.fixture
def settings(tmp_path):
    return Settings.from_env(
        {
            "RENT_API_KEY": "k",
            "RENT_PORTS": f"{tmp_path}/none*",
            "RENT_RUNTIME_DIR": str(tmp_path / "runtime"),
        }
    )


def census_by(settings):
    return live_census(settings).get(boot_clock() + CENSUS_SECONDS)


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


@pytest.mark.parametrize("seconds", [8.0, 20.0])
def test_the_ports_are_given_the_time_that_was_asked_for(settings, monkeypatch, seconds):
    given = []

    def probe_and_note(prober, ports, deadline):
        given.append(deadline)
        return probe(prober, ports, deadline)

    probe = Prober.probe
    monkeypatch.setattr(Prober, "probe", probe_and_note)
    deadline = boot_clock() + seconds
    with SimulatedBank([BEELINE]) as bank:
        census = live_census(replace(settings, ports=(bank.ports,))).get(deadline)
    assert [report.verdict for report in census.ports] == [Verdict.AVAILABLE]
    assert given == [deadline - RESERVE_SECONDS]


# With one clock in the wrong place, one of the two makes a deadline that is past already.
@pytest.mark.parametrize("seconds", [60, -60])
def test_a_hosts_sleep_counts_in_every_deadline(settings, seconds):
    with SimulatedBank([BEELINE]) as bank:
        asked = subprocess.run(
            after_sleep(seconds, [sys.executable, "-c", ASK_BOTH_WAYS]),
            env=environment(
                RENT_API_KEY="k",
                RENT_PORTS=bank.ports,
                RENT_CACHE_SECONDS="0",
                RENT_RUNTIME_DIR=str(settings.runtime_dir),
            ),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    *answers, slept = json.loads(asked.stdout)
    assert answers == ["SUCCESS", "1 of 1"]
    assert slept == pytest.approx(boot_clock() - time.monotonic() + seconds, abs=1)


def test_a_hidden_boot_number_is_reported_before_the_first_request(settings):
    told = subprocess.run(
        behind_mount("-t proc -o subset=pid proc /proc", [sys.executable, "-c", TELL_FAILURE]),
        env=environment(RENT_API_KEY="k", RENT_PORTS="/nowhere", RENT_RUNTIME_DIR=str(settings.runtime_dir)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert "ProcSubset=all" in told.stdout


def test_the_command_line_has_the_time_that_is_set(settings):
    """A silent port is told from a slow one after 3 s: here is less time than that."""
    with SimulatedBank([replace(BEELINE, fault="silent")]) as bank:
        printed = subprocess.run(
            [sys.executable, "-m", "onlinesim_rent", "census"],
            env=environment(
                RENT_API_KEY="k",
                RENT_PORTS=bank.ports,
                RENT_DEADLINE_SECONDS="2.5",
                RENT_RUNTIME_DIR=str(settings.runtime_dir),
            ),
            capture_output=True,
            text=True,
            check=False,
        )
    assert "out of time" in printed.stdout


def test_a_census_says_when_each_port_was_found(settings):
    with SimulatedBank([BEELINE]) as bank:
        census = census_by(replace(settings, ports=(bank.ports,)))
    assert 0 < census.proved_after <= census.seconds
