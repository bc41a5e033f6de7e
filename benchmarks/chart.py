"""Draws the figures: a census against the floor, and against peers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from banks import TCP
from census import LATENCIES, SIZES, TRANSPORTS, Cost
from figures import Spread
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator


def draw(costs: Sequence[Cost], peers: Mapping[str, Spread], path: Path) -> None:
    """Write the chart as SVG. ``peers`` gives each program's seconds for one bank."""
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_ratios(left, [cost for cost in costs if not cost.bank.silent])
    _draw_peers(right, peers)
    # No date and fixed names, so that equal figures give equal files.
    figure.savefig(path, format="svg", metadata={"Date": None})


def _draw_ratios(axes: Axes, costs: Sequence[Cost]) -> None:
    for transport in TRANSPORTS:
        for number, latency in enumerate(LATENCIES):
            line = [cost for cost in costs if cost.bank[1:3] == (latency, transport)]
            axes.plot(
                [cost.bank.size for cost in line],
                [cost.ratio.median for cost in line],
                marker="o",
                markersize=3,
                color=f"C{number}",
                linestyle="dashed" if transport == TCP else "solid",
                label=f"{latency * 1000:g} ms, {transport}",
            )
    axes.set(xscale="log", yscale="log", xlabel="modules", ylabel="times the floor")
    axes.set_title("Seconds of a census, as a multiple\nof one module's dialogue")
    axes.set_xticks(SIZES, [f"{size:,}" for size in SIZES], rotation=45)
    axes.set_yticks([1, 1.5, 2, 3, 5, 10, 20, 40])
    axes.yaxis.set_major_formatter("{x:g}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")


def _draw_peers(axes: Axes, peers: Mapping[str, Spread]) -> None:
    names, spreads = [name.replace(", ", ",\n") for name in peers], list(peers.values())
    bars = axes.barh(names, [spread.median for spread in spreads], color="C0")
    axes.bar_label(bars, [f"{spread.median:.1f} s" for spread in spreads], padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.set(xlabel="seconds")
    axes.set_title("64 modules at 50 ms a reply,\neach program started anew")
