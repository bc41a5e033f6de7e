"""Starts gunicorn with the shipped settings, for the benchmarks that ask over HTTP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parents[1]
KEY = "benchmark-key"
BODY = f'{{"action": "GET_SERVICES", "key": "{KEY}"}}'
HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
PYTHON_PATH = os.pathsep.join([str(PROJECT / "src"), str(PROJECT / "benchmarks")])


class Served(NamedTuple):
    """A gunicorn, and the TCP port on which it answers."""

    process: subprocess.Popen[bytes]
    port: int

    def ask(self) -> bytes:
        """Ask as the marketplace does, on a connection of its own; return the body of the answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", "/getServicesRent", BODY, HEADERS)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise SystemExit(f"the service answered {response.status}: {body.decode()}")
        return body

    def resident(self) -> tuple[int, int]:
        """Return the resident bytes of the master, and those of its workers together."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return _resident(self.process.pid), sum(_resident(int(worker)) for worker in children)


@contextmanager
def gunicorn(app: str, **variables: str) -> Iterator[Served]:
    """Start gunicorn with the shipped settings, and end it with the block."""
    # Requests wait in this socket until gunicorn takes them.
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": PYTHON_PATH,
            "RENT_BIND": f"fd://{listener.fileno()}",
            "RENT_API_KEY": KEY,
            "RENT_PORTS": "/dev/none",
            "RENT_LOG_LEVEL": "warning",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--config", str(PROJECT / "gunicorn.conf.py"), app],
            cwd=PROJECT,
            env=environ | variables,
            pass_fds=[listener.fileno()],
            stdout=subprocess.DEVNULL,
        )
        try:
            yield Served(process, listener.getsockname()[1])
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _resident(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024
