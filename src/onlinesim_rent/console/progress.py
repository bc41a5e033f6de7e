"""Shows how far a census is: how many ports have answered, and the seconds since it began."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from onlinesim_rent.console.output import console


class CensusProgress:
    """A bar on standard error while a census is taken. Without a terminal, it shows nothing."""

    def __init__(self) -> None:
        output = console(stderr=True)
        self._bar = Progress(
            TextColumn("Asking the ports"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=output,
            transient=True,
            disable=not output.is_terminal,
        )
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, found: int, ports: int) -> None:
        """Show that ``found`` of so many ports have a verdict."""
        self._bar.update(self._task, completed=found, total=ports)
