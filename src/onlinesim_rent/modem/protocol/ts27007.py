"""Responses to facts, as 3GPP TS 27.007 (V17) words them: functions over strings.

Each takes the lines of one response and returns what they say, or None where they say nothing that
answers the command. ``Contradiction`` is raised where two lines answer it differently.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import Enum, IntEnum
from functools import lru_cache
from typing import TypeVar

_Fact = TypeVar("_Fact")


class Contradiction(Exception):
    """Two lines of one response answer the same question differently."""


class RegistrationStatus(IntEnum):
    """``<stat>`` of +CREG, TS 27.007 clause 7.2."""

    NOT_REGISTERED = 0
    HOME = 1
    SEARCHING = 2
    DENIED = 3
    UNKNOWN = 4
    ROAMING = 5
    SMS_ONLY_HOME = 6
    SMS_ONLY_ROAMING = 7
    EMERGENCY_ONLY = 8
    CSFB_NOT_PREFERRED_HOME = 9
    CSFB_NOT_PREFERRED_ROAMING = 10
    RLOS = 11


_TAKES_TEXTS = frozenset({
    RegistrationStatus.HOME,
    RegistrationStatus.ROAMING,
    RegistrationStatus.SMS_ONLY_HOME,
    RegistrationStatus.SMS_ONLY_ROAMING,
    RegistrationStatus.CSFB_NOT_PREFERRED_HOME,
    RegistrationStatus.CSFB_NOT_PREFERRED_ROAMING,
})  # fmt: skip


class ActivityStatus(IntEnum):
    """``<pas>`` of +CPAS, TS 27.007 clause 8.1."""

    READY = 0
    UNAVAILABLE = 1
    UNKNOWN = 2
    RINGING = 3
    CALL_IN_PROGRESS = 4
    ASLEEP = 5


class CmeError(Enum):
    """The +CME ERROR results (TS 27.007 clause 9.2) that tell one cause from another here."""

    NOT_SUPPORTED = "not supported"
    SIM_BUSY = "SIM busy"
    OTHER = "other"


# 515 is what several vendors give while the SIM is still being read.
_CME_ERRORS = {
    "3": CmeError.NOT_SUPPORTED,
    "4": CmeError.NOT_SUPPORTED,
    "OPERATION NOT ALLOWED": CmeError.NOT_SUPPORTED,
    "OPERATION NOT SUPPORTED": CmeError.NOT_SUPPORTED,
    "14": CmeError.SIM_BUSY,
    "SIM BUSY": CmeError.SIM_BUSY,
    "515": CmeError.SIM_BUSY,
}
_IDENTITY = re.compile(r'(?:\+C(?:GSN|IMI):\s*)?"?([0-9]{14,15})"?', re.IGNORECASE)
_LACKS_COMMAND = frozenset({"ERROR", "COMMAND NOT SUPPORT", "COMMAND NOT SUPPORTED"})


class Event(Enum):
    """What an unsolicited result code tells, where it changes what a module has proved."""

    CALL = "call"
    POWER_DOWN = "power down"
    RESTART = "restart"


# TS 27.007 clauses 7.6, 7.11, 7.12, 7.18; ^ is Huawei's, VOICE CALL is SIMCom's, +WIND is Wavecom's.
_CALL_PREFIXES = (
    "+CRING:", "+CLIP:", "+CCWA:", "+CLCC:", "^ORIG:", "^CONN:", "VOICE CALL: BEGIN", "+WIND: 5,",
)  # fmt: skip
_CALLS = frozenset({"RING", "RINGING", "+WIND: 2"})
_RESTARTS = frozenset({"RDY", "^SYSSTART", "*ATREADY: 1", "+WIND: 3", "+WIND: 4"})


# The same few lines come from every module, and thousands of times from a port that never stops talking.
@lru_cache(maxsize=1024)
def parse_unsolicited(line: str) -> Event | None:
    """The event that one line tells of, if it is such a line."""
    line = line.upper()
    if line in _CALLS or line.startswith(_CALL_PREFIXES):
        return Event.CALL
    if line.endswith(("POWER DOWN", "POWERED DOWN")):
        return Event.POWER_DOWN
    return Event.RESTART if line in _RESTARTS else None


def takes_texts(status: int) -> bool:
    """Whether a text message reaches a module whose registration ``<stat>`` is this."""
    return status in _TAKES_TEXTS


def parse_error(final_result_code: str | None) -> CmeError | None:
    """What kind of refusal a final result code is, numbered or in words; None where it is none."""
    if final_result_code in {None, "OK"}:
        return None
    assert final_result_code is not None
    if final_result_code in _LACKS_COMMAND:
        return CmeError.NOT_SUPPORTED
    prefix, _, cause = final_result_code.partition(":")
    if prefix != "+CME ERROR":
        return CmeError.OTHER
    return _CME_ERRORS.get(cause.strip().upper(), CmeError.OTHER)


def parse_cgsn_response(lines: Iterable[str]) -> str | None:
    """The IMEI (clause 5.4): exactly 15 digits, not one digit repeated.

    The check digit is not checked: live modules fail it.
    """
    imei = _agreed(lines, _identity("+CGSN:"))
    return imei if imei and re.fullmatch(r"[0-9]{15}", imei) and len(set(imei)) > 1 else None


def parse_cimi_response(lines: Iterable[str]) -> str | None:
    """The IMSI (clause 5.6): 14 or 15 digits."""
    imsi = _agreed(lines, _identity("+CIMI:"))
    return imsi if imsi and re.fullmatch(r"[0-9]{14,15}", imsi) and len(set(imsi)) > 1 else None


def parse_identity(line: str) -> str | None:
    """The IMEI or IMSI that one line gives by itself or behind its prefix; None for any other line."""
    match = _IDENTITY.fullmatch(line)
    return match[1] if match else None


def parse_cpin_read_response(lines: Iterable[str]) -> str | None:
    """``<code>`` of +CPIN (clause 8.3), in capitals and without quotes: ``READY``, ``SIM PIN`` ..."""
    return _agreed(lines, lambda line: _after("+CPIN:", line))


def parse_creg_read_response(lines: Iterable[str]) -> RegistrationStatus | None:
    """``<stat>`` of the read form of +CREG (clause 7.2).

    The read form is ``<n>,<stat>[,<lac>,<ci>[,<AcT>...]]``, the unsolicited one ``<stat>[,<lac>,<ci>...]``.
    An unsolicited line among the answer does not answer, but if it disagrees it is a contradiction.
    """
    lines = list(lines)
    solicited = _agreed(lines, parse_creg_solicited)
    unsolicited = _agreed(lines, parse_creg_unsolicited)
    if solicited is None:
        return None
    if unsolicited not in {None, solicited}:
        raise Contradiction
    return RegistrationStatus(solicited) if solicited in set(RegistrationStatus) else None


def parse_cpas_response(lines: Iterable[str]) -> ActivityStatus | None:
    """``<pas>`` of +CPAS (clause 8.1)."""
    activity = _agreed(lines, _cpas)
    return ActivityStatus(activity) if activity in set(ActivityStatus) else None


def parse_creg_solicited(line: str) -> int | None:
    """``<stat>`` of one line of the read form of +CREG, by its fields; None for any other line."""
    fields = _creg_fields(line)
    # Three fields are a line that was cut: <lac> is never given without <ci>.
    if len(fields) in {0, 1, 3} or not _is_stat_field(fields[:1]) or not _is_stat_field(fields[1:2]):
        return None
    return int(fields[1])


def parse_creg_unsolicited(line: str) -> int | None:
    """``<stat>`` of an unsolicited +CREG line, by its fields; None for any other line."""
    fields = _creg_fields(line)
    if not fields or _is_stat_field(fields[1:2]) or not _is_stat_field(fields[:1]):
        return None
    return int(fields[0])


def _creg_fields(line: str) -> list[str]:
    """The fields of a +CREG line; none where its last quote is missing, since it was cut."""
    value = _after("+CREG:", line, plain=False)
    if value is None or value.count('"') % 2:
        return []
    return [field.strip() for field in value.split(",")]


def _is_stat_field(field: list[str]) -> bool:
    """Whether the one field can be ``<n>`` or ``<stat>``: a quoted or long one is a ``<lac>``."""
    return bool(field) and re.fullmatch(r"[0-9]{1,3}", field[0]) is not None


def _cpas(line: str) -> int | None:
    value = _after("+CPAS:", line)
    if value is None:
        return None
    return int(value) if re.fullmatch(r"[0-9]{1,3}", value) else -1


def _identity(prefix: str) -> Callable[[str], str | None]:
    """Reads what follows the prefix, or a bare line of digits; shorter ones are no identity."""

    def read(line: str) -> str | None:
        value = _after(prefix, line)
        if value is None and re.fullmatch(r'"?[0-9]{8,}"?', line):
            value = line.strip('"')
        return value

    return read


def _after(prefix: str, line: str, *, plain: bool = True) -> str | None:
    if not line.upper().startswith(prefix):
        return None
    value = line[len(prefix) :].strip()
    return value.strip('"').strip().upper() if plain else value


def _agreed(lines: Iterable[str], read: Callable[[str], _Fact | None]) -> _Fact | None:
    """What the lines that can be read say, where they say one thing."""
    facts = {fact for fact in map(read, lines) if fact is not None}
    if len(facts) > 1:
        raise Contradiction
    return facts.pop() if facts else None
