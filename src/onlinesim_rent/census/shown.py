"""What one host's ports showed, in a form that may leave the host: marks stand for IMEIs and IMSIs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from onlinesim_rent.finding import Finding, Modem, Verdict

PLMN_DIGITS = 6
"""How many first digits of an IMSI name its network: an MCC of three digits, and an MNC of at most three."""


class Marker(Protocol):
    """Replaces identities by marks: the same mark for the same identity, on every host of a fleet."""

    def modem(self, modem: Modem) -> Modem:
        """Return a module with marks. The IMSI's mark begins with the IMSI's first PLMN_DIGITS digits."""

    def claim(self, name: str) -> str:
        """Return the name of a claim on an IMEI or an IMSI with the same mark; empty for any other claim."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The findings of all ports, after the host's claims, and its claims on IMEIs and IMSIs, with marks."""

    findings: tuple[Finding, ...] = ()
    claims: tuple[str, ...] = ()

    @classmethod
    def of(cls, findings: Iterable[Finding], claims: Iterable[str], marker: Marker) -> Shown:
        """Put marks in the place of the identities."""
        marked = (
            replace(finding, modem=marker.modem(finding.modem)) if finding.modem else finding
            for finding in findings
        )
        return cls(tuple(marked), tuple(sorted(filter(None, map(marker.claim, claims)))))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Shown:
        """Rebuild it from JSON values. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(tuple(map(_finding, value["findings"])), tuple(map(str, value["claims"])))


def _finding(value: Mapping[str, Any]) -> Finding:
    modem = Modem(**value["modem"]) if value["modem"] else None
    return Finding(**{**value, "verdict": Verdict(value["verdict"]), "modem": modem})
