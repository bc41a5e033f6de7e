"""A partner's own GET_SERVICES endpoint, in a process of its own. A test gives it the bytes that it answers.

``python endpoint.py DESCRIPTOR [CERTIFICATE KEY]`` serves on a socket that already listens.
"""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import subprocess
import sys
from collections import defaultdict
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Barrier, Event, Lock
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_SECONDS = 120
TRICKLE_SECONDS = 0.02

SERVICES = {
    "countryList": [
        {
            "country": "russia",
            "operatorMap": {
                "any": {"vk": 10, "wa": 52},
                "beeline": {"vk": 10, "wa": 20},
                "megafon": {"vk": 0, "wa": 32},
            },
        }
    ],
    "status": "SUCCESS",
}
"""The contract's example of a shared endpoint, before the rent counts are added."""


def response(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return an HTTP response as bytes."""
    head = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + body


def packed(document: object) -> bytes:
    return response(gzip.compress(json.dumps(document).encode()), "Content-Encoding: gzip")


class Endpoint(NamedTuple):
    """A running endpoint."""

    process: subprocess.Popen[bytes]
    port: int

    def answers(self, reply: bytes) -> str:
        """Let a path answer these bytes; return its URL."""
        path = self._control("PUT", "/", reply).decode()
        return self.url(path)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def asked(self, url: str) -> list[dict[str, Any]]:
        """The requests to a URL: headers, body, and the port of the connection."""
        return json.loads(self._control("GET", "/" + url.rpartition("/")[2]))

    def meet(self) -> None:
        """Wait until a request for ``/meet`` waits, and let it be answered."""
        assert self._control("GET", "/meet") == b"met"

    def _control(self, method: str, path: str, body: bytes | None = None) -> bytes:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body)
            return connection.getresponse().read()
        finally:
            connection.close()


@contextmanager
def endpoint(*certificate: str) -> Iterator[Endpoint]:
    """Start an endpoint, and end it with the block. With a certificate and its key, it speaks TLS.

    It is yielded once it serves, because what it is asked may have a deadline.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        command = [sys.executable, __file__, str(listener.fileno()), *certificate]
        process = subprocess.Popen(command, pass_fds=[listener.fileno()], stdout=subprocess.PIPE)
        try:
            assert process.stdout
            assert process.stdout.readline() == b"\n"
            yield Endpoint(process, listener.getsockname()[1])
        finally:
            process.kill()
            process.communicate()


# The process


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    replies: dict[str, bytes] = {}  # noqa: RUF012
    asked: dict[str, list[dict[str, Any]]] = defaultdict(list)  # noqa: RUF012
    both = Barrier(2)
    lock = Lock()

    def do_PUT(self) -> None:
        with self.lock:
            path = f"/{len(self.replies)}"
            self.replies[path] = self._body()
        self._send(response(path.encode()))

    def do_GET(self) -> None:
        if self.path == "/meet":
            self.both.wait(PATIENCE_SECONDS)
            self._send(response(b"met"))
        else:
            self._send(response(json.dumps(self.asked[self.path]).encode()))

    def do_POST(self) -> None:
        """Answer the bytes of the path, or do what the path says."""
        asked = {"headers": dict(self.headers), "body": self._body().decode("latin-1")}
        with self.lock:
            self.asked[self.path].append(asked | {"port": self.client_address[1]})
        special = {
            "/meet": self._meet,
            "/never": Event().wait,
            "/hang-up": self._hang_up,
            "/hang-up-on-the-second": self._hang_up_on_the_second,
            "/trickled-head": lambda: self._trickle(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
            "/trickled-body": lambda: self._trickle(response(b"")[:-5] + b"1000000\r\n\r\n", b" "),
        }
        special.get(self.path, lambda: self._send(self.replies[self.path.partition("?")[0]]))()

    def _meet(self) -> None:
        self.both.wait(PATIENCE_SECONDS)
        self._send(packed(SERVICES))

    def _hang_up(self) -> None:
        self.close_connection = True

    def _hang_up_on_the_second(self) -> None:
        """As a server that ends an idle connection at the moment of the next request."""
        ports = [asked["port"] for asked in self.asked[self.path]]
        if ports.count(self.client_address[1]) > 1:
            self._hang_up()
        else:
            self._send(packed(SERVICES))

    def _trickle(self, beginning: bytes, drop: bytes) -> None:
        self._send(beginning)
        try:
            while not Event().wait(TRICKLE_SECONDS):
                self._send(drop)
        except OSError:
            self._hang_up()

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"] or 0))

    def _send(self, content: bytes) -> None:
        self.wfile.write(content)
        self.wfile.flush()
        self.close_connection |= b"\r\nConnection: close\r\n" in content

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main(descriptor: str, *certificate: str) -> None:
    listener = socket.socket(fileno=int(descriptor))
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*map(Path, certificate))
        listener = context.wrap_socket(listener, server_side=True)
    server = ThreadingHTTPServer(listener.getsockname(), Handler, bind_and_activate=False)
    server.socket = listener
    # Tells that it serves.
    sys.stdout.write("\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
