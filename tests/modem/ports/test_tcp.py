"""Connections to TCP ports: real sockets that never block."""

from __future__ import annotations

import os
import select
import socket

import pytest
from lines import black_hole, hang_up, listen_only, tcp_peer
from servers import PATIENCE_SECONDS

from onlinesim_rent.finding import NotCounted, Verdict
from onlinesim_rent.modem.ports.tcp import Address, NoAnswer, TcpPort, addresses_of

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")

LOOPBACK = Address(socket.AF_INET, ("127.0.0.1", 0))


def settled(port: TcpPort) -> TcpPort:
    """Wait until a connection is made, or has failed."""
    assert select.select([], [port], [], PATIENCE_SECONDS)[1]
    return port


def test_an_address_and_a_name_are_looked_up():
    assert addresses_of("127.0.0.1") == [LOOPBACK]
    assert addresses_of("::1") == [Address(socket.AF_INET6, ("::1", 0, 0, 0))]
    assert LOOPBACK in addresses_of("localhost")


def test_note_8_an_unknown_name_has_a_reason():
    with pytest.raises(NoAnswer) as refused:
        addresses_of("no-such-host.invalid")
    assert refused.value.verdict is Verdict.UNREACHABLE
    assert refused.value.reason.startswith("the terminal server's name is unknown")


def test_note_8_a_refusal_is_an_answer():
    port = settled(TcpPort(LOOPBACK, 1))
    with pytest.raises(NotCounted) as refused:
        port.check()
    port.close()
    assert refused.value.reason.startswith("connection refused")
    assert not isinstance(refused.value, NoAnswer)


def test_note_8_an_error_of_this_host_is_no_answer():
    # TCP has no broadcast, so the kernel refuses at once.
    with pytest.raises(NoAnswer) as refused:
        TcpPort(Address(socket.AF_INET, ("255.255.255.255", 0)), 7001)
    assert refused.value.verdict is Verdict.UNREACHABLE


def test_a_connection_does_not_block():
    with black_hole() as number:
        port = TcpPort(LOOPBACK, number)
        assert not os.get_blocking(port.fileno())
        assert not select.select([], [port], [], 0)[1]
        port.close()


def test_a_connection_is_made_once_it_can_be_written_to():
    with tcp_peer(listen_only) as number:
        port = settled(TcpPort(LOOPBACK, number))
        port.check()
        assert port.write(b"AT\r") == 3
        with pytest.raises(BlockingIOError):
            port.read(1)
        port.close()


def test_a_connection_that_was_ended_at_once_was_made():
    with tcp_peer(hang_up) as number:
        port = settled(TcpPort(LOOPBACK, number))
        assert select.select([port], [], [], PATIENCE_SECONDS)[0]
        port.check()
        assert port.read(1) == b""
        port.close()


def test_what_was_read_is_acknowledged_at_once():
    """Otherwise a server that sends the echo first keeps the answer back until it hears of the echo."""

    def answer(connection: socket.socket) -> None:
        while connection.recv(16):
            connection.send(b"OK\r")

    with tcp_peer(answer) as number:
        port = settled(TcpPort(LOOPBACK, number))
        # The kernel begins to wait with acknowledgements after the first answer.
        for _ in range(3):
            port.write(b"AT\r")
            assert select.select([port], [], [], PATIENCE_SECONDS)[0]
            assert port.read(16) == b"OK\r"
        with socket.socket(fileno=os.dup(port.fileno())) as same:
            assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK)
        port.close()
