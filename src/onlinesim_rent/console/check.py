"""``onlinesim-rent check``: tells whether an endpoint is right, before the marketplace does."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click
from rich.text import Text

from onlinesim_rent.clock import boot_clock
from onlinesim_rent.configuration_error import ConfigurationError
from onlinesim_rent.conformance.asking import Progress
from onlinesim_rent.conformance.client import Endpoint
from onlinesim_rent.conformance.endpoint_url import checked_url
from onlinesim_rent.conformance.examination import examine
from onlinesim_rent.conformance.junit import junit
from onlinesim_rent.conformance.questions import Question
from onlinesim_rent.conformance.report import Report, lines
from onlinesim_rent.conformance.result import Outcome
from onlinesim_rent.conformance.secret import Secret
from onlinesim_rent.console.errors import printed
from onlinesim_rent.console.output import console
from onlinesim_rent.networks.home_network import Names
from onlinesim_rent.settings import api_keys, names_file
from onlinesim_rent.settings.values import keys_in

KEY_VARIABLES = {"RENT_API_KEY", "RENT_API_KEY_FILE"}

_STYLES = {
    Outcome.PASSED: "green",
    Outcome.WARNING: "yellow",
    Outcome.FAILED: "bold red",
    Outcome.SKIPPED: "dim",
}
_MARGIN = max(map(len, Outcome)) + 2


@click.command()
@click.argument("url")
@click.option(
    "--key-file",
    type=click.File("rb"),
    metavar="FILE",
    help="Read the key from FILE; - is standard input. Otherwise RENT_API_KEY or RENT_API_KEY_FILE holds it, "
    "or a terminal is asked for it.",
)
@click.option(
    "--ca-file",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Trust the certificates in FILE too.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=15.0,
    show_default=True,
    metavar="SECONDS",
    help="Wait so long for each answer.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option(
    "--junit",
    "junit_file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Write the report to FILE as JUnit XML too.",
)
def check(
    *,
    url: str,
    key_file: BinaryIO | None,
    ca_file: str | None,
    timeout: float,
    as_json: bool,
    junit_file: Path | None,
) -> None:
    """Ask the endpoint at URL as the marketplace does, and judge it.

    Each rule of the contract has a line in the report. Ends with status 0 if no rule is broken (warnings do
    not count), 1 if one is, 2 if the command is wrong. It sends 45 requests, 30 of them at once.

    \b
    Examples:
      onlinesim-rent check https://rent.example.com/getServicesRent
      onlinesim-rent check --key-file KEY --junit check.xml http://127.0.0.1:8000/getServicesRent
    """  # noqa: D301 - click's \b keeps the lines of the example
    begun = boot_clock()
    with _usage():
        secret = Secret(_key(key_file))
        if secret.is_in(url):
            raise ValueError(
                "the URL holds the key; the marketplace sends the key in a header and in the body"
            )
        endpoint = Endpoint(_url(url), secret, timeout, ca_file)
        known = Names.load(names_file()).operators
        _trust(endpoint)
    with _progress() as progress:
        report = examine(endpoint, known, time.time(), progress)
    if junit_file:
        _write(junit_file, junit(report, boot_clock() - begun))
    with printed():
        _print(report, as_json=as_json)
    sys.exit(1 if report.failed else 0)


@contextmanager
def _usage() -> Iterator[None]:
    """Show a wrong argument or setting as wrong usage (status 2)."""
    try:
        yield
    except (ConfigurationError, ValueError) as error:
        raise click.UsageError(str(error)) from error


def _url(text: str) -> str:
    try:
        return checked_url(text)
    except ValueError as error:
        raise ValueError(f"the URL cannot be asked: {error}") from None


def _key(file: BinaryIO | None) -> str:
    """Return the first key of the file, of the environment or of a prompt. Raises ValueError."""
    if file:
        try:
            return keys_in(file.read().decode("utf-8-sig"), "--key-file")[0]
        except UnicodeDecodeError:
            raise ValueError("--key-file is not UTF-8") from None
    if any(os.environ.get(name) for name in KEY_VARIABLES):
        return api_keys()[0]
    if not sys.stdin.isatty():
        raise ValueError("there is no key: set RENT_API_KEY or RENT_API_KEY_FILE, or name --key-file")
    return keys_in(click.prompt("Key", hide_input=True, err=True), "the prompt")[0]


def _trust(endpoint: Endpoint) -> None:
    """Load the certificates. Raises ValueError."""
    try:
        _ = endpoint.trust
    except OSError:
        raise ValueError("--ca-file holds no certificate in PEM that can be read") from None


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """Tell on a terminal which question is asked; a pipe gets nothing."""
    errors = console(stderr=True)
    if not errors.is_terminal:
        yield None
        return
    with errors.status("Asking") as status:

        def show(number: int, total: int, question: Question) -> None:
            status.update(f"Asking {number} of {total}: {question.name}")

        yield show


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from error


def _print(report: Report, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report.document(), indent=1))
        return
    output = console()
    for outcome, text in lines(report):
        words = Text.assemble(
            ((outcome or "").ljust(_MARGIN), _STYLES[outcome] if outcome else ""),
            (text, "" if outcome else "dim"),
        )
        # The terminal itself breaks a long line, so that a command can be copied whole.
        output.print(words, soft_wrap=True)
    output.print(report.summary(), soft_wrap=True)
