"""Connects to the TCP ports of terminal servers (ser2net in raw mode). Only the look-up of a name may block.

They are plain sockets, because pyserial's ``socket://`` has three faults: it reads through select(), which
fails above descriptor 1023; its open() never returns while the peer sends; and it sleeps in close().
"""

from __future__ import annotations

import errno
import socket
from typing import NamedTuple

from onlinesim_rent.finding import NotCounted, Verdict

_UNKNOWN_HOST = "the terminal server's name is unknown: check it, and this host's DNS"
_UNREACHABLE = "the terminal server cannot be reached"
_REASONS = {
    errno.ECONNREFUSED: "connection refused: the port of the terminal server is in use or down",
    errno.EHOSTUNREACH: _UNREACHABLE,
    errno.ENETUNREACH: _UNREACHABLE,
    errno.EHOSTDOWN: _UNREACHABLE,
    errno.ENETDOWN: _UNREACHABLE,
    errno.ETIMEDOUT: "the terminal server does not answer",
    errno.EACCES: "permission denied: let this host's firewall and the service's unit connect to it",
    errno.EPERM: "permission denied: let this host's firewall and the service's unit connect to it",
    errno.EMFILE: "no descriptor left: raise LimitNOFILE",
    errno.ENFILE: "no descriptor left on this host",
    # getaddrinfo's numbers are negative, so none of them is also an errno.
    socket.EAI_NONAME: _UNKNOWN_HOST,
    socket.EAI_NODATA: _UNKNOWN_HOST,
    socket.EAI_AGAIN: _UNKNOWN_HOST,
}
_ANSWERS = frozenset({errno.ECONNREFUSED, errno.ECONNRESET})
"""The errors that a terminal server causes itself: it is up."""


class NoAnswer(NotCounted):
    """A terminal server did not answer at all, so its other ports may not answer either."""

    def __init__(self, reason: str) -> None:
        super().__init__(Verdict.UNREACHABLE, reason)


class Address(NamedTuple):
    """One address of a host, as socket.getaddrinfo() gives it, with the port number 0."""

    family: int
    place: tuple[str, int] | tuple[str, int, int, int]


def addresses_of(host: str) -> list[Address]:
    """Look up the addresses of a host: at least one, in the order to try. May block. Raises NoAnswer."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _not_counted(getattr(error, "errno", None) or socket.EAI_NONAME) from error
    return list(dict.fromkeys(Address(family, place) for family, _, _, _, place in found))  # type: ignore[arg-type]


class TcpPort:
    """A connection that is being made, or is made. It never blocks.

    Once it can be written to, ``check`` tells whether it is made.
    """

    def __init__(self, address: Address, number: int) -> None:
        """Begin to connect. Raises NotCounted."""
        host, _, *rest = address.place
        try:
            self._socket = socket.socket(address.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            raise _not_counted(error.errno) from error
        error_number = self._socket.connect_ex((host, number, *rest))
        if error_number not in {0, errno.EINPROGRESS}:
            self._socket.close()
            raise _not_counted(error_number)

    def check(self) -> None:
        """Raise NotCounted if the connection could not be made."""
        number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        # A connection that was made and ended already is read, because it may say why.
        if number not in {0, errno.ECONNRESET}:
            raise _not_counted(number)

    def fileno(self) -> int:
        """The descriptor to read from and write to."""
        return self._socket.fileno()

    def read(self, most: int) -> bytes:
        """Read up to ``most`` bytes: see OpenPort."""
        data = self._socket.recv(most)
        # Acknowledge at once: a server that waits for it (Nagle) would send the answer 40 ms after the echo.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return data

    def write(self, data: bytes) -> int:
        """Write what the connection accepts now: see OpenPort."""
        return self._socket.send(data)

    def is_exclusive(self) -> bool:
        """No other program of this host can lock a terminal server's port."""
        return False

    def close(self) -> None:
        """End the connection, or the attempt to make it."""
        self._socket.close()


def _not_counted(number: int | None) -> NotCounted:
    cause = errno.errorcode.get(number or 0, "unknown error")
    reason = _REASONS.get(number or 0, f"cannot be connected to ({cause})")
    return NotCounted(Verdict.UNREACHABLE, reason) if number in _ANSWERS else NoAnswer(reason)


def does_not_answer() -> NoAnswer:
    """Return the reason for a port whose connection takes too long."""
    return NoAnswer(_REASONS[errno.ETIMEDOUT])
