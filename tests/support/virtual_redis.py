"""A Redis in virtual time, with the faults of real ones. It is both sides of the exchange."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from onlinesim_rent.hosts.answer import Asked, Raised
from onlinesim_rent.hosts.exchange import HOLD_SECONDS, ExchangeError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from virtual_time import Program, VirtualTime

TIMEOUT_SECONDS = 1.0
_NUMBERS = count()


@dataclass
class Data:
    """What Redis keeps."""

    number: int = 0
    seed: int = 0
    asked: tuple[int, float, float] | None = None
    answered: dict[str, Raised] = field(default_factory=dict)
    answers: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    claims: dict[str, bytes] = field(default_factory=dict)
    names: dict[str, tuple[str, float]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def copy(self) -> Data:
        copies = [dict(each) for each in (self.answered, self.answers, self.claims, self.names)]
        return Data(self.number, self.seed, self.asked, *copies, set(self.seen))


@dataclass
class VirtualRedis:
    """The server: it may be away or hang, and lose its data or the latest part of it."""

    time: VirtualTime
    data: Data = field(default_factory=lambda: Data(seed=next(_NUMBERS)))
    run: int = field(default_factory=lambda: next(_NUMBERS))
    is_away: bool = False
    hangs_until: float = 0.0
    call_seconds: float = 0.001
    announced: int = 0
    listening: set[Program] = field(default_factory=set)
    _replica: Data | None = None

    def announce(self) -> None:
        self.announced += 1
        for program in self.listening:
            self.time.wake(program)
        self.listening.clear()

    def replicate(self) -> None:
        """Copy the data to the replica, which gets nothing more until it is called again."""
        self._replica = self.data.copy()

    def fail_over(self) -> None:
        """Let the replica take over: it misses what was written since it was copied."""
        self.run = next(_NUMBERS)
        self.data = self._replica or Data(seed=next(_NUMBERS))
        self._replica = None

    def restart_empty(self) -> None:
        self.run = next(_NUMBERS)
        self.flush()

    def flush(self) -> None:
        self.data = Data(seed=next(_NUMBERS))


@dataclass
class VirtualExchange:
    """One program's connection to the virtual Redis."""

    redis: VirtualRedis
    is_cut_off_until: float = 0.0
    loses_announcements: bool = False
    _heard: int = 0

    def raise_number(self, seconds: float, age: float) -> Raised:
        self._call()
        run = self.redis.run
        data = self._call()
        data.number += 1
        data.asked = (run, seconds, age)
        self.redis.announce()
        if run != self.redis.run:
            raise ExchangeError("Redis is failing over")
        raised = Raised(f"{run}:{data.seed}", data.number)
        self._return()
        return raised

    def seen(self) -> tuple[str, ...]:
        return tuple(self._call().seen)

    def there(self, hosts: Collection[str]) -> frozenset[str]:
        names, now = self._call().names, self.redis.time.now
        return frozenset(host for host in hosts if host in names and names[host][1] > now)

    def answered(self, hosts: Collection[str]) -> Mapping[str, Raised]:
        answered = self._call().answered
        return {host: answered[host] for host in hosts if host in answered}

    def answers(self, hosts: Collection[str]) -> Mapping[str, bytes]:
        answers, now = self._call().answers, self.redis.time.now
        return {host: answers[host][0] for host in hosts if host in answers and answers[host][1] > now}

    def kept(self, hosts: Collection[str]) -> Mapping[str, tuple[bytes, float]]:
        answers, now = self._call().answers, self.redis.time.now
        left = {host: answers[host][1] - now for host in hosts if host in answers}
        return {host: (answers[host][0], seconds) for host, seconds in left.items() if seconds > 0}

    def listen(self) -> None:
        self._call()
        self._heard = self.redis.announced

    def wait(self, seconds: float) -> None:
        if self.redis.announced == self._heard:
            program = self.redis.time.running()
            if not self.loses_announcements:
                self.redis.listening.add(program)
            try:
                self.redis.time.sleep(seconds)
            finally:
                self.redis.listening.discard(program)
        self._heard = self.redis.announced

    def hold(self, host: str, owner: str) -> bool:
        data, now = self._call(), self.redis.time.now
        holder, until = data.names.get(host, ("", 0.0))
        if holder != owner and until > now:
            return False
        data.names[host] = (owner, now + HOLD_SECONDS)
        data.seen.add(host)
        return True

    def asked(self) -> Asked | None:
        data = self._call()
        if data.asked is None:
            return None
        run, seconds, age = data.asked
        asked = Asked(Raised(f"{run}:{data.seed}", data.number), seconds, age)
        self._return()
        return asked

    def claims(self, hosts: Collection[str]) -> Mapping[str, bytes]:
        claims = self._call().claims
        return {host: claims[host] for host in hosts if host in claims}

    def store(self, host: str, raised: Raised, content: bytes, seconds: float, claims: bytes = b"") -> None:
        data = self._call()
        data.answers[host] = (content, self.redis.time.now + seconds)
        data.answered[host] = raised
        if claims:
            data.claims[host] = claims
        self._return()

    def _call(self) -> Data:
        """Let a command reach Redis, or raise as the client would."""
        time = self.redis.time
        time.sleep(self.redis.call_seconds)
        if self.redis.is_away:
            raise ExchangeError("Redis cannot be reached")
        if max(self.redis.hangs_until, self.is_cut_off_until) > time.now:
            time.sleep(TIMEOUT_SECONDS)
            raise ExchangeError("Redis does not answer in time")
        return self.redis.data

    def _return(self) -> None:
        self.redis.time.sleep(self.redis.call_seconds)
