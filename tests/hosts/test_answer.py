"""What a host publishes, as bytes: what is read back, and what is refused."""

from __future__ import annotations

import json

import pytest
from fleets import MARKS, NAMES, modems
from hypothesis import given
from hypothesis import strategies as st

from onlinesim_rent.census.claims import Claims
from onlinesim_rent.census.counting import Census
from onlinesim_rent.finding import CensusError, Finding, Held, NotCounted, Verdict
from onlinesim_rent.hosts import answer as answers
from onlinesim_rent.hosts.answer import Answer, Raised, Unusable, read, written
from onlinesim_rent.hosts.marks import Marks

RAISED = Raised("run:seed", 7)
FIRST, SECOND = modems([1, 2])
CLAIMS = Claims(frozenset({f"imsi-{SECOND.imsi}", f"imei-{FIRST.imei[:-1]}0", "port-ttyUSB9"}))


def census() -> Census:
    findings = [
        Finding.of("/dev/ttyUSB0", FIRST, 0.25),
        Finding.of("/dev/ttyUSB1", SECOND, 0.5),
        Finding.of("/dev/ttyUSB2", Held("held open by process 7"), 0.1),
        Finding.of("/dev/ttyUSB3", NotCounted(Verdict.SILENT, "no answer to AT"), 2.7),
    ]
    return Census.of(findings, NAMES, 2.8, claims=CLAIMS, marker=MARKS)


ANSWER = Answer.of("pool-1", RAISED, census(), began_after=-0.5)


def changed(**values: object) -> bytes:
    """Return the answer with other values, and a right signature."""
    _, _, body = written(ANSWER, MARKS, "1.0").partition(b"\n")
    content = json.dumps(json.loads(body) | values).encode()
    return MARKS.signature(content) + b"\n" + content


def refusal(content: bytes, host: str = "pool-1") -> tuple[str, str]:
    with pytest.raises(Unusable) as caught:
        read(content, host, MARKS)
    return caught.value.state, caught.value.reason


def test_an_answer_is_read_back_as_it_was_written():
    assert read(written(ANSWER, MARKS, "1.0"), "pool-1", MARKS) == ANSWER


def test_seconds_count_from_the_number_on():
    assert [finding.seconds for finding in ANSWER.findings] == [-0.25, 0.0, -0.4, 2.2]
    assert ANSWER.proved_after == -0.25


def test_claims_travel_with_marks_and_those_on_ports_stay():
    assert ANSWER.claims == {MARKS.claim(f"imsi-{SECOND.imsi}"), MARKS.claim(f"imei-{FIRST.imei[:-1]}0")}
    assert ANSWER.findings[1].verdict is Verdict.CLAIMED


def test_only_the_network_of_an_identity_can_be_read():
    text = written(ANSWER, MARKS, "1.0").decode()
    for modem in (FIRST, SECOND):
        assert modem.imei[4:] not in text
        assert modem.imsi[6:] not in text
        assert modem.imsi[:6] in text


def test_the_same_digits_as_imei_and_imsi_have_different_marks():
    digits = "250990000000001"
    assert MARKS.claim(f"imei-{digits}")[5:] not in MARKS.claim(f"imsi-{digits}")


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (b"", "unreadable"),
        (b"\xff" * 99, "unreadable"),
        (b"0" * 64 + b"\n[]", "unreadable"),
        (b"0" * 64 + b"\n" + b"[" * 100_000, "unreadable"),
        (changed(host="pool-2"), "unreadable"),
        (changed(number="7"), "unreadable"),
        (changed(number=True), "unreadable"),
        (changed(life=None), "unreadable"),
        (changed(findings=None), "unreadable"),
        (changed(findings=[["/dev/ttyUSB0"]]), "unreadable"),
        (changed(findings=[["p", "rentable", "", 0, "", "", 0]]), "unreadable"),
        (changed(findings=[["p", "available", "", float("nan"), "", "", 0]]), "unreadable"),
        (changed(findings=[["p", "available", "", float("inf"), "", "", 0]]), "unreadable"),
        (changed(findings=[["p", "available", "", "0", "", "", 0]]), "unreadable"),
        (changed(claims=[1]), "unreadable"),
        (changed(protocol=2), "other release"),
        (changed(secret="?"), "other secret"),
        (changed(failure="no descriptors are left"), "failed"),
    ],
)
def test_an_answer_that_is_not_whole_is_refused(content, state):
    assert refusal(content)[0] == state


def test_an_answer_of_another_fleet_names_the_setting():
    foreign = written(ANSWER, Marks(b"another secret, of some other fleet"), "1.0")
    assert refusal(foreign) == (
        "other secret",
        "has another RENT_FLEET_SECRET; give all hosts the same",
    )


def test_a_failure_is_told_in_the_host_s_own_words():
    content = written(Answer("pool-1", RAISED, failure="no descriptors are left"), MARKS, "1.0")
    assert refusal(content) == ("failed", "could take no census: no descriptors are left")


@given(st.integers(0, len(written(ANSWER, MARKS, "1.0")) - 1), st.integers(1, 255))
def test_a_changed_byte_is_always_noticed(place, change):
    content = bytearray(written(ANSWER, MARKS, "1.0"))
    content[place] ^= change
    with pytest.raises(Unusable):
        read(bytes(content), "pool-1", MARKS)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(content):
    with pytest.raises(Unusable):
        read(content, "pool-1", MARKS)


def test_too_many_claims_are_an_error_and_never_cut_off(monkeypatch):
    monkeypatch.setattr(answers, "LARGEST_BYTES", 500)
    with pytest.raises(CensusError, match="4 ports and 2 claims are too many for one host"):
        written(ANSWER, MARKS, "1.0")


@pytest.mark.parametrize(
    ("other", "covers"),
    [
        (RAISED, True),
        (Raised("run:seed", 6), True),
        (Raised("run:seed", 8), False),
        (Raised("run:other", 1), False),
    ],
)
def test_a_number_covers_earlier_ones_of_the_same_life(other, covers):
    assert RAISED.covers(other) is covers
