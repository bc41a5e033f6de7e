"""Measures how near the service is to the physical limit, and how far ahead of other programs.

    make bench

Writes benchmarks.md and benchmarks.svg into a directory outside the tree, and prints which bars are met.
Takes about six minutes on two processors; nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import answers
import census
import chart
import claims
import comparison
import starting
import wrk
from figures import Bar, Part, Table
from machine import machine
from progress import Tell, teller

DIRECTORY = Path(tempfile.gettempdir(), "onlinesim-rent-benchmarks")
HEAD = """# Benchmarks

`make bench` measures all of this again, in about six minutes, and writes this page and its chart into a
directory outside the tree. Let nothing else run meanwhile. Compare the ratios: the seconds depend on the
machine.

This run: {machine}. The modules are simulated, in a process beside the service, on the same processors.

![A census against the floor, and against other programs](benchmarks.svg)

"""


def main() -> None:
    """Measure everything, and write the report."""
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    options.add_argument("--into", type=Path, default=DIRECTORY, metavar="DIRECTORY")
    directory: Path = options.parse_args().into
    directory.mkdir(parents=True, exist_ok=True)
    tell = teller()
    costs = census.measured(tell)
    peers = comparison.measured(tell)
    parts = [census.part(costs), comparison.part(peers), *_others(tell)]
    report = written(parts)
    (directory / "benchmarks.md").write_text(report)
    chart.draw(costs, comparison.seconds(peers), directory / "benchmarks.svg")
    tell(f"written: {directory}/benchmarks.md and benchmarks.svg")
    print(bars_of(parts).markdown)


def _others(tell: Tell) -> Iterator[Part]:
    """Yield the parts that are neither in the chart nor in need of other programs than wrk and nginx."""
    yield claims.part(tell)
    if wrk.is_installed():
        has_nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin") is not None
        if not has_nginx:
            tell("answers through nginx SKIPPED: install it with: apt-get install nginx")
        yield answers.warm(tell, has_nginx=has_nginx)
    else:
        tell(f"answers from a kept census SKIPPED: {wrk.NEEDED}")
    yield answers.cold(tell)
    yield starting.start(tell)
    yield starting.memory(tell)


def written(parts: Sequence[Part]) -> str:
    """Return the report in Markdown."""
    tables = [bars_of(parts), *(table for part in parts for table in part.tables)]
    return HEAD.format(machine=machine()) + "\n".join(table.markdown for table in tables)


def bars_of(parts: Sequence[Part]) -> Table:
    """Return the table of all bars."""
    bars: list[Bar] = [bar for part in parts for bar in part.bars]
    notes = "What the project wants to reach, and what this run measured."
    return Table("Bars", notes, ["bar", "measured", "met"], [bar.row for bar in bars])


if __name__ == "__main__":
    main()
