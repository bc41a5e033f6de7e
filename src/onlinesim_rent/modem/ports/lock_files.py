"""Finds lock files: programs keep them in a shared directory while they use a serial device.

A census looks only for the names that belong to its own ports. It lists a directory only if few files are in
it, because any user may fill it with files.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TypeVar

from onlinesim_rent.finding import CensusError
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.names import short_names

LOCK_DIRECTORIES = (
    Path("/run/lock"),
    Path("/run/lock/lockdev"),
    Path("/var/lock"),
    Path("/var/lock/lockdev"),
    Path("/var/spool/lock"),
)

_PREFIXES = ("LCK..", "LOCK..")
"""FHS 5.9 names the first; chan_dongle writes the second, which holds ``<pid> <descriptor>``."""
_LOCK_FILE_BYTES = 256
_MOST_LISTED = 1000
"""A look-up costs a system call for each name of each port. Up to so many files, one listing is cheaper."""
_MOST_PROCESSES = 2**22
"""linux/threads.h, PID_MAX_LIMIT: no process has a greater number."""
_FIRST_PID_NAMESPACE = "pid:[4026531836]"
"""linux/proc_ns.h, PROC_PID_INIT_INO."""

_Port = TypeVar("_Port")


def lock_file_names(paths: Iterable[str], device: DeviceIdentity | None) -> list[str]:
    """Return the names that a lock file of a device may have. ``paths`` are its paths, symlinks included.

    Programs use a path's last part, or the path below /dev with "_" for "/" (pppd). lockdev and SVR4 use
    ``LK.<file system's major>.<major>.<minor>``; the file system of /dev is not on a disk, so its major is 0.
    """
    names = [prefix + name for name in short_names(paths) for prefix in _PREFIXES]
    if device:
        names.append(f"LK.000.{os.major(device.number):03}.{os.minor(device.number):03}")
    return names


def live_lock_files(
    names_of: Mapping[_Port, Collection[str]], directories: Iterable[Path] = LOCK_DIRECTORIES
) -> dict[_Port, str]:
    """Return the path of a live lock file for each port that has one. ``names_of`` gives each port's names.

    A lock file is stale when its process has ended. It counts as live if it cannot be read or names no
    process. In a PID namespace (a container) process numbers differ, so there every lock file counts as live.
    Raises CensusError if this user may not look into a directory.
    """
    places = {place: _names_in(place) for place in _distinct(directories)}
    may_be_stale = _has_the_hosts_process_numbers()
    found: dict[_Port, str] = {}
    for port, names in names_of.items():
        for path in _lock_files(places, names):
            if _is_live(path, may_be_stale=may_be_stale):
                found[port] = path
                break
    return found


def may_be_locked(directories: Iterable[Path] = LOCK_DIRECTORIES) -> bool:
    """Tell whether there is any lock file at all; True if a directory holds too many files to list.

    Raises CensusError if this user may not look into a directory.
    """
    listings = [_names_in(place) for place in _distinct(directories)]
    return any(
        names is None or any(name.startswith((*_PREFIXES, "LK.")) for name in names) for names in listings
    )


def _names_in(place: str) -> frozenset[str] | None:
    """Return the names in a directory; None if there are many, or if this user may not list it."""
    try:
        with os.scandir(place) as entries:
            names = frozenset(entry.name for entry in islice(entries, _MOST_LISTED + 1))
    except OSError:
        return None
    return names if len(names) <= _MOST_LISTED else None


def _lock_files(places: Mapping[str, frozenset[str] | None], names: Collection[str]) -> Iterator[str]:
    """Yield the paths of the lock files of a port. ``places`` has the names in each directory."""
    for place, listed in places.items():
        if listed is None or not listed.isdisjoint(names):
            paths = (f"{place}/{name}" for name in names)
            yield from (path for path in paths if os.access(path, os.F_OK, follow_symlinks=False))


def _distinct(directories: Iterable[Path]) -> Iterator[str]:
    """Return the directories that exist, each once: /var/lock usually is a symlink to /run/lock."""
    seen: set[tuple[int, int]] = set()
    for directory in directories:
        try:
            # With the dot, stat() also checks the right to look into the directory.
            status = os.stat(f"{directory}/.")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise CensusError(f"cannot look for lock files in {directory}: {error.strerror}") from error
        if (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            yield str(directory)


def _has_the_hosts_process_numbers() -> bool:
    """Whether this process is in the host's PID namespace, so that process numbers mean the same."""
    try:
        return os.readlink("/proc/self/ns/pid") == _FIRST_PID_NAMESPACE
    except OSError:
        return False


def _is_live(path: str, *, may_be_stale: bool) -> bool:
    try:
        content = _beginning(path)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    process = _process_of(content)
    return process is None or not may_be_stale or _is_running(process)


def _beginning(path: str) -> bytes:
    """Read the first bytes without waiting: any user may put a pipe, a symlink or a huge file there."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags)
    try:
        return os.read(descriptor, _LOCK_FILE_BYTES)
    finally:
        os.close(descriptor)


def _is_running(process: int) -> bool:
    """Whether a process runs. kill() tells it even if /proc hides the process (hidepid)."""
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    return True


def _process_of(content: bytes) -> int | None:
    """Return the process that a lock file names, in ASCII digits (HDB) or as a binary int (older UUCP)."""
    if match := re.match(rb"\s*([0-9]+)\s", content + b"\n"):
        process = int(match[1])
    elif len(content) == 4:
        (process,) = struct.unpack("i", content)
    else:
        return None
    return process if 0 < process <= _MOST_PROCESSES else None
