from __future__ import annotations

import math
import os
import re
import shutil
import signal
import subprocess
from dataclasses import replace

import pytest
from disks import fill
from hand_census import HandCensus
from marketplace import BODY, HEADERS, ask
from servers import Server
from streams import reload

from modem_simulator import SimulatedBank, live_bank
from onlinesim_rent.application import create_app
from onlinesim_rent.census.counting import Census, PortReport
from onlinesim_rent.finding import CensusError, Verdict

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


def test_metrics_count_numbers_by_operator_and_ports_by_verdict(client):
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


@pytest.mark.needs("promtool")
def test_metrics_are_as_promtool_wants_them(client):
    client.post("/getServicesRent", data=BODY, headers=HEADERS)
    metrics = client.get("/metrics").data
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=metrics, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_each_port_is_a_metric_if_asked_for(settings, census, client):
    each = create_app(replace(settings, metrics_ports=True), census).test_client()

    assert 'onlinesim_rent_port{port="/dev/ttyUSB0",verdict="silent"} 1.0' in each.get("/metrics").text
    assert "onlinesim_rent_port{" not in client.get("/metrics").text


def port_metrics(settings, *ports: str) -> str:
    reports = tuple(PortReport(port, Verdict.SILENT, "nothing came back", 3.0) for port in ports)
    census = HandCensus(Census(reports, 3.0))
    return create_app(replace(settings, metrics_ports=True), census).test_client().get("/metrics").text


@pytest.mark.parametrize(
    ("port", "shown"),
    [
        (
            "/dev/serial/by-id/usb-Maker_Modem_490154203237518-if00",
            "/dev/serial/by-id/usb-Maker_Modem_…7518-if00",
        ),
        ("/dev/modem-490154203237518", "/dev/modem-…7518"),
        ("pool-1:/dev/modem-490154203237518", "pool-1:/dev/modem-…7518"),
        (
            "/dev/serial/by-path/platform-3f980000.usb-usb-0:1.2:1.0",
            "/dev/serial/by-path/platform-3f980000.usb-usb-0:1.2:1.0",
        ),
        ("socket://10.0.0.1:2000", "socket://10.0.0.1:2000"),
    ],
)
def test_a_ports_metric_shows_no_imei(settings, port, shown):
    assert f'onlinesim_rent_port{{port="{shown}",verdict="silent"}} 1.0' in port_metrics(settings, port)


def test_ports_that_look_alike_without_their_imei_are_counted(settings):
    metrics = port_metrics(settings, "/dev/modem-490154203237518", "/dev/modem-356938035647518")
    series = [line for line in metrics.splitlines() if line.startswith("onlinesim_rent_port{")]
    assert series == ['onlinesim_rent_port{port="/dev/modem-…7518",verdict="silent"} 2.0']


def test_a_census_without_a_port_is_still_seen(settings):
    metrics = create_app(settings, HandCensus(Census((), 0.0))).test_client().get("/metrics").text
    assert "onlinesim_rent_ports{" not in metrics
    assert "\nonlinesim_rent_census_age_seconds 1.5\n" in metrics


AGE = re.compile(r"^onlinesim_rent_last_request_age_seconds (\S+)$", re.MULTILINE)


def age_of_the_last_request(metrics: str) -> float:
    [age] = AGE.findall(metrics)
    return float(age)


def test_the_age_of_the_last_request_is_infinite_until_a_valid_one(client):
    assert age_of_the_last_request(client.get("/metrics").text) == math.inf
    client.post("/getServicesRent", data=BODY, headers={"Authorization": "Bearer wrong"})
    client.post("/getServicesRent", data="not JSON", headers=HEADERS)
    client.get("/healthz")
    assert age_of_the_last_request(client.get("/metrics").text) == math.inf


def test_the_last_valid_request_ages_until_the_next(client):
    client.post("/getServicesRent", data=BODY, headers=HEADERS)
    ages = [age_of_the_last_request(client.get("/metrics").text) for _ in range(20)]
    assert 0 <= ages[0] < ages[-1] < 60
    client.post("/getServicesRent", data=BODY, headers=HEADERS)
    assert age_of_the_last_request(client.get("/metrics").text) < ages[-1]


def test_a_valid_request_is_recorded_even_if_the_census_fails(settings):
    client = create_app(settings, HandCensus(failure=CensusError("no descriptors are left"))).test_client()
    client.post("/getServicesRent", data=BODY, headers=HEADERS)
    assert age_of_the_last_request(client.get("/metrics").text) < 60


def test_a_valid_request_for_all_services_is_recorded_too(settings, census):
    client = create_app(replace(settings, services_url="http://127.0.0.1:1/"), census).test_client()
    client.post("/getServices", data=BODY)
    assert age_of_the_last_request(client.get("/metrics").text) == math.inf
    client.post("/getServices", data=BODY, headers=HEADERS)
    assert age_of_the_last_request(client.get("/metrics").text) < 60


# Several workers


@pytest.fixture
def shared(tmp_path) -> dict[str, str]:
    return {"PROMETHEUS_MULTIPROC_DIR": f"{tmp_path}/counts"}


def test_every_worker_tells_the_same_of_all_workers(start_gunicorn, tmp_path, shared):
    with SimulatedBank(live_bank(3, 0.0)) as bank:
        server = start_gunicorn(
            "wsgi:app",
            RENT_PORTS=bank.ports,
            RENT_RUNTIME_DIR=f"{tmp_path}/runtime",
            WEB_CONCURRENCY="2",
            **shared,
        )
        for _ in range(10):
            assert ask(server).status == 200
        first, second = _metrics_of_two_workers(server)
    for metrics in (first, second):
        assert responses(metrics)["200"] >= 10
        assert age_of_the_last_request(metrics) < 60
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


def counts_on(server: Server) -> float:
    return responses(server.request("GET", "/metrics").body.decode())["200"]


def replace_worker(server: Server) -> None:
    """Kill the worker, and return when another answers."""
    [worker] = server.workers()
    os.kill(worker, signal.SIGKILL)
    server.stderr.until(rf"Booting worker with pid: {worker}(?s:.*)Booting worker")
    assert ask(server).status == 200


def test_reloads_leave_no_metrics_file_and_lose_no_count(start_gunicorn, tmp_path, shared):
    server = start_gunicorn(WEB_CONCURRENCY="2", **shared)
    ask(server)
    for _ in range(2):
        reload(server)
        ask(server)
    # The workers before and after a reload run at the same time; three generations would leave 12 files.
    assert len(list((tmp_path / "counts").iterdir())) <= 2 * 2 * 2
    assert counts_on(server) == 3


def test_a_worker_in_place_of_a_killed_one_counts_on(start_gunicorn, shared):
    server = start_gunicorn(**shared)
    ask(server)
    replace_worker(server)
    assert counts_on(server) == 2


def test_the_worker_counts_privately_without_a_metrics_directory(start_gunicorn, tmp_path):
    server = start_gunicorn(TMPDIR=str(tmp_path))
    ask(server)
    assert counts_on(server) == 1
    assert list(tmp_path.iterdir()) == []


# Nothing that may happen to the counts keeps the service from answering


@pytest.fixture
def one_worker(start_gunicorn, shared) -> Server:
    """A service that has answered once."""
    server = start_gunicorn(**shared)
    assert ask(server).status == 200
    return server


def test_a_removed_metrics_directory_is_made_again(one_worker, tmp_path):
    directory = tmp_path / "counts"
    shutil.rmtree(directory)
    assert ask(one_worker).status == 200
    replace_worker(one_worker)
    assert counts_on(one_worker) == 1
    assert directory.stat().st_mode & 0o777 == 0o700


def test_a_worker_without_a_metrics_directory_counts_privately(one_worker, tmp_path):
    directory = tmp_path / "counts"
    shutil.rmtree(directory)
    directory.touch()
    replace_worker(one_worker)
    assert counts_on(one_worker) == 1
    one_worker.stderr.until(r"not shared with the others: \[Errno 17\]")
    assert one_worker.stderr.text.count("not shared with the others: [Errno 17]") == 1


def test_a_worker_that_starts_on_a_full_disk_counts_privately(start_gunicorn, disk):
    fill(disk, 8192)
    server = start_gunicorn(PROMETHEUS_MULTIPROC_DIR=f"{disk}/counts")
    assert ask(server).status == 200
    assert counts_on(server) == 1
    server.stderr.until(r"not shared with the others: \[Errno 28\]")
    assert "SIGBUS" not in server.stderr.text
    # An empty file would be an error of every other worker's /metrics.
    assert list(disk.glob("*/*.db")) == []
