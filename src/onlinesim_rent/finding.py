"""The words that all wings share: what one port showed, and that no census could be taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class CensusError(Exception):
    """No census could be taken in time: our fault, and never a count that was not measured.

    The text is a sentence that says what happened and how to mend it. It may be shown to the caller.
    """


class Verdict(StrEnum):
    """Why a port counts or does not; the value is the word shown to people."""

    AVAILABLE = "available"
    DUPLICATE = "duplicate"
    IN_USE = "in use"
    UNREACHABLE = "unreachable"
    HUNG_UP = "hung up"
    SILENT = "silent"
    NOT_AT = "not AT"
    NO_IDENTITY = "no identity"
    SIM_NOT_READY = "SIM not ready"
    SIM_CHANGED = "SIM changed"
    NOT_REGISTERED = "not registered"
    UNKNOWN_NETWORK = "unknown network"
    DOUBTFUL = "doubtful"
    OUT_OF_TIME = "out of time"


class NotCounted(Exception):
    """A module or its port has shown why it cannot be counted.

    ``reason`` is a sentence a person can act on; it never holds a whole IMEI, IMSI or phone number.
    ``modem`` is which one it is, where that had been read before.
    """

    def __init__(self, verdict: Verdict, reason: str, modem: Modem | None = None) -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason
        self.modem = modem


@dataclass(frozen=True, slots=True)
class Modem:
    """A module: the radio (IMEI) and its SIM (IMSI), which is empty as long as it is not known."""

    imei: str = field(repr=False)
    imsi: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one port showed, before modules that answer on several ports are told apart.

    ``seconds`` is when the finding was made, counted from the start of the census. ``modem`` is there as
    soon as it was read, whatever the verdict.
    """

    port: str
    verdict: Verdict
    reason: str
    seconds: float
    modem: Modem | None = None
