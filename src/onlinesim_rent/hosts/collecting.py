"""Collects the answers of the expected hosts for one census of a front."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from threading import Event, Lock

from onlinesim_rent.census.host_report import HostState
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.hosts.answer import Answer, Raised, Unusable, read
from onlinesim_rent.hosts.exchange import ExchangeError, FrontExchange
from onlinesim_rent.hosts.marks import Marks
from onlinesim_rent.hosts.told_claims import ToldClaims

POLL_SECONDS = 0.03
"""How often a front looks for new answers."""

GRACE_SECONDS = 1.0
"""A host that is not there is waited for no longer than this. One that has just started may answer in it."""

AGAIN_SECONDS = 3.4
"""How long before the end a host is asked again, if its proofs would be too old at the end.

A host with a silent port needs 3 s.
"""

COUNTING_SECONDS = 0.3
"""The time before the deadline for counting, and for writing the census down ..."""

COUNTING_SECONDS_OF_A_HOST = 0.003
"""... and what each host of 64 modules adds to it: see docs/scaling.md."""

MISSING = Unusable(HostState.MISSING, "is not there; start onlinesim-rent-publish on it, and see its log")
_NOT_ASKED = Unusable(HostState.MISSING, "could not be asked")
_LATE = Unusable(HostState.LATE, "did not answer in time; see the log of onlinesim-rent-publish on it")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a front wants: which hosts, from when, and by when.

    A host may answer with a proof that is younger than ``cache_seconds``; when the census ends, none may be
    older than ``age``. If no host is ``expected``, those that were seen in the last day are. The host ``own``
    is never asked.
    """

    began: float
    deadline: float
    cache_seconds: float
    age: float
    expected: Collection[str] = ()
    own: str = ""


@dataclass
class Collecting:
    """The answers that have come so far. One thread calls ``run``; another may look at any time.

    The seconds of the answers' findings count from the plan's beginning.
    """

    exchange: FrontExchange
    marks: Marks
    plan: Plan
    told: ToldClaims = field(default_factory=ToldClaims)
    clock: Callable[[], float] = boot_clock
    sleep: Callable[[float], None] = time.sleep
    fault: str = ""
    ended: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)
    _raised: list[tuple[Raised, float]] = field(default_factory=list)
    _wanted: dict[str, Raised] = field(default_factory=dict)
    _answers: dict[str, Answer] = field(default_factory=dict)
    _unusable: dict[str, Unusable] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._expect(len(self.plan.expected))

    def run(self) -> None:
        """Ask all hosts, until each that is there has answered, or the time is up, or Redis fails."""
        try:
            hosts = self._hosts()
            self._ask(hosts, self.plan.cache_seconds)
            self._learn_claims(hosts)
            give_up_at = self.plan.began + GRACE_SECONDS
            while self._wanted and self.clock() < self.until:
                self._look()
                self._ask_again()
                if self.clock() >= give_up_at:
                    self._give_up()
                    give_up_at += GRACE_SECONDS
                if self._wanted:
                    self.sleep(POLL_SECONDS)
            self._give_up()
            for host in self._wanted.keys() - self._answers.keys():
                self._leave_out(host, _LATE)
        except ExchangeError as error:
            self.fault = str(error)
            for host in self.so_far()[1]:
                self._leave_out(host, _NOT_ASKED)
        finally:
            self.ended.set()

    def so_far(self) -> tuple[dict[str, Answer], dict[str, Unusable]]:
        """Return the answers, and why the other expected hosts have none."""
        with self._lock:
            return dict(self._answers), dict(self._unusable)

    def _hosts(self) -> set[str]:
        hosts = set(self.plan.expected or self.exchange.seen()) - {self.plan.own}
        self._expect(len(hosts))
        with self._lock:
            self._unusable = dict.fromkeys(hosts, MISSING)
        return hosts

    def _expect(self, hosts: int) -> None:
        """Keep time for counting so many hosts, but at most a third of the time that there is."""
        wanted = COUNTING_SECONDS + COUNTING_SECONDS_OF_A_HOST * hosts
        self._counting = min(wanted, (self.plan.deadline - self.plan.began) / 3)
        self.until = self.plan.deadline - self._counting

    def oldest(self) -> float:
        """Return the seconds of the oldest proof that may count, if counting begins now."""
        return self.clock() + self._counting - self.plan.began - self.plan.age

    def is_aged(self, answer: Answer) -> bool:
        """Whether an answer will be too old: when the last host has answered, or at the end."""
        is_over = self.ended.is_set() or not self._wanted
        wait = 0.0 if is_over else max(0.0, self.until - self.clock())
        return wait <= AGAIN_SECONDS and answer.proved_after < self.oldest() + wait

    def _ask(self, hosts: Collection[str], age: float) -> None:
        if hosts:
            now = self.clock()
            raised = self.exchange.raise_number(round(self.until - now, 3), age)
            self._raised.append((raised, now - self.plan.began))
            self._wanted |= dict.fromkeys(hosts, raised)

    def _learn_claims(self, hosts: Collection[str]) -> None:
        """Read the claims of all hosts while they answer: who does not answer may have numbers rented."""
        known = {*hosts, self.plan.own} - {""}
        self.told.learn(known, self.exchange.claims(known), self.marks)

    def _look(self) -> None:
        """Take the answers that have come."""
        answered = self.exchange.answered(self._wanted)
        ready = [host for host, raised in answered.items() if raised.covers(self._wanted[host])]
        for host, content in self.exchange.answers(ready).items():
            try:
                answer = read(content, host, self.marks)
            except Unusable as unusable:
                del self._wanted[host]
                self._leave_out(host, unusable)
            else:
                # Only now is the number certain: what stands beside the answer is not signed.
                if answer.raised.covers(self._wanted[host]):
                    del self._wanted[host]
                    self._take(answer)

    def _take(self, answer: Answer) -> None:
        """Keep an answer, with its seconds from the plan's beginning.

        The host heard of the number after it was raised, so no proof is older than it seems here.
        """
        after = max(seconds for raised, seconds in self._raised if answer.raised.covers(raised))
        findings = (replace(finding, seconds=after + finding.seconds) for finding in answer.findings)
        self.told.hear(answer.host, answer.claims)
        with self._lock:
            self._answers[answer.host] = replace(answer, findings=tuple(findings))
            self._unusable.pop(answer.host, None)

    def _leave_out(self, host: str, unusable: Unusable) -> None:
        with self._lock:
            self._answers.pop(host, None)
            self._unusable[host] = unusable

    def _ask_again(self) -> None:
        """Ask the hosts whose answers will be too old a second time, but never a third time."""
        if len(self._raised) == 1:
            aged = [host for host, answer in self._answers.items() if self.is_aged(answer)]
            self._ask(aged, age=0)

    def _give_up(self) -> None:
        """Wait no longer for hosts that are not there."""
        for host in self._wanted.keys() - self.exchange.there(self._wanted):
            del self._wanted[host]
