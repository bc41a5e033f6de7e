"""``onlinesim-rent config``: shows the settings, where each comes from, and what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich.text import Text

from onlinesim_rent.census.claims_directory import ClaimsDirectory
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.configuration_error import ConfigurationError
from onlinesim_rent.console.errors import explained, printed
from onlinesim_rent.console.output import console
from onlinesim_rent.console.port_count import finds_no_port
from onlinesim_rent.console.tables import print_table, table_of
from onlinesim_rent.finding import CensusError
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.modem.ports.holders import cannot_see_all_holders
from onlinesim_rent.networks.home_network import Names
from onlinesim_rent.settings import Settings, environment_of
from onlinesim_rent.settings.environment import Environment, Reading


@dataclass(frozen=True, slots=True)
class Configuration:
    """The effective settings. ``ports_found`` is None if RENT_PORTS is wrong."""

    settings: Sequence[Reading]
    problems: Sequence[str]
    warnings: Sequence[str]
    ports_found: int | None


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--quiet", is_flag=True, help="Print only what is wrong, and the warnings.")
def config(*, as_json: bool, quiet: bool) -> None:
    """Print each setting, where it comes from, and what is wrong.

    No key is printed, only the number of keys. Ends with status 1 if a setting is wrong.

    \b
    Examples:
      onlinesim-rent config            what holds, and why
      onlinesim-rent config --quiet    for scripts: prints nothing if all is right
      RENT_PORTS='/dev/ttyUSB*' onlinesim-rent config
    """  # noqa: D301 - click's \b keeps the lines of the example
    environment = environment_of()
    found = configuration(environment)
    with printed():
        if as_json:
            click.echo(json.dumps(asdict(found), indent=1))
        elif not quiet:
            _print_settings(found.settings)
    if not as_json:
        for warning in found.warnings:
            console(stderr=True).print(Text(warning, "yellow"))
    with explained():
        environment.finish()
    if not (as_json or quiet):
        with printed():
            click.echo(f"The settings are right. Ports found now: {found.ports_found}.")


def configuration(environment: Environment) -> Configuration:
    """Read the settings, and check the files, the directories and the ports that they name.

    ``environment`` collects what is wrong.
    """
    settings = Settings.read(environment)
    wrong = {reading.name for reading in environment.readings() if reading.is_wrong}
    ports_found = None
    warnings = list(environment.unknown("RENT_"))
    with _collected(environment, "RENT_NAMES_FILE"):
        Names.load(settings.names_file)
    if "RENT_CLAIMS_DIR" not in wrong:
        with _collected(environment, "RENT_CLAIMS_DIR"):
            ClaimsDirectory(settings.claims_dir).current()
    if "RENT_RUNTIME_DIR" not in wrong:
        with _collected(environment, "RENT_RUNTIME_DIR"):
            warnings += _warnings_of_disk(settings.runtime_dir)
    warnings += filter(None, [cannot_see_all_holders()])
    if "RENT_PORTS" not in wrong:
        ports_found = len(find_ports(settings.ports))
        warnings += [finds_no_port(settings)] if settings.ports and not ports_found else []
    return Configuration(environment.readings(), environment.problems, warnings, ports_found)


@contextmanager
def _collected(environment: Environment, name: str) -> Iterator[None]:
    """Collect an error of what a setting names as a problem of this setting."""
    try:
        yield
    except (ConfigurationError, CensusError) as error:
        environment.collect(str(error), name)


def _warnings_of_disk(directory: Path) -> Iterator[str]:
    """Warn if the directory is on a disk: a disk that hangs would delay every answer."""
    if not RuntimeDirectory(directory).is_in_memory():
        yield (
            f"RENT_RUNTIME_DIR ({directory}) is not in memory: while its disk hangs, no request is answered. "
            "Name a directory below /run or /dev/shm."
        )


def _print_settings(readings: Sequence[Reading]) -> None:
    table = table_of("SETTING", "VALUE", "FROM")
    for reading in readings:
        origin = f"{reading.origin}: WRONG" if reading.is_wrong else reading.origin
        table.add_row(reading.name, " ".join(reading.value.split()), origin, style=_style(reading))
    print_table(console(), table)


def _style(reading: Reading) -> str:
    if reading.is_wrong:
        return "bold red"
    return "dim" if reading.origin in {"default", "not set"} else ""
