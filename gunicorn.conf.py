"""How gunicorn runs the service: each setting with its reason."""

import os
import resource
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gunicorn.glogging import Logger, SafeAtoms
from gunicorn.http.errors import NoMoreData, ParseException

if TYPE_CHECKING:
    from collections.abc import Callable

    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

# So that `gunicorn` alone, beside this file, runs the service.
wsgi_app = "wsgi:app"
proc_name = "onlinesim-rent"

# Loopback, because TLS is the business of a proxy in front.
bind = os.environ.get("RENT_BIND") or "127.0.0.1:8000"

# Two by four answered 3.4 times as many requests as one by eight: unpacking and JSON hold a process's lock.
# Gunicorn itself has read the number by now; that it is one at least, the settings' own check says.
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
worker_class = "gthread"
threads = 4

# A worker's main loop beats every second whatever its threads do; one that has not for this long hangs.
timeout = 15
# A request in flight ends within the marketplace's 10 seconds and survives a reload.
graceful_timeout = 12
# The marketplace comes every two minutes: nothing to keep open but the connections of a burst.
keepalive = 5

# The contract's request has one short line and, through a proxy, some twenty fields.
limit_request_line = 2048
limit_request_fields = 64
limit_request_field_size = 4096

# Nothing here depends on what a proxy forwards, so no client can change anything by forging it:
# neither the scheme, nor the path, nor an error when two such fields disagree.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}

# The heartbeat file, and the counts of responses: on a disk, a full or slow one would end a worker.
MEMORY = "/dev/shm"  # noqa: S108 - gunicorn unlinks its file as soon as it is open, and mkdtemp is safe anywhere
worker_tmp_dir = MEMORY if os.access(MEMORY, os.W_OK) else None

# Nobody steers it but by signals, so it need not listen for more.
control_socket_disable = True

# Answers to stdout, everything else to stderr, where the package's own log lines go as well.
accesslog = "-"
errorlog = "-"
# What is no level is told of by the settings' own check, and must not fail before it.
loglevel = os.environ.get("RENT_LOG_LEVEL", "").strip().lower()
if loglevel not in {"debug", "info", "warning", "error", "critical"}:
    loglevel = "info"
logconfig_dict = {
    "root": {"level": loglevel.upper(), "handlers": ["error_console"]},
    "loggers": {
        # At the level debug it would tell of each of fifty looks a second at a lock.
        "filelock": {"level": "WARNING"},
        # The check at the start has already named the unknown variables; each worker would name them again.
        "onlinesim_rent.settings": {"level": "ERROR"},
    },
}
# When, who, whom a proxy says it speaks for, what, status, bytes, seconds. A query could hold a key, and
# any other field of a request as well.
access_log_format = '%(t)s %(h)s "%({x-forwarded-for}i)s" "%(m)s %(U)s %(H)s" %(s)s %(b)s %(L)s'

COUNTS = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which Prometheus' client knows the directory of counts."""

STALLED_SECONDS = 5
"""How long a client may leave a thread waiting for its next byte."""


class OneLineAtoms(SafeAtoms):
    """The fields of an access line. A path is unquoted by now, and a line break in it would forge a line."""

    def __init__(self, atoms: dict[str, object]) -> None:
        super().__init__({name: one_line(value) for name, value in atoms.items()})


class OneLineLogger(Logger):
    """Gunicorn's own logger, with one line for a request and one for a client that stalls.

    It quotes nothing of what is not a whole HTTP request: there may be a key in it.
    """

    atoms_wrapper_class = OneLineAtoms

    def debug(self, msg: str, *args: object, **options: object) -> None:
        """Log that a client has gone in the middle of a request."""
        super().debug(msg, *map(unquoted, args), **options)

    def warning(self, msg: str, *args: object, **options: object) -> None:
        """Log that a request is refused as it is not HTTP."""
        refusal = sys.exception()
        if isinstance(refusal, ParseException):
            msg = f"{msg.partition(': ')[0]}: {unquoted(refusal)}"
        super().warning(msg, *args, **options)

    def exception(self, msg: str, *args: object, **options: object) -> None:
        """Log what went wrong with its traceback, unless it was only our patience that ended."""
        if isinstance(sys.exception(), BlockingIOError):
            self.info("a client sent nothing for %d seconds", STALLED_SECONDS)
        else:
            super().exception(msg, *args, **options)


logger_class = OneLineLogger


def unquoted(value: object) -> object:
    """Name an error that quotes what a client has sent by its kind alone."""
    return type(value).__name__ if isinstance(value, (NoMoreData, ParseException)) else value


def one_line(value: object) -> object:
    """Spell control and non-ASCII characters out as Python escapes."""
    return value.encode("unicode_escape").decode() if isinstance(value, str) else value


def on_starting(server: "Arbiter") -> None:
    """End the start with one message when a setting is wrong, before a worker can fail of it."""
    status = try_application(server)
    if status:
        sys.exit(status)
    allow_descriptors()


def on_exit(_: "Arbiter") -> None:
    """Leave no counts behind."""
    shutil.rmtree(os.environ.get(COUNTS, ""), ignore_errors=True)


def when_ready(server: "Arbiter") -> None:
    """Let no wrong setting end the workers that serve, and no stalled client keep a thread."""
    # Not before it listens: an address in use ends the start without on_exit.
    share_counts(server)
    # No hook of gunicorn's can refuse a reload.
    server.reload = partial(reload_if_loadable, server, server.reload)
    # Accepted connections inherit the listener's patience.
    for listener in server.LISTENERS:
        patience = struct.pack("ll", STALLED_SECONDS, 0)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)


def pre_fork(_: "Arbiter", __: "Worker") -> None:
    """Make the directory of counts anew where it has been removed, as logind does at the user's logout."""
    with suppress(OSError, KeyError):
        os.mkdir(os.environ[COUNTS], 0o700)


def post_fork(server: "Arbiter", worker: "Worker") -> None:
    """Let a worker whose file of counts cannot be have its counts for itself, and serve."""
    if COUNTS not in os.environ:
        return
    try:
        allocate(Path(os.environ[COUNTS], f"counter_{worker.pid}.db"))
    except OSError as error:
        del os.environ[COUNTS]
        server.log.warning("this worker's responses are counted apart from the others': %s", error)


def worker_exit(server: "Arbiter", worker: "Worker") -> None:
    """End the service when wsgi.py refuses to load in a worker, which would be started again and again.

    4 is the status with which gunicorn's own workers say that the application cannot be loaded.
    """
    refusal = sys.exception()
    if not worker.booted and isinstance(refusal, SystemExit) and isinstance(refusal.code, str):
        server.log.error(refusal.code)
        sys.exit(4)


def reload_if_loadable(server: "Arbiter", reload: "Callable[[], None]") -> None:
    """Keep the workers that serve when the new settings are wrong: a slip in a key file ends no service."""
    if try_application(server):
        server.log.error("not reloaded, because the application cannot be loaded; the old workers go on")
    else:
        reload()


def try_application(server: "Arbiter") -> int:
    """Load the application in a process of its own, which says what is wrong; return its exit status.

    Not in this one: a module that is loaded here would stay the old one in every worker after a reload.
    """
    load = "import sys; from gunicorn.util import import_app; import_app(sys.argv[1])"
    command = [sys.executable, "-c", load, server.app.app_uri]
    paths = os.pathsep.join(str(Path(path).absolute()) for path in sys.path)
    environ = {**os.environ, "PYTHONPATH": paths}
    # It answers nobody, and where nothing can be counted it must load all the same.
    environ.pop(COUNTS, None)
    return subprocess.run(command, env=environ, check=False).returncode


def share_counts(server: "Arbiter") -> None:
    """Name a directory where each worker counts its responses in a file, so that any can tell the sum."""
    directory = os.environ.get("TMPDIR") or worker_tmp_dir
    os.environ.pop(COUNTS, None)
    try:
        os.environ[COUNTS] = tempfile.mkdtemp(prefix="onlinesim-rent-metrics-", dir=directory)
    except OSError as error:
        server.log.warning("each worker counts its responses apart from the others: %s", error)


def allocate(counts: Path) -> None:
    """Take all of the room that a worker's file of counts needs; leave no file where there is too little.

    Prometheus' client maps the file into memory, and to write there where the disk is full ends a process.
    """
    descriptor = os.open(counts, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # As much as the client would have made it.
        os.posix_fallocate(descriptor, 0, 1 << 16)
    except OSError:
        # The others could not read it.
        counts.unlink()
        raise
    finally:
        os.close(descriptor)


def allow_descriptors() -> None:
    """Raise the soft limit on open files to the hard one: a census of 512 ports takes five of them each."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
