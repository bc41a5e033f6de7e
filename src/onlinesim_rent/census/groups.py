"""Which ports may belong to one number: those that share an IMEI or an IMSI. Pure rules over findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from onlinesim_rent.finding import Finding


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
