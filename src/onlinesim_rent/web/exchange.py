"""One question to another service, in a thread beside the request that waits for the answer.

The thread never outlives its request for long: the request ends the connection when it leaves.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, Thread
from typing import Any

from onlinesim_rent.clock import boot_clock
from onlinesim_rent.web.errors import ServicesError

LATE = "did not answer within RENT_DEADLINE_SECONDS; make it faster"


class Exchange:
    """Runs ``ask`` in a daemon thread, and ``done`` after it. ``deadline`` is on boot_clock."""

    def __init__(
        self, ask: Callable[[Exchange], dict[str, Any]], deadline: float, done: Callable[[], None]
    ) -> None:
        self._ask = ask
        self._deadline = deadline
        self._done = done
        self._answer: Future[dict[str, Any]] = Future()
        self._lock = Lock()
        self._socket: socket.socket | None = None
        self._has_ended = False

    def start(self) -> None:
        """Start the thread. Raises RuntimeError if there is none to be had."""
        Thread(target=self._run, name="services", daemon=True).start()

    def answer(self) -> dict[str, Any]:
        """Wait for what ``ask`` returns or raises. Raises ServicesError at the deadline."""
        try:
            return self._answer.result(max(0.0, self._deadline - boot_clock()))
        except TimeoutError:
            raise ServicesError(LATE) from None

    def seconds_left(self) -> float:
        """Return the time until the deadline; raises ServicesError if it is over. The thread calls this."""
        left = self._deadline - boot_clock()
        if self._has_ended or left <= 0:
            raise ServicesError(LATE)
        return left

    def waits_on(self, connection: socket.socket) -> None:
        """Note the socket that ends with this exchange. The thread calls this before it waits."""
        with self._lock:
            self.seconds_left()
            self._socket = connection

    def end(self) -> None:
        """End the connection if the thread still waits on it, which wakes the thread."""
        with self._lock:
            self._has_ended = True
            if self._socket and not self._answer.done():
                # Not the method of a TLS socket: it would drop the state that the thread is using.
                with suppress(OSError):
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _run(self) -> None:
        try:
            self._answer.set_result(self._ask(self))
        except Exception as error:  # noqa: BLE001 - the request that waits raises it again
            self._answer.set_exception(error)
        finally:
            self._done()
