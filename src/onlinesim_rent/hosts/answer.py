"""What one host publishes, and how it is written and read back. Pure functions over values.

On the wire: 64 hexadecimal digits (the signature), a line feed, and one JSON object.
"""

from __future__ import annotations

import hmac
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from onlinesim_rent.census.counting import Census
from onlinesim_rent.census.host_report import HostState
from onlinesim_rent.finding import CensusError, Finding, Modem, Verdict
from onlinesim_rent.hosts.marks import Marks

PROTOCOL = 1
"""Raised when hosts of two releases can no longer be counted together."""

LARGEST_BYTES = 4 * 1024 * 1024
"""The most that is written or read: 2,000 ports and 100,000 claims need less."""

_SIGNATURE_BYTES = 64


class Raised(NamedTuple):
    """A number that a front has raised, in one life of Redis.

    Numbers of one life only grow. A Redis that has restarted, failed over or was emptied begins another life:
    its numbers may repeat, so they say nothing of those of an earlier life.
    """

    life: str
    number: int

    def covers(self, other: Raised) -> bool:
        """Whether an answer to this number was asked for at the same time as the other, or later."""
        return self.life == other.life and self.number >= other.number


class Asked(NamedTuple):
    """What a front asks of every host: an answer to a number, within so many seconds.

    The host may use a census again that is younger than ``age`` seconds.
    """

    raised: Raised
    seconds: float
    age: float


class Unusable(Exception):
    """An answer that cannot be counted. ``reason`` ends a sentence that begins with the host's name."""

    def __init__(self, state: HostState, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Answer:
    """What the ports of one host showed, for one raised number.

    The seconds of its findings count from the moment when the host heard of the number; they are negative
    for what was proved before. ``claims`` are the host's claims on IMEIs and IMSIs. Marks stand for both.
    ``failure`` says why the host could take no census; then there are no findings. Redis keeps the answer for
    ``lasting`` seconds from that moment on.
    """

    host: str
    raised: Raised
    findings: tuple[Finding, ...] = ()
    claims: frozenset[str] = field(default=frozenset())
    failure: str = ""
    lasting: float = 0.0

    @classmethod
    def of(
        cls, host: str, raised: Raised, census: Census, began_after: float, lasting: float = 0.0
    ) -> Answer:
        """Make the answer of a census that began so many seconds after the host heard of the number."""
        findings = (
            replace(finding, seconds=round(began_after + finding.seconds, 3))
            for finding in census.shown.findings
        )
        return cls(host, raised, tuple(findings), frozenset(census.shown.claims), lasting=lasting)

    @property
    def proved_after(self) -> float:
        """The seconds of the oldest finding that may count; infinite if there is none."""
        proofs = (finding.seconds for finding in self.findings if finding.verdict is Verdict.AVAILABLE)
        return min(proofs, default=math.inf)


def written(answer: Answer, marks: Marks, release: str) -> bytes:
    """Return an answer as bytes. Raises CensusError if they are more than LARGEST_BYTES."""
    record = {
        "protocol": PROTOCOL,
        "release": release,
        "secret": marks.fingerprint,
        "host": answer.host,
        "life": answer.raised.life,
        "number": answer.raised.number,
        "findings": [_row(finding) for finding in answer.findings],
        "claims": sorted(answer.claims),
        "failure": answer.failure,
        "lasting": answer.lasting,
    }
    content = json.dumps(record, separators=(",", ":")).encode()
    if len(content) + _SIGNATURE_BYTES + 1 > LARGEST_BYTES:
        raise CensusError(
            f"{len(answer.findings)} ports and {len(answer.claims)} claims are too many for one host; "
            "remove claims that are over, or give the ports to several hosts"
        )
    return marks.signature(content) + b"\n" + content


def read(content: bytes, host: str, marks: Marks) -> Answer:
    """Read the answer of a host. Raises Unusable if it cannot be counted: one byte more or less is enough."""
    signature, _, body = content.partition(b"\n")
    record = _record(body if len(content) <= LARGEST_BYTES else b"")
    if record.get("protocol") != PROTOCOL:
        raise Unusable(
            HostState.OTHER_RELEASE, "is of another release; install the same release on all hosts"
        )
    if record.get("secret") != marks.fingerprint:
        raise Unusable(HostState.OTHER_SECRET, "has another RENT_FLEET_SECRET; give all hosts the same")
    if not hmac.compare_digest(signature, marks.signature(body)) or record.get("host") != host:
        raise _unreadable()
    try:
        raised = Raised(_text(record["life"]), _whole(record["number"]))
        findings = tuple(_finding(row) for row in record["findings"])
        claims = frozenset(map(_text, record["claims"]))
        failure = _text(record["failure"])
        lasting = _seconds(record["lasting"])
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable() from error
    if failure:
        raise Unusable(HostState.FAILED, f"could take no census: {failure}")
    return Answer(host, raised, findings, claims, lasting=lasting)


def _record(body: bytes) -> Mapping[str, Any]:
    try:
        record = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _unreadable() from error
    if not isinstance(record, dict):
        raise _unreadable()
    return record


def _unreadable() -> Unusable:
    return Unusable(
        HostState.UNREADABLE, "has an answer that it did not write itself; let only the hosts write to Redis"
    )


def _row(finding: Finding) -> list[object]:
    """A list is half as long as an object with names."""
    modem = finding.modem or Modem("")
    held = int(finding.is_held)
    return [finding.port, finding.verdict, finding.reason, finding.seconds, modem.imei, modem.imsi, held]


def _finding(row: list[object]) -> Finding:
    port, verdict, reason, seconds, imei, imsi, held = row
    modem = Modem(_text(imei), _text(imsi)) if imei else None
    return Finding(
        _text(port), Verdict(_text(verdict)), _text(reason), _seconds(seconds), modem, _whole(held) == 1
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: object) -> int:
    if type(value) is not int:
        raise TypeError
    return value


def _seconds(value: object) -> float:
    if type(value) not in {int, float} or not math.isfinite(value):  # type: ignore[arg-type]
        raise TypeError
    return float(value)  # type: ignore[arg-type]
