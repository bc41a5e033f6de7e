"""Recognises a few other protocols by their bytes. The reason then says what kind of port it is."""

from __future__ import annotations

import re

from onlinesim_rent.finding import NotCounted, Verdict

_LEAVE_OUT = "leave it out of RENT_PORTS"

# Each row: a pattern for the bytes, the verdict, and the reason.
_PROTOCOLS = (
    # ser2net refuses a second client, and a second TCP port for one device; telnet options may come first.
    (rb"Port(?:'s device)? already in use", Verdict.IN_USE, "another client of its terminal server uses it"),
    # RFC 1662: flag, all-stations address, escaped control field.
    (rb"~\xff(\x7d\x23|\x03)|~\x7f\x7d\x23", Verdict.IN_USE, "a PPP session is up on it"),
    # TS 27.010 clause 5.2.1: frames between F9 flags.
    (rb"\xf9[^\xf9]+\xf9", Verdict.IN_USE, "it is multiplexed (CMUX) by another program"),
    # RFC 854: IAC, then WILL, WONT, DO or DONT, then an option.
    (
        rb"\xff[\xfb-\xfe][\x00-\x31]",
        Verdict.NOT_AT,
        "speaks telnet, and no module behind it answers: check its power",
    ),
    (rb"\$G[A-Z]{4},", Verdict.NOT_AT, f"is a GPS port (NMEA): {_LEAVE_OUT}"),
    (rb"[\x00\xff\xfe]{4}", Verdict.NOT_AT, f"sends noise: check RENT_BAUD_RATE, or {_LEAVE_OUT}"),
    (rb"[\x20-\x7e]{40}", Verdict.NOT_AT, f"sends other text, as a log port does: {_LEAVE_OUT}"),
)


def recognise(seen: bytes) -> NotCounted | None:
    """Return the verdict for a port that did not answer AT, by its bytes; None if no pattern fits."""
    for pattern, verdict, reason in _PROTOCOLS:
        if re.search(pattern, seen):
            return NotCounted(verdict, reason)
    return None
