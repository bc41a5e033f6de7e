"""A whole fleet as processes: a Redis, three publishers with simulated banks, and two gunicorn fronts.

The wall clocks of the hosts are an hour apart. ``python tests/support/fleet_processes.py`` plays random
faults on it, and prints what was answered during each, and the seconds to recover.
"""
# ruff: noqa: T201 - printing is the purpose of main

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

from marketplace import ask
from redis_servers import RedisServer, redis_server
from servers import Lines, assert_tells_no_secret, environment, gunicorn, until

from modem_simulator import SimulatedBank, SimulatedModule
from modem_simulator.banks import PUBLISHED_EXAMPLE, default_bank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from servers import Server

SECRET = "a secret that all hosts of the fleet share"
HOSTS = ("pool-1", "pool-2", "pool-3")
HOUR = 3600
UNION = dict(PUBLISHED_EXAMPLE)
"""What all three hosts have to rent."""

CLOCK = """
import time

real = {name: getattr(time, name) for name in ("time", "time_ns", "clock_gettime")}
time.time = lambda: real["time"]() + OFFSET
time.time_ns = lambda: real["time_ns"]() + OFFSET * 10**9
time.clock_gettime = lambda clock: real["clock_gettime"](clock) + (clock == time.CLOCK_REALTIME) * OFFSET
"""


def modules() -> list[SimulatedModule]:
    """The published example, with one module on two ports, and one SIM in two modules."""
    return [module for module in default_bank() if module.fault not in {"silent", "flood", "hang_up"}]


class Link:
    """A TCP port in front of a socket file. Cut, it drops what is sent, as a firewall does."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._connected = threading.Event()
        self._connected.set()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._connected.clear()

    def mend(self) -> None:
        """Connect again. What was open is lost, as after a time-out."""
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._connected.set()

    def close(self) -> None:
        self.mend()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                server = socket.socket(socket.AF_UNIX)
                try:
                    server.connect(self._path)
                except OSError:
                    client.close()
                    server.close()
                    continue
                self._open.append(server)
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._forward, args=ends, daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while received := source.recv(65536):
                if self._connected.is_set():
                    target.sendall(received)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


class Publisher:
    """An ``onlinesim-rent publish`` process."""

    def __init__(self, variables: dict[str, str]) -> None:
        self._variables = variables
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "onlinesim_rent", "publish"],
            env=environment() | self._variables,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr
        self.log = Lines(self.process.stderr)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal, and return the exit status. It may have ended before."""
        if self.process.poll() is not None:
            return self.process.returncode
        self.send(signal.SIGCONT)
        self.send(number)
        status = self.process.wait(10)
        assert_tells_no_secret(self.log.close(), {SECRET})
        return status


class Processes:
    """The fleet. ``front`` has no ports; ``beside`` is the front on pool-3, which has.

    Pool-2 reaches Redis by ``path_of_pool_2``, or else through ``link``. All others use an address that leads
    to another server after a failover.
    """

    def __init__(
        self,
        directory: Path,
        *,
        redis_options: Sequence[str] = (),
        path_of_pool_2: str = "",
        **variables: str,
    ) -> None:
        self._directory = directory
        self._redis_options = redis_options
        self._path_of_pool_2 = path_of_pool_2
        self._servers = count(1)
        self._given = {"RENT_FLEET_SECRET": SECRET, "RENT_DEADLINE_SECONDS": "1.5", **variables}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def _start(self, stack: ExitStack) -> None:
        enter, directory = stack.enter_context, self._directory
        self.redis: RedisServer = enter(redis_server(self._new_directory(), *self._redis_options))
        self._address = directory / "redis.sock"
        self._lead_to(self.redis)
        self.link = Link(self._address)
        stack.callback(self.link.close)
        bank = modules()
        self.banks = [enter(SimulatedBank(bank[number::3])) for number in range(3)]
        self.publishers = []
        for number in range(3):
            self.publishers.append(Publisher(self._host(number)))
            stack.callback(self.publishers[-1].end)
        self.front: Server = enter(
            gunicorn("wsgi:app", **self._variables("front"), RENT_HOSTS=" ".join(HOSTS))
        )
        self.beside: Server = enter(gunicorn("wsgi:app", **self._host(2)))
        for publisher in self.publishers:
            publisher.log.until("publishes as")

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def replicate(self) -> None:
        """Start a replica of Redis. It has all the data of now, and nothing that comes later."""
        # Otherwise the primary waits for more replicas.
        self.redis.client.config_set("repl-diskless-sync-delay", 0)
        primary = Link(self.redis.socket)
        self._stack.callback(primary.close)
        options = ("--replicaof", f"127.0.0.1 {primary.port}")
        self._replica = self._stack.enter_context(redis_server(self._new_directory(), *options))
        until(lambda: self._replica.client.info("replication")["master_link_status"] == "up")
        primary.cut()

    def fail_over(self) -> None:
        """Let the replica take over: it may be written to, and the address leads to it."""
        self._replica.client.replicaof("NO", "ONE")
        self.redis = self._replica
        self._lead_to(self.redis)

    def _lead_to(self, server: RedisServer) -> None:
        new = self._directory / "new.sock"
        new.symlink_to(server.socket)
        new.replace(self._address)

    def _new_directory(self) -> Path:
        directory = self._directory / f"redis-{next(self._servers)}"
        directory.mkdir()
        return directory

    def _variables(self, name: str) -> dict[str, str]:
        return self._given | {
            "RENT_API_KEY": "secret-key",
            "RENT_REDIS_URL": f"unix://{self._address}",
            "RENT_HOST_NAME": name,
            "RENT_RUNTIME_DIR": str(self._directory / name),
            "WEB_CONCURRENCY": "1",
        }

    def _host(self, number: int) -> dict[str, str]:
        """pool-1 is an hour behind and pool-3 an hour ahead; pool-2 reaches Redis through the link."""
        site = self._directory / f"site-{number}"
        site.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(CLOCK.replace("OFFSET", f"({(number - 1) * HOUR})"))
        paths = os.pathsep.join([str(site), environment()["PYTHONPATH"]])
        given = self._variables(HOSTS[number]) | {"RENT_PORTS": self.banks[number].ports, "PYTHONPATH": paths}
        path = self._path_of_pool_2 or f"redis://127.0.0.1:{self.link.port}"
        return given | ({"RENT_REDIS_URL": path} if number == 1 else {})


def counted(server: Server) -> int | str:
    """Return how many numbers a front answers, or its error."""
    document = json.loads(ask(server).body)
    if document["status"] != "SUCCESS":
        return str(document["error"])
    return sum(country["operatorMap"]["any"]["rent"] for country in document["countryList"])


def own(fleet: Processes, number: int) -> int:
    """Return how many numbers one host shows, as the union counts them."""
    return len({module.imsi for module in modules()[number::3] if module.live})


# The faults, as (begin, end) for the play of main


def faults(fleet: Processes) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    publisher = fleet.publishers[0]

    def kill_worker() -> None:
        os.kill(fleet.front.workers()[0], signal.SIGKILL)

    def kill_primary() -> None:
        fleet.replicate()
        fleet.redis.kill()

    return {
        "Redis is killed": (fleet.redis.kill, fleet.redis.start),
        "Redis fails over to a replica": (kill_primary, fleet.fail_over),
        "Redis is stopped": (fleet.redis.stop, fleet.redis.go_on),
        "a publisher is killed": (publisher.end, publisher.start),
        "a publisher is stopped": (
            lambda: publisher.send(signal.SIGSTOP),
            lambda: publisher.send(signal.SIGCONT),
        ),
        "a host is cut off": (fleet.link.cut, fleet.link.mend),
        "Redis is full": (
            lambda: fleet.redis.client.config_set("maxmemory", "1mb"),
            lambda: fleet.redis.client.config_set("maxmemory", 0),
        ),
        "Redis is read-only": (
            lambda: fleet.redis.client.replicaof("127.0.0.1", 1),
            lambda: fleet.redis.client.replicaof("NO", "ONE"),
        ),
        "Redis is emptied": (fleet.redis.client.flushall, lambda: None),
        "a front's worker is killed": (kill_worker, lambda: None),
    }


def play(fleet: Processes, names: Iterator[str]) -> None:
    """Play faults one after the other, and print what came of each."""
    whole = sum(UNION.values())
    seconds: dict[str, list[float]] = defaultdict(list)
    during: dict[str, set[str]] = defaultdict(set)
    over = 0
    for name in names:
        begin, end = faults(fleet)[name]
        begin()
        time.sleep(0.6)
        for server in (fleet.front, fleet.beside):
            began = time.monotonic()
            answer = answered(server)
            took = time.monotonic() - began
            over += isinstance(answer, int) and answer > whole
            where = "front" if server is fleet.front else "host with ports"
            during[name].add(f"{where}: {answer} in {'2' if took > 1.3 else '1' if took > 0.7 else '0.1'} s")
        end()
        seconds[name].append(
            until(lambda: answered(fleet.front) == whole == answered(fleet.beside), seconds=60)
        )
    for name, times in seconds.items():
        print(f"{name}: {len(times)} times, recovered in {min(times):.1f} to {max(times):.1f} s")
        for line in sorted(during[name]):
            print(f"    {line}")
    print(f"{sum(map(len, seconds.values()))} faults, over-counts: {over}")


def answered(server: Server) -> int | str:
    try:
        return counted(server)
    except OSError as error:
        return type(error).__name__


def main() -> None:
    """Play each fault as often as the first argument says, in a random order."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    with TemporaryDirectory() as directory, Processes(Path(directory), RENT_CACHE_SECONDS="0.3") as fleet:
        until(lambda: answered(fleet.front) == sum(UNION.values()))
        names = [name for name in faults(fleet) for _ in range(times)]
        random.Random(1).shuffle(names)
        play(fleet, iter(names))


if __name__ == "__main__":
    main()
