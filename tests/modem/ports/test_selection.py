"""The ports that RENT_PORTS should name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from onlinesim_rent.modem.ports.inventory import SerialDevice, SerialPort
from onlinesim_rent.modem.ports.selection import rent_ports, select_ports

BY_PATH = "/dev/serial/by-path/pci-0000:00:14.0-usb-0"


def port(tty: str, socket: str, interface: int, end: str = "-port0") -> SerialPort:
    names = (f"{BY_PATH}:{socket}:1.{interface}{end}",)
    return SerialPort(tty, f"/dev/{tty}", "option", interface, names)


def module(socket: str, first: int, ports: int, end: str = "-port0", step: int = 1) -> SerialDevice:
    kind = "ttyUSB" if end else "ttyACM"
    made = [port(f"{kind}{first + number}", socket, number * step, end) for number in range(ports)]
    return SerialDevice(tuple(made), f"1-{socket}", "2c7c:0125", is_module=True)


def adapter(socket: str, first: int, ports: int) -> SerialDevice:
    return replace(module(socket, first, ports), is_module=False)


BOARD = SerialDevice((SerialPort("ttyS0", "/dev/ttyS0", "serial"),))
TWO_EC25 = (module("1.1", 0, 4), module("1.2", 4, 4))
POOL = tuple(adapter(f"1.{socket}", socket - 1, 1) for socket in range(1, 17))


def selected(*devices: SerialDevice, **answers: bool) -> tuple[list[str], list[str]]:
    """The selected ttys, and the sockets of the modules whose port is a guess."""
    found = select_ports(devices, {f"/dev/{tty}": answer for tty, answer in answers.items()})
    return [port.tty for port in found.ports], [device.socket for device in found.guesses]


def line(*devices: SerialDevice, **answers: bool) -> str:
    found = select_ports(devices, {f"/dev/{tty}": answer for tty, answer in answers.items()})
    return rent_ports(found.ports, {port.tty: port.by_path for device in devices for port in device.ports})


@pytest.mark.parametrize(
    ("devices", "answers", "ports", "guesses"),
    [
        pytest.param([module("1", 0, 4)], {}, ["ttyUSB2"], ["1-1"], id="third interface"),
        pytest.param([module("1", 0, 3)], {}, ["ttyUSB2"], ["1-1"], id="Huawei"),
        pytest.param([module("1", 0, 3, "", 2)], {}, ["ttyACM1"], ["1-1"], id="cdc_acm"),
        pytest.param([module("1", 0, 2)], {}, ["ttyUSB1"], ["1-1"], id="last port"),
        pytest.param([module("1", 0, 1)], {}, ["ttyUSB0"], [], id="only port"),
        pytest.param(
            [module("1", 0, 4)],
            {"ttyUSB0": False, "ttyUSB1": False, "ttyUSB2": True, "ttyUSB3": True},
            ["ttyUSB2"],
            [],
            id="first that answers",
        ),
        pytest.param([module("1", 0, 4)], {"ttyUSB3": True}, ["ttyUSB3"], [], id="others are held"),
        pytest.param([module("1", 0, 4)], {"ttyUSB2": False}, ["ttyUSB2"], ["1-1"], id="none answers"),
        pytest.param([adapter("1", 0, 4)], {}, [f"ttyUSB{n}" for n in range(4)], [], id="adapter"),
        pytest.param(
            [adapter("1", 0, 2)], {"ttyUSB0": False, "ttyUSB1": True}, ["ttyUSB0", "ttyUSB1"], [], id="asked"
        ),
        pytest.param([BOARD], {}, [], [], id="board"),
        pytest.param([BOARD], {"ttyS0": False}, [], [], id="board without a module"),
        pytest.param([BOARD], {"ttyS0": True}, ["ttyS0"], [], id="board with a module"),
    ],
)
def test_one_port_of_every_module_is_selected(
    devices: list[SerialDevice], answers: dict[str, bool], ports: list[str], guesses: list[str]
):
    assert selected(*devices, **answers) == (ports, guesses)


@pytest.mark.parametrize(
    ("devices", "value"),
    [
        pytest.param([module("1.1", 0, 4)], f"{BY_PATH}:1.1:1.2-port0", id="one module"),
        pytest.param(TWO_EC25, "'/dev/serial/by-path/*:1.2-port0'", id="two modules"),
        pytest.param(
            [module("1", 0, 4), module("2", 4, 3)], "'/dev/serial/by-path/*:1.2-port0'", id="two kinds"
        ),
        pytest.param(POOL, "'/dev/serial/by-path/*'", id="pool"),
        pytest.param([adapter("3", 0, 4)], "'/dev/serial/by-path/*'", id="adapter"),
        pytest.param(
            [module("1", 0, 3, "", 2), module("2", 3, 3, "", 2)], "'/dev/serial/by-path/*:1.2'", id="cdc_acm"
        ),
        pytest.param(
            [adapter("1.1", 0, 2), adapter("1.2", 2, 1), module("2", 8, 4, "", 4)],
            f"'{BY_PATH}:1.1:1.0-port0 {BY_PATH}:1.1:1.1-port0 {BY_PATH}:1.2:1.0-port0 {BY_PATH}:2:1.12'",
            id="no glob says it",
        ),
    ],
)
def test_one_glob_is_written_if_it_finds_exactly_the_ports(devices: list[SerialDevice], value: str):
    assert line(*devices) == f"RENT_PORTS={value}"


def test_a_glob_never_finds_a_port_that_is_not_selected():
    answers = {"ttyUSB2": True, "ttyUSB7": True}
    assert line(*TWO_EC25, **answers) == f"RENT_PORTS='{BY_PATH}:1.1:1.2-port0 {BY_PATH}:1.2:1.3-port0'"


def test_a_glob_may_be_narrowed_to_one_hub():
    others = module("2", 8, 4)
    ports = [device.ports[2] for device in TWO_EC25]
    names = {port.tty: port.by_path for device in (*TWO_EC25, others) for port in device.ports}
    assert rent_ports(ports, names) == f"RENT_PORTS='{BY_PATH}:1.*:1.2-port0'"


def test_both_names_of_newer_systemd_count_as_one():
    ports = [device.ports[2] for device in TWO_EC25]
    names = {
        port.tty: (*port.by_path, port.by_path[0].replace("-usb-", "-usbv2-"))
        for device in TWO_EC25
        for port in device.ports
    }
    assert rent_ports(ports, names) == "RENT_PORTS='/dev/serial/by-path/*:1.2-port0'"


def test_without_names_in_by_path_the_devices_are_listed():
    ports = [replace(device.ports[2], by_path=()) for device in TWO_EC25]
    assert rent_ports(ports, {}) == "RENT_PORTS='/dev/ttyUSB2 /dev/ttyUSB6'"
