"""The alert rules and the dashboard for Prometheus, against the metrics of the real service."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml
from hand_census import RUSSIA_AND_UKRAINE, HandCensus, census_of
from marketplace import BODY, HEADERS, ask
from prometheus_client.parser import text_string_to_metric_families
from servers import PATIENCE_SECONDS, PROJECT, Lines, environment

from modem_simulator import SimulatedBank, live_bank
from onlinesim_rent.application import create_app
from onlinesim_rent.census.host_report import HostReport, HostState

PROMETHEUS = PROJECT / "deploy/prometheus"
RULES = [
    rule
    for group in yaml.safe_load((PROMETHEUS / "onlinesim-rent.rules.yml").read_text())["groups"]
    for rule in group["rules"]
]
PANELS = json.loads((PROMETHEUS / "grafana-dashboard.json").read_text())["panels"]
PAGE = (PROJECT / "docs/monitoring.md").read_text()

OF_OTHERS = {"up", "probe_ssl_earliest_cert_expiry", "probe_success"}
"""Prometheus' own metric, and the blackbox exporter's."""


def panel_expressions() -> list[str]:
    return [
        target["expr"].replace("$instance", ".*") for panel in PANELS for target in panel.get("targets", ())
    ]


EXPRESSIONS = [*(rule["expr"] for rule in RULES), *panel_expressions()]


@pytest.fixture
def metrics(settings) -> dict[str, set[str]]:
    """The labels of each metric of the real page, where all are switched on."""
    hosts = (HostReport("pool-1", HostState.ANSWERED), HostReport("pool-2", HostState.LATE, "no answer"))
    census = HandCensus(replace(census_of(RUSSIA_AND_UKRAINE), hosts=hosts))
    client = create_app(replace(settings, metrics_ports=True), census).test_client()
    client.post("/getServicesRent", data=BODY, headers=HEADERS)
    labels: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    return labels


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_uses_metrics_and_labels_that_exist(expression, metrics):
    used = set(re.findall(r"\b(onlinesim_rent_\w+|up|probe_\w+)", expression))
    known = set().union(*(metrics[name] for name in used - OF_OTHERS)) | {"instance", "job"}
    inside = " ".join(re.findall(r"\{(.*?)\}", expression))
    labels = set(re.findall(r"(\w+)\s*[=!]", inside))
    labels |= {
        name for names in re.findall(r"\b(?:by|on) \((.*?)\)", expression) for name in names.split(", ")
    }
    assert used
    assert used <= metrics.keys() | OF_OTHERS
    assert labels <= known


def test_the_page_lists_the_metrics_with_their_labels(metrics):
    rows = re.findall(r"^\| `(onlinesim_rent_\w+)` \| (.*?) \|", PAGE, re.MULTILINE)
    assert {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows} == metrics


def test_the_page_lists_the_alerts():
    assert re.findall(r"^\| `(OnlinesimRent\w+)`", PAGE, re.MULTILINE) == [rule["alert"] for rule in RULES]


def test_every_alert_says_what_it_means_and_what_to_do():
    for rule in RULES:
        assert rule["annotations"].keys() == {"summary", "description"}
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["for"]


def test_the_example_names_the_module_that_is_shipped():
    shipped = yaml.safe_load((PROMETHEUS / "blackbox.yml").read_text())["modules"]
    jobs = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    named = {module for job in jobs for module in job.get("params", {}).get("module", ())}
    assert named == shipped.keys()


def test_the_rules_watch_the_jobs_of_the_example():
    jobs = {
        job["job_name"]
        for job in yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    }
    assert set(re.findall(r'job="(.*?)"', " ".join(EXPRESSIONS))) == jobs


@pytest.mark.needs("promtool")
@pytest.mark.parametrize(
    "arguments",
    ["test rules onlinesim-rent.rules.test.yml", "check config prometheus.yml"],
)
def test_promtool_accepts_what_is_shipped(arguments):
    told = subprocess.run(
        ["promtool", *arguments.split()], cwd=PROMETHEUS, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_every_alert_is_shown_to_fire():
    tests = yaml.safe_load((PROMETHEUS / "onlinesim-rent.rules.test.yml").read_text())["tests"]
    fired = {
        case["alertname"] for test in tests for case in test["alert_rule_test"] if case.get("exp_alerts")
    }
    assert fired == {rule["alert"] for rule in RULES}


@contextmanager
def prometheus(directory: Path, target: int) -> Iterator[int]:
    """Run Prometheus with the shipped rules and a target on this host; give its port."""
    (directory / "prometheus.yml").write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
                "rule_files": [f"{PROMETHEUS}/onlinesim-rent.rules.yml"],
                "scrape_configs": [
                    {
                        "job_name": "onlinesim-rent",
                        "static_configs": [{"targets": [f"127.0.0.1:{target}"]}],
                    }
                ],
            }
        )
    )
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={directory}/prometheus.yml",
            f"--storage.tsdb.path={directory}/data",
            "--web.listen-address=127.0.0.1:0",
        ],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    lines = Lines(process.stderr)
    try:
        port = lines.until(r'"Listening on" address=127\.0\.0\.1:(\d+)')[1]
        lines.until("Server is ready to receive web requests")
        yield int(port)
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
        lines.close()


def query(port: int, expression: str) -> list[dict[str, Any]]:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    connection.request("GET", f"/api/v1/query?{urlencode({'query': expression})}")
    answer = json.loads(connection.getresponse().read())
    connection.close()
    assert answer["status"] == "success", answer
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result


def wait_for(port: int, expression: str) -> None:
    """Ask Prometheus until the expression has a result."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not query(port, expression):
        assert time.monotonic() < ends, f"no result of {expression}"


@pytest.mark.needs("prometheus")
def test_prometheus_evaluates_every_expression_over_the_real_service(start_gunicorn, tmp_path):
    with SimulatedBank(live_bank(3, 0.0)) as bank:
        missing = f"{tmp_path}/no-such-port"
        server = start_gunicorn(
            "wsgi:app",
            RENT_PORTS=f"{bank.ports} {missing}",
            RENT_RUNTIME_DIR=f"{tmp_path}/runtime",
            RENT_METRICS_PORTS="1",
        )
        assert ask(server).status == 200
        with prometheus(tmp_path, server.port) as port:
            # rate() needs two samples.
            wait_for(port, "count_over_time(onlinesim_rent_responses_total[1m]) > 1")
            empty = [expression for expression in panel_expressions() if not query(port, expression)]
            [available] = query(port, panel_expressions()[0])
            [not_counted] = query(port, panel_expressions()[-1])
            firing = [rule["alert"] for rule in RULES if query(port, rule["expr"])]
    assert not empty
    assert available["value"][1] == "3"
    assert not_counted["metric"]["port"] == missing
    assert not firing
