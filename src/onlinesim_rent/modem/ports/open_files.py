"""Looks in /proc for the processes that have a device open, as far as this process may see them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from onlinesim_rent.clock import Deadline
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.statx import character_devices
from onlinesim_rent.modem.printable import printable

_HIDDEN_OR_ENDED = (PermissionError, FileNotFoundError, ProcessLookupError)
"""The errors of /proc for another user's process, and for a process that has ended."""

_NAMES_AT_ONCE = 1000
"""So many descriptors are looked at between two looks at the clock: any user's process may have a million."""

# linux/capability.h
_DAC_OVERRIDE, _DAC_READ_SEARCH, _SYS_PTRACE = 1 << 1, 1 << 2, 1 << 19


class Holder(NamedTuple):
    """A process that has a device open."""

    process: int
    name: str

    def __str__(self) -> str:
        return f"process {self.process} ({self.name})"


def holders_seen(
    wanted: Collection[DeviceIdentity],
    ours: Collection[int] = (),
    left_out: int | None = None,
    deadline: Deadline | None = None,
) -> dict[DeviceIdentity, Holder]:
    """Return a holder of each device that a process has open.

    ``ours`` are descriptors of this process to ignore, ``left_out`` is a process to ignore. Raises OSError if
    /proc cannot be read at all, and CensusError when the deadline comes first.
    """
    return dict(_holders(set(wanted), {str(descriptor) for descriptor in ours}, left_out, deadline))


def sees_every_process() -> bool:
    """Whether this process may see what every other process has open. Raises OSError."""
    status = Path("/proc/self/status").read_text(errors="replace")
    effective = int(status.partition("\nCapEff:")[2].split(maxsplit=1)[0], 16)
    # The first opens another user's /proc/<pid>/fd, the other follows what is in it.
    return bool(effective & (_DAC_OVERRIDE | _DAC_READ_SEARCH)) and bool(effective & _SYS_PTRACE)


def _holders(
    wanted: set[DeviceIdentity], ours: Collection[str], left_out: int | None, deadline: Deadline | None
) -> Iterator[tuple[DeviceIdentity, Holder]]:
    # Not getpid(): /proc may belong to an outer PID namespace.
    this_process = os.readlink("/proc/self")
    for process in filter(str.isdigit, os.listdir("/proc")):
        if int(process) == left_out:
            continue
        for device in open_devices(process, ours if process == this_process else (), deadline) & wanted:
            yield device, Holder(int(process), _name(process))
        _check(deadline)


def _check(deadline: Deadline | None) -> None:
    if deadline:
        deadline.check("looking for programs that use the ports")


def open_devices(process: str, but_for: Collection[str], deadline: Deadline | None) -> set[DeviceIdentity]:
    """Return the character devices that a process has open, except by the descriptors ``but_for``.

    Leaves out a process that this one may not look at. Raises CensusError when the deadline comes first.
    """
    for directory in _descriptor_directories(process):
        try:
            return _devices_in(directory, but_for, deadline)
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


def _devices_in(directory: str, but_for: Collection[str], deadline: Deadline | None) -> set[DeviceIdentity]:
    """Return the character devices among the descriptors in a directory of /proc.

    Raises FileNotFoundError if there are no descriptors, as for an ended thread, and CensusError when the
    deadline comes first.
    """
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        descriptors = os.listdir(opened)
        if not descriptors:
            raise FileNotFoundError(directory)
        others = (name for name in _in_time(descriptors, deadline) if name not in but_for)
        # A program may have one device open a thousand times.
        distinct = set(character_devices(opened, others))
        return {DeviceIdentity.of_numbers(*numbers) for numbers in distinct}
    finally:
        os.close(opened)


def _in_time(names: Sequence[str], deadline: Deadline | None) -> Iterator[str]:
    for first in range(0, len(names), _NAMES_AT_ONCE):
        _check(deadline)
        yield from names[first : first + _NAMES_AT_ONCE]


def _name(process: str) -> str:
    try:
        return printable(Path(f"/proc/{process}/comm").read_text(errors="replace").removesuffix("\n"))
    except OSError:
        return "ended"
