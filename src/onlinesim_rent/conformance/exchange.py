"""What a check records: requests and their answers, as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from onlinesim_rent.conformance.questions import Question


class FailureKind(Enum):
    """Why no answer came."""

    UNREACHABLE = auto()  # no connection
    UNTRUSTED = auto()  # the certificate is not valid, so nothing was sent
    LATE = auto()  # no whole answer in time
    BROKEN = auto()  # the connection ended early, or the answer is not HTTP/1.1
    CLOSED = auto()  # nothing was sent: the server had ended the connection, as it had said


@dataclass(frozen=True, slots=True)
class Failure:
    """Why no answer came, also in words that follow "no answer: "."""

    kind: FailureKind
    words: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. The key, if it was in it, is replaced by its place.

    ``body`` is unpacked if it came as gzip, and ends at the largest size that is read. ``problem`` says what
    is wrong with it if it did not arrive whole.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    problem: str = ""

    def header(self, name: str) -> str | None:
        """Return a header; several of one name are joined with a comma (RFC 9110, section 5.3)."""
        values = [value for given, value in self.headers if given.lower() == name.lower()]
        return ", ".join(values) if values else None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request with its answer, or with the reason why there is none. ``seconds`` include the connection."""

    seconds: float
    answer: Answer | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """All that one check has seen of an endpoint.

    ``certificate_ends`` is when its certificate ends, in seconds since 1970; None without TLS. ``now`` is the
    time of the check. ``known`` holds the marketplace's names of operators, by their country.
    """

    url: str
    exchanges: Mapping[Question, tuple[Exchange, ...]]
    now: float
    certificate_ends: float | None = None
    known: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def of(self, question: Question) -> Exchange | None:
        """Return the exchange of a question that is sent once; None if it was not sent."""
        return next(iter(self.exchanges.get(question, ())), None)

    def answers(self) -> Iterator[tuple[Question, Answer]]:
        """Yield every answer, in the order of the questions."""
        for question, exchanges in self.exchanges.items():
            for exchange in exchanges:
                if exchange.answer:
                    yield question, exchange.answer
