"""Runs the command line on a pseudo-terminal, as a person sees it."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from commands import ONLINESIM_RENT
from servers import PATIENCE_SECONDS, environment

CTRL_C, CTRL_Q, CTRL_S = b"\x03", b"\x11", b"\x13"


class Session(NamedTuple):
    """A command on a terminal of its own."""

    process: subprocess.Popen[bytes]
    master: int

    def press(self, key: bytes) -> None:
        """Press a key at the terminal."""
        os.write(self.master, key)

    def rest(self) -> str:
        """Wait for the end, and return what the terminal showed since the last reading."""
        return _plain_lines(_until_the_end(self.master))


@contextmanager
def session(*arguments: str, controls: bool = True, **variables: str) -> Iterator[Session]:
    """Start a command. If ``controls``, Ctrl-C and Ctrl-Z at its terminal reach it, as in a person's session.

    Otherwise, it has a process group of its own in our session: the kernel stops no orphaned group (POSIX).
    """
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    process = subprocess.Popen(
        [*ONLINESIM_RENT, *arguments],
        env=environment(**({"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"} | variables)),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=controls,
        process_group=None if controls else 0,
        preexec_fn=(lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) if controls else None,  # noqa: PLW1509
    )
    os.close(slave)
    try:
        yield Session(process, master)
    finally:
        process.kill()
        process.wait()
        os.close(master)


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
        return process.wait(PATIENCE_SECONDS), _plain_lines(text)
    finally:
        os.close(master)


def _until_the_end(master: int) -> bytes:
    data = b""
    while True:
        try:
            data += os.read(master, 4096)
        except OSError:  # EIO: the last program has closed the terminal
            return data


def _plain_lines(data: bytes) -> str:
    return data.decode().replace("\r\n", "\n")
