"""``onlinesim-rent census``: tells why each port counts or does not."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import compress
from typing import Any

import click
from rich.text import Text

from onlinesim_rent.census.counting import Census, PortReport
from onlinesim_rent.censuses import live_census, module_details
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.console import exit_status
from onlinesim_rent.console.census_report import (
    DETAIL_HEADINGS,
    HEADINGS,
    attention_lines,
    attentions,
    by_attention,
    cells,
    detail_cells,
    detail_document,
    summary,
)
from onlinesim_rent.console.errors import explained, printed
from onlinesim_rent.console.output import console
from onlinesim_rent.console.port_count import count_ports
from onlinesim_rent.console.progress import CensusProgress
from onlinesim_rent.console.tables import print_table, table_of
from onlinesim_rent.descriptors import allow_descriptors
from onlinesim_rent.finding import Verdict
from onlinesim_rent.modem.details import Details
from onlinesim_rent.settings import Settings

LEAST_WATCH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Options:
    """What to show of a census. Without ``ports``, all of them."""

    ports: tuple[str, ...]
    as_json: bool
    details: bool
    full: bool


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the ports as a JSON list.")
@click.option("--details", is_flag=True, help="Ask each available module more: maker, signal, network, ...")
@click.option("--full", is_flag=True, help="With --details: print the numbers whole.")
@click.option(
    "--watch",
    type=click.FloatRange(min=LEAST_WATCH_SECONDS),
    metavar="SECONDS",
    help="Take a census again and again, with a pause of SECONDS, until Ctrl-C.",
)
@click.argument("ports", nargs=-1)
def census(*, watch: float | None, **options: Any) -> None:
    """Print the verdict on every port, or on PORTS only, and what to do about each.

    Shares the service's census: takes a new one only if the last is older than RENT_CACHE_SECONDS. Ends with
    status 0 if one of the ports is available, with 3 if none is.

    \b
    Examples:
      onlinesim-rent census                  every port; what needs attention comes first
      onlinesim-rent census /dev/ttyUSB37    why this module is not counted
      onlinesim-rent census --details        maker, model, firmware, signal and network too
      onlinesim-rent census --watch 10       again 10 seconds after the last
      onlinesim-rent census --json | jq '.[] | select(.verdict != "available")'
    """  # noqa: D301 - click's \b keeps the lines of the example
    allow_descriptors()
    wanted = Options(**options)
    with explained():
        settings = Settings.from_env()
        count = count_ports(settings)
    if not sys.stderr.isatty():
        click.echo(f"Ports found: {count}. Asking them ...", err=True)
    is_available = _show_one(settings, wanted)
    while watch is not None:
        time.sleep(watch)
        # On a terminal, in place of the last one.
        click.clear()
        is_available = _show_one(settings, wanted)
    raise SystemExit(0 if is_available else exit_status.NOTHING_AVAILABLE)


def _show_one(settings: Settings, options: Options) -> bool:
    """Take a census and show it; return whether one of the shown ports is available."""
    with explained():
        taken, age = _take(settings)
        if unknown := set(options.ports) - {report.port for report in taken.ports}:
            names = ", ".join(sorted(unknown))
            raise click.ClickException(f"RENT_PORTS finds no port of this name: {names}")
        reports = [report for report in taken.ports if not options.ports or report.port in options.ports]
        counted = [report.port for report in reports if report.verdict is Verdict.AVAILABLE]
        details = _details(settings, counted) if options.details else {}
    with printed():
        if options.as_json:
            _print_json(reports, details, options)
        else:
            _print_table(by_attention(reports))
            _print_details(details, is_full=options.full)
            _print_attention(reports)
            _print_line(Text(summary(taken, age), "bold"))
    return bool(counted)


def _details(settings: Settings, ports: Sequence[str]) -> dict[str, Details]:
    with _not_stopped():
        return module_details(settings, ports, boot_clock() + settings.deadline_seconds)


def _take(settings: Settings) -> tuple[Census, float]:
    """Return a census, and its age in seconds. Raises CensusError."""
    # First the signals: otherwise the thread that draws the progress would take them.
    with _not_stopped(), CensusProgress() as progress:
        source = live_census(settings, progress.show)
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


def _print_json(reports: Sequence[PortReport], details: Mapping[str, Details], options: Options) -> None:
    documents = [asdict(report) for report in reports]
    for document in documents if options.details else ():
        found = details.get(document["port"])
        document["details"] = found and detail_document(found, is_full=options.full)
    click.echo(json.dumps(documents, indent=1))


def _print_table(reports: Sequence[PortReport]) -> None:
    rows = [cells(report) for report in reports]
    shown = [any(column) for column in zip(*rows, strict=True)] if rows else [True] * len(HEADINGS)
    table = table_of(*compress(HEADINGS, shown))
    for report, row in zip(reports, rows, strict=True):
        table.add_row(*compress(row, shown), style="green" if report.verdict is Verdict.AVAILABLE else "")
    print_table(console(), table)


def _print_details(details: Mapping[str, Details], *, is_full: bool) -> None:
    if details:
        click.echo()
        table = table_of(*DETAIL_HEADINGS)
        for port, told in details.items():
            table.add_row(*detail_cells(port, told, is_full=is_full))
        print_table(console(), table)


def _print_attention(reports: Sequence[PortReport]) -> None:
    for attention in attentions(reports):
        *reasons, advice = attention_lines(attention)
        click.echo()
        for line in reasons:
            _print_line(Text(line, "bold yellow"))
        _print_line(Text(advice))
    click.echo()


def _print_line(line: Text) -> None:
    output = console()
    output.print(line, soft_wrap=not output.is_terminal)
