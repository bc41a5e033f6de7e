"""GET /healthz and GET /metrics, for the host's monitoring. Both report the last census and take none."""

from __future__ import annotations

import math
from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, Response, request
from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from onlinesim_rent.census.host_report import HostState
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.web.contract import ROUTES_WITH_A_KEY
from onlinesim_rent.web.port_metrics import PortMetrics
from onlinesim_rent.web.shared_counts import share_counts

if TYPE_CHECKING:
    from onlinesim_rent.census.counting import Census
    from onlinesim_rent.web.census_source import LastCensusSource

_PREFIX = "onlinesim_rent"
_ANSWERED_AT = f"{_PREFIX}_answered_at"


def monitor(app: Flask, census: LastCensusSource, *, each_port: bool = False) -> None:
    """Add both pages to an application, and count its responses.

    With ``each_port``, there is a metric for each port.

    If PROMETHEUS_MULTIPROC_DIR names a directory, all workers share the counts. If not, each has its own.
    """
    registry = CollectorRegistry()
    # Prometheus does not need the time at which a counter was created.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    shared = share_counts()
    responses = Counter(
        f"{_PREFIX}_responses", "Responses to requests, by HTTP status.", ["status"], registry=registry
    )
    answered_at = Gauge(_ANSWERED_AT, "On the boot clock.", multiprocess_mode="max", registry=registry)
    responses_with = lru_cache(responses.labels)
    # Create the counter now: an error here must not happen in a request.
    responses_with(HTTPStatus.OK)
    counted = MultiProcessCollector(None) if shared else registry  # type: ignore[no-untyped-call]
    collectors = [_Requests(counted), _LastCensus(census), *([PortMetrics(census)] if each_port else [])]
    app.register_blueprint(_pages(census, collectors))

    @app.after_request
    def count(response: Response) -> Response:
        responses_with(response.status_code).inc()
        # These routes answer 200 to a valid key, and to nothing else.
        if response.status_code == HTTPStatus.OK and request.blueprint in ROUTES_WITH_A_KEY:
            answered_at.set(boot_clock())
        return response


def _pages(census: LastCensusSource, collectors: Iterable[Collector]) -> Blueprint:
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    blueprint = Blueprint("monitoring", __name__)

    @blueprint.get("/healthz", provide_automatic_options=False)
    def healthz() -> Response:
        failure = census.last_failure()
        words = failure or _degraded(census) or "ok"
        return Response(f"{words}\n", 503 if failure else 200, content_type="text/plain; charset=utf-8")

    @blueprint.get("/metrics", provide_automatic_options=False)
    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return blueprint


class _Requests(Collector):
    """The counts of requests. The time of the last valid request becomes its age."""

    def __init__(self, counted: Collector) -> None:
        self._counted = counted

    def collect(self) -> Iterator[Metric]:
        for metric in self._counted.collect():
            if metric.name == _ANSWERED_AT:
                [sample] = metric.samples
                yield _gauge(
                    "last_request_age_seconds",
                    "Age of the last request with a valid key; +Inf while there was none.",
                    round(boot_clock() - sample.value, 3) if sample.value else math.inf,
                )
            else:
                yield metric


class _LastCensus(Collector):
    """The last census as gauges. Ports are counted by verdict; no label names a port, an IMEI or a SIM."""

    def __init__(self, census: LastCensusSource) -> None:
        self._source = census

    def collect(self) -> Iterator[Metric]:
        failed = bool(self._source.last_failure())
        yield _gauge("census_failed", "Whether the last attempt to get a census failed.", failed)
        if not (last := self._source.last()):
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
        if census.hosts:
            yield from _hosts(census)


def _degraded(source: LastCensusSource) -> str:
    """Say which hosts are missing in the last census; empty if none is."""
    last = source.last()
    return f"degraded: {last[0].degraded}" if last and last[0].degraded else ""


def _hosts(census: Census) -> Iterator[Metric]:
    hosts = GaugeMetricFamily(
        f"{_PREFIX}_host_answered", "Whether a host's ports are in the last census.", labels=["host", "state"]
    )
    for report in census.hosts:
        hosts.add_metric([report.host, report.state], report.state is HostState.ANSWERED)
    yield hosts
    yield _gauge("redis_failed", "Whether Redis failed in the last census.", bool(census.alone))


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", meaning, value=value)
