"""Reads from sysfs which USB device and which driver stand behind a serial device."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from onlinesim_rent.modem.printable import printable

SYSFS = Path("/sys")

_USB = re.compile(r"(?P<device>.*)/(?P<interface>[0-9]+-[0-9.]+:[0-9]+\.[0-9]+)/")
"""Where a tty's path goes through a USB interface, ``<bus>-<ports>:<configuration>.<number>``.

usb-serial has one more directory between the interface and the tty than cdc_acm: the adapter's port.
"""


@dataclass(frozen=True, slots=True)
class UsbTty:
    """A serial device of a USB device. ``device`` and ``interface`` are their directories in sysfs."""

    name: str
    number: int
    device: str
    interface: str

    @property
    def driver(self) -> str:
        """The driver of the interface; empty if it has none at the moment."""
        try:
            return os.path.basename(os.readlink(f"{self.interface}/driver"))
        except FileNotFoundError:
            return ""

    @property
    def vendor(self) -> str:
        """The USB device's idVendor, four hexadecimal digits. Raises OSError if the device is gone."""
        return _text(f"{self.device}/idVendor")

    @property
    def model(self) -> str:
        """The USB device's ``idVendor:idProduct``. Raises OSError if the device is gone."""
        return f"{self.vendor}:{_text(f'{self.device}/idProduct')}"

    @property
    def product(self) -> str:
        """The names of the maker and the product, as the USB device gives them; empty if it gives none."""
        return " ".join(filter(None, map(self._optional_text, ("manufacturer", "product"))))

    @property
    def socket(self) -> str:
        """The path of the USB socket: ``<bus>-<port>.<port>`` through the hubs."""
        return os.path.basename(self.device)

    @property
    def interface_number(self) -> int:
        """The number of the interface, from 0."""
        return int(self.interface.rpartition(".")[2])

    def _optional_text(self, file: str) -> str:
        try:
            return printable(_text(f"{self.device}/{file}"))
        except FileNotFoundError:
            return ""


def tty_entries(sysfs: Path = SYSFS) -> set[tuple[str, int]]:
    """Return the name and the inode number of every tty; a new device has a new number. Raises OSError."""
    with os.scandir(f"{sysfs}/class/tty") as entries:
        return {(entry.name, entry.inode()) for entry in entries}


def usb_tty(name: str, sysfs: Path = SYSFS) -> UsbTty | None:
    """Return a tty by its name; None if it is not of USB. Raises OSError if it is gone or not complete."""
    classes = f"{sysfs}/class/tty"
    found = _USB.match(os.readlink(f"{classes}/{name}"))
    if not found:
        return None
    major, minor = _text(f"{classes}/{name}/dev").split(":")
    device = os.path.normpath(f"{classes}/{found['device']}")
    return UsbTty(name, os.makedev(int(major), int(minor)), device, f"{device}/{found['interface']}")


def _text(file: str) -> str:
    # Not a Path: making one costs more than reading the file.
    with open(file, encoding="utf-8", errors="replace") as opened:
        return opened.read().strip()
