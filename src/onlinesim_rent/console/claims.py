"""``onlinesim-rent claims``: lists the claims, and what each took in the last census."""

from __future__ import annotations

from collections.abc import Iterator

import click

from onlinesim_rent.census.claims import digest
from onlinesim_rent.census.claims_directory import ClaimsDirectory
from onlinesim_rent.census.counting import Census
from onlinesim_rent.censuses import live_census
from onlinesim_rent.console.errors import explained, printed
from onlinesim_rent.settings import Settings

_NOTHING = "nothing: no module of the last census has this number or name; is it written right?"
_NOT_YET = "not known yet: the claims have changed since the last census"


@click.command()
def claims() -> None:
    """List the claims, and what each took in the last census."""
    with explained():
        settings = Settings.from_env(needs_key=False)
        directory = ClaimsDirectory(settings.claims_dir)
        current = directory.current()
        last = live_census(settings).last()
    if settings.claims_dir is None:
        raise click.ClickException("RENT_CLAIMS_DIR is not set, so there are no claims")
    census = last[0] if last and last[0].claims == current.fingerprint else None
    with printed():
        for name in sorted(current.names):
            click.echo("  ".join(_cells(name, directory.note(name), census)))
        click.echo(f"{len(current.names)} claims in {settings.claims_dir}.")


def _cells(name: str, note: str, census: Census | None) -> Iterator[str]:
    yield name
    if census is None:
        yield _NOT_YET
    else:
        yield ", ".join(census.matched.get(digest(name), ())) or _NOTHING
    if note:
        yield f"({note})"
