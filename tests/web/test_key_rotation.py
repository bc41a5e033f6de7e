"""A key is replaced while the marketplace goes on asking: real gunicorn, a real key file."""

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


def ask(server: Server, key: str) -> Answer:
    body = json.dumps({"action": "GET_SERVICES", "key": key}).encode()
    return server.request("POST", "/getServicesRent", body, {"Authorization": f"Bearer {key}"})


@contextmanager
def stream(server: Server, key: str) -> Iterator[Counter[int | str]]:
    """Requests one after another for as long as the block lasts; what each got, by status or error."""
    answers: Counter[int | str] = Counter()
    over = Event()

    def go_on() -> None:
        while not over.is_set():
            try:
                answers[ask(server, key).status] += 1
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
    """Send HUP, and wait until the workers of before have ended."""
    old = server.workers()
    server.process.send_signal(signal.SIGHUP)
    for worker in old:
        server.stderr.until(rf"Worker exiting \(pid: {worker}\)")


def test_a_key_is_replaced_without_a_request_refused_or_lost(start_gunicorn, tmp_path):
    file = tmp_path / "keys"
    file.write_text("old-key\n")
    server = start_gunicorn(RENT_API_KEY="", RENT_API_KEY_FILE=str(file))
    assert (ask(server, "old-key").status, ask(server, "new-key").status) == (200, 401)

    with stream(server, "old-key") as before:
        file.write_text("old-key\nnew-key\n")
        reload(server)
        assert (ask(server, "old-key").status, ask(server, "new-key").status) == (200, 200)

    with stream(server, "new-key") as after:
        file.write_text("new-key\n")
        reload(server)
        assert (ask(server, "old-key").status, ask(server, "new-key").status) == (401, 200)

    assert set(before) == set(after) == {200}
    assert min(before[200], after[200]) > 20


def test_a_request_may_hold_one_key_in_its_header_and_the_other_in_its_body(start_gunicorn, tmp_path):
    file = tmp_path / "keys"
    file.write_text("old-key\nnew-key\n")
    server = start_gunicorn(RENT_API_KEY="", RENT_API_KEY_FILE=str(file))

    body = b'{"action": "GET_SERVICES", "key": "new-key"}'
    answer = server.request("POST", "/getServicesRent", body, {"Authorization": "Bearer old-key"})

    assert answer.status == 200
