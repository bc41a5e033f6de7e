"""Modules behind Debian's ser2net, with the project's ser2net.yaml: what a census says of them."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pytest
import yaml
from lines import BAUD_RATE, ask, python
from namespaces import HOST_THAT_IS_DOWN, in_own_network
from servers import PROJECT
from terminal_server import ser2net

from modem_simulator import SimulatedBank, live_bank
from onlinesim_rent.finding import Verdict
from onlinesim_rent.modem.probe import Prober

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terminal_server import TerminalServer

    from onlinesim_rent.finding import Finding

# Alone: the hosts that are down are judged by time.
pytestmark = [
    pytest.mark.needs("ser2net", "setpriv"),
    pytest.mark.usefixtures("nothing_is_left_behind"),
    pytest.mark.timed,
]

MODULES = 8


def devices(bank: SimulatedBank, count: int = MODULES) -> list[str]:
    return [bank.port(f"modem{number:03}") for number in range(count)]


@pytest.fixture(scope="module")
def server() -> Iterator[TerminalServer]:
    with SimulatedBank(live_bank(MODULES, 0.005)) as bank, ser2net(devices(bank)) as running:
        yield running


def verdicts(findings: dict[str, Finding]) -> dict[Verdict, int]:
    return Counter(finding.verdict for finding in findings.values())


def test_the_shipped_file_serves_every_module(server: TerminalServer):
    findings = ask(server.ports)
    assert list(findings) == [f"socket://{server.address}:{7001 + number}" for number in range(MODULES)]
    assert verdicts(findings) == {Verdict.AVAILABLE: MODULES}


def test_modules_are_asked_again_at_once(server: TerminalServer):
    prober = Prober(BAUD_RATE)
    for _ in range(2):
        assert verdicts(ask(server.ports, prober=prober)) == {Verdict.AVAILABLE: MODULES}


def test_note_29_the_shipped_file_lets_no_second_client_in():
    text = (PROJECT / "deploy" / "ser2net.yaml").read_text()
    options = [
        yaml.safe_load(found) for found in re.findall(r"options:\n((?: {6}.*\n?)+)", text, re.MULTILINE)
    ]
    assert options == [{"max-connections": 1, "kickolduser": False}] * text.count("\nconnection:")


def test_note_29_a_port_with_another_client_is_in_use_and_stays_connected(server: TerminalServer):
    with server.connect(7001) as client:
        first, *others = ask(server.ports).values()
        client.sendall(b"AT+CGSN\r")
        assert client.recv(100)
    assert (first.verdict, first.reason) == (
        Verdict.IN_USE,
        "another client of its terminal server uses it",
    )
    assert {finding.verdict for finding in others} == {Verdict.AVAILABLE}


def test_a_port_that_nobody_serves_is_refused(server: TerminalServer):
    [finding] = ask(f"socket://{server.address}:{7001 + MODULES}").values()
    assert finding.verdict is Verdict.UNREACHABLE
    assert finding.reason.startswith("connection refused")


def test_a_server_that_is_killed_in_a_census_has_hung_up():
    quick, *slow = live_bank(MODULES, 0.2)
    quick.latency = 0.0
    with SimulatedBank([quick, *slow]) as bank, ser2net(devices(bank)) as server:

        def kill(_found: int, _ports: int) -> None:
            server.process.kill()

        first, *others = ask(server.ports, prober=Prober(BAUD_RATE, progress=kill)).values()
    assert first.verdict is Verdict.AVAILABLE
    assert {finding.verdict for finding in others} == {Verdict.HUNG_UP}


# In a network of its own, where packets can be dropped

TWO_CENSUSES = """
import json, resource, subprocess, sys, time
from lines import BAUD_RATE, port_threads
from namespaces import DNS_SERVER, drop
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.modem.probe import Prober
from terminal_server import ser2net

def drop_once(found, _ports):
    if found == 1:
        subprocess.run(drop(dying.address), check=True)

def census(seconds):
    findings = prober.probe(find_ports(patterns), time.monotonic() + seconds)
    return [(finding.port, finding.verdict, finding.reason, finding.seconds) for finding in findings]

devices = sys.argv[3:]
# Far fewer ports may be open at once than are named.
resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
with ser2net(devices[:4]) as sound, ser2net(devices[4:]) as dying:
    subprocess.run(drop(DNS_SERVER), check=True)
    patterns = [*sys.argv[1:3], sound.ports, dying.ports]
    prober = Prober(BAUD_RATE, progress=drop_once)
    print(json.dumps([[census(8.0), len(port_threads())], [census(1.0), len(port_threads())]]))
"""
DOWN, UNKNOWN, SOUND, DYING = "down", "unknown", "sound", "dying"
PLACES = (*[DOWN] * 2000, *[UNKNOWN] * 2000, *[SOUND] * 4, *[DYING] * 4)


class Shown(NamedTuple):
    """What two censuses said of the ports in one place: verdicts, reasons and the latest finding."""

    verdicts: set[str]
    reasons: set[str]
    seconds: float


def by_place(findings: list[tuple[str, str, str, float]]) -> dict[str, Shown]:
    shown = {}
    for place in dict.fromkeys(PLACES):
        there = [finding for finding, where in zip(findings, PLACES, strict=True) if where == place]
        _, verdicts, reasons, seconds = zip(*there, strict=True)
        shown[place] = Shown(set(verdicts), set(reasons), max(seconds))
    return shown


@pytest.mark.needs("unshare", "mount", "ip", "nft", "own networks")
def test_note_8_servers_that_are_down_delay_no_other_and_hold_no_thread():
    """One host is down, the DNS server of another is down, one is sound, and one dies meanwhile."""
    modules = live_bank(4, 0.02) + live_bank(8, 0.5)[4:]
    places = f"socket://{HOST_THAT_IS_DOWN}:1-2000", "socket://modems.example:1-2000"
    with SimulatedBank(modules) as bank:
        censuses, _ = python(TWO_CENSUSES, *places, *devices(bank), wrap=in_own_network)
    (first, threads), (second, threads_again) = [
        (by_place(findings), threads) for findings, threads in censuses
    ]

    silent = "the terminal server does not answer"
    assert first[DOWN].verdicts == {"unreachable"}
    assert first[DOWN].reasons == {silent, f"{silent} (tried on 4 of its other ports)"}
    assert first[UNKNOWN].verdicts == second[UNKNOWN].verdicts == {"unreachable"}
    assert all("was not found within 2.8 s" in reason for reason in first[UNKNOWN].reasons)
    assert all("is looked up since an earlier census" in reason for reason in second[UNKNOWN].reasons)
    # One after the other, 45 ports at once, they would take minutes.
    assert max(first[DOWN].seconds, first[UNKNOWN].seconds) < 4.0
    assert second[UNKNOWN].seconds < 0.5
    # The look-up of the one name.
    # Look-ups, one a host; never one a port.
    assert max(threads, threads_again) <= 4
    assert first[SOUND].verdicts == {"available"}
    assert first[DYING].verdicts == {"silent"}
