"""The page that shows the figures: docs/benchmarks.md holds the latest one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from figures import Part, Table

HEAD = """# Benchmarks

`make bench` measures all of this again, in about six minutes, and writes this page and its chart into a
directory outside the tree. Let nothing else run meanwhile. Compare the ratios: the seconds depend on the
machine.

This run: {machine}. The modules are simulated, in a process beside the service, on the same processors.

![A census against the floor, and against other programs](benchmarks.svg)

"""

TAIL = """
## Where the time goes

- **A large bank on pseudo-terminals or serial lines.** First all ports are found and looked at, which takes
  about 25 us a port. Then a thread opens one port after the other and sends the first command, which takes
  about 90 us a port: 60 us are the opening, most of it in pyserial and the kernel. The last port begins so
  much later, and so the census ends so much later. TCP ports are quicker to connect. Opening sooner would
  need fewer system calls than pyserial makes; more threads do not help, because they share one interpreter.
- **Short latencies.** A module costs about 0.4 ms of one processor. If a bank's modules together cost more
  than the floor, the census takes as long as the processor does.
- **Silent ports.** A port gets 0.9 s for each of three AT: an autobauding module misses the first ones.
- **python-gsmmodem-new** sends 31 commands before it is ready, and a census sends 7. So it takes at least
  4.4 times as long as a census that costs nothing, and 5 times cannot be reached with healthy modules.
- **gammu** needs about 0.4 s for each command until it knows the model, whatever the latency.
- **Answers from a kept census** swing by a tenth from run to run, and so does p99. They cost 35 to 40 us
  more than the bare view. A quarter of that is the check that the census is still the newest; the rest are
  headers, counters, and the checks of the request.
"""


def written(machine: str, tables: Iterable[Table]) -> str:
    """Return the page in Markdown."""
    return HEAD.format(machine=machine) + "\n".join(table.markdown for table in tables) + TAIL


def bars_of(parts: Sequence[Part]) -> Table:
    """Return the table of all bars."""
    bars = [bar for part in parts for bar in part.bars]
    notes = "What the project wants to reach, and what this run measured."
    return Table("Bars", notes, ["bar", "measured", "met"], [bar.row for bar in bars])
