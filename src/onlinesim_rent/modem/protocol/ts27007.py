"""Parsers for responses of 3GPP TS 27.007 (V17): functions over strings.

Each takes the lines of one response and returns the answer, or None if no line answers the command. It raises
``Contradiction`` if two lines give different answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import Enum, IntEnum
from typing import TypeVar

_Fact = TypeVar("_Fact")


class Contradiction(Exception):
    """Two lines of one response give different answers."""


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


_REGISTRATION_STATUSES = frozenset(RegistrationStatus)
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


_ACTIVITY_STATUSES = frozenset(ActivityStatus)


class CmeError(Enum):
    """The causes in +CME ERROR (TS 27.007 clause 9.2) that this service treats differently."""

    NOT_SUPPORTED = "not supported"
    SIM_BUSY = "SIM busy"
    OTHER = "other"


# Several vendors send 515 while the module still reads its SIM.
_CME_ERRORS = {
    "3": CmeError.NOT_SUPPORTED,
    "4": CmeError.NOT_SUPPORTED,
    "OPERATION NOT ALLOWED": CmeError.NOT_SUPPORTED,
    "OPERATION NOT SUPPORTED": CmeError.NOT_SUPPORTED,
    "14": CmeError.SIM_BUSY,
    "SIM BUSY": CmeError.SIM_BUSY,
    "515": CmeError.SIM_BUSY,
}
# Some modules put the word IMEI before the digits, or a comma and a serial number behind them.
_IDENTITY = re.compile(r'(?:\+C(?:GSN|IMI):\s*)?(?:IMEI)?"?([0-9]{14,15})"?(?:,.*)?', re.IGNORECASE)
_BARE_IDENTITY = re.compile(r'"?[0-9]{8,}"?(?:,.*)?')
_IMEI_AND_MORE = re.compile(r'(?:IMEI)?([0-9]{15})"?(?:,.*)?')
_IMEI = re.compile(r"[0-9]{15}")
_IMSI = re.compile(r"[0-9]{14,15}")
_SMALL_NUMBER = re.compile(r"[0-9]{1,3}")
_LACKS_COMMAND = frozenset({"ERROR", "COMMAND NOT SUPPORT", "COMMAND NOT SUPPORTED"})


def takes_texts(status: int) -> bool:
    """Whether a module with this registration ``<stat>`` receives text messages."""
    return status in _TAKES_TEXTS


def parse_error(final_result_code: str | None) -> CmeError | None:
    """Return the kind of error in a final result code, in digits or in words; None for OK or no code."""
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
    """Return the IMEI (clause 5.4): exactly 15 digits, not all the same.

    The check digit is not checked: some live modules have a wrong one.
    """
    imei = _agreed(lines, _imei)
    return imei if imei and _IMEI.fullmatch(imei) and len(set(imei)) > 1 else None


def parse_cimi_response(lines: Iterable[str]) -> str | None:
    """Return the IMSI (clause 5.6): 14 or 15 digits, not all the same."""
    imsi = _agreed(lines, _identity("+CIMI:"))
    return imsi if imsi and _IMSI.fullmatch(imsi) and len(set(imsi)) > 1 else None


def parse_identity(line: str) -> str | None:
    """Return the IMEI or IMSI in one line, bare or after its prefix; None for any other line."""
    match = _IDENTITY.fullmatch(line)
    return match[1] if match else None


def parse_cpin_read_response(lines: Iterable[str]) -> str | None:
    """Return ``<code>`` of +CPIN (clause 8.3), in capitals and without quotes: ``READY``, ``SIM PIN`` ..."""
    return _agreed(lines, lambda line: _after("+CPIN:", line))


def parse_creg_read_response(lines: Iterable[str]) -> RegistrationStatus | None:
    """Return ``<stat>`` of the read form of +CREG (clause 7.2).

    The read form is ``<n>,<stat>[,<lac>,<ci>[,<AcT>...]]``, the unsolicited one ``<stat>[,<lac>,<ci>...]``.
    An unsolicited line is no answer, but a ``<stat>`` that differs from the answer's is a contradiction.
    """
    lines = list(lines)
    solicited = _agreed(lines, parse_creg_solicited)
    unsolicited = _agreed(lines, parse_creg_unsolicited)
    if solicited is None:
        return None
    if unsolicited not in {None, solicited}:
        raise Contradiction
    return RegistrationStatus(solicited) if solicited in _REGISTRATION_STATUSES else None


def parse_cpas_response(lines: Iterable[str]) -> ActivityStatus | None:
    """Return ``<pas>`` of +CPAS (clause 8.1)."""
    activity = _agreed(lines, _cpas)
    return ActivityStatus(activity) if activity in _ACTIVITY_STATUSES else None


def parse_creg_solicited(line: str) -> int | None:
    """Return ``<stat>`` of one line in the read form of +CREG; None for any other line."""
    fields = _creg_fields(line)
    # A line with three fields was cut: <lac> never comes without <ci>.
    if len(fields) in {0, 1, 3} or not _is_stat_field(fields[:1]) or not _is_stat_field(fields[1:2]):
        return None
    return int(fields[1])


def parse_creg_unsolicited(line: str) -> int | None:
    """Return ``<stat>`` of one unsolicited +CREG line; None for any other line."""
    fields = _creg_fields(line)
    if not fields or _is_stat_field(fields[1:2]) or not _is_stat_field(fields[:1]):
        return None
    return int(fields[0])


def _creg_fields(line: str) -> list[str]:
    """Return the fields of a +CREG line; none if its last quote is missing, because it was cut."""
    value = _after("+CREG:", line, plain=False)
    if value is None or value.count('"') % 2:
        return []
    return [field.strip() for field in value.split(",")]


def _is_stat_field(field: list[str]) -> bool:
    """Whether the field can be ``<n>`` or ``<stat>``: a quoted or long field is a ``<lac>``."""
    return bool(field) and _SMALL_NUMBER.fullmatch(field[0]) is not None


def _cpas(line: str) -> int | None:
    value = _after("+CPAS:", line)
    if value is None:
        return None
    return int(value) if _SMALL_NUMBER.fullmatch(value) else -1


def _imei(line: str) -> str | None:
    value = _identity("+CGSN:")(line)
    match = _IMEI_AND_MORE.fullmatch(value) if value else None
    return match[1] if match else value


def _identity(prefix: str) -> Callable[[str], str | None]:
    """Return a reader for one line: the text after the prefix, or a bare line of at least 8 digits."""

    def read(line: str) -> str | None:
        value = _after(prefix, line)
        if value is None and _BARE_IDENTITY.fullmatch(line):
            value = line.strip('"')
        return value

    return read


def _after(prefix: str, line: str, *, plain: bool = True) -> str | None:
    if not line.upper().startswith(prefix):
        return None
    value = line[len(prefix) :].strip()
    return value.strip('"').strip().upper() if plain else value


def _agreed(lines: Iterable[str], read: Callable[[str], _Fact | None]) -> _Fact | None:
    """Return the one fact that the lines give, None if they give none; raise Contradiction if they differ."""
    facts = {fact for fact in map(read, lines) if fact is not None}
    if len(facts) > 1:
        raise Contradiction
    return facts.pop() if facts else None
