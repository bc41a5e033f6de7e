"""The union of the answers that Redis keeps, for pages. It raises no number, and asks no module."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from onlinesim_rent.census.counting import Census
from onlinesim_rent.hosts.answer import Answer, Unusable, read
from onlinesim_rent.hosts.collecting import MISSING
from onlinesim_rent.hosts.fleet import Fleet, Own
from onlinesim_rent.hosts.marks import Marks
from onlinesim_rent.hosts.told_claims import ToldClaims
from onlinesim_rent.hosts.union import union


class Aged(NamedTuple):
    """A census, and the age of its oldest counted proof in seconds."""

    census: Census
    age: float


class _Kept(NamedTuple):
    """An answer, and how many seconds ago its host began with it."""

    answer: Answer
    ago: float

    @property
    def age(self) -> float:
        """The age of its oldest proof, or of its beginning if it has none."""
        after = self.answer.proved_after
        return self.ago - after if math.isfinite(after) else self.ago

    @property
    def seconds(self) -> float:
        """How long its host took; 0 if it had a census already."""
        return max([0.0, *(finding.seconds for finding in self.answer.findings)])

    @property
    def from_now(self) -> Answer:
        """The answer with its seconds from now on: they are negative."""
        findings = (
            replace(finding, seconds=round(finding.seconds - self.ago, 3)) for finding in self.answer.findings
        )
        return replace(self.answer, findings=tuple(findings))


def kept_union(fleet: Fleet) -> Aged | None:
    """Count the last answers of all hosts that are there. Raises ExchangeError.

    None if the answer of one of them is gone: then the last census here says more. The seconds of the ports
    count from now, so they are negative.
    """
    others = set(fleet.expected or fleet.exchange.seen()) - ({fleet.host} if fleet.own else set())
    there = fleet.exchange.there(others)
    contents = fleet.exchange.kept(there)
    own = _own(fleet)
    if contents.keys() != there or own is None:
        return None
    answers, unusable = _read(contents, fleet.marks)
    this, ago = own
    if this.answer:
        answers[fleet.host] = _Kept(this.answer, ago)
    unusable |= dict.fromkeys(others - there, MISSING)
    told = ToldClaims()
    told.learn(others, fleet.exchange.claims(others), fleet.marks)
    if not answers:
        return None
    census = union(
        {host: kept.from_now for host, kept in answers.items()},
        unusable,
        fleet.names,
        max(kept.seconds for kept in answers.values()),
        oldest=-math.inf,
        claims=told.without(answers),
    )
    age = max(kept.age for kept in answers.values())
    return Aged(replace(census, claims=this.claims, matched=this.matched), age)


def _own(fleet: Fleet) -> tuple[Own, float] | None:
    """Return what this host's ports showed last, and how many seconds ago that census began; None if nothing.

    Redis has nothing newer: the publisher of this host uses the same cache.
    """
    if fleet.own is None:
        return Own(), 0.0
    if not (last := fleet.own.last()):
        return None
    census, age = last
    return Own.of(fleet.host, census, began_after=0.0), age + census.proved_after


def _read(
    contents: Mapping[str, tuple[bytes, float]], marks: Marks
) -> tuple[dict[str, _Kept], dict[str, Unusable]]:
    answers: dict[str, _Kept] = {}
    unusable: dict[str, Unusable] = {}
    for host, (content, left) in contents.items():
        try:
            answer = read(content, host, marks)
        except Unusable as reason:
            unusable[host] = reason
        else:
            answers[host] = _Kept(answer, answer.lasting - left)
    return answers, unusable
