"""One simulated GSM module. It takes bytes and the time, and returns bytes and times: no IO, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import NamedTuple, TypeVar

from .commands import echo_after, is_question, read_command, take_lines
from .families import FAMILIES, Family
from .faults import FAULTS, Fault
from .sim import network_name, sim_facts
from .standard_answers import Lines
from .texts import Texts

CHATTER_SECONDS = 5.0
"""How often a talkative family repeats its unsolicited lines."""

Row = TypeVar("Row")
_NEW_TEXT = ('+CMTI: "SM",3',)


class Emission(NamedTuple):
    """Bytes that a port sends at the time ``at``.

    With ``every``, the port sends them again ``every`` seconds after the earlier ones were taken, until it is
    closed.
    """

    at: float
    port_index: int
    data: bytes
    every: float = 0.0


class HangUp(NamedTuple):
    """The device vanishes at the time ``at``."""

    at: float
    port_index: int


Event = Emission | HangUp


@dataclass(slots=True)
class Counts:
    """What one port was asked. A setting is any command that is not a question."""

    opens: int = 0
    dialogues: int = 0
    commands: int = 0
    settings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Session:
    """One port from its opening to its closing."""

    unread: bytearray = field(default_factory=bytearray)
    asked: Counter[str] = field(default_factory=Counter)
    commands: int = 0
    former: str = ""
    free_at: float = 0.0
    off: bool = False


@dataclass(eq=False)
class SimulatedModule:
    """A radio with one SIM and one or more ports.

    ``family`` is a key of FAMILIES, ``fault`` one of FAULTS, ``latency`` is in seconds. ``echo`` is whether
    it echoes commands until one of them changes that. The module counts each setting and answers it as if it
    obeyed, but it obeys only ATE, ATZ and AT&F, as far as they switch the echo of the port that was told.
    ValueError says what is wrong in a configuration.
    """

    imei: str
    imsi: str
    _: KW_ONLY
    family: str = "SIM800"
    latency: float = 0.005
    echo: bool = False
    fault: str = "none"
    ports: int = 1

    def __post_init__(self) -> None:
        if self.latency < 0 or self.ports < 1:
            raise ValueError("a module has a latency of 0 seconds or more, and 1 port or more")
        self._family: Family = _row("family", FAMILIES, self.family)
        self._sessions = [_Session() for _ in range(self.ports)]
        self._echoes = [self.echo] * self.ports
        self.counts = [Counts() for _ in range(self.ports)]
        self.texts = Texts()
        self.change()

    @property
    def live(self) -> bool:
        """Whether it receives texts now, so that its number may be counted."""
        return self._fault.live

    def change(self, *, fault: str | None = None, imsi: str | None = None) -> None:
        """Change its fault or swap its SIM. Open ports stay open. Raises ValueError."""
        fault, imsi = fault or self.fault, imsi or self.imsi
        if not all(isinstance(number, str) and number.isdecimal() for number in (self.imei, imsi)):
            raise ValueError("an IMEI and an IMSI are strings of digits")
        self._fault: Fault = _row("fault", FAULTS, fault)
        self.fault, self.imsi = fault, imsi
        self._facts = {
            "imei": self.imei,
            **sim_facts(imsi),
            "other_imsi": self.imsi[:-1] + str((int(self.imsi[-1]) + 5) % 10),
            "sim": "READY",
            "registration": "1",
            "activity": "0",
            **self._fault.facts,
        }
        is_registered = self._facts["registration"] in {"1", "5"}
        self._facts["network"] = f'0,0,"{network_name(imsi)}"' if is_registered else "0"

    def opened(self, port_index: int, now: float) -> list[Event]:
        """Begin a session; return the bytes that the port sends unasked."""
        self._sessions[port_index] = _Session()
        self.counts[port_index].opens += 1
        family, fault = self._family, self._fault
        events: list[Event] = []
        if fault.noise:
            events.append(Emission(now, port_index, fault.noise, fault.noise_every))
        if fault.boots:
            events.append(Emission(now + self.latency, port_index, family.frame(family.banner)))
        if family.chatter and not fault.speechless:
            chatter = family.frame(family.chatter)
            events.append(Emission(now + self.latency / 2, port_index, chatter, CHATTER_SECONDS))
        return events

    def closed(self, port_index: int, now: float) -> list[Event]:  # noqa: ARG002 - all three have one signature
        """End a session. The caller drops the events that are still to come."""
        self._sessions[port_index] = _Session()
        return []

    def feed(self, port_index: int, data: bytes, now: float) -> list[Event]:
        """Take bytes; return the echo, for now, and the answers, each at its time."""
        session = self._sessions[port_index]
        session.unread += data
        return [
            event
            for line in take_lines(session.unread)
            for event in self._hear(port_index, session, line, now)
        ]

    def _hear(self, port_index: int, session: _Session, line: bytes, now: float) -> Iterator[Event]:
        command = read_command(line)
        if command is not None:
            self._count(self.counts[port_index], session, command)
        if session.off or session.commands <= self._fault.ignores:
            return
        if self._echoes[port_index] if self._fault.echoes is None else self._fault.echoes:
            yield Emission(now, port_index, self._echo(line))
        if command is not None:
            echo = self._echoes[port_index]
            self._echoes[port_index] = echo_after(command, echo=echo, stored=self.echo)
        if command is not None and not self._fault.speechless:
            yield from self._reply(port_index, session, command, now)

    @staticmethod
    def _count(counts: Counts, session: _Session, command: str) -> None:
        counts.commands += 1
        counts.dialogues += command == "+CGSN" and not session.asked[command]
        if not is_question(command):
            counts.settings.append(command)
        session.commands += 1
        session.asked[command] += 1

    def _reply(self, port_index: int, session: _Session, command: str, now: float) -> Iterator[Event]:
        fault = self._fault
        at = session.free_at = max(now, session.free_at) + self.latency + fault.delays.get(command, 0.0)
        data = self._answer(session, session.former if fault.lags else command)
        session.former = command
        if command == fault.hangs_up_at:
            yield Emission(at, port_index, data[: len(data) // 2])
            yield HangUp(at, port_index)
        elif command == fault.powers_down_at:
            session.off = True
            yield Emission(at, port_index, self._family.frame(("NORMAL POWER DOWN",)))
        elif fault.byte_seconds:
            session.free_at += len(data) * fault.byte_seconds
            for place, byte in enumerate(data, start=1):
                yield Emission(at + place * fault.byte_seconds, port_index, bytes((byte,)))
        else:
            yield Emission(at, port_index, data)

    def _answer(self, session: _Session, command: str) -> bytes:
        lines = tuple(line.format_map(self._facts) for line in self._wording(session, command))
        return self._family.frame(self._chattered(lines) if self._fault.chatters else lines)

    def _wording(self, session: _Session, command: str) -> Lines:
        by_asking = self._fault.answers.get(command, ())
        own = by_asking[min(session.asked[command], len(by_asking)) - 1] if by_asking else ()
        if own:
            return own
        if about_texts := self.texts.answer(command):
            return about_texts
        family = self._family
        return family.answer(command) if is_question(command) else family.answer_to_setting(command)

    def _chattered(self, lines: Lines) -> Lines:
        urc = self._family.chatter or _NEW_TEXT
        return (*urc, *(text for line in lines for text in (line, *urc)))

    def _echo(self, line: bytes) -> bytes:
        if not self._fault.chatters:
            return line
        return line[:4] + self._family.frame(self._family.chatter or _NEW_TEXT) + line[4:]


def _row(kind: str, table: Mapping[str, Row], name: str) -> Row:
    if name not in table:
        raise ValueError(f"no {kind} is called {name!r}; there are: {', '.join(table)}")
    return table[name]
