"""The simulated bank: modules as values, then the real process on real pseudo-terminals."""

import json
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest
import serial
from servers import PATIENCE_SECONDS, until

from modem_simulator import (
    FAMILIES,
    FAULTS,
    PUBLISHED_EXAMPLE,
    Emission,
    HangUp,
    SimulatedBank,
    SimulatedModule,
    default_bank,
    every_fault_bank,
    imei,
    imsi,
    live_bank,
    numbers_to_rent,
)
from modem_simulator.bank_file import read_bank, write_bank

IMEI = b"001017000000019"
IMSI = b"250990000000001"
QUESTIONS = (b"AT", b"AT+CGSN", b"AT+CPIN?", b"AT+CIMI", b"AT+CREG?", b"AT+CPAS", b"AT+CIMI")


def module(**settings):
    return SimulatedModule(IMEI.decode(), IMSI.decode(), **settings)


def ask(simulated, *commands, port=0):
    """Ask one after the other at second 0; return what the module sends, by its time."""
    events = simulated.opened(port, 0.0)
    for command in commands:
        events += simulated.feed(port, command + b"\r", 0.0)
    said = sorted((event for event in events if isinstance(event, Emission)), key=lambda event: event.at)
    return b"".join(event.data for event in said)


# Modules as values


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b"AT", b"\r\nOK\r\n"),
        (b"at+cgsn", b"\r\n" + IMEI + b"\r\n\r\nOK\r\n"),
        (b"AT+CPIN?", b"\r\n+CPIN: READY\r\n\r\nOK\r\n"),
        (b"AT+CIMI", b"\r\n" + IMSI + b"\r\n\r\nOK\r\n"),
        (b"AT+CREG?", b"\r\n+CREG: 0,1\r\n\r\nOK\r\n"),
        (b"AT+CPAS", b"\r\n+CPAS: 0\r\n\r\nOK\r\n"),
        (b"AT+NEVER?", b"\r\nERROR\r\n"),
        (b"hello", b""),
    ],
)
def test_a_sound_module_answers_as_the_standard_says(command, answer):
    assert ask(module(), command) == answer


@pytest.mark.parametrize(
    ("family", "command", "answer"),
    [
        ("Wavecom", b"AT+CPIN?", b"\r\n+CPIN: READY\r\n"),
        ("SIM7600", b"AT+CGSN", b'\r\n+CGSN: "' + IMEI + b'"\r\n\r\nOK\r\n'),
        ("EC25", b"AT+CREG?", b'\r\n+CREG: 2,1,"2AF5","0B88E350",7\r\n\r\nOK\r\n'),
        ("M35", b"AT+CREG?", b'\r\n+CREG: 2,1,"18D8","5A3F"\r\n\r\nOK\r\n'),
        ("SIM800", b"AT+CGMM", b"\r\nSIMCOM_SIM800L\r\n\r\nOK\r\n"),
        ("SIM800", b"AT+CCID", b"\r\n8970509900000000011f\r\n\r\nOK\r\n"),
        ("SIM800", b"AT+ICCID", b"\r\nERROR\r\n"),
        ("SIM7600", b"AT+CCID", b"\r\nERROR\r\n"),
        ("SIM7600", b"AT+CICCID", b"\r\n+ICCID: 8970509900000000011\r\n\r\nOK\r\n"),
        ("EC25", b"AT+QCCID", b"\r\n+QCCID: 8970509900000000011\r\n\r\nOK\r\n"),
        ("M35", b"AT+CNUM", b"\r\nOK\r\n"),
        ("LF gateway", b"AT", b"\nOK\n"),
        ("CR CR LF gateway", b"AT", b"\r\r\nOK\r\r\n"),
    ],
)
def test_a_family_has_its_own_wording(family, command, answer):
    assert ask(module(family=family), command) == answer


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (b"AT+COPS?", b'+COPS: 0,0,"Beeline"'),
        (b"AT+CSQ", b"+CSQ: 18,0"),
        (b"AT+CNUM", b'+CNUM: "","+79990000001",145'),
        (b"AT+CSMS=0", b"+CSMS: 1,1,1"),
        (b"AT+CSCA?", b'+CSCA: "+79990000000",145'),
        (b"AT+GCAP", b"+GCAP: +CGSM"),
        (b"AT+CFUN?", b"+CFUN: 1"),
    ],
)
def test_a_module_answers_what_other_programs_ask(command, line):
    assert ask(module(), command) == b"\r\n" + line + b"\r\n\r\nOK\r\n"


def test_a_module_without_a_network_names_none():
    assert ask(module(fault="searching"), b"AT+COPS?") == b"\r\n+COPS: 0\r\n\r\nOK\r\n"


def test_a_swapped_sim_shows_in_every_answer():
    swapped = module()
    swapped.change(imsi="255010000000009")
    said = ask(swapped, b"AT+COPS?", b"AT+CCID", b"AT+CNUM")
    assert all(fact in said for fact in (b"Vodafone UA", b"8970550100000000099", b"+79990000009"))


@pytest.mark.parametrize("command", [b"ATE0", b"ATE", b"ATV1E0", b"AT&C1 E0", b"ATQ0 V1 E0"])
def test_a_command_switches_the_echo_off_on_its_port(command):
    simulated = module(echo=True, ports=2)
    assert ask(simulated, command, b"AT").count(b"AT\r") == 0
    assert ask(simulated, b"AT") == b"\r\nOK\r\n"
    assert ask(simulated, b"AT", port=1).startswith(b"AT\r")


@pytest.mark.parametrize("command", [b"ATZ", b"AT&F", b"ATE1"])
def test_a_command_switches_the_echo_on_again(command):
    assert ask(module(echo=True), b"ATE0", command, b"AT").count(b"AT\r") == 1


@pytest.mark.parametrize("command", [b"AT+CREG=1", b"AT+CMEE=1", b'AT+CSCS="HEX"', b'AT+CPBS="ME"'])
def test_an_extended_command_switches_no_echo(command):
    assert ask(module(echo=True), command, b"AT").count(b"AT\r") == 1


def test_huawei_chatters_and_does_not_answer_error():
    huawei = module(family="Huawei")
    (chatter,) = huawei.opened(0, 0.0)
    assert chatter.data.startswith(b"\r\n^RSSI:14\r\n")
    assert chatter.every > 0
    (iccid,) = huawei.feed(0, b"AT^ICCID?\r", 0.0)
    assert iccid.data.startswith(b"\r\n^ICCID: 8970509900000000011\r\n")
    (answer,) = huawei.feed(0, b"AT+NEVER?\r", 0.0)
    assert answer.data == b"\r\nCOMMAND NOT SUPPORT\r\n"


@pytest.mark.parametrize(
    ("fault", "command", "answer"),
    [
        ("no_sim", b"AT+CPIN?", b"\r\n+CME ERROR: SIM not inserted\r\n"),
        ("sim_pin", b"AT+CPIN?", b"\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n"),
        ("sim_pin", b"AT+CIMI", b"\r\n+CME ERROR: SIM PIN required\r\n"),
        ("searching", b"AT+CREG?", b"\r\n+CREG: 0,2\r\n\r\nOK\r\n"),
        ("denied", b"AT+CREG?", b"\r\n+CREG: 0,3\r\n\r\nOK\r\n"),
        ("not_registered", b"AT+CREG?", b"\r\n+CREG: 0,0\r\n\r\nOK\r\n"),
        ("emergency", b"AT+CREG?", b"\r\n+CREG: 0,8\r\n\r\nOK\r\n"),
        ("contradicting_creg", b"AT+CREG?", b"\r\n+CREG: 0,1\r\n\r\n+CREG: 0,2\r\n\r\nOK\r\n"),
        ("in_call", b"AT+CPAS", b"\r\n+CPAS: 4\r\n\r\nOK\r\n"),
        ("no_cpas", b"AT+CPAS", b"\r\nERROR\r\n"),
        ("zero_imei", b"AT+CGSN", b"\r\n000000000000000\r\n\r\nOK\r\n"),
        ("silent", b"AT", b""),
        ("echo_only", b"AT", b"AT\r"),
        ("powered_down", b"AT+CPIN?", b"\r\nNORMAL POWER DOWN\r\n"),
        ("trickle", b"AT", b"\r\nOK\r\n"),
    ],
)
def test_a_fault_shows_in_the_answer(fault, command, answer):
    assert ask(module(fault=fault), command) == answer


@pytest.mark.parametrize("fault", ["flood", "nul_noise", "ff_noise", "nmea", "ppp", "cmux", "telnet"])
def test_noise_begins_at_the_opening_goes_on_and_answers_nothing(fault):
    noisy = module(fault=fault)
    (noise,) = noisy.opened(0, 0.0)
    assert noise.data
    assert noise.every > 0
    assert noisy.feed(0, b"AT\r", 0.0) == []


def test_error_numbers_or_words_are_the_familys():
    assert ask(module(fault="no_sim", family="SIM900"), b"AT+CPIN?") == b"\r\n+CME ERROR: 10\r\n"


def test_an_autobauding_module_ignores_two_commands_each_time():
    deaf = module(fault="autobaud", echo=True)
    for _ in range(2):
        assert ask(deaf, b"AT", b"AT", b"AT") == b"AT\r\r\nOK\r\n"


def test_a_swapped_sim_shows_only_at_the_second_asking():
    swapped = module(fault="swapped_sim")
    first, second = ask(swapped, b"AT+CIMI").split()[0], ask(swapped, b"AT+CIMI", b"AT+CIMI").split()[2]
    assert first == IMSI
    assert second not in (IMSI, b"OK")
    assert len(second) == 15


def test_a_busy_sim_is_ready_at_the_second_asking():
    answers = ask(module(fault="sim_busy_once", family="SIM900"), b"AT+CPIN?", b"AT+CPIN?")
    assert answers == b"\r\n+CME ERROR: 14\r\n\r\n+CPIN: READY\r\n\r\nOK\r\n"


def test_a_text_that_arrives_can_be_read_and_deleted():
    full = module()
    full.texts.deliver("79161234567", "Код")
    pdu = b"00040B919761214365F700086211304000000006041A043E0434"
    assert ask(full, b"AT+CMGL=4").split(b"\r\n")[1:4:2] == [b"+CMGL: 1,0,,25", pdu]
    assert ask(full, b"AT+CMGR=1").split(b"\r\n")[1:4:2] == [b"+CMGR: 0,,25", pdu]
    assert b'"SM",1,10' in ask(full, b"AT+CPMS?")
    assert ask(full, b"AT+CMGD=1", b"AT+CMGR=1") == b"\r\nOK\r\n\r\n+CMS ERROR: 321\r\n"


@pytest.mark.parametrize(("sender", "text"), [("+7916", "a"), ("7916", ""), ("7916", "a" * 71)])
def test_a_text_that_cannot_be_delivered_is_refused(sender, text):
    with pytest.raises(ValueError, match="a sender of digits, and 1 to 70 characters"):
        module().texts.deliver(sender, text)


def test_a_sim_that_is_full_takes_no_text():
    full = module()
    for _ in range(10):
        full.texts.deliver("7916", "a")
    with pytest.raises(ValueError, match="full"):
        full.texts.deliver("7916", "a")


def test_a_late_module_answers_the_question_before():
    assert ask(module(fault="late"), b"AT+CIMI", b"AT+CGSN").split() == [b"OK", IMSI, b"OK"]


def test_a_booting_module_prints_its_banner_and_is_silent():
    booting = module(fault="booting")
    (banner,) = booting.opened(0, 0.0)
    assert b"\r\nCall Ready\r\n" in banner.data
    assert booting.feed(0, b"AT\r", 1.0) == []


def test_a_hang_up_breaks_the_imei_off():
    *_, half, end = module(fault="hang_up").feed(0, b"AT+CGSN\r", 0.0)
    assert IMEI.startswith(half.data.strip())
    assert end == HangUp(half.at, 0)


def test_a_switched_off_module_is_silent_until_opened_again():
    gone = module(fault="powered_down")
    assert ask(gone, b"AT+CPIN?", b"AT").count(b"OK") == 0
    assert ask(gone, b"AT") == b"\r\nOK\r\n"


def test_unsolicited_lines_surround_the_answer_and_cut_the_echo():
    said = ask(module(fault="urc_everywhere", echo=True), b"AT+CGSN")
    urc = b'\r\n+CMTI: "SM",3\r\n'
    assert said == b"AT+C" + urc + b"GSN\r" + urc + b"\r\n" + IMEI + b"\r\n" + urc + b"\r\nOK\r\n" + urc


def test_the_echo_comes_at_once_and_the_answer_after_the_latency():
    echo, answer = module(echo=True, latency=0.05).feed(0, b"AT\r", 10.0)
    assert echo == Emission(10.0, 0, b"AT\r")
    assert answer == Emission(10.05, 0, b"\r\nOK\r\n")


def test_a_slow_sim_takes_two_seconds_more():
    (answer,) = module(fault="slow_cpin", latency=0.0).feed(0, b"AT+CPIN?\r", 10.0)
    assert answer.at == 12.0


def test_a_split_command_is_read():
    simulated = module()
    assert simulated.feed(0, b"AT+CG", 0.0) == []
    answers = simulated.feed(0, b"SN\rAT\r", 1.0)
    assert [answer.data for answer in answers] == [b"\r\n" + IMEI + b"\r\n\r\nOK\r\n", b"\r\nOK\r\n"]
    assert answers[0].at < answers[1].at


@pytest.mark.parametrize(
    "command",
    [
        "ATZ",
        "AT&F",
        "AT&W",
        "ATE0",
        "AT+CFUN=1",
        "AT+CMGF=1",
        "AT+CNMI=2,1",
        "AT+CPIN=1234",
        "AT+CREG?;+CPAS",
        "ATD1;",
        "AT+CSMS=0",
        "AT+COPS=3,0",
    ],
)
def test_every_other_command_is_recorded_as_a_setting(command):
    simulated = module()
    ask(simulated, command.encode())
    assert simulated.counts[0].settings == [command.removeprefix("AT")]


def test_a_question_is_not_recorded_as_a_setting():
    simulated = module()
    ask(simulated, *QUESTIONS, b"ATI", b"AT+CSQ", b"AT+CMGF?", b"AT+CNMI=?", b"AT+CNUM")
    ask(simulated, b"AT+CCID", b"AT+ICCID", b"AT+QCCID", b"AT+CICCID", b"AT^ICCID?")
    assert simulated.counts[0].settings == []


def test_a_dialogue_is_an_imei_asked_after_an_opening():
    simulated = module(ports=2)
    ask(simulated, *QUESTIONS, b"AT+CGSN")
    ask(simulated, *QUESTIONS)
    ask(simulated, b"AT", port=1)
    first, second = simulated.counts
    assert (first.opens, first.dialogues, first.commands) == (2, 2, 15)
    assert (second.opens, second.dialogues, second.commands) == (1, 0, 1)


def test_every_family_can_have_every_fault():
    for fault, row in FAULTS.items():
        assert row.meaning.endswith(".")
        for family in FAMILIES:
            ask(module(fault=fault, family=family), *QUESTIONS)


@pytest.mark.parametrize(
    "wrong",
    [{"family": "Nokia"}, {"fault": "tired"}, {"latency": -1}, {"ports": 0}],
)
def test_a_wrong_module_is_refused(wrong):
    with pytest.raises(ValueError, match=r"there are|a module has"):
        module(**wrong)


# Banks


def test_the_default_bank_has_the_published_example_to_rent():
    assert numbers_to_rent(default_bank()) == PUBLISHED_EXAMPLE
    assert len(default_bank()) == sum(PUBLISHED_EXAMPLE.values()) + 9


def test_a_shared_sim_or_a_shared_imei_is_one_number():
    bank = live_bank(3, 0.0)
    bank.append(SimulatedModule(imei(77), bank[0].imsi))
    bank.append(SimulatedModule(bank[1].imei, imsi("25002", 77)))
    assert sum(numbers_to_rent(bank).values()) == 3


def test_the_bank_of_every_fault_knows_its_numbers():
    modules, expected = every_fault_bank()
    assert [each.fault for each in modules[5:]] == list(FAULTS)
    assert sum(expected.values()) == 5 + sum(fault.live for fault in FAULTS.values())


def test_identities_are_distinct_and_well_formed():
    bank = live_bank(600, 0.0)
    assert len({each.imei for each in bank}) == len({each.imsi for each in bank}) == 600
    for each in bank:
        assert len(each.imei) == len(each.imsi) == 15
        odd, even = each.imei[-1::-2], each.imei[-2::-2]
        assert (sum(map(int, odd)) + sum(sum(divmod(2 * int(digit), 10)) for digit in even)) % 10 == 0


def test_a_bank_survives_its_file():
    bank, _ = every_fault_bank()
    assert write_bank(read_bank(write_bank(bank))) == write_bank(bank)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Expecting property name"),
        ("[]", "a bank is"),
        ('{"modules": [{"imei": "1"}]}', "module 0: .*imsi"),
        ('{"modules": [{"imei": "1", "imsi": "2", "colour": 3}]}', "module 0: .*colour"),
        ('{"modules": [{"imei": 1, "imsi": 2}]}', "module 0: .*strings of digits"),
        (
            '{"modules": [{"imei": "1", "imsi": "2", "fault": "tired"}]}',
            "module 0: no fault is called 'tired'",
        ),
        ('{"modules": [7]}', "module 0: "),
    ],
)
def test_a_wrong_file_is_refused_with_its_reason(text, reason):
    with pytest.raises(ValueError, match=reason):
        read_bank(text)


# The real process on real pseudo-terminals


@pytest.fixture
def bank():
    modules = [
        module(echo=True, ports=2, latency=0.0),
        SimulatedModule(imei(2), imsi("25002", 2), family="Wavecom"),
        SimulatedModule(imei(3), imsi("25002", 3), fault="hang_up"),
        SimulatedModule(imei(4), imsi("25002", 4), fault="flood"),
    ]
    with SimulatedBank(modules) as running:
        yield running


def open_port(bank, name):
    seconds = {"timeout": PATIENCE_SECONDS, "write_timeout": PATIENCE_SECONDS}
    return serial.Serial(bank.port(name), 115200, exclusive=True, **seconds)


def exchange(port, command, end=b"OK\r\n"):
    port.write(command + b"\r")
    return port.read_until(end)


def test_a_port_answers(bank):
    with open_port(bank, "modem000") as port:
        assert exchange(port, b"AT+CGSN") == b"AT+CGSN\r\r\n" + IMEI + b"\r\n\r\nOK\r\n"
        assert exchange(port, b"AT+CPIN?") == b"AT+CPIN?\r\r\n+CPIN: READY\r\n\r\nOK\r\n"
    with open_port(bank, "modem001") as port:
        assert exchange(port, b"AT+CPIN?", b"READY\r\n") == b"\r\n+CPIN: READY\r\n"


def test_every_port_has_a_name_and_a_module_may_have_two(bank):
    names = [path.name for path in sorted(Path(bank.ports).parent.iterdir())]
    assert names == ["modem000", "modem000b", "modem001", "modem002", "modem003"]
    assert bank.modules == 4
    with open_port(bank, "modem000") as first, open_port(bank, "modem000b") as second:
        assert exchange(first, b"AT+CGSN") == exchange(second, b"AT+CGSN")


def test_each_port_has_its_own_counts(bank):
    for _ in range(3):
        with open_port(bank, "modem000b") as port:
            exchange(port, b"AT")
            exchange(port, b"AT+CGSN")
            exchange(port, b"ATE0")
    stats = bank.stats()
    counts = {"opens": 3, "dialogues": 3, "commands": 9, "settings": ["E0"] * 3}
    assert stats["ports"]["modem000b"] == stats["totals"] == counts
    bank.reset()
    assert bank.stats()["totals"] == {"opens": 0, "dialogues": 0, "commands": 0, "settings": []}


def test_a_hang_up_ends_the_reading_and_the_port_comes_back(bank):
    with open_port(bank, "modem002") as port:
        port.write(b"AT+CGSN\r")
        with pytest.raises(serial.SerialException):
            port.read(1000)
    bank.change("modem002", fault="none")
    until(lambda: Path(bank.port("modem002")).exists())
    with open_port(bank, "modem002") as port:
        assert exchange(port, b"AT").endswith(b"OK\r\n")


def test_an_unread_flood_delays_no_other_module(bank):
    with open_port(bank, "modem003") as flooding, open_port(bank, "modem000") as port:
        flooding.read(1)
        for command in QUESTIONS:
            assert exchange(port, command).endswith(b"OK\r\n")
        assert len(flooding.read(200_000)) == 200_000


def test_the_simulator_sleeps_when_ports_are_closed_or_full(bank):
    with open_port(bank, "modem000") as port, open_port(bank, "modem003") as flooding:
        exchange(port, b"AT")
        flooding.read(1)
        port.close()
        assert bank.stats()["totals"]["opens"] == 2
        stat = Path(f"/proc/{bank.pid}/stat")
        until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "S")


def test_a_port_is_raw_before_anybody_sets_it_up(bank):
    descriptor = os.open(bank.port("modem000"), os.O_RDWR | os.O_NOCTTY)
    local_modes = termios.tcgetattr(descriptor)[3]
    os.close(descriptor)
    assert not local_modes & (termios.ECHO | termios.ICANON | termios.ISIG)


def test_an_answer_larger_than_the_line_takes_comes_whole(bank):
    with open_port(bank, "modem000") as port:
        port.write(b"AT+CGSN\r" * 1000)
        answers = b"".join(port.read_until(b"OK\r\n") for _ in range(1000))
        assert answers.count(IMEI) == 1000


def test_a_module_is_changed_while_it_runs(bank):
    with open_port(bank, "modem000") as port:
        bank.change("modem000", fault="denied", imsi="255010000000009")
        assert b"+CREG: 0,3" in exchange(port, b"AT+CREG?")
        assert b"255010000000009" in exchange(port, b"AT+CIMI")


@pytest.mark.parametrize(("port", "fault"), [("modem999", "none"), ("modem000", "tired")])
def test_a_wrong_change_is_refused_with_the_names_there_are(bank, port, fault):
    with pytest.raises(RuntimeError, match="there are: "):
        bank.change(port, fault=fault)


def test_the_simulator_holds_no_port_open(bank):
    with open_port(bank, "modem000") as port:
        exchange(port, b"AT")
        links = [os.readlink(link) for link in Path(f"/proc/{bank.pid}/fd").iterdir()]
    assert links.count("/dev/pts/ptmx") + links.count("/dev/ptmx") == 5
    assert not [link for link in links if link.startswith("/dev/pts/") and link != "/dev/pts/ptmx"]


def test_the_ports_are_gone_after_the_bank(bank):
    directory = Path(bank.ports).parent
    assert directory.exists()
    bank.close()
    assert not directory.exists()
    with pytest.raises((RuntimeError, ValueError)):
        bank.stats()


@pytest.fixture
def simulator():
    """The program itself, as a person starts it."""
    started = []

    def start(*arguments):
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
        command = [sys.executable, "-m", "modem_simulator", *arguments]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        started.append(subprocess.Popen(command, env=environment, text=True, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_it_removes_its_ports_when_standard_input_ends(simulator):
    process = simulator("--modules", "2", "--latency", "0.001")
    directory = Path(json.loads(process.stdout.readline())["ports"]).parent
    assert len(list(directory.iterdir())) == 2
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    assert not directory.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_takes_its_ports_along(simulator, tmp_path, number):
    process = simulator("--directory", str(tmp_path / "ports"))
    assert json.loads(process.stdout.readline()) == {"ports": f"{tmp_path}/ports/*", "modules": 49}
    process.send_signal(number)
    assert process.wait(timeout=PATIENCE_SECONDS) == 0
    assert not (tmp_path / "ports").exists()


def test_commands_are_lines(simulator):
    process = simulator("--modules", "1")
    answers, _ = process.communicate(
        "fault denied modem000\nfault tired modem000\nnonsense\n", timeout=PATIENCE_SECONDS
    )
    _, changed, refused, unknown = map(json.loads, answers.splitlines())
    assert changed["fault"] == "denied"
    assert "no fault is called 'tired'" in refused["error"]
    assert "commands: stats" in unknown["error"]


def test_a_wrong_start_ends_with_a_sentence(simulator, tmp_path):
    (tmp_path / "bank.json").write_text('{"modules": [{}]}')
    for arguments, reason in [
        (["--bank", str(tmp_path / "bank.json")], "simulator: module 0: missing 2 required"),
        (["--bank", str(tmp_path / "none.json")], "No such file"),
        (["--directory", str(tmp_path)], "is not empty"),
    ]:
        process = simulator(*arguments)
        _, complaint = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 1
        assert reason in complaint
        assert "Traceback" not in complaint
