"""Callers that ask without a pause during a reload."""

from __future__ import annotations

import json
import signal
from collections import Counter
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers import Answer, Server


def ask_with(server: Server, key: str) -> Answer:
    body = json.dumps({"action": "GET_SERVICES", "key": key}).encode()
    return server.request("POST", "/getServicesRent", body, {"Authorization": f"Bearer {key}"})


@contextmanager
def stream(server: Server, key: str) -> Iterator[Counter[int | str]]:
    """Send requests one after another during the block, and count their results by status or error."""
    answers: Counter[int | str] = Counter()
    over = Event()

    def go_on() -> None:
        while not over.is_set():
            try:
                answers[ask_with(server, key).status] += 1
            except OSError as error:
                answers[repr(error)] += 1

    threads = [Thread(target=go_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join()


def reload(server: Server) -> None:
    """Send HUP, and wait until the old workers have ended."""
    old = server.workers()
    server.process.send_signal(signal.SIGHUP)
    for worker in old:
        server.stderr.until(rf"Worker exiting \(pid: {worker}\)")
