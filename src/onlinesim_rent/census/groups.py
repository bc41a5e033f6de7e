"""Which ports may belong to one number: those that share an IMEI or an IMSI. Pure rules over findings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

from onlinesim_rent.finding import Finding, Modem, Verdict

_OF_ANOTHER_KIND = frozenset({Verdict.NO_IDENTITY, Verdict.UNREACHABLE})


def with_modems(
    findings: Iterable[Finding], known: Mapping[str, str], siblings: Mapping[str, Collection[str]]
) -> Iterator[Finding]:
    """Yield the findings again. A port that shows no module gets the one that it is known to belong to.

    It showed that module's IMEI in an earlier census (``known``), or all other ports of its device show that
    IMEI now (``siblings``). If they show several, the device may be an adapter, and they tell nothing. A port
    of a module that gives no IMEI, or cannot be opened, may be of another kind: it tells nothing either.
    """
    findings = list(findings)
    shown = {finding.port: finding.modem.imei for finding in findings if finding.modem}
    for finding in findings:
        others = () if finding.verdict in _OF_ANOTHER_KIND else siblings.get(finding.port, ())
        by_siblings = {shown[port] for port in others if port in shown}
        imei = known.get(finding.port) or (by_siblings.pop() if len(by_siblings) == 1 else "")
        yield replace(finding, modem=Modem(imei)) if imei and not finding.modem else finding


def groups_by_port(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Return, by port, the group of findings that share an IMEI or an IMSI with it, directly or not."""
    group_of: dict[str, list[Finding]] = {}
    by_port: dict[str, list[Finding]] = {}
    for finding in findings:
        connected = {id(group): group for name in _identities(finding) if (group := group_of.get(name))}
        merged = [*chain.from_iterable(connected.values()), finding]
        for member in merged:
            by_port[member.port] = merged
            group_of.update(dict.fromkeys(_identities(member), merged))
    return by_port


def _identities(finding: Finding) -> Iterator[str]:
    if finding.modem:
        yield f"IMEI {finding.modem.imei}"
        if finding.modem.imsi:
            yield f"IMSI {finding.modem.imsi}"
