"""Makes sure that only one thread, worker or command line takes a census at a time."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable
from typing import Self

from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.finding import CensusError

_POLL_SECONDS = 0.02
_TRIES = 5
"""How often one call of ``acquire`` tries. A call lasts at most 0.1 s."""

_LOOKS = 3
"""How often a waiting caller must see the same overdue holder before that holder counts as stuck.

When a holder was killed, its record stays until the next holder has written its own.
"""

_HOLDER_FILE = "census.holder"


class CensusLock:
    """The lock as one caller uses it: a context manager that frees the lock when it ends.

    The kernel frees the lock of a process that dies (flock(2)), but not of a process that is stopped. So the
    holder records until when it may hold the lock, on ``clock``, in seconds. Entering, leaving and
    ``acquire`` raise CensusError if the runtime directory cannot be used.
    """

    def __init__(self, directory: RuntimeDirectory, clock: Callable[[], float]) -> None:
        self._directory = directory
        self._clock = clock
        self._is_ours = False
        self._seen: bytes | None = None
        self._looks = 0

    def __enter__(self) -> Self:
        self._descriptor = self._directory.descriptor("census.lock")
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._is_ours:
                self._directory.remove(_HOLDER_FILE)
        finally:
            # A child process may have inherited the descriptor: closing it would not be enough.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.close(self._descriptor)

    def acquire(self, until: float) -> bool:
        """Take the lock until the time ``until``; return False if another caller holds it for 0.1 s more.

        Raises CensusError if the holder is stopped or stuck: it holds the lock longer than its own ``until``.
        """
        for _ in range(_TRIES):
            if self._try():
                holder = {"pid": os.getpid(), "until": until}
                self._directory.replace(_HOLDER_FILE, json.dumps(holder).encode())
                return True
            time.sleep(_POLL_SECONDS)
        self._look_at_holder()
        return False

    def _try(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._is_ours = True
        return True

    def _look_at_holder(self) -> None:
        holder = self._directory.read(_HOLDER_FILE)
        self._looks = self._looks + 1 if holder == self._seen else 1
        self._seen = holder
        if holder is None or self._looks < _LOOKS:
            return
        try:
            record = json.loads(holder)
            late, process = self._clock() - float(record["until"]), int(record["pid"])
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
            # The disk is broken. The caller waits until its own time is up.
            return
        if late > 0:
            raise CensusError(
                f"process {process} takes the census, and should have ended {late:.1f} s ago: "
                f"it is stopped or stuck; end it with kill -9 {process}, then ask again"
            )
