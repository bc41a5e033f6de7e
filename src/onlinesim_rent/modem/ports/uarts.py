"""Tells which serial lines of the board are real: a kernel may make ttyS0 to ttyS31 for no UART at all."""

from __future__ import annotations

import os
from pathlib import Path

from onlinesim_rent.modem.ports.sysfs import SYSFS

_NO_UART = "0"
"""linux/serial_core.h, PORT_UNKNOWN: the type of a line whose UART was not found."""

_SERIAL_BASE = frozenset({"port", "ctrl"})
"""Linux 6.5 and newer put them between a UART and its own driver (drivers/tty/serial/serial_base_bus.c)."""


def uart_driver(name: str, sysfs: Path = SYSFS) -> str | None:
    """Return the driver of a tty's UART; empty if it has none. None if the tty has no UART.

    Only the kernel's serial_core gives a tty a ``type`` (ABI/stable/sysfs-tty): a USB device's tty, a virtual
    console and a pseudo-terminal have none.
    """
    try:
        kind = Path(sysfs, "class/tty", name, "type").read_text().strip()
    except OSError:
        return None
    return None if kind == _NO_UART else _driver(Path(os.path.realpath(f"{sysfs}/class/tty/{name}")), sysfs)


def _driver(tty: Path, sysfs: Path) -> str:
    """Return the nearest driver above a tty."""
    for device in tty.parents:
        if device == sysfs:
            break
        try:
            driver = os.path.basename(os.readlink(device / "driver"))
        except OSError:
            continue
        if driver not in _SERIAL_BASE:
            return driver
    return ""
