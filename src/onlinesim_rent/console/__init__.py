"""The command line. Each command has its own file, which is loaded only when it is needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from onlinesim_rent.console import exit_status

COMMANDS = ("census", "check", "claim", "claims", "config", "ports", "publish", "release", "simulate")
"""Each is the name of a file here, and of the command in it."""


class Commands(click.Group):
    """The commands. Ctrl-C ends any of them without a traceback."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command. An agent's script that makes a claim should not wait for a web framework."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"{__name__}.{cmd_name}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. If Ctrl-C ends it, end with a shell's status for that."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(exit_status.INTERRUPTED)


@click.group(cls=Commands)
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
