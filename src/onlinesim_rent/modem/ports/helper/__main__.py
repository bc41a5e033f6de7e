"""``python -m onlinesim_rent.modem.ports.helper``: the helper, on a socket that systemd has opened."""

from __future__ import annotations

import os
import socket
import sys

from onlinesim_rent.modem.ports.helper.answering import serve

IDLE_SECONDS = 300.0
"""The marketplace asks every two minutes: while it does, the helper stays, and needs no new start."""

_FIRST_SOCKET = 3
"""sd_listen_fds(3)"""


def main() -> None:
    """Serve the socket of systemd until nobody asks any more."""
    if os.environ.get("LISTEN_FDS") != "1" or os.environ.get("LISTEN_PID") != str(os.getpid()):
        sys.exit("only systemd starts the helper: systemctl start onlinesim-rent-holders.socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=_FIRST_SOCKET) as listener:
        serve(listener, IDLE_SECONDS)


if __name__ == "__main__":
    main()
