"""The command line: what the service would answer, and why each port counts or does not."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from onlinesim_rent.application import live_census
from onlinesim_rent.census.counting import Census, PortReport
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.configuration_error import ConfigurationError
from onlinesim_rent.demonstration import demonstrate
from onlinesim_rent.finding import CensusError
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.networks.home_network import Names
from onlinesim_rent.settings import Settings


@click.group()
@click.version_option(package_name="onlinesim-rent")
def main() -> None:
    """Tell how many phone numbers can be rented right now. Settings come from the environment (RENT_...)."""


@main.command()
def check() -> None:
    """Check the settings, and end with an error that names every wrong one."""
    with _explained():
        settings = Settings.from_env()
        Names.load(settings.names_file)
        _warn_of_disk(settings.runtime_dir)
    with _printed():
        click.echo(f"The settings are right. Ports found now: {_count_of_ports(settings)}.")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the census as JSON.")
@click.argument("ports", nargs=-1)
def census(*, as_json: bool, ports: tuple[str, ...]) -> None:
    """Print the verdict on every port, or on PORTS only.

    Shares the service's census: it takes one only where the last is older than RENT_CACHE_SECONDS.
    """
    with _explained():
        settings = Settings.from_env()
        click.echo(f"Ports found: {_count_of_ports(settings)}. Asking them ...", err=True)
        with _not_stopped():
            taken = live_census(settings).get(boot_clock() + settings.deadline_seconds)
    if unknown := set(ports) - {report.port for report in taken.ports}:
        raise click.ClickException(f"RENT_PORTS finds no port of this name: {', '.join(sorted(unknown))}")
    reports = [report for report in taken.ports if not ports or report.port in ports]
    with _printed():
        if as_json:
            click.echo(json.dumps([asdict(report) for report in reports], indent=1))
            return
        for line in _table(reports):
            click.echo(line)
        click.echo(_summary(taken))


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, required=True)
def simulate(command: tuple[str, ...]) -> None:
    """Run COMMAND with a bank of simulated modules as its ports, and a key to try."""
    raise SystemExit(demonstrate(command))


def _count_of_ports(settings: Settings) -> int:
    """How many ports there are; where there are none, that is likely what somebody is looking for."""
    count = len(find_ports(settings.ports))
    if not count:
        patterns = " ".join(settings.ports)
        click.echo(
            f"RENT_PORTS ({patterns}) finds no port: are the modules plugged in, and is it their path?",
            err=True,
        )
    return count


def _warn_of_disk(directory: Path) -> None:
    """Say so where a disk that hangs would hold up every answer."""
    if not RuntimeDirectory(directory).is_in_memory():
        click.echo(
            f"RENT_RUNTIME_DIR ({directory}) is not in memory: while its disk hangs, no request is answered. "
            "Name a directory below /run or /dev/shm.",
            err=True,
        )


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (ConfigurationError, CensusError) as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def _not_stopped() -> Iterator[None]:
    """Let the terminal's stop signals (Ctrl-Z) wait until the census is taken.

    A process that is stopped keeps the lock, and the service would wait for it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _printed() -> Iterator[None]:
    """Make an error of output that cannot be written; a reader that has gone is click's to handle."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        # Python would try again at its end, and fail with a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.ClickException(f"the output cannot be written: {error.strerror}") from error


def _table(reports: Sequence[PortReport]) -> Iterator[str]:
    """A line a port, in columns as wide as they need to be."""
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
