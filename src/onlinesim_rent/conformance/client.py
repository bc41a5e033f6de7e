"""Sends one request and records the exchange: HTTP and TLS, within a total time and a size."""

from __future__ import annotations

import gzip
import socket
import ssl
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException
from threading import Timer
from urllib.parse import SplitResult, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from onlinesim_rent.clock import boot_clock
from onlinesim_rent.conformance.exchange import Answer, Exchange, Failure, FailureKind
from onlinesim_rent.conformance.failures import failure_of, is_timeout
from onlinesim_rent.conformance.questions import Question
from onlinesim_rent.conformance.secret import Secret

SIZE_LIMIT = 1024 * 1024
"""The largest answer that is read, in bytes, packed or unpacked: ten times one that names every operator."""

_USER_AGENT = "onlinesim-rent-check"


@dataclass(frozen=True)
class Endpoint:
    """Where to ask, with which key, and how many seconds one exchange may take.

    ``ca_file`` holds certificates (PEM) that are trusted beside the system's.
    """

    url: str
    secret: Secret
    timeout: float
    ca_file: str | None = None

    def connection(self) -> HTTPConnection:
        """Return a connection that is not open yet."""
        url = urlsplit(self.url)
        host = url.hostname or ""
        if url.scheme == "http":
            return HTTPConnection(host, url.port or 80, timeout=self.timeout)
        return HTTPSConnection(host, url.port or 443, timeout=self.timeout, ssl_context=self.trust)

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """The certificates that are trusted. Raises OSError if ``ca_file`` holds none."""
        context = ssl.create_default_context()
        if self.ca_file:
            context.load_verify_locations(self.ca_file)
        return context


class Client:
    """Asks on one connection, which it opens at the first question. Close it after use."""

    def __init__(self, endpoint: Endpoint, clock: Callable[[], float] = boot_clock) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._connection = endpoint.connection()
        # The connection forgets its socket before the last body has been read.
        self._socket: socket.socket | None = None
        self.certificate_ends: float | None = None

    def ask(self, question: Question) -> Exchange:
        """Send a question and read its answer; never raises for what the endpoint does."""
        if self._socket and self._connection.sock is None:
            return Exchange(
                0.0, failure=Failure(FailureKind.CLOSED, "the server closed the connection before")
            )
        begun = self._clock()
        try:
            self._connect()
            with self._interrupted_after(self._endpoint.timeout - (self._clock() - begun)):
                answer = self._exchange(question)
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            return self._failed(error, self._clock() - begun)
        seconds = self._clock() - begun
        # An interrupted body without a length looks like a whole one.
        return self._late(seconds) if seconds >= self._endpoint.timeout else Exchange(seconds, answer)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _connect(self) -> None:
        if self._connection.sock is None:
            self._connection.connect()
            self._socket = self._connection.sock
            if isinstance(self._socket, ssl.SSLSocket):
                ends = str((self._socket.getpeercert() or {})["notAfter"])
                self.certificate_ends = float(ssl.cert_time_to_seconds(ends))

    def _exchange(self, question: Question) -> Answer:
        secret = self._endpoint.secret
        headers = {"User-Agent": _USER_AGENT} | {
            name: secret.in_header(value) for name, value in question.headers
        }
        body = secret.in_json(question.body) if question.body else None
        if body and question.packed:
            body = gzip.compress(body)
        self._connection.request(
            question.method,
            _target(urlsplit(self._endpoint.url)),
            body,
            headers,
            preload_content=False,
            decode_content=False,
        )
        with closing(self._connection.getresponse()) as response:
            return _answer(response, secret)

    @contextmanager
    def _interrupted_after(self, seconds: float) -> Iterator[None]:
        """Bound the whole time of the block: a socket's own timeout begins anew with each byte."""
        alarm = Timer(max(0.0, seconds), self._interrupt)
        alarm.daemon = True
        alarm.start()
        try:
            yield
        finally:
            alarm.cancel()

    def _interrupt(self) -> None:
        """End the connection under the reader, whatever it waits for."""
        assert self._socket
        with suppress(OSError):
            # Not the method of an SSLSocket, which would remove the TLS under the reader.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _failed(self, error: Exception, seconds: float) -> Exchange:
        if seconds >= self._endpoint.timeout or is_timeout(error):
            return self._late(seconds)
        self._connection.close()
        return Exchange(seconds, failure=failure_of(error, connected=self._socket is not None))

    def _late(self, seconds: float) -> Exchange:
        self._connection.close()
        timeout = f"within {self._endpoint.timeout:g} s"
        if self._socket:
            return Exchange(seconds, failure=Failure(FailureKind.LATE, f"no whole answer {timeout}"))
        return Exchange(seconds, failure=Failure(FailureKind.UNREACHABLE, f"no connection {timeout}"))


def _target(url: SplitResult) -> str:
    return (url.path or "/") + (f"?{url.query}" if url.query else "")


def _answer(response: HTTPResponse, secret: Secret) -> Answer:
    body, problem = _read(response)
    headers = tuple(
        (name, secret.removed(value.encode("latin-1", "replace")).decode("latin-1"))
        for name, value in response.headers.iteritems()
    )
    if not problem and response.headers.get("Content-Encoding", "").strip().lower() in {"gzip", "x-gzip"}:
        body, problem = _unpack(body)
    return Answer(response.status, headers, secret.removed(body), problem)


def _read(response: HTTPResponse) -> tuple[bytes, str]:
    """Read the body up to the limit; return also what is wrong with it."""
    body = b""
    try:
        while piece := response.read(SIZE_LIMIT + 1 - len(body)):
            body += piece
            if len(body) > SIZE_LIMIT:
                return body[:SIZE_LIMIT], f"it is larger than {SIZE_LIMIT} bytes; the rest was not read"
    except (HTTPError, HTTPException) as error:
        if is_timeout(error):
            raise
        return body, "it was cut off: the connection ended before its announced length"
    return body, ""


def _unpack(packed: bytes) -> tuple[bytes, str]:
    """Unpack gzip up to the limit; return the bytes as they are if it is none, and what is wrong."""
    unpacker = zlib.decompressobj(wbits=31)  # 16 + 15: a gzip header and trailer (zlib's manual)
    try:
        body = unpacker.decompress(packed, SIZE_LIMIT + 1)
    except zlib.error:
        return packed, "it is not the gzip that its Content-Encoding announces"
    if len(body) > SIZE_LIMIT:
        return body[:SIZE_LIMIT], f"it unpacks to more than {SIZE_LIMIT} bytes"
    return body, "" if unpacker.eof else "its gzip is cut off"
