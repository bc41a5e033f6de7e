from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onlinesim_rent.modem.protocol.unsolicited import Event, parse_unsolicited


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("RING", Event.CALL),
        ("+CRING: VOICE", Event.CALL),
        ('+CLIP: "+0123456789",145', Event.CALL),
        ("^ORIG:1,0", Event.CALL),
        ('+CLCC: 1,1,4,0,0,"+0123456789",145', Event.CALL),
        ('+CCWA: "+0123456789",145,1', Event.CALL),
        ("VOICE CALL: BEGIN", Event.CALL),
        ("+WIND: 2", Event.CALL),
        ("+WIND: 5,1", Event.CALL),
        ("NORMAL POWER DOWN", Event.POWER_DOWN),
        ("UNDER-VOLTAGE POWER DOWN", Event.POWER_DOWN),
        ("POWERED DOWN", Event.POWER_DOWN),
        ("RDY", Event.RESTART),
        ("^SYSSTART", Event.RESTART),
        ("*ATREADY: 1", Event.RESTART),
        ("+WIND: 4", Event.RESTART),
        ("", None),
        ("BORING", None),
        ("RINGTONE", None),
        ("Call Ready", None),
        ("SMS Ready", None),
        ("^RSSI:14", None),
        ("^BOOT:35323129,0,0,0,26", None),
        ('+CMTI: "ME",1', None),
        ('+ZDONR: "MODULE",255,1,"CS_PS","ROAM_OFF"', None),
        ("UNDER-VOLTAGE WARNING", None),
        ("+WIND: 7", None),
        ("OK", None),
    ],
)
def test_note_17_unsolicited_lines_tell_of_calls_and_ends(line: str, event: Event | None) -> None:
    assert parse_unsolicited(line) is event
    assert parse_unsolicited(line.lower()) is event


# From ModemManager's u-blox plugin, public drivers (^DSCI), and the manuals of Sony Ericsson's GM47 and
# T39, Telit's GM862, Siemens' MC55 and SIMCom's SIM5300E.
@pytest.mark.parametrize(
    ("line", "event"),
    [
        *((f"+UCALLSTAT: 1,{stat}", Event.CALL) for stat in (0, 1, 2, 3, 4, 5, 7, 60, "")),
        ("+UCALLSTAT: 1", Event.CALL),
        ("+UCALLSTAT:", Event.CALL),
        ("+UCALLSTAT: 1,6", None),
        ("+UCALLSTAT: 1,6,1", None),
        ('*ECAV: 1,1,1,,,"0123456789",129', Event.CALL),
        ("*ECAV: 1,6,1", Event.CALL),
        ("*ECAV: 1,7,1", Event.CALL),
        ("*ECAV: 1", Event.CALL),
        ("*ECAV: 1,0,1,8,16", None),
        ('#ECAM: 0,1,1,,,"0123456789",129', Event.CALL),
        ("#ECAM: 0,3,1,,,", Event.CALL),
        ("#ECAM: 0,6,1,,,", Event.CALL),
        ("#ECAM: 0,0,1,,,", None),
        ("^DSCI: 1,1,4,0,13022100000,129,0", Event.CALL),
        ('^DSCI: 1,0,0,0,0,"13611112222",129,,,128,"",0', Event.CALL),
        ("^DSCI: 1,1", Event.CALL),
        ("^DSCI: 1,1,6,0,13022100000,129,0", None),
        ('^DSCI: 1,0,6,0,0,"13611112222",129,,19,128,"",255', None),
        ('^SLCC: 1,1,4,0,0,1,"+0123456789",145', Event.CALL),
        ("^SLCC: 1, 0, 6, 0, 0, 0", Event.CALL),  # the line still carries the network's voice
        ("^SLCC:", None),
        ("+CLCC: 1,0,0,0,0", Event.CALL),
        ('+CLCC: 1,0,6,0,0,"0123456789",129', None),
        ("+WIND: 6,1", None),
    ],
)
def test_note_31_vendors_tell_of_calls_and_of_their_ends(line: str, event: Event | None) -> None:
    assert parse_unsolicited(line) is event
    assert parse_unsolicited(line.lower().replace(": ", ":")) is event


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("^SIMST: 255", Event.SIM_LOST),
        ("^SIMST: 0", Event.SIM_LOST),
        ("^SIMST: 4", Event.SIM_LOST),
        ("^SIMST: 255,0", Event.SIM_LOST),
        ("^SIMST:", Event.SIM_LOST),
        ("+WIND: 0", Event.SIM_LOST),
        ("^SIMST: 1", None),
        ("^SIMST: 1,0", None),
        ("+WIND: 1", None),
        *((f"^SRVST: {status}", Event.NETWORK_LOST) for status in (0, 1, 3, 4, 20, "")),
        ("+WIND: 8", Event.NETWORK_LOST),
        ("^SRVST: 2", None),
        ("QCRDY", Event.RESTART),
        ("*ATREADY: 1", Event.RESTART),
        ("+POWERON: 0", Event.RESTART),
        ("+KSUP: 0", Event.RESTART),
        ("+WIND: 3", Event.RESTART),
        ("+KSUPX", None),
    ],
)
def test_note_32_vendors_tell_of_losses_and_restarts(line: str, event: Event | None) -> None:
    assert parse_unsolicited(line) is event
    assert parse_unsolicited(line.lower()) is event


PREFIXES = ["+CLCC:", "+UCALLSTAT:", "*ECAV:", "#ECAM:", "^DSCI:", "^SLCC:", "^SIMST:", "^SRVST:", "+WIND: "]


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.sampled_from(PREFIXES), st.text('0123456789," ', max_size=18) | st.text(max_size=9))
def test_a_cut_or_strange_state_is_read_without_an_error(prefix: str, rest: str) -> None:
    parse_unsolicited(prefix + rest)
