"""Tables without lines around the cells: folded to a terminal's width, and one plain line a row in a pipe."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table


def table_of(*headings: str) -> Table:
    """Return an empty table with these headings. A narrow terminal folds all but the first."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, heading in enumerate(headings):
        table.add_column(heading, overflow="fold", no_wrap=number == 0)
    return table


def print_table(console: Console, table: Table) -> None:
    """Print a table. In a pipe, no line ends with spaces."""
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        console.print(line.rstrip(), soft_wrap=True)
