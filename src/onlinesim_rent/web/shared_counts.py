"""Where Prometheus' client keeps a process's counts, so that every worker can tell the sum of all.

Its multiprocess mode writes files named by process, and keeps those of processes that have ended: each reload
would leave two more. Here each process takes over the files of one that has ended, and counts on in them.
"""

from __future__ import annotations

import fcntl
import logging
import os
from itertools import count
from pathlib import Path

from prometheus_client import values

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Names the directory of counts; Prometheus' client reads it by itself."""

FILE_SIZE = 1 << 16
"""As large as Prometheus' client makes a file: some hundred counts."""

logger = logging.getLogger(__name__)


def share_counts() -> bool:
    """Let metrics that are made from now on be shared with the other workers; returns whether they are.

    They are where PROMETHEUS_MULTIPROC_DIR is set. Where it cannot be used, the log says why, and this
    process counts for itself alone: metrics never keep the service from answering.
    """
    if directory := os.environ.get(VARIABLE):
        try:
            number = _claim(Path(directory))
        except OSError as error:
            logger.warning("this worker's counts are not shared with the others: %s", error)
        else:
            values.ValueClass = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]
            return True
    values.ValueClass = values.MutexValue
    return False


def _claim(directory: Path) -> int:
    """The number of files that no other process uses, and none will until this one has ended."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in count():
        if _is_ours(directory / f"counter_{number}.db"):
            os.close(_allocate(directory / f"gauge_max_{number}.db"))
            return number
    raise AssertionError("there is always another number")


def _is_ours(file: Path) -> bool:
    """Lock a file as long as this process lives, unless another process has."""
    descriptor = _allocate(file)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    return True


def _allocate(file: Path) -> int:
    """Open a file with all of the room that it needs; leave none where there is too little.

    Prometheus' client maps the file into memory. A write to a page that finds no room ends the process.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, FILE_SIZE)
    except OSError:
        os.close(descriptor)
        # The others could not read an empty one.
        if not file.stat().st_size:
            file.unlink()
        raise
    return descriptor
