"""An endpoint on a real socket that keeps the contract, or breaks it in one way."""

from __future__ import annotations

import gzip
import json
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from marketplace import PATH, PUBLISHED_ANSWER

KEY = "secret-key"
PUBLISHED = json.dumps(PUBLISHED_ANSWER).encode()


@dataclass
class Asked:
    """A request: its number on this endpoint, and its body as it was before it was packed."""

    number: int
    method: str
    headers: Mapping[str, str]
    body: bytes
    is_over: Event

    @property
    def bearer(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    @property
    def fields(self) -> dict[str, str]:
        return json.loads(self.body) if self.body else {}


@dataclass
class Reply:
    """An answer. ``raw`` is sent instead of all else, as it is, and then the connection is closed."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    closes: bool = False
    raw: Iterable[bytes] | None = None


Fault = Callable[[Asked, Reply], Reply]
"""Changes the right reply, or makes another."""


def right_reply(asked: Asked) -> Reply:
    """Answer as the contract says."""
    if asked.method != "POST":
        return error(405, Allow="POST")
    if asked.bearer != KEY or asked.fields.get("key") != KEY:
        return unauthorized()
    if asked.fields["action"] != "GET_SERVICES":
        return error(400)
    return success(asked)


def success(asked: Asked, body: bytes = PUBLISHED) -> Reply:
    reply = Reply(200, body, {"Content-Type": "application/json; charset=utf-8"})
    return packed(reply) if "gzip" in asked.headers.get("Accept-Encoding", "") else reply


def packed(reply: Reply) -> Reply:
    reply.body = gzip.compress(reply.body)
    reply.headers["Content-Encoding"] = "gzip"
    return reply


def error(status: int, text: str = "mend it", **headers: str) -> Reply:
    body = json.dumps({"countryList": [], "status": "ERROR", "error": text}).encode()
    return Reply(status, body, {"Content-Type": "application/json; charset=utf-8"} | headers)


def unauthorized() -> Reply:
    return error(401, **{"WWW-Authenticate": "Bearer"})


class Handler(BaseHTTPRequestHandler):
    """Reads one request, and sends the reply that the fault has left."""

    protocol_version = "HTTP/1.1"
    server: Server
    # As a server that sends an answer in one piece: two pieces would wait for each other's acknowledgement.
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        asked = Asked(self.server.next_number(), self.command, self.headers, body, self.server.is_over)
        self.server.asked.append(asked)
        self._send(self.server.fault(asked, right_reply(asked)))

    do_GET = do_POST  # noqa: N815 - http.server's name

    def _send(self, reply: Reply) -> None:
        self.close_connection = reply.closes
        if reply.raw is not None:
            for piece in reply.raw:
                self.wfile.write(piece)
                self.wfile.flush()
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in ({"Content-Length": str(len(reply.body))} | reply.headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: Any) -> None:
        """Write nothing."""


class Server(ThreadingHTTPServer):
    """Remembers what it was asked."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(self, fault: Fault) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.fault = fault
        self.asked: list[Asked] = []
        self.is_over = Event()
        self._numbers = Lock()
        self._number = 0

    def next_number(self) -> int:
        with self._numbers:
            self._number += 1
            return self._number

    def handle_error(self, *_: Any) -> None:
        """A client that does not wait for the rest closes the connection."""


@contextmanager
def endpoint(
    fault: Fault = lambda _, reply: reply, *, certificate: Path | None = None, host: str = "127.0.0.1"
) -> Iterator[tuple[str, list[Asked]]]:
    """Serve on loopback; give the URL and the list that each request is added to.

    ``certificate`` is a directory with what proxies.make_certificate() makes.
    """
    with Server(fault) as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate / "fullchain.pem", certificate / "privkey.pem")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        scheme = "https" if certificate else "http"
        try:
            yield f"{scheme}://{host}:{server.server_port}{PATH}", server.asked
        finally:
            server.is_over.set()
            server.shutdown()
            serving.join()
