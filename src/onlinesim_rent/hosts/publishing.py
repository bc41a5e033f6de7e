"""Publishes what the ports of this host show, whenever a front asks for it."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from onlinesim_rent.census.cache import CensusCache
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.finding import CensusError
from onlinesim_rent.hosts.answer import Answer, Asked, Raised, written
from onlinesim_rent.hosts.exchange import HOLD_SECONDS, ExchangeError, HostExchange
from onlinesim_rent.hosts.marks import Marks
from onlinesim_rent.hosts.told_claims import written_claims

IDLE_SECONDS = 1.0
"""How often the raised number is looked at, in case its announcement was lost."""

RENEW_SECONDS = 4.0
"""How often a host says that it is there. A census may take 9.5 s in between."""

STORED_SECONDS = 60.0
"""How long an answer stays in Redis, or three times RENT_PUBLISH_SECONDS if that is longer ..."""

LEAST_STORED_SECONDS = 1.0
"""... counted from when its number was heard of; but so long, even if the host was stopped meanwhile."""

_NOT_RAISED = Raised("none", 0)
"""What a host publishes before any front has raised a number answers none."""

BACKOFF_SECONDS = (0.5, 1.0, 2.0, 4.0)
"""The pauses after the first, second, ... failure in a row to reach Redis; then always the last one."""

_log = logging.getLogger(__name__)


@dataclass
class Publisher:
    """Answers the numbers that fronts raise, with censuses of this host's own cache.

    ``owner`` tells this host from another one of the same name. Every ``publish_seconds`` it publishes
    without being asked, for the status page; never if that is 0. ``release`` is told to the other hosts.
    """

    exchange: HostExchange
    census: CensusCache
    marks: Marks
    host: str
    owner: str
    publish_seconds: float
    deadline_seconds: float
    release: str
    clock: Callable[[], float] = boot_clock
    sleep: Callable[[float], None] = time.sleep
    _failures: int = 0
    _said: str = ""
    _answered: Raised | None = None
    _renew_at: float = -math.inf
    _publish_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._publish_at = -math.inf if self.publish_seconds else math.inf

    def run(self) -> None:
        """Publish for ever. A failure is logged once, and tried again after a pause."""
        while True:
            try:
                self.exchange.listen()
                self._renew_at = -math.inf
                while True:
                    self.step()
            except ExchangeError as error:
                self._say(logging.WARNING, f"does not publish: {error}")
                self.sleep(BACKOFF_SECONDS[min(self._failures, len(BACKOFF_SECONDS) - 1)])
                self._failures += 1

    def step(self) -> None:
        """Answer the last number if it is new; else wait for the next one. Raises ExchangeError."""
        self._hold_name()
        asked = self.exchange.asked()
        if (asked and asked.raised != self._answered) or self.clock() >= self._publish_at:
            self._answer(asked or Asked(_NOT_RAISED, self.deadline_seconds, math.inf))
        else:
            self.exchange.wait(max(0.0, min(IDLE_SECONDS, self._publish_at - self.clock())))

    def _hold_name(self) -> None:
        if self.clock() < self._renew_at:
            return
        if not self.exchange.hold(self.host, self.owner):
            raise ExchangeError(
                f"another host publishes as {self.host!r}; give this one another RENT_HOST_NAME, or wait "
                f"{HOLD_SECONDS:g} s after the other has ended"
            )
        self._renew_at = self.clock() + RENEW_SECONDS
        self._failures = 0
        self._say(logging.INFO, f"publishes as {self.host!r}")

    def _answer(self, asked: Asked) -> None:
        """Take a census, or use the cache's, and store it for the number."""
        heard = self.clock()
        lasting = max(STORED_SECONDS, 3 * self.publish_seconds)
        content, claims = self._contents(asked, heard, lasting)
        left = max(LEAST_STORED_SECONDS, heard + lasting - self.clock())
        self.exchange.store(self.host, asked.raised, content, left, claims)
        self._answered = asked.raised
        self._publish_at = heard + (self.publish_seconds or math.inf)

    def _contents(self, asked: Asked, heard: float, lasting: float) -> tuple[bytes, bytes]:
        """Return the answer and the claims; no claims if no census tells them."""
        deadline = heard + min(asked.seconds, self.deadline_seconds)
        try:
            census, began = self.census.get_with_beginning(deadline, asked.age)
            answer = Answer.of(self.host, asked.raised, census, began - heard, lasting)
            claims = written_claims(self.host, answer.claims, self.marks)
            return written(answer, self.marks, self.release), claims
        except CensusError as error:
            _log.warning("could take no census: %s", error)
            failed = Answer(self.host, asked.raised, failure=str(error))
            return written(failed, self.marks, self.release), b""

    def _say(self, level: int, text: str) -> None:
        """Log a change of state, but not the same one again."""
        if text != self._said:
            _log.log(level, "%s", text)
            self._said = text
