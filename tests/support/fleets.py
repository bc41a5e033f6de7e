"""A fleet in the test's own process: publishers in threads, and a front, on a real Redis."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Self

from lines import CENSUS_SECONDS
from servers import until

from onlinesim_rent.census.cache import CensusCache
from onlinesim_rent.census.claims import Claims
from onlinesim_rent.census.counting import Census
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.finding import Finding, Modem, Verdict
from onlinesim_rent.hosts.fleet import Fleet
from onlinesim_rent.hosts.marks import Marks
from onlinesim_rent.hosts.publishing import Publisher
from onlinesim_rent.hosts.redis_exchange import RedisExchange
from onlinesim_rent.networks.home_network import Names

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SECRET = b"a secret that all hosts of the fleet share"
MARKS = Marks(SECRET)
NAMES = Names.load()
PREFIX = "onlinesim-rent"


def modems(numbers: Iterable[int]) -> list[Modem]:
    """Return modules of Beeline. Each number is another one."""
    return [Modem(f"8697310{number:08}", f"25099{number:010}") for number in numbers]


class Ended(BaseException):
    """Ends a publisher's thread."""


@dataclass
class Host:
    """A host whose modules always answer, and its publisher."""

    name: str
    directory: Path
    url: str
    modules: list[Modem]
    claims: frozenset[str] = frozenset()
    marks: Marks = MARKS
    owner: str = ""
    release: str = "1.0"
    cache_seconds: float = 5.0
    publish_seconds: float = 0.0
    censuses: int = 0
    pauses: list[float] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def cache(self) -> CensusCache:
        directory = self.directory / (self.owner or self.name)
        claims = Claims(self.claims)
        return CensusCache(
            directory,
            self.cache_seconds,
            partial(self._take, claims),
            record=lambda *_: None,
            claims=lambda: claims.fingerprint,
        )

    def _take(self, claims: Claims, deadline: float) -> Census:
        self.censuses += 1
        findings = [
            Finding(f"/dev/ttyUSB{number}", Verdict.AVAILABLE, "answered all checks", 0.0, modem)
            for number, modem in enumerate(self.modules)
        ]
        return Census.of(findings, NAMES, 0.0, claims=claims, marker=self.marks)

    def _run(self) -> None:
        publisher = Publisher(
            _EndingExchange(self.url, self._ended),
            self.cache,
            self.marks,
            self.name,
            self.owner or self.name,
            self.publish_seconds,
            deadline_seconds=CENSUS_SECONDS,
            release=self.release,
            sleep=self._sleep,
        )
        try:
            publisher.run()
        except Ended:
            return

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if self._ended.wait(seconds):
            raise Ended


class _EndingExchange(RedisExchange):
    """Redis, for a publisher that ends with its test."""

    def __init__(self, url: str, ended: threading.Event) -> None:
        super().__init__(url, PREFIX)
        self._ended = ended

    def wait(self, seconds: float) -> None:
        super().wait(min(seconds, 0.1))
        if self._ended.is_set():
            raise Ended


def until_expected(url: str, *hosts: str) -> None:
    """Wait until these hosts are there and fronts expect them, which is a moment later."""
    exchange = RedisExchange(url, PREFIX)
    until(lambda: set(hosts) <= exchange.there(hosts) & set(exchange.seen()))


def front(
    url: str, own: Host | None = None, expected: tuple[str, ...] = (), cache_seconds: float = 5.0
) -> Fleet:
    """Return a front, without ports or on a host."""
    name, cache = (own.name, own.cache) if own else ("front", None)
    return Fleet(RedisExchange(url, PREFIX), MARKS, NAMES, name, cache, expected, cache_seconds)


def take(fleet: Fleet, seconds: float = CENSUS_SECONDS) -> Census:
    return fleet.take(boot_clock() + seconds)


def count(census: Census) -> int:
    return sum(census.available.values())


def states(census: Census) -> dict[str, str]:
    return {report.host: str(report.state) for report in census.hosts}
