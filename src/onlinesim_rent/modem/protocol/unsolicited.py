"""Recognises the unsolicited result codes after which a module cannot be counted, in vendors' words too.

A line that reports a good state, such as the end of a call, says nothing. A state that is cut or unknown is
not good.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache


class Event(Enum):
    """What a line reports that ends a proof or makes it doubtful."""

    CALL = "call"
    POWER_DOWN = "power down"
    RESTART = "restart"
    SIM_LOST = "SIM lost"
    NETWORK_LOST = "network lost"


# Without a prefix. +WIND is Wavecom's, QCRDY and *ATREADY are Qualcomm's.
_WHOLE_LINES = {
    "RING": Event.CALL,
    "RINGING": Event.CALL,
    "+WIND: 2": Event.CALL,
    "RDY": Event.RESTART,
    "QCRDY": Event.RESTART,
    "^SYSSTART": Event.RESTART,
    "*ATREADY: 1": Event.RESTART,
    "+WIND: 3": Event.RESTART,
    "+WIND: 4": Event.RESTART,
    "+WIND: 0": Event.SIM_LOST,
    "+WIND: 8": Event.NETWORK_LOST,
}
# TS 27.007 clauses 7.6, 7.11, 7.12; ^ORIG and ^CONN are Huawei's, VOICE CALL is SIMCom's, +KSUP is Sierra's.
_PREFIXES = {
    "+CRING:": Event.CALL,
    "+CLIP:": Event.CALL,
    "+CCWA:": Event.CALL,
    "^ORIG:": Event.CALL,
    "^CONN:": Event.CALL,
    "VOICE CALL: BEGIN": Event.CALL,
    "+WIND: 5,": Event.CALL,
    "+POWERON:": Event.RESTART,
    "+KSUP:": Event.RESTART,
}
# Each row: a prefix, which field behind it holds the state, the one good state, and what any other means.
_STATES = (
    ("+CLCC:", 2, "6", Event.CALL),  # TS 27.007 clause 7.18; a call's end, 6, is SIMCom's
    ("+UCALLSTAT:", 1, "6", Event.CALL),  # u-blox
    ("*ECAV:", 1, "0", Event.CALL),  # Sony Ericsson
    ("#ECAM:", 1, "0", Event.CALL),  # Telit
    ("^DSCI:", 2, "6", Event.CALL),  # Quectel, Huawei
    ("^SLCC:", 0, "", Event.CALL),  # Cinterion ends its list of calls with an empty row
    ("^SIMST:", 0, "1", Event.SIM_LOST),  # Huawei
    ("^SRVST:", 0, "2", Event.NETWORK_LOST),  # Huawei
)


# Every module sends the same few lines, and a port that never stops talking sends them thousands of times.
@lru_cache(maxsize=1024)
def parse_unsolicited(line: str) -> Event | None:
    """Return the event that one line reports; None for any other line."""
    line = line.upper()
    if line.endswith(("POWER DOWN", "POWERED DOWN")):
        return Event.POWER_DOWN
    return _WHOLE_LINES.get(line) or _by_prefix(line) or _by_state(line)


def _by_prefix(line: str) -> Event | None:
    return next((event for prefix, event in _PREFIXES.items() if line.startswith(prefix)), None)


def _by_state(line: str) -> Event | None:
    for prefix, place, good, event in _STATES:
        if line.startswith(prefix):
            fields = [field.strip() for field in line[len(prefix) :].split(",")]
            return None if fields[place : place + 1] == [good] else event
    return None
