"""The texts that a SIM keeps, and the commands that read them in PDU mode (3GPP TS 27.005, 3.2 to 4.3)."""

from __future__ import annotations

import re

from .standard_answers import Lines

PLACES = 10
_RECEIVED_UNREAD = 0
_TIME = "62113040000000"
"""2026-11-03 04:00:00, UTC, as a semi-octet time stamp (3GPP TS 23.040, 9.2.3.11)."""


class Texts:
    """A store of PDUs. The first place is 1; a text takes the first place that is free."""

    def __init__(self) -> None:
        self._pdus: dict[int, str] = {}

    def deliver(self, sender: str, text: str) -> None:
        """Keep a text that arrived from an international number, given in digits. Raises ValueError."""
        free = [place for place in range(1, PLACES + 1) if place not in self._pdus]
        if not free:
            raise ValueError("the SIM is full of texts")
        self._pdus[free[0]] = delivered(sender, text)

    def answer(self, command: str) -> Lines | None:
        """Return the answer to a command about texts; None if it is about something else."""
        if command.startswith("+CPMS"):
            return self._store(command)
        if command == "+CMGL=4":
            return (*(line for place in sorted(self._pdus) for line in self._listed(place)), "OK")
        found = re.fullmatch(r"\+CMG([RD])=(\d+)", command)
        return self._at(found[1], int(found[2])) if found else None

    def _store(self, command: str) -> Lines:
        used = f"{len(self._pdus)},{PLACES}"
        if command == "+CPMS=?":
            return ('+CPMS: ("SM"),("SM"),("SM")', "OK")
        if command == "+CPMS?":
            return ("+CPMS: " + ",".join([f'"SM",{used}'] * 3), "OK")
        if set(re.findall('"(..)"', command)) != {"SM"}:
            return ("+CMS ERROR: 302",)
        return ("+CPMS: " + ",".join([used] * 3), "OK")

    def _listed(self, place: int) -> Lines:
        pdu = self._pdus[place]
        return (f"+CMGL: {place},{_RECEIVED_UNREAD},,{_length(pdu)}", pdu)

    def _at(self, what: str, place: int) -> Lines:
        if what == "D":
            self._pdus.pop(place, None)
            return ("OK",)
        if place not in self._pdus:
            return ("+CMS ERROR: 321",)
        pdu = self._pdus[place]
        return (f"+CMGR: {_RECEIVED_UNREAD},,{_length(pdu)}", pdu, "OK")


def delivered(sender: str, text: str) -> str:
    """Return an SMS-DELIVER in UCS2, without a service centre (3GPP TS 23.040, 9.2.2.1)."""
    if not sender.isdecimal() or not 0 < len(text) <= 70:
        raise ValueError("a text has a sender of digits, and 1 to 70 characters")
    even = sender + "F" * (len(sender) % 2)
    digits = "".join(even[place + 1] + even[place] for place in range(0, len(even), 2))
    characters = text.encode("utf-16-be")
    return f"0004{len(sender):02X}91{digits}0008{_TIME}{len(characters):02X}{characters.hex().upper()}"


def _length(pdu: str) -> int:
    """Return the octets of a PDU without its service centre, which takes one here."""
    return len(pdu) // 2 - 1
