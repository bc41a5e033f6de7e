"""Debian's ser2net, with the project's own ser2net.yaml over the ports of a simulated bank."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, NamedTuple

from servers import PATIENCE_SECONDS, PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FIRST_NUMBER = 7001
_SHIPPED = (PROJECT / "deploy" / "ser2net.yaml").read_text()
_CONNECTION = re.compile(r"^connection:.*?(?=^connection:|\Z)", re.MULTILINE | re.DOTALL)
_servers = count(1)


class TerminalServer(NamedTuple):
    """A ser2net that runs; ``ports`` is the range that RENT_PORTS names."""

    process: subprocess.Popen[bytes]
    address: str
    ports: str

    def connect(self, number: int) -> socket.socket:
        """Connect another client, and wait until ser2net has opened the device for it."""
        client = socket.create_connection((self.address, number), PATIENCE_SECONDS)
        client.sendall(b"AT\r")
        assert client.recv(1)
        return client


def own_address() -> str:
    """A loopback address that nobody else uses, so that all its TCP ports are free."""
    pid = os.getpid()
    return f"127.{next(_servers)}.{pid >> 8 & 255}.{pid & 255}"


def configuration(address: str, devices: Sequence[str]) -> str:
    """Return the shipped file with another address, and the shipped connection once for each device."""
    head, connection = _SHIPPED[: _SHIPPED.index("connection:")], _CONNECTION.findall(_SHIPPED)[0]
    connections = [
        re.sub("/dev/[^,]*", device, connection)
        .replace("modem01", f"modem{number}")
        .replace(str(FIRST_NUMBER), str(number))
        for number, device in enumerate(devices, FIRST_NUMBER)
    ]
    return "".join([head.replace("10.0.0.5", address), *connections])


@contextmanager
def ser2net(devices: Sequence[str], text: str = "", address: str = "") -> Iterator[TerminalServer]:
    """Run ser2net over these devices until the block ends, and wait until it listens on all ports."""
    address = address or own_address()
    with NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text or configuration(address, devices))
        file.flush()
        # -n: in the foreground; -u: no lock files, because pseudo-terminals have none.
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "ser2net", "-n", "-u", "-c", file.name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        last = FIRST_NUMBER + len(devices) - 1
        try:
            _wait_until_it_listens(process, address, last)
            yield TerminalServer(process, address, f"socket://{address}:{FIRST_NUMBER}-{last}")
        finally:
            process.kill()
            process.wait()


def _wait_until_it_listens(process: subprocess.Popen[bytes], address: str, number: int) -> None:
    listens = f"{socket.inet_aton(address)[::-1].hex().upper()}:{number:04X} 00000000:0000 0A"
    end = time.monotonic() + PATIENCE_SECONDS
    while listens not in Path("/proc/self/net/tcp").read_text():
        assert time.monotonic() < end
        with suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"ser2net has ended with status {process.wait(0.01)}")
