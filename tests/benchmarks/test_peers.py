"""Each program that the benchmark compares reaches its end, and what it tells is checked."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from peers import comparison, with_pyserial
from peers.comparison import Peer, count_right
from transcript import SEVEN

from modem_simulator import SimulatedBank, imei, live_bank

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IMEIS = {"modem000": imei(1), "modem001": imei(2), "modem002": imei(3)}


@pytest.fixture(scope="module")
def bank() -> Iterator[SimulatedBank]:
    with SimulatedBank([replace(module, family="SIM800") for module in live_bank(3, 0.002)]) as running:
        yield running


@pytest.mark.parametrize(
    "peer",
    [
        comparison.ourselves(),
        comparison.plain_pyserial(),
        # The environment of the tests has the library.
        Peer("python-gsmmodem-new", "with_gsmmodem"),
        pytest.param(comparison.gammu(), marks=pytest.mark.needs("gammu")),
    ],
    ids=lambda peer: peer.name,
)
def test_a_peer_tells_the_imeis_and_frees_the_ports(bank: SimulatedBank, peer: Peer, tmp_path: Path):
    imeis = {bank.port(name): number for name, number in IMEIS.items()}

    # A port that gives no IMEI is left out.
    assert peer.identify([*imeis, str(tmp_path / "missing")]) == imeis
    assert comparison.ourselves().identify([*imeis]) == imeis


@pytest.mark.parametrize(
    ("found", "right"),
    [
        (IMEIS, 3),
        (IMEIS | {"modem002": imei(4)}, 2),
        (IMEIS | {"modem000": imei(2), "modem001": imei(1)}, 1),
        ({"modem001": imei(2)}, 1),
        ({}, 0),
    ],
)
def test_a_wrong_or_missing_imei_is_not_right(found: dict[str, str], right: int):
    assert count_right(found, IMEIS) == right


def test_plain_pyserial_sends_what_a_census_sends():
    assert with_pyserial.COMMANDS == SEVEN


def test_what_cannot_be_had_is_named_with_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    # pip looks nowhere.
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")

    skipped = {peer.name: peer.skipped for peer in comparison.peers(tmp_path) if peer.skipped}

    assert skipped == {
        "gammu identify, a process a port": "gammu is not installed; install it with: apt-get install gammu",
        "python-gsmmodem-new, a thread a port": "pip cannot install python-gsmmodem-new==0.13.0 "
        "and pyserial==3.5: is there a network?",
        "ModemManager": comparison.modem_manager().skipped,
    }
