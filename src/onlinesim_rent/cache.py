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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import NamedTuple

from filelock import FileLock, Timeout

from onlinesim_rent.census import Census
from onlinesim_rent.errors import CensusError

LEAST_SECONDS = 3.0
"""What a census needs to tell a silent port from a slow one. With less left, after waiting, none is begun."""

RESERVE_SECONDS = 0.3
"""What is kept of the time for closing the ports and for handing the census to those who wait for it."""

_WAIT_SECONDS = 0.1
"""How often who waits for another's census looks whether one has come of use."""

_POLL_SECONDS = 0.02
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def boot_clock() -> float:
    """Seconds since the host was started, those it slept included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class _Memory(NamedTuple):
    """The last census, and when it was begun and finished, on the clock of ages."""

    census: Census
    began_at: float
    ended_at: float


class CensusCache:
    """Gives the census of the last ``seconds``, or takes one with ``take(deadline)``.

    ``subject`` says what is counted and how: a census of another subject in the same directory is none of
    ours. ``record(previous, census)`` is told of every census that is taken, whoever took the previous one.
    Deadlines are on ``clock``, ages on ``age_clock``. The directory is made for this user alone.
    """

    def __init__(
        self,
        directory: Path,
        seconds: float,
        take: Callable[[float], Census],
        *,
        record: Callable[[Census | None, Census], None],
        subject: str = "",
        clock: Callable[[], float] = time.monotonic,
        age_clock: Callable[[], float] = boot_clock,
    ) -> None:
        self._directory = directory
        self._seconds = seconds
        self._take = take
        self._record = record
        self._subject = subject
        self._clock = clock
        self._age_clock = age_clock

    def get(self, deadline: float) -> Census:
        """The census to answer with, by ``deadline``: one that is fresh, or was begun since this call.

        Raises CensusError where none can be taken, where the directory cannot be used, and where another's
        census leaves too little time for one.
        """
        try:
            self._prepare_directory()
            wanted_at = self._age_clock()
            return self._fresh(wanted_at) or self._alone(deadline, wanted_at)
        except CensusError as error:
            # On a full disk it may not fit; then last_failure() finds that out by itself.
            with suppress(OSError):
                self._replace(self._failure_file, str(error))
            raise

    def last(self) -> tuple[Census, float] | None:
        """The last census that was taken, however old, and its age in seconds."""
        memory = self._memory()
        return (memory.census, self._age_clock() - memory.ended_at) if memory else None

    def last_failure(self) -> str:
        """Why the last census that was wanted could not be taken; empty when it could."""
        try:
            self._prepare_directory()
            with self._own_files():
                self._try_to_write()
            return self._failure_file.read_text()
        except FileNotFoundError:
            return ""
        except CensusError as error:
            return str(error)

    @property
    def _file(self) -> Path:
        return self._directory / "census.json"

    @property
    def _failure_file(self) -> Path:
        return self._directory / "failure.txt"

    def _alone(self, deadline: float, wanted_at: float) -> Census:
        """Take a census while nobody else does, unless another's comes to be of use meanwhile."""
        granted = deadline - self._clock()
        lock = FileLock(self._directory / "census.lock", mode=0o600)
        while not self._is_ours(lock, deadline):
            if census := self._fresh(wanted_at):
                return census
        try:
            return self._fresh(wanted_at) or self._taken(deadline, min(LEAST_SECONDS, granted / 2))
        finally:
            lock.release()

    def _is_ours(self, lock: FileLock, deadline: float) -> bool:
        """Wait a while for the lock; raises CensusError when the deadline has come."""
        left = deadline - self._clock()
        try:
            with self._own_files():
                lock.acquire(timeout=max(0.0, min(left, _WAIT_SECONDS)), poll_interval=_POLL_SECONDS)
        except Timeout as error:
            if left > 0:
                return False
            reason = "another census was still being taken when the time for this one was up"
            raise CensusError(reason) from error
        return True

    def _taken(self, deadline: float, least: float) -> Census:
        if deadline - self._clock() < least:
            raise CensusError("another census left too little time for this one")
        previous, began_at = self._memory(), self._age_clock()
        census = self._take(deadline - RESERVE_SECONDS)
        self._remember(census, began_at)
        self._record(previous.census if previous else None, census)
        return census

    def _fresh(self, wanted_at: float) -> Census | None:
        """The remembered census, where it is young enough or was begun after it was wanted."""
        memory = self._memory()
        if memory is None:
            return None
        is_young = self._age_clock() - memory.ended_at < self._seconds
        return memory.census if is_young or memory.began_at > wanted_at else None

    def _memory(self) -> _Memory | None:
        try:
            record = json.loads(self._file.read_text())
            memory = _Memory(Census.from_json(record["census"]), record["began_at"], record["ended_at"])
            is_ours = (record["boot"], record["subject"]) == (_boot(), self._subject)
            return memory if is_ours and memory.ended_at <= self._age_clock() else None
        except (OSError, KeyError, TypeError, ValueError):
            # There is none, or one of another release of this service, or the disk is broken.
            return None

    def _remember(self, census: Census, began_at: float) -> None:
        memory = _Memory(census, began_at, self._age_clock())
        record = memory._asdict() | {"census": census.to_json(), "boot": _boot(), "subject": self._subject}
        with self._own_files():
            self._replace(self._file, json.dumps(record))
            self._failure_file.unlink(missing_ok=True)

    def _replace(self, file: Path, content: str) -> None:
        """Put a file in its place whole: who reads meanwhile reads the old one."""
        new = NamedTemporaryFile("w", dir=self._directory, prefix=f"{file.name}.", delete=False)  # noqa: SIM115
        try:
            with new:
                new.write(content)
            Path(new.name).replace(file)
        except OSError:
            Path(new.name).unlink(missing_ok=True)
            raise

    def _try_to_write(self) -> None:
        """Raise OSError on a full or read-only disk, where nothing could have been told of a failure."""
        with TemporaryFile(dir=self._directory, buffering=0) as file:
            file.write(b"?")

    @contextmanager
    def _own_files(self) -> Iterator[None]:
        try:
            yield
        except Timeout:
            raise  # an OSError too, but nothing is wrong with the files
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> CensusError:
        return CensusError(f"RENT_RUNTIME_DIR ({self._directory}) cannot be used: {error.strerror}")

    def _prepare_directory(self) -> None:
        """Make the directory, and refuse one in which others could put a census of theirs."""
        with self._own_files():
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = self._directory.stat()
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o022:
            reason = f"RENT_RUNTIME_DIR ({self._directory}) must belong to the service's user, mode 0700"
            raise CensusError(reason)


def _boot() -> str:
    return _BOOT.read_text().strip()
