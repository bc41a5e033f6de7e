"""How many ports RENT_PORTS finds."""

from __future__ import annotations

import click

from onlinesim_rent.census.journal import FINDS_NO_PORT
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.settings import Settings


def count_ports(settings: Settings) -> int:
    """Return how many ports RENT_PORTS finds, and warn if there are none."""
    count = len(find_ports(settings.ports))
    # A front of several hosts needs no ports of its own.
    if settings.ports and not count:
        click.echo(finds_no_port(settings), err=True)
    return count


def finds_no_port(settings: Settings) -> str:
    """Return the warning for settings whose RENT_PORTS finds no port."""
    return f"RENT_PORTS ({' '.join(settings.ports)}) {FINDS_NO_PORT}"
