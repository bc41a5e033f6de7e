"""Sends many requests through nginx with the shipped site to gunicorn with simulated modules.

    .venv/bin/python benchmarks/load.py --hup

Every connection has its own address, because the site limits each address. Half of them send 50 requests,
half send one, and each begins with a TLS handshake. The clients run on the same machine as the server. The
exit status is 1 if a request failed or got a wrong answer. With --kill, an answer may be cut between its
head and its body. Such an answer is lost, because nothing can send it again.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

from modem_simulator import SimulatedBank, live_bank

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from proxies import Application, Caller, Proxy, Refused, nginx
from servers import Server

MOST_SECONDS = 600
MOST_CONNECTIONS = 200


def main() -> int:
    """Send the requests and print the results."""
    options = arguments()
    # A census takes a fifth of a second, so one ends between two disturbances.
    with SimulatedBank(live_bank(64, 0.02)) as bank, TemporaryDirectory() as name:
        directory = Path(name)
        variables = {"RENT_PORTS": bank.ports, "RENT_RUNTIME_DIR": str(directory / "runtime")}
        application = Application(directory, "wsgi:app", **variables)
        try:
            server = application.start()
            with nginx(directory) as proxy:
                return report(hold(options, proxy, server), options.seconds)
        finally:
            application.close()


def arguments() -> argparse.Namespace:
    """Read the command line, and refuse values out of bounds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=int, choices=range(1, MOST_SECONDS + 1), default=20, metavar="N")
    parser.add_argument(
        "--connections", type=int, choices=range(1, MOST_CONNECTIONS + 1), default=8, metavar="C"
    )
    parser.add_argument("--hup", action="store_true", help="reload gunicorn each second")
    parser.add_argument("--kill", action="store_true", help="kill one of gunicorn's workers each second")
    return parser.parse_args()


class Tally:
    """The results of the requests. Any thread may add one."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.answers: Counter[bytes] = Counter()
        self.failures: Counter[str] = Counter()

    def ask(self, caller: Caller) -> None:
        """Send one request and remember how it ended."""
        began = time.monotonic()
        try:
            self.answers[caller.ask()] += 1
        except (OSError, HTTPException, Refused) as error:
            self.failures[f"{type(error).__name__}: {error}"] += 1
            caller.close()
        self.seconds.append(time.monotonic() - began)


def hold(options: argparse.Namespace, proxy: Proxy, server: Server) -> Tally:
    """Keep every connection busy for the time, while the workers are disturbed."""
    tally, over = Tally(), threading.Event()
    tally.ask(Caller(proxy, keepalive=False))

    def stream(number: int) -> None:
        caller = Caller(proxy, keepalive=number % 2 == 0)
        while not over.is_set():
            tally.ask(caller)
        caller.close()

    with ThreadPoolExecutor(options.connections) as callers:
        streams = [callers.submit(stream, number) for number in range(options.connections)]
        each_second(options.seconds, lambda: disturb(server, hup=options.hup, kill=options.kill))
        over.set()
    for ended in streams:
        ended.result()
    return tally


def each_second(seconds: int, action: Callable[[], None]) -> None:
    """Do something at the start of every second but the first."""
    began = time.monotonic()
    for second in range(1, seconds + 1):
        time.sleep(max(0, began + second - time.monotonic()))
        if second < seconds:
            action()


def disturb(server: Server, *, hup: bool, kill: bool) -> None:
    """Reload the workers, or kill the oldest."""
    if hup:
        server.process.send_signal(signal.SIGHUP)
    if kill:
        for worker in server.workers()[:1]:
            os.kill(worker, signal.SIGKILL)


def report(tally: Tally, seconds: int) -> int:
    """Print the figures; returns the exit status."""
    percentiles = statistics.quantiles(tally.seconds, n=100)
    right, *wrong = [count for _, count in tally.answers.most_common()] or [0]
    print(f"requests a second  {len(tally.seconds) / seconds:8.1f}")
    print(f"median             {percentiles[49] * 1000:8.1f} ms")
    print(f"99th percentile    {percentiles[98] * 1000:8.1f} ms")
    print(f"slowest            {max(tally.seconds) * 1000:8.1f} ms")
    print(f"right answers      {right:8}")
    print(f"wrong answers      {sum(wrong):8}")
    print(f"failed requests    {tally.failures.total():8}")
    for failure, count in tally.failures.most_common(5):
        print(f"  {count} times {failure}")
    return int(bool(sum(wrong) or tally.failures or not right))


if __name__ == "__main__":
    sys.exit(main())
