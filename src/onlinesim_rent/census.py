"""Which modules count, and why the others do not. Pure rules over values.

Doubt means not counted: the marketplace blocks a partner that reports one number too many, and only
loses some trade with one that reports too few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from onlinesim_rent.plmn import HomeNetwork, Names


class Verdict(StrEnum):
    """Why a port counts or does not; the value is the word shown to people."""

    AVAILABLE = "available"
    DUPLICATE = "duplicate"
    IN_USE = "in use"
    UNREACHABLE = "unreachable"
    HUNG_UP = "hung up"
    SILENT = "silent"
    NOT_AT = "not AT"
    NO_IDENTITY = "no identity"
    SIM_NOT_READY = "SIM not ready"
    SIM_CHANGED = "SIM changed"
    NOT_REGISTERED = "not registered"
    UNKNOWN_NETWORK = "unknown network"
    DOUBTFUL = "doubtful"
    OUT_OF_TIME = "out of time"


class NotCounted(Exception):
    """A module or its port has shown why it cannot be counted.

    ``reason`` is a sentence a person can act on; it never holds a whole IMEI, IMSI or phone number.
    ``modem`` is which one it is, where that had been read before.
    """

    def __init__(self, verdict: Verdict, reason: str, modem: Modem | None = None) -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason
        self.modem = modem


@dataclass(frozen=True, slots=True)
class Modem:
    """A module that has just proved it can take a text: the radio (IMEI) and its SIM (IMSI)."""

    imei: str = field(repr=False)
    imsi: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one port showed, before modules that answer on several ports are told apart.

    ``seconds`` is when the finding was made, counted from the start of the census. ``modem`` is there as
    soon as it was read, whatever the verdict.
    """

    port: str
    verdict: Verdict
    reason: str
    seconds: float
    modem: Modem | None = None


@dataclass(frozen=True, slots=True)
class PortReport:
    """One port's line in a census: it names no IMEI and no IMSI, so it may be stored and shown."""

    port: str
    verdict: Verdict
    reason: str
    seconds: float
    country: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Census:
    """Every port's verdict at one moment, and the numbers that follow from them."""

    ports: tuple[PortReport, ...]
    seconds: float
    unnamed: tuple[str, ...] = ()
    """PLMNs counted under their digits, because the name table does not hold them."""

    @classmethod
    def of(cls, findings: Iterable[Finding], names: Names, seconds: float) -> Census:
        """Judge the findings of one probing that took ``seconds``, in the order of their ports."""
        findings = list(findings)
        networks = {
            finding.modem.imsi: names.home_network(finding.modem.imsi)
            for finding in findings
            if finding.modem
        }
        reports = [_report(finding, networks) for finding in _once_each(_unless_in_use(findings))]
        counted = {
            (report.country, report.operator) for report in reports if report.verdict is Verdict.AVAILABLE
        }
        unnamed = {
            network.plmn
            for network in networks.values()
            if network and not network.named and (network.country, network.operator) in counted
        }
        return cls(tuple(reports), seconds, tuple(sorted(unnamed)))

    @property
    def available(self) -> Counter[tuple[str, str]]:
        """The numbers that can be rented now, by (country, operator)."""
        return Counter(
            (report.country, report.operator) for report in self.ports if report.verdict is Verdict.AVAILABLE
        )

    @property
    def proved_after(self) -> float:
        """Seconds from the begin to the oldest counted proof; to the end where nothing is counted."""
        return min(
            (report.seconds for report in self.ports if report.verdict is Verdict.AVAILABLE),
            default=self.seconds,
        )

    def to_json(self) -> dict[str, Any]:
        """The census as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Census:
        """The census that ``to_json`` gave; raises KeyError, TypeError or ValueError for anything else."""
        reports = (
            PortReport(**{**report, "verdict": Verdict(report["verdict"])}) for report in value["ports"]
        )
        return cls(tuple(reports), float(value["seconds"]), tuple(value["unnamed"]))


def _report(finding: Finding, networks: Mapping[str, HomeNetwork | None]) -> PortReport:
    report = PortReport(finding.port, finding.verdict, finding.reason, finding.seconds)
    if finding.verdict is not Verdict.AVAILABLE or finding.modem is None:
        return report
    network = networks[finding.modem.imsi]
    if network is None:
        reason = (
            f"the SIM's network, {finding.modem.imsi[:6]}, belongs to no one country that is known; "
            "name it in RENT_NAMES_FILE"
        )
        return replace(report, verdict=Verdict.UNKNOWN_NETWORK, reason=reason)
    return replace(report, country=network.country, operator=network.operator)


def _unless_in_use(findings: list[Finding]) -> list[Finding]:
    """The findings, with no module left available on one port that another port has shown to be in use."""
    in_use = {finding.modem: finding.port for finding in findings if finding.verdict in _SEEN_IN_USE}
    return [
        replace(
            finding,
            verdict=Verdict.IN_USE,
            reason=f"the same module as {in_use[finding.modem]}, which is in use",
        )
        if finding.verdict is Verdict.AVAILABLE and finding.modem in in_use
        else finding
        for finding in findings
    ]


_SEEN_IN_USE = frozenset({Verdict.IN_USE, Verdict.SIM_CHANGED})


def _once_each(findings: list[Finding]) -> Iterator[Finding]:
    """The findings, with every module and every SIM left available once.

    Ports that share an IMEI or an IMSI, directly or through others, are one number at the least and
    cannot be proved to be more, so they count as one.
    """
    counted: dict[str, Finding] = {}
    for group in _sharing(finding for finding in findings if finding.verdict is Verdict.AVAILABLE):
        counted.update((finding.port, _counted_of(group)) for finding in group)
    for finding in findings:
        one = counted.get(finding.port, finding)
        if one is finding:
            yield finding
        else:
            yield replace(finding, verdict=Verdict.DUPLICATE, reason=_shared(finding, one))


def _counted_of(group: list[Finding]) -> Finding:
    """The first port of one SIM; of several SIMs the last read, since one that moves is where it was last."""
    if len({finding.modem.imsi for finding in group if finding.modem}) == 1:
        return group[0]
    return max(group, key=lambda finding: finding.seconds)


def _shared(finding: Finding, counted: Finding) -> str:
    if finding.modem == counted.modem:
        return f"the same module as {counted.port}, which is counted"
    return f"shares its IMEI or its SIM with {counted.port}, and they count as one number"


def _sharing(findings: Iterable[Finding]) -> Iterable[list[Finding]]:
    """Groups of the findings that an IMEI or an IMSI connects, each in the findings' order."""
    group_of: dict[str, list[Finding]] = {}
    for finding in findings:
        assert finding.modem is not None
        identities = (f"IMEI {finding.modem.imei}", f"IMSI {finding.modem.imsi}")
        one, other = (group_of.get(identity, []) for identity in identities)
        merged = one if one is other else one + other
        merged = [*merged, finding]
        for member in merged:
            assert member.modem is not None
            group_of[f"IMEI {member.modem.imei}"] = group_of[f"IMSI {member.modem.imsi}"] = merged
    return {id(group): group for group in group_of.values()}.values()
