"""Real gunicorn processes, on a loopback port that the system chooses."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from modem_simulator import SimulatedBank

SUPPORT = Path(__file__).parent
PROJECT = SUPPORT.parents[1]

PATIENCE_SECONDS = 120
"""How long a test waits for a process. A healthy process is much faster, but a busy host may be very slow."""


def until(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> float:
    """Wait until a condition holds; return the seconds that it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it never came true"
        time.sleep(0.01)
    return time.monotonic() - began


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Lines:
    """The lines of a stream. A thread reads them at once, so the writer never waits."""

    def __init__(self, stream: IO[str]) -> None:
        self.text = ""
        self._stream = stream
        self._grown = threading.Condition()
        self._goes_on = threading.Event()
        self._goes_on.set()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def until(self, pattern: str, after: int = 0) -> re.Match[str]:
        """Wait for the first match after so many characters, and return it."""
        with self._grown:
            found = self._grown.wait_for(lambda: re.search(pattern, self.text[after:]), PATIENCE_SECONDS)
        assert found, f"no {pattern!r} in:\n{self.text}"
        return found

    def pause(self) -> None:
        """Stop reading, so that the writer's pipe fills up."""
        self._goes_on.clear()

    def resume(self) -> None:
        """Read again."""
        self._goes_on.set()

    def close(self) -> str:
        """Return everything that was written, once the writers have ended."""
        self._reader.join(PATIENCE_SECONDS)
        self._stream.close()
        return self.text

    def _read(self) -> None:
        for line in self._stream:
            self._goes_on.wait()
            with self._grown:
                self.text += line
                self._grown.notify_all()


class Server:
    """A gunicorn that listens; ``stdout`` and ``stderr`` grow while it runs."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        assert process.stdout
        assert process.stderr
        self.process = process
        self.port = port
        self.stdout = Lines(process.stdout)
        self.stderr = Lines(process.stderr)

    def request(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def workers(self) -> list[int]:
        """The workers' process ids."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def wait(self) -> int:
        """Wait until the process ends by itself; return its exit status."""
        status = self.process.wait(PATIENCE_SECONDS)
        self.stdout.close()
        self.stderr.close()
        return status

    def stop(self) -> int:
        """Ask the process to end; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End every process and close every stream, whatever the test has done."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()


def keys_of(variables: Mapping[str, str]) -> set[str]:
    """Return the keys of a service, as its key file holds them now."""
    file = Path(variables.get("RENT_API_KEY_FILE", os.devnull))
    return {*variables.get("RENT_API_KEY", "").split(), *file.read_text().split()}


def assert_tells_no_secret(log: str, keys: set[str]) -> None:
    """Fail if the text holds a key, or 15 digits in a row as in an IMEI or an IMSI."""
    for line in log.splitlines():
        assert not any(key in line for key in keys), f"a key is in the log: {line}"
        assert not re.search(r"\d{15}", line), f"an IMEI or IMSI is in the log: {line}"


def environment(**variables: str) -> dict[str, str]:
    """Return the whole environment of a process, without the tester's own settings."""
    paths = os.pathsep.join([str(PROJECT / "src"), str(SUPPORT)])
    return {"PATH": os.environ["PATH"], "PYTHONPATH": paths, **variables}


def command(app: str) -> list[str]:
    return [sys.executable, "-m", "gunicorn", "--config", str(PROJECT / "gunicorn.conf.py"), app]


def gunicorn(app: str, **variables: str) -> AbstractContextManager[Server]:
    """Start the project's gunicorn with an application."""
    return served_by(command(app), **variables)


@contextmanager
def served_by(program: Sequence[str], directory: Path = PROJECT, **variables: str) -> Iterator[Server]:
    """Start a gunicorn in a directory, and end it with the block if it still runs.

    It gets a socket that already listens, and one on which it reports that it is ready, as under systemd
    (sd_notify(3)). At the end, every test checks that the log holds no secret.
    """
    keys = keys_of(variables)
    with (
        TemporaryDirectory() as temporary,
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as readiness,
    ):
        notify = f"{temporary}/notify"
        readiness.bind(notify)
        readiness.settimeout(PATIENCE_SECONDS)
        process = subprocess.Popen(
            [*program, "--bind", f"fd://{listener.fileno()}"],
            cwd=directory,
            # The files that a killed process leaves are removed with the directory.
            env=environment(NOTIFY_SOCKET=notify, **({"TMPDIR": temporary} | variables)),
            pass_fds=[listener.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        server = Server(process, listener.getsockname()[1])
        try:
            assert readiness.recv(4096).startswith(b"READY=1")
            yield server
            keys |= keys_of(variables)
        finally:
            server.kill()
    assert_tells_no_secret(server.stdout.text + server.stderr.text, keys)


def holder_of_ports(bank: SimulatedBank, server: Server) -> int:
    """Wait until a worker opens the bank's first port, and return that worker."""
    terminal = os.path.realpath(bank.port("modem000"))
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        for worker in server.workers():
            if terminal in _open_files(worker):
                return worker
    raise AssertionError("no worker has opened a port")


def _open_files(process: int) -> set[str]:
    directory = f"/proc/{process}/fd"
    files = set()
    for descriptor in os.listdir(directory):
        try:
            files.add(os.readlink(f"{directory}/{descriptor}"))
        except FileNotFoundError:
            continue
    return files
