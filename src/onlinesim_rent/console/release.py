"""``onlinesim-rent release``: says that a number is no longer taken."""

from __future__ import annotations

import click

from onlinesim_rent.census.claims import masked
from onlinesim_rent.census.claims_directory import ClaimsDirectory
from onlinesim_rent.console.errors import explained
from onlinesim_rent.settings import claims_dir


@click.command()
@click.argument("name")
def release(*, name: str) -> None:
    """Withdraw a claim; needs only RENT_CLAIMS_DIR. Ends with status 1 if there is no claim NAME.

    \b
    Example:
      onlinesim-rent release imsi-250991234567890
    """  # noqa: D301 - click's \b keeps the lines of the example
    with explained():
        was_there = ClaimsDirectory(claims_dir()).remove(name)
    if not was_there:
        raise click.ClickException(f"there is no claim {masked(name)}")
