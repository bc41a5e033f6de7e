"""The command line. Each command has its own file."""

from __future__ import annotations

from typing import Any

import click

from onlinesim_rent.console import exit_status
from onlinesim_rent.console.census import census
from onlinesim_rent.console.check import check
from onlinesim_rent.console.claim import claim
from onlinesim_rent.console.claims import claims
from onlinesim_rent.console.config import config
from onlinesim_rent.console.ports import ports
from onlinesim_rent.console.release import release
from onlinesim_rent.console.simulate import simulate


class Commands(click.Group):
    """The commands. Ctrl-C ends any of them without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. If Ctrl-C ends it, end with a shell's status for that."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(exit_status.INTERRUPTED)


@click.group(cls=Commands, commands=[census, check, claim, claims, config, ports, release, simulate])
@click.version_option(package_name="onlinesim-rent")
def main() -> None:
    """Tell how many phone numbers can be rented right now. Settings come from the environment (RENT_...).

    \b
    Examples:
      onlinesim-rent ports --ask             which ports there are, and the RENT_PORTS line
      onlinesim-rent config                  whether the settings are right
      onlinesim-rent census                  why each port counts or does not
      onlinesim-rent check https://HOST/getServicesRent
    """  # noqa: D301 - click's \b keeps the lines of the example
