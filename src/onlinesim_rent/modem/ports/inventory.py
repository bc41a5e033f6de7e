"""Lists the serial devices of a host, as sysfs and udev's names show them. Opens none of them.

A modem's ports belong to one module. An adapter's ports do not: a module hangs on each of them.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from onlinesim_rent.modem.ports.names import natural
from onlinesim_rent.modem.ports.sysfs import SYSFS, UsbTty, tty_entries, usb_tty
from onlinesim_rent.modem.ports.topology import is_of_an_adapter
from onlinesim_rent.modem.ports.uarts import uart_driver


@dataclass(frozen=True, slots=True)
class Host:
    """Where sysfs is mounted, and the directory of the devices."""

    sysfs: Path = SYSFS
    devices: Path = Path("/dev")

    @property
    def by_path(self) -> Path:
        """Where udev keeps the names that tell the USB socket."""
        return self.devices / "serial" / "by-path"


HOST = Host()
"""This host."""


@dataclass(frozen=True, slots=True)
class SerialPort:
    """One serial port: the kernel's name, its device, and its names in ``by-path``, the best one first.

    ``interface`` is the number of the USB interface; None if the port is not of USB.
    """

    tty: str
    device: str
    driver: str
    interface: int | None = None
    by_path: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name for RENT_PORTS: one that stays after a replug, if there is one."""
        return self.by_path[0] if self.by_path else self.device


@dataclass(frozen=True, slots=True)
class SerialDevice:
    """A USB device with serial ports, or one serial line of the board, which has no ``socket``.

    ``socket`` is the path of the USB socket, ``model`` is ``idVendor:idProduct``, and ``product`` is the name
    that the device gives itself. If it ``is_module``, its ports are one module's.
    """

    ports: tuple[SerialPort, ...]
    socket: str = ""
    model: str = ""
    product: str = ""
    is_module: bool = False


def serial_devices(host: Host = HOST) -> list[SerialDevice]:
    """Return the devices in the order of their sockets, and the board's lines after them.

    Raises OSError if sysfs cannot be read.
    """
    ttys = sorted((name for name, _ in tty_entries(host.sysfs)), key=natural)
    names = stable_names(host)
    return [*_usb_devices(ttys, names, host), *_board_lines(ttys, host)]


def stable_names(host: Host = HOST) -> dict[str, list[str]]:
    """Return the names in by-path of each tty. The name that newer systemd adds (``usbv2``) comes last."""
    links: dict[str, list[str]] = defaultdict(list)
    try:
        entries = sorted(os.listdir(host.by_path), key=lambda name: (len(name), name))
    except OSError:
        return {}
    for entry in entries:
        with suppress(OSError):
            path = host.by_path / entry
            links[os.path.basename(os.readlink(path))].append(str(path))
    return links


def stable_path(port: str, names: Mapping[str, list[str]]) -> str:
    """Return a port's path in by-path, from ``stable_names``; the port's own name if it has none."""
    tty = os.path.basename(os.path.realpath(port)) if port.startswith("/dev/") else ""
    return names[tty][0] if names.get(tty) else port


def _usb_devices(ttys: Sequence[str], names: Mapping[str, list[str]], host: Host) -> Iterator[SerialDevice]:
    of_device: dict[str, list[UsbTty]] = defaultdict(list)
    for name in ttys:
        # Leave out a device that is just being plugged in or out.
        with suppress(OSError):
            if tty := usb_tty(name, host.sysfs):
                of_device[tty.socket].append(tty)
    for socket in sorted(of_device, key=natural):
        with suppress(OSError):
            yield _usb_device(of_device[socket], names, host)


def _usb_device(ttys: Sequence[UsbTty], names: Mapping[str, list[str]], host: Host) -> SerialDevice:
    first = ttys[0]
    ports = (
        SerialPort(
            tty.name,
            str(host.devices / tty.name),
            tty.driver,
            tty.interface_number,
            tuple(names.get(tty.name, ())),
        )
        for tty in ttys
    )
    is_module = not any(map(is_of_an_adapter, ttys))
    return SerialDevice(tuple(ports), first.socket, first.model, first.product, is_module)


def _board_lines(ttys: Sequence[str], host: Host) -> Iterator[SerialDevice]:
    for name in ttys:
        driver = uart_driver(name, host.sysfs)
        if driver is not None:
            yield SerialDevice((SerialPort(name, str(host.devices / name), driver),))
