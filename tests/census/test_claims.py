"""Which ports a claim takes: rules over findings."""

from __future__ import annotations

import pytest

from onlinesim_rent.census.claims import Claims, digest, is_claim, masked
from onlinesim_rent.census.counting import Census
from onlinesim_rent.finding import Finding, Modem, Verdict
from onlinesim_rent.networks.home_network import Names

NAMES = Names.load()
IMEI = ["869731054051594", "869777028421538", "359853035323129"]
IMSI = ["250990000000001", "250990000000002", "250990000000003"]
PATHS = {
    "/dev/ttyUSB0": ["/dev/ttyUSB0", "ttyUSB0", "/dev/serial/by-path/pci-1:2.0-port0"],
    "/dev/pts/7": ["/dev/pts/7", "7", "pts_7"],
}


def found(port: str, verdict: Verdict = Verdict.AVAILABLE, module: int | None = 0, **more: bool) -> Finding:
    modem = None if module is None else Modem(IMEI[module], IMSI[module])
    return Finding(port, verdict, "as found", 1.0, modem, **more)


def judged(findings: list[Finding], *claims: str, **more: object) -> list[Verdict]:
    taken = Census.of(findings, NAMES, 1.0, claims=Claims(frozenset(claims)), paths=PATHS, **more)
    return [report.verdict for report in taken.ports]


@pytest.mark.parametrize("claim", [f"imsi-{IMSI[0]}", f"imei-{IMEI[0]}", "port-a"])
def test_a_claim_takes_its_module_and_no_other(claim):
    assert judged([found("a"), found("b", module=1)], claim) == [Verdict.CLAIMED, Verdict.AVAILABLE]


@pytest.mark.parametrize("claim", [f"imsi-{IMSI[0]}", f"imei-{IMEI[0]}", "port-a", "port-b"])
def test_a_claim_takes_all_ports_of_its_module(claim):
    assert judged([found("a"), found("b")], claim) == [Verdict.CLAIMED] * 2


def test_a_claim_takes_the_ports_that_are_known_and_silent():
    findings = [found("a"), found("b", Verdict.SILENT, None)]
    assert judged(findings, "port-a", known={"b": IMEI[0]}) == [Verdict.CLAIMED] * 2


@pytest.mark.parametrize("verdict", Verdict)
def test_a_claim_wins_over_whatever_a_port_shows(verdict):
    assert judged([found("a", verdict), found("b", verdict, None)], f"imei-{IMEI[0]}", "port-b") == [
        Verdict.CLAIMED,
        Verdict.CLAIMED,
    ]


def test_a_claim_follows_the_sim_to_another_module():
    before, after = Modem(IMEI[0], IMSI[0]), Modem(IMEI[1], IMSI[0])
    for modem in (before, after):
        finding = Finding("a", Verdict.AVAILABLE, "as found", 1.0, modem)
        assert judged([finding], f"imsi-{IMSI[0]}") == [Verdict.CLAIMED]


def test_a_claim_on_a_silent_port_takes_its_known_module():
    silent = found("a", Verdict.SILENT, None)
    for claim in (f"imei-{IMEI[0]}", "port-a"):
        taken = judged([silent, found("b")], claim, known={"a": IMEI[0]})
        assert taken == [Verdict.CLAIMED] * 2


@pytest.mark.parametrize("name", ["ttyUSB0", "pci-1:2.0-port0", "serial_by-path_pci-1:2.0-port0"])
def test_a_port_may_be_claimed_by_any_of_its_names(name):
    assert judged([found("/dev/ttyUSB0")], f"port-{name}") == [Verdict.CLAIMED]


@pytest.mark.parametrize(
    ("port", "name"),
    [("/dev/pts/7", "pts_7"), ("/dev/pts/7", "7"), ("socket://10.0.0.5:7001", "10.0.0.5:7001")],
)
def test_ports_without_udev_can_be_claimed(port, name):
    assert judged([found(port)], f"port-{name}") == [Verdict.CLAIMED]


def test_a_claim_that_only_begins_like_a_port_takes_nothing():
    assert judged([found("/dev/ttyUSB0")], "port-ttyUSB", "port-ttyUSB01") == [Verdict.AVAILABLE]


def test_a_reason_names_the_claim_without_its_number():
    taken = Census.of([found("a")], NAMES, 1.0, claims=Claims(frozenset({f"imsi-{IMSI[0]}"})))
    assert taken.ports[0].reason == "taken by a claim: imsi-…0001"
    assert taken.matched == {digest(f"imsi-{IMSI[0]}"): ("a",)}
    assert IMSI[0] not in str(taken)


def test_a_holder_takes_the_module_unless_only_claims_do():
    held = found("a", Verdict.IN_USE, is_held=True)
    called = found("a", Verdict.IN_USE)
    assert judged([held, found("b")]) == [Verdict.IN_USE] * 2
    assert judged([held, found("b")], taken_by_holders=False) == [Verdict.IN_USE, Verdict.AVAILABLE]
    assert judged([called, found("b")], taken_by_holders=False) == [Verdict.IN_USE] * 2


def test_a_held_port_can_be_claimed_where_only_claims_take():
    held = found("a", Verdict.IN_USE, is_held=True)
    assert judged([held, found("b")], "port-a", taken_by_holders=False) == [Verdict.CLAIMED] * 2


@pytest.mark.parametrize(
    ("name", "is_one"),
    {
        f"imsi-{IMSI[0]}": True,
        f"imsi-{IMSI[0][:14]}": True,
        f"imsi-{IMSI[0][:13]}": False,
        f"imsi-{IMSI[0]}0": False,
        f"imsi-{IMSI[0]}\n": False,
        "imsi-٢٥٠٩٩٠٠٠٠٠٠٠٠٠١": False,
        f"IMSI-{IMSI[0]}": False,
        f"imei-{IMEI[0]}": True,
        f"imei-{IMEI[0][:14]}": False,
        "port-ttyUSB0": True,
        "port-": False,
        "ttyUSB0": False,
        f"imsi-{IMSI[0]}~": False,
        ".hidden": False,
    }.items(),
)
def test_only_three_forms_are_claims(name, is_one):
    assert is_claim(name) is is_one


def test_long_numbers_are_masked_and_short_ones_stay():
    assert masked("order 12345 of +79991234567 on ttyUSB12") == "order 12345 of +…4567 on ttyUSB12"


def test_the_same_claims_have_the_same_fingerprint():
    one, two, none = ({"port-a", "port-b"}, {"port-a"}, set())
    prints = {Claims(frozenset(names)).fingerprint for names in (one, two, none, set(one), {"port-b"})}
    assert len(prints) == 4
    assert Claims().fingerprint == ""


SIBLINGS = {"a": ["b"], "b": ["a"], "c": []}


@pytest.mark.parametrize("verdict", [Verdict.NOT_REGISTERED, Verdict.IN_USE, Verdict.HUNG_UP])
def test_a_port_that_shows_no_imei_speaks_for_its_device(verdict):
    findings = [found("a", verdict, None), found("b"), found("c", module=1)]
    assert judged(findings, siblings=SIBLINGS) == [verdict, verdict, Verdict.AVAILABLE]
    assert judged(findings) == [verdict, Verdict.AVAILABLE, Verdict.AVAILABLE]


@pytest.mark.parametrize("verdict", [Verdict.NO_IDENTITY, Verdict.UNREACHABLE])
def test_a_port_of_another_kind_says_nothing_of_its_device(verdict):
    findings = [found("a", verdict, None), found("b")]
    assert judged(findings, siblings=SIBLINGS) == [verdict, Verdict.AVAILABLE]


def test_a_claim_on_a_port_takes_the_other_ports_of_its_device():
    findings = [found("a", Verdict.SILENT, None), found("b"), found("c", module=1)]
    assert judged(findings, "port-a", siblings=SIBLINGS) == [Verdict.CLAIMED] * 2 + [Verdict.AVAILABLE]


def test_ports_of_a_device_with_several_modules_tell_nothing():
    silent, first, second = found("a", Verdict.NOT_REGISTERED, None), found("b"), found("c", module=1)
    siblings = {"a": ["b", "c"], "b": ["a", "c"], "c": ["a", "b"]}
    assert judged([silent, first, second], siblings=siblings)[1:] == [Verdict.AVAILABLE] * 2
