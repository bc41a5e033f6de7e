from __future__ import annotations

import re
from itertools import chain, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transcript import (
    HEALTHY,
    IMEI,
    IMSI,
    LINE_ENDS,
    MODEM,
    SEVEN,
    Piece,
    byte_by_byte,
    healthy_replies,
    on_the_line,
    play,
)

from onlinesim_rent.finding import Modem, NotCounted, Verdict
from onlinesim_rent.modem.protocol.conversation import MOST_BYTES, Conversation
from onlinesim_rent.modem.protocol.v250 import LONGEST_LINE

CREG = HEALTHY["AT+CREG?"]

# The sample table: command, reply, verdict.
SAMPLES = [
    ("AT", "·OK·", "counted"),
    ("AT", "AT\r·OK·", "counted"),
    ("AT", "AT\r", "silent"),
    ("AT", "0\r", "not AT"),
    ("AT", "·COMMAND NOT SUPPORT·", "not AT"),
    ("AT", "·NO CARRIER·", "not AT"),
    ("AT", '·OK··+CMTI: "ME",1·', "counted"),
    ("AT", '·OK··+CRING: VOICE··+CLIP: "+0123456789",145·', "in use"),
    ("AT+CGSN", f"·{IMEI}··OK·", "counted"),
    ("AT+CGSN", f'·+CGSN: "{IMEI}"··OK·', "counted"),
    ("AT+CGSN", f"AT+CGSN\r·{IMEI}··OK·", "counted"),
    ("AT+CGSN", "·000000000000000··OK·", "no identity"),
    ("AT+CGSN", "·2623CKLQ0009707··OK·", "no identity"),
    ("AT+CGSN", "·+CME ERROR: 515·", "no identity"),
    ("AT+CPIN?", "·+CPIN: READY··OK·", "counted"),
    ("AT+CPIN?", "·+CPIN:READY··OK·", "counted"),
    ("AT+CPIN?", "+CPIN: READY·", "counted"),
    ("AT+CPIN?", "·+CPIN: NOT READY··OK·", "SIM not ready"),
    ("AT+CPIN?", '·+CPIN: "SIM PIN"··OK·', "SIM not ready"),
    ("AT+CPIN?", "·+CME ERROR: SIM not inserted·", "SIM not ready"),
    ("AT+CPIN?", "·+CME ERROR:53·", "SIM not ready"),
    ("AT+CPIN?", "·NA·", "SIM not ready"),
    ("AT+CIMI", f"·{IMSI}··OK·", "counted"),
    ("AT+CREG?", "·+CREG: 0,1··OK·", "counted"),
    ("AT+CREG?", '·+CREG: 2,5,"2AF5","0B88E350",2··OK·', "counted"),
    ("AT+CREG?", "·+CREG: 0,6··OK·", "counted"),
    ("AT+CREG?", "·+CREG: 0,0··OK·", "not registered"),
    ("AT+CREG?", "·+CREG: 1,3··OK·", "not registered"),
    ("AT+CREG?", "·+CREG: 2,11,003F,8FE3··OK·", "not registered"),
    ("AT+CREG?", '·+CREG: 2,1,"5E25·OK·', "not registered"),
    ("AT+CREG?", "·OK·", "not registered"),
    ("AT+CPAS", "·+CPAS: 0··OK·", "counted"),
    ("AT+CPAS", "·+CPAS: 4··OK·", "in use"),
    ("AT", "\x00" * 60, "not AT"),
    ("AT", "\xff\xff\xff\xfe\xff\xff", "not AT"),
    ("AT", "$GPGGA,092750.000,5321.6802,N,00630.3372,W,1,8,1.03,61.7,M·", "not AT"),
    ("AT", "\xff\xfb\x03\xff\xfb\x01", "not AT"),
]


def replies_with(command: str, *pieces: Piece) -> dict:
    return healthy_replies() | {command: [list(pieces)]}


@pytest.mark.parametrize("line_end", LINE_ENDS.values(), ids=LINE_ENDS)
@pytest.mark.parametrize(("command", "reply", "verdict"), SAMPLES)
def test_sample_replies_split_anywhere_get_the_same_verdict(
    command: str, reply: str, verdict: str, line_end: str
) -> None:
    data = on_the_line(reply, line_end)
    replies = healthy_replies(line_end)
    cuts = range(1, len(data)) if line_end == "\r\n" else range(1, len(data), 7)
    for pieces in [[data], byte_by_byte(data), *([data[:cut], data[cut:]] for cut in cuts)]:
        assert play(replies | {command: [list(pieces)]}).verdict == verdict, pieces


@pytest.mark.parametrize("line_end", LINE_ENDS.values(), ids=LINE_ENDS)
@pytest.mark.parametrize("echo", [True, False], ids=["echo", "no echo"])
def test_note_13_echo_may_be_on_or_off(line_end: str, *, echo: bool) -> None:
    for played in (
        play(healthy_replies(line_end, echo=echo)),
        play(healthy_replies(line_end, echo=echo), split=byte_by_byte),
    ):
        assert played.outcome == MODEM
        assert played.asked == SEVEN


def test_note_13_nothing_but_the_seven_questions_is_ever_written() -> None:
    conversation = Conversation(0.0)
    written = b""
    for command in SEVEN:
        written += conversation.bytes_to_write()
        assert conversation.bytes_to_write() == b""
        conversation.feed(on_the_line(HEALTHY[command]), 0.0)

    assert conversation.outcome == MODEM
    assert written == b"AT\rAT+CGSN\rAT+CPIN?\rAT+CIMI\rAT+CREG?\rAT+CPAS\rAT+CIMI\r"
    assert conversation.bytes_to_write() == b""


def test_note_14_each_command_waits_for_the_whole_answer() -> None:
    conversation = Conversation(0.0)
    for command in SEVEN:
        assert conversation.bytes_to_write() == f"{command}\r".encode()
        answer = on_the_line(HEALTHY[command])
        # The last byte but the line feed, which ends the final result code.
        for place in range(len(answer) - 2):
            conversation.feed(answer[place : place + 1], 0.0)
            assert conversation.bytes_to_write() == b""
        conversation.feed(answer[-2:], 0.0)

    assert conversation.outcome == MODEM


def test_a_silent_port_is_over_in_less_than_three_seconds() -> None:
    played = play({})

    assert played.verdict == "silent"
    assert played.asked == ("AT", "AT", "AT")
    assert played.seconds < 3


@pytest.mark.parametrize("position", range(1, 6))
def test_note_15_a_module_that_stops_answering_is_given_up(position: int) -> None:
    played = play(healthy_replies() | {SEVEN[position]: [[]]})

    assert played.reason == f"stopped answering at {SEVEN[position]}"
    assert played.asked == SEVEN[: position + 1]
    assert played.seconds <= 5


def test_chatter_is_not_the_reason_of_a_port_that_stops() -> None:
    chatter = on_the_line('·+ZDONR: "MODULE",255,1,"CS_PS","ROAM_OFF"·')
    played = play(healthy_replies() | {"AT": [[chatter, b"OK\r\n"]], "AT+CIMI": [[]]})

    assert played.reason == "stopped answering at AT+CIMI"


@pytest.mark.parametrize("silent_times", [1, 2])
def test_note_12_autobaud_is_waited_for(silent_times: int) -> None:
    played = play(healthy_replies() | {"AT": [*([[b"\xf8\x00"]] * silent_times), [b"\r\nOK\r\n"]]})

    assert played.outcome == MODEM
    assert played.asked == (*["AT"] * silent_times, *SEVEN)


def test_note_22_a_slow_module_with_a_slower_sim_is_counted() -> None:
    replies = healthy_replies(delay=0.3)
    replies["AT+CPIN?"] = [[(2.0, on_the_line(HEALTHY["AT+CPIN?"]))]]

    played = play(replies)

    assert played.outcome == MODEM
    assert played.seconds == pytest.approx(6 * 0.3 + 2.0)


def test_note_16_a_wavecom_is_believed_after_a_short_silence() -> None:
    played = play(healthy_replies(CPIN="+CPIN: READY·"))

    assert played.outcome == MODEM
    assert played.asked == SEVEN
    assert 0 < played.seconds < 0.5


def test_note_16_the_silence_is_counted_from_the_last_byte() -> None:
    pieces = [(0.1 * i, b"\r\n" if i % 2 else b"^RSSI:14") for i in range(1, 11)]
    answer = (1.1, b"\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n")

    assert play(replies_with("AT+CPIN?", b"+CPIN: READY\r\n", *pieces, answer)).verdict == "doubtful"


def test_note_16_a_late_ok_after_the_silence_answers_nothing() -> None:
    replies = replies_with("AT+CPIN?", b"+CPIN: READY\r\n", (0.3, b"OK\r\n"))
    replies["AT+CIMI"] = [[(0.4, f"{IMSI}\r\nOK\r\n".encode())]]

    assert play(replies).outcome == MODEM


def test_note_16_only_cpin_may_lack_its_final() -> None:
    assert play(healthy_replies(CREG="·+CREG: 0,1·")).reason == "stopped answering at AT+CREG?"
    assert play(healthy_replies(CPAS="·+CPAS: 0·")).reason == "stopped answering at AT+CPAS"


def test_note_19_the_busy_sim_is_asked_again_after_a_pause() -> None:
    replies = healthy_replies()
    ready = on_the_line(HEALTHY["AT+CPIN?"])
    replies["AT+CPIN?"] = [[b"\r\n+CME ERROR: 14\r\n", (0.1, b"+CPIN: SIM PIN\r\nOK\r\n")], [ready]]

    played = play(replies)

    assert played.outcome == MODEM
    assert played.asked.count("AT+CPIN?") == 2
    assert played.seconds == pytest.approx(0.5)


@pytest.mark.parametrize("latency", [0.95, 1.3, 2.0])
def test_note_15_late_oks_of_repeated_ats_are_no_answers(latency: float) -> None:
    assert play(healthy_replies(delay=latency)).outcome == MODEM


def test_note_15_a_module_with_one_late_answer_is_not_counted() -> None:
    late = [HEALTHY[command] for command in ("AT", *SEVEN)]
    replies = {"AT": [[], [b"\r\nOK\r\n"]]}
    for command, reply in zip(SEVEN[1:], late[1:], strict=False):
        replies.setdefault(command, []).append([on_the_line(reply)])

    played = play(replies)

    assert isinstance(played.outcome, NotCounted)
    assert played.asked == ("AT", "AT", "AT+CGSN")


@pytest.mark.parametrize("command", ["AT+CGSN", "AT+CPIN?", "AT+CIMI", "AT+CREG?", "AT+CPAS"])
def test_note_15_a_bare_ok_before_the_answer_is_passed_over(command: str) -> None:
    pieces = [b"\r\nOK\r\n", b"\r\nOK\r\n", (0.5, on_the_line(HEALTHY[command]))]

    assert play(replies_with(command, *pieces)).outcome == MODEM


def test_a_bare_ok_before_the_answer_of_a_wavecom_is_passed_over() -> None:
    assert play(replies_with("AT+CPIN?", b"OK\r\n", b"+CPIN: READY\r\n")).outcome == MODEM


@pytest.mark.parametrize("command", ["AT+CGSN", "AT+CPIN?", "AT+CIMI", "AT+CREG?", "AT+CPAS"])
@pytest.mark.parametrize(("line", "verdict"), [("RING", "in use"), ("NORMAL POWER DOWN", "hung up")])
def test_lines_before_a_bare_ok_are_kept(command: str, line: str, verdict: str) -> None:
    with_ok = on_the_line(f"·{line}··OK·")

    assert play(replies_with(command, with_ok, (0.1, on_the_line(HEALTHY[command])))).verdict == verdict
    assert play(replies_with(command, with_ok)).verdict == verdict


def test_a_call_before_a_bare_ok_is_not_forgotten() -> None:
    replies = healthy_replies(CGSN=HEALTHY["AT+CGSN"] + "·RING·", CPIN="·OK·" + HEALTHY["AT+CPIN?"])

    assert play(replies).verdict == "in use"


def test_a_loss_before_a_bare_ok_is_not_forgotten() -> None:
    replies = healthy_replies(CREG=CREG + "·+CREG: 0·", CPAS="·OK·" + HEALTHY["AT+CPAS"])

    assert play(replies).verdict == "not registered"


def test_an_answer_in_small_letters_is_not_waited_for_twice() -> None:
    assert play(healthy_replies(CREG="·+creg: 0,1··OK·")).seconds == 0


def test_a_bare_ok_is_of_no_account_for_later_commands() -> None:
    replies = replies_with("AT+CGSN", b"OK\r\n", on_the_line(HEALTHY["AT+CGSN"])) | {"AT+CREG?": [[]]}

    assert play(replies).reason == "stopped answering at AT+CREG?"


def test_a_bare_ok_does_not_complete_an_answer_that_is_cut() -> None:
    assert isinstance(play(replies_with("AT+CREG?", b"OK\r\n+CREG: 0,1\r\n")).outcome, NotCounted)


def test_a_second_answer_to_a_question_is_heeded() -> None:
    assert play(healthy_replies(CREG=CREG + "·+CREG: 0,3··OK·")).verdict == "not registered"
    assert play(healthy_replies(CPAS="·+CPAS: 0··OK··+CPAS: 4··OK·")).verdict == "in use"
    assert play(healthy_replies(CPAS="·ERROR··+CPAS: 4··OK·")).verdict == "in use"
    assert play(healthy_replies(CPIN="·+CPIN: READY··OK··+CPIN: SIM PIN··OK·")).verdict == "SIM not ready"


def test_bytes_before_a_command_are_not_its_answer() -> None:
    banner = "·RDY··+CFUN: 1··+CPIN: READY··Call Ready·"
    replies = healthy_replies(CGSN=HEALTHY["AT+CGSN"] + banner, CPIN="·+CPIN: SIM PIN··OK·")
    assert play(replies).reason == "its SIM is not ready: SIM PIN"

    replies = healthy_replies(CGSN=HEALTHY["AT+CGSN"] + "·+CPIN: READY··OK·") | {"AT+CPIN?": [[]]}
    assert play(replies).verdict == "silent"


def test_a_dialogue_already_in_the_buffer_proves_nothing() -> None:
    recorded = b"".join(on_the_line(HEALTHY[command]) for command in SEVEN)

    assert play({}, before=[(0.0, recorded)]).reason == "stopped answering at AT+CGSN"


def test_a_call_behind_the_last_answer_is_heeded() -> None:
    replies = healthy_replies()
    last = on_the_line(HEALTHY["AT+CIMI"])
    for line, verdict in [("RING", "in use"), ("+CREG: 0", "not registered"), ("RDY", "doubtful")]:
        replies["AT+CIMI"] = [[last], [last + on_the_line(f"·{line}·")]]
        assert play(replies).verdict == verdict


def test_note_20_a_card_that_is_swapped_meanwhile_is_not_counted() -> None:
    replies = healthy_replies()
    replies["AT+CIMI"] += [[on_the_line("·250019999999999··OK·")]]

    assert play(replies).verdict == "SIM changed"


FOREIGN = [
    (b'~\xff\x7d\x23\xc0!}!}!} }4}"}&} } } } ~', "in use", "PPP"),
    (b"\xf9\x03\x3f\x01\x1c\xf9", "in use", "CMUX"),
    (b"\xff\xfb\x03\xff\xfb\x01", "not AT", "telnet"),
    (b"$GPGGA,092750.000,5321.6802,N\r\n", "not AT", "NMEA"),
    (b"\x00" * 64, "not AT", "noise"),
    (b"\xff" * 64, "not AT", "noise"),
]


@pytest.mark.parametrize(("data", "verdict", "word"), FOREIGN)
def test_notes_8_9_and_21_other_protocols_are_recognised(data: bytes, verdict: str, word: str) -> None:
    once = play({"AT": [[data], []]}, split=byte_by_byte)
    for_ever = play({}, before=[(0.01 * i, data * 8) for i in range(400)])

    for played in (once, for_ever):
        assert played.verdict == verdict
        assert word in played.reason
        assert played.seconds < 3


def test_note_9_a_port_that_never_stops_talking_is_cut_off() -> None:
    flood = [(0.01 * i, b"\r\n^RSSI:14\r\n" * 60) for i in range(1000)]
    played = play({"AT+CGSN": [[]], "AT": [[b"OK\r\n"]]}, before=flood)

    assert played.verdict == "not AT"
    assert played.seconds < 1


def test_slow_single_bytes_do_not_extend_the_wait() -> None:
    trickle = [(0.05 * i, b"x") for i in range(1000)]

    assert play({}, before=trickle).seconds < 3
    assert play(replies_with("AT+CREG?", *trickle)).seconds <= 3.0
    assert play(replies_with("AT+CPIN?", b"+CPIN: READY\r\n", *trickle)).seconds <= 5.0


def test_an_end_set_by_the_loop_is_final() -> None:
    conversation = Conversation(0.0)
    reason = NotCounted(Verdict.OUT_OF_TIME, "late")
    conversation.end(reason)
    conversation.end(NotCounted(Verdict.HUNG_UP, "later"))
    conversation.feed(b"OK\r\n", 1.0)
    conversation.wake(9.0)

    assert conversation.outcome is reason
    assert conversation.bytes_to_write() == b""


def test_waking_too_early_changes_nothing() -> None:
    conversation = Conversation(0.0)
    conversation.bytes_to_write()
    conversation.wake(conversation.wakes_at - 0.001)
    assert conversation.bytes_to_write() == b""

    conversation.wake(conversation.wakes_at)
    assert conversation.bytes_to_write() == b"AT\r"


# Properties

ORDINARY = ['+CMTI: "ME",1', "^RSSI:14", "+CREG: 1", "+CPIN: READY", "Call Ready", "+CGREG: 0", "^BOOT:1,0"]
DISAGREEING = {
    "AT+CGSN": ["359853035323129", "+CGSN: 359853035323129", "+CGSN:"],
    "AT+CPIN?": ["+CPIN: SIM PIN", "+CPIN: NOT READY", "+CPIN:"],
    "AT+CIMI": ["250019999999999", "+CIMI: 1"],
    "AT+CREG?": ["+CREG: 0,3", "+CREG: 2", '+CREG: 0,5,"18D8","5A3F"', "+CREG: 0,0"],
    "AT+CPAS": ["+CPAS: 4", "+CPAS: 2", "+CPAS: x"],
}
words = st.sampled_from([*HEALTHY.values(), *ORDINARY, *chain(*DISAGREEING.values()), "ERROR", "RING"])
fragments = words.map(lambda text: on_the_line(f"·{text}·")) | st.binary(max_size=12) | st.just(b"\r\n")
streams = st.lists(fragments, max_size=5).map(b"".join)
floods = st.builds(bytes.__mul__, st.sampled_from([b"x", b"^RSSI:14\r\n", b"\r"]), st.integers(0, 3000))
properties = settings(deadline=None, derandomize=True, max_examples=150)


def near(reply: bytes) -> st.SearchStrategy[bytes]:
    """A reply: usually correct, else with something before it, after it or instead of it."""
    return st.just(reply) | st.just(reply) | st.builds(lambda a, b: a + reply + b, streams, streams) | streams


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(ends)]


@properties
@given(st.lists(floods | streams, max_size=30), st.lists(st.floats(0, 2), max_size=30))
def test_no_bytes_raise_an_error_or_fill_the_buffer(pieces: list[bytes], pauses: list[float]) -> None:
    conversation, now = Conversation(0.0), 0.0
    for piece, pause in zip(pieces, [*pauses, *[0.0] * 30], strict=False):
        conversation.feed(piece, now)
        now += pause
        conversation.wake(now)
        buffer = conversation._buffer
        assert len(conversation._sample) <= 256
        held = sum(map(len, [*buffer._unread, *buffer._lines, *buffer._earlier]))
        assert held <= MOST_BYTES + max(map(len, pieces))
        assert len(buffer._unfinished) <= LONGEST_LINE
    conversation.end(NotCounted(Verdict.OUT_OF_TIME, ""))
    assert isinstance(conversation.outcome, Modem | NotCounted)


@properties
@given(st.fixed_dictionaries({command: near(on_the_line(reply)) for command, reply in HEALTHY.items()}))
def test_no_module_is_counted_that_did_not_say_everything(said: dict[str, bytes]) -> None:
    played = play({command: [[data]] for command, data in said.items()})

    if isinstance(played.outcome, Modem):
        assert played.asked[-6:] == SEVEN[1:]
        assert played.outcome.imei.encode() in said["AT+CGSN"]
        assert played.outcome.imsi.encode() in said["AT+CIMI"]
        assert b"+CPIN: READY" in said["AT+CPIN?"]
        assert re.search(rb"\+CREG: [0-9]+,0*[15679]", said["AT+CREG?"])
        assert b"+CPAS: 0" in said["AT+CPAS"] or b"ERROR" in said["AT+CPAS"]
        assert not any(re.search(rb"[\r\n]RING[\r\n]", data) for data in said.values())


@properties
@given(
    st.sampled_from(list(HEALTHY)),
    st.lists(st.sampled_from([*ORDINARY, "OKLAHOMA", *DISAGREEING["AT+CREG?"]]), max_size=3),
    st.sampled_from(list(LINE_ENDS.values())),
    st.lists(st.integers(0, 200), max_size=6),
    st.booleans(),
)
def test_splitting_never_changes_the_outcome(
    command: str,
    inserted: list[str],
    line_end: str,
    places: list[int],
    echo: bool,  # noqa: FBT001
) -> None:
    reply = HEALTHY[command].replace("·OK·", "".join(f"·{line}·" for line in inserted) + "·OK·")
    replies = healthy_replies(line_end, echo=echo) | {command: [[on_the_line(reply, line_end)]]}

    at_once, in_parts = play(replies), play(replies, split=lambda data: cut(data, places))

    assert (at_once.verdict, at_once.reason) == (in_parts.verdict, in_parts.reason)
    assert at_once.asked == in_parts.asked


@properties
@given(st.sampled_from(list(HEALTHY)), st.lists(st.sampled_from(ORDINARY), max_size=4), st.data())
def test_ordinary_lines_leave_a_good_module_counted(
    command: str, lines: list[str], data: st.DataObject
) -> None:
    parts = HEALTHY[command].strip("·").split("··")
    for line in lines:
        parts.insert(data.draw(st.integers(0, len(parts))), line)
    reply = "".join(f"·{part}·" for part in parts)

    assert play(replies_with(command, on_the_line(reply))).outcome == MODEM


@pytest.mark.parametrize(
    ("command", "line"), [(command, line) for command, lines in DISAGREEING.items() for line in lines]
)
def test_note_17_a_contradicting_line_in_an_answer_is_doubtful(command: str, line: str) -> None:
    reply = HEALTHY[command]
    for worded in (f"·{line}·{reply}", reply.replace("·OK·", f"·{line}··OK·")):
        for split in (lambda data: [data], byte_by_byte):
            outcome = play(replies_with(command, on_the_line(worded)), split=split).outcome
            assert isinstance(outcome, NotCounted), worded


# Which module it is


@pytest.mark.parametrize("position", range(2, 7))
@pytest.mark.parametrize("spoken", ["·RING·", "·NORMAL POWER DOWN·"])
def test_after_the_imei_each_reason_names_the_module(position: int, spoken: str) -> None:
    conversation = Conversation(0.0)
    for command in SEVEN[:position]:
        conversation.feed(on_the_line(HEALTHY[command]), 0.0)
    conversation.feed(on_the_line(spoken), 0.0)

    assert isinstance(conversation.outcome, NotCounted)
    assert conversation.outcome.modem == (MODEM if position > 3 else Modem(IMEI))


@pytest.mark.parametrize("position", range(7))
def test_a_line_that_is_lost_names_the_module_once_it_is_known(position: int) -> None:
    conversation = Conversation(0.0)
    for command in SEVEN[:position]:
        conversation.feed(on_the_line(HEALTHY[command]), 0.0)
    conversation.end(NotCounted(Verdict.HUNG_UP, "hung up"))

    assert isinstance(conversation.outcome, NotCounted)
    assert conversation.outcome.reason == "hung up"
    assert conversation.outcome.modem == (MODEM if position > 3 else Modem(IMEI) if position > 1 else None)


def test_a_call_that_comes_with_the_imei_names_the_module() -> None:
    replies = healthy_replies() | {"AT+CGSN": [[on_the_line(f"·{IMEI}··OK··RING·")]]}

    outcome = play(replies).outcome
    assert isinstance(outcome, NotCounted)
    assert (outcome.verdict, outcome.modem) == (Verdict.IN_USE, Modem(IMEI))


def test_a_port_that_talks_without_end_is_read_once() -> None:
    """Each byte takes the same time, no matter how many came before it."""
    conversation = Conversation(0.0)
    seen: list[int] = []
    original = conversation._buffer.so_far
    conversation._buffer.so_far = lambda: seen.append(1) or original()  # type: ignore[method-assign]
    for _ in range(MOST_BYTES):
        conversation.feed(b"a", 0.0)
        conversation.feed(b"\n", 0.0)

    assert conversation.outcome is not None
    assert not seen
