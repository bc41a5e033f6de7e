"""Tables on terminals of every width, and in a pipe."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from onlinesim_rent.console.output import WHOLE_LINES
from onlinesim_rent.console.tables import print_table, table_of

PORT = "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1.4:1.0-port0"
REASON = "hung up while it was asked: the device is gone or has restarted"


def printed(width: int, *, is_terminal: bool = True) -> list[str]:
    table = table_of("PORT", "COUNTRY", "VERDICT", "REASON", "SECONDS")
    table.add_row(PORT, "", "not registered", REASON, "0.07")
    table.add_row("/dev/ttyUSB1", "russia", "available", "", "3.04", style="green")
    console = Console(
        file=StringIO(), width=width, force_terminal=is_terminal, color_system=None, markup=False
    )
    print_table(console, table)
    return console.file.getvalue().splitlines()


def test_a_wide_terminal_gets_one_line_a_row() -> None:
    heading, first, second = printed(200)
    assert heading.split() == ["PORT", "COUNTRY", "VERDICT", "REASON", "SECONDS"]
    assert first.startswith(PORT)
    assert REASON in first
    assert second.split() == ["/dev/ttyUSB1", "russia", "available", "3.04"]


def test_only_the_long_cells_are_folded() -> None:
    heading, first, *rest, last = printed(125)
    assert heading.split() == ["PORT", "COUNTRY", "VERDICT", "REASON", "SECONDS"]
    assert first.startswith(f"{PORT}           not registered  hung up while it was")
    assert all(line.strip() in REASON for line in rest)
    assert last.split() == ["/dev/ttyUSB1", "russia", "available", "3.04"]


def test_a_narrow_terminal_gets_two_lines_a_row() -> None:
    lines = [line.rstrip() for line in printed(100)]
    assert lines == [
        "PORT",
        "  COUNTRY  VERDICT  REASON  SECONDS",
        PORT,
        f"  not registered  {REASON}  0.07",
        "/dev/ttyUSB1",
        "  russia  available  3.04",
    ]


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 100, 110, 120, 130, 160])
def test_no_terminal_is_too_narrow_for_a_whole_cell(width: int) -> None:
    lines = printed(width)
    assert all(len(line) <= width for line in lines)
    shown = "".join("".join(lines).split())
    assert PORT in shown
    for word in ("not registered", "available", "3.04"):
        assert word.replace(" ", "") in shown


def test_a_pipe_gets_whole_lines_without_spaces_at_their_ends() -> None:
    lines = printed(WHOLE_LINES, is_terminal=False)
    assert len(lines) == 3
    assert [line for line in lines if line != line.rstrip()] == []
    assert lines[1].endswith(f"{REASON}  0.07")
