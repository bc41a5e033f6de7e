from __future__ import annotations

import json

import pytest

from onlinesim_rent.census.counting import Census
from onlinesim_rent.finding import Finding, Modem, Verdict
from onlinesim_rent.networks.home_network import Names

NAMES = Names.load()
IMEI = ["869731054051594", "869777028421538", "359853035323129"]
BEELINE = ["250990000000001", "250990000000002", "250990000000003"]
KYIVSTAR = "255030000000001"


def available(port: str, imei: str, imsi: str, seconds: float = 1.0) -> Finding:
    return Finding(port, Verdict.AVAILABLE, "answered all checks", seconds, Modem(imei, imsi))


def census(*findings: Finding) -> Census:
    return Census.of(findings, NAMES, 1.0)


def verdicts(taken: Census) -> list[Verdict]:
    return [report.verdict for report in taken.ports]


def test_modules_count_under_their_sims_country_and_operator():
    taken = census(available("a", IMEI[0], BEELINE[0]), available("b", IMEI[1], KYIVSTAR))
    assert taken.available == {("russia", "beeline"): 1, ("ukraine", "kyivstar"): 1}


def test_two_networks_of_one_name_add_up():
    taken = census(available("a", IMEI[0], "255030000000001"), available("b", IMEI[1], "255020000000001"))
    assert taken.available == {("ukraine", "kyivstar"): 2}


def test_a_port_without_proof_keeps_its_reason():
    silent = Finding("a", Verdict.SILENT, "no answer to AT", 2.7)
    taken = census(silent, available("b", IMEI[1], KYIVSTAR))
    assert sum(taken.available.values()) == 1
    assert taken.ports[0].reason == "no answer to AT"


def test_note_9_a_module_that_answers_on_two_ports_counts_once():
    taken = census(available("a", IMEI[0], BEELINE[0]), available("b", IMEI[0], BEELINE[0], 0.5))
    assert verdicts(taken) == [Verdict.AVAILABLE, Verdict.DUPLICATE]
    assert taken.ports[1].reason == "the same module as a, which is counted"


def test_each_port_of_a_module_names_the_modules_first_port():
    taken = census(*(available(port, IMEI[port == "c"], BEELINE[port == "c"]) for port in "abc"))
    assert [report.module for report in taken.ports] == ["a", "a", ""]


def test_two_modules_with_one_sim_are_two_modules():
    taken = census(available("a", IMEI[0], BEELINE[0]), available("b", IMEI[1], BEELINE[0]))
    assert verdicts(taken) == [Verdict.AVAILABLE, Verdict.DUPLICATE]
    assert [report.module for report in taken.ports] == ["", ""]


SAYS_NOTHING = [Verdict.SILENT, Verdict.NOT_AT, Verdict.OUT_OF_TIME]
COUNTS_AGAINST = [v for v in Verdict if v not in {*SAYS_NOTHING, Verdict.AVAILABLE, Verdict.DUPLICATE}]


@pytest.mark.parametrize("verdict", COUNTS_AGAINST)
def test_a_bad_verdict_counts_against_all_ports_of_a_module(verdict):
    other = Finding("a", verdict, "held open by process 1", 1.0, Modem(IMEI[0], BEELINE[0]))
    taken = census(available("b", IMEI[0], BEELINE[0]), other, available("c", IMEI[1], BEELINE[1]))
    assert verdicts(taken) == [verdict, verdict, Verdict.AVAILABLE]
    assert taken.ports[0].reason == f"the same module as a, which does not count: {verdict}"


@pytest.mark.parametrize("verdict", SAYS_NOTHING)
def test_a_port_without_answers_says_nothing_of_its_module(verdict):
    other = Finding("a", verdict, "stopped answering", 1.0, Modem(IMEI[0], BEELINE[0]))
    taken = census(other, available("b", IMEI[0], BEELINE[0]))
    assert verdicts(taken) == [verdict, Verdict.AVAILABLE]


@pytest.mark.parametrize(
    "modem",
    [
        pytest.param(Modem(IMEI[0]), id="its IMEI alone"),
        pytest.param(Modem(IMEI[0], KYIVSTAR), id="its IMEI with another SIM"),
        pytest.param(Modem(IMEI[1], BEELINE[0]), id="its SIM in another module"),
    ],
)
def test_a_call_on_another_port_is_matched_by_imei_or_imsi(modem):
    call = Finding("a", Verdict.IN_USE, "is in a call (RING)", 0.2, modem)
    taken = census(call, available("b", IMEI[0], BEELINE[0]), available("c", IMEI[2], BEELINE[2]))
    assert verdicts(taken) == [Verdict.IN_USE, Verdict.IN_USE, Verdict.AVAILABLE]


def test_two_ports_of_a_module_in_use_are_not_counted_as_one():
    taken = census(
        available("a", IMEI[0], BEELINE[0]),
        available("b", IMEI[0], BEELINE[0]),
        Finding("c", Verdict.IN_USE, "is in a call (RING)", 0.2, Modem(IMEI[0])),
    )
    assert verdicts(taken) == [Verdict.IN_USE] * 3


def test_a_held_port_is_known_by_the_module_it_showed_before():
    held = Finding("a", Verdict.IN_USE, "held open by process 1", 0.0)
    findings = [held, available("b", IMEI[0], BEELINE[0]), available("c", IMEI[1], BEELINE[1])]
    assert verdicts(Census.of(findings, NAMES, 1.0, known={"a": IMEI[0]})) == [
        Verdict.IN_USE,
        Verdict.IN_USE,
        Verdict.AVAILABLE,
    ]


def test_a_new_imei_of_a_port_replaces_the_known_one():
    findings = [
        Finding("a", Verdict.NOT_REGISTERED, "is searching", 1.0, Modem(IMEI[1], BEELINE[1])),
        available("b", IMEI[0], BEELINE[0]),
    ]
    taken = Census.of(findings, NAMES, 1.0, known={"a": IMEI[0], "b": IMEI[1]})
    assert verdicts(taken) == [Verdict.NOT_REGISTERED, Verdict.AVAILABLE]


def test_a_module_that_is_only_remembered_is_never_counted():
    silent = Finding("a", Verdict.SILENT, "no answer to AT", 2.7)
    assert Census.of([silent], NAMES, 1.0, known={"a": IMEI[0]}).available == {}


def test_note_20_two_modules_with_one_sim_are_one_number():
    taken = census(available("a", IMEI[0], BEELINE[0]), available("b", IMEI[1], BEELINE[0]))
    assert verdicts(taken) == [Verdict.AVAILABLE, Verdict.DUPLICATE]


def test_note_20_one_imei_with_two_sims_counts_once_by_the_last():
    taken = census(available("a", IMEI[0], BEELINE[0], 1.0), available("b", IMEI[0], KYIVSTAR, 2.0))
    assert verdicts(taken) == [Verdict.DUPLICATE, Verdict.AVAILABLE]
    assert taken.available == {("ukraine", "kyivstar"): 1}


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_an_indirect_share_counts_once_in_any_order(order):
    findings = [
        available("a", IMEI[0], BEELINE[0]),
        available("b", IMEI[0], BEELINE[1]),
        available("c", IMEI[1], BEELINE[1]),
    ]
    taken = census(*(findings[index] for index in order))
    assert sum(taken.available.values()) == 1


def test_two_groups_that_a_third_port_connects_count_once():
    taken = census(
        available("a", IMEI[0], BEELINE[0]),
        available("b", IMEI[1], BEELINE[1]),
        available("c", IMEI[0], BEELINE[1]),
        available("d", IMEI[2], BEELINE[2]),
    )
    assert sum(taken.available.values()) == 2


@pytest.mark.parametrize("imsi", ["901010000000001", "001010000000001", "999990000000001"])
def test_a_sim_of_no_known_country_does_not_count(imsi):
    taken = census(available("a", IMEI[0], imsi))
    assert verdicts(taken) == [Verdict.UNKNOWN_NETWORK]
    assert "RENT_NAMES_FILE" in taken.ports[0].reason
    assert taken.available == {}


def test_an_unnamed_network_counts_under_its_digits():
    taken = census(available("a", IMEI[0], "250770000000001"))
    assert taken.available == {("russia", "25077"): 1}
    assert taken.unnamed == ("25077",)


def test_a_census_outlives_json_whole():
    taken = census(
        available("a", IMEI[0], "250770000000001"),
        Finding("b", Verdict.IN_USE, "held open by process 1", 0.0),
    )
    assert Census.from_json(json.loads(json.dumps(taken.to_json()))) == taken


def test_a_census_holds_no_imei_and_no_imsi():
    taken = census(
        available("a", IMEI[0], BEELINE[0]),
        available("b", IMEI[0], BEELINE[1]),
        available("c", IMEI[1], "901010000000001"),
    )
    stored = json.dumps(taken.to_json())
    assert not any(identity in stored for identity in (*IMEI, *BEELINE, "901010000000001"))


def test_a_modem_is_shown_without_its_identities():
    assert repr(Modem(IMEI[0], BEELINE[0])) == "Modem()"
