"""The claims that a host has told last, as bytes, and what a front remembers of them."""

from __future__ import annotations

import pytest
from fleets import MARKS, NAMES, modems
from hypothesis import given
from hypothesis import strategies as st

from onlinesim_rent.census.counting import Census
from onlinesim_rent.finding import Finding
from onlinesim_rent.hosts.answer import Answer, Raised, Unusable, read, written
from onlinesim_rent.hosts.marks import Marks
from onlinesim_rent.hosts.told_claims import ToldClaims, read_claims, written_claims

CLAIMS = frozenset(MARKS.claim(f"imsi-{modem.imsi}") for modem in modems(range(3)))
CONTENT = written_claims("pool-1", CLAIMS, MARKS)
CENSUS = Census.of([Finding.of("/dev/ttyUSB0", modems([1])[0], 0.0)], NAMES, 1.0, marker=MARKS)
ANSWER = written(Answer.of("pool-1", Raised("life", 1), CENSUS, 0.0), MARKS, "1.0")


def test_claims_are_read_back_as_they_were_written():
    assert read_claims(CONTENT, "pool-1", MARKS) == CLAIMS


@pytest.mark.parametrize(
    ("content", "host", "marks"),
    [
        (CONTENT, "pool-2", MARKS),
        (CONTENT, "pool-1", Marks(b"another secret, of some other fleet")),
        (ANSWER, "pool-1", MARKS),
        (b"", "pool-1", MARKS),
    ],
)
def test_nobody_else_can_tell_the_claims_of_a_host(content, host, marks):
    assert read_claims(content, host, marks) is None


def test_claims_are_no_answer():
    with pytest.raises(Unusable):
        read(CONTENT, "pool-1", MARKS)


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
def test_a_changed_byte_is_always_noticed(place, change):
    content = bytearray(CONTENT)
    content[place] ^= change
    assert read_claims(bytes(content), "pool-1", MARKS) is None


def test_a_front_remembers_what_redis_has_lost_but_only_of_its_hosts():
    told = ToldClaims()
    hosts = ("pool-1", "pool-2", "pool-3")
    told.learn(hosts, {host: written_claims(host, [host], MARKS) for host in hosts}, MARKS)
    assert told.without(["pool-2"]) == {"pool-1", "pool-3"}
    told.learn(hosts[:2], {"pool-1": written_claims("pool-1", [], MARKS), "pool-2": ANSWER}, MARKS)
    assert told.without([]) == {"pool-2"}
    told.hear("pool-1", frozenset({"new"}))
    assert told.without(["pool-2"]) == {"new"}
