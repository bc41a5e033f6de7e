"""Figures measured several times, and the tables that show them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self


class Spread(NamedTuple):
    """The median, the least and the most of several measurements."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> Self:
        """Return the spread of at least one figure."""
        ordered = sorted(figures)
        return cls(statistics.median(ordered), ordered[0], ordered[-1])

    def written(self, form: str) -> str:
        """Write each figure in a form of ``format()``: ``1.04 (1.02 to 1.09)``."""
        return f"{self.median:{form}} ({self.least:{form}} to {self.most:{form}})"


class Bar(NamedTuple):
    """A goal, the figure that was measured, and whether it is met."""

    goal: str
    measured: str
    is_met: bool

    @property
    def row(self) -> tuple[str, str, str]:
        """The bar's row in a table."""
        return self.goal, self.measured, "yes" if self.is_met else "**no**"


class Table(NamedTuple):
    """A table of written figures, with what a reader must know of them."""

    title: str
    notes: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def markdown(self) -> str:
        """The table in GitHub's Markdown; every column but the first is for figures."""
        rule = ["---", *["---:"] * (len(self.head) - 1)]
        lines = (f"| {' | '.join(cells)} |" for cells in (self.head, rule, *self.rows))
        return "\n".join([f"## {self.title}", "", self.notes, "", *lines, ""])


class Part(NamedTuple):
    """What one part of the benchmark has measured."""

    tables: Sequence[Table]
    bars: Sequence[Bar] = ()


def slope(points: Iterable[tuple[float, float]]) -> float:
    """Return the slope of the straight line that fits the points best (least squares)."""
    return statistics.linear_regression(*zip(*points, strict=True)).slope
