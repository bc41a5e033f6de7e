"""Who else has a serial device open. Any sign of a holder means: in use.

Locks do not see each other: some programs flock, some take TIOCEXCL, some leave a lock file, and many only
hold the device open. Nothing here opens a device, since opening already harms its holder.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from onlinesim_rent.clock import Deadline
from onlinesim_rent.finding import CensusError
from onlinesim_rent.modem.ports.statx import character_devices
from onlinesim_rent.modem.printable import printable

TIOCGEXCL = 0x80045440
"""linux/tty.h: reads whether TIOCEXCL is set; root may open a device in spite of it."""

_PTS_MAJORS = range(136, 144)
_HIDDEN_OR_ENDED = (PermissionError, FileNotFoundError, ProcessLookupError)
"""What /proc answers for another user's process, and for one that has ended."""


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """What two paths to one character device have in common.

    Pseudo-terminals are numbered anew in every mount of devpts, so theirs tells the mount too.
    """

    number: int
    mount: int = 0

    @classmethod
    def of(cls, status: os.stat_result) -> DeviceIdentity:
        """The identity of a character device by its stat."""
        return cls.of_numbers(status.st_rdev, status.st_dev)

    @classmethod
    def of_numbers(cls, rdev: int, dev: int) -> DeviceIdentity:
        """The identity of a character device by its number and by its file system's."""
        return cls(rdev, dev if os.major(rdev) in _PTS_MAJORS else 0)


def processes_holding(
    devices: Iterable[DeviceIdentity], ours: Collection[int] = (), deadline: Deadline | None = None
) -> dict[DeviceIdentity, str]:
    """Who has one of the devices open, as ``process <pid> (<name>)``.

    ``ours`` are descriptors of this process that do not count. Its others do: the rest of the application
    may use a port too.
    Reads /proc once for all devices: every process as root, else those of this user.
    Raises CensusError where /proc cannot be read at all, or when the deadline comes first.
    """
    wanted = set(devices)
    try:
        return dict(_holders(wanted, {str(descriptor) for descriptor in ours}, deadline)) if wanted else {}
    except OSError as error:
        raise CensusError(f"/proc does not tell who uses the ports: {error.strerror}") from error


def is_exclusive(descriptor: int) -> bool:
    """Whether somebody has set TIOCEXCL on an open terminal; False where it is no terminal."""
    try:
        answer = fcntl.ioctl(descriptor, TIOCGEXCL, struct.pack("i", 0))
    except OSError:
        return False
    return answer != struct.pack("i", 0)


def _holders(
    wanted: set[DeviceIdentity], ours: Collection[str], deadline: Deadline | None
) -> Iterator[tuple[DeviceIdentity, str]]:
    # Not getpid(): /proc may be that of an outer PID namespace.
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
    """Where /proc shows a process's descriptors: in another thread once the main one has ended."""
    yield f"/proc/{process}/fd"
    try:
        threads = os.listdir(f"/proc/{process}/task")
    except _HIDDEN_OR_ENDED:
        return
    yield from (f"/proc/{process}/task/{thread}/fd" for thread in threads if thread != process)


def _devices_in(directory: str, but_for: Collection[str]) -> set[DeviceIdentity]:
    """The character devices among the descriptors that a directory of /proc shows.

    Raises FileNotFoundError where it shows none, as that of an ended thread.
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
