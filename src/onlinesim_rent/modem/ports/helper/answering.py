"""The helper's side: answers which of these devices a process has open."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from struct import Struct
from typing import NamedTuple

from onlinesim_rent.clock import Deadline, boot_clock
from onlinesim_rent.modem.ports.helper.messages import (
    MalformedError,
    read_question,
    receive_line,
    write_answer,
    write_refusal,
)
from onlinesim_rent.modem.ports.open_files import holders_seen, sees_every_process

CLIENT_SECONDS = 1.0
"""How long a client may take to send its question, and to receive its answer: the next one waits."""

_CREDENTIALS = Struct("=iII")
"""linux/socket.h, struct ucred: process, user and group."""


class Asker(NamedTuple):
    """The process that connected, and its user."""

    process: int
    user: int

    @classmethod
    def of(cls, connection: socket.socket) -> Asker:
        """Return what the kernel says of the other end."""
        packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        process, user, _ = _CREDENTIALS.unpack(packed)
        return cls(process, user)


def serve(listener: socket.socket, idle_seconds: float) -> None:
    """Answer one client after the other, until nobody has asked for so long. Only the socket's owner may."""
    owner = os.stat(listener.getsockname()).st_uid
    listener.settimeout(idle_seconds)
    with suppress(TimeoutError):
        while True:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                _serve_client(connection, owner)


def answer(question: bytes, process: int) -> bytes:
    """Return the answer to a question of a process, which looks at its own files itself. Raises OSError."""
    try:
        devices = read_question(question)
    except MalformedError as error:
        return write_refusal(str(error))
    # Not to see a process is not to know: a unit without a capability must not tell that ports are free.
    if not sees_every_process():
        return write_refusal("it may not see every process")
    return write_answer(holders_seen(devices, left_out=process))


def _serve_client(connection: socket.socket, owner: int) -> None:
    reply = _reply(connection, owner)
    connection.settimeout(CLIENT_SECONDS)
    connection.sendall(reply)


def _reply(connection: socket.socket, owner: int) -> bytes:
    try:
        question = receive_line(connection, Deadline(boot_clock() + CLIENT_SECONDS))
    except MalformedError as error:
        return write_refusal(str(error))
    asker = Asker.of(connection)
    if asker.user != owner:
        return write_refusal("only the owner of the socket may ask")
    return answer(question, asker.process)
