"""What a module tells about itself: real answers of real families, and whole dialogues."""

from __future__ import annotations

import re

import pytest

from onlinesim_rent.modem.details import DescribedModem, Details
from onlinesim_rent.modem.protocol.conversation import Conversation
from onlinesim_rent.modem.protocol.details import (
    describe,
    parse_cnum_response,
    parse_cops_read_response,
    parse_csq_response,
    parse_iccid,
    parse_text,
)

ANSWERS = {
    b"AT": b"\r\nOK\r\n",
    b"AT+CGMI": b"\r\nQuectel\r\n\r\nOK\r\n",
    b"AT+CGMM": b"\r\nEC25\r\n\r\nOK\r\n",
    b"AT+CGSN": b"\r\n869731054051594\r\n\r\nOK\r\n",
    b"AT+CIMI": b"\r\n250990000000017\r\n\r\nOK\r\n",
    b"AT+CGMR": b"\r\nEC25EFAR06A09M4G\r\n\r\nOK\r\n",
    b"AT+CSQ": b"\r\n+CSQ: 18,99\r\n\r\nOK\r\n",
    b"AT+COPS?": b'\r\n+COPS: 0,0,"Beeline",7\r\n\r\nOK\r\n',
    b"AT+CCID": b"\r\nERROR\r\n",
    b"AT+QCCID": b"\r\n+QCCID: 8970199000000000017F\r\n\r\nOK\r\n",
    b"AT+CNUM": b'\r\n+CNUM: ,"+79990000017",145\r\n\r\nOK\r\n',
}


def told(answers: dict[bytes, bytes]) -> Details:
    """Play a module that answers so, and nothing to other commands."""
    conversation = Conversation(0.0, describe())
    while not conversation.is_over:
        command = conversation.bytes_to_write().rstrip(b"\r")
        if command in answers:
            conversation.feed(answers[command], conversation.wakes_at)
        else:
            conversation.wake(conversation.wakes_at)
    assert isinstance(conversation.outcome, DescribedModem)
    return conversation.outcome.details


def test_a_module_tells_all_details():
    assert told(ANSWERS) == Details(
        maker="Quectel",
        model="EC25",
        firmware="EC25EFAR06A09M4G",
        signal_dbm=-77,
        network="Beeline",
        imei="869731054051594",
        imsi="250990000000017",
        iccid="8970199000000000017",
        own_number="+79990000017",
    )


def test_nothing_is_asked_after_a_question_without_any_answer():
    """Otherwise, a late answer would be taken for the answer to the next question."""
    answers = {command: reply for command, reply in ANSWERS.items() if command != b"AT+CGMM"}
    assert told(answers) == Details(maker="Quectel")


def test_two_different_answers_to_one_question_tell_nothing():
    twice = ANSWERS | {b"AT+CGSN": b"\r\n869731054051594\r\n\r\n359853035323129\r\n\r\nOK\r\n"}
    assert (told(twice).imei, told(twice).maker) == ("", "Quectel")


@pytest.mark.parametrize("answer", [None, b"\r\nERROR\r\n", b"\r\n+CME ERROR: 4\r\n"])
def test_a_question_without_answer_leaves_its_field_empty(answer):
    answers = {command: reply for command, reply in ANSWERS.items() if command == b"AT"}
    if answer:
        answers |= dict.fromkeys(ANSWERS.keys() - {b"AT"}, answer)
    assert told(answers) == Details()


def test_the_sim_cards_number_is_asked_for_until_a_command_tells_it():
    others = (b"AT+CCID", b"AT+QCCID", b"AT^ICCID?", b"AT+CICCID")
    telit = {b"AT+ICCID": b"\r\n+ICCID: 8970199000000000017F\r\n\r\nOK\r\n"}
    refused = dict.fromkeys(others, b"\r\nERROR\r\n")
    assert told(ANSWERS | refused | telit).iccid == "8970199000000000017"


def test_details_are_shown_without_their_numbers():
    assert not re.search("[0-9]{6}", repr(told(ANSWERS)))


def test_a_second_dialogue_asks_nothing_again():
    dialogue = describe(DescribedModem(""))
    assert next(dialogue).text == "AT"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("SIMCOM_Ltd", "SIMCOM_Ltd"),
        ("+CGMR: LE20B04SIM7600M22", "LE20B04SIM7600M22"),
        ("Revision:1418B05SIM800L24", "1418B05SIM800L24"),
        ('+CGMM: "SARA-G350"', "SARA-G350"),
        (" WAVECOM MODEM", "WAVECOM MODEM"),
    ],
)
def test_a_text_is_read_without_what_families_put_around_it(line, text):
    assert parse_text([line]) == text


@pytest.mark.parametrize("line", ["RING", "^RSSI:14"])
def test_an_unsolicited_line_is_no_text(line):
    assert parse_text([line, "huawei"]) == "huawei"


@pytest.mark.parametrize(
    ("line", "dbm"),
    [
        ("+CSQ: 0,0", -113),
        ("+CSQ: 31,99", -51),
        ("+CSQ:18,0", -77),
        ("+CSQ: 99,99", None),
        ("+CSQ: 32,0", None),
        ("x", None),
    ],
)
def test_signal_is_read_in_dbm(line, dbm):
    assert parse_csq_response([line]) == dbm


@pytest.mark.parametrize(
    ("line", "network"),
    [
        ('+COPS: 0,0,"Beeline"', "Beeline"),
        ('+COPS: 0,2,"25099",7', "25099"),
        ("+COPS: 0", ""),
        ("+COPS: 2", ""),
    ],
)
def test_the_serving_network_is_read(line, network):
    assert parse_cops_read_response([line]) == network


@pytest.mark.parametrize(
    "line",
    [
        "8970199000000000017",
        "8970199000000000017F",
        '+CCID: "8970199000000000017"',
        "+QCCID: 8970199000000000017",
        "^ICCID: 8970199000000000017",
        "+ICCID: 8970199000000000017",
    ],
)
def test_an_iccid_is_read_as_each_family_writes_it(line):
    assert parse_iccid([line]) == "8970199000000000017"


@pytest.mark.parametrize("line", ["869731054051594", "250990000000009", "+CCID: x"])
def test_another_number_is_no_iccid(line):
    assert parse_iccid([line]) == ""


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ('+CNUM: "own","+79990000017",145', "+79990000017"),
        ('+CNUM: ,"79990000017",129', "79990000017"),
        ('+CNUM: "","",129', ""),
    ],
)
def test_an_own_number_is_read(line, number):
    assert parse_cnum_response([line]) == number
