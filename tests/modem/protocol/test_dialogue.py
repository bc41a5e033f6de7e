from __future__ import annotations

import pytest
from transcript import HEALTHY, IMEI, IMSI, MODEM, SEVEN, healthy_but, prove_with

from modem_simulator.families import FAMILIES
from onlinesim_rent.finding import Modem, NotCounted
from onlinesim_rent.modem.protocol.dialogue import prove_again

POSITIONS = range(len(SEVEN))


def test_a_healthy_module_counts_after_seven_exchanges() -> None:
    assert prove_with(healthy_but()) == MODEM


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_that_is_well_is_counted(family: str) -> None:
    facts = {"imei": IMEI, "imsi": IMSI, "sim": "READY", "registration": 1, "activity": 0}
    replies = {
        command: "".join(f"·{line.format(**facts)}·" for line in FAMILIES[family].answer(command[2:]))
        for command in HEALTHY
    }

    assert prove_with([(command, replies[command]) for command in SEVEN]) == MODEM


@pytest.mark.parametrize(
    ("position", "reply"),
    [
        (0, "AT\r·OK·"),
        (0, '·OK··+CMTI: "ME",1·'),
        (1, f"AT+CGSN\r·{IMEI}··OK·"),
        (1, f'·+CGSN: "{IMEI}"··OK·'),
        (1, f"·+CGSN: IMEI{IMEI}··OK·"),
        (1, f"·{IMEI},SN8L0027··OK·"),
        (2, "·+CPIN:READY··OK·"),
        (2, "+CPIN: READY·"),
        (3, f"·+CIMI: {IMSI}··OK·"),
        (4, '·+CREG: 2,5,"2AF5","0B88E350",2··OK·'),
        (4, "·+CREG: 2,1,8BE3,2BAF··OK·"),
        (4, '·+CREG: 002,001,"18d8","ffff"··OK·'),
        (4, "·+CREG: 2,1,  0 5, 2715··OK·"),
        (4, "·+CREG: 0,6··OK·"),
        (4, "·+CREG: 0,7··OK·"),
        (4, "·+CREG: 0,9··OK·"),
        (4, "·+CREG: 0,10··OK·"),
        (4, "·+CREG: 1··+CREG: 0,1··OK·"),
        (5, "·ERROR·"),
        (5, "·COMMAND NOT SUPPORT·"),
        (5, "·+CME ERROR: 4·"),
        (5, "·+CME ERROR: operation not supported·"),
        (5, '·+CREG: 1,"84CD","00D30156"··+CPAS: 0··OK·'),
        (6, f"·+CPIN: READY··{IMSI}··OK·"),
    ],
)
def test_ordinary_replies_of_a_good_module_are_counted(position: int, reply: str) -> None:
    assert prove_with(healthy_but((position, reply))) == MODEM


def test_a_line_garbled_by_noise_is_doubtful() -> None:
    garbled = "·+CREG: 0,1··+CR\xff\xfe\xfeEG: 0,2··OK·"

    outcome = prove_with(healthy_but((4, garbled))[:5])

    assert isinstance(outcome, NotCounted)
    assert outcome.verdict == "doubtful"
    assert outcome.modem == MODEM


@pytest.mark.parametrize(
    ("position", "reply", "verdict", "reason"),
    [
        (1, "·000000000000000··OK·", "no identity", "no IMEI"),
        (1, "·2623CKLQ0009707··OK·", "no identity", "no IMEI"),
        (1, "·+CME ERROR: 515·", "no identity", "515"),
        (1, f"·{IMEI}··ERROR·", "no identity", "ERROR"),
        (1, f"·{IMEI}··359853035323129··OK·", "doubtful", "two different answers"),
        (1, "AT+CGSN\r", "silent", "AT+CGSN"),
        (1, f"·{IMEI}·", "silent", "AT+CGSN"),
        (2, "·+CPIN: NOT READY··OK·", "SIM not ready", "NOT READY"),
        (2, '·+CPIN: "SIM PIN"··OK·', "SIM not ready", "SIM PIN"),
        (2, "·+CPIN: SIM PUK··OK·", "SIM not ready", "SIM PUK"),
        (2, "·+CPIN: PH-NET PIN··OK·", "SIM not ready", "PH-NET PIN"),
        (2, "·+CPIN: NOT INSERTED··OK·", "SIM not ready", "NOT INSERTED"),
        (2, "·+CPIN: SIM PIN·", "SIM not ready", "SIM PIN"),
        (2, "·+CPIN:··OK·", "SIM not ready", "not ready"),
        (2, "·OK·", "SIM not ready", "not ready"),
        (2, "·+CPIN: READY··ERROR·", "SIM not ready", "READY"),
        (2, "·+CPIN: READY··+CME ERROR: 10·", "SIM not ready", "READY"),
        (2, "·+CPIN: READY··+CPIN: SIM PIN··OK·", "doubtful", "two different answers"),
        (2, "·+CME ERROR: SIM not inserted·", "SIM not ready", "SIM not inserted"),
        (2, "·+CME ERROR:53·", "SIM not ready", "53"),
        (2, "·+CME ERROR: -1·", "SIM not ready", "-1"),
        (2, "·+CME ERROR:·", "SIM not ready", "+CME ERROR:"),
        (2, "·NA·", "SIM not ready", "NA"),
        (2, "", "silent", "AT+CPIN?"),
        (3, "·2040864570320··OK·", "no identity", "no IMSI"),
        (3, "·+CME ERROR: 13·", "no identity", "13"),
        (3, f"·{IMSI}··ERROR·", "no identity", "ERROR"),
        (3, f"·{IMSI}·", "silent", "AT+CIMI"),
        (3, "", "silent", "AT+CIMI"),
        (4, "·+CREG: 0,0··OK·", "not registered", "not registered"),
        (4, "·+CREG: 0,2··OK·", "not registered", "searching"),
        (4, "·+CREG: 1,3··OK·", "not registered", "denied"),
        (4, "·+CREG: 0,4··OK·", "not registered", "unknown"),
        (4, "·+CREG: 0,8··OK·", "not registered", "emergency"),
        (4, "·+CREG: 2,11,003F,8FE3··OK·", "not registered", "rlos"),
        (4, '·+CREG: 2,1,"5E25·OK·', "not registered", "does not say"),
        (4, "·+CREG: 1,84CD,00D30156··OK·", "not registered", "does not say"),
        (4, "·+CREG: 0,3··+CEREG: 0,1··OK·", "not registered", "denied"),
        (4, "·OK·", "not registered", "does not say"),
        (4, "·ERROR·", "not registered", "ERROR"),
        (4, "·+CREG: 0,1··ERROR·", "not registered", "ERROR"),
        (4, "·+CREG: 0,1·", "silent", "AT+CREG?"),
        (4, "·+CREG: 2··+CREG: 0,1··OK·", "doubtful", "two different answers"),
        (5, "·+CPAS: 3··OK·", "in use", "+CPAS 3"),
        (5, "·+CPAS: 4··OK·", "in use", "+CPAS 4"),
        (5, "·+CPAS: 4··ERROR·", "in use", "+CPAS 4"),
        (5, "·+CPAS: 2··OK·", "doubtful", "unknown"),
        (5, "·+CPAS: 1··OK·", "doubtful", "unavailable"),
        (5, "·+CPAS: 5··OK·", "doubtful", "asleep"),
        (5, "·+CPAS: 0··ERROR·", "doubtful", "ERROR"),
        (5, "·OK·", "doubtful", "does not say"),
        (5, "·NO CARRIER·", "doubtful", "NO CARRIER"),
        (5, "", "silent", "AT+CPAS"),
        (6, "·250019999999999··OK·", "SIM changed", "was changed"),
        (6, "·+CME ERROR: 10·", "no identity", "10"),
        (6, "", "silent", "AT+CIMI"),
    ],
)
def test_a_module_that_does_not_prove_it_is_not_counted(
    position: int, reply: str, verdict: str, reason: str
) -> None:
    outcome = prove_with(healthy_but((position, reply))[: position + 1])

    assert isinstance(outcome, NotCounted)
    assert outcome.verdict == verdict
    assert reason in outcome.reason


@pytest.mark.parametrize(
    ("reply", "verdict", "reason"),
    [
        ("AT\r", "silent", "check its power"),
        ("", "silent", "check its power"),
        ("AT\r0\r", "not AT", "ATV1"),
        ("·COMMAND NOT SUPPORT·", "not AT", "COMMAND NOT SUPPORT"),
        ("·NO CARRIER·", "not AT", "NO CARRIER"),
        ("·CONNECT 9600·", "not AT", "CONNECT"),
        ("·OKLAHOMA·", "silent", "check its power"),
    ],
)
def test_a_port_without_an_ok_to_three_at_is_not_counted(reply: str, verdict: str, reason: str) -> None:
    outcome = prove_with([("AT", reply)] * 3)

    assert isinstance(outcome, NotCounted)
    assert outcome.verdict == verdict
    assert reason in outcome.reason


@pytest.mark.parametrize("failed", [["", ""], [""], ["·ERROR·"], ["A\x00\xf8", "AT\r"]])
def test_note_12_an_autobauding_module_may_answer_a_later_at(failed: list[str]) -> None:
    assert prove_with([*(("AT", reply) for reply in failed), *healthy_but()]) == MODEM


@pytest.mark.parametrize("busy", ["·+CME ERROR: 14·", "·+CME ERROR: 515·", "·+CME ERROR: SIM busy·"])
def test_note_19_a_busy_sim_is_asked_once_more(busy: str) -> None:
    first = healthy_but((2, busy))[:3]

    assert prove_with([*first, *healthy_but()[2:]]) == MODEM
    outcome = prove_with([*first, ("AT+CPIN?", busy)])
    assert isinstance(outcome, NotCounted)
    assert outcome.verdict == "SIM not ready"


CALLS = [
    "RING",
    "+CRING: VOICE",
    '+CLIP: "+0123456789",145',
    "^ORIG:1,0",
    "+UCALLSTAT: 1,4",
    "^SLCC: 1,1,4,0,0,1",
]
ENDS = ["NORMAL POWER DOWN", "POWERED DOWN"]


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize(
    ("line", "verdict"), [(call, "in use") for call in CALLS] + [(end, "hung up") for end in ENDS]
)
def test_note_17_a_call_or_power_down_is_seen_in_any_exchange(line: str, verdict: str, position: int) -> None:
    reply = HEALTHY[SEVEN[position]]
    for worded in (f"·{line}·{reply}", reply.replace("·OK·", f"·{line}··OK·")):
        outcome = prove_with(healthy_but((position, worded))[: position + 1])
        assert isinstance(outcome, NotCounted)
        assert outcome.verdict == verdict


@pytest.mark.parametrize("position", POSITIONS[:-1])
@pytest.mark.parametrize("call", CALLS)
def test_note_17_a_call_between_two_exchanges_is_seen(call: str, position: int) -> None:
    reply = f"{HEALTHY[SEVEN[position]]}·{call}·"
    outcome = prove_with(healthy_but((position, reply))[: position + 2])

    assert isinstance(outcome, NotCounted)
    assert outcome.verdict == "in use"


@pytest.mark.parametrize(
    ("position", "line", "verdict"),
    [
        (position, line, verdict)
        for line, verdict, first in [
            ("+CPIN: NOT READY", "SIM not ready", 3),
            ("+CPIN: NOT INSERTED", "SIM not ready", 3),
            ("+CPIN:", "SIM not ready", 3),
            ("+CPIN: SIM REMOVED", "SIM not ready", 3),
            ("^SIMST: 255", "SIM not ready", 3),
            ("+CREG: 0", "not registered", 5),
            ('+CREG: 2,"84CD","00D30156"', "not registered", 5),
            ("+CREG: 0,3", "not registered", 5),
            ("^SRVST: 0", "not registered", 5),
            ("RDY", "doubtful", 5),
            ("+KSUP: 0", "doubtful", 5),
            ("+CPAS: 4", "in use", 6),
        ]
        for position in range(first, len(SEVEN))
    ],
)
def test_a_later_line_can_take_a_proof_back(position: int, line: str, verdict: str) -> None:
    within = f"·{line}·{HEALTHY[SEVEN[position]]}"
    behind_the_last = f"{HEALTHY[SEVEN[position - 1]]}·{line}·"
    for changed in ((position, within), (position - 1, behind_the_last)):
        outcome = prove_with(healthy_but(changed)[: position + 1])
        assert isinstance(outcome, NotCounted)
        assert outcome.verdict == verdict


@pytest.mark.parametrize(
    ("line", "verdict"), [("^SRVST: 0", "not registered"), ("RDY", "doubtful"), ("+KSUP: 0", "doubtful")]
)
def test_a_loss_beside_the_registration_takes_it_back(line: str, verdict: str) -> None:
    position = SEVEN.index("AT+CREG?")
    within = f"·{line}·{HEALTHY[SEVEN[position]]}"
    outcome = prove_with(healthy_but((position, within))[: position + 1])

    assert isinstance(outcome, NotCounted)
    assert outcome.verdict == verdict


@pytest.mark.parametrize(
    "line",
    ["RDY", "+CREG: 0", "+CPIN: NOT READY", "+CPIN: SIM PIN", "^SIMST: 255", "^SRVST: 0", "+KSUP: 0"],
)
def test_boot_lines_before_the_proof_do_not_end_it(line: str) -> None:
    assert prove_with(healthy_but((0, f"·{line}··OK·"))) == MODEM


def test_note_20_one_number_as_imei_and_imsi_is_doubtful() -> None:
    outcome = prove_with(healthy_but((3, f"·{IMEI}··OK·"))[:4])

    assert isinstance(outcome, NotCounted)
    assert outcome.verdict == "doubtful"


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize(
    "line",
    [
        '+CMTI: "ME",1',
        "^RSSI:14",
        "^BOOT:35323129,0,0,0,26",
        "Call Ready",
        "+CGREG: 0",
        "OKLAHOMA",
        "+CREG: 1",
        "+UCALLSTAT: 1,6",
        "*ECAV: 1,0,1,8,16",
        "^SLCC:",
        "^SIMST: 1",
        "^SRVST: 2",
    ],
)
def test_note_17_other_lines_change_nothing(line: str, position: int) -> None:
    reply = HEALTHY[SEVEN[position]]
    before, inside, after = f"·{line}·{reply}", reply.replace("·OK·", f"·{line}··OK·"), f"{reply}·{line}·"

    assert [prove_with(healthy_but((position, worded))) for worded in (before, inside, after)] == [MODEM] * 3


@pytest.mark.parametrize(
    ("position", "reply"),
    [
        (1, f"·+CME ERROR: {IMEI} \x1b[2J·"),
        (2, f"·+CPIN: {IMSI}··OK·"),
        (3, f"·+CME ERROR: no {IMSI}·"),
        (4, "·+CME ERROR: +79161234567·"),
    ],
)
def test_a_reason_shows_no_number_and_no_control_character(position: int, reply: str) -> None:
    outcome = prove_with(healthy_but((position, reply))[: position + 1])

    assert isinstance(outcome, NotCounted)
    assert outcome.reason.isprintable()
    assert not any(number in outcome.reason for number in (IMEI, IMSI[:10], "9161234567"))


def test_a_modem_is_what_its_module_said() -> None:
    other = healthy_but(
        (1, "·359853035323129··OK·"), (3, "·20408645703209··OK·"), (6, "·20408645703209··OK·")
    )

    assert prove_with(other) == Modem("359853035323129", "20408645703209")


OTHER_IMEI = "359853035323129"


@pytest.mark.parametrize(
    ("position", "exchanges", "verdict"),
    [
        (2, 3, "doubtful"),
        (3, 5, "doubtful"),
        (4, 5, "doubtful"),
        (5, 6, "doubtful"),
        (6, 7, "SIM changed"),
    ],
)
def test_two_modules_that_answer_on_one_line_do_not_count(
    position: int, exchanges: int, verdict: str
) -> None:
    """The second module's IMEI comes after the first one's OK, at any later command."""
    reply = f"·{OTHER_IMEI}··OK·" + HEALTHY[SEVEN[position]]
    outcome = prove_with(healthy_but((position, reply))[:exchanges])

    assert isinstance(outcome, NotCounted)
    assert outcome.verdict == verdict


@pytest.mark.parametrize("position", [2, 4, 5])
@pytest.mark.parametrize("line", [OTHER_IMEI, f"+CGSN: IMEI{OTHER_IMEI}", f"{OTHER_IMEI},SN8L0027"])
def test_another_identity_among_the_lines_is_another_module(position: int, line: str) -> None:
    reply = f"·{line}·" + HEALTHY[SEVEN[position]]
    outcome = prove_with(healthy_but((position, reply))[: position + 1])

    assert isinstance(outcome, NotCounted)
    assert outcome.reason == "another module answers on the same line: check the wiring"


def test_a_late_copy_of_the_imei_is_not_another_module() -> None:
    assert prove_with(healthy_but((2, f"·{IMEI}··+CPIN: READY··OK·"))) == MODEM


# Asked again

FOUR = ("AT", "AT+CREG?", "AT+CPAS", "AT+CIMI")


def asked_again(*changes: tuple[int, str]) -> Modem | NotCounted:
    replies = [HEALTHY[command] for command in FOUR]
    for position, reply in changes:
        replies[position] = reply
    exchanges = list(zip(FOUR, replies, strict=True))
    return prove_with(exchanges[: changes[0][0] + 1] if changes else exchanges, prove_again(MODEM))


def test_a_module_that_is_asked_again_answers_four_questions() -> None:
    assert asked_again() == MODEM


@pytest.mark.parametrize(
    ("position", "reply", "verdict"),
    [
        (1, "·+CREG: 0,2··OK·", "not registered"),
        (1, "·+CPIN: NOT READY··+CREG: 0,1··OK·", "SIM not ready"),
        (2, "·+CPAS: 4··OK·", "in use"),
        (3, "·250019999999999··OK·", "SIM changed"),
        (3, "·+CME ERROR: 10·", "no identity"),
    ],
)
def test_a_change_after_the_proof_ends_it(position: int, reply: str, verdict: str) -> None:
    outcome = asked_again((position, reply))

    assert isinstance(outcome, NotCounted)
    assert (outcome.verdict, outcome.modem) == (verdict, MODEM)
