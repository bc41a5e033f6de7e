"""A log handler that never waits for the reader of the log.

A pipe holds 64 KiB (pipe(7)). If its reader stops, the next write waits for ever, and every answer after it
would wait too.
"""

from __future__ import annotations

import atexit
import logging
import os
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import TextIO

MOST_LINES = 1000
"""How many lines wait for the reader before further ones are dropped."""

EXIT_SECONDS = 1.0
"""How long a process that ends waits until its last lines are written."""


class BackgroundHandler(logging.Handler):
    """Gives each record to a thread that writes it to ``stream``. Each stream must have only one handler.

    If too many lines wait, further ones are dropped. Once the reader is back, their number is logged.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._descriptor = stream.fileno()

    def emit(self, record: logging.LogRecord) -> None:
        """Format a record in this thread, and let the other thread write it."""
        try:
            writer = _writer_of(self._descriptor)
            if dropped := writer.take_dropped():
                writer.put(self.format(_notice(dropped)))
            writer.put(self.format(record))
        except Exception:  # noqa: BLE001 - as in the standard library: a bad log call fails no request
            self.handleError(record)


class _Writer:
    """One thread that writes lines to one descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._dropped = 0
        self._thread = Thread(target=self._write_lines, name="log", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Take a line, or count it as dropped."""
        if self._lines.qsize() < MOST_LINES:
            self._lines.put(line)
        else:
            self._dropped += 1

    def take_dropped(self) -> int:
        """Return how many lines were dropped since the last call; 0 while over half the queue is full.

        Otherwise, a slow reader would get such a notice after each line.
        """
        if self._lines.qsize() > MOST_LINES // 2:
            return 0
        dropped, self._dropped = self._dropped, 0
        return dropped

    def finish(self) -> None:
        """Wait a moment until all lines are written."""
        self._lines.put(None)
        self._thread.join(EXIT_SECONDS)

    def _write_lines(self) -> None:
        while (line := self._lines.get()) is not None:
            rest = f"{line}\n".encode(errors="backslashreplace")
            # If the reader is gone for good, nobody can be told about the error.
            with suppress(OSError):
                while rest:
                    # Not sys.stderr: the interpreter cannot end while a thread waits in its buffer.
                    rest = rest[os.write(self._descriptor, rest) :]


_writers: dict[int, _Writer] = {}
# A forked process inherits no threads, and its parent writes the lines that wait there.
os.register_at_fork(after_in_child=_writers.clear)


def _writer_of(descriptor: int) -> _Writer:
    if descriptor not in _writers:
        _writers[descriptor] = _Writer(descriptor)
    return _writers[descriptor]


@atexit.register
def _finish() -> None:
    for writer in _writers.values():
        writer.finish()


def _notice(dropped: int) -> logging.LogRecord:
    text = "%d log lines were dropped, because nobody read the log"
    return logging.LogRecord(__name__, logging.WARNING, __file__, 0, text, (dropped,), None)
