"""``onlinesim-rent census``: tells why each port counts or does not."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

import click
from rich.console import Console
from rich.text import Text

from onlinesim_rent.application import live_census
from onlinesim_rent.census.cache import CensusCache
from onlinesim_rent.census.counting import Census, PortReport
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.console import exit_status
from onlinesim_rent.console.census_report import (
    HEADINGS,
    attention_lines,
    attentions,
    by_attention,
    cells,
    summary,
)
from onlinesim_rent.console.errors import explained, printed
from onlinesim_rent.console.output import console
from onlinesim_rent.console.port_count import count_ports
from onlinesim_rent.console.progress import CensusProgress
from onlinesim_rent.console.tables import print_table, table_of
from onlinesim_rent.descriptors import allow_descriptors
from onlinesim_rent.finding import Verdict
from onlinesim_rent.settings import Settings

LEAST_WATCH_SECONDS = 1.0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the ports as a JSON list.")
@click.option(
    "--watch",
    type=click.FloatRange(min=LEAST_WATCH_SECONDS),
    metavar="SECONDS",
    help="Take a census again and again, with a pause of SECONDS, until Ctrl-C.",
)
@click.argument("ports", nargs=-1)
def census(*, as_json: bool, watch: float | None, ports: tuple[str, ...]) -> None:
    """Print the verdict on every port, or on PORTS only, and what to do about each.

    Shares the service's census: takes a new one only if the last is older than RENT_CACHE_SECONDS. Ends with
    status 0 if one of the ports is available, with 3 if none is.

    \b
    Examples:
      onlinesim-rent census                  every port; what needs attention comes first
      onlinesim-rent census /dev/ttyUSB37    why this module is not counted
      onlinesim-rent census --watch 10       again 10 seconds after the last
      onlinesim-rent census --json | jq '.[] | select(.verdict != "available")'
    """  # noqa: D301 - click's \b keeps the lines of the example
    allow_descriptors()
    with explained():
        settings = Settings.from_env()
        if not sys.stderr.isatty():
            click.echo(f"Ports found: {count_ports(settings)}. Asking them ...", err=True)
        else:
            count_ports(settings)
    show = _print_json if as_json else _print_report
    while True:
        available = _show_one(settings, ports, show)
        if watch is None:
            break
        time.sleep(watch)
        # On a terminal, in place of the last one.
        click.clear()
    raise SystemExit(0 if available else exit_status.NOTHING_AVAILABLE)


Show = Callable[[Census, float, Sequence[PortReport]], None]


def _show_one(settings: Settings, ports: Sequence[str], show: Show) -> bool:
    """Take a census and show it; return whether one of the shown ports is available."""
    with explained():
        taken, age = _take(settings)
    if unknown := set(ports) - {report.port for report in taken.ports}:
        raise click.ClickException(f"RENT_PORTS finds no port of this name: {', '.join(sorted(unknown))}")
    reports = [report for report in taken.ports if not ports or report.port in ports]
    with printed():
        show(taken, age, reports)
    return any(report.verdict is Verdict.AVAILABLE for report in reports)


def _take(settings: Settings) -> tuple[Census, float]:
    """Return a census, and its age in seconds. Raises CensusError."""
    with CensusProgress() as progress, _not_stopped():
        source: CensusCache = live_census(settings, progress.show)
        taken = source.get(boot_clock() + settings.deadline_seconds)
    last = source.last()
    return taken, last[1] if last else 0.0


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


def _print_json(_census: Census, _age: float, reports: Sequence[PortReport]) -> None:
    click.echo(json.dumps([asdict(report) for report in reports], indent=1))


def _print_report(taken: Census, age: float, reports: Sequence[PortReport]) -> None:
    output = console()
    _print_table(output, by_attention(reports))
    for attention in attentions(reports):
        click.echo()
        *reasons, advice = attention_lines(attention)
        for line in reasons:
            output.print(Text(line, "bold yellow"), soft_wrap=not output.is_terminal)
        output.print(advice, soft_wrap=not output.is_terminal)
    click.echo()
    output.print(Text(summary(taken, age), "bold"), soft_wrap=not output.is_terminal)


def _print_table(output: Console, reports: Sequence[PortReport]) -> None:
    rows = [cells(report) for report in reports]
    shown = [any(column) for column in zip(*rows, strict=True)] if rows else [True] * len(HEADINGS)
    table = table_of(*(heading for heading, is_shown in zip(HEADINGS, shown, strict=True) if is_shown))
    for report, row in zip(reports, rows, strict=True):
        kept = (cell for cell, is_shown in zip(row, shown, strict=True) if is_shown)
        table.add_row(*kept, style="green" if report.verdict is Verdict.AVAILABLE else "")
    print_table(output, table)
