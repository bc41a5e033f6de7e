from __future__ import annotations

import gc
import gzip
import json
import os
import re
import resource
import runpy
import select
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import parse_headers
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pytest
import servers
from hand_census import HandCensus
from helpers import with_capabilities
from marketplace import BODY, HEADERS, PATH, ask
from servers import PATIENCE_SECONDS, PROJECT, command, environment, gunicorn

from modem_simulator import SimulatedBank, SimulatedModule
from onlinesim_rent.application import create_app
from onlinesim_rent.serving.request_log import KNOWN_PATHS
from onlinesim_rent.serving.worker import LARGEST_HEAD, is_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hand_census import HandCensus
    from servers import Server

    from onlinesim_rent.settings import Settings

    Start = Callable[..., Server]

GIVEN = {"RENT_API_KEY": "secret-key", "RENT_PORTS": "/dev/ttyUSB*", "WEB_CONCURRENCY": "1"}


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    """One for the tests that leave it as it was."""
    with gunicorn("hand_wsgi:app", **GIVEN) as server:
        yield server


@pytest.fixture(scope="module")
def one_thread() -> Iterator[Server]:
    """One whose only thread has answered."""
    with gunicorn("hand_wsgi:app", GUNICORN_CMD_ARGS="--threads 1", **GIVEN) as server:
        ask(server)
        yield server


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


def test_thirty_requests_at_once_are_answered_packed(shared: Server) -> None:
    with ThreadPoolExecutor(30) as marketplace:
        answers = list(marketplace.map(lambda _: ask(shared, **{"Accept-Encoding": "gzip"}), range(30)))

    assert {answer.status for answer in answers} == {200}
    assert {gzip.decompress(answer.body) for answer in answers} == {ask(shared).body}


def test_a_chunked_body_is_read_and_limited(shared: Server) -> None:
    assert shared.request("POST", PATH, iter([BODY.encode()]), HEADERS).status == 200
    too_large = shared.request("POST", PATH, iter([b" " * 8192] * 3), HEADERS)
    assert too_large.status == 413
    assert json.loads(too_large.body)["status"] == "ERROR"


def test_other_paths_and_methods_are_errors_of_the_contract(shared: Server) -> None:
    for method, path, status in (("GET", "/nowhere", 404), ("GET", PATH, 405), ("OPTIONS", PATH, 405)):
        answer = shared.request(method, path)
        assert answer.status == status
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        assert json.loads(answer.body)["status"] == "ERROR"


def test_an_access_line_tells_who_asked_and_no_secret(start_gunicorn: Start) -> None:
    server = start_gunicorn()

    server.request("POST", f"{PATH}?key=secret-key", BODY, HEADERS | {"X-Forwarded-For": "192.0.2.7"})
    server.request("GET", "/healthz", None, {"X-Forwarded-For": '1"2\xff'})
    server.stop()

    [served, forged] = sorted(server.stdout.text.splitlines(), key=lambda line: "GET" in line)
    assert re.fullmatch(
        r'\[.+\] 127\.0\.0\.1 "192\.0\.2\.7" "POST /getServicesRent HTTP/1\.1" 200 \d+ \d+\.\d{6}', served
    )
    assert r'"1\"2\xff" "GET /healthz HTTP/1.1" 200' in forged
    assert "secret" not in server.stdout.text + server.stderr.text


@pytest.mark.parametrize(
    ("method", "path", "logged"),
    [
        ("POST", f"{PATH}/secret-key", "POST (unknown path)"),
        ("POST", "/secret-key", "POST (unknown path)"),
        ("GET", "/a%0A1.2.3.4%22%FF", "GET (unknown path)"),
        ("SECRET-KEY", PATH, f"(unknown method) {PATH}"),
    ],
)
def test_a_path_that_is_not_served_is_logged_by_its_kind(
    shared: Server, method: str, path: str, logged: str
) -> None:
    told = len(shared.stdout.text)

    shared.request(method, path, BODY, HEADERS)

    shared.stdout.until(re.escape(f'"{logged} HTTP/1.1" 40'), after=told)
    assert "secret" not in (shared.stdout.text + shared.stderr.text).lower()


def test_the_paths_that_are_logged_are_those_that_are_served(
    every_route: Settings, census: HandCensus
) -> None:
    assert {rule.rule for rule in create_app(every_route, census).url_map.iter_rules()} == KNOWN_PATHS


def test_a_refusal_is_one_line_on_stderr(start_gunicorn: Start) -> None:
    server = start_gunicorn()

    server.request("POST", PATH, BODY, {"Authorization": "Bearer secret-kex"})
    server.stop()

    [line] = [line for line in server.stderr.text.splitlines() if "RENT_AUTHORIZATION" in line]
    assert "[WARNING] 401 to 127.0.0.1: " in line
    assert "secret" not in server.stdout.text + server.stderr.text


def test_what_a_client_says_of_a_proxy_changes_nothing(shared: Server) -> None:
    answer = ask(
        shared,
        **{"X-Forwarded-Proto": "http", "X-Forwarded-Ssl": "on", "Script_Name": "/x", "Path_Info": "/x"},
    )

    assert answer.status == 200


HEAD = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret-key\r\n"


@contextmanager
def clients(server: Server, number: int, beginning: str) -> Iterator[list[socket.socket]]:
    """Connections that have sent the beginning of a request, and send no more by themselves."""
    with ExitStack() as stack:
        connections = []
        for _ in range(number):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS)
            connections.append(stack.enter_context(connection))
            connection.sendall(beginning.encode())
        yield connections


@pytest.mark.parametrize("beginning", ["", HEAD[:20], HEAD], ids=["silent", "half a line", "half a head"])
def test_a_hundred_clients_that_stall_take_no_thread(one_thread: Server, beginning: str) -> None:
    told = len(one_thread.stderr.text)
    with clients(one_thread, 100, beginning) as connections:
        assert ask(one_thread).status == 200
        for connection in connections:
            assert connection.recv(1) == b""

    one_thread.stderr.until(r"closed \d+ connections that sent no complete head within 5 s", after=told)


def test_a_head_has_one_bound_however_it_drips(one_thread: Server) -> None:
    with clients(one_thread, 8, HEAD) as connections:
        drips = 0
        while not select.select(connections, [], [], 0.5)[0]:
            for connection in connections:
                connection.sendall(b"x")
            drips += 1
            # A bound on each byte alone would let them drip on.
            assert drips <= 2 * PATIENCE_SECONDS
            assert ask(one_thread).status == 200


def test_a_body_has_one_bound_however_it_drips(shared: Server) -> None:
    ask(shared)

    with clients(shared, 1, f"{HEAD}Content-Length: 999\r\n\r\n{{") as [connection]:
        drips = 0
        while not select.select([connection], [], [], 0.5)[0]:
            connection.sendall(b" ")
            drips += 1
            assert drips <= 2 * PATIENCE_SECONDS
        assert connection.recv(12) == b"HTTP/1.1 400"
    assert "Traceback" not in shared.stderr.text


def read_answer(stream: BinaryIO) -> tuple[int, str]:
    """The next answer's status codes; http.client would read ahead, and so throw away the one after it."""
    status = int(stream.readline().split()[1])
    headers = parse_headers(stream)
    return status, json.loads(stream.read(int(headers["Content-Length"])))["status"]


def test_a_request_in_pieces_is_answered_and_so_is_the_next(shared: Server) -> None:
    whole = f"{HEAD}Content-Length: {len(BODY)}\r\n\r\n{BODY}"

    with clients(shared, 1, "") as [connection], connection.makefile("rb") as answers:
        for request in (whole, whole, whole):
            for piece in (request[:30], request[30:-60], request[-60:]):
                connection.sendall(piece.encode())
                # Lets the server see the piece alone.
                assert shared.request("GET", "/healthz").status == 200
            assert read_answer(answers) == (200, "SUCCESS")


def test_two_requests_sent_at_once_are_answered_in_turn(shared: Server) -> None:
    whole = f"{HEAD}Content-Length: {len(BODY)}\r\n\r\n{BODY}"

    with clients(shared, 1, whole * 2) as [connection], connection.makefile("rb") as answers:
        for _ in range(2):
            assert read_answer(answers) == (200, "SUCCESS")


def test_half_a_head_behind_a_request_is_closed_without_a_traceback(start_gunicorn: Start) -> None:
    server = start_gunicorn()
    whole = f"{HEAD}Content-Length: {len(BODY)}\r\n\r\n{BODY}"

    with clients(server, 1, whole + HEAD[:20]) as [connection]:
        while connection.recv(4096):
            pass

    server.stderr.until("closed a connection whose request did not arrive in time")
    assert "Traceback" not in server.stderr.text


@pytest.mark.parametrize(
    ("head", "whole"),
    [
        (b"", False),
        (b"GET / HTTP/1.1\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n{}", True),
        # What gunicorn refuses at once.
        (b"GET / HTTP/1.1\nHost: x\n\n", True),
        (b"x" * (LARGEST_HEAD + 1), True),
    ],
)
def test_a_head_is_whole_at_its_empty_line(head: bytes, whole: bool) -> None:  # noqa: FBT001
    assert is_whole(head) is whole


def test_one_worker_can_hold_the_marketplaces_thirty_requests(start_gunicorn: Start, tmp_path: Path) -> None:
    with SimulatedBank([SimulatedModule("869731054051594", "250990000000001", fault="silent")]) as bank:
        server = start_gunicorn(
            "wsgi:app", RENT_PORTS=bank.ports, RENT_RUNTIME_DIR=f"{tmp_path}/runtime", RENT_CACHE_SECONDS="60"
        )
        with ThreadPoolExecutor(30) as marketplace:
            answers = list(marketplace.map(lambda _: ask(server), range(30)))
    assert {answer.status for answer in answers} == {200}
    [census] = re.findall("census: .*", server.stderr.text)
    assert census.startswith("census: 0 of 1 ports available")


def test_there_are_two_workers_unless_web_concurrency_says_otherwise(start_gunicorn: Start) -> None:
    server = start_gunicorn(WEB_CONCURRENCY="")
    booted = server.stderr.until(r"(?s)Booting worker with pid: (\d+).*Booting worker with pid: (\d+)")
    assert sorted(map(int, booted.groups())) == sorted(server.workers())

    server = start_gunicorn(WEB_CONCURRENCY="1")
    ask(server)
    server.stop()
    assert server.stderr.text.count("Booting worker") == 1


def test_every_descriptor_that_is_allowed_can_be_used(shared: Server) -> None:
    soft, hard = resource.prlimit(shared.process.pid, resource.RLIMIT_NOFILE)

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


@pytest.mark.needs("root", "setpriv")
def test_note_24_the_log_says_once_what_cannot_be_seen(
    start_gunicorn: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ordinary = [*with_capabilities(user=0), *command("wsgi:app")]
    monkeypatch.setattr(servers, "command", lambda _: ordinary)
    server = start_gunicorn("wsgi:app", WEB_CONCURRENCY="2", RENT_RUNTIME_DIR=f"{tmp_path}/runtime")
    assert ask(server).status == 200
    assert server.stop() == 0
    assert server.stderr.text.count("cannot see whether another user's program holds a port") == 1


PATCHED = """
import select

del select.epoll
"""


def test_a_server_without_epoll_ends_the_start_with_one_sentence(tmp_path: Path) -> None:
    # As gevent's monkey-patching does to a worker; Python runs this file at each start (site).
    (tmp_path / "sitecustomize.py").write_text(PATCHED)
    paths = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])

    ended = start_in_vain(RENT_API_KEY="secret-key", RENT_PORTS="/dev/ttyUSB*", PYTHONPATH=paths)

    assert ended.returncode != 0
    assert ended.stderr.count("not with gevent or eventlet") == 1
    assert "Traceback" not in ended.stderr


def test_a_worker_class_like_gevent_ends_the_start_with_one_sentence() -> None:
    ended = start_in_vain(
        RENT_API_KEY="secret-key",
        RENT_PORTS="/dev/ttyUSB*",
        GUNICORN_CMD_ARGS="--worker-class gunicorn.workers.base_async.AsyncWorker",
    )

    assert ended.returncode == 1
    assert ended.stderr.count("use the worker class of gunicorn.conf.py") == 1
    assert "Traceback" not in ended.stderr


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


def test_a_refused_reload_delays_neither_a_new_worker_nor_the_end(
    start_gunicorn: Start, key_file: Path
) -> None:
    server = start_gunicorn(
        RENT_API_KEY="",
        RENT_API_KEY_FILE=str(key_file),
        # Longer than a test waits for the end.
        GUNICORN_CMD_ARGS=f"--graceful-timeout {2 * PATIENCE_SECONDS}",
    )
    ask(server)
    key_file.write_text("")
    server.process.send_signal(signal.SIGHUP)
    server.stderr.until("not reloaded")
    key_file.write_text("another-key\n")

    os.kill(server.workers()[0], signal.SIGKILL)
    server.stderr.until("not reloaded(?s:.*)Booting worker")
    assert ask(server).status == 401
    assert server.stop() == 0


def test_a_worker_that_cannot_load_the_service_ends_it(start_gunicorn: Start, key_file: Path) -> None:
    server = start_gunicorn(RENT_API_KEY="", RENT_API_KEY_FILE=str(key_file), WEB_CONCURRENCY="1")
    ask(server)
    key_file.write_text("")

    os.kill(server.workers()[0], signal.SIGKILL)

    assert server.wait() == 4
    assert server.stderr.text.count("holds no key") == 1
    assert "Traceback" not in server.stderr.text


def test_a_worker_never_collects_the_applications_own_objects():
    post_worker_init = runpy.run_path(str(PROJECT / "gunicorn.conf.py"))["post_worker_init"]
    try:
        post_worker_init(None)
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
