"""What one host gave to a census of several hosts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class HostState(StrEnum):
    """Whether a host's ports are in the census, or why not. The value is the word that people see."""

    ANSWERED = "answered"
    MISSING = "missing"
    LATE = "late"
    FAILED = "failed"
    TOO_OLD = "too old"
    OTHER_RELEASE = "other release"
    OTHER_SECRET = "other secret"  # noqa: S105 - a state
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class HostReport:
    """The state of one expected host. ``reason`` is a sentence for every state but ANSWERED."""

    host: str
    state: HostState
    reason: str = ""
