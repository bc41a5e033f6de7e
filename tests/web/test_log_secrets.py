"""What the log says, how often, and what it never says; servers.py searches every test's log for secrets."""

from __future__ import annotations

import re
import socket
import subprocess
from dataclasses import replace

import pytest
from marketplace import BODY, HEADERS, ask
from servers import PATIENCE_SECONDS, PROJECT, Server, assert_tells_no_secret, command, environment

from modem_simulator import SimulatedBank, every_fault_bank, live_bank

KEYS = {"secret-key"}


@pytest.fixture
def serve(start_gunicorn, tmp_path):
    def start(bank: SimulatedBank, **variables: str) -> Server:
        given = {
            "RENT_PORTS": bank.ports,
            "RENT_RUNTIME_DIR": f"{tmp_path}/runtime",
            "RENT_CACHE_SECONDS": "0",
        }
        return start_gunicorn("wsgi:app", **given | variables)

    return start


def lines(server: Server, pattern: str) -> list[str]:
    return [line for line in server.stderr.text.splitlines() if re.search(pattern, line)]


def test_an_unchanged_bank_logs_each_port_once_and_a_line_a_census(serve):
    faults = ("none", "none", "sim_pin", "searching", "denied")
    modules = [replace(module, fault=fault) for module, fault in zip(live_bank(5, 0.0), faults, strict=True)]
    with SimulatedBank(modules) as bank:
        server = serve(bank)
        for _ in range(3):
            assert ask(server).status == 200
        server.stop()
    censuses, ports = lines(server, "census: 2 of 5 ports available, in "), lines(server, r"/modem\d+: ")
    assert len(censuses) == 3
    assert [re.findall(r"modem\d+", line) for line in ports] == [["modem002"], ["modem003"], ["modem004"]]
    # Nothing else is told on and on: what is left is gunicorn's start and end.
    others = set(server.stderr.text.splitlines()) - {*censuses, *ports}
    assert all(
        re.search("gunicorn|Listening|Using|Booting|exiting|Handling|Shutting", line) for line in others
    )


def test_a_changed_verdict_logs_the_port_both_verdicts_and_the_reason(serve):
    with SimulatedBank(live_bank(2, 0.0)) as bank:
        server = serve(bank)
        for fault in ("none", "sim_pin", "sim_pin", "none"):
            bank.change("modem001", fault=fault)
            ask(server)
        server.stop()
    broken, mended = lines(server, "modem001")
    assert re.search(
        r"INFO\] \S+/modem001: SIM not ready, was available: its SIM is not ready: SIM PIN$", broken
    )
    assert re.search(r"INFO\] \S+/modem001: available, was SIM not ready: \S", mended)
    assert lines(server, "modem000") == []


def test_a_port_that_goes_and_one_that_comes_are_a_line_each(serve, tmp_path):
    with SimulatedBank(live_bank(2, 0.0)) as bank:
        ports = tmp_path / "ports"
        ports.mkdir()
        (ports / "first").symlink_to(bank.port("modem000"))
        server = serve(bank, RENT_PORTS=f"{ports}/*")
        ask(server)
        (ports / "second").symlink_to(bank.port("modem001"))
        ask(server)
        (ports / "second").unlink()
        ask(server)
        server.stop()
    came, went = lines(server, "/second: ")
    assert "/second: available: " in came
    assert went.endswith("/second: gone, was available")


# Levels


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("debug", {"DEBUG", "INFO", "WARNING"}),
        ("warning", {"WARNING"}),
        ("error", set()),
    ],
)
def test_the_log_tells_what_is_of_its_level_and_above(serve, level, told):
    with SimulatedBank([]) as bank:
        server = serve(bank, RENT_LOG_LEVEL=level, RENT_PORTS="/nowhere/*")
        assert ask(server).status == 200
        assert server.request("POST", "/getServicesRent", BODY).status == 401
        server.stop()
    levels = set(
        re.findall(r"^\[.*?\] \[\d+\] \[(\w+)\]|^\[.*?\] \[(\w+)\]", server.stderr.text, re.MULTILINE)
    )
    assert {name for pair in levels for name in pair if name} == told
    assert bool(lines(server, "census: 0 of 0")) is ("INFO" in told)
    # Requests are told of at any level.
    assert [line.split()[-3] for line in server.stdout.text.splitlines()] == ["200", "401"]


def test_an_unknown_log_level_is_an_error_at_the_start():
    ended = subprocess.run(
        command("wsgi:app"),
        cwd=PROJECT,
        env=environment(
            RENT_BIND="127.0.0.1:0", RENT_API_KEY="secret-key", RENT_PORTS="/nowhere", RENT_LOG_LEVEL="loud"
        ),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.returncode != 0
    assert re.findall(r"^  RENT_LOG_LEVEL is 'loud'.*$", ended.stderr, re.MULTILINE)
    assert "Traceback" not in ended.stderr


# Secrets


POST = b"POST /getServicesRent HTTP/1.1\r\n"
BEARER = POST + b"Authorization: Bearer secret-key\r\n"
NOT_HTTP = [
    b"POST /getServicesRent?key=secret-key HTTP/9.9\r\n\r\n",
    b"secret-key\r\n\r\n",
    b"POST /getServicesRent secret-key\r\n\r\n",
    POST + b"Authorization Bearer secret-key\r\n\r\n",
    POST + b"Authorization=secret-key: x\r\n\r\n",
    POST + b"Authorization: Bearer\r\n secret-key\r\n\r\n",
    POST + b"Transfer-Encoding: secret-key\r\n\r\n",
    POST + b"Expect: secret-key\r\n\r\n",
    # Gone in the middle of its head, and of its body.
    BEARER,
    BEARER + b'Content-Length: 90\r\n\r\n{"key": "secret-key"',
    BEARER + b"Transfer-Encoding: chunked\r\n\r\nsecret-key\r\n",
]


def test_a_request_that_is_not_http_is_reported_but_not_quoted(start_gunicorn):
    server = start_gunicorn(RENT_LOG_LEVEL="debug")
    ask(server)
    for request in NOT_HTTP:
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS) as client:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass
    server.stop()
    assert len(lines(server, r"WARNING\] Invalid request from ip=127\.0\.0\.1: [A-Za-z0-9]+$")) >= 6
    assert_tells_no_secret(server.stdout.text + server.stderr.text, KEYS)


def test_no_fault_shows_a_module_identity_in_the_log_or_the_answer(serve):
    modules, _ = every_fault_bank()
    with SimulatedBank(modules) as bank:
        server = serve(bank, RENT_LOG_LEVEL="debug")
        answers = [ask(server), server.request("GET", "/metrics"), server.request("GET", "/healthz")]
        server.stop()
    assert_tells_no_secret(server.stdout.text + server.stderr.text, KEYS)
    for answer in answers:
        assert_tells_no_secret(answer.body.decode(), KEYS)


@pytest.mark.parametrize("secret", ["secret-key", "869731054051594", "8970199001234567890"])
def test_the_search_of_every_log_finds_a_secret(secret):
    with pytest.raises(AssertionError, match="is in the log"):
        assert_tells_no_secret(f"[INFO] a line\n[INFO] behind it {secret} stands", KEYS)


def test_headers_of_a_right_request_are_not_told(start_gunicorn):
    server = start_gunicorn(RENT_LOG_LEVEL="debug")
    server.request("POST", "/getServicesRent?imei=869731054051594", BODY, HEADERS | {"Cookie": "secret-key"})
    server.stop()
    assert_tells_no_secret(server.stdout.text + server.stderr.text, KEYS)
