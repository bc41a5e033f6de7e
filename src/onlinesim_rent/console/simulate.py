"""``onlinesim-rent simulate``: runs a server on a simulated bank, to try it without a modem."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from modem_simulator import SimulatedBank, SimulatorError

DEMONSTRATION_KEY = "demonstration-key"

REPLACED = {"RENT_API_KEY", "RENT_API_KEY_FILE", "RENT_PORTS", "RENT_RUNTIME_DIR"}
"""The settings that the demonstration replaces or removes."""

END_SECONDS = 15
"""How long a server that was told to end may take; gunicorn's requests have 12 seconds."""


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1)
def simulate(command: tuple[str, ...]) -> None:
    """Run simulated modules until Ctrl-C.

    COMMAND is a server that is to ask them: it gets their ports, and a key to try, in its environment.
    Without COMMAND, the ports are printed for other programs.

    \b
    Examples:
      onlinesim-rent simulate gunicorn wsgi:app    what make run does
      onlinesim-rent simulate                      prints RENT_PORTS, to use in another terminal
    """  # noqa: D301 - click's \b keeps the lines of the example
    try:
        status = demonstrate(command) if command else run_bank()
    except SimulatorError as error:
        raise click.ClickException(str(error)) from error
    raise SystemExit(status)


def run_bank() -> int:
    """Run the bank alone until Ctrl-C, SIGTERM or SIGHUP; return the exit status."""
    _interrupt_on(signal.SIGTERM, signal.SIGHUP)
    with suppress(KeyboardInterrupt), SimulatedBank() as bank:
        click.echo(f"{bank.modules} SIMULATED modules. In another terminal, try:\n")
        click.echo(f"RENT_PORTS='{bank.ports}' RENT_API_KEY={DEMONSTRATION_KEY} onlinesim-rent census\n")
        click.echo("Ctrl-C ends them.")
        signal.pause()
    return 0


def demonstrate(command: Sequence[str]) -> int:
    """Run a server's command line until it ends; return its exit status.

    The server gets the simulated bank's ports and a key in its environment. It must report that it is ready
    as a systemd service does (sd_notify(3)); gunicorn does so. If the command cannot run, print why and
    return a shell's exit status. SIGINT, SIGTERM and SIGHUP to this process end the server too.
    """
    _interrupt_on(signal.SIGTERM, signal.SIGHUP)
    with (
        SimulatedBank() as bank,
        TemporaryDirectory(prefix="onlinesim-rent-") as directory,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as readiness,
    ):
        # Let the kernel choose an abstract name (unix(7)), because a path may be too long for a socket.
        readiness.bind("")
        try:
            server = subprocess.Popen(command, env=_environment(bank, directory, readiness))
        except OSError as error:
            click.echo(f"{command[0]}: {error.strerror}", err=True)
            return 127 if isinstance(error, FileNotFoundError) else 126
        try:
            return _serve(server, readiness, bank)
        finally:
            _end(server)


def _interrupt_on(*signals: signal.Signals) -> None:
    for number in signals:
        # nohup lets a process ignore SIGHUP.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def _end(server: subprocess.Popen[bytes]) -> None:
    """Tell the server to end, and wait until it has."""
    server.terminate()
    try:
        with suppress(subprocess.TimeoutExpired):
            server.wait(END_SECONDS)
    finally:
        server.kill()
        server.wait()


def _environment(bank: SimulatedBank, directory: str, readiness: socket.socket) -> dict[str, str]:
    """Return the caller's environment with the demonstration's ports and key, and the status page on."""
    kept = {name: value for name, value in os.environ.items() if name not in REPLACED}
    return kept | {
        "RENT_API_KEY": DEMONSTRATION_KEY,
        "RENT_PORTS": bank.ports,
        "RENT_STATUS_PAGE": "1",
        "RENT_RUNTIME_DIR": str(Path(directory, "runtime")),
        # systemd writes an abstract name with @.
        "NOTIFY_SOCKET": f"@{readiness.getsockname()[1:].decode()}",
    }


def _serve(server: subprocess.Popen[bytes], readiness: socket.socket, bank: SimulatedBank) -> int:
    """Print how to try the server once it is ready; return its exit status once it has ended."""
    readiness.settimeout(0.2)
    try:
        while server.poll() is None:
            try:
                readiness.recv(4096)
            except TimeoutError:
                continue
            click.echo(_invitation(bank.modules))
            break
        return server.wait()
    except KeyboardInterrupt:
        _end(server)
        return server.returncode


def _invitation(modules: int) -> str:
    bind = os.environ.get("RENT_BIND") or "127.0.0.1:8000"
    socket_path = bind.removeprefix("unix:")
    is_tcp = socket_path == bind
    where = f"http://{bind}" if is_tcp else f"--unix-socket {socket_path} http://localhost"
    page = f"\nThen open {where}/status, with any name and this key as the password.\n" if is_tcp else ""
    return f"""
Serving {modules} SIMULATED modules: none of these numbers exists. In another terminal, try:

curl -i {where}/getServicesRent -H 'Authorization: Bearer {DEMONSTRATION_KEY}' \
-H 'Content-Type: application/json' -d '{{"action": "GET_SERVICES", "key": "{DEMONSTRATION_KEY}"}}'
{page}
Ctrl-C ends everything.
"""
