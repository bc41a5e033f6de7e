"""The life of the service: its end, reloads, a worker's death, full disks, wrong clocks. Real processes."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection
from pathlib import Path

import pytest
from disks import fill
from marketplace import ask, counts
from servers import PATIENCE_SECONDS, Server, environment, holder_of_ports
from streams import reload, stream

from modem_simulator import SimulatedBank, live_bank

BEELINE = ["25099"]
KEY_AND_BODY = {"key": "secret-key"}


@pytest.fixture
def bank():
    with SimulatedBank(live_bank(4, 0.005, BEELINE)) as bank:
        yield bank


@pytest.fixture
def serve(start_gunicorn, tmp_path):
    def start(bank: SimulatedBank, **variables: str) -> Server:
        given = {"RENT_RUNTIME_DIR": f"{tmp_path}/runtime", "RENT_CACHE_SECONDS": "0"} | variables
        return start_gunicorn("wsgi:app", RENT_PORTS=bank.ports, **given)

    return start


def health(server: Server) -> tuple[int, str]:
    answer = server.request("GET", "/healthz")
    return answer.status, answer.body.decode()


# Its end


def test_sigterm_during_a_census_lets_the_request_be_answered_first(serve):
    slow = [replace(module, latency=0.2) for module in live_bank(4, 0.0, BEELINE)]
    with SimulatedBank(slow) as bank, ThreadPoolExecutor(1) as callers:
        server = serve(bank)
        asked = callers.submit(ask, server)
        holder_of_ports(bank, server)
        server.process.send_signal(signal.SIGTERM)
        assert counts(asked.result()) == {("russia", "beeline"): 4}
        assert server.wait() == 0
    assert "Traceback" not in server.stderr.text


def test_sigterm_does_not_wait_for_idle_clients(serve, bank):
    # Longer than a test waits for the end.
    server = serve(bank, GUNICORN_CMD_ARGS=f"--graceful-timeout {2 * PATIENCE_SECONDS} --keep-alive 75")
    ask(server)
    with socket.create_connection(("127.0.0.1", server.port)) as idle:
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(4096).startswith(b"HTTP/1.1 200")
        assert server.stop() == 0


# Reloads


@pytest.fixture
def names(tmp_path) -> Path:
    file = tmp_path / "names.toml"
    file.write_text('[countries]\nRU = "before"\n')
    return file


def test_a_reload_reads_the_names_file_again_and_loses_no_request(serve, bank, names):
    server = serve(bank, RENT_NAMES_FILE=str(names))
    assert counts(ask(server)) == {("before", "beeline"): 4}
    with stream(server, **KEY_AND_BODY) as answers:
        names.write_text('[countries]\nRU = "after"\n')
        reload(server)
        assert counts(ask(server)) == {("after", "beeline"): 4}
    assert set(answers) == {200}
    # Every census on the way was whole, whichever worker took it.
    assert set(re.findall(r"census: (.*) ports available", server.stderr.text)) == {"4 of 4"}


def test_a_reload_with_a_broken_names_file_keeps_the_old_workers(serve, bank, names):
    # Gunicorn waits so long, after a reload, for workers that are to end.
    server = serve(
        bank,
        RENT_NAMES_FILE=str(names),
        WEB_CONCURRENCY="1",
        GUNICORN_CMD_ARGS="--graceful-timeout 1",
    )
    ask(server)
    workers = server.workers()
    names.write_text("[countries\n")
    server.process.send_signal(signal.SIGHUP)
    server.stderr.until(rf"{re.escape(str(names))}(?s:.*)not reloaded")
    assert counts(ask(server)) == {("before", "beeline"): 4}
    assert server.workers() == workers

    names.write_text('[countries]\nRU = "after"\n')
    server.process.send_signal(signal.SIGHUP)
    for worker in workers:
        server.stderr.until(rf"Worker exiting \(pid: {worker}\)")
    assert counts(ask(server)) == {("after", "beeline"): 4}


# A worker's death


def test_a_killed_worker_is_replaced_and_the_answer_stays_right(serve, bank):
    server = serve(bank, WEB_CONCURRENCY="2")
    server.stderr.until(r"(?s)Booting worker.*Booting worker")
    first = server.workers()
    os.kill(first[0], signal.SIGKILL)
    assert counts(ask(server)) == {("russia", "beeline"): 4}
    # The new worker may write its line before the master tells of the signal.
    booted = server.stderr.until(r"(?s)(?:Booting worker.*){2}Booting worker with pid: (\d+)")
    assert set(server.workers()) == {first[1], int(booted[1])}
    assert counts(ask(server)) == {("russia", "beeline"): 4}


# A log that nobody reads


REQUESTS = 2000
"""Their lines are more than a pipe holds and the service keeps; half of them are more than a pipe holds."""


@pytest.fixture
def unread(start_gunicorn) -> Iterator[Server]:
    """A service that has answered, and whose log nobody reads until the test does."""
    server = start_gunicorn()
    ask(server)
    for log in (server.stdout, server.stderr):
        log.pause()
    yield server
    for log in (server.stdout, server.stderr):
        log.resume()


def ask_in_vain(server: Server, requests: int) -> list[int]:
    """The statuses of requests without a key; each is a line on stdout and one on stderr."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    with closing(connection):
        statuses = []
        for _ in range(requests):
            connection.request("POST", "/getServicesRent", "{}")
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)
    return statuses


def test_a_log_that_nobody_reads_stops_no_answer_and_is_reported(unread):
    assert ask_in_vain(unread, REQUESTS) == [401] * REQUESTS
    for log in (unread.stdout, unread.stderr):
        log.resume()
    more = 0
    while not all("were dropped" in log.text for log in (unread.stdout, unread.stderr)):
        unread.request("POST", "/getServicesRent", "{}")
        more += 1
        assert more < REQUESTS
    assert unread.stop() == 0
    for log in (unread.stdout, unread.stderr):
        dropped = re.findall(
            r"(\d+) log lines were dropped, because nobody read the log$", log.text, re.MULTILINE
        )
        lines = re.findall(r" 401 (?:\d|to )", log.text)
        assert len(lines) + sum(map(int, dropped)) == REQUESTS + more


def test_a_log_that_nobody_reads_does_not_delay_the_end(unread):
    ask_in_vain(unread, REQUESTS // 2)
    unread.process.send_signal(signal.SIGTERM)
    assert unread.process.wait(PATIENCE_SECONDS) == 0


def test_a_log_that_nobody_reads_does_not_hold_up_a_refused_reload(serve, bank, names):
    server = serve(bank, RENT_NAMES_FILE=str(names))
    ask(server)
    server.stderr.pause()
    try:
        ask_in_vain(server, REQUESTS // 2)
        names.write_text("[countries\n")
        for number in (signal.SIGHUP, signal.SIGTERM):
            server.process.send_signal(number)
        assert server.process.wait(PATIENCE_SECONDS) == 0
    finally:
        server.stderr.resume()


# Disks


def assert_is_our_error(server: Server, reason: str) -> None:
    """The answer and /healthz tell the reason; /metrics tells of it, and nothing tells a count."""
    answer = ask(server)
    document = json.loads(answer.body)
    assert (answer.status, document["status"], document["countryList"]) == (200, "ERROR", [])
    assert "RENT_RUNTIME_DIR" in document["error"]
    assert reason in document["error"]
    assert health(server) == (503, f"{document['error']}\n")
    metrics = server.request("GET", "/metrics")
    assert metrics.status == 200
    assert b"onlinesim_rent_census_failed 1.0" in metrics.body


def assert_is_well(server: Server, numbers: int) -> None:
    assert counts(ask(server)) == {("russia", "beeline"): numbers}
    assert health(server) == (200, "ok\n")


# 8 KiB hold a text of what has failed, but no census of 60 ports.
@pytest.mark.parametrize("left", [0, 8192])
def test_a_full_disk_is_an_error_and_no_count_until_there_is_room(serve, disk, left):
    with SimulatedBank(live_bank(60, 0.0, BEELINE)) as bank:
        server = serve(bank, RENT_RUNTIME_DIR=f"{disk}/runtime", WEB_CONCURRENCY="1")
        assert_is_well(server, 60)
        filler = fill(disk, left)
        assert_is_our_error(server, "No space left on device")
        filler.unlink()
        assert_is_well(server, 60)
        server.stop()
    assert "Traceback" not in server.stderr.text


def test_a_read_only_disk_is_an_error_and_never_a_count(serve, bank, disk):
    server = serve(bank, RENT_RUNTIME_DIR=f"{disk}/runtime")
    assert_is_well(server, 4)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    assert_is_our_error(server, "Read-only file system")
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    assert_is_well(server, 4)


def test_a_limit_on_file_sizes_is_an_error_and_never_a_count(serve, bank):
    server = serve(bank)
    assert_is_well(server, 4)
    [worker] = server.workers()
    _, hard = resource.prlimit(worker, resource.RLIMIT_FSIZE)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (0, hard))
    assert_is_our_error(server, "File too large")
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (hard, hard))
    assert_is_well(server, 4)


def test_an_impossible_runtime_directory_is_an_error_on_every_page(serve, bank, tmp_path):
    (tmp_path / "file").touch()
    server = serve(bank, RENT_RUNTIME_DIR=f"{tmp_path}/file/runtime")
    assert_is_our_error(server, "Not a directory")


# The clock

# What Python runs at every start (site), in each process of the server. Debian's libfaketime would do it
# below Python, but its version 0.9.10 breaks Python 3.11's time.sleep (wolfcw/libfaketime#426).
SITECUSTOMIZE = """
import time

real = {name: getattr(time, name) for name in ("time", "time_ns", "clock_gettime", "clock_gettime_ns")}


def offset():
    with open(FILE) as file:
        return float(file.read())


def is_wall(clock):
    return clock == time.CLOCK_REALTIME


time.time = lambda: real["time"]() + offset()
time.time_ns = lambda: real["time_ns"]() + int(offset() * 1e9)
time.clock_gettime = lambda clock: real["clock_gettime"](clock) + is_wall(clock) * offset()
time.clock_gettime_ns = lambda clock: real["clock_gettime_ns"](clock) + is_wall(clock) * int(offset() * 1e9)
"""


class WallClock:
    """The wall clock of a server's processes, so many seconds off; the clocks that count up go on as ever."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "offset"
        self.set(0)
        (directory / "sitecustomize.py").write_text(SITECUSTOMIZE.replace("FILE", repr(str(self._file))))
        paths = [str(directory), environment()["PYTHONPATH"]]
        self.variables = {"PYTHONPATH": os.pathsep.join(paths)}

    def set(self, seconds: float) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self._file)


@pytest.fixture
def wall_clock(tmp_path) -> WallClock:
    return WallClock(tmp_path)


@pytest.mark.parametrize("step", [-3600, 3600])
def test_a_clock_that_steps_an_hour_makes_no_fresh_census_stale(serve, bank, wall_clock, step):
    server = serve(bank, RENT_CACHE_SECONDS="60", **wall_clock.variables)
    first = ask(server)
    wall_clock.set(step)
    again = ask(server)
    dates = [parsedate_to_datetime(answer.headers["Date"]) for answer in (first, again)]
    assert (dates[1] - dates[0]).total_seconds() == pytest.approx(step, abs=PATIENCE_SECONDS)
    assert again.body == first.body
    assert bank.stats()["totals"]["dialogues"] == 4


def test_a_clock_that_steps_back_makes_no_stale_census_fresh(serve, bank, wall_clock):
    server = serve(bank, RENT_CACHE_SECONDS="1", **wall_clock.variables)
    ask(server)
    began = time.monotonic()
    while bank.stats()["totals"]["dialogues"] == 4:
        passed = time.monotonic() - began
        assert passed < PATIENCE_SECONDS, "a census of one second is still served after two minutes"
        # As if no time had passed.
        wall_clock.set(-passed)
        ask(server)
    assert time.monotonic() - began > 0.9
