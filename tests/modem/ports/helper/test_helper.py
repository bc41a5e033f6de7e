"""The helper that sees every holder, as a process with two capabilities; its askers are other users."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from helpers import CAPABILITIES, SOCKET, helper, listening, with_capabilities
from lines import ORDINARY_USER, PROBE, holder, opened, pseudo_terminal, python
from servers import PATIENCE_SECONDS

from onlinesim_rent.clock import Deadline
from onlinesim_rent.finding import CensusError, Verdict
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.helper import asking
from onlinesim_rent.modem.ports.helper.messages import MOST_BYTES, write_answer, write_question
from onlinesim_rent.modem.ports.open_files import Holder

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.needs("root", "setpriv")

OTHER_USER = 12002
NOBODY_LISTENS = "/nonexistent/holders.sock"
TTY = DeviceIdentity(188 << 8)
QUESTION = write_question([TTY])
NONE_HELD = write_answer({})

LOOK = """
from onlinesim_rent.finding import CensusError
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.holders import cannot_see_all_holders, processes_holding
def look(*ours):
    try:
        return list(processes_holding([DeviceIdentity.of(os.stat(sys.argv[1]))], ours).values())
    except CensusError as error:
        return str(error)
"""
SHOW = "print(json.dumps([look(), cannot_see_all_holders()]))"


def as_service(path: str, socket_path: str, code: str = SHOW) -> list[object]:
    """What an ordinary user sees, who asks the helper on this socket."""
    shown, _ = python(SOCKET + LOOK + code, socket_path, path, ordinary=True)
    return shown


def test_note_24_a_holder_that_locks_nothing_is_named():
    with pseudo_terminal() as (_, path), helper() as running:
        os.chown(path, OTHER_USER, -1)
        with holder(path, "nothing", ordinary=True, user=OTHER_USER) as pid:
            seen_alone, warning = as_service(path, NOBODY_LISTENS)
            assert seen_alone == []
            assert "make install" in warning

            shown, _ = python(SOCKET + PROBE, running.socket, path, ordinary=True)
            assert shown[path][0] == Verdict.IN_USE
            assert shown[path][1].startswith(f"held open by process {pid} (py")
        assert as_service(path, running.socket) == [[], ""]


def test_the_helper_leaves_the_asker_out():
    ours = "line = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); "
    with pseudo_terminal() as (_, path), helper() as running:
        os.chown(path, ORDINARY_USER, -1)
        code = ours + "print(json.dumps([look(line), look(), os.getpid()]))"
        exempt, counted, pid = as_service(path, running.socket, code)
    assert exempt == []
    assert counted[0].startswith(f"process {pid} (")


def test_a_stopped_helper_is_an_error_in_time():
    with pseudo_terminal() as (_, path), helper() as running:
        os.kill(running.process, signal.SIGSTOP)
        said, warning = as_service(path, running.socket, "asking.ANSWER_SECONDS = 0.2; " + SHOW)
    assert said.startswith("the helper that sees who holds the ports did not answer in time; restart it")
    assert warning == ""


def test_another_user_may_not_ask():
    with pseudo_terminal() as (_, path), helper(OTHER_USER) as running:
        refused, warning = as_service(path, running.socket)
        os.chmod(running.socket, 0o666)
        refused_by_helper, _ = as_service(path, running.socket)
    assert refused.startswith("this user may not ask who holds the ports")
    assert warning
    assert "failed: only the owner of the socket may ask" in refused_by_helper


def test_a_helper_without_a_capability_does_not_guess():
    with helper(os.getuid(), capabilities=("dac_read_search",)) as running:
        assert asked_raw(running.socket, QUESTION) == {"refusal": "it may not see every process"}


@pytest.mark.parametrize(
    ("given", "is_seen"), [((), False), *(((name,), False) for name in CAPABILITIES), (CAPABILITIES, True)]
)
def test_note_24_both_capabilities_are_needed(given: tuple[str, ...], *, is_seen: bool):
    with pseudo_terminal() as (_, path):
        os.chown(path, OTHER_USER, -1)
        with holder(path, "nothing", ordinary=True, user=OTHER_USER) as pid:
            find = ["find", "-L", f"/proc/{pid}/fd", "-maxdepth", "1", "-samefile", path]
            found = subprocess.run(
                [*with_capabilities(*given), *find],
                capture_output=True,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
    assert bool(found.stdout) is is_seen


# What a client may do to the helper


def asked_raw(path: str, data: bytes) -> object:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect(path)
        # The helper may have hung up already.
        with suppress(OSError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return json.loads(connection.makefile("rb").read())
        return None


def test_the_helper_survives_every_client():
    with helper(os.getuid()) as running, socket.socket(socket.AF_UNIX) as silent:
        silent.connect(running.socket)
        for garbage in (b"", b"\n", b"\xff\xfe\n", b"{}\n", b'{"devices":[[1]]}\n', b"[" * 100_000 + b"\n"):
            assert "refusal" in asked_raw(running.socket, garbage)
        asked_raw(running.socket, b"x" * (MOST_BYTES + 1) + b"\n")
        assert asked_raw(running.socket, QUESTION) == {"holders": []}


def test_several_censuses_ask_at_once(monkeypatch: pytest.MonkeyPatch):
    with (
        pseudo_terminal() as (_, path),
        helper(os.getuid()) as running,
        holder(path, "nothing") as pid,
        ThreadPoolExecutor(8) as threads,
    ):
        monkeypatch.setattr(asking, "SOCKET", running.socket)
        monkeypatch.setattr(asking, "ANSWER_SECONDS", PATIENCE_SECONDS)
        device = DeviceIdentity.of(os.stat(path))
        with opened(path):
            answers = list(threads.map(ask, [device] * 8))
    assert [list(answer) for answer in answers] == [[device]] * 8
    assert {answer[device].process for answer in answers} == {pid}


def ask(device: DeviceIdentity, deadline: Deadline | None = None) -> asking.Holders:
    with asking.helper_asked([device], deadline) as answer:
        return answer()


# What a helper may do to a census


def told(
    monkeypatch: pytest.MonkeyPatch,
    reply: Callable[[socket.socket], object],
    clock: Callable[[], float] = lambda: 0.0,
) -> asking.Holders:
    """What the service makes of a helper that replies so."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            reply(connection)

    with listening(os.getuid()) as listener:
        monkeypatch.setattr(asking, "SOCKET", listener.getsockname())
        serving = threading.Thread(target=serve)
        serving.start()
        try:
            return ask(TTY, Deadline(PATIENCE_SECONDS, clock))
        finally:
            serving.join(PATIENCE_SECONDS)


def send(data: bytes) -> Callable[[socket.socket], object]:
    def reply(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(data)

    return reply


@pytest.mark.parametrize(
    "reply",
    [
        *(send(data) for data in (b"", b"\n", b"{}\n", NONE_HELD[:-1], NONE_HELD * 2, b"x" * 2_000_000)),
        send(write_answer({DeviceIdentity(1): Holder(1, "smsd")})),
        socket.socket.close,
    ],
)
def test_an_unclear_answer_is_an_error(monkeypatch: pytest.MonkeyPatch, reply):
    with pytest.raises(CensusError, match=r"failed: .*restart it"):
        told(monkeypatch, reply)


def test_a_clear_answer_is_taken(monkeypatch: pytest.MonkeyPatch):
    held = {TTY: Holder(812, "smsd")}
    assert told(monkeypatch, send(NONE_HELD)) == {}
    assert told(monkeypatch, send(write_answer(held))) == held


def test_an_answer_byte_by_byte_is_cut_off_at_the_deadline(monkeypatch: pytest.MonkeyPatch):
    """Each look at the clock takes a second here."""
    ticks = itertools.count()

    def trickle(connection: socket.socket) -> None:
        while True:
            connection.sendall(b" ")

    monkeypatch.setattr(asking, "ANSWER_SECONDS", 10.0)
    with pytest.raises(CensusError, match="did not answer in time"):
        told(monkeypatch, trickle, lambda: float(next(ticks)))


def test_a_socket_that_nobody_serves_is_an_error(monkeypatch: pytest.MonkeyPatch):
    with listening(os.getuid()) as listener:
        monkeypatch.setattr(asking, "SOCKET", listener.getsockname())
        listener.shutdown(socket.SHUT_RDWR)
        with pytest.raises(CensusError, match="Connection refused"):
            ask(TTY)


def test_a_helper_is_asked_only_before_the_deadline():
    with pytest.raises(CensusError, match="the time for the census was up"):
        ask(TTY, Deadline(1.0, lambda: 1.0))
