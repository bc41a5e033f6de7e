"""Asks a server as fast as it answers, with Debian's wrk."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

from served import BODY, HEADERS, Served

CONNECTIONS = 16
NEEDED = "wrk is not installed; install it with: apt-get install wrk"

# The contract's request, with headers that the marketplace is known to send.
SCRIPT = f"""
wrk.method = "POST"
wrk.path = "/getServicesRent"
wrk.body = '{BODY}'
wrk.headers["Authorization"] = "{HEADERS["Authorization"]}"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept-Encoding"] = "gzip"

done = function(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.stderr:write(string.format("%d %d %f %f %f\\n", failed, summary.requests,
        summary.requests / summary.duration * 1e6,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


class Answers(NamedTuple):
    """What one run of wrk found: the answers, how many a second, and milliseconds for each."""

    total: int
    a_second: float
    p50: float
    p99: float


def is_installed() -> bool:
    """Whether wrk can be had."""
    return shutil.which("wrk") is not None


def ask(url: str, seconds: int, directory: Path, server: Served | None = None) -> Answers:
    """Ask for some seconds on 16 connections; any error ends the benchmark.

    With ``server``, all its workers begin together.
    """
    script = directory / "request.lua"
    script.write_text(SCRIPT)
    # The first requests wait while gunicorn starts.
    load = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "--timeout", "30s", "-s", str(script)]
    command = [shutil.which("wrk") or "wrk", *load, url]
    with server.stopped_until(CONNECTIONS) if server else nullcontext():
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    failed, total, *figures = process.communicate()[1].split()
    if int(failed):
        raise SystemExit(f"{failed} requests to {url} failed or were refused")
    return Answers(int(total), *map(float, figures))
