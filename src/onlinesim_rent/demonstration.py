"""Runs a server on a simulated bank, so that the service can be tried without a modem."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from onlinesim_rent.simulator import SimulatedBank

DEMONSTRATION_KEY = "demonstration-key"

REPLACED = {"RENT_API_KEY", "RENT_API_KEY_FILE", "RENT_PORTS", "RENT_RUNTIME_DIR"}
"""The settings that a demonstration has values of its own for, or goes without."""


def demonstrate(command: Sequence[str]) -> int:
    """Run a server's command line until it ends or is interrupted; returns its exit status.

    It finds the simulated bank's ports and a key in its environment, and says that it is ready as
    systemd would have it (sd_notify(3)), which gunicorn does. A command that cannot be run is told of and
    has the status that a shell would give it.
    """
    with (
        SimulatedBank() as bank,
        TemporaryDirectory(prefix="onlinesim-rent-") as directory,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as readiness,
    ):
        readiness.bind(str(Path(directory, "ready")))
        try:
            server = subprocess.Popen(command, env=_environment(bank, directory))
        except OSError as error:
            click.echo(f"{command[0]}: {error.strerror}", err=True)
            return 127 if isinstance(error, FileNotFoundError) else 126
        try:
            return _serve(server, readiness, bank)
        except KeyboardInterrupt:
            # The terminal has sent it to the server too, which ends by itself.
            return server.wait()
        finally:
            server.terminate()
            server.wait()


def _environment(bank: SimulatedBank, directory: str) -> dict[str, str]:
    """The caller's environment, with the demonstration's own ports and key in place of the real ones."""
    kept = {name: value for name, value in os.environ.items() if name not in REPLACED}
    return kept | {
        "RENT_API_KEY": DEMONSTRATION_KEY,
        "RENT_PORTS": bank.ports,
        "RENT_RUNTIME_DIR": str(Path(directory, "runtime")),
        "NOTIFY_SOCKET": str(Path(directory, "ready")),
    }


def _serve(server: subprocess.Popen[bytes], readiness: socket.socket, bank: SimulatedBank) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    readiness.settimeout(0.2)
    while server.poll() is None:
        try:
            readiness.recv(4096)
        except TimeoutError:
            continue
        click.echo(_invitation(bank.modules))
        return server.wait()
    return server.wait()


def _invitation(modules: int) -> str:
    bind = os.environ.get("RENT_BIND") or "127.0.0.1:8000"
    socket_path = bind.removeprefix("unix:")
    where = f"--unix-socket {socket_path} http://localhost" if socket_path != bind else f"http://{bind}"
    return f"""
Serving {modules} SIMULATED modules: none of these numbers exists. In another terminal, try:

curl -i {where}/getServicesRent -H 'Authorization: Bearer {DEMONSTRATION_KEY}' \
-H 'Content-Type: application/json' -d '{{"action": "GET_SERVICES", "key": "{DEMONSTRATION_KEY}"}}'

Ctrl-C ends all of it.
"""
