"""Tables without lines around the cells: folded to a terminal's width, and one plain line a row in a pipe."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

LEAST_FOLDED = 20
"""In characters. A column that is folded keeps this width: people cannot read a narrower one."""

_GAP = 2


def table_of(*headings: str) -> Table:
    """Return an empty table with these headings."""
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def print_table(console: Console, table: Table) -> None:
    """Print a table. In a pipe, no line ends with spaces.

    On a terminal, only long cells are folded, and never those of the first column. A terminal that is too
    narrow for that gets two lines a row: the first cell, then the others that are not empty.
    """
    if not console.is_terminal:
        _print_plain(console, table)
    elif _least_width(table) <= console.width:
        for number, column in enumerate(table.columns):
            column.no_wrap = number == 0 or _width(column) <= LEAST_FOLDED
        console.print(table)
    else:
        for record in _records(table):
            console.print(record)


def _print_plain(console: Console, table: Table) -> None:
    columns = [[str(cell) for cell in (column.header, *column.cells)] for column in table.columns]
    widths = [max(map(len, column)) for column in columns]
    for row in zip(*columns, strict=True):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        # Not console.print: of two thousand rows, it would make a wait of a second.
        console.file.write((" " * _GAP).join(cells).rstrip() + "\n")
    console.file.flush()


def _width(column: Column) -> int:
    return max(cell_len(str(cell)) for cell in (column.header, *column.cells))


def _least_width(table: Table) -> int:
    first, *others = map(_width, table.columns)
    return first + sum(_GAP + min(width, LEAST_FOLDED) for width in others)


def _records(table: Table) -> Iterator[Text | Padding]:
    styles = [table.header_style, *(row.style or "" for row in table.rows)]
    columns = [(column.header, *column.cells) for column in table.columns]
    for style, (first, *others) in zip(styles, zip(*columns, strict=True), strict=True):
        yield Text(str(first), style, overflow="fold")
        rest = (" " * _GAP).join(str(cell) for cell in others if cell)
        yield Padding(Text(rest, style, overflow="fold"), (0, 0, 0, _GAP))
