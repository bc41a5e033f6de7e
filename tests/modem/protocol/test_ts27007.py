from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onlinesim_rent.modem.protocol import ts27007
from onlinesim_rent.modem.protocol.ts27007 import CmeError, Contradiction

IMEI = "869731054051594"


@pytest.mark.parametrize(
    ("lines", "imei"),
    [
        ([IMEI], IMEI),
        (['+CGSN: "869777028421538"'], "869777028421538"),
        ([f"+CGSN: {IMEI}"], IMEI),
        ([f"+CGSN:{IMEI}"], IMEI),
        ([f'"{IMEI}"'], IMEI),
        (["353270040000001"], "353270040000001"),  # its check digit is wrong
        (["^RSSI:14", IMEI, '+CMTI: "ME",1'], IMEI),
        ([IMEI, f"+CGSN: {IMEI}"], IMEI),
        ([f"+CGSN: IMEI{IMEI}"], IMEI),
        ([f"+CGSN:imei{IMEI}"], IMEI),
        ([f"{IMEI},SN8L0027"], IMEI),
        ([f"{IMEI},"], IMEI),
        ([f'"{IMEI}","SN8L0027"'], IMEI),
        ([f"+CGSN: {IMEI},04127"], IMEI),
        ([f'+CGSN: "{IMEI}","04127"'], IMEI),
        ([f"{IMEI},SN8L0027", IMEI, f"+CGSN: IMEI{IMEI}"], IMEI),
        ([], None),
        (["000000000000000"], None),
        (["111111111111111"], None),
        (["2623CKLQ0009707"], None),
        ([IMEI[:14]], None),
        ([IMEI + "0"], None),
        (["+CGSN: 2623CKLQ0009707"], None),
        (["+CGSN:"], None),
        (["+CGSN: IMEI"], None),
        ([f"+CGSN: IMEI{IMEI[:14]}"], None),
        ([f"+CGSN: IMEI{IMEI}0"], None),
        ([f"{IMEI}0,SN8L0027"], None),
        (["000000000000000,SN8L0027"], None),
        ([f"{IMEI} SN8L0027"], None),
        ([IMEI[:7], IMEI[7:]], None),
        (["٨٦٩٧٣١٠٥٤٠٥١٥٩٤"], None),
    ],
)
def test_notes_20_and_30_an_imei_is_15_digits(lines: list[str], imei: str | None) -> None:
    assert ts27007.parse_cgsn_response(lines) == imei


@pytest.mark.parametrize(
    ("lines", "imsi"),
    [
        (["204086457032097"], "204086457032097"),
        (["25001123456789"], "25001123456789"),
        (['"204086457032097"'], "204086457032097"),
        (["+CIMI: 204086457032097"], "204086457032097"),
        (["2040864570320"], None),
        (["2040864570320971"], None),
        (["000000000000000"], None),
        (["204-08-6457032097"], None),
        (["204086457032097,SN8L0027"], None),
        ([], None),
    ],
)
def test_note_20_an_imsi_is_14_or_15_digits(lines: list[str], imsi: str | None) -> None:
    assert ts27007.parse_cimi_response(lines) == imsi


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("+CPIN: READY", "READY"),
        ("+CPIN:READY", "READY"),
        ("+cpin: ready", "READY"),
        ('+CPIN: "READY"', "READY"),
        ("+CPIN: NOT READY", "NOT READY"),
        ('+CPIN: "SIM PIN"', "SIM PIN"),
        ("+CPIN: SIM PUK", "SIM PUK"),
        ("+CPIN: PH-NET PIN", "PH-NET PIN"),
        ("+CPIN: NOT INSERTED", "NOT INSERTED"),
        ("+CPIN:", ""),
        ("+CPIN: READ", "READ"),
        ("+CPINR: READY", None),
        ("READY", None),
    ],
)
def test_note_19_the_sim_state_follows_the_prefix(line: str, code: str | None) -> None:
    assert ts27007.parse_cpin_read_response([line]) == code


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("+CREG: 0,1", 1),
        ("+CREG:0,1", 1),
        ("+CREG: 0, 1", 1),
        ('+CREG: 2,1,"5E25","605F"', 1),
        ("+CREG: 2,1,8BE3,2BAF", 1),
        ("+CREG: 2,1,0A,3799B", 1),
        ('+CREG: 002,001,"18d8","ffff"', 1),
        ("+CREG: 2,1,  0 5, 2715", 1),
        ('+CREG: 2,5,"2AF5","0B88E350",2', 5),
        ('+CREG: 1,1,"18D8","5A3F"', 1),
        ("+CREG: 0,6", 6),
        ("+CREG: 0,7", 7),
        ("+CREG: 0,9", 9),
        ("+CREG: 0,10", 10),
        ("+CREG: 0,0", 0),
        ("+CREG: 0,2", 2),
        ("+CREG: 1,3", 3),
        ("+CREG: 0,4", 4),
        ("+CREG: 0,8", 8),
        ("+CREG: 2,11,003F,8FE3", 11),
        ("+CREG: 0,12", None),
        ("+CREG: 0,-1", None),
        ("+CREG: 0,", None),
        ("+CREG: 0", None),
        ("+CREG: 1", None),
        ("+CREG:", None),
        ('+CREG: 2,1,"5E25', None),
        ('+CREG: 2,1,"5E25"', None),
        ('+CREG: 2,1,"5E25","60', None),
        ("+CREG: 2,1,8BE3", None),
        ("+CREG: 1,84CD,00D30156", None),
        ('+CREG: 1,"84CD","00D30156"', None),
        ('+CREG: 1,"84CD","00D30156",7', None),
        ("+CREG: 1,1234,5678", None),
        ("+CGREG: 0,1", None),
        ("+CEREG: 0,1", None),
        ("", None),
    ],
)
def test_note_18_the_read_form_of_creg_gives_its_second_field(line: str, status: int | None) -> None:
    assert ts27007.parse_creg_read_response([line]) == status


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("+CREG: 1", 1),
        ("+CREG: 0", 0),
        ("+CREG: 1,84CD,00D30156", 1),
        ('+CREG: 2,"84CD","00D30156"', 2),
        ('+CREG: 3,"84CD","00D30156",7', 3),
        ("+CREG: 5,1234,5678", 5),
        ("+CREG: 0,1", None),
        ('+CREG: 1,"84CD","00D3', None),
        ('+CREG: 2,1,"5E25","605F"', None),
        ('+CREG: 2,1,"5E25', None),
        ("+CREG:", None),
        ("+CGREG: 0", None),
    ],
)
def test_note_18_the_unsolicited_form_gives_its_first_field(line: str, status: int | None) -> None:
    assert ts27007.parse_creg_unsolicited(line) == status


def test_note_18_texts_reach_modules_registered_for_them() -> None:
    assert [status for status in range(-1, 20) if ts27007.takes_texts(status)] == [1, 5, 6, 7, 9, 10]


@pytest.mark.parametrize(
    ("lines", "activity"),
    [(["+CPAS: 0"], 0), (["+CPAS:4"], 4), (["+CPAS: 3"], 3), (["+CPAS: 2"], 2), (["+CPAS: 5"], 5)]
    + [([line], None) for line in ("+CPAS: 6", "+CPAS:", "+CPAS: -1", "+CPAS: x", "0", "+CPASX: 0")],
)
def test_note_21_activity_is_the_number_after_the_prefix(lines: list[str], activity: int | None) -> None:
    assert ts27007.parse_cpas_response(lines) == activity


@pytest.mark.parametrize(
    ("parse", "lines"),
    [
        (ts27007.parse_cgsn_response, [IMEI, "359853035323129"]),
        (ts27007.parse_cgsn_response, [IMEI, "+CGSN: 2623CKLQ0009707"]),
        (ts27007.parse_cgsn_response, [IMEI, "+CGSN:"]),
        (ts27007.parse_cgsn_response, [f"{IMEI},SN8L0027", "+CGSN: IMEI359853035323129"]),
        (ts27007.parse_cimi_response, ["204086457032097", "204086457032098"]),
        (ts27007.parse_cimi_response, ["204086457032097", f"{IMEI},SN8L0027"]),
        (ts27007.parse_cpin_read_response, ["+CPIN: READY", "+CPIN: SIM PIN"]),
        (ts27007.parse_cpin_read_response, ["+CPIN: READY", "+CPIN:"]),
        (ts27007.parse_creg_read_response, ["+CREG: 0,1", "+CREG: 0,5"]),
        (ts27007.parse_creg_read_response, ["+CREG: 0,1", "+CREG: 0,99"]),
        (ts27007.parse_creg_read_response, ["+CREG: 2", "+CREG: 0,1"]),
        (ts27007.parse_creg_read_response, ["+CREG: 0,1", '+CREG: 3,"84CD","00D30156"']),
        (ts27007.parse_cpas_response, ["+CPAS: 0", "+CPAS: 4"]),
        (ts27007.parse_cpas_response, ["+CPAS: 0", "+CPAS: x"]),
    ],
)
def test_note_17_lines_that_disagree_are_a_contradiction(parse, lines: list[str]) -> None:
    for order in (lines, lines[::-1]):
        with pytest.raises(Contradiction):
            parse(order)


def test_note_17_lines_that_agree_are_no_contradiction() -> None:
    assert ts27007.parse_creg_read_response(["+CREG: 1", "+CREG: 0,1", '+CREG: 1,"84CD","00D30156"']) == 1
    assert ts27007.parse_cpin_read_response(["+CPIN: READY", "+CPIN:READY"]) == "READY"


@pytest.mark.parametrize(
    ("final_result_code", "error"),
    [
        (None, None),
        ("OK", None),
        ("ERROR", CmeError.NOT_SUPPORTED),
        ("COMMAND NOT SUPPORT", CmeError.NOT_SUPPORTED),
        ("+CME ERROR: 3", CmeError.NOT_SUPPORTED),
        ("+CME ERROR: 4", CmeError.NOT_SUPPORTED),
        ("+CME ERROR: operation not supported", CmeError.NOT_SUPPORTED),
        ("+CME ERROR: 14", CmeError.SIM_BUSY),
        ("+CME ERROR:14", CmeError.SIM_BUSY),
        ("+CME ERROR: SIM busy", CmeError.SIM_BUSY),
        ("+CME ERROR: 515", CmeError.SIM_BUSY),
        ("+CME ERROR: 10", CmeError.OTHER),
        ("+CME ERROR: -1", CmeError.OTHER),
        ("+CME ERROR: SIM not inserted", CmeError.OTHER),
        ("+CME ERROR:", CmeError.OTHER),
        ("+CME ERROR", CmeError.OTHER),
        ("+CMS ERROR: 14", CmeError.OTHER),
        ("NO CARRIER", CmeError.OTHER),
        ("NA", CmeError.OTHER),
    ],
)
def test_notes_16_and_19_errors_come_in_numbers_and_words(
    final_result_code: str | None, error: CmeError | None
) -> None:
    assert ts27007.parse_error(final_result_code) is error


PREFIXES = ["", "+CREG: ", "+CPIN: ", "+CPAS: ", "+CGSN: ", "+CIMI: ", "+CME ERROR: "]
a_line = st.tuples(st.sampled_from(PREFIXES), st.text('0123456789," AFx-', max_size=18) | st.text(max_size=9))


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.lists(a_line.map("".join), max_size=4))
def test_nothing_but_a_contradiction_is_raised_over_any_lines(lines: list[str]) -> None:
    for parse in (
        ts27007.parse_cgsn_response,
        ts27007.parse_cimi_response,
        ts27007.parse_cpin_read_response,
        ts27007.parse_creg_read_response,
        ts27007.parse_cpas_response,
    ):
        with suppress(Contradiction):
            parse(lines)
    for line in lines:
        ts27007.parse_creg_unsolicited(line)
        ts27007.parse_error(line)
