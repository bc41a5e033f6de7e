"""The union of several hosts: one counting, whatever the order, the grouping and the repetitions."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import chain

import pytest
from fleets import MARKS, NAMES, modems
from hypothesis import given, settings
from hypothesis import strategies as st

from onlinesim_rent.census.claims import Claims
from onlinesim_rent.census.counting import Census
from onlinesim_rent.census.host_report import HostState
from onlinesim_rent.finding import Finding, Modem, Verdict
from onlinesim_rent.hosts.answer import Answer, Raised, Unusable
from onlinesim_rent.hosts.union import union

RAISED = Raised("life", 1)
POOL = modems(range(5))

verdicts = st.sampled_from([Verdict.AVAILABLE] * 4 + [Verdict.IN_USE, Verdict.SILENT, Verdict.DOUBTFUL])
modules = st.builds(
    lambda one, other: Modem(one.imei, other.imsi), st.sampled_from(POOL), st.sampled_from(POOL)
)
shown = st.lists(st.tuples(verdicts, modules), max_size=4)
claims = st.frozensets(st.sampled_from([f"imsi-{modem.imsi}" for modem in POOL]), max_size=1)


@st.composite
def fleets(draw):
    """Answers of up to four hosts that show the same few modules and SIMs again and again."""
    hosts = draw(st.dictionaries(st.sampled_from("abcd"), st.tuples(shown, claims), max_size=4))
    return {host: answer(host, *rows) for host, rows in hosts.items()}


def answer(host: str, rows: list[tuple[Verdict, Modem]], claimed: frozenset[str] = frozenset()) -> Answer:
    findings = [
        Finding(f"/dev/tty{number}", verdict, str(verdict), number / 8, modem)
        for number, (verdict, modem) in enumerate(rows)
    ]
    return Answer.of(host, RAISED, Census.of(findings, NAMES, 1.0, claims=Claims(claimed), marker=MARKS), 0.0)


def counted(answers: dict[str, Answer]) -> Census:
    return union(answers, {}, NAMES, 1.0, oldest=-math.inf)


@given(fleets(), st.randoms())
def test_the_order_of_the_hosts_does_not_matter(answers, random):
    hosts = list(answers)
    random.shuffle(hosts)
    assert counted({host: answers[host] for host in hosts}) == counted(answers)


@settings(max_examples=40)
@given(fleets(), fleets(), fleets())
def test_hosts_may_be_joined_in_any_groups_and_twice(one, two, three):
    left = counted((one | two) | three)
    assert left == counted(one | (two | three)) == counted(one | two | three | two | three)


@given(fleets())
def test_no_number_and_no_module_is_counted_twice(answers):
    census = counted(answers)
    by_port = {
        f"{host}: {finding.port}": finding.modem
        for host, each in answers.items()
        for finding in each.findings
    }
    rentable = [by_port[report.port] for report in census.ports if report.verdict is Verdict.AVAILABLE]
    assert len({modem.imei for modem in rentable}) == len({modem.imsi for modem in rentable}) == len(rentable)


@given(fleets())
def test_what_one_host_knows_against_a_number_holds_on_all(answers):
    against = {
        identity
        for finding in chain.from_iterable(each.findings for each in answers.values())
        if finding.modem and finding.verdict is not Verdict.AVAILABLE
        for identity in (finding.modem.imei, finding.modem.imsi)
    }
    claimed = {claim.removeprefix("imsi-") for each in answers.values() for claim in each.claims}
    census = counted(answers)
    for host, each in answers.items():
        for finding in each.findings:
            report = next(r for r in census.ports if r.port == f"{host}: {finding.port}")
            if finding.modem and {finding.modem.imei, finding.modem.imsi} & (against | claimed):
                assert report.verdict is not Verdict.AVAILABLE


@given(fleets(), claims)
def test_claims_of_a_missing_host_take_what_they_would_take_if_it_answered(answers, told):
    marked = answer("z", [], told).claims
    without_it = union(answers, {}, NAMES, 1.0, oldest=-math.inf, claims=marked)
    with_it = counted(answers | {"z": answer("z", [], told)})
    assert without_it.available == with_it.available
    assert without_it.ports == with_it.ports


@given(fleets(), st.sampled_from("abcd"))
def test_a_host_that_falls_silent_frees_no_claimed_number(answers, silent):
    gone = answers.pop(silent, None)
    told = gone.claims if gone else frozenset()
    census = union(answers, {}, NAMES, 1.0, oldest=-math.inf, claims=told)
    assert not claimed_and_counted(answers, census, told)


def claimed_and_counted(answers, census, told):
    by_port = {
        f"{host}: {finding.port}": finding.modem
        for host, each in answers.items()
        for finding in each.findings
    }
    counted_modems = (by_port[port.port] for port in census.ports if port.verdict is Verdict.AVAILABLE)
    return told & {f"imsi-{modem.imsi}" for modem in counted_modems}


@given(fleets(), fleets())
def test_another_host_never_makes_a_counted_port_count_more(one, two):
    # A host of the same name would replace the first one, and its claims with it.
    others = {host: two[host] for host in two.keys() - one.keys()}
    available = [sum(counted(fleet).available.values()) for fleet in (one, others, one | others)]
    assert available[2] <= available[0] + available[1]


@given(shown, claims)
def test_a_union_of_one_host_counts_as_the_host_itself(rows, claimed):
    findings = [
        Finding(f"/dev/tty{number}", verdict, str(verdict), number / 8, modem)
        for number, (verdict, modem) in enumerate(rows)
    ]
    alone = Census.of(findings, NAMES, 1.0, claims=Claims(claimed))
    assert counted({"a": answer("a", rows, claimed)}).available == alone.available


def test_a_claim_on_a_held_port_takes_the_module_on_other_hosts():
    """Also where a holder alone takes nothing (RENT_TAKEN_BY=claims)."""
    held = Finding("/dev/tty0", Verdict.IN_USE, "held", 0.0, POOL[0], is_held=True)
    claims = Claims(frozenset({"port-tty0"}))
    census = Census.of([held], NAMES, 1.0, claims=claims, taken_by_holders=False, marker=MARKS)
    answers = {"a": Answer.of("a", RAISED, census, 0.0), "b": answer("b", [(Verdict.AVAILABLE, POOL[0])])}
    assert not counted(answers).available


def test_a_host_with_an_old_proof_gives_nothing():
    fresh, old = answer("a", [(Verdict.AVAILABLE, POOL[0])]), answer("b", [(Verdict.AVAILABLE, POOL[1])])
    census = union(
        {"a": Answer("a", RAISED, tuple(_later(fresh, 2.0))), "b": old}, {}, NAMES, 3.0, oldest=1.0
    )
    assert sum(census.available.values()) == 1
    assert [(report.host, report.state) for report in census.missing] == [("b", HostState.TOO_OLD)]


def test_the_claims_of_a_host_with_an_old_proof_hold():
    fresh = answer("a", [(Verdict.AVAILABLE, POOL[0])])
    old = answer("b", [(Verdict.AVAILABLE, POOL[1])], frozenset({f"imsi-{POOL[0].imsi}"}))
    answers = {"a": replace(fresh, findings=tuple(_later(fresh, 2.0))), "b": old}
    assert not union(answers, {}, NAMES, 3.0, oldest=1.0).available


def _later(each: Answer, seconds: float) -> list[Finding]:
    return [Finding(f.port, f.verdict, f.reason, f.seconds + seconds, f.modem) for f in each.findings]


@pytest.mark.parametrize("state", [state for state in HostState if state is not HostState.ANSWERED])
def test_a_missing_host_is_named_with_its_reason(state):
    census = union(
        {"a": answer("a", [(Verdict.AVAILABLE, POOL[0])])},
        {"b": Unusable(state, "fails")},
        NAMES,
        1.0,
        oldest=0,
    )
    assert census.degraded == "host b fails"
    assert Census.from_json(census.to_json()) == census


def test_a_network_without_a_name_is_told_by_its_digits():
    unknown = Modem(POOL[0].imei, "999990000000001")
    [report] = counted({"a": answer("a", [(Verdict.AVAILABLE, unknown)])}).ports
    assert report.verdict is Verdict.UNKNOWN_NETWORK
    assert "999990" in report.reason
