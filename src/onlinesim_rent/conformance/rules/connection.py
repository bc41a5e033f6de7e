"""Rules about the connection: reachable, TLS, redirects, time, keepalive."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

from onlinesim_rent.conformance.exchange import Exchange, FailureKind, Recording
from onlinesim_rent.conformance.questions import AT_ONCE, KEPT, RIGHT
from onlinesim_rent.conformance.reading import exchange_of, first_answer, first_success, is_success
from onlinesim_rent.conformance.result import Remark, Skip, failed, passed, warning
from onlinesim_rent.conformance.shown import quoted

LATE_SECONDS = 10.0
"""The marketplace cancels a request after this time."""

NEARLY_LATE_SECONDS = 8.0
CERTIFICATE_DAYS = 21.0
"""With less left, a renewal that should have come has failed."""

_DAY = 24 * 60 * 60


def reachable(recording: Recording) -> Iterator[Remark]:
    """The endpoint can be connected to, and speaks HTTP/1.1."""
    failure = exchange_of(recording, RIGHT).failure
    if failure and failure.kind in (FailureKind.UNREACHABLE, FailureKind.BROKEN):
        yield failed(failure.words)


def encryption(recording: Recording) -> Iterator[Remark]:
    """A URL that leads to another host is https."""
    first_answer(recording)
    url = urlsplit(recording.url)
    if url.scheme == "http" and not _is_loopback(url.hostname or ""):
        yield warning("plain http: everybody on the way can read the key")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def certificate(recording: Recording) -> Iterator[Remark]:
    """The certificate is valid for the host, and does not end soon."""
    if urlsplit(recording.url).scheme == "http":
        raise Skip("plain http has no certificate")
    failure = exchange_of(recording, RIGHT).failure
    if failure and failure.kind is FailureKind.UNTRUSTED:
        yield failed(f"{failure.words}; the key was not sent")
        return
    if recording.certificate_ends is None:
        raise Skip("no connection")
    days = (recording.certificate_ends - recording.now) / _DAY
    words = f"{days:.0f} days left"
    yield warning(words) if days < CERTIFICATE_DAYS else passed(words)


def redirects(recording: Recording) -> Iterator[Remark]:
    """The URL itself answers."""
    answer = first_answer(recording)
    if 300 <= answer.status < 400:  # RFC 9110, section 15.4
        location = answer.header("Location") or ""
        yield failed(f"HTTP {answer.status} leads to {quoted(location)}", location.encode("latin-1"))


def seconds(recording: Recording) -> Iterator[Remark]:
    """The answer comes in time."""
    exchange = exchange_of(recording, RIGHT)
    if exchange.failure:
        if exchange.failure.kind is not FailureKind.LATE:
            raise Skip("the first request got no answer")
        yield failed(exchange.failure.words)
        return
    yield _timed(exchange.seconds, f"{exchange.seconds:.2f} s")


def seconds_of_thirty(recording: Recording) -> Iterator[Remark]:
    """So do 30 answers at once."""
    first_success(recording)
    exchanges = recording.exchanges.get(AT_ONCE, ())
    if wrong := Counter(_unsuccessful(each) for each in exchanges if not is_success(each.answer)):
        reasons = ", ".join(f"{times} of them: {reason}" for reason, times in wrong.most_common())
        yield failed(f"{wrong.total()} of {len(exchanges)} got no SUCCESS ({reasons})")
    slowest = max(exchange.seconds for exchange in exchanges)
    yield _timed(slowest, f"the slowest took {slowest:.2f} s")


def _unsuccessful(exchange: Exchange) -> str:
    if exchange.failure:
        return exchange.failure.words
    assert exchange.answer
    return f"HTTP {exchange.answer.status}"


def _timed(duration: float, words: str) -> Remark:
    if duration >= LATE_SECONDS:
        return failed(f"{words}; the marketplace waits {LATE_SECONDS:g} s")
    return warning(words) if duration >= NEARLY_LATE_SECONDS else passed(words)


def keepalive(recording: Recording) -> Iterator[Remark]:
    """A second request on the same connection is answered too."""
    first_success(recording)
    exchange = exchange_of(recording, KEPT)
    if exchange.failure and exchange.failure.kind is FailureKind.CLOSED:
        yield warning("the server closes the connection after each answer")
    elif exchange.failure:
        yield failed(f"the second request on the connection got no answer: {exchange.failure.words}")
    elif not is_success(exchange.answer):
        assert exchange.answer
        yield failed(f"the second request on the connection got HTTP {exchange.answer.status}, no SUCCESS")
