"""Finds other processes that have a serial device open. Any sign of such a holder means: in use.

Programs lock in different ways: some use flock, some TIOCEXCL, some a lock file, and many only keep the
device open. This module opens no device, because opening can already disturb its holder.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from onlinesim_rent.clock import Deadline
from onlinesim_rent.finding import CensusError, NotCounted, Verdict
from onlinesim_rent.modem.ports.statx import character_devices
from onlinesim_rent.modem.printable import printable

TIOCGEXCL = 0x80045440
"""linux/tty.h: tells whether TIOCEXCL is set. TIOCEXCL does not stop root from opening the device."""

_PTS_MAJORS = range(136, 144)
_HIDDEN_OR_ENDED = (PermissionError, FileNotFoundError, ProcessLookupError)
"""The errors of /proc for another user's process, and for a process that has ended."""


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """Identifies a character device: two paths to one device have equal identities.

    Every mount of devpts numbers its pseudo-terminals from 0, so their identity includes the mount.
    """

    number: int
    mount: int = 0

    @property
    def is_pseudo_terminal(self) -> bool:
        """Whether it is a terminal that a program has made, and no serial device."""
        return os.major(self.number) in _PTS_MAJORS

    @classmethod
    def of(cls, status: os.stat_result) -> DeviceIdentity:
        """Return the identity of a character device from its stat result."""
        return cls.of_numbers(status.st_rdev, status.st_dev)

    @classmethod
    def of_numbers(cls, rdev: int, dev: int) -> DeviceIdentity:
        """Return the identity from the device's number and the number of its file system's device."""
        return cls(rdev, dev if os.major(rdev) in _PTS_MAJORS else 0)


def processes_holding(
    devices: Iterable[DeviceIdentity], ours: Collection[int] = (), deadline: Deadline | None = None
) -> dict[DeviceIdentity, str]:
    """Return a holder of each device that is open, as ``process <pid> (<name>)``.

    ``ours`` are descriptors of this process to ignore. Its other descriptors are holders too, because the
    rest of the application may use a port. Reads /proc once for all devices: root sees every process, another
    user only its own. Raises CensusError if /proc cannot be read at all, or
    when the deadline comes first.
    """
    wanted = set(devices)
    try:
        return dict(_holders(wanted, {str(descriptor) for descriptor in ours}, deadline)) if wanted else {}
    except OSError as error:
        raise CensusError(f"/proc does not tell who uses the ports: {error.strerror}") from error


def held_open(device: DeviceIdentity, holder: str) -> NotCounted:
    """Return the reason for a device that a holder has open. socat may hold the terminal that it makes."""
    reason = f"held open by {holder}"
    if device.is_pseudo_terminal and holder.endswith("(socat)"):
        reason += ": start socat with wait-slave,ignoreeof, or name the port that it bridges in RENT_PORTS"
    return NotCounted(Verdict.IN_USE, reason)


def is_exclusive(descriptor: int) -> bool:
    """Whether a program has set TIOCEXCL on an open terminal; False if it is not a terminal."""
    try:
        answer = fcntl.ioctl(descriptor, TIOCGEXCL, struct.pack("i", 0))
    except OSError:
        return False
    return answer != struct.pack("i", 0)


def _holders(
    wanted: set[DeviceIdentity], ours: Collection[str], deadline: Deadline | None
) -> Iterator[tuple[DeviceIdentity, str]]:
    # Not getpid(): /proc may belong to an outer PID namespace.
    this_process = os.readlink("/proc/self")
    for process in filter(str.isdigit, os.listdir("/proc")):
        for device in _open_devices(process, ours if process == this_process else ()) & wanted:
            yield device, f"process {process} ({_name(process)})"
        if deadline:
            deadline.check("looking for programs that use the ports")


def _open_devices(process: str, but_for: Collection[str]) -> set[DeviceIdentity]:
    for directory in _descriptor_directories(process):
        try:
            return _devices_in(directory, but_for)
        except _HIDDEN_OR_ENDED:
            continue
    return set()


def _descriptor_directories(process: str) -> Iterator[str]:
    """Where /proc shows a process's descriptors: after its main thread has ended, only in another thread."""
    yield f"/proc/{process}/fd"
    try:
        threads = os.listdir(f"/proc/{process}/task")
    except _HIDDEN_OR_ENDED:
        return
    yield from (f"/proc/{process}/task/{thread}/fd" for thread in threads if thread != process)


def _devices_in(directory: str, but_for: Collection[str]) -> set[DeviceIdentity]:
    """Return the character devices among the descriptors in a directory of /proc.

    Raises FileNotFoundError if there are no descriptors, as for an ended thread.
    """
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        descriptors = os.listdir(opened)
        if not descriptors:
            raise FileNotFoundError(directory)
        others = (name for name in descriptors if name not in but_for)
        return {DeviceIdentity.of_numbers(*numbers) for numbers in character_devices(opened, others)}
    finally:
        os.close(opened)


def _name(process: str) -> str:
    try:
        return printable(Path(f"/proc/{process}/comm").read_text(errors="replace").removesuffix("\n"))
    except OSError:
        return "ended"
