"""The questions about a module itself, for people. Like the dialogue of a census, they only read.

Families differ in the command for the SIM card's number: the SIM800 series and u-blox have AT+CCID, Quectel
AT+QCCID, Huawei AT^ICCID?, the SIM7000 series AT+CICCID (their AT manuals).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from onlinesim_rent.finding import Modem
from onlinesim_rent.modem.details import DescribedModem, Details
from onlinesim_rent.modem.printable import printable
from onlinesim_rent.modem.protocol.dialogue import Command, Dialogue, Exchanges, attention
from onlinesim_rent.modem.protocol.unsolicited import parse_unsolicited

_PATIENCE = 2.0
_ICCID_COMMANDS = ("AT+CCID", "AT+QCCID", "AT^ICCID?", "AT+CICCID")
_NOT_KNOWN = 99

# Any other line with a prefix is an unsolicited one.
_TEXT = re.compile(r'(?:\+CGM[IMR]:|Revision:|(?![+^*%$#]\w+:))\s*"?(?P<text>[^"]*?)"?', re.IGNORECASE)
_CSQ = re.compile(r"\+CSQ:\s*(\d+),")
_COPS = re.compile(r'\+COPS:\s*\d,\d,"([^"]*)"')
_PLMN = re.compile(r"\d{5,6}")
# ITU-T E.118: 89, then up to 18 digits. Some modules add the filler F.
_ICCID = re.compile(r'(?:[+^]\w*ICCID:|\+CCID:|\+QCCID:)?\s*"?(?P<iccid>89\d{15,18})F?"?')
_CNUM = re.compile(r'\+CNUM:\s*(?:"[^"]*")?,"(\+?\d+)"')


def describe(modem: Modem | None = None) -> Dialogue:
    """Ask a module for its details; return a DescribedModem without identity. Raises NotCounted.

    ``modem`` is what this dialogue has returned before: then nothing is asked again.
    """
    yield from attention()
    if modem:
        return modem
    details = Details(
        maker=parse_text((yield from _lines("AT+CGMI"))),
        model=parse_text((yield from _lines("AT+CGMM"))),
        firmware=parse_text((yield from _lines("AT+CGMR"))),
        signal_dbm=parse_csq_response((yield from _lines("AT+CSQ"))),
        network=parse_cops_read_response((yield from _lines("AT+COPS?"))),
        iccid=(yield from _iccid()),
        own_number=parse_cnum_response((yield from _lines("AT+CNUM"))),
    )
    return DescribedModem("", details=details)


def parse_text(lines: Iterable[str]) -> str:
    """Read the answer to AT+CGMI, +CGMM or +CGMR (27.007, 5.1 to 5.3); empty if there is none."""
    for line in lines:
        if parse_unsolicited(line) is None and (found := _TEXT.fullmatch(line.strip())):
            return printable(found["text"].strip())
    return ""


def parse_csq_response(lines: Iterable[str]) -> int | None:
    """Read the signal strength in dBm (27.007, 8.5): 0 is -113 dBm or less, 31 is -51 dBm or more."""
    found = _first(_CSQ, lines)
    value = int(found[1]) if found else _NOT_KNOWN
    return 2 * value - 113 if 0 <= value <= 31 else None


def parse_cops_read_response(lines: Iterable[str]) -> str:
    """Read the serving network's name or PLMN (27.007, 7.3); empty if the module is in none."""
    found = _first(_COPS, lines)
    name = found[1] if found else ""
    # printable() hides numbers, and a PLMN is no secret.
    return name if _PLMN.fullmatch(name) else printable(name)


def parse_iccid(lines: Iterable[str]) -> str:
    """Read the SIM card's number, whichever command asked for it; empty if there is none."""
    for line in lines:
        if found := _ICCID.fullmatch(line.strip()):
            return found["iccid"]
    return ""


def parse_cnum_response(lines: Iterable[str]) -> str:
    """Read the SIM's own number (27.007, 7.1); empty if the SIM holds none."""
    found = _first(_CNUM, lines)
    return found[1] if found else ""


def _first(pattern: re.Pattern[str], lines: Iterable[str]) -> re.Match[str] | None:
    return next((found for line in lines if (found := pattern.match(line.strip()))), None)


def _iccid() -> Exchanges[str]:
    for command in _ICCID_COMMANDS:
        if iccid := parse_iccid((yield from _lines(command))):
            return iccid
    return ""


def _lines(command: str) -> Exchanges[tuple[str, ...]]:
    """Ask one question. Its answer is empty if the module refuses it, or does not answer."""
    response = yield Command(command, patience=_PATIENCE)
    return response.lines if response.is_ok else ()
