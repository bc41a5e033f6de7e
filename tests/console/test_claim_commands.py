"""The commands for claims, run as people run them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import run, run_here

from modem_simulator import SimulatedBank, live_bank

MODULES = live_bank(2, 0.0)
IMSI = f"imsi-{MODULES[0].imsi}"


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    directory = tmp_path / "claims"
    directory.mkdir()
    return directory


def test_a_claim_is_made_and_released_at_the_keyboard(claims):
    given = {"RENT_CLAIMS_DIR": str(claims)}
    assert run("claim", IMSI, "--note", "order 7", **given).returncode == 0
    assert (claims / IMSI).read_text() == "order 7\n"
    again = run_here("claim", IMSI, **given)
    assert (again.returncode, again.stderr) == (1, f"Error: imsi-…{IMSI[-4:]} is taken already\n")
    assert run_here("release", IMSI, **given).returncode == 0
    assert os.listdir(claims) == []
    gone = run_here("release", IMSI, **given)
    assert (gone.returncode, gone.stderr) == (1, f"Error: there is no claim imsi-…{IMSI[-4:]}\n")


@pytest.mark.parametrize("command", ["claim", "release"])
def test_a_wrong_name_is_refused_with_the_right_forms(command, claims):
    refused = run_here(command, "ttyUSB3", RENT_CLAIMS_DIR=str(claims))
    assert refused.returncode == 1
    assert "'ttyUSB3' is no claim; a claim is imsi-<14 or 15 digits>" in refused.stderr


def test_who_may_not_make_a_claim_is_told_the_right_that_is_missing():
    refused = run_here("claim", "port-ttyUSB3", RENT_CLAIMS_DIR="/proc/self")
    assert refused.returncode == 1
    assert "let the user of this program write to it" in refused.stderr


@pytest.mark.parametrize("given", [{}, {"RENT_CLAIMS_DIR": "claims"}, {"RENT_CLAIMS_DIR": "/none"}])
def test_without_a_directory_no_claim_is_made(given):
    refused = run_here("claim", "port-ttyUSB3", **given)
    assert refused.returncode == 1
    assert "RENT_CLAIMS_DIR" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_claims_lists_what_each_took(claims, tmp_path):
    with SimulatedBank(MODULES) as bank:
        given = {
            "RENT_API_KEY": "secret-key",
            "RENT_PORTS": bank.ports,
            "RENT_RUNTIME_DIR": f"{tmp_path}/runtime",
            "RENT_CLAIMS_DIR": str(claims),
            "RENT_CACHE_SECONDS": "60",
        }
        (claims / IMSI).write_text("for +79991234567\n")
        (claims / "port-ttyUSB99").touch()
        census = run("census", **given).stdout
        listed = run_here("claims", **given).stdout.splitlines()
        (claims / "port-ttyUSB99").unlink()
        changed = run_here("claims", **given).stdout.splitlines()
        port = bank.port("modem000")
    assert f"taken by a claim: imsi-…{IMSI[-4:]}" in census
    assert listed[0] == f"{IMSI}  {port}  (for +…4567)"
    assert listed[1].startswith("port-ttyUSB99  nothing: ")
    assert listed[2] == f"2 claims in {claims}."
    assert changed[0].startswith(f"{IMSI}  not known yet: ")


def test_claims_says_that_there_is_no_directory(tmp_path):
    given = {"RENT_API_KEY": "secret-key", "RENT_PORTS": "/dev/none", "RENT_RUNTIME_DIR": f"{tmp_path}/run"}
    refused = run_here("claims", **given)
    assert refused.returncode == 1
    assert "RENT_CLAIMS_DIR is not set" in refused.stderr


def test_check_tells_of_a_wrong_claims_directory(claims, tmp_path):
    (claims / "notes.txt").touch()
    refused = run_here("config", RENT_API_KEY="k", RENT_PORTS="/dev/none", RENT_CLAIMS_DIR=str(claims))
    assert refused.returncode == 1
    assert "'notes.txt', which is no claim" in refused.stderr
