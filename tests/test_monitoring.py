from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from disks import fill
from hand_census import HandCensus
from marketplace import BODY, HEADERS, ask
from servers import PROJECT, Server, command, environment

from onlinesim_rent import create_app
from onlinesim_rent.errors import CensusError
from onlinesim_rent.simulator import SimulatedBank, live_bank

COUNT = re.compile(r'^onlinesim_rent_responses_total\{status="(\d+)"\} (\S+)$', re.MULTILINE)


def responses(metrics: str) -> dict[str, float]:
    return {status: float(number) for status, number in COUNT.findall(metrics)}


def test_healthz_says_ok_while_censuses_can_be_taken(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_healthz_names_the_reason_why_the_last_census_failed(settings):
    failing = HandCensus(failure=CensusError("no descriptors are left"))
    answer = create_app(settings, failing).test_client().get("/healthz")
    assert (answer.status_code, answer.text) == (503, "no descriptors are left\n")


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_neither_page_takes_a_census(client, census, path):
    client.get(path)
    assert census.deadlines == []


def test_metrics_tell_the_numbers_by_country_and_operator_and_the_ports_by_verdict(client):
    metrics = client.get("/metrics").text
    assert 'onlinesim_rent_available{country="russia",operator="beeline"} 9.0' in metrics
    assert 'onlinesim_rent_ports{verdict="available"} 40.0' in metrics
    assert 'onlinesim_rent_ports{verdict="silent"} 1.0' in metrics
    assert "onlinesim_rent_census_seconds 3.0" in metrics
    assert "onlinesim_rent_census_age_seconds 1.5" in metrics
    assert "onlinesim_rent_census_failed 0.0" in metrics


def test_metrics_count_responses_by_status(client):
    before = responses(client.get("/metrics").text)
    client.post("/getServicesRent", data=BODY, headers=HEADERS)
    client.post("/getServicesRent", data=BODY)
    client.get("/nowhere")
    after = responses(client.get("/metrics").text)
    changes = {status: number - before.get(status, 0.0) for status, number in after.items()}
    # The first of the two readings is counted by the second.
    assert changes == {"200": 2.0, "401": 1.0, "404": 1.0}


def test_metrics_are_as_promtool_wants_them(client):
    client.post("/getServicesRent", data=BODY, headers=HEADERS)
    metrics = client.get("/metrics").data
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=metrics, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_every_worker_tells_the_same_of_all_workers(start_gunicorn, tmp_path):
    with SimulatedBank(live_bank(3, 0.0)) as bank:
        server = start_gunicorn(
            "wsgi:app", RENT_PORTS=bank.ports, RENT_RUNTIME_DIR=f"{tmp_path}/runtime", WEB_CONCURRENCY="2"
        )
        for _ in range(10):
            assert ask(server).status == 200
        first, second = _metrics_of_two_workers(server)
    for metrics in (first, second):
        assert responses(metrics)["200"] >= 10
        assert 'onlinesim_rent_ports{verdict="available"} 3.0' in metrics


def _metrics_of_two_workers(server) -> list[str]:
    """What each worker says while the other is stopped."""
    pages = []
    for stopped in server.workers():
        os.kill(stopped, signal.SIGSTOP)
        try:
            pages.append(server.request("GET", "/metrics").body.decode())
        finally:
            os.kill(stopped, signal.SIGCONT)
    return pages


def test_the_directory_of_counts_is_gone_when_the_service_has_ended(start_gunicorn, tmp_path):
    server = start_gunicorn("hand_wsgi:app", TMPDIR=str(tmp_path))
    ask(server)  # a worker that has not begun its work may miss the word to end
    assert [path.name.startswith("onlinesim-rent-metrics-") for path in tmp_path.iterdir()] == [True]
    server.process.send_signal(signal.SIGTERM)
    server.wait()
    assert list(tmp_path.iterdir()) == []


def test_a_start_that_fails_leaves_no_directory_of_counts(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        failed = subprocess.run(
            command("hand_wsgi:app"),
            cwd=PROJECT,
            env=environment(
                RENT_API_KEY="secret-key",
                RENT_PORTS="/nowhere",
                RENT_BIND=f"127.0.0.1:{taken.getsockname()[1]}",
                TMPDIR=str(tmp_path),
            ),
            capture_output=True,
            check=False,
        )
    assert failed.returncode != 0
    assert list(tmp_path.iterdir()) == []


# Nothing that may happen to the counts keeps the service from answering


@pytest.fixture
def one_worker(start_gunicorn, tmp_path) -> Server:
    """A service that has answered once, and keeps its counts below tmp_path."""
    server = start_gunicorn(TMPDIR=str(tmp_path))
    assert ask(server).status == 200
    return server


def replace_worker(server: Server) -> None:
    """Kill the worker, and return when another answers."""
    [worker] = server.workers()
    os.kill(worker, signal.SIGKILL)
    server.stderr.until(rf"Booting worker with pid: {worker}(?s:.*)Booting worker")
    assert ask(server).status == 200


def counts_of(tmp_path: Path) -> Path:
    [directory] = tmp_path.iterdir()
    return directory


def test_a_directory_of_counts_that_is_removed_is_made_again_for_the_next_worker(one_worker, tmp_path):
    directory = counts_of(tmp_path)
    shutil.rmtree(directory)
    assert ask(one_worker).status == 200
    replace_worker(one_worker)
    assert responses(one_worker.request("GET", "/metrics").body.decode())["200"] == 1
    assert directory.stat().st_mode & 0o777 == 0o700


def test_where_there_can_be_no_directory_of_counts_a_worker_counts_apart(one_worker, tmp_path):
    directory = counts_of(tmp_path)
    shutil.rmtree(directory)
    directory.touch()
    replace_worker(one_worker)
    assert responses(one_worker.request("GET", "/metrics").body.decode())["200"] == 1
    assert one_worker.stderr.text.count("counted apart from the others': [Errno 20]") == 1


def test_a_reload_needs_no_directory_of_counts(one_worker, tmp_path):
    shutil.rmtree(counts_of(tmp_path))
    [worker] = one_worker.workers()
    one_worker.process.send_signal(signal.SIGHUP)
    one_worker.stderr.until(rf"Worker exiting \(pid: {worker}\)")
    assert responses(one_worker.request("GET", "/metrics").body.decode()) == {"200": 0}


def test_a_temporary_directory_that_is_none_only_parts_the_counts(start_gunicorn, tmp_path):
    server = start_gunicorn(TMPDIR=f"{tmp_path}/nowhere")
    assert ask(server).status == 200
    assert responses(server.request("GET", "/metrics").body.decode())["200"] == 1
    assert server.stop() == 0
    assert "apart from the others: [Errno 2]" in server.stderr.text


def test_a_worker_that_starts_on_a_full_disk_counts_apart_and_serves(start_gunicorn, disk):
    server = start_gunicorn(TMPDIR=str(disk))
    assert ask(server).status == 200
    fill(disk, 0)
    replace_worker(server)
    assert responses(server.request("GET", "/metrics").body.decode())["200"] >= 1
    assert "counted apart from the others': [Errno 28]" in server.stderr.text
    assert "SIGBUS" not in server.stderr.text
    # An empty file would be an error of every other worker's /metrics.
    assert all(counts.stat().st_size for counts in disk.glob("*/*.db"))
