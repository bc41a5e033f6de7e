"""The helper that sees the holders of ports, started as its unit starts it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from lines import ORDINARY_USER
from servers import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

HELPER_USER = 12003
"""A user that exists nowhere, as systemd's DynamicUser= makes one."""

CAPABILITIES = ("sys_ptrace", "dac_read_search")

SOCKET = """
from onlinesim_rent.modem.ports.helper import asking
asking.SOCKET = sys.argv.pop(1)
"""
"""Python that asks the helper on the socket that the first argument names."""


class Helper(NamedTuple):
    """A running helper and the path of its socket."""

    process: int
    socket: str


def with_capabilities(*names: str, user: int = HELPER_USER) -> list[str]:
    """The beginning of a command: a user with these capabilities and no others (setpriv(1))."""
    given = ",".join(["-all", *(f"+{name}" for name in names)])
    sets = [f"--{kind}={given}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs", *sets]


@contextmanager
def listening(owner: int) -> Iterator[socket.socket]:
    """A socket that only its owner may connect to, in a directory that every user may reach."""
    with (
        TemporaryDirectory() as directory,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener,
    ):
        os.chmod(directory, 0o755)
        path = f"{directory}/holders.sock"
        listener.bind(path)
        os.chmod(path, 0o600)
        os.chown(path, owner, -1)
        listener.listen()
        yield listener


@contextmanager
def helper(owner: int = ORDINARY_USER, capabilities: tuple[str, ...] = CAPABILITIES) -> Iterator[Helper]:
    """A helper that the owner of its socket may ask. A client waits in the socket until it has started."""
    start = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&"$LISTENER"'
    command = [*with_capabilities(*capabilities), "bash", "-c", start, "bash"]
    with listening(owner) as listener:
        process = subprocess.Popen(
            [*command, sys.executable, "-m", "onlinesim_rent.modem.ports.helper"],
            env=environment(LISTENER=str(listener.fileno())),
            pass_fds=[listener.fileno()],
        )
        try:
            yield Helper(process.pid, listener.getsockname())
        finally:
            process.kill()
            process.wait()
