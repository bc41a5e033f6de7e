"""Gunicorn's threaded worker, with a bound on how long a client may take to send a request.

Gunicorn's own gives a connection a thread as soon as it is accepted, and waits there for each byte anew:
eight clients that send a byte every few seconds keep eight threads for as long as they like.
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
"""How long a connection may take for the whole head of a request, its first byte included."""

BODY_SECONDS = 5.0
"""How long a request may take, in its thread, for the whole of its body."""

LARGEST_HEAD = 64 * 1024
"""A longer head is left to gunicorn, which refuses it."""

_RECEIVED_AT_ONCE = 16 * 1024
_GONE_MEANWHILE = {errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED}


class HeadFirstWorker(ThreadWorker):  # type: ignore[misc]
    """Collects each request's head in the main loop, and only then gives the request a thread.

    The head is still gunicorn's to read: it is handed what came, byte by byte the same.
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
        """Begin the next request of a connection that was kept."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._await_head(conn)

    def on_pending_socket_readable(self, conn: TConn, client: socket) -> None:
        """Take more of a head, and give the request a thread once all of it is there."""
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
        """Close the connections whose head takes too long."""
        before = len(self.pending_conns)
        super().murder_pending()
        if closed := before - len(self.pending_conns):
            self.log.info("closed %d connections that sent no whole head within %d s", closed, HEAD_SECONDS)

    def handle(self, conn: TConn) -> Any:
        """Answer a request in a thread, with a bound on its body."""
        if conn.initialized and not self.cfg.is_ssl:
            conn.parser.unreader.ends_at = time.monotonic() + BODY_SECONDS
        return super().handle(conn)

    def _await_head(self, conn: TConn) -> None:
        conn.head = bytearray()
        # All wait equally long, so the first in the queue is the first to be closed.
        conn.timeout = time.monotonic() + HEAD_SECONDS
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))


class BoundedUnreader(SocketUnreader):  # type: ignore[misc]
    """Reads from a socket until a point in time, and raises TimeoutError from then on."""

    ends_at = math.inf

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next bytes of a request."""
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
    """Tell whether there is no more to wait for: an empty line ends the head, or it is too long for one."""
    return b"\n\r\n" in head or b"\n\n" in head or len(head) > LARGEST_HEAD
