"""The commands that one module is sent, in order: generators without IO.

A generator yields commands and receives the response to each. It returns the modem, or raises
``NotCounted`` with the verdict. It only reads and never changes a setting: the settings belong to the
software that reads the texts (the probes of ModemManager and gammu change them, and break that software).

No two commands in a row are answered by bare digits, so a late answer is never taken for an answer to the
next command. The last command reads the IMSI again, because a SIM bank may have swapped the card meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from onlinesim_rent.finding import Modem, NotCounted, Verdict
from onlinesim_rent.modem.printable import printable
from onlinesim_rent.modem.protocol import ts27007
from onlinesim_rent.modem.protocol.ts27007 import (
    ActivityStatus,
    CmeError,
    Contradiction,
    RegistrationStatus,
)
from onlinesim_rent.modem.protocol.unsolicited import Event, parse_unsolicited
from onlinesim_rent.modem.protocol.v250 import Response

_Fact = TypeVar("_Fact")


@dataclass(frozen=True, slots=True)
class Command:
    """One command line and its times, in seconds.

    ``patience`` is how long to wait for the response, ``pause`` how long to wait before the command is sent.
    ``silence`` is set for a command whose final result code may be missing: after so long a silence behind
    the answer, the response is complete. ``answer`` holds the prefixes of a line that answers the command;
    None means that the final result code is the answer.
    """

    text: str
    patience: float
    answer: tuple[str, ...] | None = None
    pause: float = 0.0
    silence: float | None = None

    def is_answered_by(self, lines: Iterable[str]) -> bool:
        """Whether one of the lines begins with a prefix of the answer; always true without prefixes."""
        return self.answer is None or any(line.upper().startswith(self.answer) for line in lines)


_DIGITS = ('"', *"0123456789")

# A silent module takes AT_ATTEMPTS times this patience.
AT = Command("AT", patience=0.9)
AT_ATTEMPTS = 3
CGSN = Command("AT+CGSN", patience=3.0, answer=("+CGSN:", *_DIGITS))
# The answer comes late while the module still reads its SIM. A Wavecom sends no OK after it.
CPIN = Command("AT+CPIN?", patience=5.0, answer=("+CPIN:",), silence=0.2)
CPIN_RETRY_PAUSE = 0.5
CIMI = Command("AT+CIMI", patience=3.0, answer=("+CIMI:", *_DIGITS))
CREG = Command("AT+CREG?", patience=3.0, answer=("+CREG:",))
CPAS = Command("AT+CPAS", patience=3.0, answer=("+CPAS:",))

Exchanges = Generator[Command, Response, _Fact]
"""Yields commands, receives the response to each, and returns what the responses showed."""

Dialogue = Exchanges[Modem]


Ask = Callable[[Modem | None], Dialogue]
"""Begins the dialogue with a port: with the modem that the port has shown before, or None."""


def proof(modem: Modem | None) -> Dialogue:
    """Ask for a proof, or for a proof again: the dialogue of a census."""
    return prove_again(modem) if modem else prove()


def attention(_: Modem | None = None) -> Dialogue:
    """Check only that something answers AT. The modem that it returns has no identity. Raises NotCounted."""
    yield from _attention()
    return Modem("")


def prove() -> Dialogue:
    """Ask a module to prove that it can receive a text on a number that nobody uses now.

    A healthy module needs seven exchanges. Raises NotCounted. Once the IMEI is known, the exception names the
    module, because a bad verdict on this port counts against the module's other ports too.
    """
    yield from _attention()
    imei = _imei((yield from _ask(CGSN)))
    imsi = yield from _as_shown_by(Modem(imei), _subscriber(Modem(imei)))
    return (yield from _as_shown_by(Modem(imei, imsi), _free(Modem(imei, imsi))))


def prove_again(modem: Modem) -> Dialogue:
    """Repeat the checks whose results can have changed since the module's proof. Raises NotCounted.

    A healthy module needs four exchanges: attention, registration, calls, SIM.
    """
    return (yield from _as_shown_by(modem, _still_free(modem)))


def _as_shown_by(modem: Modem, exchanges: Exchanges[_Fact]) -> Exchanges[_Fact]:
    """Run the exchanges; if NotCounted ends them, name the module in it."""
    try:
        return (yield from exchanges)
    except NotCounted as reason:
        raise NotCounted(reason.verdict, reason.reason, modem) from None


def _subscriber(modem: Modem) -> Exchanges[str]:
    """Check that the SIM is ready, and return its IMSI."""
    yield from _sim_ready(modem)
    imsi = _imsi((yield from _ask_ready(CIMI, modem)))
    if imsi == modem.imei:
        raise NotCounted(Verdict.DOUBTFUL, "gives the same digits as IMEI and IMSI")
    return imsi


def _still_free(modem: Modem) -> Exchanges[Modem]:
    yield from _attention()
    return (yield from _free(modem))


def _free(modem: Modem) -> Exchanges[Modem]:
    """Check that the module is registered, is in no call, and still has the same SIM."""
    _check_registration((yield from _ask_ready(CREG, modem)))
    _check_idle((yield from _ask_registered(CPAS, modem)))
    if _imsi((yield from _ask_registered(CIMI, modem))) != modem.imsi:
        raise NotCounted(Verdict.SIM_CHANGED, "the SIM was changed while the module was asked")
    return modem


def check_unsolicited(lines: Iterable[str]) -> None:
    """Raise NotCounted if a line reports a call or a power-down."""
    for line in lines:
        event = parse_unsolicited(line)
        if event is Event.CALL:
            raise NotCounted(Verdict.IN_USE, f"is in a call ({line.partition(':')[0]})")
        if event is Event.POWER_DOWN:
            raise NotCounted(Verdict.HUNG_UP, "has just been switched off")


def check_still_registered(lines: Iterable[str]) -> None:
    """Raise NotCounted if a line shows that a module lost its SIM or network, is busy, or restarts."""
    for line in lines:
        _check_sim_still_ready(line)
        for parse in (ts27007.parse_creg_solicited, ts27007.parse_creg_unsolicited):
            status = parse(line)
            if status is not None and not ts27007.takes_texts(status):
                raise NotCounted(Verdict.NOT_REGISTERED, f"has just lost its network (+CREG {status})")
        activity = ts27007.parse_cpas_response([line])
        if activity is not None:
            _check_activity(activity)
        _check_network_still_there(line)


def _check_network_still_there(line: str) -> None:
    event = parse_unsolicited(line)
    if event is Event.NETWORK_LOST:
        raise NotCounted(Verdict.NOT_REGISTERED, f"has just lost its network ({line.partition(':')[0]})")
    if event is Event.RESTART:
        raise NotCounted(Verdict.DOUBTFUL, "has just restarted")


def _check_sim_still_ready(line: str) -> None:
    is_lost = parse_unsolicited(line) is Event.SIM_LOST
    if is_lost or ts27007.parse_cpin_read_response([line]) not in {None, "READY"}:
        raise NotCounted(Verdict.SIM_NOT_READY, "has just lost its SIM")


def _ask(command: Command, modem: Modem | None = None) -> Exchanges[Response]:
    response = yield command
    check_unsolicited(response.earlier + response.lines)
    if modem:
        _check_alone(response, modem)
    return response


def _ask_ready(command: Command, modem: Modem) -> Exchanges[Response]:
    response = yield from _ask(command, modem)
    for line in response.earlier + response.lines:
        _check_sim_still_ready(line)
    return response


def _ask_registered(command: Command, modem: Modem) -> Exchanges[Response]:
    response = yield from _ask(command, modem)
    check_still_registered(response.earlier + response.lines)
    return response


def _check_alone(response: Response, modem: Modem) -> None:
    """Raise NotCounted if a line gives an IMEI or IMSI that is not the module's own.

    The lines that answer AT+CIMI are left to ``_imsi``.
    """
    others = response.earlier if response.command == CIMI.text else response.earlier + response.lines
    for line in others:
        if ts27007.parse_identity(line) not in {None, modem.imei, modem.imsi}:
            raise NotCounted(Verdict.DOUBTFUL, "another module answers on the same line: check the wiring")


def _attention() -> Exchanges[None]:
    """Send AT until the module answers: an autobauding module ignores the first ones."""
    for _ in range(AT_ATTEMPTS):
        response = yield from _ask(AT)
        if response.is_ok:
            return
    if "0" in response.lines:
        raise NotCounted(Verdict.NOT_AT, "answers in digits: let the software that owns it send ATV1")
    if response.final_result_code:
        raise NotCounted(Verdict.NOT_AT, f"answers AT with {printable(response.final_result_code)}")
    raise NotCounted(Verdict.SILENT, "no answer to AT: check its power, and that RENT_BAUD_RATE is its speed")


def _imei(response: Response) -> str:
    imei = _read(response, ts27007.parse_cgsn_response)
    if imei is None or not response.is_ok:
        raise _no_answer(response, Verdict.NO_IDENTITY, "gives no IMEI of 15 digits")
    return imei


def _sim_ready(modem: Modem) -> Exchanges[None]:
    response = yield from _ask(CPIN, modem)
    if ts27007.parse_error(response.final_result_code) is CmeError.SIM_BUSY:
        response = yield from _ask(replace(CPIN, pause=CPIN_RETRY_PAUSE), modem)
    code = _read(response, ts27007.parse_cpin_read_response)
    # A Wavecom sends this answer without a final result code.
    if code == "READY" and response.final_result_code in {"OK", None}:
        return
    if code:
        raise NotCounted(Verdict.SIM_NOT_READY, f"its SIM is not ready: {printable(code)}")
    raise _no_answer(response, Verdict.SIM_NOT_READY, "its SIM is not ready")


def _imsi(response: Response) -> str:
    imsi = _read(response, ts27007.parse_cimi_response)
    if imsi is None or not response.is_ok:
        raise _no_answer(response, Verdict.NO_IDENTITY, "gives no IMSI of 14 or 15 digits")
    return imsi


def _check_registration(response: Response) -> None:
    status = _read(response, ts27007.parse_creg_read_response)
    if status is None or not response.is_ok:
        raise _no_answer(response, Verdict.NOT_REGISTERED, "does not say whether it is registered")
    if not ts27007.takes_texts(status):
        reason = f"is not registered for texts: {_words(status)} (+CREG {status})"
        raise NotCounted(Verdict.NOT_REGISTERED, reason)
    # The module may have read its state before the line, and sent it after.
    for line in response.lines:
        _check_network_still_there(line)


def _check_idle(response: Response) -> None:
    lacks_it = ts27007.parse_error(response.final_result_code) is CmeError.NOT_SUPPORTED
    if lacks_it and not CPAS.is_answered_by(response.lines):
        return
    activity = _read(response, ts27007.parse_cpas_response)
    if activity is None or not response.is_ok:
        raise _no_answer(response, Verdict.DOUBTFUL, "does not say whether it is in a call")
    _check_activity(activity)


def _check_activity(activity: ActivityStatus) -> None:
    if activity in {ActivityStatus.RINGING, ActivityStatus.CALL_IN_PROGRESS}:
        raise NotCounted(Verdict.IN_USE, f"is in a call (+CPAS {activity})")
    if activity is not ActivityStatus.READY:
        raise NotCounted(Verdict.DOUBTFUL, f"is not ready: {_words(activity)} (+CPAS {activity})")


def _read(response: Response, parse: Callable[[Iterable[str]], _Fact | None]) -> _Fact | None:
    if not all(line.isascii() and line.isprintable() for line in response.lines):
        # An unreadable line may contradict the others.
        raise NotCounted(Verdict.DOUBTFUL, f"noise in its answer to {response.command}: check its cable")
    try:
        return parse(response.lines)
    except Contradiction:
        raise NotCounted(Verdict.DOUBTFUL, f"gives two different answers to {response.command}") from None


def _no_answer(response: Response, verdict: Verdict, reason: str) -> NotCounted:
    if response.final_result_code is None:
        return NotCounted(Verdict.SILENT, f"stopped answering at {response.command}")
    if response.is_ok:
        return NotCounted(verdict, reason)
    return NotCounted(verdict, f"{reason} ({printable(response.final_result_code)})")


def _words(status: RegistrationStatus | ActivityStatus) -> str:
    return status.name.lower().replace("_", " ")
