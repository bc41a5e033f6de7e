"""The whole service: real gunicorn, real HTTP, real pseudo-terminals."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from types import SimpleNamespace

import pytest
from marketplace import ask, counts
from servers import Answer, Server, gunicorn, holder_of_ports

from modem_simulator import (
    PUBLISHED_EXAMPLE,
    SimulatedBank,
    SimulatedModule,
    every_fault_bank,
    live_bank,
)

MARKETPLACE_SECONDS = 10.0

Service = Callable[..., Server]


@pytest.fixture
def serve(start_gunicorn, tmp_path) -> Service:
    def start(bank: SimulatedBank, **variables: str) -> Server:
        runtime = str(tmp_path / "runtime")
        return start_gunicorn("wsgi:app", RENT_PORTS=bank.ports, RENT_RUNTIME_DIR=runtime, **variables)

    return start


def test_the_default_bank_makes_the_published_example(serve):
    with SimulatedBank() as bank:
        answer = ask(serve(bank))
    assert counts(answer) == PUBLISHED_EXAMPLE
    assert [country["country"] for country in json.loads(answer.body)["countryList"]] == ["russia", "ukraine"]


@pytest.fixture(scope="module")
def every_fault(tmp_path_factory) -> Iterator[SimpleNamespace]:
    """A bank with every fault, what one census made of it, and in how many seconds."""
    modules, expected = every_fault_bank()
    given = {"RENT_API_KEY": "secret-key", "RENT_RUNTIME_DIR": str(tmp_path_factory.mktemp("runtime"))}
    with (
        SimulatedBank(modules) as bank,
        gunicorn("wsgi:app", RENT_PORTS=bank.ports, WEB_CONCURRENCY="1", **given) as server,
    ):
        began = time.monotonic()
        answer = ask(server)
        seconds = time.monotonic() - began
        yield SimpleNamespace(bank=bank, answer=answer, expected=expected, seconds=seconds)


def test_live_modules_are_counted_exactly_beside_every_fault(every_fault):
    assert counts(every_fault.answer) == every_fault.expected
    assert every_fault.seconds < MARKETPLACE_SECONDS


def test_a_census_changes_no_setting_of_any_module(every_fault):
    ports = every_fault.bank.stats()["ports"].values()
    assert sum(port["commands"] for port in ports) > 0
    assert not any(port["settings"] for port in ports)


def test_a_bank_of_silent_ports_is_an_empty_success_in_time(serve):
    modules = [replace(module, fault="silent") for module in live_bank(24, 0.005)]
    with SimulatedBank(modules) as bank:
        server = serve(bank)
        began = time.monotonic()
        answer = ask(server)
        assert time.monotonic() - began < MARKETPLACE_SECONDS
    assert json.loads(answer.body) == {"countryList": [], "status": "SUCCESS"}


def test_no_ports_are_an_empty_success(start_gunicorn, tmp_path):
    server = start_gunicorn(
        "wsgi:app", RENT_PORTS=f"{tmp_path}/none*", RENT_RUNTIME_DIR=f"{tmp_path}/runtime"
    )
    assert json.loads(ask(server).body) == {"countryList": [], "status": "SUCCESS"}


def test_thirty_requests_at_once_make_one_census_and_get_one_answer(serve):
    with SimulatedBank(live_bank(16, 0.02)) as bank, ThreadPoolExecutor(30) as callers:
        server = serve(bank, WEB_CONCURRENCY="2")
        answers = list(callers.map(lambda _: ask(server), range(30)))
        assert bank.stats()["totals"]["dialogues"] == 16
    assert {answer.body for answer in answers} == {answers[0].body}
    assert sum(counts(answers[0]).values()) == 16


def test_a_network_without_a_name_is_logged_once_with_the_setting(serve, tmp_path):
    names = tmp_path / "names.toml"
    names.write_text('[operators]\n25078 = "named"\n')
    modules = [
        replace(module, imsi=f"2507{index}0000000001")
        for index, module in zip((7, 8), live_bank(2, 0.0), strict=True)
    ]
    with SimulatedBank(modules) as bank:
        server = serve(bank, RENT_CACHE_SECONDS="0", RENT_NAMES_FILE=str(names))
        for _ in range(2):
            assert counts(ask(server)) == {("russia", "25077"): 1, ("russia", "named"): 1}
        server.stop()
    lines = [line for line in server.stderr.text.splitlines() if "25077" in line]
    assert len(lines) == 1
    assert "RENT_NAMES_FILE" in lines[0]


def test_a_worker_killed_in_mid_census_does_not_harm_the_next_request(serve):
    slow = [replace(module, latency=0.3) for module in live_bank(4, 0.0)]
    with SimulatedBank(slow) as bank, ThreadPoolExecutor(1) as callers:
        server = serve(bank, WEB_CONCURRENCY="2")
        lost = callers.submit(ask, server)
        taking = holder_of_ports(bank, server)
        os.kill(taking, signal.SIGKILL)
        with pytest.raises(ConnectionError):
            lost.result()
        assert sum(counts(ask(server)).values()) == 4


def test_a_stopped_worker_is_named_and_its_census_is_not_answered(serve):
    slow = [replace(module, latency=0.1) for module in live_bank(4, 0.0)]
    with SimulatedBank(slow) as bank, ThreadPoolExecutor(31) as callers:
        server = serve(bank, WEB_CONCURRENCY="2", RENT_DEADLINE_SECONDS="2.5")
        stopped = callers.submit(ask, server)
        worker = holder_of_ports(bank, server)
        os.kill(worker, signal.SIGSTOP)
        assert "ERROR" in ask(server).body.decode()
        answers = list(callers.map(lambda _: ask(server).body.decode(), range(30)))
        os.kill(worker, signal.SIGCONT)
        assert "too late" in stopped.result().body.decode()
        assert sum(counts(ask(server)).values()) == 4
    assert [answer for answer in answers if f"process {worker} " not in answer] == []


def test_reloads_under_a_stream_of_requests_lose_none_and_count_whole(serve):
    with SimulatedBank(live_bank(8, 0.02)) as bank, ThreadPoolExecutor(4) as callers:
        server = serve(bank, RENT_CACHE_SECONDS="0.2", WEB_CONCURRENCY="2")
        server.stderr.until(r"(?s)Booting worker.*Booting worker")
        reloaded = Event()
        streams = [callers.submit(_ask_until, server, reloaded) for _ in range(4)]
        old: set[int] = set()
        try:
            for _ in range(2):
                workers = set(server.workers()) - old
                server.process.send_signal(signal.SIGHUP)
                for worker in workers:
                    server.stderr.until(rf"Worker exiting \(pid: {worker}\)")
                old |= workers
        finally:
            reloaded.set()
        answers = [answer for stream in streams for answer in stream.result()]
    assert len(old) == 4
    assert Counter(sum(counts(answer).values()) for answer in answers) == {8: len(answers)}
    assert len(answers) > 8


def _ask_until(server: Server, reloaded: Event) -> list[Answer]:
    """The answers of one caller who asks again and again, the last time when all is reloaded."""
    answers = []
    while not reloaded.is_set():
        answers.append(ask(server))
    return [*answers, ask(server)]


def test_a_runtime_directory_of_others_is_an_error_and_no_count(start_gunicorn, tmp_path):
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime").chmod(0o777)
    server = start_gunicorn(
        "wsgi:app", RENT_PORTS=f"{tmp_path}/none*", RENT_RUNTIME_DIR=f"{tmp_path}/runtime"
    )
    answer = ask(server)
    document = json.loads(answer.body)
    assert (answer.status, document["status"], document["countryList"]) == (200, "ERROR", [])
    assert "RENT_RUNTIME_DIR" in document["error"]


def test_a_module_is_counted_again_as_soon_as_it_is_mended(serve):
    with SimulatedBank([SimulatedModule("869731054051594", "250990000000001", fault="searching")]) as bank:
        server = serve(bank, RENT_CACHE_SECONDS="0")
        assert counts(ask(server)) == {}
        bank.change("modem000", fault="none")
        assert counts(ask(server)) == {("russia", "beeline"): 1}
