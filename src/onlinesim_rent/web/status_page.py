"""What the status page shows, as values for its template. Pure functions over the last census."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from onlinesim_rent.census.attention import ADVICE, groups_by_attention
from onlinesim_rent.census.claims import Claims, digest, masked
from onlinesim_rent.census.counting import Census, PortReport
from onlinesim_rent.finding import Verdict
from onlinesim_rent.web.durations import duration
from onlinesim_rent.web.history_picture import HistoryPicture

UNASKED_SECONDS = 600
"""The marketplace asks every two minutes. After so long without a census, the page says that nobody asks."""


@dataclass(frozen=True, slots=True)
class Operator:
    """The numbers of one operator, and the length of its bar in percent of the longest."""

    name: str
    number: int
    percent: float


@dataclass(frozen=True, slots=True)
class Country:
    """The numbers of one country, and of its operators."""

    name: str
    number: int
    operators: tuple[Operator, ...]


@dataclass(frozen=True, slots=True)
class Port:
    """One port: its name below the directory of all ports, what it showed in words, and when."""

    name: str
    shown: str
    seconds: float


@dataclass(frozen=True, slots=True)
class PortGroup:
    """All ports of one verdict, and what to do about it."""

    verdict: str
    advice: str
    is_counted: bool
    ports: tuple[Port, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim with its numbers masked, its note, and the ports that it took.

    ``took`` is None if the claims have changed since the last census.
    """

    name: str
    note: str
    took: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class ClaimList:
    """The present claims; ``problem`` says why they cannot be read."""

    claims: tuple[Claim, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class LastCensus:
    """The last census, as people read it. ``directory`` is that of all ports; empty if they have several."""

    available: int
    number_of_ports: int
    seconds: float
    age: str
    is_old: bool
    countries: tuple[Country, ...]
    directory: str
    groups: tuple[PortGroup, ...]


@dataclass(frozen=True, slots=True)
class StatusPage:
    """Everything that the page shows.

    ``census`` is None if none was taken since the start, ``failure`` is empty if the last attempt did not
    fail, ``claims`` is None if the settings name no directory of claims, and ``picture`` is None if there is
    no history yet. ``degraded`` says which hosts of a fleet are missing; empty if none is.
    """

    census: LastCensus | None
    failure: str
    degraded: str
    claims: ClaimList | None
    picture: HistoryPicture | None


def last_census(census: Census, age: float) -> LastCensus:
    """Describe a census that is ``age`` seconds old."""
    directory = common_directory(report.port for report in census.ports)
    return LastCensus(
        available=sum(census.available.values()),
        number_of_ports=len(census.ports),
        seconds=census.seconds,
        age=f"{duration(age)} ago",
        is_old=age > UNASKED_SECONDS,
        countries=tuple(countries(census.available)),
        directory=directory,
        groups=tuple(port_groups(census.ports, directory)),
    )


def countries(available: Mapping[tuple[str, str], int]) -> Iterator[Country]:
    """Yield the countries and their operators by name, as in the answer."""
    longest = max(available.values(), default=1)
    for country, items in groupby(sorted(available.items()), key=lambda item: item[0][0]):
        operators = tuple(
            Operator(operator, number, round(100 * number / longest, 1)) for (_, operator), number in items
        )
        yield Country(country, sum(operator.number for operator in operators), operators)


def common_directory(ports: Iterable[str]) -> str:
    """Return the directory of all ports, with its last slash; empty if they are in several, or in none."""
    directories = {port[: port.rfind("/") + 1] for port in ports}
    [directory, *others] = directories or [""]
    return "" if others or directory.startswith("socket:") else directory


def port_groups(reports: Iterable[PortReport], directory: str) -> Iterator[PortGroup]:
    """Yield the ports by verdict, those that need attention first."""
    for verdict, group in groups_by_attention(reports):
        ports = tuple(_port(report, directory) for report in group)
        yield PortGroup(verdict, ADVICE[verdict], verdict is Verdict.AVAILABLE, ports)


def claim_list(claims: Claims, notes: Mapping[str, str], census: Census | None) -> ClaimList:
    """Describe the present claims, and what each took in the last census."""
    matched = census.matched if census and census.claims == claims.fingerprint else None
    directory = common_directory(report.port for report in census.ports) if census else ""

    def took(name: str) -> tuple[str, ...] | None:
        if matched is None:
            return None
        return tuple(_short(port, directory) for port in matched.get(digest(name), ()))

    names = sorted(claims.names)
    return ClaimList(tuple(Claim(masked(name), notes.get(name, ""), took(name)) for name in names))


def _port(report: PortReport, directory: str) -> Port:
    network = f"{report.country} {report.operator}"
    shown = network if _is_counted(report) else _short(report.reason, directory)
    return Port(_short(report.port, directory), shown, report.seconds)


def _is_counted(report: PortReport) -> bool:
    return report.verdict is Verdict.AVAILABLE


def _short(text: str, directory: str) -> str:
    """Leave out the directory of all ports."""
    return text.replace(directory, "") if directory else text
