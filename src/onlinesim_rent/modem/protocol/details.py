"""The questions about a module itself, for people. Like the dialogue of a census, they only read.

A module that refuses a question leaves its field empty. After a question without any answer, nothing more is
asked: an answer that comes late would be taken for the answer to the next question. So the questions that a
module may not know stand last.

Families differ in the command for the SIM card's number: the SIM800 series and u-blox have AT+CCID, Quectel
AT+QCCID, Huawei AT^ICCID?, the SIM7000 series AT+CICCID (their AT manuals). Telit's ME910 has
AT+ICCID (Zephyr's pull request 69217).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from onlinesim_rent.finding import Modem
from onlinesim_rent.modem.details import DescribedModem, Details
from onlinesim_rent.modem.printable import printable
from onlinesim_rent.modem.protocol.dialogue import Command, Dialogue, attention
from onlinesim_rent.modem.protocol.ts27007 import Contradiction, parse_cgsn_response, parse_cimi_response
from onlinesim_rent.modem.protocol.unsolicited import parse_unsolicited
from onlinesim_rent.modem.protocol.v250 import Response

_PATIENCE = 2.0
_NOT_KNOWN = 99

# Any other line with a prefix is an unsolicited one.
_TEXT = re.compile(r'(?:\+CGM[IMR]:|Revision:|(?![+^*%$#]\w+:))\s*"?(?P<text>[^"]*?)"?', re.IGNORECASE)
_CSQ = re.compile(r"\+CSQ:\s*(\d+),")
_COPS = re.compile(r'\+COPS:\s*\d,\d,"([^"]*)"')
_PLMN = re.compile(r"\d{5,6}")
# ITU-T E.118: 89, then up to 18 digits. Some modules add the filler F.
_ICCID = re.compile(r'(?:[+^]\w*ICCID:|\+CCID:|\+QCCID:)?\s*"?(?P<iccid>89\d{15,18})[Ff]?"?')
_CNUM = re.compile(r'\+CNUM:\s*(?:"[^"]*")?,"(\+?\d+)"')


def describe(modem: Modem | None = None) -> Dialogue:
    """Ask a module for its details; return a DescribedModem without identity. Raises NotCounted.

    ``modem`` is what this dialogue has returned before: then nothing is asked again.
    """
    yield from attention()
    if modem:
        return modem
    told: dict[str, Any] = {}
    for field, command, parse in _QUESTIONS:
        if told.get(field):
            continue
        response = yield Command(command, patience=_PATIENCE)
        if response.final_result_code is None:
            break
        told[field] = _read(response, parse)
    return DescribedModem("", details=Details(**told))


def _read(response: Response, parse: Callable[[Iterable[str]], Any]) -> Any:
    """Return what the answer tells, or what no lines tell if the module refuses the question."""
    try:
        return parse(response.lines if response.is_ok else ())
    except Contradiction:
        return parse(())


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


def _parse_imei(lines: Iterable[str]) -> str:
    return parse_cgsn_response(lines) or ""


def _parse_imsi(lines: Iterable[str]) -> str:
    return parse_cimi_response(lines) or ""


# The field of Details, the question, and how to read its answer. A later row asks for a field that is empty.
_QUESTIONS: tuple[tuple[str, str, Callable[[Iterable[str]], Any]], ...] = (
    ("maker", "AT+CGMI", parse_text),
    ("model", "AT+CGMM", parse_text),
    ("imei", "AT+CGSN", _parse_imei),
    ("firmware", "AT+CGMR", parse_text),
    ("signal_dbm", "AT+CSQ", parse_csq_response),
    ("network", "AT+COPS?", parse_cops_read_response),
    ("imsi", "AT+CIMI", _parse_imsi),
    ("own_number", "AT+CNUM", parse_cnum_response),
    ("iccid", "AT+CCID", parse_iccid),
    ("iccid", "AT+QCCID", parse_iccid),
    ("iccid", "AT^ICCID?", parse_iccid),
    ("iccid", "AT+CICCID", parse_iccid),
    ("iccid", "AT+ICCID", parse_iccid),
)
