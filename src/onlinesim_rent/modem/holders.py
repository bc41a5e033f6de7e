"""Who else uses a serial device. Any sign of a holder means: in use.

Locks do not see each other: some programs flock, some take TIOCEXCL, some leave a UUCP lock file, and
many only hold the device open. Nothing here opens a device, since opening already harms its holder.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

LOCK_DIRECTORIES = (Path("/var/lock"), Path("/run/lock"), Path("/var/spool/lock"))
TIOCGEXCL = 0x80045440
"""linux/tty.h: reads whether TIOCEXCL is set; root may open a device in spite of it."""

_NOT_SERIAL = (
    "/dev/null",
    "/dev/zero",
    "/dev/urandom",
    "/dev/random",
    "/dev/ptmx",
    "/dev/pts/ptmx",
)
_PTS_MAJORS = range(136, 144)
_LOCK_FILE_BYTES = 256
_MOST_PROCESSES = 2**22
"""linux/threads.h, PID_MAX_LIMIT: a greater number is no process's."""


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
        is_pseudo_terminal = os.major(status.st_rdev) in _PTS_MAJORS
        return cls(status.st_rdev, status.st_dev if is_pseudo_terminal else 0)


def processes_holding(
    devices: Iterable[DeviceIdentity], but_for: int | None = None
) -> dict[DeviceIdentity, str]:
    """Who has one of the devices open, as ``process <pid> (<name>)``, ``but_for`` one process.

    Reads /proc once for all of them: every process as root, else those of this user.
    """
    wanted = set(devices)
    holders: dict[DeviceIdentity, str] = {}
    for process in filter(str.isdigit, os.listdir("/proc") if wanted else ()):
        if process == str(but_for):
            continue
        for device in _open_devices(process):
            if device in wanted:
                holders[device] = f"process {process} ({_name(process)})"
    return holders


def live_lock_files(directories: Iterable[Path] = LOCK_DIRECTORIES) -> dict[str, str]:
    """The UUCP lock files (FHS 5.9, ``LCK..<name>``) of live processes, by the device name they stand for.

    A lock whose process is gone is stale. One that cannot be read, or that names no process, is taken to
    be live.
    """
    return {
        name.removeprefix("LCK.."): f"{directory}/{name}"
        for directory in directories
        for name in _listing(str(directory))
        if name.startswith("LCK..") and _is_live(directory / name)
    }


def is_exclusive(descriptor: int) -> bool:
    """Whether somebody has set TIOCEXCL on an open terminal; False where it is no terminal."""
    try:
        answer = fcntl.ioctl(descriptor, TIOCGEXCL, struct.pack("i", 0))
    except OSError:
        return False
    return answer != struct.pack("i", 0)


def _open_devices(process: str) -> Iterator[DeviceIdentity]:
    directory = f"/proc/{process}/fd"
    for descriptor in _listing(directory):
        link = f"{directory}/{descriptor}"
        try:
            target = os.readlink(link)
            if target.startswith("/dev/") and not target.startswith(_NOT_SERIAL):
                yield DeviceIdentity.of(os.stat(link))
        except OSError:
            # Closed, or its process ended, between listing and reading: it holds nothing now.
            continue


def _listing(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        # Another user's process, or one that has ended: Linux does not tell.
        return []


def _name(process: str) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text(errors="replace").strip()
    except OSError:
        return "ended"


def _is_live(lock_file: Path) -> bool:
    try:
        content = _beginning(lock_file)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    process = _process_of(content)
    return process is None or _is_running(process)


def _beginning(lock_file: Path) -> bytes:
    """What there is to read at once: anybody may have put a pipe, or much, into a lock directory."""
    descriptor = os.open(lock_file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _LOCK_FILE_BYTES)
    finally:
        os.close(descriptor)


def _is_running(process: int) -> bool:
    """Whether a process lives; a signal's permission tells even where /proc hides it (hidepid)."""
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    return True


def _process_of(content: bytes) -> int | None:
    """The process a lock file names: in ASCII digits (HDB), or as a binary int (older UUCP)."""
    if match := re.match(rb"\s*([0-9]+)\s", content + b"\n"):
        process = int(match[1])
    elif len(content) == 4:
        (process,) = struct.unpack("i", content)
    else:
        return None
    return process if 0 < process <= _MOST_PROCESSES else None
