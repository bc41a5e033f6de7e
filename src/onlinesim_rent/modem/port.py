"""Finds ports, opens them for this service alone, and closes them: the only user of pyserial.

Serial devices go through pyserial, locked (flock) before anything of theirs is touched. TCP ports
(ser2net in raw mode) are plain sockets: pyserial's ``socket://`` reads through select(), which fails past
descriptor 1023, empties a talking peer without end before it returns, and sleeps in close().
"""

from __future__ import annotations

import errno
import glob
import os
import re
import socket
import stat
import termios
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from os.path import basename as _base
from typing import Protocol
from urllib.parse import urlsplit

import serial

from onlinesim_rent.census import NotCounted, Verdict
from onlinesim_rent.modem.holders import DeviceIdentity, is_exclusive

DESCRIPTORS_PER_PORT = 5
"""pyserial's: the device and two pipes."""

_MOST_LINKS = 40
"""As many as Linux follows (path_resolution(7))."""

CONNECT_SECONDS = 2.5

_UNKNOWN_HOST = "the terminal server's name is unknown: check it, and this host's DNS"
_REASONS = {
    errno.ENOENT: "no such device: is it plugged in?",
    errno.ENXIO: "the device is gone: is it plugged in?",
    errno.ENODEV: "the device is gone: is it plugged in?",
    errno.EIO: "the device gives input/output errors: plug it in anew",
    errno.EACCES: "permission denied: put the service's user into the group that owns the device (dialout)",
    errno.EPERM: "permission denied: let the service's unit or container use the device",
    errno.ENOTTY: "not a serial line",
    errno.EINVAL: "the device refuses the settings of a serial line: is RENT_BAUD_RATE one it knows?",
    errno.EMFILE: "no descriptor left: raise LimitNOFILE (five a port)",
    errno.ENFILE: "no descriptor left on this host",
    errno.ECONNREFUSED: "connection refused: the port of the terminal server is in use or down",
    errno.EHOSTUNREACH: "the terminal server cannot be reached",
    errno.ENETUNREACH: "the terminal server cannot be reached",
    errno.ETIMEDOUT: "the terminal server does not answer",
    # getaddrinfo's numbers are negative, so they are nobody's errno.
    socket.EAI_NONAME: _UNKNOWN_HOST,
    socket.EAI_NODATA: _UNKNOWN_HOST,
    socket.EAI_AGAIN: _UNKNOWN_HOST,
}


@dataclass(frozen=True, slots=True)
class Port:
    """A serial line that RENT_PORTS names.

    ``name`` is the path or URL people know it by, ``aliases`` the base names a lock file may use.
    ``device`` is None for a TCP port, and for a path that is no character device (yet).
    """

    name: str
    aliases: tuple[str, ...] = ()
    device: DeviceIdentity | None = None

    @property
    def is_remote(self) -> bool:
        """Whether it is reached over TCP."""
        return self.name.startswith("socket://")


class OpenPort(Protocol):
    """A line that is ours: its descriptor does not block."""

    def fileno(self) -> int:
        """The descriptor to read from and write to."""

    def read(self, most: int) -> bytes:
        """What there is to read, ``most`` bytes of it; nothing where it has hung up.

        Raises BlockingIOError where there is nothing yet, and OSError.
        """

    def write(self, data: bytes) -> int:
        """Write what the line takes now; returns how many bytes. Raises BlockingIOError and OSError."""

    def is_exclusive(self) -> bool:
        """Whether another program has made the line its own (TIOCEXCL) since it was opened."""

    def close(self) -> None:
        """Give the line up. May block in the driver. Raises nothing."""


def find_ports(patterns: Iterable[str]) -> list[Port]:
    """The ports that globs, paths and URLs name, each device once, in their natural order.

    A path without wildcards that does not exist is a port too, so that its verdict can say so.
    """
    names = dict.fromkeys(name for pattern in patterns for name in _expand(pattern))
    same: dict[object, list[Port]] = {}
    for port in map(_port, names):
        same.setdefault(port.device or port.name, []).append(port)
    return [_as_one(ports) for ports in same.values()]


def open_port(port: Port, baud_rate: int) -> OpenPort:
    """Open a port that nobody holds. May block in the driver.

    Raises NotCounted where somebody does hold it, or where it cannot be opened.
    """
    try:
        return _TcpPort(port) if port.is_remote else _SerialPort(port, baud_rate)
    except NotCounted:
        raise
    except Exception as error:
        # pyserial lets TypeError and others through where a device vanishes; none may lose the port.
        raise _not_counted(error) from error


def is_there(port: Port) -> bool:
    """Whether the device that was found under a port's name is still there; True for a TCP port."""
    if port.is_remote:
        return True
    try:
        return DeviceIdentity.of(os.stat(port.name)) == port.device
    except OSError:
        return False


class _SerialPort:
    def __init__(self, port: Port, baud_rate: int) -> None:
        if port.device is None:
            # Opening can harm what is no serial device: a pipe's reader would see its end.
            os.stat(port.name)
            raise NotCounted(Verdict.UNREACHABLE, "not a serial device")
        # Held open until pyserial has it too, so that DTR does not fall and rise between the two.
        guard = os.open(port.name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if DeviceIdentity.of(os.fstat(guard)) != port.device:
                raise NotCounted(Verdict.UNREACHABLE, "was plugged in anew just now: it is asked next time")
            if is_exclusive(guard):
                raise NotCounted(Verdict.IN_USE, "another program has it open (TIOCEXCL)")
            self._line = serial.Serial(port.name, baud_rate, exclusive=True, timeout=0, write_timeout=0)
            self._descriptor = self._line.fileno()
        finally:
            os.close(guard)

    def fileno(self) -> int:
        return self._descriptor

    def read(self, most: int) -> bytes:
        return os.read(self._descriptor, most)

    def write(self, data: bytes) -> int:
        return os.write(self._descriptor, data)

    def is_exclusive(self) -> bool:
        return is_exclusive(self._descriptor)

    def close(self) -> None:
        # What is still unsent would hold up close() for the driver's closing_wait, 30 s. A line that has
        # hung up has nothing to discard, and its descriptor is given back whatever close() says.
        with suppress(OSError, termios.error):
            self._line.reset_output_buffer()
        with suppress(OSError):
            self._line.close()


class _TcpPort:
    def __init__(self, port: Port) -> None:
        url = urlsplit(port.name)
        self._socket = socket.create_connection((url.hostname or "", url.port or 0), CONNECT_SECONDS)
        self._socket.settimeout(0)

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self, most: int) -> bytes:
        return self._socket.recv(most)

    def write(self, data: bytes) -> int:
        return self._socket.send(data)

    def is_exclusive(self) -> bool:
        return False

    def close(self) -> None:
        self._socket.close()


def _not_counted(error: Exception) -> NotCounted:
    number = _number(error)
    # EBUSY is TIOCEXCL's answer to everybody but root, EAGAIN flock's.
    if number == errno.EBUSY:
        return NotCounted(Verdict.IN_USE, "another program has it open (TIOCEXCL)")
    if number == errno.EAGAIN:
        return NotCounted(Verdict.IN_USE, "another program has it locked (flock)")
    cause = errno.errorcode.get(number or 0, type(error).__name__)
    return NotCounted(Verdict.UNREACHABLE, _REASONS.get(number or 0, f"cannot be opened ({cause})"))


def _number(error: Exception) -> int | None:
    """The error's number; pyserial hides it where a device is no terminal or knows no such speed."""
    if isinstance(error, TimeoutError):
        return errno.ETIMEDOUT
    if isinstance(error, ValueError):
        return errno.EINVAL
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    cause = error.__context__ if isinstance(error, serial.SerialException) else error
    return cause.args[0] if isinstance(cause, termios.error) else None


def _expand(pattern: str) -> Iterator[str]:
    if pattern.startswith("socket://") or not glob.has_magic(pattern):
        yield pattern
    else:
        yield from sorted(glob.glob(pattern), key=_natural)


def _natural(name: str) -> list[str | int]:
    """ttyUSB2 before ttyUSB10."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]


def _as_one(ports: Sequence[Port]) -> Port:
    aliases = dict.fromkeys(chain.from_iterable(port.aliases for port in ports))
    return Port(ports[0].name, tuple(aliases), ports[0].device)


def _real(name: str) -> str:
    """Where links lead, by name alone: realpath() looks at every directory on the way, for every port."""
    for _ in range(_MOST_LINKS):
        try:
            name = os.path.normpath(os.path.join(os.path.dirname(name), os.readlink(name)))
        except OSError:
            break
    return name


def _port(name: str) -> Port:
    if name.startswith("socket://"):
        return Port(name)
    real = _real(name)
    aliases = dict.fromkeys((_base(name), _base(real), real.removeprefix("/dev/").replace("/", "_")))
    try:
        status = os.stat(name)
    except OSError:
        return Port(name, tuple(aliases))
    device = DeviceIdentity.of(status) if stat.S_ISCHR(status.st_mode) else None
    return Port(name, tuple(aliases), device)
