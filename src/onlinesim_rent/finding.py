"""The types that all wings share: what one port showed, and the error for a census that failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class CensusError(Exception):
    """No census could be taken in time. The caller gets an error, never a number that was not measured.

    The text is a sentence that says what happened and how to mend it. It may be shown to the caller.
    """


class Verdict(StrEnum):
    """Why a port counts or does not count. The value is the word that people see."""

    AVAILABLE = "available"
    DUPLICATE = "duplicate"
    CLAIMED = "claimed"
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
    """A module or its port cannot be counted.

    ``reason`` is a sentence that a person can act on. It never holds a whole IMEI, IMSI or phone number.
    ``modem`` is the module, if its identity was read before.
    """

    def __init__(self, verdict: Verdict, reason: str, modem: Modem | None = None) -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason
        self.modem = modem


class Held(NotCounted):
    """Another program has the port open or locked."""

    def __init__(self, reason: str) -> None:
        super().__init__(Verdict.IN_USE, reason)


@dataclass(frozen=True, slots=True)
class Modem:
    """A module: its radio (IMEI) and its SIM (IMSI). The IMSI is empty until it is known."""

    imei: str = field(repr=False)
    imsi: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one port showed. Modules that answer on several ports are still in several findings.

    ``seconds`` is the time of the finding, from the start of the census. ``modem`` is set, whatever the
    verdict, if the module's identity was read. ``is_held`` is set if another program has the port.
    """

    port: str
    verdict: Verdict
    reason: str
    seconds: float
    modem: Modem | None = None
    is_held: bool = False

    @classmethod
    def of(cls, port: str, outcome: Modem | NotCounted, seconds: float) -> Finding:
        """Return the finding of a port whose module passed all checks, or is not counted."""
        if isinstance(outcome, Modem):
            return cls(port, Verdict.AVAILABLE, "answered all checks", seconds, outcome)
        is_held = isinstance(outcome, Held)
        return cls(port, outcome.verdict, outcome.reason, seconds, outcome.modem, is_held)
