"""How many answers a second the service gives from a kept census, for few ports and for many.

    make bench

Each row has its own gunicorn with the shipped gunicorn.conf.py. The last row is a bare Flask view, which
parses the same body, compares both keys and returns constant bytes. Debian's wrk asks on 16 connections.
The rows take many short turns, and each turn is compared with the bare view in the same round, so a busy
moment of the machine affects all rows alike. Compare the ratios: the figures themselves depend on the
machine, which also runs wrk.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from claims import make_claims

PROJECT = Path(__file__).parents[1]
PORTS = (1, 64, 512, 2000)
BARE = "bare view"
ROUNDS = 21
SECONDS = 1
CONNECTIONS = 16
GOAL = 0.75

# The contract's request, with headers that the marketplace is known to send.
SCRIPT = """
wrk.method = "POST"
wrk.path = "/getServicesRent"
wrk.body = '{"action": "GET_SERVICES", "key": "benchmark-key"}'
wrk.headers["Authorization"] = "Bearer benchmark-key"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept-Encoding"] = "gzip"
done = function(summary, latency, requests)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.stderr:write(string.format("%d %f %f\\n", failed, summary.requests / summary.duration * 1e6,
        latency:percentile(99) / 1e3))
end
"""


class Measured(NamedTuple):
    """The results of wrk for one server."""

    answers_a_second: float
    p99_milliseconds: float


def main() -> None:
    """Print a line for each number of ports, and one for the bare view."""
    if not shutil.which("wrk"):
        print("answers SKIPPED: wrk is not installed; install it with: apt-get install wrk")
        return
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(dir="/dev/shm")))
        script = directory / "request.lua"
        script.write_text(SCRIPT)
        servers = {f"{ports} ports": stack.enter_context(service(ports, directory)) for ports in PORTS}
        servers["and claims"] = stack.enter_context(claimed_service(PORTS[-1], directory))
        servers[BARE] = stack.enter_context(gunicorn("answering:bare()"))
        rows: dict[str, list[Measured]] = {name: [] for name in servers}
        for _ in range(ROUNDS + 1):
            for name, port in servers.items():
                rows[name].append(measure(port, script, SECONDS))
    # The first round only warms up.
    report({name: measured[1:] for name, measured in rows.items()})


def measure(port: int, script: Path, seconds: int) -> Measured:
    """Run wrk for some seconds; any error ends the benchmark."""
    # The first requests wait while gunicorn starts.
    load = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "--timeout", "30s", "-s", str(script)]
    command = ["wrk", *load, f"http://127.0.0.1:{port}"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    failed, answers, p99 = told.split()
    if int(failed):
        raise SystemExit(f"{failed} requests failed or were refused")
    return Measured(float(answers), float(p99))


def report(rows: dict[str, list[Measured]]) -> None:
    """Print the median figures, and their ratio to the bare view in the same round."""
    print(f"{'census of':>12} {'answers/s':>10} {'p99 ms':>8} {'of bare':>8}   goal {GOAL}")
    ratios = {}
    for name, measured in rows.items():
        answers, p99 = (statistics.median(figures) for figures in zip(*measured, strict=True))
        ratios[name] = statistics.median(
            row.answers_a_second / bare.answers_a_second
            for row, bare in zip(measured, rows[BARE], strict=True)
        )
        print(f"{name:>12} {answers:10.0f} {p99:8.1f} {ratios[name]:8.2f}")
    del ratios[BARE]
    print(f"the fewest are {1 - min(ratios.values()) / max(ratios.values()):.0%} below the most   goal 10%")


def service(ports: int, directory: Path, **variables: str) -> AbstractContextManager[int]:
    """Start the service with a ready census of so many ports."""
    runtime = directory / f"{ports}{len(variables)}"
    return gunicorn(
        "answering:service()", RENT_RUNTIME_DIR=str(runtime), BENCHMARK_PORTS=str(ports), **variables
    )


def claimed_service(ports: int, directory: Path) -> AbstractContextManager[int]:
    """Serve a census of so many ports beside many claims on other numbers."""
    return service(ports, directory, RENT_CLAIMS_DIR=str(make_claims(directory)))


@contextmanager
def gunicorn(app: str, **variables: str) -> Iterator[int]:
    """Start gunicorn with the shipped settings, yield its TCP port, and end it with the block."""
    # Requests wait in this socket until gunicorn takes them.
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(PROJECT / "src"), str(PROJECT / "benchmarks")]),
            "RENT_BIND": f"fd://{listener.fileno()}",
            "RENT_API_KEY": "benchmark-key",
            "RENT_PORTS": "/dev/none",
            "RENT_CACHE_SECONDS": "60",
            "RENT_LOG_LEVEL": "warning",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--config", str(PROJECT / "gunicorn.conf.py"), app],
            env=environ | variables,
            pass_fds=[listener.fileno()],
            stdout=subprocess.DEVNULL,
        )
        try:
            yield listener.getsockname()[1]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


if __name__ == "__main__":
    main()
