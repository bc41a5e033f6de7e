"""How many ports RENT_PORTS finds."""

from __future__ import annotations

import click

from onlinesim_rent.census.journal import FINDS_NO_PORT
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.settings import Settings


def count_ports(settings: Settings) -> int:
    """How many ports there are; where there are none, that is likely what somebody is looking for."""
    count = len(find_ports(settings.ports))
    if not count:
        patterns = " ".join(settings.ports)
        click.echo(f"RENT_PORTS ({patterns}) {FINDS_NO_PORT}", err=True)
    return count
