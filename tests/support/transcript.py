"""Plays a module's lines to a dialogue, exchange by exchange, and to a conversation, in virtual time."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from onlinesim_rent.finding import Modem, NotCounted
from onlinesim_rent.modem.protocol.conversation import Conversation
from onlinesim_rent.modem.protocol.dialogue import prove
from onlinesim_rent.modem.protocol.v250 import ResponseBuffer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from onlinesim_rent.modem.protocol.dialogue import Dialogue
    from onlinesim_rent.modem.protocol.v250 import Response

IMEI = "869731054051594"
IMSI = "250011234567890"
MODEM = Modem(IMEI, IMSI)

SEVEN = ("AT", "AT+CGSN", "AT+CPIN?", "AT+CIMI", "AT+CREG?", "AT+CPAS", "AT+CIMI")
HEALTHY = {
    "AT": "·OK·",
    "AT+CGSN": f"·{IMEI}··OK·",
    "AT+CPIN?": "·+CPIN: READY··OK·",
    "AT+CIMI": f"·{IMSI}··OK·",
    "AT+CREG?": "·+CREG: 0,1··OK·",
    "AT+CPAS": "·+CPAS: 0··OK·",
}

LINE_ENDS = {"CR LF": "\r\n", "LF": "\n", "CR CR LF": "\r\r\n", "CR": "\r"}


def on_the_line(text: str, line_end: str = "\r\n") -> bytes:
    """The bytes of a reply in which ``·`` stands for a line end."""
    return text.replace("·", line_end).encode("latin-1")


def healthy_but(*changes: tuple[int, str]) -> list[tuple[str, str]]:
    """Return the exchanges of a healthy module up to ``last``, with some replies (from 0) changed."""
    exchanges = [(command, HEALTHY[command]) for command in SEVEN]
    for position, reply in changes:
        exchanges[position] = (exchanges[position][0], reply)
    return exchanges


def prove_with(exchanges: Iterable[tuple[str, str]], dialogue: Dialogue | None = None) -> Modem | NotCounted:
    """Play a dialogue and return its finding; fail if an exchange is wrong, missing or left over."""
    script, dialogue, buffer = list(exchanges), dialogue or prove(), ResponseBuffer()
    command = next(dialogue)
    while True:
        assert script, f"{command.text} is asked, which the script does not hold"
        expected, reply = script.pop(0)
        assert command.text == expected
        try:
            command = dialogue.send(_response(buffer, expected, reply))
        except StopIteration as proof:
            outcome = proof.value
        except NotCounted as reason:
            outcome = reason
        else:
            continue
        assert not script, f"{script} is left over"
        return outcome


def _response(buffer: ResponseBuffer, command: str, reply: str) -> Response:
    buffer.expect(command)
    buffer.feed(on_the_line(reply))
    return buffer.response() or buffer.so_far()


Piece = bytes | tuple[float, bytes]
"""Bytes that come at once, or so many seconds after the command."""


def whole(data: bytes) -> Iterable[bytes]:
    return [data]


def byte_by_byte(data: bytes) -> Iterable[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


@dataclass(frozen=True)
class Played:
    """The outcome of a conversation, its time, and the bytes it wrote."""

    outcome: Modem | NotCounted
    seconds: float
    asked: tuple[str, ...]

    @property
    def verdict(self) -> str:
        return "counted" if isinstance(self.outcome, Modem) else self.outcome.verdict.value

    @property
    def reason(self) -> str:
        return "" if isinstance(self.outcome, Modem) else self.outcome.reason


def play(
    replies: Mapping[str, list[list[Piece]]],
    *,
    before: Iterable[tuple[float, bytes]] = (),
    split: Callable[[bytes], Iterable[bytes]] = whole,
) -> Played:
    """Hold a conversation with a module that has, for each command, its replies in their order.

    A command's last reply is repeated. ``before`` holds bytes that come at fixed times, whatever is asked.
    Time passes only from one event to the next.
    """
    conversation, now, asked = Conversation(0.0), 0.0, []
    sequence = count()
    coming = [(at, next(sequence), piece) for at, data in before for piece in split(data)]
    heapq.heapify(coming)
    while conversation.outcome is None:
        for command in conversation.bytes_to_write().decode().split("\r")[:-1]:
            pieces = replies.get(command, [[]])[
                min(asked.count(command), len(replies.get(command, [[]])) - 1)
            ]
            asked.append(command)
            for piece in pieces:
                delay, data = piece if isinstance(piece, tuple) else (0.0, piece)
                for part in split(data):
                    heapq.heappush(coming, (now + delay, next(sequence), part))
        if coming and coming[0][0] <= conversation.wakes_at:
            now, _, part = heapq.heappop(coming)
            conversation.feed(part, now)
        else:
            now = conversation.wakes_at
            conversation.wake(now)
        assert now < 60, "it never ends"
    return Played(conversation.outcome, now, tuple(asked))


def healthy_replies(
    line_end: str = "\r\n", *, echo: bool = False, delay: float = 0.0, **changes: str
) -> dict:
    """A healthy module's replies for ``play``; changes are named by the command's letters (``CPIN=...``)."""
    named = {_letters(command): command for command in HEALTHY}
    worded = HEALTHY | {named[letters]: reply for letters, reply in changes.items()}
    return {
        command: [[(delay, (f"{command}\r".encode() if echo else b"") + on_the_line(reply, line_end))]]
        for command, reply in worded.items()
    }


def _letters(command: str) -> str:
    return command.removeprefix("AT+").removesuffix("?")
