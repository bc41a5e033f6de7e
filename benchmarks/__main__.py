"""Measures how near the service is to the physical limit, and how far ahead of other programs.

    make bench

Writes benchmarks.md and benchmarks.svg into a directory outside the tree, and prints which bars are met.
Takes about six minutes on two processors; nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import answers
import census
import chart
import claims
import comparison
import starting
import wrk
from figures import Part
from machine import machine
from page import bars_of, written
from progress import Tell, teller

DIRECTORY = Path(tempfile.gettempdir(), "onlinesim-rent-benchmarks")


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
    report = written(machine(), [bars_of(parts), *(table for part in parts for table in part.tables)])
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


if __name__ == "__main__":
    main()
