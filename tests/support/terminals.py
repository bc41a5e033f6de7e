"""Runs the command line on a pseudo-terminal, as a person sees it."""

from __future__ import annotations

import os
import pty
import subprocess
import termios
from collections.abc import Sequence

from commands import ONLINESIM_RENT
from servers import PATIENCE_SECONDS, environment


def on_a_terminal(
    *arguments: str, columns: int = 80, command: Sequence[str] = ONLINESIM_RENT, **variables: str
) -> tuple[int, str]:
    """Return the exit status, and everything that the terminal showed."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, columns))
    try:
        process = subprocess.Popen(
            [*command, *arguments],
            env=environment(**({"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"} | variables)),
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        text = _until_the_end(master)
        return process.wait(PATIENCE_SECONDS), text.decode().replace("\r\n", "\n")
    finally:
        os.close(master)


def _until_the_end(master: int) -> bytes:
    data = b""
    while True:
        try:
            data += os.read(master, 4096)
        except OSError:  # EIO: the last program has closed the terminal
            return data
