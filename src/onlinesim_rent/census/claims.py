"""Claims: another program's word that a number is taken, until it withdraws it. Pure rules over names.

A claim is the name of a file: ``imsi-<14 or 15 digits>``, ``imei-<15 digits>`` or ``port-<name>``.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from onlinesim_rent.census.groups import groups_by_port
from onlinesim_rent.finding import Finding, Modem, Verdict
from onlinesim_rent.modem.ports.names import short_names

FORMS = "imsi-<14 or 15 digits>, imei-<15 digits> or port-<name>"
"""The forms of a claim, for messages."""

_CLAIM = re.compile(r"imsi-[0-9]{14,15}|imei-[0-9]{15}|port-[^/]+", re.DOTALL)
_LONG_NUMBER = re.compile(r"[0-9]{6,}")


def is_claim(name: str) -> bool:
    """Whether a name has one of the forms of a claim."""
    return _CLAIM.fullmatch(name) is not None


def masked(text: str) -> str:
    """Hide all digits but the last four of every number that can be an IMEI, an IMSI or a phone number."""
    return _LONG_NUMBER.sub(lambda number: "…" + number[0][-4:], text)


def digest(name: str) -> str:
    """Return a text that stands for a claim where its digits must not stand."""
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:16]


@dataclass(frozen=True)
class Claims:
    """The names of all claims at one moment."""

    names: frozenset[str] = frozenset()

    @cached_property
    def fingerprint(self) -> str:
        """The same text for the same claims, and another for others; empty if there are none."""
        if not self.names:
            return ""
        return digest("\n".join(sorted(self.names)))

    def on(self, modem: Modem | None, names: Iterable[str]) -> tuple[str, ...]:
        """Return the claims on a module, on its SIM, and on its port by any of the port's names."""
        wanted = [f"port-{name}" for name in names]
        if modem:
            wanted += [f"imei-{modem.imei}", f"imsi-{modem.imsi}"]
        return tuple(name for name in dict.fromkeys(wanted) if name in self.names)


NO_CLAIMS = Claims()


def claims_by_port(
    findings: Sequence[Finding], claims: Claims, paths: Mapping[str, Collection[str]]
) -> dict[str, tuple[str, ...]]:
    """Return the claims on each claimed port. A claim on one port of a module is on all its ports.

    ``paths`` holds all paths of each port, by its name. Without an entry, the name is the only path.
    """
    direct = {
        finding.port: claims.on(finding.modem, port_names(paths.get(finding.port, (finding.port,))))
        for finding in findings
        if claims.names
    }
    if not any(direct.values()):
        return {}
    group_of = groups_by_port(findings)
    spread = {
        port: dict.fromkeys(name for other in group for name in direct[other.port])
        for port, group in group_of.items()
    }
    return {port: tuple(names) for port, names in spread.items() if names}


def claimed(finding: Finding, names: Sequence[str]) -> Finding:
    """Return the finding of a port with claims: it is taken, whatever it showed."""
    reason = f"taken by a claim: {', '.join(map(masked, names))}"
    return replace(finding, verdict=Verdict.CLAIMED, reason=reason) if names else finding


def ports_by_claim(claims_on: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Return the ports of each claim, by the claim's digest."""
    ports: dict[str, tuple[str, ...]] = {}
    for port, names in claims_on.items():
        for name in map(digest, names):
            ports[name] = (*ports.get(name, ()), port)
    return ports


def port_names(paths: Iterable[str]) -> list[str]:
    """Return the names by which a claim may name a port: its short names, and ``host:port``."""
    return short_names(path.removeprefix("socket://") for path in paths)
