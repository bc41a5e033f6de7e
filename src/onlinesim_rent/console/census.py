"""``onlinesim-rent census``: tells why each port counts or does not."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from onlinesim_rent.census.counting import Census
from onlinesim_rent.censuses import live_census, module_details
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.console import exit_status
from onlinesim_rent.console.census_printing import Options, ShownCensus, print_census
from onlinesim_rent.console.errors import explained
from onlinesim_rent.console.port_count import count_ports
from onlinesim_rent.console.progress import CensusProgress
from onlinesim_rent.descriptors import allow_descriptors
from onlinesim_rent.finding import CensusError, Verdict
from onlinesim_rent.hosts.port_names import split
from onlinesim_rent.modem.details import Details
from onlinesim_rent.settings import Settings

LEAST_WATCH_SECONDS = 1.0
USUAL_WATCH_SECONDS = 5.0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the ports as a JSON list.")
@click.option("--details", is_flag=True, help="Ask each available module more: maker, signal, network, ...")
@click.option("--full", is_flag=True, help="With --details: print the numbers whole.")
@click.option(
    "--watch",
    type=click.FloatRange(min=LEAST_WATCH_SECONDS),
    is_flag=False,
    flag_value=USUAL_WATCH_SECONDS,
    metavar="[SECONDS]",
    help="Take a census again and again, with a pause of SECONDS (5), until Ctrl-C.",
)
@click.argument("ports", nargs=-1)
def census(**chosen: Any) -> None:
    """Print the verdict on every port, and what to do about each.

    With PORTS, it prints these only. It shares the service's census: it takes a new one only if the last is
    older than RENT_CACHE_SECONDS. Ends with status 0 if one of the ports is available, with 3 if none is.

    \b
    Examples:
      onlinesim-rent census                  every port; what needs attention comes first
      onlinesim-rent census /dev/ttyUSB37    why this module is not counted
      onlinesim-rent census --details        maker, model, firmware, signal and network too
      onlinesim-rent census --watch          again and again; --watch 60: once a minute
      onlinesim-rent census /dev/ttyUSB37 --watch
      onlinesim-rent census --json | jq '.[] | select(.verdict != "available")'
    """  # noqa: D301 - click's \b keeps the lines of the example
    allow_descriptors()
    options = Options(**chosen)
    with explained():
        settings = Settings.from_env(needs_key=False)
        count = count_ports(settings)
        if not sys.stderr.isatty():
            asked = "the hosts" if settings.fleet else "them"
            click.echo(f"Ports found: {count}. Asking {asked} ...", err=True)
        shown = _take_shown(settings, options)
    print_census(shown, options)
    if options.watch is not None:
        _watch(settings, options, options.watch)
    raise SystemExit(0 if shown.is_available else exit_status.NOTHING_AVAILABLE)


def _watch(settings: Settings, options: Options, pause: float) -> NoReturn:
    """Show one census after another. The last one stays on a terminal until there is another."""
    while True:
        time.sleep(pause)
        try:
            shown = _take_shown(settings, options)
        except CensusError as error:
            click.echo(f"Error: {error}", err=True)
            continue
        # Clears a terminal; in a pipe, it does nothing.
        click.clear()
        print_census(shown, options)


def _take_shown(settings: Settings, options: Options) -> ShownCensus:
    """Take a census, and leave out the ports that are not asked for. Raises CensusError."""
    taken, age = _take(settings)
    if unknown := set(options.ports) - {report.port for report in taken.ports}:
        raise CensusError(
            f"RENT_PORTS finds no port of this name: {', '.join(sorted(unknown))}; "
            "write it as the column PORT of the whole census has it"
        )
    reports = [report for report in taken.ports if not options.ports or report.port in options.ports]
    counted = [report.port for report in reports if report.verdict is Verdict.AVAILABLE]
    if not options.details:
        return ShownCensus(taken, age, reports)
    return ShownCensus(taken, age, reports, _details(settings, counted), _others(settings, counted))


def _details(settings: Settings, ports: Sequence[str]) -> dict[str, Details]:
    with _not_stopped():
        return module_details(settings, ports)


def _others(settings: Settings, ports: Sequence[str]) -> list[str]:
    """Return the other hosts that have some of these ports."""
    return sorted({split(port)[0] for port in ports} - {settings.fleet.host_name}) if settings.fleet else []


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
