"""Tells which devices may be opened: only serial lines. Their device numbers tell it before any open().

Opening another device can do harm: a watchdog reboots the host, a tape rewinds, a person's terminal breaks.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NOT_SERIAL = "not a serial line: take it out of RENT_PORTS"
CONSOLE = (
    "the kernel writes its messages to this line: take console= out of the kernel's command line, "
    "or the line out of RENT_PORTS"
)
OWN_TERMINAL = "the terminal that this program was started in: take it out of RENT_PORTS"

_DRIVER = re.compile(
    r"\s(?P<major>[0-9]+)\s+(?P<first>[0-9]+)(-(?P<last>[0-9]+))?\s+(?P<type>\S+)$", re.MULTILINE
)
"""A line of /proc/tty/drivers: name, path, major number, minor numbers, type (fs/proc/proc_tty.c)."""

_CONSOLE = re.compile(r"\s([0-9]+):([0-9]+)$", re.MULTILINE)
"""The end of a line of /proc/consoles: the device's numbers (fs/proc/consoles.c)."""

Drivers = Mapping[int, Sequence[range]]
"""Minor numbers by major number."""

_PSEUDO_TERMINALS: Drivers = {major: [range(2**20)] for major in range(136, 144)}
"""Unix 98 slaves (admin-guide/devices.txt) have these numbers in every kernel."""


@dataclass(frozen=True, slots=True)
class SerialLines:
    """The device numbers of serial lines, of the kernel's consoles and of this program's own terminal.

    ``unreadable`` names a file of /proc that could not be read; some serial lines are then unknown.
    """

    drivers: Drivers
    consoles: frozenset[int] = frozenset()
    own_terminal: int = 0
    unreadable: str = ""

    @classmethod
    def now(cls) -> SerialLines:
        """Read them from /proc now. Raises nothing."""
        try:
            own_terminal = controlling_terminal(_text("/proc/self/stat"))
        except OSError as error:
            return cls({}, unreadable=error.filename)
        try:
            drivers, consoles = _text("/proc/tty/drivers"), _text("/proc/consoles")
        except OSError as error:
            return cls(serial_drivers(""), own_terminal=own_terminal, unreadable=error.filename)
        return cls(serial_drivers(drivers), console_devices(consoles), own_terminal)

    def refusal(self, status: os.stat_result) -> str:
        """Return why a path with this status must not be opened, for a person; empty if it may be opened."""
        device = status.st_rdev
        if not stat.S_ISCHR(status.st_mode):
            return NOT_SERIAL
        if device == self.own_terminal:
            return OWN_TERMINAL
        if device in self.consoles:
            return CONSOLE
        if any(os.minor(device) in minors for minors in self.drivers.get(os.major(device), ())):
            return ""
        if self.unreadable:
            return f"cannot tell whether it is a serial line: {self.unreadable} cannot be read"
        return NOT_SERIAL


def serial_drivers(drivers: str) -> Drivers:
    """Return the serial lines in the text of /proc/tty/drivers, and always the pseudo-terminals."""
    serial = dict(_PSEUDO_TERMINALS)
    for driver in _DRIVER.finditer(drivers):
        if driver["type"] in {"serial", "pty:slave"}:
            major, first = int(driver["major"]), int(driver["first"])
            last = int(driver["last"] or first)
            serial[major] = [*serial.get(major, ()), range(first, last + 1)]
    return serial


def console_devices(consoles: str) -> frozenset[int]:
    """Return the devices in the text of /proc/consoles; some consoles, such as netconsole, have none."""
    return frozenset(os.makedev(int(major), int(minor)) for major, minor in _CONSOLE.findall(consoles))


def controlling_terminal(process: str) -> int:
    """Return the terminal in the text of /proc/<pid>/stat (proc_pid_stat(5), tty_nr); 0 means none."""
    # The second field, the program's name, may hold spaces and brackets.
    _, _, fields = process.rpartition(")")
    number = int(fields.split()[4])
    return os.makedev((number >> 8) & 0xFFF, (number & 0xFF) | ((number >> 12) & 0xFFF00))


def _text(file: str) -> str:
    return Path(file).read_text(errors="replace")
