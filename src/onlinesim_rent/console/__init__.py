"""The command line. Each command has its own file."""

from __future__ import annotations

import click

from onlinesim_rent.console.census import census
from onlinesim_rent.console.claim import claim
from onlinesim_rent.console.claims import claims
from onlinesim_rent.console.config import config
from onlinesim_rent.console.release import release
from onlinesim_rent.console.simulate import simulate


@click.group(commands=[census, claim, claims, config, release, simulate])
@click.version_option(package_name="onlinesim-rent")
def main() -> None:
    """Tell how many phone numbers can be rented right now. Settings come from the environment (RENT_...)."""
