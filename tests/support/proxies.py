"""Runs a real nginx with the shipped site in front of a real gunicorn, as on a server."""

from __future__ import annotations

import ipaddress
import json
import os
import pwd
import signal
import socket
import ssl
import subprocess
from contextlib import contextmanager, suppress
from http.client import HTTPSConnection
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from servers import PATIENCE_SECONDS, PROJECT, Server, command, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY = PROJECT / "deploy"
SITE = DEPLOY / "onlinesim-rent.nginx"

# Like Debian's nginx.conf in all that the site depends on, but in the foreground and in one directory.
AROUND_THE_SITE = """
user {user};
worker_processes 1;
daemon off;
pid {directory}/nginx.pid;
error_log stderr;
events {{ worker_connections 768; }}
http {{
    default_type application/octet-stream;
    access_log off;
    gzip on;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/site;
}}
"""


class Proxy:
    """An nginx that listens on ``port``, with its files in ``directory``."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, directory: Path) -> None:
        self.process = process
        self.port = port
        self.certificate = directory / "fullchain.pem"
        self.host_socket = directory / "host.sock"
        self.access_log = directory / "access.log"
        self.error_log = directory / "error.log"


class Application:
    """A gunicorn that can be restarted while its socket keeps listening, as with systemd's socket unit."""

    def __init__(self, directory: Path, app: str = "hand_wsgi:app", **variables: str) -> None:
        self._directory = directory
        self._app = app
        # As in the unit: the files that a killed gunicorn leaves are removed with the directory.
        ours = {"RENT_API_KEY": "secret-key", "RENT_PORTS": "/dev/ttyUSB*", "TMPDIR": str(directory)}
        self._variables = ours | variables
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(directory / "onlinesim-rent.sock"))
        self._listener.listen(1024)
        self.server: Server | None = None

    def start(self) -> Server:
        """Start gunicorn, and return once it says that it is ready (sd_notify(3))."""
        # The socket is descriptor 3. LISTEN_PID must be the number of gunicorn's own process
        # (sd_listen_fds(3)): a shell sets it and then becomes gunicorn.
        as_systemd_does = 'export LISTEN_FDS=1 LISTEN_PID=$$; exec 3<&"$LISTENER"; exec "$@"'
        descriptor = self._listener.fileno()
        notify = self._directory / "notify"
        notify.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as readiness:
            readiness.bind(str(notify))
            readiness.settimeout(PATIENCE_SECONDS)
            process = subprocess.Popen(
                ["bash", "-c", as_systemd_does, "bash", *command(self._app)],
                cwd=PROJECT,
                env=environment(NOTIFY_SOCKET=str(notify), LISTENER=str(descriptor), **self._variables),
                pass_fds=[descriptor],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            self.server = Server(process, 0)
            assert readiness.recv(4096).startswith(b"READY=1")
        return self.server

    def close(self) -> None:
        """End gunicorn and its socket."""
        if self.server:
            self.server.kill()
        self._listener.close()


@contextmanager
def nginx(directory: Path, site: Path = SITE) -> Iterator[Proxy]:
    """Start nginx with the site on our own ports and paths, and end it with the block."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=1024) as listener,
        socket.socket(socket.AF_UNIX) as host_listener,
    ):
        port = listener.getsockname()[1]
        host_listener.bind(f"{directory}/host.sock")
        host_listener.listen(1024)
        listening = [listener.fileno(), host_listener.fileno()]
        make_certificate(directory)
        (directory / "site").write_text(moved(site.read_text(), directory, port))
        configuration = AROUND_THE_SITE.format(user=pwd.getpwuid(os.getuid()).pw_name, directory=directory)
        (directory / "nginx.conf").write_text(configuration)
        with (directory / "error.log").open("wb") as errors:
            # Give nginx sockets that already listen, as in an upgrade of its binary: requests wait in
            # them until nginx is ready.
            process = subprocess.Popen(
                nginx_command(directory),
                env=os.environ | {"NGINX": "".join(f"{descriptor};" for descriptor in listening)},
                pass_fds=listening,
                stderr=errors,
            )
        try:
            yield Proxy(process, port, directory)
        finally:
            end(process)


def end(nginx: subprocess.Popen[bytes]) -> None:
    """End an nginx. It may lose a signal that comes while it starts, so the signal is sent again."""
    for _ in range(PATIENCE_SECONDS):
        nginx.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            nginx.wait(1)
            return
    nginx.kill()
    raise AssertionError("nginx did not end")


def nginx_command(directory: Path, *arguments: str) -> list[str]:
    # Debian installs it in a directory that is not in an ordinary user's PATH.
    nginx = "/usr/sbin/nginx"
    return [nginx, "-e", "stderr", "-p", str(directory), "-c", str(directory / "nginx.conf"), *arguments]


def moved(site: str, directory: Path, port: int) -> str:
    """Return the site with its ports and paths replaced; each of them must occur."""
    replacements = {
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "listen [::]:443 ssl;": f"listen unix:{directory}/second.sock ssl;",
        "listen 127.0.0.1:8000;": f"listen unix:{directory}/host.sock;",
        "/etc/onlinesim-rent/tls/": f"{directory}/",
        "/var/log/nginx/onlinesim-rent.log": f"{directory}/access.log",
        "/run/onlinesim-rent.sock": f"{directory}/onlinesim-rent.sock",
    }
    for shipped, ours in replacements.items():
        assert shipped in site
        site = site.replace(shipped, ours)
    return site


def make_certificate(directory: Path) -> None:
    """Make a self-signed certificate for the name and the address that clients here use."""
    files = ["-out", str(directory / "fullchain.pem"), "-keyout", str(directory / "privkey.pem")]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subprocess.run(["openssl", "req", *kind, *names, *files], check=True, capture_output=True)


class Caller:
    """A marketplace that asks the proxy, each connection from another address.

    All of 127.0.0.0/8 is loopback, so no address reaches the limit that the site sets for one address.
    """

    ADDRESSES = count(1)
    REQUESTS_OF_A_CONNECTION = 50

    def __init__(self, proxy: Proxy, *, keepalive: bool) -> None:
        self._port = proxy.port
        self._trust = ssl.create_default_context(cafile=str(proxy.certificate))
        self._requests_of_a_connection = self.REQUESTS_OF_A_CONNECTION if keepalive else 1
        self._asked = 0
        self._connection: HTTPSConnection | None = None

    def ask(self, key: str = "secret-key") -> bytes:
        """Return the body of a successful answer; raises OSError, HTTPException or Refused for any other."""
        body = json.dumps({"action": "GET_SERVICES", "key": key})
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection = self._connection or self._connect()
        connection.request("POST", "/getServicesRent", body, headers)
        response = connection.getresponse()
        content = response.read()
        self._asked += 1
        if self._asked >= self._requests_of_a_connection:
            self.close()
        if response.status != 200:
            raise Refused(f"{response.status} {content.decode()}")
        return content

    def close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def _connect(self) -> HTTPSConnection:
        self._asked = 0
        source = ipaddress.IPv4Address("127.1.0.0") + next(self.ADDRESSES)
        self._connection = HTTPSConnection(
            "127.0.0.1",
            self._port,
            context=self._trust,
            source_address=(str(source), 0),
            timeout=PATIENCE_SECONDS,
        )
        return self._connection


class Refused(Exception):
    """An answer that is not a success by the contract."""
