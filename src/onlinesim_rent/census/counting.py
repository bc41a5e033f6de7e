"""Decides which modules count, and why the others do not. Pure rules over values.

Doubt means not counted: the marketplace blocks a partner that reports one number too many. A partner that
reports too few only loses some trade.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from onlinesim_rent.census.claims import NO_CLAIMS, Claims, claimed, claims_by_port, ports_by_claim
from onlinesim_rent.census.groups import groups_by_port, with_modems
from onlinesim_rent.census.host_report import HostReport, HostState
from onlinesim_rent.census.shown import PLMN_DIGITS, Marker, Shown
from onlinesim_rent.finding import Finding, Verdict
from onlinesim_rent.networks.home_network import HomeNetwork, Names


@dataclass(frozen=True, slots=True)
class PortReport:
    """The verdict on one port. It holds no IMEI and no IMSI, so it may be stored and shown.

    ``seconds`` is the time of the verdict, from the start of the census. ``module`` is the first port of its
    module; it is empty if the module showed itself on no other port.
    """

    port: str
    verdict: Verdict
    reason: str
    seconds: float
    country: str = ""
    operator: str = ""
    module: str = ""


@dataclass(frozen=True, slots=True)
class Census:
    """The verdicts on all ports, and the numbers that follow from them. It took ``seconds``."""

    ports: tuple[PortReport, ...]
    seconds: float
    unnamed: tuple[str, ...] = ()
    """PLMNs that are counted under their digits, because no name for them is known."""
    claims: str = ""
    """The fingerprint of the claims that were there when it ended."""
    matched: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The ports that each claim took, by the claim's digest; claims that took no port are left out."""
    shown: Shown = field(default_factory=Shown)
    """What the ports showed, for the other hosts of a fleet; empty without a fleet."""
    hosts: tuple[HostReport, ...] = ()
    """What each expected host gave; empty if the census is of one host alone."""
    alone: str = ""
    """Why the other hosts could not be asked; empty if they were, or if there are none."""

    @classmethod
    def of(
        cls,
        findings: Iterable[Finding],
        names: Names,
        seconds: float,
        *,
        known: Mapping[str, str] | None = None,
        siblings: Mapping[str, Collection[str]] | None = None,
        claims: Claims = NO_CLAIMS,
        paths: Mapping[str, Collection[str]] | None = None,
        taken_by_holders: bool = True,
        marker: Marker | None = None,
    ) -> Census:
        """Judge the findings of one census that took ``seconds``, in the order of their ports.

        ``known`` holds the IMEI that each port, by its name, showed in an earlier census. It never makes a
        port count. If a port shows no IMEI now, its verdict counts against the known module's other ports.
        ``siblings`` holds the other ports of each port's module, as the kernel sees it: a port that never
        showed an IMEI is of the module that they show.
        ``paths`` holds all paths of each port, by its name: a claim may name any of them. If
        ``taken_by_holders`` is false, a port that a program holds says nothing of its module's other ports.
        With a ``marker``, the census also says what the ports showed.
        """
        findings = list(with_modems(findings, known or {}, siblings or {}))
        claims_on = claims_by_port(findings, claims, paths or {})
        findings = [claimed(finding, claims_on.get(finding.port, ())) for finding in findings]
        modules = _modules(findings)
        findings = [
            replace(finding, modem=None)
            if _says_nothing(finding, taken_by_holders=taken_by_holders)
            else finding
            for finding in findings
        ]
        networks = _home_networks(findings, names)
        reports = [
            _report(finding, networks, modules.get(finding.port, ""))
            for finding in _judged(findings, groups_by_port(findings))
        ]
        return cls(
            tuple(reports),
            seconds,
            _unnamed(reports, networks.values()),
            claims.fingerprint,
            ports_by_claim(claims_on),
            Shown.of(findings, claims.names, marker) if marker else Shown(),
        )

    @property
    def available(self) -> Counter[tuple[str, str]]:
        """How many numbers can be rented now, by (country, operator)."""
        return Counter(
            (report.country, report.operator) for report in self.ports if report.verdict is Verdict.AVAILABLE
        )

    @property
    def proved_after(self) -> float:
        """Seconds from the start of the census to its oldest counted proof; to its end if nothing counts."""
        return min(
            (report.seconds for report in self.ports if report.verdict is Verdict.AVAILABLE),
            default=self.seconds,
        )

    @property
    def missing(self) -> tuple[HostReport, ...]:
        """The hosts that were expected and gave nothing."""
        return tuple(report for report in self.hosts if report.state is not HostState.ANSWERED)

    @property
    def degraded(self) -> str:
        """Why the census is of fewer hosts than expected, as one line; empty if it is of all."""
        missing = (f"host {report.host} {report.reason}" for report in self.missing)
        return "; ".join(filter(None, (self.alone, *missing)))

    def to_json(self) -> dict[str, Any]:
        """Return the census as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Census:
        """Rebuild a census from ``to_json``. Raises KeyError, TypeError or ValueError for anything else."""
        reports = (
            PortReport(**{**report, "verdict": Verdict(report["verdict"])}) for report in value["ports"]
        )
        hosts = (HostReport(**{**host, "state": HostState(host["state"])}) for host in value["hosts"])
        return cls(
            tuple(reports),
            float(value["seconds"]),
            tuple(value["unnamed"]),
            str(value["claims"]),
            {digest: tuple(ports) for digest, ports in value["matched"].items()},
            Shown.from_json(value["shown"]),
            tuple(hosts),
            str(value["alone"]),
        )


def _home_networks(findings: Iterable[Finding], names: Names) -> dict[str, HomeNetwork | None]:
    """Return the home network of each IMSI."""
    return {
        finding.modem.imsi: names.home_network(finding.modem.imsi[:PLMN_DIGITS])
        for finding in findings
        if finding.modem and finding.modem.imsi
    }


def _modules(findings: Iterable[Finding]) -> dict[str, str]:
    """Return the first port of each port's module, for modules that answered on several ports."""
    ports_of: dict[str, list[str]] = {}
    for finding in findings:
        if finding.modem:
            ports_of.setdefault(finding.modem.imei, []).append(finding.port)
    return {port: ports[0] for ports in ports_of.values() if len(ports) > 1 for port in ports}


def _report(finding: Finding, networks: Mapping[str, HomeNetwork | None], module: str) -> PortReport:
    report = PortReport(finding.port, finding.verdict, finding.reason, finding.seconds, module=module)
    if finding.verdict is not Verdict.AVAILABLE or finding.modem is None:
        return report
    network = networks[finding.modem.imsi]
    if network is None:
        reason = (
            f"the country of the SIM's network, {finding.modem.imsi[:6]}, is not known; "
            "name the network in RENT_NAMES_FILE"
        )
        return replace(report, verdict=Verdict.UNKNOWN_NETWORK, reason=reason)
    return replace(report, country=network.country, operator=network.operator)


def _unnamed(reports: Iterable[PortReport], networks: Iterable[HomeNetwork | None]) -> tuple[str, ...]:
    """Return the PLMNs that are counted under their digits."""
    counted = {(report.country, report.operator) for report in reports if report.verdict is Verdict.AVAILABLE}
    unnamed = {
        network.plmn
        for network in networks
        if network and not network.named and (network.country, network.operator) in counted
    }
    return tuple(sorted(unnamed))


def _judged(findings: Iterable[Finding], group_of: Mapping[str, list[Finding]]) -> Iterator[Finding]:
    """Yield the findings again, with at most one of each group of ports still available.

    Ports that share an IMEI or an IMSI, directly or through others, form a group. A group may be only one
    number, so it counts once. If one port of a group has a bad verdict, no port of the group counts.
    """
    for finding in findings:
        if finding.verdict is not Verdict.AVAILABLE:
            yield finding
            continue
        group = group_of[finding.port]
        against = [other for other in group if other.verdict is not Verdict.AVAILABLE]
        counted = _counted_of(group)
        if against:
            yield replace(finding, verdict=against[0].verdict, reason=_withheld(finding, against[0]))
        elif finding is not counted:
            yield replace(finding, verdict=Verdict.DUPLICATE, reason=_shared(finding, counted))
        else:
            yield finding


_SAYS_NOTHING = frozenset({Verdict.SILENT, Verdict.NOT_AT, Verdict.OUT_OF_TIME})
"""These verdicts do not count against a module: some of its ports may not answer, or not in time."""


def _says_nothing(finding: Finding, *, taken_by_holders: bool) -> bool:
    return finding.verdict in _SAYS_NOTHING or (
        finding.is_held and finding.verdict is Verdict.IN_USE and not taken_by_holders
    )


def _counted_of(group: list[Finding]) -> Finding:
    """Return the port that counts for a group: the first if all have one SIM, else the one read last.

    If a SIM moved during the census, it is now where it was read last.
    """
    if len({finding.modem.imsi for finding in group if finding.modem}) == 1:
        return group[0]
    return max(group, key=lambda finding: finding.seconds)


def _withheld(finding: Finding, other: Finding) -> str:
    return f"{_relation(finding, other)} {other.port}, which does not count: {other.verdict}"


def _shared(finding: Finding, counted: Finding) -> str:
    return f"{_relation(finding, counted)} {counted.port}, which is counted"


def _relation(finding: Finding, other: Finding) -> str:
    is_same = finding.modem and other.modem and finding.modem.imei == other.modem.imei
    return "the same module as" if is_same else "shares its IMEI or its SIM with"
