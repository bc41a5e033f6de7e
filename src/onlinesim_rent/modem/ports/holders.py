"""Finds other processes that have a serial device open. Any sign of such a holder means: in use.

Programs lock in different ways: some use flock, some TIOCEXCL, some a lock file, and many only keep the
device open. This module opens no device, because opening can already disturb its holder.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Collection, Iterable

from onlinesim_rent.clock import Deadline
from onlinesim_rent.finding import CensusError
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.helper import asking
from onlinesim_rent.modem.ports.open_files import holders_seen, sees_every_process

TIOCGEXCL = 0x80045440
"""linux/tty.h: tells whether TIOCEXCL is set. TIOCEXCL does not stop root from opening the device."""


def processes_holding(
    devices: Iterable[DeviceIdentity], ours: Collection[int] = (), deadline: Deadline | None = None
) -> dict[DeviceIdentity, str]:
    """Return a holder of each device that is open, as ``process <pid> (<name>)``.

    ``ours`` are descriptors of this process to ignore. Its other descriptors are holders too, because the
    rest of the application may use a port. Reads /proc once for all devices. If this process may not see
    every other one, the helper looks as well, if there is one. Raises CensusError if /proc cannot be read at
    all, if the helper fails, or when the deadline comes first.
    """
    wanted = set(devices)
    if not wanted:
        return {}
    try:
        if sees_every_process():
            held = holders_seen(wanted, ours, deadline=deadline)
        else:
            with asking.helper_asked(wanted, deadline) as answer:
                held = holders_seen(wanted, ours, deadline=deadline)
                held |= answer()
    except OSError as error:
        raise CensusError(f"/proc does not tell who uses the ports: {error.strerror}") from error
    return {device: str(holder) for device, holder in held.items()}


def cannot_see_all_holders() -> str:
    """Say what this process cannot see, and what to do about it; empty if it sees every holder."""
    try:
        if sees_every_process() or os.access(asking.SOCKET, os.W_OK):
            return ""
    except OSError:
        # The census says what is wrong with /proc.
        return ""
    return (
        "this process cannot see whether another user's program holds a port open without a lock, and would "
        "count its module: run that program as this user, run this one as root, or install the service "
        "with its helper (make install)"
    )


def held_open(device: DeviceIdentity, holder: str) -> str:
    """Return the reason for a device that a holder has open. socat may hold the terminal that it makes."""
    reason = f"held open by {holder}"
    if device.is_pseudo_terminal and holder.endswith("(socat)"):
        reason += ": start socat with wait-slave,ignoreeof, or name the port that it bridges in RENT_PORTS"
    return reason


def is_exclusive(descriptor: int) -> bool:
    """Whether a program has set TIOCEXCL on an open terminal; False if it is not a terminal."""
    try:
        answer = fcntl.ioctl(descriptor, TIOCGEXCL, struct.pack("i", 0))
    except OSError:
        return False
    return answer != struct.pack("i", 0)
