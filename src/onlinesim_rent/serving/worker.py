"""Gunicorn's threaded worker, with a limit on how long a client may take to send a request.

Gunicorn's own worker gives each accepted connection a thread, and restarts its time limit with each byte:
eight clients that send a byte every few seconds keep eight threads busy as long as they like.
"""

from __future__ import annotations

import errno
import math
import time
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import TYPE_CHECKING, Any

from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

if TYPE_CHECKING:
    from socket import socket

HEAD_SECONDS = 5.0
"""How long a client may take to send the whole head of a request, from the connection on."""

BODY_SECONDS = 5.0
"""How long a client may take to send the whole body, once the request has a thread."""

LARGEST_HEAD = 64 * 1024
"""Bytes. Gunicorn gets a longer head at once, and refuses it."""

_RECEIVED_AT_ONCE = 16 * 1024
_GONE_MEANWHILE = {errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED}


class HeadFirstWorker(ThreadWorker):  # type: ignore[misc]
    """Collects each request's head in the main loop, and only then gives the request a thread.

    Gunicorn still parses the head: it gets the same bytes.
    """

    def accept(self, listener: socket) -> None:
        """Accept a connection without giving it a thread."""
        if self.cfg.is_ssl:
            super().accept(listener)
            return
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in _GONE_MEANWHILE:
                raise
            return
        self.nr_conns += 1
        self._await_head(TConn(self.cfg, client, address, listener.getsockname()))

    def on_client_socket_readable(self, conn: TConn, client: socket) -> None:
        """Begin the next request of a connection that was kept alive."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._await_head(conn)

    def on_pending_socket_readable(self, conn: TConn, client: socket) -> None:
        """Receive more of a head. Once the head is complete, give the request a thread."""
        try:
            received = client.recv(_RECEIVED_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        conn.head += received
        if received and not is_whole(conn.head):
            return
        self.poller.unregister(client)
        self.pending_conns.remove(conn)
        conn.init()
        if not isinstance(conn.parser.unreader, BoundedUnreader):
            conn.parser.unreader = BoundedUnreader(client)
        conn.parser.unreader.unread(bytes(conn.head))
        self.enqueue_req(conn)

    def murder_pending(self) -> None:
        """Close the connections whose head did not come in time."""
        before = len(self.pending_conns)
        super().murder_pending()
        if closed := before - len(self.pending_conns):
            self.log.info(
                "closed %d connections that sent no complete head within %d s", closed, HEAD_SECONDS
            )

    def handle(self, conn: TConn) -> Any:
        """Answer a request in a thread, with a time limit for its body."""
        if conn.initialized and not self.cfg.is_ssl:
            conn.parser.unreader.ends_at = time.monotonic() + BODY_SECONDS
        return super().handle(conn)

    def _await_head(self, conn: TConn) -> None:
        conn.head = bytearray()
        # All have the same time limit, so the first in the queue is the first to close.
        conn.timeout = time.monotonic() + HEAD_SECONDS
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))


class BoundedUnreader(SocketUnreader):  # type: ignore[misc]
    """Reads from a socket until ``ends_at`` (time.monotonic); after that, raises TimeoutError."""

    ends_at = math.inf

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next bytes of a request. Raises TimeoutError."""
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        before = self.sock.gettimeout()
        self.sock.settimeout(left)
        try:
            received: bytes = super().chunk(size_hint)
        finally:
            with suppress(OSError):
                self.sock.settimeout(before)
        return received


def is_whole(head: bytes | bytearray) -> bool:
    """Whether the head is complete: it has its empty line, or it is longer than ``LARGEST_HEAD``."""
    return b"\n\r\n" in head or b"\n\n" in head or len(head) > LARGEST_HEAD
