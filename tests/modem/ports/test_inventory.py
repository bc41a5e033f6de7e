"""The serial devices of a host, on trees of sysfs and udev's names as real devices have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sysfs import (
    CH344_WITHOUT_ITS_DRIVER,
    E3372,
    EC25,
    FT4232H,
    L860,
    POOL_OF_16_CP210X,
    Listing,
    add_uart,
    named_by_udev,
    plug_in,
)

from onlinesim_rent.modem.ports.inventory import (
    HOST,
    Host,
    SerialDevice,
    serial_devices,
    stable_names,
    stable_path,
)

if TYPE_CHECKING:
    from pathlib import Path

PNP = (("pnp0", ""), ("00:04", "pnp/drivers/serial"))
SERIAL_BASE = (
    ("00:04:0", "serial-base/drivers/ctrl"),
    ("00:04:0.0", "serial-base/drivers/port"),
)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    plug_in(tmp_path / "sys")
    return Host(tmp_path / "sys", tmp_path / "dev")


def plugged(host: Host, *listings: Listing) -> list[SerialDevice]:
    plug_in(host.sysfs, *listings)
    named_by_udev(host.devices, *listings)
    return serial_devices(host)


def ttys(device: SerialDevice) -> list[str]:
    return [port.tty for port in device.ports]


def test_a_modem_is_one_module_with_its_ports(host: Host):
    [ec25] = plugged(host, EC25)
    assert (ec25.socket, ec25.model, ec25.product) == ("1-1", "2c7c:0125", "Quectel EC25-AF")
    assert ec25.is_module
    assert ttys(ec25) == ["ttyUSB0", "ttyUSB1", "ttyUSB2", "ttyUSB3"]
    assert [port.driver for port in ec25.ports] == ["option"] * 4
    assert [port.interface for port in ec25.ports] == [0, 1, 2, 3]
    assert ec25.ports[2].device == f"{host.devices}/ttyUSB2"
    assert ec25.ports[2].name == f"{host.by_path}/pci-0000:01:00.0-usb-0:1:1.2-port0"


@pytest.mark.parametrize(
    ("listings", "groups", "are_modules"),
    [
        pytest.param([EC25], [4], True, id="EC25"),
        pytest.param([E3372], [3], True, id="Huawei"),
        pytest.param([L860], [3], True, id="cdc_acm"),
        pytest.param([FT4232H], [4], False, id="FTDI with four lines"),
        pytest.param([CH344_WITHOUT_ITS_DRIVER], [4], False, id="adapter of cdc_acm"),
        pytest.param(POOL_OF_16_CP210X, [1] * 16, False, id="pool of 16 CP210x"),
    ],
)
def test_ports_are_grouped_by_their_usb_device(
    host: Host, *, listings: list[Listing], groups: list[int], are_modules: bool
):
    devices = plugged(host, *listings)
    assert [len(device.ports) for device in devices] == groups
    assert [device.is_module for device in devices] == [are_modules] * len(groups)


def test_devices_stand_in_the_order_of_their_sockets(host: Host):
    places = ("2-1", "1-10", "1-9", "1-1.10", "1-1.9")
    devices = plugged(
        host, *(Listing("", place, "2c7c:0125", (f"option ttyUSB{n}",)) for n, place in enumerate(places))
    )
    assert [device.socket for device in devices] == ["1-1.9", "1-1.10", "1-9", "1-10", "2-1"]


@pytest.mark.parametrize(
    ("above", "driver"),
    [
        pytest.param((*PNP, *SERIAL_BASE), "serial", id="Linux 6.5 and newer"),
        pytest.param(PNP, "serial", id="older"),
        pytest.param(
            (("platform", ""), ("serial8250", "platform/drivers/serial8250")), "serial8250", id="8250"
        ),
        pytest.param((("platform", ""), ("nowhere", "")), "", id="no driver"),
    ],
)
def test_a_line_of_the_board_is_listed_with_its_driver(
    host: Host, above: tuple[tuple[str, str], ...], driver: str
):
    add_uart(host.sysfs, "ttyS0", 4, *above)
    [line] = serial_devices(host)
    assert (line.socket, line.model, line.is_module) == ("", "", False)
    assert (line.ports[0].tty, line.ports[0].driver) == ("ttyS0", driver)


def test_a_line_without_a_uart_is_left_out(host: Host):
    add_uart(host.sysfs, "ttyS0", 4, *PNP, *SERIAL_BASE)
    add_uart(host.sysfs, "ttyS1", 0, ("platform", ""), ("serial8250", "platform/drivers/serial8250"))
    assert [ttys(device) for device in serial_devices(host)] == [["ttyS0"]]


def test_a_line_of_the_board_stands_after_the_usb_devices(host: Host):
    add_uart(host.sysfs, "ttyAMA0", 64, ("soc", ""), ("serial@7e201000", "amba/drivers/uart-pl011"))
    assert [ttys(device)[0] for device in plugged(host, EC25)] == ["ttyUSB0", "ttyAMA0"]


def test_other_terminals_are_left_out(host: Host):
    for tty in ("tty0", "console", "ptmx"):
        directory = host.sysfs / "devices/virtual/tty" / tty
        directory.mkdir(parents=True)
        (host.sysfs / "class/tty" / tty).symlink_to(f"../../devices/virtual/tty/{tty}")
    assert serial_devices(host) == []


def test_a_device_that_is_just_unplugged_is_left_out(host: Host):
    plugged(host, EC25, E3372._replace(interfaces=("option ttyUSB7",)))
    (host.sysfs / "devices/pci0000:00/0000:00:14.0/usb1/1-1/idProduct").unlink()
    assert [device.socket for device in serial_devices(host)] == ["3-3"]


def test_a_name_of_a_device_cannot_harm_a_terminal(host: Host):
    [device] = plugged(host, EC25._replace(names=("Evil\x1b[2J", "Модем")))
    assert device.product == "Evil?[2J ?????"


def test_without_udev_a_port_has_the_kernels_name(host: Host):
    plug_in(host.sysfs, EC25)
    [ec25] = serial_devices(host)
    assert ec25.ports[0].name == f"{host.devices}/ttyUSB0"
    assert stable_names(host) == {}


def test_the_name_that_older_systemd_has_too_comes_first(host: Host):
    named_by_udev(host.devices, EC25)
    for name in list(host.by_path.iterdir()):
        name.with_name(name.name.replace("-usb-", "-usbv2-")).symlink_to(name.readlink())
    names = stable_names(host)["ttyUSB0"]
    assert [name.rpartition("/")[2] for name in names] == [
        "pci-0000:01:00.0-usb-0:1:1.0-port0",
        "pci-0000:01:00.0-usbv2-0:1:1.0-port0",
    ]


def test_without_sysfs_nothing_is_known(tmp_path: Path):
    with pytest.raises(OSError, match="class/tty"):
        serial_devices(Host(tmp_path, tmp_path))


def test_this_hosts_own_devices_are_listed():
    assert all(device.ports for device in serial_devices(HOST))


def test_a_port_is_named_by_its_socket_where_it_has_such_a_name():
    names = {"ttyUSB3": ["/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0-port0"]}

    assert stable_path("/dev/ttyUSB3", names) == names["ttyUSB3"][0]
    assert stable_path("/dev/ttyUSB4", names) == "/dev/ttyUSB4"
    assert stable_path("socket://10.0.0.5:7001", names) == "socket://10.0.0.5:7001"
