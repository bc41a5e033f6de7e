from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transcript import LINE_ENDS, on_the_line

from onlinesim_rent.modem.protocol.v250 import LONGEST_LINE, Response, ResponseBuffer, is_final_result_code

URC = '+CMTI: "ME",1'

# What stands on the line after AT+CPIN?, and what the response to it is: its lines and its final result code.
SHAPES = {
    "plain": ("·+CPIN: READY··OK·", ["+CPIN: READY"], "OK"),
    "no space": ("·+CPIN:READY··OK·", ["+CPIN:READY"], "OK"),
    "no leading line end": ("+CPIN: READY·OK·", ["+CPIN: READY"], "OK"),
    "echo": ("AT+CPIN?\r·+CPIN: READY··OK·", ["+CPIN: READY"], "OK"),
    "echo in small letters": ("at+cpin?\r·+CPIN: READY··OK·", ["+CPIN: READY"], "OK"),
    "unsolicited before": (f"·{URC}··+CPIN: READY··OK·", [URC, "+CPIN: READY"], "OK"),
    "unsolicited inside": (f"·+CPIN: READY··{URC}··OK·", ["+CPIN: READY", URC], "OK"),
    "unsolicited after": (f"·+CPIN: READY··OK··{URC}·", ["+CPIN: READY"], "OK"),
    "unsolicited cut into the echo": (
        f"AT+C·{URC}·PIN?\r·+CPIN: READY··OK·",
        ["AT+C", URC, "PIN?", "+CPIN: READY"],
        "OK",
    ),
    "no information": ("·OK·", [], "OK"),
    "spaces around": ("·  +CPIN: READY ·· OK ·", ["+CPIN: READY"], "OK"),
    "part of a line is no final": ("·OKLAHOMA··NOT OK··OK·", ["OKLAHOMA", "NOT OK"], "OK"),
    "numeric CME": ("·+CME ERROR: 10·", [], "+CME ERROR: 10"),
    "numeric CME without space": ("·+CME ERROR:53·", [], "+CME ERROR:53"),
    "negative CME": ("·+CME ERROR: -1·", [], "+CME ERROR: -1"),
    "textual CME": ("·+CME ERROR: SIM not inserted·", [], "+CME ERROR: SIM not inserted"),
    "empty CME": ("·+CME ERROR:·", [], "+CME ERROR:"),
    "CMS": ("·+CMS ERROR: 310·", [], "+CMS ERROR: 310"),
    "Huawei's refusal": ("·COMMAND NOT SUPPORT·", [], "COMMAND NOT SUPPORT"),
    "NA": ("·NA·", [], "NA"),
}


def response_to(pieces: list[bytes], command: str = "AT+CPIN?") -> Response | None:
    """Return the first response of a buffer that is read after each piece."""
    buffer = ResponseBuffer()
    buffer.expect(command)
    for piece in pieces:
        buffer.feed(piece)
        if response := buffer.response():
            return response
    return None


def splits(data: bytes) -> list[list[bytes]]:
    """Yield the whole, every split into two pieces, and the single bytes."""
    in_two = [[data[:i], data[i:]] for i in range(1, len(data))]
    return [[data], *in_two, [data[i : i + 1] for i in range(len(data))]]


@pytest.mark.parametrize("line_end", LINE_ENDS.values(), ids=LINE_ENDS)
@pytest.mark.parametrize(("text", "lines", "final_result_code"), SHAPES.values(), ids=SHAPES)
def test_notes_16_and_17_split_bytes_give_the_same_response(
    text: str, lines: list[str], final_result_code: str, line_end: str
) -> None:
    for pieces in splits(on_the_line(text, line_end)):
        assert response_to(pieces) == Response("AT+CPIN?", tuple(lines), final_result_code), pieces


@pytest.mark.parametrize(
    "line",
    [
        "OK", "ERROR", "NO CARRIER", "NO DIALTONE", "BUSY", "NO ANSWER", "CONNECT", "CONNECT 115200",
        "COMMAND NOT SUPPORT", "TOO MANY PARAMETERS", "NA", "+CME ERROR: 14", "+CME ERROR", "+CMS ERROR: 500",
    ],
)  # fmt: skip
def test_note_16_finals_end_a_response(line: str) -> None:
    assert is_final_result_code(line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "OKLAHOMA",
        "OK OK",
        "NOT READY",
        "+CPIN: NOT READY",
        "ERRORS",
        "NO",
        "0",
        "ok",
        "CONNECTED",
        "+CMTI: OK",
    ],
)
def test_note_16_parts_of_lines_do_not(line: str) -> None:
    assert not is_final_result_code(line)


def test_note_23_an_echo_alone_or_half_a_line_is_no_response() -> None:
    assert response_to([b"AT+CPIN?\r"]) is None
    assert response_to([b"\r\n+CPIN: READY\r\n\r\nO"]) is None
    assert response_to([b"\r\n+CPIN: READY\r\n\r\nOK"]) is None


def test_lines_before_a_command_are_not_its_answer() -> None:
    buffer = ResponseBuffer()
    buffer.feed(b"RDY\r\n+CPIN: READY\r\nOK\r\n+CREG: ")
    buffer.expect("AT+CPIN?")
    buffer.feed(b"1\r\n+CPIN: SIM PIN\r\nOK\r\n")

    earlier = ("RDY", "+CPIN: READY", "OK", "+CREG: 1")
    assert buffer.response() == Response("AT+CPIN?", ("+CPIN: SIM PIN",), "OK", earlier)


def test_a_line_begun_before_a_command_is_an_earlier_line() -> None:
    buffer = ResponseBuffer()
    buffer.feed(b"O")
    buffer.expect("AT")
    buffer.feed(b"K\r\nOK\r\n")

    assert buffer.response() == Response("AT", (), "OK", ("OK",))


def test_a_response_is_returned_once_and_the_rest_is_kept() -> None:
    buffer = ResponseBuffer()
    buffer.feed(b"RDY\r\n")
    buffer.expect("AT")
    buffer.feed(b"OK\r\nRING\r\n")

    assert buffer.response() == Response("AT", (), "OK", ("RDY",))
    assert buffer.response() is None
    assert buffer.so_far() == Response("AT", ("RING",), None)
    buffer.expect("AT+CPAS")
    assert buffer.so_far() == Response("AT+CPAS", (), None, ("RING",))


@pytest.mark.parametrize("length", [LONGEST_LINE, LONGEST_LINE + 1, 3 * LONGEST_LINE])
def test_a_line_that_is_too_long_is_discarded_completely(length: int) -> None:
    # Its tail alone would be an OK.
    data = b"\r\n" + b"x".ljust(length - 2) + b"OK\r\nERROR\r\n"

    for step in (1, 7, LONGEST_LINE, len(data)):
        pieces = [data[i : i + step] for i in range(0, len(data), step)]
        response = response_to(pieces)
        assert response is not None
        assert response.final_result_code == "ERROR"
        assert not any(response.lines)


def test_the_longest_line_is_read() -> None:
    line = "x" * (LONGEST_LINE - 1)

    assert response_to([line.encode(), b"\rOK\r"]) == Response("AT+CPIN?", (line,), "OK")


noise = st.lists(
    st.sampled_from(
        [b"OK", b"\r", b"\n", b"AT", b"ERROR", b"+CME ERROR: ", b"RING", b" ", b"\x00", b"x" * 700]
    )
    | st.binary(max_size=8)
).map(b"".join)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(noise, st.lists(st.integers(0, 4000)))
def test_splitting_never_changes_the_responses(data: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[a:b] for a, b in pairwise(places)]

    def responses(parts: list[bytes]) -> list[Response]:
        buffer, found = ResponseBuffer(), []
        buffer.expect("AT")
        for part in parts:
            buffer.feed(part)
            assert len(buffer._unfinished) <= LONGEST_LINE
            while response := buffer.response():
                found.append(response)
        return [*found, buffer.so_far()]

    assert responses(pieces) == responses([data])
