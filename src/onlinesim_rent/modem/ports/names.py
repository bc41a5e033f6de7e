"""The names of a serial device: the kernel's, udev's symlinks, and how programs shorten a path."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from onlinesim_rent.modem.ports.device import DeviceIdentity

UDEV_DATA = Path("/run/udev/data")
KERNEL_DEVICES = Path("/sys/dev/char")


def udev_links(device: DeviceIdentity | None, udev_data: Path = UDEV_DATA) -> list[str]:
    """Return the symlinks that udev made for a device, as paths below /dev; empty if there are none."""
    if device is None:
        return []
    try:
        # Not a Path: making one costs more than reading the file, for every port of every census.
        with open(
            f"{udev_data}/c{os.major(device.number)}:{os.minor(device.number)}", errors="replace"
        ) as record:
            return [line[2:].rstrip("\n") for line in record if line.startswith("S:")]
    except OSError:
        return []


def kernel_names(device: DeviceIdentity | None, kernel_devices: Path = KERNEL_DEVICES) -> list[str]:
    """Return the kernel's own name for a device, whatever its path is here; empty if there is none."""
    if device is None:
        return []
    number = f"{os.major(device.number)}:{os.minor(device.number)}"
    try:
        return [os.path.basename(os.readlink(f"{kernel_devices}/{number}"))]
    except OSError:
        return []


def short_names(paths: Iterable[str]) -> list[str]:
    """Return each path's last part, and the path below /dev with "_" for "/"; each name once."""
    below_dev = [path.removeprefix("/dev/") for path in paths]
    names = (name for path in below_dev for name in (path.rpartition("/")[2], path.replace("/", "_")))
    return list(dict.fromkeys(names))


def natural(name: str) -> list[str | int]:
    """Return a sort key that puts ttyUSB2 before ttyUSB10."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]
