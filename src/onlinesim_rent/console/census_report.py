"""What ``onlinesim-rent census`` says of a census. Pure functions over values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from onlinesim_rent.census.attention import ADVICE, groups_by_attention, in_general
from onlinesim_rent.census.claims import masked
from onlinesim_rent.census.counting import Census, PortReport
from onlinesim_rent.finding import Verdict
from onlinesim_rent.modem.details import Details

MOST_REASONS = 3
"""Of one verdict, so many different reasons are listed. The table has the others."""

HEADINGS = ("PORT", "MODULE", "COUNTRY", "OPERATOR", "VERDICT", "REASON", "SECONDS")


@dataclass(frozen=True, slots=True)
class Attention:
    """The ports of one verdict: how many for each reason, and what to do."""

    verdict: Verdict
    reasons: tuple[tuple[str, int], ...]
    advice: str


def cells(report: PortReport) -> tuple[str, ...]:
    """Return a port's row under HEADINGS. MODULE names the first port of its module, if it has several."""
    return (
        report.port,
        report.module.rpartition("/")[2],
        report.country,
        report.operator,
        report.verdict,
        "" if report.verdict is Verdict.AVAILABLE else report.reason,
        f"{report.seconds:.2f}",
    )


DETAIL_HEADINGS = (
    "PORT",
    "MAKER",
    "MODEL",
    "FIRMWARE",
    "SIGNAL",
    "NETWORK",
    "IMEI",
    "IMSI",
    "ICCID",
    "NUMBER",
)


def detail_cells(port: str, details: Details, *, is_full: bool) -> tuple[str, ...]:
    """Return a port's row under DETAIL_HEADINGS. Unless ``is_full``, numbers are masked."""
    shown = str if is_full else masked
    return (
        port,
        details.maker,
        details.model,
        details.firmware,
        "" if details.signal_dbm is None else f"{details.signal_dbm} dBm",
        details.network,
        *map(shown, (details.imei, details.imsi, details.iccid, details.own_number)),
    )


def detail_document(details: Details, *, is_full: bool) -> dict[str, Any]:
    """Return the details as JSON has them. Unless ``is_full``, numbers are masked."""
    shown = str if is_full else masked
    numbers = {name: shown(getattr(details, name)) for name in ("imei", "imsi", "iccid", "own_number")}
    return asdict(details) | numbers


def details_elsewhere(hosts: Sequence[str]) -> str:
    """Say where the details of other hosts' modules are to be had."""
    return f"Each host tells the details of its own modules: run this command on {', '.join(hosts)} too."


def attentions(reports: Sequence[PortReport]) -> Iterator[Attention]:
    """Yield what to do about each verdict that does not count, the most urgent first."""
    for verdict, group in groups_by_attention(reports):
        if verdict is not Verdict.AVAILABLE:
            reasons = Counter(in_general(report.reason) for report in group).most_common()
            yield Attention(verdict, tuple(reasons), ADVICE[verdict])


def attention_lines(attention: Attention) -> Iterator[str]:
    """Yield the lines about one verdict: each reason with its number, then what to do."""
    for reason, number in attention.reasons[:MOST_REASONS]:
        yield f"{number} {attention.verdict}: {reason}"
    if others := attention.reasons[MOST_REASONS:]:
        number = sum(number for _, number in others)
        yield f"{number} {attention.verdict}, for {len(others)} more reasons: see the table"
    yield f"  {attention.advice}"


def summary(census: Census, age: float) -> str:
    """Return the last line: how many numbers, and when they were asked for."""
    available = sum(census.available.values())
    when = f"asked in {census.seconds:.2f} s"
    if age > 1:
        when += f", {age:.0f} s ago"
    return f"{available} of {len(census.ports)} ports are available numbers; {when}."
