"""``onlinesim-rent census``: tells why each port counts or does not."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

import click

from onlinesim_rent.application import live_census
from onlinesim_rent.census.counting import Census, PortReport
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.console.errors import explained, printed
from onlinesim_rent.console.port_count import count_ports
from onlinesim_rent.descriptors import allow_descriptors
from onlinesim_rent.settings import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the census as JSON.")
@click.argument("ports", nargs=-1)
def census(*, as_json: bool, ports: tuple[str, ...]) -> None:
    """Print the verdict on every port, or on PORTS only.

    Shares the service's census: takes a new one only if the last is older than RENT_CACHE_SECONDS.
    """
    with explained():
        settings = Settings.from_env()
        click.echo(f"Ports found: {count_ports(settings)}. Asking them ...", err=True)
        allow_descriptors()
        with _not_stopped():
            taken = live_census(settings).get(boot_clock() + settings.deadline_seconds)
    if unknown := set(ports) - {report.port for report in taken.ports}:
        raise click.ClickException(f"RENT_PORTS finds no port of this name: {', '.join(sorted(unknown))}")
    reports = [report for report in taken.ports if not ports or report.port in ports]
    with printed():
        if as_json:
            click.echo(json.dumps([asdict(report) for report in reports], indent=1))
            return
        for line in _table(reports):
            click.echo(line)
        click.echo(_summary(taken))


@contextmanager
def _not_stopped() -> Iterator[None]:
    """Delay the terminal's stop signals (Ctrl-Z) until the census is taken.

    A stopped process would keep the lock, and the service would wait for it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _table(reports: Sequence[PortReport]) -> Iterator[str]:
    """Yield one line for each port, in aligned columns."""
    rows = [("PORT", "VERDICT", "SECONDS", "NETWORK OR REASON"), *map(_cells, reports)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _cells(report: PortReport) -> tuple[str, str, str, str]:
    network = f"{report.country} {report.operator}".strip()
    return report.port, report.verdict, f"{report.seconds:.2f}", network or report.reason


def _summary(census: Census) -> str:
    available = sum(census.available.values())
    return f"{available} of {len(census.ports)} ports are available numbers; asked in {census.seconds:.2f} s."
