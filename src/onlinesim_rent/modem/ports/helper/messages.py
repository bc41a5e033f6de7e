"""The question to the helper and its answer: one line of JSON each."""

from __future__ import annotations

import json
import socket
from collections.abc import Collection, Mapping
from typing import Any

from onlinesim_rent.clock import Deadline
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.open_files import Holder
from onlinesim_rent.modem.printable import printable

MOST_BYTES = 1 << 20
"""The longest line: enough for 30,000 ports."""

_RECEIVED_AT_ONCE = 1 << 16


class MalformedError(ValueError):
    """A line that is no question, or no answer to the question."""


def write_question(devices: Collection[DeviceIdentity]) -> bytes:
    """Ask which of these devices a process has open."""
    return _line({"devices": [[device.number, device.mount] for device in devices]})


def read_question(line: bytes) -> set[DeviceIdentity]:
    """Return the devices that a question names. Raises MalformedError."""
    return {DeviceIdentity(*_row(row, int, int)) for row in _rows(line, "devices")}


def write_answer(held: Mapping[DeviceIdentity, Holder]) -> bytes:
    """Tell a holder of each device that has one."""
    return _line({"holders": [[device.number, device.mount, *holder] for device, holder in held.items()]})


def write_refusal(reason: str) -> bytes:
    """Tell why the question is not answered."""
    return _line({"refusal": reason})


def read_answer(line: bytes, asked: Collection[DeviceIdentity]) -> dict[DeviceIdentity, Holder]:
    """Return the holders that an answer names. Raises MalformedError, for a refusal too."""
    held = {}
    for row in _rows(line, "holders"):
        number, mount, process, name = _row(row, int, int, int, str)
        held[DeviceIdentity(number, mount)] = Holder(process, printable(name))
    if not held.keys() <= set(asked):
        raise MalformedError("it names a device that it was not asked about")
    return held


def receive_line(connection: socket.socket, deadline: Deadline) -> bytes:
    """Receive one line, by a deadline. Raises MalformedError and OSError."""
    line = bytearray()
    while not line.endswith(b"\n"):
        seconds = deadline.at - deadline.clock()
        if seconds <= 0:
            raise TimeoutError
        connection.settimeout(seconds)
        received = connection.recv(_RECEIVED_AT_ONCE)
        line += received
        if not received or len(line) > MOST_BYTES:
            raise MalformedError("the line is too long" if received else "hung up in the middle of a line")
    return bytes(line)


def _line(message: Mapping[str, object]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def _rows(line: bytes, key: str) -> list[object]:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise MalformedError("the line is not JSON") from None
    if isinstance(message, dict) and isinstance(message.get("refusal"), str):
        raise MalformedError(printable(message["refusal"]))
    if not isinstance(message, dict) or not isinstance(message.get(key), list):
        raise MalformedError(f"the line has no list of {key}")
    rows: list[object] = message[key]
    return rows


def _row(row: object, *kinds: type) -> list[Any]:
    if not isinstance(row, list) or [type(value) for value in row] != list(kinds):
        raise MalformedError("the line has a wrong value")
    return row
