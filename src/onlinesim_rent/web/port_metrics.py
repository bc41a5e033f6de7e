"""One metric a port, from the last census: off by default, because each port makes a series."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from onlinesim_rent.census.claims import masked
from onlinesim_rent.modem.ports.inventory import stable_names, stable_path
from onlinesim_rent.modem.ports.tcp_names import SCHEME

if TYPE_CHECKING:
    from onlinesim_rent.web.census_source import LastCensusSource


class PortMetrics(Collector):
    """``onlinesim_rent_port{port, verdict} 1`` for each port of the last census.

    A port has one series at a time: that of its present verdict. ``port`` is its name in /dev/serial/by-path,
    or its name in RENT_PORTS if it has none there. No label holds a whole IMEI or IMSI: outside by-path, long
    numbers in a name are masked. If two masked names are the same, their series counts both ports.
    """

    def __init__(self, source: LastCensusSource) -> None:
        self._source = source

    def collect(self) -> Iterator[Metric]:
        """Yield the metric of all ports; nothing before the first census."""
        if not (last := self._source.last()):
            return
        names = stable_names()
        ports = GaugeMetricFamily(
            "onlinesim_rent_port", "The present verdict on each port.", labels=["port", "verdict"]
        )
        verdicts = Tally((_label(report.port, names), report.verdict) for report in last[0].ports)
        for labels, number in verdicts.items():
            ports.add_metric(labels, number)
        yield ports


def _label(port: str, names: Mapping[str, list[str]]) -> str:
    name = stable_path(port, names)
    # In by-path, the address of a USB controller can look like a long number.
    return name if "/serial/by-path/" in name or name.startswith(SCHEME) else masked(name)
