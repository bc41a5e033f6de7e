"""Prints a census on standard output: a table and what to do, or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import compress

import click
from rich.text import Text

from onlinesim_rent.census.attention import by_attention
from onlinesim_rent.census.counting import Census, PortReport
from onlinesim_rent.console.census_report import (
    DETAIL_HEADINGS,
    HEADINGS,
    attention_lines,
    attentions,
    cells,
    detail_cells,
    detail_document,
    details_elsewhere,
    summary,
)
from onlinesim_rent.console.errors import printed
from onlinesim_rent.console.output import console
from onlinesim_rent.console.tables import print_table, table_of
from onlinesim_rent.finding import Verdict
from onlinesim_rent.modem.details import Details


@dataclass(frozen=True, slots=True)
class Options:
    """What to show of a census: without ``ports``, all of them. ``watch`` is the pause between two, in s."""

    ports: tuple[str, ...]
    as_json: bool
    details: bool
    full: bool
    watch: float | None


@dataclass(frozen=True, slots=True)
class ShownCensus:
    """A census, its age in seconds, those of its ports that are shown, and the details of their modules.

    ``others`` are the hosts that alone can tell the details of their own modules.
    """

    census: Census
    age: float
    reports: Sequence[PortReport]
    details: Mapping[str, Details] = field(default_factory=dict)
    others: Sequence[str] = ()

    @property
    def is_available(self) -> bool:
        """Whether one of the shown ports is available."""
        return any(report.verdict is Verdict.AVAILABLE for report in self.reports)


def print_census(shown: ShownCensus, options: Options) -> None:
    """Print a census. If it cannot be written, the command ends with an error."""
    with printed():
        if options.as_json:
            _print_json(shown, options)
        else:
            _print_table(by_attention(shown.reports))
            _print_details(shown.details, is_full=options.full)
            _print_attention(shown.reports)
            _print_line(Text(summary(shown.census, shown.age), "bold"))
    if shown.others:
        click.echo(details_elsewhere(shown.others), err=True)


def _print_json(shown: ShownCensus, options: Options) -> None:
    """Print a list of the ports; in a watch, each list is one line."""
    documents = [asdict(report) for report in shown.reports]
    for document in documents if options.details else ():
        found = shown.details.get(document["port"])
        document["details"] = found and detail_document(found, is_full=options.full)
    click.echo(json.dumps(documents, indent=1 if options.watch is None else None))


def _print_table(reports: Sequence[PortReport]) -> None:
    rows = [cells(report) for report in reports]
    shown = [any(column) for column in zip(*rows, strict=True)] if rows else [True] * len(HEADINGS)
    table = table_of(*compress(HEADINGS, shown))
    for report, row in zip(reports, rows, strict=True):
        table.add_row(*compress(row, shown), style="green" if report.verdict is Verdict.AVAILABLE else "")
    print_table(console(), table)


def _print_details(details: Mapping[str, Details], *, is_full: bool) -> None:
    if details:
        click.echo()
        table = table_of(*DETAIL_HEADINGS)
        for port, told in details.items():
            table.add_row(*detail_cells(port, told, is_full=is_full))
        print_table(console(), table)


def _print_attention(reports: Sequence[PortReport]) -> None:
    for attention in attentions(reports):
        *reasons, advice = attention_lines(attention)
        click.echo()
        for line in reasons:
            _print_line(Text(line, "bold yellow"))
        _print_line(Text(advice))
    click.echo()


def _print_line(line: Text) -> None:
    output = console()
    output.print(line, soft_wrap=not output.is_terminal)
