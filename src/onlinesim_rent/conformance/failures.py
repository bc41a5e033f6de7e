"""Says why no answer came, in the words of this file and not in those of a library."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

from onlinesim_rent.conformance.exchange import Failure, FailureKind


def is_timeout(error: BaseException) -> bool:
    """Whether an error means that the time was up."""
    return any(isinstance(cause, TimeoutError) for cause in _causes(error))


def failure_of(error: BaseException, *, connected: bool) -> Failure:
    """Translate an error; ``connected`` says whether there was a connection before."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Failure(FailureKind.UNTRUSTED, str(cause.verify_message))
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Failure(FailureKind.UNREACHABLE, "the server does not speak TLS here, or ends it")
    if connected:
        return Failure(FailureKind.BROKEN, _broken(causes))
    return Failure(FailureKind.UNREACHABLE, _unreachable(causes))


def _broken(causes: list[BaseException]) -> str:
    if any(isinstance(cause, ConnectionError) for cause in causes):
        return "the server closed the connection without an answer"
    return "what the server sends is not HTTP/1.1"


def _unreachable(causes: list[BaseException]) -> str:
    """The words of the operating system, such as "connection refused"."""
    for cause in causes:
        if isinstance(cause, OSError) and cause.strerror and not isinstance(cause, socket.gaierror):
            return cause.strerror.lower()
    return "the host's name has no address"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that led to it."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        yield from (argument for argument in cause.args if isinstance(argument, BaseException))
        cause = cause.__cause__
