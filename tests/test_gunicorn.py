from __future__ import annotations

import gzip
import json
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from marketplace import BODY, HEADERS, PATH, ask
from servers import PATIENCE_SECONDS, PROJECT, command, environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers import Server

    Start = Callable[..., Server]


def start_in_vain(**variables: str) -> subprocess.CompletedProcess[str]:
    """A start of the real application that is over within seconds."""
    return subprocess.run(
        command("wsgi:app"),
        cwd=PROJECT,
        env=environment(RENT_BIND="127.0.0.1:0", **variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_a_request_is_answered_and_sigterm_ends_the_service(start_gunicorn: Start) -> None:
    server = start_gunicorn()

    answer = ask(server)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert json.loads(answer.body)["status"] == "SUCCESS"
    assert server.stop() == 0
    assert "Traceback" not in server.stderr.text


def test_thirty_requests_at_once_are_answered_packed(start_gunicorn: Start) -> None:
    server = start_gunicorn()

    with ThreadPoolExecutor(30) as marketplace:
        answers = list(marketplace.map(lambda _: ask(server, **{"Accept-Encoding": "gzip"}), range(30)))

    assert {answer.status for answer in answers} == {200}
    assert {gzip.decompress(answer.body) for answer in answers} == {ask(server).body}


def test_a_chunked_body_is_read_and_limited(start_gunicorn: Start) -> None:
    server = start_gunicorn()

    assert server.request("POST", PATH, iter([BODY.encode()]), HEADERS).status == 200
    too_large = server.request("POST", PATH, iter([b" " * 8192] * 3), HEADERS)
    assert too_large.status == 413
    assert json.loads(too_large.body)["status"] == "ERROR"


def test_other_paths_and_methods_are_errors_of_the_contract(start_gunicorn: Start) -> None:
    server = start_gunicorn()

    for method, path, status in (("GET", "/", 404), ("GET", PATH, 405), ("OPTIONS", PATH, 405)):
        answer = server.request(method, path)
        assert answer.status == status
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        assert json.loads(answer.body)["status"] == "ERROR"


def test_an_access_line_tells_who_asked_and_how_long_it_took_and_no_secret(start_gunicorn: Start) -> None:
    server = start_gunicorn()

    server.request("POST", f"{PATH}?key=secret-key", BODY, HEADERS | {"X-Forwarded-For": "192.0.2.7"})
    server.request("GET", "/a%0A1.2.3.4%22%FF")
    server.stop()

    [served, forged] = sorted(server.stdout.text.splitlines(), key=lambda line: "GET" in line)
    assert re.fullmatch(
        r'\[.+\] 127\.0\.0\.1 "192\.0\.2\.7" "POST /getServicesRent HTTP/1\.1" 200 \d+ \d+\.\d{6}', served
    )
    assert r'"GET /a\n1.2.3.4\"\xff HTTP/1.1" 404' in forged
    assert "secret" not in server.stdout.text + server.stderr.text


def test_a_refusal_is_one_line_on_stderr(start_gunicorn: Start) -> None:
    server = start_gunicorn()

    server.request("POST", PATH, BODY, {"Authorization": "Bearer secret-kex"})
    server.stop()

    [line] = [line for line in server.stderr.text.splitlines() if "RENT_AUTHORIZATION" in line]
    assert "[WARNING] 401 to 127.0.0.1: " in line
    assert "secret" not in server.stdout.text + server.stderr.text


def test_what_a_client_says_of_a_proxy_changes_nothing(start_gunicorn: Start) -> None:
    server = start_gunicorn()

    answer = ask(
        server,
        **{"X-Forwarded-Proto": "http", "X-Forwarded-Ssl": "on", "Script_Name": "/x", "Path_Info": "/x"},
    )

    assert answer.status == 200


def listener_of(server: Server) -> socket.socket:
    """The socket that was opened for the server here, under the number that it was told."""
    environ = Path(f"/proc/{server.process.pid}/environ").read_text()
    number = re.search(r"RENT_BIND=fd://(\d+)", environ)
    assert number
    return socket.fromfd(int(number[1]), socket.AF_INET, socket.SOCK_STREAM)


def test_clients_that_stall_keep_no_thread(start_gunicorn: Start) -> None:
    server = start_gunicorn(WEB_CONCURRENCY="1")
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret-key\r\n"
    beginnings = [head[:20], f"{head}Content-Length: 60\r\n\r\n{{"] * 2

    ask(server)  # only now, with a worker at work, is the start over
    with listener_of(server) as listener:
        patience = listener.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.calcsize("ll"))
        assert struct.unpack("ll", patience) == (5, 0)
        # What follows need not take so long.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 200_000))
    stalled = []
    try:
        for beginning in beginnings:
            stalled.append(socket.create_connection(("127.0.0.1", server.port)))
            stalled[-1].sendall(beginning.encode())
        assert ask(server).status == 200
    finally:
        for connection in stalled:
            connection.close()
    server.stop()
    assert "a client sent nothing for 5 seconds" in server.stderr.text
    assert "Traceback" not in server.stderr.text


def test_there_are_two_workers_unless_web_concurrency_says_otherwise(start_gunicorn: Start) -> None:
    server = start_gunicorn(WEB_CONCURRENCY="")
    booted = server.stderr.until(r"(?s)Booting worker with pid: (\d+).*Booting worker with pid: (\d+)")
    assert sorted(map(int, booted.groups())) == sorted(server.workers())

    server = start_gunicorn(WEB_CONCURRENCY="1")
    ask(server)
    server.stop()
    assert server.stderr.text.count("Booting worker") == 1


def test_every_descriptor_that_is_allowed_can_be_used(start_gunicorn: Start) -> None:
    server = start_gunicorn()

    soft, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)

    assert soft == hard


def test_nothing_but_the_port_listens_and_nothing_is_written(start_gunicorn: Start, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    server = start_gunicorn(HOME=str(home), XDG_RUNTIME_DIR=str(home))
    ask(server)
    server.stop()

    assert list(home.iterdir()) == []
    assert "ontrol socket" not in server.stderr.text


def test_wrong_settings_end_the_start_with_one_message() -> None:
    ended = start_in_vain(RENT_AUTHORIZATION="maybe", RENT_DEADLINE_SECONDS="10", WEB_CONCURRENCY="0")

    assert ended.returncode != 0
    for name in (
        "RENT_API_KEY and RENT_API_KEY_FILE",
        "RENT_PORTS",
        "RENT_AUTHORIZATION",
        "RENT_DEADLINE_SECONDS",
        "WEB_CONCURRENCY",
    ):
        assert len(re.findall(rf"^  {name}\b", ended.stderr, re.MULTILINE)) == 1
    assert "Traceback" not in ended.stderr
    assert "Booting worker" not in ended.stderr


def test_an_unknown_variable_is_named_once_a_start(start_gunicorn: Start) -> None:
    server = start_gunicorn(RENT_CACHE_SECOND="60", WEB_CONCURRENCY="2")
    server.stderr.until("Booting worker(?s:.*)Booting worker")
    assert ask(server).status == 200
    assert server.stop() == 0

    assert server.stderr.text.count("RENT_CACHE_SECOND is not a setting") == 1
    assert "nearest setting is RENT_CACHE_SECONDS" in server.stderr.text


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "keys"
    file.write_text("secret-key\n")
    return file


def test_a_reload_takes_a_new_key(start_gunicorn: Start, key_file: Path) -> None:
    server = start_gunicorn(RENT_API_KEY="", RENT_API_KEY_FILE=str(key_file), WEB_CONCURRENCY="1")
    assert ask(server).status == 200
    [old] = server.workers()
    key_file.write_text("another-key\n")

    server.process.send_signal(signal.SIGHUP)
    server.stderr.until(rf"Worker exiting \(pid: {old}\)")

    assert ask(server).status == 401
    assert server.stop() == 0


def test_a_reload_with_wrong_settings_keeps_the_workers(start_gunicorn: Start, key_file: Path) -> None:
    server = start_gunicorn(RENT_API_KEY="", RENT_API_KEY_FILE=str(key_file), WEB_CONCURRENCY="1")
    assert ask(server).status == 200
    before = server.workers()
    key_file.write_text("")

    server.process.send_signal(signal.SIGHUP)
    server.stderr.until("holds no key(?s:.*)not reloaded")
    server.process.send_signal(signal.SIGHUP)
    server.stderr.until("not reloaded(?s:.*)not reloaded")

    assert server.workers() == before
    assert ask(server).status == 200


def test_after_a_refused_reload_a_dead_worker_is_replaced_and_sigterm_is_quick(
    start_gunicorn: Start, key_file: Path
) -> None:
    server = start_gunicorn(RENT_API_KEY="", RENT_API_KEY_FILE=str(key_file), WEB_CONCURRENCY="1")
    ask(server)
    key_file.write_text("")
    server.process.send_signal(signal.SIGHUP)
    server.stderr.until("not reloaded")
    key_file.write_text("another-key\n")

    began = time.monotonic()
    os.kill(server.workers()[0], signal.SIGKILL)
    server.stderr.until("not reloaded(?s:.*)Booting worker")
    assert ask(server).status == 401
    assert server.stop() == 0
    assert time.monotonic() - began < 5


def test_a_worker_that_cannot_load_the_service_ends_it(start_gunicorn: Start, key_file: Path) -> None:
    server = start_gunicorn(RENT_API_KEY="", RENT_API_KEY_FILE=str(key_file), WEB_CONCURRENCY="1")
    ask(server)
    key_file.write_text("")

    os.kill(server.workers()[0], signal.SIGKILL)

    assert server.wait() == 4
    assert server.stderr.text.count("holds no key") == 1
    assert "Traceback" not in server.stderr.text
