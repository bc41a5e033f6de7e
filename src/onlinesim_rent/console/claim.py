"""``onlinesim-rent claim``: says that a number is taken."""

from __future__ import annotations

import click

from onlinesim_rent.census.claims import masked
from onlinesim_rent.census.claims_directory import ClaimsDirectory
from onlinesim_rent.console.errors import explained
from onlinesim_rent.settings import claims_dir


@click.command()
@click.argument("name")
@click.option("--note", default="", help="A line for people, such as the order's number.")
def claim(*, name: str, note: str) -> None:
    """Say that a number is taken, until it is released.

    Needs only RENT_CLAIMS_DIR. NAME is imsi-<14 or 15 digits>, imei-<15 digits> or port-<name>: for example
    imsi-250991234567890, port-ttyUSB3 or port-10.0.0.5:7001. Ends with status 1 if it is taken already.

    \b
    Example:
      onlinesim-rent claim imsi-250991234567890 --note "order 4711"
    """  # noqa: D301 - click's \b keeps the lines of the example
    with explained():
        is_new = ClaimsDirectory(claims_dir()).add(name, note)
    if not is_new:
        raise click.ClickException(f"{masked(name)} is taken already")
