"""``python -m peers.with_gammu PORT ...``: one ``gammu identify`` a port, all at once."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import NamedTemporaryFile

from peers.each_port import ask_each_port

PATIENCE_SECONDS = 60


def read_imei(port: str) -> str | None:
    """Return the IMEI that gammu prints for the module on a port; None if it prints none."""
    with NamedTemporaryFile("w", prefix="gammu-", suffix=".ini") as settings:
        settings.write(f"[gammu]\ndevice = {port}\nconnection = at115200\n")
        settings.flush()
        try:
            with exclusive_use_ended(port):
                found = re.search(r"^IMEI *: *(\d+)$", identify(settings.name), re.MULTILINE)
        except OSError:
            return None
    return found[1] if found else None


@contextmanager
def exclusive_use_ended(port: str) -> Iterator[None]:
    """Take the exclusive use, which gammu sets, off the port at the end. Raises OSError.

    A serial line loses it when it is closed, but a pseudo-terminal keeps it for as long as it has a master.
    """
    line = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        yield
        fcntl.ioctl(line, termios.TIOCNXCL)
    finally:
        os.close(line)


def identify(settings: str) -> str:
    """Return what gammu prints; nothing if it takes too long."""
    command = ["gammu", "--config", settings, "identify"]
    english = os.environ | {"LC_ALL": "C"}
    try:
        return subprocess.run(
            command, env=english, stdout=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS, check=False
        ).stdout
    except subprocess.TimeoutExpired:
        return ""


if __name__ == "__main__":
    ask_each_port(read_imei)
