"""Opens serial devices exclusively and closes them. The only user of pyserial.

pyserial locks each device (flock) before it changes anything. TCP ports are opened in tcp.py.
"""

from __future__ import annotations

import errno
import os
import stat
import termios
from contextlib import suppress
from typing import Protocol

import serial

from onlinesim_rent.finding import Held, NotCounted, Verdict
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.find import Port
from onlinesim_rent.modem.ports.holders import is_exclusive

DESCRIPTORS_PER_PORT = 5
"""pyserial opens the device and two pipes."""

_REASONS = {
    errno.ENOENT: "no such device: is it plugged in?",
    errno.ENXIO: "the device is gone: is it plugged in?",
    errno.ENODEV: "the device is gone: is it plugged in?",
    errno.EIO: "the device gives input/output errors: unplug it and plug it in again",
    errno.EACCES: "permission denied: put the service's user into the group that owns the device (dialout)",
    errno.EPERM: "permission denied: let the service's unit or container use the device",
    errno.ENOTTY: "not a serial line",
    errno.EINVAL: "the device refuses the settings of a serial line: does it support RENT_BAUD_RATE?",
    errno.EMFILE: "no descriptor left: raise LimitNOFILE (five a port)",
    errno.ENFILE: "no descriptor left on this host",
}


class OpenPort(Protocol):
    """A port that this process has opened. Its descriptor does not block."""

    def fileno(self) -> int:
        """The descriptor to read from and write to."""

    def read(self, most: int) -> bytes:
        """Read up to ``most`` bytes; no bytes mean that the port has hung up.

        Raises BlockingIOError if there is nothing to read yet, and OSError.
        """

    def write(self, data: bytes) -> int:
        """Write what the port accepts now; return the number of bytes. Raises BlockingIOError and OSError."""

    def check(self) -> None:
        """Raise NotCounted if the port did not open after all, as a connection may."""

    def is_exclusive(self) -> bool:
        """Whether another program has set TIOCEXCL on the port since it was opened."""

    def close(self) -> None:
        """Close the port. May block in the driver. Raises nothing."""


def open_port(port: Port, baud_rate: int) -> OpenPort:
    """Open a serial device exclusively. May block in the driver.

    Raises NotCounted if another program holds the port, or if it cannot be opened.
    """
    try:
        return _SerialPort(port, baud_rate)
    except NotCounted:
        raise
    except Exception as error:
        # When a device vanishes, pyserial raises TypeError and others. The port needs a verdict all the same.
        raise _not_counted(error) from error


def is_there(port: Port) -> bool:
    """Whether a port's name still leads to the device that was found; True for a TCP port."""
    if port.is_remote:
        return True
    try:
        return _is_found(os.stat(port.name), port)
    except OSError:
        return False


def _is_found(status: os.stat_result, port: Port) -> bool:
    """Whether a path with this status leads to the device that was found.

    A device that was plugged in since may have its name and its number, but not its inode.
    """
    return (
        stat.S_ISCHR(status.st_mode)
        and DeviceIdentity.of(status) == port.device
        and status.st_ino == port.node
    )


class _SerialPort:
    def __init__(self, port: Port, baud_rate: int) -> None:
        # Keep the guard open until pyserial has opened the device too. Otherwise DTR would fall and rise.
        guard = _open_guard(port)
        try:
            if is_exclusive(guard):
                raise Held("another program has it open (TIOCEXCL)")
            self._line = serial.Serial(_again(guard), baud_rate, exclusive=True, timeout=0, write_timeout=0)
            self._descriptor = self._line.fileno()
        finally:
            os.close(guard)

    def fileno(self) -> int:
        return self._descriptor

    def read(self, most: int) -> bytes:
        return os.read(self._descriptor, most)

    def write(self, data: bytes) -> int:
        return os.write(self._descriptor, data)

    def check(self) -> None:
        """It is open."""

    def is_exclusive(self) -> bool:
        return is_exclusive(self._descriptor)

    def close(self) -> None:
        # Discard unsent bytes: for them, close() would wait for the driver's closing_wait, 30 s. After a
        # hang-up the discard fails, and the kernel frees the descriptor even if close() fails.
        with suppress(OSError, termios.error):
            self._line.reset_output_buffer()
        with suppress(OSError):
            self._line.close()


def _open_guard(port: Port) -> int:
    """Open the device that was found, and no other that has taken its name since."""
    if port.refusal:
        raise NotCounted(Verdict.UNREACHABLE, port.refusal)
    # O_PATH reaches no driver, so it can harm no device.
    place = os.open(port.name, os.O_PATH | os.O_CLOEXEC)
    try:
        if not _is_found(os.fstat(place), port):
            raise NotCounted(Verdict.UNREACHABLE, "has just been plugged in again: the next census asks it")
        return os.open(_again(place), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    finally:
        os.close(place)


def _again(descriptor: int) -> str:
    """Return a path that always leads to the open file, even if its own path has changed (proc_pid_fd(5))."""
    return f"/proc/self/fd/{descriptor}"


def _not_counted(error: Exception) -> NotCounted:
    number = _number(error)
    # TIOCEXCL causes EBUSY for everybody but root; flock causes EAGAIN.
    if number == errno.EBUSY:
        return Held("another program has it open (TIOCEXCL)")
    if number == errno.EAGAIN:
        return Held("another program has it locked (flock)")
    cause = errno.errorcode.get(number or 0, type(error).__name__)
    return NotCounted(Verdict.UNREACHABLE, _REASONS.get(number or 0, f"cannot be opened ({cause})"))


def _number(error: Exception) -> int | None:
    """Return the errno. pyserial hides it if a device is not a terminal or does not support the speed."""
    if isinstance(error, ValueError):
        return errno.EINVAL
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    cause = error.__context__ if isinstance(error, serial.SerialException) else error
    return cause.args[0] if isinstance(cause, termios.error) else None
