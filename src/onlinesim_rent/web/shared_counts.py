"""Shares the workers' counts through files, so that each worker can report the sum.

The multiprocess mode of Prometheus' client names its files after the process and keeps them when the process
ends: each reload would leave two more. Here a new process takes the files of an ended one and counts on.
"""

from __future__ import annotations

import fcntl
import logging
import os
from itertools import count
from pathlib import Path

from prometheus_client import values

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the directory of the counts. Prometheus' client reads it too."""

FILE_SIZE = 1 << 16
"""The size in bytes of a file that Prometheus' client creates: room for some hundred counts."""

logger = logging.getLogger(__name__)


def share_counts() -> bool:
    """Share the metrics that are created from now on with the other workers; return whether they are shared.

    They are shared if PROMETHEUS_MULTIPROC_DIR is set. If that directory cannot be used, the log says why and
    this process keeps private counts: metrics never stop the service from answering.
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
    """Reserve a number for this process's files until it ends, and return it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in count():
        if _is_ours(directory / f"counter_{number}.db"):
            os.close(_allocate(directory / f"gauge_max_{number}.db"))
            return number
    raise AssertionError("count() never ends")


def _is_ours(file: Path) -> bool:
    """Lock a file until this process ends; False if another process holds it."""
    descriptor = _allocate(file)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    return True


def _allocate(file: Path) -> int:
    """Open a file and reserve its full size on the disk; leave no empty file if the disk is full.

    Prometheus' client maps the file into memory. Writing to a page for which the disk has no room kills the
    process.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, FILE_SIZE)
    except OSError:
        os.close(descriptor)
        # An empty file would be an error in every other worker.
        if not file.stat().st_size:
            file.unlink()
        raise
    return descriptor
