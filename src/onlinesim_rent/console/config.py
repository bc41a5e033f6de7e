"""``onlinesim-rent config``: tells whether the settings are right."""

from __future__ import annotations

from pathlib import Path

import click

from onlinesim_rent.census.claims_directory import ClaimsDirectory
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.console.errors import explained, printed
from onlinesim_rent.console.ports import count_ports
from onlinesim_rent.modem.ports.holders import cannot_see_all_holders
from onlinesim_rent.networks.home_network import Names
from onlinesim_rent.settings import Settings


@click.command()
def config() -> None:
    """Check the settings. If any are wrong, one error names them all."""
    with explained():
        settings = Settings.from_env()
        Names.load(settings.names_file)
        ClaimsDirectory(settings.claims_dir).current()
        _warn_of_disk(settings.runtime_dir)
    if unseen := cannot_see_all_holders():
        click.echo(unseen, err=True)
    with printed():
        click.echo(f"The settings are right. Ports found now: {count_ports(settings)}.")


def _warn_of_disk(directory: Path) -> None:
    """Warn if the directory is on a disk: a disk that hangs would delay every answer."""
    if not RuntimeDirectory(directory).is_in_memory():
        click.echo(
            f"RENT_RUNTIME_DIR ({directory}) is not in memory: while its disk hangs, no request is answered. "
            "Name a directory below /run or /dev/shm.",
            err=True,
        )
