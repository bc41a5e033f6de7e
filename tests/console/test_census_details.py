"""``onlinesim-rent census --details`` over simulated modules, as people run it."""

import json
import os
import re

import pytest
from commands import run
from fleets import PREFIX, SECRET, Host, modems
from redis_servers import redis_server
from servers import until

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


@pytest.mark.needs("redis-server")
def test_in_a_fleet_each_host_tells_the_details_of_its_own_modules(variables, tmp_path):
    with (
        redis_server(tmp_path) as redis,
        Host("pool-1", tmp_path, redis.url, modems(range(10, 13)), publish_seconds=60),
    ):
        until(lambda: redis.client.exists(f"{PREFIX}:answer:pool-1"))
        fleet = {"RENT_REDIS_URL": redis.url, "RENT_FLEET_SECRET": SECRET.decode()}
        here = run("census", "--details", "--json", **variables, **fleet, RENT_HOST_NAME="pool-2")
        front = variables | fleet | {"RENT_HOST_NAME": "front", "RENT_PORTS": ""}
        elsewhere = run("census", "--details", **front)
    told = {document["port"]: document["details"] for document in json.loads(here.stdout)}
    makers = [details and details["maker"] for port, details in sorted(told.items())]
    assert makers == [None, None, None, "Quectel", "huawei", None]
    assert here.stderr.endswith(
        "Each host tells the details of its own modules: run this command on pool-1 too.\n"
    )
    assert "MAKER" not in elsewhere.stdout
    assert elsewhere.stderr.endswith("run this command on pool-1 too.\n")
