"""Real serial lines, TCP peers, processes and blocked kernel calls; each ends with its ``with``."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import sys
import termios
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from servers import PATIENCE_SECONDS, environment, until

from modem_simulator import SimulatedModule, imei, imsi
from modem_simulator.pseudo_terminal import open_master
from onlinesim_rent.modem import probe
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.modem.ports.open import open_port
from onlinesim_rent.modem.probe import Prober

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    import pytest

    from onlinesim_rent.finding import Finding
    from onlinesim_rent.modem.ports.find import Port
    from onlinesim_rent.modem.ports.open import OpenPort
    from onlinesim_rent.modem.probing import Progress

BAUD_RATE = 115200
IS_ROOT = os.geteuid() == 0
ORDINARY_USER = 65534 if IS_ROOT else os.geteuid()
"""The user nobody, or the tester if the tester is not root."""


TELNET_OPTIONS = bytes.fromhex("fffb03 fffd03 fffb01 fffe01 fffd00 fffb00")
"""What ser2net 4.3.11 sends first in telnet mode."""

MOST_UNREAD = 4095
"""So many bytes wait at a terminal that nobody reads; the kernel keeps the others back (linux/tty.h)."""

CENSUS_SECONDS = 60.0
"""How long a census may take in a test that is not about time: a busy host reads /proc slowly."""


# Censuses


def ask(*patterns: str, seconds: float = CENSUS_SECONDS, prober: Prober | None = None) -> dict[str, Finding]:
    """A census's findings by the ports' names."""
    prober = prober or Prober(BAUD_RATE)
    findings = prober.probe(find_ports(patterns), time.monotonic() + seconds)
    return {finding.port: finding for finding in findings}


def once_found(count: int, happen: Callable[[], object]) -> Progress:
    """For a Prober: lets something happen at the moment when so many ports have a finding."""
    has_happened = False

    def progress(found: int, _ports: int) -> None:
        nonlocal has_happened
        if found == count and not has_happened:
            has_happened = True
            happen()

    return progress


def descriptors() -> set[tuple[str, str]]:
    """The descriptors of this process, each with what it leads to."""
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            found.add((descriptor, os.readlink(f"/proc/self/fd/{descriptor}")))
    return found


def port_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "onlinesim-rent-port"]


def join_port_threads() -> None:
    """Wait until no thread of a census is left: one that waits for the kernel ends a little later."""
    for thread in port_threads():
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


# Lines


@contextmanager
def pseudo_terminal() -> Iterator[tuple[int, str]]:
    """The master's descriptor, and the path of the port."""
    master, path = open_master()
    try:
        yield master, path
    finally:
        os.close(master)


@contextmanager
def opened(path: str, flags: int = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK) -> Iterator[int]:
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def fill(master: int, path: str) -> None:
    """Fill a line until it accepts no more bytes.

    The kernel brings the bytes to the other end in its own time, which makes room until that end is full too.
    """
    with opened(path) as line:
        attributes = termios.tcgetattr(line)
        attributes[1] &= ~termios.OPOST
        termios.tcsetattr(line, termios.TCSANOW, attributes)
        until(lambda: unread(master) == MOST_UNREAD or _write_all(line))
        _write_all(line)


def _write_all(line: int) -> None:
    for size in (4096, 1):
        with suppress(BlockingIOError):
            while True:
                os.write(line, b"x" * size)


# TCP peers


@contextmanager
def tcp_peer(talk: Callable[[socket.socket], object]) -> Iterator[int]:
    """The TCP port of a peer that runs ``talk`` with each client, on all loopback addresses."""
    talks: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            talks.append(threading.Thread(target=_talk, args=(talk, connection)))
            talks[-1].start()

    with socket.create_server(("", 0), backlog=512) as listener:
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join(PATIENCE_SECONDS)
            # Only now is the list complete: a client may be accepted at the last moment.
            for thread in (accepting, *talks):
                thread.join(PATIENCE_SECONDS)
                assert not thread.is_alive()


def _talk(talk: Callable[[socket.socket], object], connection: socket.socket) -> None:
    with connection, suppress(OSError):
        talk(connection)


def listen_only(connection: socket.socket) -> None:
    while connection.recv(1024):
        pass


def hang_up(_: socket.socket) -> None:
    pass


def say(data: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.sendall(data)
        listen_only(connection)

    return talk


def refuse(data: bytes) -> Callable[[socket.socket], None]:
    """Says why, and hangs up."""
    return lambda connection: connection.sendall(data)


def flood(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"log: tick\r\n" * 1000)


def trickle(connection: socket.socket) -> None:
    """Answer a byte with a byte, so that it is never silent by itself."""
    while connection.recv(1):
        connection.sendall(b"\r")


def module(connection: socket.socket) -> None:
    simulated = SimulatedModule(imei(1), imsi("25099", 1), latency=0)
    simulated.opened(0, 0.0)
    while data := connection.recv(1024):
        for event in simulated.feed(0, data, 0.0):
            connection.sendall(event.data)


def module_over_telnet(connection: socket.socket) -> None:
    connection.sendall(TELNET_OPTIONS)
    module(connection)


@contextmanager
def black_hole() -> Iterator[int]:
    """The TCP port of a listener with a full backlog: a connect waits for ever."""
    with socket.create_server(("", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            yield port


# Calls of the kernel that do not return


class Gate:
    """A caller waits here in the kernel, as in a sick driver, until the gate is opened."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()

    def wait(self) -> None:
        os.read(self._reading, 1)

    def open(self) -> None:
        """Let every caller pass from now on."""
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.open()
        join_port_threads()
        os.close(self._reading)


class _StuckInClose:
    def __init__(self, line: OpenPort, gate: Gate) -> None:
        self._line = line
        self._gate = gate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)

    def close(self) -> None:
        self._gate.wait()
        self._line.close()


@contextmanager
def stuck(
    monkeypatch: pytest.MonkeyPatch,
    *,
    opening: Collection[str] = (),
    setting_up: Collection[str] = (),
    closing: Collection[str] = (),
) -> Iterator[Gate]:
    """Let some real ports hang in open(), after it or in close() until the gate is opened."""

    def open_sick_port(port: Port, baud_rate: int) -> OpenPort:
        if port.name in opening:
            gate.wait()
        line = open_port(port, baud_rate)
        if port.name in setting_up:
            gate.wait()
        return _StuckInClose(line, gate) if port.name in closing else line

    with Gate() as gate:
        monkeypatch.setattr(probe, "open_port", open_sick_port)
        yield gate


# Processes

PROBE = f"""
import json, sys, time
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.modem.probe import Prober
findings = Prober(115200).probe(find_ports(sys.argv[1:]), time.monotonic() + {CENSUS_SECONDS})
print(json.dumps({{finding.port: [finding.verdict, finding.reason] for finding in findings}}))
"""


def become(user: int) -> str:
    """Python that becomes a user, if it is root.

    All imports come first: an ordinary user may be unable to read the interpreter's directories.
    """
    return f"""
import ctypes, encodings.idna, fcntl, json, logging, os, sys, termios
try:
    import onlinesim_rent.modem.probe
except ImportError:
    pass
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid({user})
    os.setuid({user})
    # As if it had been started so: PR_SET_DUMPABLE, since /proc/<pid>/fd is closed to its user otherwise.
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
"""


BECOME_ORDINARY = become(ORDINARY_USER)

_HOLD = """
import fcntl, os, sys, termios
line = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
{lock}
print(flush=True)
sys.stdin.read()
"""
LOCKS = {
    "flock": "fcntl.flock(line, fcntl.LOCK_EX)",
    "TIOCEXCL": "fcntl.ioctl(line, termios.TIOCEXCL)",
    "nothing": "",
}
"""How programs that hold a port open lock it."""


def python(
    code: str,
    *arguments: str,
    ordinary: bool = False,
    wrap: Callable[[list[str]], list[str]] = list,
) -> tuple[Any, str]:
    """Run a script; return the JSON that it prints, and its standard error."""
    done = subprocess.run(
        wrap([sys.executable, "-c", BECOME_ORDINARY * ordinary + code, *arguments]),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@contextmanager
def holder(path: str, lock: str, *, ordinary: bool = False, user: int = ORDINARY_USER) -> Iterator[int]:
    """The pid of another process that holds a port."""
    code = become(user) * ordinary + _HOLD.format(lock=LOCKS[lock])
    command = [sys.executable, "-S", "-E", "-c", code, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"\n"
        yield process.pid


@contextmanager
def lock_file(name: str) -> Iterator[None]:
    """A lock file of this process in the real lock directory."""
    path = Path("/run/lock", name)
    with ExitStack() as stack:
        if not path.parent.exists():
            stack.callback(_remove_if_empty, path.parent)
        _write(path, f"{os.getpid():>10}\n")
        stack.callback(path.unlink)
        yield


def _write(path: Path, text: str) -> None:
    """Write a file, although another run of the tests may remove its directory at the same time."""
    while True:
        path.parent.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):
            path.write_text(text)
            return


def _remove_if_empty(directory: Path) -> None:
    """Remove a directory unless another run of the tests uses it or has removed it."""
    with suppress(OSError):
        directory.rmdir()


def remove_shared_memory(settings: Path) -> None:
    """Remove what a killed gammu-smsd leaves behind, under the key of ftok(3) for its settings."""
    status = settings.stat()
    key = 1 << 24 | (status.st_dev & 0xFF) << 16 | status.st_ino & 0xFFFF
    subprocess.run(["ipcrm", "--shmem-key", hex(key)], stderr=subprocess.DEVNULL, check=False)


def unread(line: int) -> int:
    """How many bytes wait to be read."""
    return int.from_bytes(fcntl.ioctl(line, termios.FIONREAD, bytes(4)), sys.byteorder)
