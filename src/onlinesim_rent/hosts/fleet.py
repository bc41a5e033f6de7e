"""The front: one census of all hosts of a fleet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from threading import Thread
from typing import NamedTuple

from onlinesim_rent.census.cache import PROOF_MARGIN_SECONDS, CensusCache
from onlinesim_rent.census.counting import Census
from onlinesim_rent.census.host_report import HostState
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.finding import CensusError
from onlinesim_rent.hosts.answer import Answer, Raised, Unusable
from onlinesim_rent.hosts.collecting import Collecting, Plan
from onlinesim_rent.hosts.exchange import FrontExchange
from onlinesim_rent.hosts.marks import Marks
from onlinesim_rent.hosts.port_names import named
from onlinesim_rent.hosts.told_claims import ToldClaims
from onlinesim_rent.hosts.union import union
from onlinesim_rent.networks.home_network import Names

_LOOK_SECONDS = 0.05
_LATE_SECONDS = 0.15
"""How long after its time the collecting may end: it has one more question for a slow Redis."""

_NOT_RAISED = Raised("", 0)
_NOT_IN_TIME = (
    "RENT_REDIS_URL: Redis did not answer in time; look whether it hangs, or a firewall drops packets"
)


class Own(NamedTuple):
    """What this host's ports showed, or why there is nothing; its claims, and the ports that they took."""

    answer: Answer | None = None
    failure: Unusable | None = None
    claims: str = ""
    matched: Mapping[str, tuple[str, ...]] = {}

    @classmethod
    def of(cls, host: str, census: Census, began_after: float) -> Own:
        """Make it of a census that began so many seconds after the fleet's."""
        matched = {
            claim: tuple(named(host, port) for port in ports) for claim, ports in census.matched.items()
        }
        return cls(Answer.of(host, _NOT_RAISED, census, began_after), None, census.claims, matched)

    def is_aged(self, collecting: Collecting) -> bool:
        """Whether the answer will be too old when the others have answered."""
        return self.answer is not None and collecting.is_aged(self.answer)


@dataclass(frozen=True, slots=True)
class Fleet:
    """Takes a census of several hosts: of this one (``host``) by its own cache, of the others through Redis.

    ``own`` is None for a front without ports. ``expected`` names the hosts; if it is empty, those that were
    seen in the last day are expected. A counted proof is at most ``cache_seconds`` and PROOF_MARGIN_SECONDS
    old when the census ends.
    """

    exchange: FrontExchange
    marks: Marks
    names: Names
    host: str
    own: CensusCache | None
    expected: tuple[str, ...]
    cache_seconds: float
    clock: Callable[[], float] = boot_clock
    told: ToldClaims = field(default_factory=ToldClaims)

    def take(self, deadline: float) -> Census:
        """Count the ports of all hosts by a deadline on the clock.

        A host that does not answer contributes nothing, and the census says why. Raises CensusError if not
        even one host has answered.
        """
        collecting = self.collecting(deadline)
        self._start(collecting)
        return self.counted(collecting, self._own_until_the_end(collecting))

    def collecting(self, deadline: float) -> Collecting:
        """Return what asks the other hosts, by a deadline on the clock."""
        age = self.cache_seconds + PROOF_MARGIN_SECONDS
        own = self.host if self.own else ""
        plan = Plan(self.clock(), deadline, self.cache_seconds, age, self.expected, own)
        return Collecting(self.exchange, self.marks, plan, self.told, self.clock)

    def _start(self, collecting: Collecting) -> None:
        """Collect in a thread, because a name server or a stopped Redis may hold it up for long."""
        try:
            Thread(target=collecting.run, daemon=True).start()
        except RuntimeError:
            collecting.fault = "no thread is left to ask Redis with: raise TasksMax"
            collecting.ended.set()

    def _own_until_the_end(self, collecting: Collecting) -> Own:
        """Ask this host's modules, and once more if their proofs get too old while other hosts are slow."""
        own = self._own(collecting, self.cache_seconds)
        while not self._is_over(collecting):
            if own.is_aged(collecting):
                return self._own_again(collecting)
        return self._own(collecting, 0) if own.is_aged(collecting) else own

    def _own_again(self, collecting: Collecting) -> Own:
        own = self._own(collecting, 0)
        while not self._is_over(collecting):
            continue
        return own

    def _own(self, collecting: Collecting, age: float) -> Own:
        if self.own is None:
            return Own()
        try:
            census, began = self.own.get_with_beginning(collecting.until, age)
        except CensusError as error:
            return Own(failure=Unusable(HostState.FAILED, f"could take no census: {error}"))
        return Own.of(self.host, census, began - collecting.plan.began)

    def _is_over(self, collecting: Collecting) -> bool:
        return collecting.ended.wait(_LOOK_SECONDS) or self.clock() > collecting.until + _LATE_SECONDS

    def counted(self, collecting: Collecting, own: Own) -> Census:
        """Count what has come so far, and this host's own ports. Raises CensusError if nothing has come."""
        fault = collecting.fault if collecting.ended.is_set() else _NOT_IN_TIME
        answers, unusable = collecting.so_far()
        if own.answer:
            answers[self.host] = own.answer
        if own.failure:
            unusable[self.host] = own.failure
        if not answers:
            raise CensusError(_nothing(fault, unusable, own))
        seconds = round(self.clock() - collecting.plan.began, 3)
        claims = self.told.without(answers)
        census = union(answers, unusable, self.names, seconds, oldest=collecting.oldest(), claims=claims)
        return replace(census, claims=own.claims, matched=own.matched, alone=fault)


def _nothing(fault: str, unusable: Mapping[str, Unusable], own: Own) -> str:
    """Say why not even one host has answered."""
    if fault:
        return f"{fault}; and this host {own.failure.reason}" if own.failure else fault
    if not unusable:
        return "no host was there in the last day: start onlinesim-rent-publish on each host"
    reasons = (f"host {host} {unusable[host].reason}" for host in sorted(unusable))
    return f"no host has answered: {'; '.join(reasons)}"
