"""Asks the partner's own endpoint, over kept connections. The only file of the service that knows urllib3."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from http import HTTPStatus
from threading import BoundedSemaphore, local
from typing import Any, NamedTuple

from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util import parse_url

from onlinesim_rent.web.errors import ServicesError
from onlinesim_rent.web.exchange import LATE, Exchange
from onlinesim_rent.web.services_answer import read_services_answer
from onlinesim_rent.web.unpacking import TooLarge, unpack

ANSWER_LIMIT = 2 * 1024 * 1024
"""The largest answer in bytes, packed or unpacked. One of 500 services in 100 operators has about 500,000."""

MOST_AT_ONCE = 64
"""How many threads may ask: twice as many as a worker has for requests (gunicorn.conf.py).

A request that leaves at its deadline wakes its thread, but a thread that still looks up a name ends later.
"""

CONNECT_SECONDS = 3.0
"""How long a connection may take, TLS included."""

_READ_AT_ONCE = 64 * 1024

_TOO_LARGE = f"sent more than {ANSWER_LIMIT >> 20} MiB; let it send less"
_SENTENCES: Mapping[type[BaseException], str] = {
    NameResolutionError: "has a host name that cannot be found; correct it, or mend the DNS of this host",
    ConnectTimeoutError: "takes no connection; start it, or correct the address",
    SSLError: "offers no TLS that this host trusts; renew its certificate, or let this host trust the issuer",
    ReadTimeoutError: LATE,
    HTTPError: "broke off its answer, or does not speak HTTP; its log may say why",
}


class ServicesRequest(NamedTuple):
    """What is sent: the body as it came, and the headers that belong to it."""

    headers: Mapping[str, str]
    body: bytes


class ServicesClient:
    """Asks the endpoint at one URL. All threads of a process share it."""

    def __init__(self, url: str) -> None:
        # It would log what the endpoint sent, and the query of the URL.
        logging.getLogger("urllib3").setLevel(logging.CRITICAL)
        self._pool = _connections(url)
        self._target = parse_url(url).request_uri
        self._places = BoundedSemaphore(MOST_AT_ONCE)

    @contextmanager
    def asking(self, request: ServicesRequest, deadline: float) -> Iterator[Exchange]:
        """Ask beside the block. Its exchange has the answer. The end of the block ends the exchange.

        Raises ServicesError, here or when the exchange is asked for the answer.
        """
        if not self._places.acquire(blocking=False):
            raise ServicesError(f"holds up {MOST_AT_ONCE} earlier requests; make it faster")
        exchange = Exchange(partial(self._ask, request), deadline, done=self._places.release)
        try:
            exchange.start()
        except RuntimeError:
            self._places.release()
            raise ServicesError("could not be asked: this host gives no more threads; end programs") from None
        try:
            yield exchange
        finally:
            exchange.end()

    def _ask(self, request: ServicesRequest, exchange: Exchange) -> dict[str, Any]:
        _of_this_thread.exchange = exchange
        try:
            with closing(self._send(request, exchange)) as response:
                _check_status(response.status)
                body = _read(response)
        except HTTPError as error:
            raise ServicesError(_sentence(error)) from None
        return _document(body, response.headers.get("Content-Encoding", ""))

    def _send(self, request: ServicesRequest, exchange: Exchange) -> HTTPResponse:
        try:
            return self._send_once(request, exchange)
        except ProtocolError:
            # A kept connection may end while a request is on its way. To ask changes nothing, so ask again.
            return self._send_once(request, exchange)

    def _send_once(self, request: ServicesRequest, exchange: Exchange) -> HTTPResponse:
        left = exchange.seconds_left()
        return self._pool.urlopen(  # type: ignore[return-value]
            "POST",
            self._target,
            request.body,
            request.headers,
            retries=False,
            redirect=False,
            timeout=Timeout(connect=min(CONNECT_SECONDS, left), read=left),
            preload_content=False,
            decode_content=False,
        )


_of_this_thread = local()


class _Connection(HTTPConnection):
    """Tells the exchange on which socket it waits."""

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        _of_this_thread.exchange.waits_on(self.sock)
        return super().getresponse()


class _TlsConnection(HTTPSConnection):
    """The same over TLS."""

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        _of_this_thread.exchange.waits_on(self.sock)
        return super().getresponse()


def _connections(url: str) -> HTTPConnectionPool:
    """Return the pool of connections to the URL's host."""
    address = parse_url(url)
    assert address.host
    if address.scheme == "https":
        # With the certificates that the system trusts.
        trust = ssl.create_default_context()
        pool: HTTPConnectionPool = HTTPSConnectionPool(
            address.host, address.port, maxsize=MOST_AT_ONCE, ssl_context=trust
        )
        pool.ConnectionCls = _TlsConnection
    else:
        pool = HTTPConnectionPool(address.host, address.port, maxsize=MOST_AT_ONCE)
        pool.ConnectionCls = _Connection
    return pool


def _check_status(status: int) -> None:
    """Raise ServicesError unless the status is 200."""
    if 300 <= status < 400:
        raise ServicesError(
            f"redirects, with HTTP {status}; set the address to which it redirects in RENT_SERVICES_URL"
        )
    if status != HTTPStatus.OK:
        raise ServicesError(f"answered with HTTP {status}, not 200; its log may say why")


def _read(response: HTTPResponse) -> bytes:
    """Return the body as it was sent. Raises ServicesError if it is too large."""
    body = bytearray()
    for piece in response.stream(_READ_AT_ONCE, decode_content=False):
        body += piece
        if len(body) > ANSWER_LIMIT:
            raise ServicesError(_TOO_LARGE)
    return bytes(body)


def _document(body: bytes, encoding: str) -> dict[str, Any]:
    try:
        return read_services_answer(unpack(body, encoding, ANSWER_LIMIT))
    except TooLarge:
        raise ServicesError(_TOO_LARGE) from None
    except ValueError as problem:
        raise ServicesError(f"gave no GET_SERVICES answer: {problem}; correct what it sends") from None


def _sentence(error: HTTPError) -> str:
    return next(_SENTENCES[kind] for kind in type(error).__mro__ if kind in _SENTENCES)
