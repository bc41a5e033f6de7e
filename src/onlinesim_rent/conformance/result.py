"""How a rule judges a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from onlinesim_rent.conformance.exchange import Recording
from onlinesim_rent.conformance.questions import RIGHT, Question

MOST_REMARKS = 3
"""So many remarks of one rule are told; the others are counted."""


class Outcome(StrEnum):
    """What a rule says of an endpoint, the worst last."""

    SKIPPED = "skipped"
    PASSED = "pass"
    WARNING = "warning"
    FAILED = "fail"


class Skip(Exception):
    """The rule cannot be judged; the text says why."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that a rule has seen, in words, and the bytes that show it."""

    outcome: Outcome
    words: str
    evidence: bytes = b""


def failed(words: str, evidence: bytes = b"") -> Remark:
    """Say that the endpoint breaks the rule."""
    return Remark(Outcome.FAILED, words, evidence)


def warning(words: str, evidence: bytes = b"") -> Remark:
    """Say what the partner should look at."""
    return Remark(Outcome.WARNING, words, evidence)


def passed(words: str) -> Remark:
    """Say what the rule has measured."""
    return Remark(Outcome.PASSED, words)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its name, what it wants of the endpoint, the pure function that judges it, and advice.

    The function yields remarks; no remark means that the rule is kept. It raises Skip if it cannot judge.
    ``question`` is the request that shows the same again.
    """

    name: str
    wants: str
    judge: Callable[[Recording], Iterator[Remark]]
    question: Question = RIGHT
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What a rule says of an endpoint: the reason in words, and the bytes that show it."""

    rule: Rule
    outcome: Outcome
    reason: str = ""
    evidence: bytes = b""


def judge(rule: Rule, recording: Recording) -> Result:
    """Apply a rule: the worst of its remarks decides."""
    try:
        remarks = list(rule.judge(recording))
    except Skip as skip:
        return Result(rule, Outcome.SKIPPED, str(skip))
    order = list(Outcome)
    outcome = max((remark.outcome for remark in remarks), key=order.index, default=Outcome.PASSED)
    worst = [remark for remark in remarks if remark.outcome is outcome]
    words = [remark.words for remark in worst[:MOST_REMARKS]]
    if len(worst) > MOST_REMARKS:
        words.append(f"and {len(worst) - MOST_REMARKS} more")
    return Result(rule, outcome, "; ".join(words), next((each.evidence for each in worst), b""))
