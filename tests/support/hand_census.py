"""A census made by hand, without modules."""

from __future__ import annotations

from dataclasses import dataclass, field

from onlinesim_rent.census.counting import Census, PortReport
from onlinesim_rent.finding import Verdict

RUSSIA_AND_UKRAINE = {
    ("ukraine", "vodafone"): 14,
    ("ukraine", "life"): 2,
    ("ukraine", "kyivstar"): 5,
    ("russia", "megafon"): 10,
    ("russia", "beeline"): 9,
}
"""The numbers of the contract's published example."""


def census_of(available: dict[tuple[str, str], int]) -> Census:
    """Make a census: one silent port first, then one port for each number."""
    reports = [PortReport("/dev/ttyUSB0", Verdict.SILENT, "nothing came back", 3.0)]
    for (country, operator), count in available.items():
        reports += [
            PortReport(f"/dev/{country}-{operator}-{number}", Verdict.AVAILABLE, "", 1.0, country, operator)
            for number in range(count)
        ]
    return Census(tuple(reports), 3.0)


@dataclass
class HandCensus:
    """Gives one census, or always the same failure, and remembers the deadlines it was given."""

    census: Census = field(default_factory=lambda: census_of(RUSSIA_AND_UKRAINE))
    failure: Exception | None = None
    deadlines: list[float] = field(default_factory=list)

    def get(self, deadline: float, came_at: float | None = None) -> Census:
        self.deadlines.append(deadline)
        if self.failure:
            raise self.failure
        return self.census

    def last(self) -> tuple[Census, float] | None:
        return self.census, 1.5

    def last_failure(self) -> str:
        return str(self.failure or "")
