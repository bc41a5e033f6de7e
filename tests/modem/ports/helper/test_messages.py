"""The lines between the service and its helper: pure."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.helper.messages import (
    MalformedError,
    read_answer,
    read_question,
    write_answer,
    write_question,
    write_refusal,
)
from onlinesim_rent.modem.ports.open_files import Holder

TTY = DeviceIdentity(188 << 8)
PTS = DeviceIdentity(136 << 8, 22)


def test_a_question_and_its_answer_are_read_as_written():
    held = {PTS: Holder(812, "smsd")}
    assert read_question(write_question([TTY, PTS])) == {TTY, PTS}
    assert read_answer(write_answer(held), [TTY, PTS]) == held
    assert str(held[PTS]) == "process 812 (smsd)"


@pytest.mark.parametrize(
    "message",
    [
        *(0, [], {}, {"holders": None}, {"holders": {}}),
        *({"holders": [row]} for row in (0, [], [TTY.number, 0, 1], [TTY.number, 0, 1, 2], [1.0, 0, 1, "a"])),
        *({"holders": [[TTY.number, 0, 1, "a", "b"]]}, {"holders": [[True, 0, 1, "a"]]}),
        {"holders": [[PTS.number, PTS.mount, 1, "not asked about"]]},
    ],
)
def test_an_answer_of_another_shape_is_malformed(message: object):
    with pytest.raises(MalformedError):
        read_answer(json.dumps(message).encode() + b"\n", [TTY])


@given(st.binary() | st.just(b"[" * 100_000))
def test_arbitrary_bytes_are_malformed(line: bytes):
    with pytest.raises(MalformedError):
        read_question(line)


def test_a_refusal_is_no_answer_and_cannot_forge_a_log_line():
    with pytest.raises(MalformedError, match=r"^not\?you$"):
        read_answer(write_refusal("not\nyou"), [TTY])


def test_the_name_in_an_answer_cannot_forge_a_log_line():
    held = read_answer(write_answer({TTY: Holder(1, "a\nERROR 352099001761481")}), [TTY])
    assert held == {TTY: Holder(1, "a?ERROR ?")}
