"""Starts gunicorn with the shipped settings, for the benchmarks that ask over HTTP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
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


# linux/tcp.h: in a listening socket, tcpi_unacked is the number of connections that wait to be accepted.
_TCPI_UNACKED = slice(24, 28)


class Served(NamedTuple):
    """A gunicorn, and the socket in which connections wait for its workers."""

    process: subprocess.Popen[bytes]
    listener: socket.socket

    @property
    def port(self) -> int:
        """The TCP port on which it answers."""
        port: int = self.listener.getsockname()[1]
        return port

    def workers(self) -> list[int]:
        """Return the workers' process ids."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(worker) for worker in children.split()]

    def processor_seconds(self) -> list[float]:
        """Return the processor seconds that each worker has used."""
        # proc_pid_stat(5): utime and stime stand behind the name in brackets.
        stats = (Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2] for worker in self.workers())
        return [sum(map(int, stat.split()[11:13])) / os.sysconf("SC_CLK_TCK") for stat in stats]

    @contextmanager
    def stopped_until(self, connections: int) -> Iterator[None]:
        """Stop the workers; at the end, let them go on together once so many connections wait.

        On two processors, the worker that wakes up first often takes all connections of a burst, and the
        other one has nothing to do.
        """
        workers = self.workers()
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        try:
            yield
            ends = time.monotonic() + 1
            while self._waiting() < connections and time.monotonic() < ends:
                time.sleep(0.001)
        finally:
            for worker in workers:
                os.kill(worker, signal.SIGCONT)

    def _waiting(self) -> int:
        state = self.listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        return int.from_bytes(state[_TCPI_UNACKED], sys.byteorder)

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
        return _resident(self.process.pid), sum(_resident(worker) for worker in self.workers())


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
            yield Served(process, listener)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _resident(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024
