"""Real programs that rent numbers out or read texts find their way about the simulated modules."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from servers import PATIENCE_SECONDS

from modem_simulator import FAMILIES, SimulatedBank, SimulatedModule, imei, imsi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A gateway changes the line ends, and these programs know only the standard ones.
MODULES = {
    family: SimulatedModule(imei(serial), imsi("25099", serial), family=family, latency=0.0)
    for serial, family in enumerate(FAMILIES, start=1)
    if not family.endswith("gateway")
}

CONNECT = """
import sys
from gsmmodem.modem import GsmModem
modem = GsmModem(sys.argv[1], 115200)
modem.connect()
print(modem.imei, modem.imsi, modem.manufacturer, modem.model, modem.networkName, modem.signalStrength)
modem.close()
"""


@pytest.fixture(scope="module")
def bank() -> Iterator[SimulatedBank]:
    with SimulatedBank(MODULES.values()) as running:
        yield running


def port_of(family: str, bank: SimulatedBank) -> str:
    return bank.port(f"modem{list(MODULES).index(family):03}")


# gammu loses its way when an unsolicited line comes in the middle, and some families send them all the time.
@pytest.mark.needs("gammu")
def test_gammu_identifies_each_family(bank: SimulatedBank, tmp_path: Path) -> None:
    quiet = [family for family in MODULES if not FAMILIES[family].chatter]
    with ExitStack() as processes:
        asking = {family: processes.enter_context(identify(family, bank, tmp_path)) for family in quiet}
        for family, process in asking.items():
            printed, _ = process.communicate(timeout=PATIENCE_SECONDS)
            said = [line.replace(" ", "").replace('"', "") for line in printed.splitlines()]
            assert process.returncode == 0
            assert f"IMEI:{MODULES[family].imei}" in said
            assert f"SIMIMSI:{MODULES[family].imsi}" in said
    assert "E1" in bank.stats()["totals"]["settings"]


@contextmanager
def identify(family: str, bank: SimulatedBank, directory: Path) -> Iterator[subprocess.Popen[str]]:
    settings = directory / family
    settings.write_text(f"[gammu]\ndevice={port_of(family, bank)}\nconnection=at115200\n")
    command = ["gammu", "--config", settings, "identify"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("family", "names"), [("SIM800", "SIMCOM_Ltd SIMCOM_SIM800L"), ("Huawei", "huawei E1752")]
)
def test_python_gsmmodem_connects(bank: SimulatedBank, family: str, names: str) -> None:
    connected = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CONNECT, port_of(family, bank)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    module = MODULES[family]
    assert connected.stdout == f"{module.imei} {module.imsi} {names} Beeline 18\n"
