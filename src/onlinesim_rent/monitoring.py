"""GET /healthz and GET /metrics, for the host itself: both tell of the last census and take none."""

from __future__ import annotations

import os
from collections import Counter as Tally
from collections.abc import Iterator
from typing import Protocol

from flask import Blueprint, Flask, Response
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from onlinesim_rent.census import Census


class CensusMemory(Protocol):
    """What is known of censuses without taking one; every worker knows the same."""

    def last(self) -> tuple[Census, float] | None:
        """The last census that was taken, however old, and its age in seconds."""

    def last_failure(self) -> str:
        """Why no census could be taken the last time one was wanted; empty when one was."""


def monitor(app: Flask, memory: CensusMemory) -> None:
    """Serve both pages in an application, and count its responses.

    Where PROMETHEUS_MULTIPROC_DIR names a directory, as gunicorn.conf.py does, the count is of all workers.
    """
    registry = CollectorRegistry()
    responses = Counter(
        "onlinesim_rent_responses", "Responses to requests, by HTTP status.", ["status"], registry=registry
    )
    # Opens the file that is counted in, so that no response can fail of it.
    responses.labels(200)
    app.register_blueprint(_pages(memory, _shared(registry)))

    @app.after_request
    def count(response: Response) -> Response:
        responses.labels(response.status_code).inc()
        return response


def _shared(registry: CollectorRegistry) -> CollectorRegistry:
    """The registry to read the counts from: that of all workers, if there are several."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return registry
    of_all_workers = CollectorRegistry()
    MultiProcessCollector(of_all_workers)  # type: ignore[no-untyped-call]
    return of_all_workers


def _pages(memory: CensusMemory, registry: CollectorRegistry) -> Blueprint:
    registry.register(_LastCensus(memory))
    blueprint = Blueprint("monitoring", __name__)

    @blueprint.get("/healthz", provide_automatic_options=False)
    def healthz() -> Response:
        failure = memory.last_failure()
        return Response(
            f"{failure or 'ok'}\n", 503 if failure else 200, content_type="text/plain; charset=utf-8"
        )

    @blueprint.get("/metrics", provide_automatic_options=False)
    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return blueprint


class _LastCensus(Collector):
    """The last census as gauges. Ports are counted by verdict: no label names a port, an IMEI or a SIM."""

    def __init__(self, memory: CensusMemory) -> None:
        self._memory = memory

    def collect(self) -> Iterator[Metric]:
        failed = bool(self._memory.last_failure())
        yield _gauge("census_failed", "Whether the last census that was wanted could not be taken.", failed)
        if not (last := self._memory.last()):
            return
        census, age = last
        yield _gauge("census_age_seconds", "Age of the last census.", round(age, 3))
        yield _gauge("census_seconds", "How long the last census took.", census.seconds)
        available = GaugeMetricFamily(
            f"{_PREFIX}_available", "Numbers that can be rented.", labels=["country", "operator"]
        )
        for network, number in census.available.items():
            available.add_metric(network, number)
        yield available
        ports = GaugeMetricFamily(
            f"{_PREFIX}_ports", "Ports of the last census by verdict.", labels=["verdict"]
        )
        for verdict, number in Tally(report.verdict for report in census.ports).items():
            ports.add_metric([verdict], number)
        yield ports


_PREFIX = "onlinesim_rent"


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", meaning, value=value)
