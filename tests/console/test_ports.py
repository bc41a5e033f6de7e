"""`onlinesim-rent ports` in a process of its own, on trees of sysfs whose ttys are a simulated bank's."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pytest
from commands import run
from helpers import with_capabilities
from lines import holder
from sysfs import EC25, FT4232H, Listing, add_uart, named_by_udev, plug_in
from terminals import on_a_terminal

from modem_simulator import SimulatedBank, SimulatedModule, imei, imsi, live_bank

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ON_A_HOST = """
import sys
from pathlib import Path
from onlinesim_rent.modem.ports import inventory
inventory.HOST = inventory.Host(Path(sys.argv.pop(1)), Path(sys.argv.pop(1)))
from onlinesim_rent.console import main
main(prog_name="onlinesim-rent")
"""
EC25_IN_ANOTHER_SOCKET = EC25._replace(
    place="1-2", interfaces=tuple(f"option ttyUSB{number}" for number in range(4, 8))
)
ADAPTER = FT4232H._replace(place="1-3", names=("FTDI", "Quad RS232-HS"))
LINE = "RENT_PORTS="


class Plugged(NamedTuple):
    """A host with devices plugged in, and the command line that sees it."""

    command: list[str]
    devices: Path


def plugged(directory: Path, *listings: Listing, leads_to: dict[str, str] | None = None) -> Plugged:
    """A host with these devices. ``leads_to`` are the terminals that some of its ttys are."""
    numbers = {tty: os.stat(path).st_rdev for tty, path in (leads_to or {}).items()}
    sysfs = plug_in(directory / "sys", *listings, numbers=numbers)
    devices = named_by_udev(directory / "dev", *listings, leads_to=leads_to)
    return Plugged([sys.executable, "-c", ON_A_HOST, str(sysfs), str(devices)], devices)


def printed(host: Plugged, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    done = run("ports", *options, command=host.command, **variables)
    assert done.returncode == 0, done.stderr
    return done


def rows_of(text: str) -> list[list[str]]:
    """The cells of the table."""
    return [re.split(r"\s{2,}", line) for line in text.partition("\n\n")[0].splitlines()]


def line_of(text: str) -> str:
    [line] = [line for line in text.splitlines() if line.startswith(LINE)]
    return shlex.split(line)[0].removeprefix(LINE)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Plugged, str]]:
    """An EC25 whose last two ports answer AT, and another whose port 2 a program holds; and its process."""
    silent = [replace(module, fault="silent") for module in live_bank(5, 0.0)]
    modules = [SimulatedModule(imei(9), imsi("25099", 9), ports=2), *silent, *live_bank(1, 0.0)]
    with SimulatedBank(modules) as bank:
        names = (
            "modem001",
            "modem002",
            "modem000",
            "modem000b",
            "modem003",
            "modem004",
            "modem006",
            "modem005",
        )
        leads_to = {f"ttyUSB{number}": os.path.realpath(bank.port(name)) for number, name in enumerate(names)}
        host = plugged(tmp_path_factory.mktemp("host"), EC25, EC25_IN_ANOTHER_SOCKET, leads_to=leads_to)
        with holder(leads_to["ttyUSB6"], "nothing") as process:
            yield host, f"held open by process {process} "


def test_the_ports_are_listed_without_any_setting(tmp_path: Path):
    host = plugged(tmp_path, EC25, ADAPTER)
    done = printed(host)
    heading, *rows = rows_of(done.stdout)
    assert heading == ["PORT", "SOCKET", "MODEL", "DRIVER", "NAME IN by-path", "IN USE"]
    assert rows[0] == [
        "ttyUSB0",
        "1-1",
        "Quectel EC25-AF 2c7c:0125",
        "option",
        "pci-0000:01:00.0-usb-0:1:1.0-port0",
    ]
    assert [row[0] for row in rows] == [f"ttyUSB{number}" for number in (0, 1, 2, 3, 20, 21, 22, 23)]
    assert rows[4][2] == "FTDI Quad RS232-HS 0403:6011 (adapter)"
    assert not any(line.endswith(" ") for line in done.stdout.splitlines())
    assert "\x1b" not in done.stdout


def test_without_asking_the_choice_is_called_a_guess(tmp_path: Path):
    text = printed(plugged(tmp_path, EC25, EC25_IN_ANOTHER_SOCKET)).stdout
    assert line_of(text) == f"{tmp_path}/dev/serial/by-path/*:1.2-port0"
    assert "It is a guess for the 2 modules in 1-1, 1-2" in text
    assert "onlinesim-rent ports --ask" in text


def test_ports_of_an_adapter_are_no_guess(tmp_path: Path):
    text = printed(plugged(tmp_path, ADAPTER)).stdout
    assert line_of(text) == f"{tmp_path}/dev/serial/by-path/*"
    assert "guess" not in text


def test_asked_ports_tell_which_of_them_answer(asked: tuple[Plugged, str]):
    host, held = asked
    text = printed(host, "--ask").stdout
    heading, *rows = rows_of(text)
    assert heading[4] == "AT"
    assert [row[4] for row in rows] == ["no", "no", "yes", "yes", "no", "no", "-", "no"]
    assert rows[6][6].startswith(held)
    assert "It is a guess for the module in 1-2: no port answered AT" in text


@pytest.mark.needs("root", "setpriv")
def test_a_port_that_may_not_be_opened_is_named_with_the_reason(tmp_path: Path):
    with SimulatedBank(live_bank(4, 0.0)) as bank:
        leads_to = {f"ttyUSB{number}": os.path.realpath(bank.port(f"modem00{number}")) for number in range(4)}
        host = plugged(tmp_path, EC25, leads_to=leads_to)
        for refused in ("ttyUSB0", "ttyUSB2"):
            os.chmod(leads_to[refused], 0)
        unprivileged = host._replace(command=[*with_capabilities(user=0), *host.command])
        text = printed(unprivileged, "--ask").stdout
        document = json.loads(printed(unprivileged, "--ask", "--json").stdout)
    assert [row[4] for row in rows_of(text)[1:]] == ["-", "yes", "-", "yes"]
    assert "Not asked: ttyUSB0, ttyUSB2. The reason: permission denied: " in text
    reasons = [port["not_asked"].partition(":")[0] for port in document["devices"][0]["ports"]]
    assert reasons == ["permission denied", "", "permission denied", ""]


def test_the_printed_line_finds_the_port_that_answers(asked: tuple[Plugged, str], tmp_path: Path):
    host, _ = asked
    settings = {"RENT_API_KEY": "k", "RENT_RUNTIME_DIR": f"{tmp_path}/runtime"}
    chosen = line_of(printed(host, "--ask").stdout)
    assert chosen == f"{host.devices}/serial/by-path/*:1.2-port0"
    census = run("census", "--json", RENT_PORTS=chosen, **settings)
    assert [row["verdict"] for row in json.loads(census.stdout)] == ["available", "in use"]


def test_json_holds_what_the_table_shows(asked: tuple[Plugged, str]):
    host, held = asked
    document = json.loads(printed(host, "--ask", "--json").stdout)
    first, second = document["devices"]
    assert (first["socket"], first["model"], first["product"], first["is_module"]) == (
        "1-1",
        "2c7c:0125",
        "Quectel EC25-AF",
        True,
    )
    assert [port["answers_at"] for port in first["ports"]] == [False, False, True, True]
    assert second["ports"][2]["answers_at"] is None
    assert second["ports"][2]["in_use"].startswith(held)
    assert first["ports"][2]["by_path"] == [
        f"{host.devices}/serial/by-path/pci-0000:01:00.0-usb-0:1:1.2-port0"
    ]
    assert document["rent_ports"] == f"RENT_PORTS='{host.devices}/serial/by-path/*:1.2-port0'"
    assert document["guesses"] == ["1-2"]


def test_a_held_port_is_shown_without_asking(asked: tuple[Plugged, str]):
    host, held = asked
    used = {row[0]: row[5] for row in rows_of(printed(host).stdout)[1:] if len(row) > 5}
    assert list(used) == ["ttyUSB6"]
    assert used["ttyUSB6"].startswith(held)


def test_ports_are_opened_only_if_asked(tmp_path: Path):
    with SimulatedBank(live_bank(2, 0.0)) as bank:
        leads_to = {f"ttyUSB{number}": os.path.realpath(bank.port(f"modem00{number}")) for number in range(2)}
        host = plugged(tmp_path, EC25._replace(interfaces=EC25.interfaces[:2]), leads_to=leads_to)
        with holder(leads_to["ttyUSB1"], "nothing"):
            bank.reset()
            printed(host)
            assert bank.stats()["totals"]["opens"] == 0
            printed(host, "--ask")
            ports = bank.stats()["ports"]
    assert ports["modem000"]["opens"] > 0
    assert ports["modem000"]["commands"] == 1
    assert ports["modem001"]["opens"] == 0
    assert not any(port["settings"] for port in ports.values())


def test_a_line_of_the_board_is_listed_and_a_fake_one_is_not(tmp_path: Path):
    host = plugged(tmp_path)
    add_uart(tmp_path / "sys", "ttyS0", 4, ("pnp0", ""), ("00:04", "pnp/drivers/serial"))
    add_uart(tmp_path / "sys", "ttyS1", 0, ("platform", ""), ("serial8250", "platform/drivers/serial8250"))
    text = printed(host).stdout
    assert [row[0] for row in rows_of(text)] == ["PORT", "ttyS0"]
    assert LINE not in text
    assert "A line of the board is taken only if a module answers on it (ttyS0)" in text


def test_a_host_without_ports_is_told_what_to_look_at(tmp_path: Path):
    done = printed(plugged(tmp_path))
    assert done.stdout == ""
    assert "This host has no serial port" in done.stderr
    for hint in ("lsusb", "dmesg", "container"):
        assert hint in done.stderr


def test_a_host_without_sysfs_is_an_error_of_one_sentence(tmp_path: Path):
    host = Plugged([sys.executable, "-c", ON_A_HOST, f"{tmp_path}/none", f"{tmp_path}/dev"], tmp_path)
    refused = run("ports", command=host.command)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"Error: {tmp_path}/none/class/tty does not tell which ports there are: No such file or directory; "
        "mount sysfs\n"
    )


def test_a_narrow_terminal_folds_the_table_but_not_the_line(tmp_path: Path):
    host = plugged(tmp_path, EC25, EC25_IN_ANOTHER_SOCKET)
    status, text = on_a_terminal("ports", columns=60, command=host.command)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert status == 0
    assert "\x1b[1m" in text
    assert max(map(len, plain.partition("\n\n")[0].splitlines())) <= 60
    assert line_of(plain) == f"{host.devices}/serial/by-path/*:1.2-port0"


def test_a_device_may_have_a_name_in_any_language(tmp_path: Path):
    host = plugged(tmp_path, EC25._replace(names=("Модем", "EC25")))
    text = printed(host, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0").stdout
    assert rows_of(text)[1][2] == "????? EC25 2c7c:0125"


def test_this_hosts_own_ports_are_listed():
    done = run("ports")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
