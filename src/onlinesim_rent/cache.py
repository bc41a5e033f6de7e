"""One census at a time, and a few seconds of memory, across threads, workers and the command line.

filelock lets one of them take a census while the others wait: the kernel frees the lock of a process
that is killed. The memory is one JSON file, put in its place whole; cachelib's file cache would add
pickles, hashed names and a housekeeping of its own to that. Ages are on CLOCK_BOOTTIME, which no clock
change moves and which goes on while the host sleeps; the boot's own number tells a reboot.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

from filelock import FileLock, Timeout

from onlinesim_rent.census import Census
from onlinesim_rent.errors import CensusError

_OTHERS_CENSUS = "another census was still being taken when the time for this one was up"
_POLL_SECONDS = 0.02
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def boot_clock() -> float:
    """Seconds since the host was started, those it slept included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class CensusCache:
    """Gives the census of the last ``seconds``, or takes one with ``take(deadline)``.

    ``record(previous, census)`` is told of every census that is taken, whoever took the previous one.
    Deadlines are on ``clock``, ages on ``age_clock``. The directory is made for this user alone.
    """

    def __init__(
        self,
        directory: Path,
        seconds: float,
        take: Callable[[float], Census],
        *,
        record: Callable[[Census | None, Census], None],
        clock: Callable[[], float] = time.monotonic,
        age_clock: Callable[[], float] = boot_clock,
    ) -> None:
        self._directory = directory
        self._seconds = seconds
        self._take = take
        self._record = record
        self._clock = clock
        self._age_clock = age_clock

    def get(self, deadline: float) -> Census:
        """The census to answer with, by ``deadline``.

        Raises CensusError where the directory cannot be used, or another's census outlasts the deadline.
        """
        try:
            self._prepare_directory()
            return self._remembered() or self._alone(deadline)
        except Timeout as error:
            raise CensusError(_OTHERS_CENSUS) from error
        except OSError as error:
            raise self._unusable(error) from error

    def last(self) -> tuple[Census, float] | None:
        """The last census that was taken, however old, and its age in seconds."""
        try:
            record = json.loads(self._file.read_text())
            age = self._age_clock() - record["taken_at"]
            if record["boot"] != _boot() or age < 0:
                return None
            return Census.from_json(record["census"]), age
        except (OSError, KeyError, TypeError, ValueError):
            # There is none, or one of another release of this service, or the disk is broken.
            return None

    def last_failure(self) -> str:
        """Why the last census that was wanted could not be taken; empty when it could."""
        try:
            self._prepare_directory()
            self._try_to_write()
            return self._failure_file.read_text()
        except FileNotFoundError:
            return ""
        except OSError as error:
            return str(self._unusable(error))
        except CensusError as error:
            return str(error)

    @property
    def _file(self) -> Path:
        return self._directory / "census.json"

    @property
    def _failure_file(self) -> Path:
        return self._directory / "failure.txt"

    def _alone(self, deadline: float) -> Census:
        lock = FileLock(self._directory / "census.lock", mode=0o600)
        with lock.acquire(timeout=max(0.0, deadline - self._clock()), poll_interval=_POLL_SECONDS):
            if census := self._remembered():
                return census
            previous = self.last()
            census = self._take_or_tell(deadline)
            self._record(previous[0] if previous else None, census)
            return census

    def _take_or_tell(self, deadline: float) -> Census:
        try:
            return self._take_and_remember(deadline)
        except CensusError as error:
            # On a full disk it may not fit; then last_failure() finds that out by itself.
            with suppress(OSError):
                self._replace(self._failure_file, str(error))
            raise

    def _take_and_remember(self, deadline: float) -> Census:
        census = self._take(deadline)
        try:
            self._remember(census)
        except OSError as error:
            raise self._unusable(error) from error
        return census

    def _remembered(self) -> Census | None:
        last = self.last()
        return last[0] if last and last[1] < self._seconds else None

    def _remember(self, census: Census) -> None:
        record = {"boot": _boot(), "taken_at": self._age_clock(), "census": census.to_json()}
        self._replace(self._file, json.dumps(record))
        self._failure_file.unlink(missing_ok=True)

    def _replace(self, file: Path, content: str) -> None:
        """Put a file in its place whole; the lock is held, so nobody else writes the new one."""
        new = file.with_suffix(".new")
        new.write_text(content)
        new.chmod(0o600)
        new.replace(file)

    def _try_to_write(self) -> None:
        """Raise OSError on a full or read-only disk, where nothing could have been told of a failure."""
        with TemporaryFile(dir=self._directory, buffering=0) as file:
            file.write(b"?")

    def _unusable(self, error: OSError) -> CensusError:
        return CensusError(f"RENT_RUNTIME_DIR ({self._directory}) cannot be used: {error.strerror}")

    def _prepare_directory(self) -> None:
        """Make the directory, and refuse one in which others could put a census of theirs."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self._directory.stat()
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o022:
            reason = f"RENT_RUNTIME_DIR ({self._directory}) must belong to the service's user, mode 0700"
            raise CensusError(reason)


def _boot() -> str:
    return _BOOT.read_text().strip()
