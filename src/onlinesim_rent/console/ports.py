"""How many ports RENT_PORTS finds."""

from __future__ import annotations

import click

from onlinesim_rent.census.journal import FINDS_NO_PORT
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.settings import Settings


def count_ports(settings: Settings) -> int:
    """Return how many ports RENT_PORTS finds, and warn if there are none."""
    count = len(find_ports(settings.ports))
    if not count:
        patterns = " ".join(settings.ports)
        click.echo(f"RENT_PORTS ({patterns}) {FINDS_NO_PORT}", err=True)
    return count
