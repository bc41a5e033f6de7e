"""A fleet in virtual time with randomly scheduled faults, and the truth to compare its answers with.

Only time, Redis and the modules are simulated: publishers, fronts, caches and counting are the service's own.
"""
# ruff: noqa: T201 - printing is the purpose of main

from __future__ import annotations

import logging
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from virtual_redis import VirtualExchange, VirtualRedis
from virtual_time import VirtualTime

from onlinesim_rent.census.cache import PROOF_MARGIN_SECONDS, CensusCache
from onlinesim_rent.census.claims import Claims
from onlinesim_rent.census.counting import Census
from onlinesim_rent.finding import CensusError, Finding, Modem, Verdict
from onlinesim_rent.hosts.fleet import Fleet, Own
from onlinesim_rent.hosts.marks import Marks
from onlinesim_rent.hosts.publishing import Publisher
from onlinesim_rent.networks.home_network import Names

if TYPE_CHECKING:
    from virtual_time import Program

MARKS = Marks(b"a secret of the whole fleet, 32 bytes")
CACHE_SECONDS = 5.0
DEADLINE_SECONDS = 8.0
HOSTS = ("pool-1", "pool-2", "pool-3")
MODULES_OF_A_HOST = 4
SHARED = 2
"""How many modules two hosts see, as through one ser2net."""


@dataclass(eq=False)
class Module:
    """A simulated module. ``holder`` is what makes it unavailable; empty if it can be rented."""

    imei: str
    imsi: str
    holder: str = ""


@dataclass
class World:
    """The truth: which SIMs could be rented when."""

    time: VirtualTime
    modules: list[Module]
    claims: set[str] = field(default_factory=set)
    _ended: dict[str, float] = field(default_factory=dict)

    def is_free(self, module: Module) -> bool:
        return bool(module.imsi) and not module.holder and f"imsi-{module.imsi}" not in self.claims

    def change(self, module: Module, **values: str) -> None:
        """Change a module, and remember until when its SIM was free."""
        if self.is_free(module):
            self._ended[module.imsi] = self.time.now
        for name, value in values.items():
            setattr(module, name, value)

    def claim(self, module: Module) -> str:
        if self.is_free(module):
            self._ended[module.imsi] = self.time.now
        name = f"imsi-{module.imsi}"
        self.claims.add(name)
        return name

    def free_within(self, seconds: float) -> int:
        """Return how many SIMs were free at some moment of the last seconds."""
        since = self.time.now - seconds
        free = {module.imsi for module in self.modules if self.is_free(module)}
        return len(free | {imsi for imsi, ended in self._ended.items() if ended >= since})


@dataclass
class Host:
    """One host with its modules, its claims and its publisher."""

    name: str
    world: World
    modules: list[Module]
    exchange: VirtualExchange
    directory: Path
    names: Names
    random: random.Random
    claims: set[str] = field(default_factory=set)
    census_seconds: float = 0.4
    program: Program | None = None

    def start(self) -> None:
        time = self.world.time
        cache = CensusCache(
            self.directory / self.name,
            CACHE_SECONDS,
            self.take,
            record=lambda *_: None,
            claims=lambda: Claims(frozenset(self.claims)).fingerprint,
            clock=time.clock,
        )
        publisher = Publisher(
            self.exchange,
            cache,
            MARKS,
            self.name,
            self.name,
            publish_seconds=self.random.choice([0.0, 10.0]),
            deadline_seconds=DEADLINE_SECONDS,
            release="1",
            clock=time.clock,
            sleep=time.sleep,
        )
        self.program = time.start(publisher.run)

    def kill(self) -> None:
        if self.program and not self.program.is_killed:
            self.world.time.kill(self.program)

    def take(self, deadline: float) -> Census:
        """Take a census: the modules answer one after the other, at the end of it."""
        time = self.world.time
        began = time.now
        time.sleep(self.census_seconds)
        findings = []
        for number, module in enumerate(self.modules):
            time.sleep(0.05)
            modem = Modem(module.imei, module.imsi)
            free = bool(module.imsi) and not module.holder
            verdict = Verdict.AVAILABLE if free else Verdict.IN_USE
            findings.append(Finding(f"/dev/tty{number}", verdict, "", time.now - began, modem))
        claims = Claims(frozenset(self.claims))
        return Census.of(findings, self.names, time.now - began, claims=claims, marker=MARKS)


@dataclass
class Chaos:
    """A fleet of three hosts and two fronts, with faults by a seed."""

    seed: int
    directory: Path
    names: Names
    answers: int = 0
    exact: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    over_counts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.time = VirtualTime()
        self.redis = VirtualRedis(self.time)
        self._sims = iter(range(10**9))
        own = [
            [Module(f"86973{host}{n:09}", self._sim()) for n in range(MODULES_OF_A_HOST)] for host in range(3)
        ]
        # The next host sees some of the modules too.
        seen = [[*own[host], *own[host - 1][:SHARED]] for host in range(3)]
        self.world = World(self.time, [module for modules in own for module in modules])
        self.hosts = [
            Host(
                name,
                self.world,
                modules,
                VirtualExchange(self.redis),
                self.directory,
                self.names,
                self.random,
            )
            for name, modules in zip(HOSTS, seen, strict=True)
        ]
        self.exchanges = [VirtualExchange(self.redis) for _ in range(2)]

    def run(self, faults: int) -> None:
        """Play so many faults, with a pause after each."""
        for host in self.hosts:
            host.start()
        fronts = [
            self.time.start(partial(self._ask_for_ever, number, exchange), after=1.0)
            for number, exchange in enumerate(self.exchanges)
        ]
        self.time.run(self.time.now + 5)
        for _ in range(faults):
            fault = self.random.choice(FAULTS)
            self.faults[fault.__name__] += 1
            fault(self, fronts)
            self.time.run(self.time.now + self.random.choice([0.1, 1.0, 9.0]))
            # Numbers come and go all the time, so that an old answer is a wrong one.
            self.random.choice([Chaos.numbers_are_rented, Chaos.numbers_are_given_back])(self, fronts)
            self.time.run(self.time.now + self.random.choice([0.1, 1.0, 9.0]))
        self._mend()
        self.time.run(self.time.now + 40)
        exact = self.exact
        self.time.run(self.time.now + 20)
        assert self.exact > exact, f"seed {self.seed}: the fleet has not recovered"
        self.time.end()

    def _mend(self) -> None:
        self.redis.is_away = False
        self.redis.call_seconds = 0.001
        for host in self.hosts:
            host.census_seconds = 0.4
            host.exchange.loses_announcements = False
            host.kill()
            host.start()

    def _ask_for_ever(self, number: int, exchange: VirtualExchange) -> None:
        fleet = Fleet(
            exchange,
            MARKS,
            self.names,
            "front",
            None,
            HOSTS if number else (),
            CACHE_SECONDS,
            self.time.clock,
        )
        cache = CensusCache(
            self.directory / f"front-{number}",
            CACHE_SECONDS,
            partial(self._take, fleet),
            record=lambda *_: None,
            clock=self.time.clock,
        )
        while True:
            try:
                census = cache.get(self.time.now + DEADLINE_SECONDS)
            except CensusError as error:
                self.errors[str(error).partition(":")[0]] += 1
            else:
                self._compare(census)
            self.time.sleep(self.random.choice([0.5, 2.0, 4.5]))

    def _take(self, fleet: Fleet, deadline: float) -> Census:
        collecting = fleet.collecting(deadline)
        collecting.sleep = self.time.sleep
        collecting.run()
        return fleet.counted(collecting, Own())

    def _compare(self, census: Census) -> None:
        counted = sum(census.available.values())
        free = self.world.free_within(CACHE_SECONDS + PROOF_MARGIN_SECONDS)
        self.answers += 1
        self.exact += not census.degraded and counted == free
        if counted > free:
            self.over_counts.append(f"seed {self.seed}, at {self.time.now:.1f}: {counted} of {free}")

    # The faults

    def redis_goes_away(self, _: object) -> None:
        self.redis.is_away = True

    def redis_comes_back_empty(self, _: object) -> None:
        self.redis.restart_empty()
        self.redis.is_away = False

    def redis_comes_back(self, _: object) -> None:
        self.redis.is_away = False

    def redis_is_emptied(self, _: object) -> None:
        self.redis.flush()

    def redis_replicates(self, _: object) -> None:
        self.redis.replicate()

    def redis_fails_over(self, _: object) -> None:
        self.redis.fail_over()
        self.redis.is_away = False

    def redis_hangs(self, _: object) -> None:
        self.redis.hangs_until = self.time.now + self.random.choice([0.5, 3.0, 12.0])

    def redis_is_slow(self, _: object) -> None:
        self.redis.call_seconds = self.random.choice([0.001, 0.1, 0.6])

    def a_publisher_is_killed(self, _: object) -> None:
        self._host().kill()

    def a_publisher_starts(self, _: object) -> None:
        host = self._host()
        host.kill()
        host.start()

    def a_publisher_stops_for_a_while(self, _: object) -> None:
        host = self._host()
        if host.program:
            host.program.stopped_until = self.time.now + self.random.choice([0.5, 4.0, 20.0])

    def a_front_stops_for_a_while(self, fronts: list[Program]) -> None:
        self.random.choice(fronts).stopped_until = self.time.now + self.random.choice([0.5, 4.0, 20.0])

    def a_host_is_cut_off(self, _: object) -> None:
        self._host().exchange.is_cut_off_until = self.time.now + self.random.choice([1.0, 9.0])

    def a_front_is_cut_off(self, _: object) -> None:
        self.random.choice(self.exchanges).is_cut_off_until = self.time.now + self.random.choice([1.0, 9.0])

    def announcements_are_lost(self, _: object) -> None:
        host = self._host()
        host.exchange.loses_announcements = not host.exchange.loses_announcements

    def a_census_is_slow(self, _: object) -> None:
        self._host().census_seconds = self.random.choice([0.1, 2.5, 6.0])

    def a_number_is_claimed(self, _: object) -> None:
        host = self._host()
        module = self.random.choice(host.modules)
        host.claims.add(self.world.claim(module))

    def numbers_are_rented(self, _: object) -> None:
        for module in self._host().modules:
            self.world.change(module, holder="held open by another program")

    def numbers_are_given_back(self, _: object) -> None:
        for module in self.world.modules:
            self.world.change(module, holder="")

    def a_sim_moves(self, _: object) -> None:
        """Two modules, perhaps of two hosts, swap SIMs. A claimed one stays: its host may be missing."""
        one, other = self._module(), self._module()
        if not {f"imsi-{one.imsi}", f"imsi-{other.imsi}"} & self.world.claims:
            sims = one.imsi, other.imsi
            self.world.change(one, imsi="")
            self.world.change(other, imsi=sims[0])
            self.world.change(one, imsi=sims[1])

    def a_sim_is_new(self, _: object) -> None:
        self.world.change(self._module(), imsi=self._sim())

    def _host(self) -> Host:
        return self.random.choice(self.hosts)

    def _module(self) -> Module:
        return self.random.choice(self.world.modules)

    def _sim(self) -> str:
        return f"25099{next(self._sims):010}"


FAULTS = [
    Chaos.redis_goes_away,
    Chaos.redis_comes_back_empty,
    *(Chaos.redis_comes_back,) * 3,
    Chaos.redis_is_emptied,
    *(Chaos.redis_replicates,) * 2,
    Chaos.redis_fails_over,
    Chaos.redis_hangs,
    Chaos.redis_is_slow,
    Chaos.a_publisher_is_killed,
    *(Chaos.a_publisher_starts,) * 2,
    Chaos.a_publisher_stops_for_a_while,
    Chaos.a_front_stops_for_a_while,
    Chaos.a_host_is_cut_off,
    Chaos.a_front_is_cut_off,
    Chaos.announcements_are_lost,
    Chaos.a_census_is_slow,
    Chaos.a_number_is_claimed,
    *(Chaos.a_sim_moves,) * 2,
    Chaos.a_sim_is_new,
]


def main() -> None:
    """Play faults with 40 seeds, or with the seeds that the arguments give."""
    logging.disable()
    names = Names.load()
    total: Counter[str] = Counter()
    for seed in map(int, sys.argv[1:] or range(40)):
        with TemporaryDirectory(dir="/dev/shm") as directory:
            chaos = Chaos(seed, Path(directory), names)
            chaos.run(faults=25)
        total.update(
            answers=chaos.answers,
            exact=chaos.exact,
            errors=chaos.errors.total(),
            faults=chaos.faults.total(),
            over_counts=len(chaos.over_counts),
        )
        print(*chaos.over_counts, sep="\n", end="\n" if chaos.over_counts else "")
    print(dict(total))


if __name__ == "__main__":
    main()
