"""Counts the ports of several hosts as if they were one host's. Pure functions over values.

The union is a set of answers, one for each host, so it does not matter in which order they come, in which
groups, or how often: the result is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from onlinesim_rent.census.claims import Claims, claims_by_port
from onlinesim_rent.census.counting import Census
from onlinesim_rent.census.host_report import HostReport, HostState
from onlinesim_rent.finding import Finding, Verdict
from onlinesim_rent.hosts.answer import Answer, Unusable
from onlinesim_rent.hosts.port_names import named
from onlinesim_rent.networks.home_network import Names

TOO_OLD = Unusable(
    HostState.TOO_OLD, "had asked its modules too long ago when the last host answered; it is asked again"
)


def union(
    answers: Mapping[str, Answer],
    unusable: Mapping[str, Unusable],
    names: Names,
    seconds: float,
    *,
    oldest: float,
    claims: frozenset[str] = frozenset(),
) -> Census:
    """Count the answers of all hosts, by the host's name; the hosts in ``unusable`` contribute nothing.

    The census took ``seconds``. A host with a proof from before ``oldest`` contributes no number either, but
    its claims hold, as do ``claims``.
    """
    young = {host: answer for host, answer in answers.items() if answer.proved_after >= oldest}
    without = {**unusable, **dict.fromkeys(answers.keys() - young.keys(), TOO_OLD)}
    claims = claims.union(*(answer.claims for answer in answers.values()))
    census = Census.of(_without_claimed(young.values(), claims), names, seconds)
    return replace(census, hosts=tuple(_reports(young, without)))


def _without_claimed(answers: Iterable[Answer], claims: frozenset[str]) -> list[Finding]:
    """Return all findings, by host. A claim of one host takes the same number on every other host."""
    findings = [
        replace(finding, port=named(answer.host, finding.port))
        for answer in sorted(answers, key=lambda answer: answer.host)
        for finding in answer.findings
    ]
    claimed = claims_by_port(findings, Claims(claims), {})
    return [_claimed(finding) if finding.port in claimed else finding for finding in findings]


def _claimed(finding: Finding) -> Finding:
    if finding.verdict is Verdict.CLAIMED:
        return finding
    return replace(finding, verdict=Verdict.CLAIMED, reason="taken by a claim on another host")


def _reports(young: Mapping[str, Answer], without: Mapping[str, Unusable]) -> Iterator[HostReport]:
    for host in sorted(young.keys() | without.keys()):
        if host in young:
            yield HostReport(host, HostState.ANSWERED)
        else:
            yield HostReport(host, without[host].state, without[host].reason)
