"""Which ports of a terminal server are tried: tables without IO."""

from __future__ import annotations

from onlinesim_rent.finding import Modem
from onlinesim_rent.modem.line import Line
from onlinesim_rent.modem.ports.find import Port
from onlinesim_rent.modem.ports.tcp import Address, NoAnswer
from onlinesim_rent.modem.servers import TRIED_FIRST, Server

SILENT = NoAnswer("the terminal server does not answer")
HERE, THERE = Address(2, ("10.0.0.5", 0)), Address(10, ("fd00::5", 0, 0, 0))


def lines(count: int) -> list[Line]:
    return [Line(Port(f"socket://10.0.0.5:{7001 + number}")) for number in range(count)]


def asked(count: int) -> tuple[Server, list[Line]]:
    """A server with so many ports that all want to be tried, and the ports that are held."""
    server = Server()
    server.addresses = [HERE]
    return server, [line for line in lines(count) if not server.admits(line)]


def test_the_first_ports_are_tried_and_the_others_held():
    _, held = asked(64)
    assert [line.port.number for line in held] == list(range(7001 + TRIED_FIRST, 7065))


def test_one_answer_lets_all_ports_go_on():
    server, held = asked(64)
    assert server.was_silent(SILENT) == []
    assert server.answered() == held
    assert all(server.admits(line) for line in held)
    assert server.down is None


def test_a_server_is_down_when_all_tried_ports_are_silent():
    server, held = asked(64)
    assert [server.was_silent(SILENT) for _ in range(TRIED_FIRST)] == [[], [], [], held]
    assert server.down
    assert server.down.reason == "the terminal server does not answer (tried on 4 of its other ports)"


def test_the_reason_of_an_unknown_name_is_that_of_every_port():
    server, _ = asked(64)
    server.addresses = []
    for _ in range(TRIED_FIRST):
        server.was_silent(NoAnswer("unknown"))
    assert server.down
    assert server.down.reason == "unknown"


def test_a_server_that_dies_later_is_tried_on_few_ports_again():
    server, held = asked(64)
    server.answered()
    admitted = [line for line in held if server.admits(line)]
    for _ in range(TRIED_FIRST):
        server.was_silent(SILENT)
    more = lines(2)
    assert [server.admits(line) for line in more] == [False, False]
    # The others that were tried may still answer.
    assert server.down is None
    rest = [server.was_silent(SILENT) for _ in range(TRIED_FIRST - 1 + len(admitted) - TRIED_FIRST)]
    assert rest[-1] == more
    assert server.down


def test_few_silent_ports_of_a_server_that_answers_are_no_sign():
    server, _ = asked(2)
    server.answered()
    server.was_silent(SILENT)
    assert server.down is None


def test_a_port_that_has_answered_is_always_tried_again():
    server, _ = asked(TRIED_FIRST)
    [line] = lines(1)
    line.modem = Modem("001017000000010")
    assert server.admits(line)


def test_the_address_that_answered_is_tried_first():
    server = Server()
    server.addresses = [THERE, HERE]
    server.prefer(HERE)
    assert server.addresses == [HERE, THERE]
