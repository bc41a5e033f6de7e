"""A front that counts many hosts: seconds, memory and bytes, for 1 to 1,000 hosts of 64 modules.

    make hosts

Redis is real, and so is the front. The publishers are simulated: one process answers for all of them, one
after the other, with modules that no other host shows. So the seconds are those of Redis and of counting; a
real host takes the time of its own census before. Needs redis-server.
"""

from __future__ import annotations

import multiprocessing
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import redis

from onlinesim_rent.census.cache import CensusCache
from onlinesim_rent.census.counting import Census
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.finding import Finding, Modem, Verdict
from onlinesim_rent.hosts.answer import Answer, written
from onlinesim_rent.hosts.fleet import Fleet
from onlinesim_rent.hosts.marks import Marks
from onlinesim_rent.hosts.redis_exchange import RedisExchange
from onlinesim_rent.networks.home_network import Names

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Event

HOSTS = (1, 10, 100, 1000)
MODULES = 64
ROUNDS = 5
DEADLINE_SECONDS = 9.5
CACHE_SECONDS = 5.0
MARKS = Marks(b"a secret that all hosts of the fleet share")
NETWORKS = ("25099", "25002", "25501", "25503", "25506")


def main() -> None:
    """Print a row for each number of hosts."""
    print("hosts  modules  seconds (worst)   counting  front's memory    Redis' memory    bytes to the front")
    for hosts in HOSTS:
        with TemporaryDirectory(prefix="onlinesim-rent-") as name, redis_server(Path(name)) as url:
            print(row(hosts, measured(hosts, url, Path(name))), flush=True)


def row(hosts: int, result: dict[str, float]) -> str:
    """Return the line of one measurement."""
    return (
        f"{hosts:5}  {hosts * MODULES:7}  {result['median']:7.2f} ({result['worst']:.2f})   "
        f"{result['counting']:6.2f} s  {result['memory']:10.0f} MB  {result['redis']:10.1f} MB  "
        f"{result['bytes']:14,.0f} ({result['bytes'] / hosts:,.0f} a host)"
    )


def measured(hosts: int, url: str, directory: Path) -> dict[str, float]:
    """Let a new process be the front, so that its memory is its own."""
    context = multiprocessing.get_context("spawn")
    ready, results = context.Event(), context.Queue()
    publishers = context.Process(target=publish, args=(hosts, url, ready), daemon=True)
    publishers.start()
    ready.wait(120)
    front = context.Process(target=ask, args=(hosts, url, str(directory), results), daemon=True)
    front.start()
    result: dict[str, float] = results.get(timeout=300)
    front.join()
    publishers.terminate()
    publishers.join()
    return result


def publish(hosts: int, url: str, ready: Event) -> None:
    """Answer every number for all hosts."""
    exchange = RedisExchange(url, "benchmark")
    names = Names.load()
    censuses = {f"pool-{number}": census(number, names) for number in range(hosts)}
    exchange.listen()
    with redis.Redis.from_url(url) as client:
        # One process cannot renew so many names in time: they stay.
        client.mset({f"benchmark:name:{host}": "benchmark" for host in censuses})
        client.zadd("benchmark:seen", dict.fromkeys(censuses, client.time()[0]))
    ready.set()
    last = None
    while True:
        asked = exchange.asked()
        if asked and asked.raised != last:
            last = asked.raised
            for host, each in censuses.items():
                answer = Answer.of(host, asked.raised, each, 0.0)
                exchange.store(host, asked.raised, written(answer, MARKS, "1.0.0"), 60)
        exchange.wait(1.0)


def census(host: int, names: Names) -> Census:
    """Return a host's census: all its modules can be rented, but for one that is silent."""
    first = host * MODULES
    findings = [
        Finding(
            f"/dev/serial/by-path/pci-0000:00:14.0-usb-0:2.{number // 8}.{number % 8}:1.2-port0",
            Verdict.AVAILABLE,
            "answered all checks",
            0.4,
            Modem(f"8697310{serial:08}", f"{NETWORKS[serial % len(NETWORKS)]}{serial:010}"),
        )
        for number, serial in enumerate(range(first, first + MODULES))
    ]
    return Census.of(findings, names, 0.5, marker=MARKS)


def ask(hosts: int, url: str, directory: str, results: Queue[dict[str, float]]) -> None:
    """Be a front: take some censuses, and insist that each is whole."""
    fleet = Fleet(RedisExchange(url, "benchmark"), MARKS, Names.load(), "front", None, (), CACHE_SECONDS)
    counting: list[float] = []
    seconds = []
    for number in range(ROUNDS):
        # Each census has a directory of its own, so that none is answered again.
        directory_of_it = Path(directory, f"front-{number}")
        cache = CensusCache(directory_of_it, CACHE_SECONDS, fleet.take, record=lambda *_: None)
        began = time.perf_counter()
        taken = cache.get(boot_clock() + DEADLINE_SECONDS)
        seconds.append(time.perf_counter() - began)
        counting.append(seconds[-1] - taken.seconds)
        if sum(taken.available.values()) != hosts * MODULES:
            raise SystemExit(f"{sum(taken.available.values())} of {hosts * MODULES}: {taken.degraded[:200]}")
    seconds.sort()
    exchanged = fleet.exchange.answers([f"pool-{number}" for number in range(hosts)])
    results.put(
        {
            "median": seconds[len(seconds) // 2],
            "worst": seconds[-1],
            "counting": max(counting),
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "redis": used_memory(url) / 2**20,
            "bytes": sum(map(len, exchanged.values())),
        }
    )


def used_memory(url: str) -> int:
    """Return the bytes that Redis uses now."""
    command = ["redis-cli", "-s", url.removeprefix("unix://"), "info", "memory"]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(dict(line.split(":") for line in told.stdout.splitlines() if ":" in line)["used_memory"])


@contextmanager
def redis_server(directory: Path) -> Iterator[str]:
    """Start a Redis on a socket file."""
    socket = directory / "redis.sock"
    command = [
        "redis-server",
        "--port",
        "0",
        "--unixsocket",
        str(socket),
        "--save",
        "",
        "--dir",
        str(directory),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            time.sleep(0.01)
        yield f"unix://{socket}"
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
