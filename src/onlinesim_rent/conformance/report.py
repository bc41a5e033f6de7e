"""The report of a check: as lines for people, and as one document for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from onlinesim_rent.conformance.curl import curl
from onlinesim_rent.conformance.result import Outcome, Result
from onlinesim_rent.conformance.shown import shown


@dataclass(frozen=True, slots=True)
class Report:
    """All results of one check of a URL, in the order of the rules."""

    url: str
    results: Sequence[Result]
    ca_file: str | None = None

    @property
    def failed(self) -> bool:
        """Whether the endpoint breaks a rule."""
        return any(result.outcome is Outcome.FAILED for result in self.results)

    def summary(self) -> str:
        """Count the outcomes."""
        times = Counter(result.outcome for result in self.results)
        counted = ", ".join(f"{times[outcome]} {outcome}" for outcome in reversed(Outcome) if times[outcome])
        return f"{self.url}: {counted} of {len(self.results)} rules."

    def details(self, result: Result) -> dict[str, str]:
        """Return what helps to mend it: the bytes, the advice, and the curl that repeats the request."""
        if result.outcome not in (Outcome.FAILED, Outcome.WARNING):
            return {}
        details = {
            "bytes": shown(result.evidence),
            "advice": result.rule.advice,
            "repeat": curl(result.rule.question, self.url, self.ca_file),
        }
        return {name: text for name, text in details.items() if text}

    def document(self) -> dict[str, object]:
        """Return everything as a document for JSON."""
        return {
            "url": self.url,
            "passed": not self.failed,
            "rules": [
                {
                    "rule": result.rule.name,
                    "wants": result.rule.wants,
                    "outcome": str(result.outcome),
                    "reason": result.reason,
                    **self.details(result),
                }
                for result in self.results
            ],
        }


def line(result: Result, width: int) -> str:
    """Say in one line what a rule says; ``width`` is that of the longest name of a rule."""
    name = result.rule.name.ljust(width)
    if result.outcome is Outcome.PASSED:
        note = f" ({result.reason})" if result.reason else ""
        return f"{name}  {result.rule.wants}{note}"
    return f"{name}  {result.reason}"


def lines(report: Report) -> Iterator[tuple[Outcome | None, str]]:
    """Yield each line of the report after its outcome; the lines of details have none."""
    width = max(len(result.rule.name) for result in report.results)
    for result in report.results:
        yield result.outcome, line(result, width)
        for name, text in report.details(result).items():
            yield None, f"{name}: {text}"
