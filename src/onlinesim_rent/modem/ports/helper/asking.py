"""The service's side: asks the helper which devices are held. Without a clear answer there is no census."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from onlinesim_rent.clock import Deadline, boot_clock
from onlinesim_rent.finding import CensusError
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.helper.messages import (
    MalformedError,
    read_answer,
    receive_line,
    write_question,
)
from onlinesim_rent.modem.ports.open_files import Holder

SOCKET = "/run/onlinesim-rent-holders.sock"
"""ListenStream= of onlinesim-rent-holders.socket."""

ANSWER_SECONDS = 2.5
"""How long the helper may take. Its answer takes milliseconds, but its start a part of a second."""

Holders = dict[DeviceIdentity, Holder]


@contextmanager
def helper_asked(
    devices: Collection[DeviceIdentity], deadline: Deadline | None = None
) -> Iterator[Callable[[], Holders]]:
    """Ask the helper, and yield a function that waits for its answer: the caller can look itself meanwhile.

    Without a helper the answer is empty. The answer leaves this process out. Raises CensusError if the helper
    does not answer clearly within ANSWER_SECONDS and before the deadline.
    """
    by = _sooner(deadline)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        is_there = _send(connection, write_question(devices), by)
        yield lambda: _receive(connection, devices, by) if is_there else {}


def _sooner(deadline: Deadline | None) -> Deadline:
    if deadline is None:
        return Deadline(boot_clock() + ANSWER_SECONDS)
    deadline.check("looking for programs that use the ports")
    return Deadline(min(deadline.at, deadline.clock() + ANSWER_SECONDS), deadline.clock)


def _send(connection: socket.socket, question: bytes, by: Deadline) -> bool:
    """Send the question; return False if there is no helper."""
    connection.settimeout(max(by.at - by.clock(), 0.0))
    try:
        connection.connect(SOCKET)
        connection.sendall(question)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _failed(error) from error
    return True


def _receive(connection: socket.socket, devices: Collection[DeviceIdentity], by: Deadline) -> Holders:
    try:
        return read_answer(receive_line(connection, by), devices)
    except (MalformedError, OSError) as error:
        raise _failed(error) from error


def _failed(error: Exception) -> CensusError:
    if isinstance(error, PermissionError):
        return CensusError(
            f"this user may not ask who holds the ports ({SOCKET}): run this program as the service's user "
            "or as root, or set SocketUser= in onlinesim-rent-holders.socket"
        )
    if isinstance(error, TimeoutError):
        cause = "did not answer in time"
    else:
        cause = f"failed: {(error.strerror if isinstance(error, OSError) else None) or error}"
    return CensusError(
        f"the helper that sees who holds the ports {cause}; restart it (systemctl restart "
        "onlinesim-rent-holders.socket onlinesim-rent-holders.service), and see its log (journalctl -u "
        "onlinesim-rent-holders)"
    )
