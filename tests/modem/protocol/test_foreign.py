from __future__ import annotations

import pytest

from onlinesim_rent.finding import Verdict
from onlinesim_rent.modem.protocol import foreign


@pytest.mark.parametrize(
    ("seen", "verdict", "word"),
    [
        (b"~\xff\x7d\x23\xc0!}!}!} }4", Verdict.IN_USE, "PPP"),
        (b"~\xff\x03\xc0\x21\x01\x01", Verdict.IN_USE, "PPP"),
        (b"~\x7f}#\xc0!", Verdict.IN_USE, "PPP"),
        (b"\xf9\x03\x3f\x01\x1c\xf9", Verdict.IN_USE, "CMUX"),
        (b"Port already in use\r\n", Verdict.IN_USE, "another client"),
        (b"\xff\xfb\x03\xff\xfb\x01Port's device already in use\r\n", Verdict.IN_USE, "another client"),
        (b"\xff\xfb\x03\xff\xfb\x01", Verdict.NOT_AT, "telnet"),
        (b"\xff\xfd\x2c", Verdict.NOT_AT, "telnet"),
        (b"$GPGGA,092750.000,5321.6802,N,00630.3372,W,1,8,1.03\r\n", Verdict.NOT_AT, "NMEA"),
        (b"$GNRMC,092750.000,A\r\n", Verdict.NOT_AT, "NMEA"),
        (b"\x00" * 40, Verdict.NOT_AT, "RENT_BAUD_RATE"),
        (b"\xff\xff\xff\xfe", Verdict.NOT_AT, "RENT_BAUD_RATE"),
        (b"[  12.345678] usb 1-1: new high-speed USB device number 4\r\n", Verdict.NOT_AT, "log port"),
    ],
)
def test_notes_8_9_21_and_29_bytes_identify_other_protocols(seen: bytes, verdict: Verdict, word: str) -> None:
    recognised = foreign.recognise(b"\r\n" + seen)

    assert recognised is not None
    assert recognised.verdict is verdict
    assert word in recognised.reason


@pytest.mark.parametrize(
    "seen",
    [
        b"",
        b"AT\rAT\rAT\r",
        b"\r\nRDY\r\n\r\n+CFUN: 1\r\n\r\nCall Ready\r\n",
        b"\r\n^RSSI:14\r\n" * 9,
        b"\x00",
        b"\xff",
        b'\r\n*PSUTTZ: 2026,7,20,10,22,4,"+8",0\r\n',
    ],
)
def test_note_23_an_echo_or_a_banner_is_no_other_protocol(seen: bytes) -> None:
    assert foreign.recognise(seen) is None
