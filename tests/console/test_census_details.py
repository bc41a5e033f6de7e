"""``onlinesim-rent census --details`` over simulated modules, as people run it."""

import json
import os
import re

import pytest
from commands import run

from modem_simulator import SimulatedBank, SimulatedModule
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.modem.ports.open import open_port

MODULES = [
    SimulatedModule("869731054051594", "250990000000001", family="EC25"),
    SimulatedModule("869777028421538", "250990000000002", family="Huawei"),
    SimulatedModule("359853035323129", "250990000000003", fault="sim_pin"),
]


@pytest.fixture
def variables(tmp_path):
    with SimulatedBank(MODULES) as bank:
        yield {
            "RENT_API_KEY": "secret-key",
            "RENT_PORTS": bank.ports,
            "RENT_RUNTIME_DIR": f"{tmp_path}/runtime",
        }
        assert not bank.stats()["totals"]["settings"]


def test_details_come_of_counted_modules_and_mask_numbers(variables):
    printed = run("census", "--details", **variables)
    assert printed.returncode == 0
    assert "Quectel  EC25" in printed.stdout
    assert "huawei   E1752" in printed.stdout
    assert printed.stdout.count("-77 dBm") == 2
    assert not re.search("[0-9]{6}", printed.stdout.replace(os.path.dirname(variables["RENT_PORTS"]), ""))
    assert printed.stdout.count("Beeline") == 2
    assert "…" in printed.stdout


def test_details_are_whole_if_asked_for(variables):
    printed = run("census", "--details", "--full", "--json", **variables)
    first, _, third = json.loads(printed.stdout)
    assert first["details"]["iccid"] == "8970509900000000011"
    assert first["details"]["maker"] == "Quectel"
    assert (first["details"]["imei"], first["details"]["imsi"]) == (MODULES[0].imei, MODULES[0].imsi)
    assert third["details"] is None


def test_a_port_taken_after_the_census_is_not_asked(variables, tmp_path):
    first = run("census", **variables | {"RENT_CACHE_SECONDS": "60"})
    assert first.returncode == 0
    [port, *_] = find_ports([variables["RENT_PORTS"]])
    held = open_port(port, 115200)
    try:
        printed = run("census", "--details", "--json", **variables | {"RENT_CACHE_SECONDS": "60"})
    finally:
        held.close()
    told, other, _ = json.loads(printed.stdout)
    assert (told["details"], other["details"]["maker"]) == (None, "huawei")
