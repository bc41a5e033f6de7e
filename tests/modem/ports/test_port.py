"""Ports are found, opened exclusively and closed: real devices, files and sockets."""

from __future__ import annotations

import fcntl
import os
import stat
import struct
import subprocess
import sys
import termios
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from lines import BAUD_RATE, PROBE, descriptors, holder, opened, pseudo_terminal, python
from servers import PATIENCE_SECONDS

from modem_simulator.pseudo_terminal import TIOCSPTLCK
from onlinesim_rent.finding import NotCounted, Verdict
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.find import Port, find_ports
from onlinesim_rent.modem.ports.open import DESCRIPTORS_PER_PORT, is_there, open_port
from onlinesim_rent.modem.ports.serial_lines import NOT_SERIAL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


TIOCPKT_FLUSHWRITE = 0x02
"""ioctl_tty(2): the master reads that the slave's unsent bytes were discarded."""

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


def refusal(port: Port) -> tuple[Verdict, str]:
    with pytest.raises(NotCounted) as refused:
        open_port(port, BAUD_RATE)
    return refused.value.verdict, refused.value.reason


def attempt(port: Port) -> str:
    try:
        open_port(port, BAUD_RATE).close()
    except NotCounted as refused:
        return refused.reason
    return "opened"


@contextmanager
def flipping(link: Path, *targets: str) -> Iterator[None]:
    """Another process changes a link from one target to the next, as fast as it can."""
    with subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", FLIP, link, *targets], stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"\n"
            yield
        finally:
            process.kill()


FLIP = """
import itertools, os, sys
link, *targets = sys.argv[1:]
print(flush=True)
for target in itertools.cycle(targets):
    os.symlink(target, link + ".new")
    os.replace(link + ".new", link)
"""


def only(pattern: object) -> Port:
    [port] = find_ports([str(pattern)])
    return port


# Found


def test_ports_come_in_their_natural_order(tmp_path: Path):
    in_order = ["ttyUSB1", "ttyUSB1²3", "ttyUSB2", "ttyUSB10"]
    with ExitStack() as lines:
        for name in reversed(in_order):
            (tmp_path / name).symlink_to(lines.enter_context(pseudo_terminal())[1])
        assert [os.path.basename(port.name) for port in find_ports([f"{tmp_path}/*"])] == in_order


def test_note_10_a_device_with_several_names_is_one_port(tmp_path: Path):
    with pseudo_terminal() as (_, path):
        for name in ("by-id", "by-path"):
            (tmp_path / name).symlink_to(path)
        port, remote = find_ports(
            [path, f"{tmp_path}/by-*", f"{tmp_path}/*id", "socket://h:1", "socket://h:1"]
        )
        number = os.path.basename(path)
        assert port.name == path
        assert set(port.aliases) == {number, f"pts_{number}", "by-id", "by-path"}
        assert (remote.name, remote.is_remote, port.is_remote) == ("socket://h:1", True, False)


def test_a_range_is_its_single_ports_and_each_counts_once():
    ports = find_ports(
        ["socket://h:7002", "socket://h:7001-7003", "socket://[::1]:7003-7004", "socket://h:7003"]
    )
    assert [port.name for port in ports] == [
        "socket://h:7002",
        "socket://h:7001",
        "socket://h:7003",
        "socket://[::1]:7003",
        "socket://[::1]:7004",
    ]
    assert [(port.host, port.number) for port in ports[-2:]] == [("::1", 7003), ("::1", 7004)]


def test_a_missing_path_is_a_port_and_an_empty_glob_is_not(tmp_path: Path):
    assert [port.name for port in find_ports([f"{tmp_path}/tty*", f"{tmp_path}/gone"])] == [
        f"{tmp_path}/gone"
    ]


# Not to be opened


def test_a_port_that_cannot_be_opened_gets_a_reason(tmp_path: Path):
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path, reason in {
        "missing": "no such device: is it plugged in?",
        "dangling": "no such device: is it plugged in?",
        "loop": "cannot be opened (ELOOP)",
    }.items():
        assert refusal(only(tmp_path / path)) == (Verdict.UNREACHABLE, reason)


def test_a_pipe_is_not_opened_since_its_reader_would_see_its_end(tmp_path: Path):
    os.mkfifo(tmp_path / "fifo")
    read: list[bytes] = []

    def read_all() -> None:
        with (tmp_path / "fifo").open("rb") as pipe:
            read.append(pipe.read())

    reader = threading.Thread(target=read_all)
    reader.start()
    assert refusal(only(tmp_path / "fifo")) == (Verdict.UNREACHABLE, NOT_SERIAL)
    (tmp_path / "fifo").write_bytes(b"from the writer")
    reader.join()
    assert read == [b"from the writer"]


def test_note_6_a_device_that_vanishes_early_is_unreachable(tmp_path: Path):
    link = tmp_path / "modem"
    with pseudo_terminal() as (_, path):
        link.symlink_to(path)
        port = only(link)
    # Another process may have a terminal of the same number by now, so the name goes too, as udev has it.
    link.unlink()
    assert refusal(port) == (Verdict.UNREACHABLE, "no such device: is it plugged in?")


def test_note_10_a_name_that_now_means_another_device_stays_shut(tmp_path: Path):
    link = tmp_path / "modem"
    with pseudo_terminal() as (_, path), pseudo_terminal() as (_, other):
        link.symlink_to(path)
        port = only(link)
        link.unlink()
        link.symlink_to(other)
        assert refusal(port)[1].startswith("has just been plugged in again")


def test_a_link_that_flips_at_full_speed_opens_no_other_device(tmp_path: Path):
    link = tmp_path / "modem"
    with pseudo_terminal() as (_, path), pseudo_terminal() as (other, other_path):
        link.symlink_to(path)
        port = only(link)
        with flipping(link, other_path, path):
            outcomes = Counter(attempt(port) for _ in range(1000))
            # A busy machine may not have run the other process meanwhile.
            ends = time.monotonic() + PATIENCE_SECONDS
            while len(outcomes) < 2 and time.monotonic() < ends:
                outcomes[attempt(port)] += 1
        # It would be an input/output error if the other line had ever been opened and closed.
        with pytest.raises(BlockingIOError):
            os.read(other, 1)
    assert set(outcomes) == {"opened", "has just been plugged in again: the next census asks it"}


def test_a_link_changed_before_open_opens_no_other_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    link = tmp_path / "modem"

    def turn_and_tell(status: os.stat_result) -> DeviceIdentity:
        link.unlink()
        link.symlink_to(other_path)
        return device

    with pseudo_terminal() as (_, path), pseudo_terminal() as (other, other_path):
        link.symlink_to(path)
        port = only(link)
        device = port.device
        monkeypatch.setattr(DeviceIdentity, "of", turn_and_tell)
        assert attempt(port) == "opened"
        with pytest.raises(BlockingIOError):
            os.read(other, 1)


@pytest.mark.needs("root")
def test_a_block_device_with_the_same_numbers_is_not_opened(tmp_path: Path):
    path, numbers = tmp_path / "disk", os.makedev(188, 0)
    os.mknod(path, 0o600 | stat.S_IFBLK, numbers)
    port = Port(str(path), device=DeviceIdentity(numbers), node=path.stat().st_ino)
    assert refusal(port)[1].startswith("has just been plugged in again")


@pytest.mark.needs("root")
def test_note_10_a_device_that_was_plugged_in_again_is_another(tmp_path: Path):
    path, again, numbers = tmp_path / "ttyUSB0", tmp_path / "again", os.makedev(188, 0)
    for node in (path, again):
        os.mknod(node, 0o600 | stat.S_IFCHR, numbers)
    port = Port(str(path), device=DeviceIdentity(numbers), node=path.stat().st_ino)
    assert is_there(port)
    again.rename(path)
    assert not is_there(port)
    assert refusal(port)[1].startswith("has just been plugged in again")


def test_a_path_that_appears_after_the_search_is_not_opened(tmp_path: Path):
    port = only(tmp_path / "modem")
    with pseudo_terminal() as (master, path):
        (tmp_path / "modem").symlink_to(path)
        assert refusal(port)[1].startswith("has just been plugged in again")
        with pytest.raises(BlockingIOError):
            os.read(master, 1)


def test_a_device_that_gives_errors_is_unreachable():
    with pseudo_terminal() as (master, path):
        fcntl.ioctl(master, TIOCSPTLCK, struct.pack("i", 1))
        assert refusal(only(path))[1].startswith("the device gives input/output errors")


def test_an_ordinary_user_reads_which_group_it_lacks():
    with pseudo_terminal() as (_, path):
        os.chmod(path, 0)
        shown, _ = python(PROBE, path, ordinary=True)
    assert shown[path][0] == "unreachable"
    assert "dialout" in shown[path][1]


@pytest.mark.parametrize(("lock", "shown"), [("flock", "(flock)"), ("TIOCEXCL", "(TIOCEXCL)")])
def test_note_1_a_lock_set_after_the_holder_check_is_respected(lock: str, shown: str):
    with pseudo_terminal() as (_, path), holder(path, lock):
        verdict, reason = refusal(only(path))
    assert verdict is Verdict.IN_USE
    assert shown in reason


def test_an_unexpected_exception_becomes_a_verdict():
    assert refusal(Port(None)) == (Verdict.UNREACHABLE, "cannot be opened (TypeError)")


# Opened and closed


def test_note_4_an_open_port_takes_the_planned_descriptors():
    with pseudo_terminal() as (_, path):
        before = descriptors()
        port = open_port(only(path), BAUD_RATE)
        assert len(descriptors() - before) == DESCRIPTORS_PER_PORT
        port.close()
        assert descriptors() <= before


def test_an_open_port_is_locked_and_does_not_block():
    with pseudo_terminal() as (_, path):
        port = open_port(only(path), BAUD_RATE)
        with opened(path) as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert not os.get_blocking(port.fileno())
        port.close()


def test_an_open_port_does_not_become_the_controlling_terminal():
    code = """
import json, os, sys
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.modem.ports.open import open_port
from onlinesim_rent.modem.ports.serial_lines import SerialLines
os.setsid()
[port] = find_ports(sys.argv[1:])
line = open_port(port, 115200)
print(json.dumps(SerialLines.now().own_terminal))
"""
    with pseudo_terminal() as (_, path):
        assert python(code, path)[0] == 0


def test_note_3_closing_a_port_discards_unsent_bytes():
    with pseudo_terminal() as (master, path), opened(path):
        port = open_port(only(path), BAUD_RATE)
        fcntl.ioctl(master, termios.TIOCPKT, struct.pack("i", 1))
        port.close()
        assert os.read(master, 1)[0] & TIOCPKT_FLUSHWRITE


def test_note_6_closing_a_hung_up_port_raises_and_leaks_nothing():
    with pseudo_terminal() as (_, path):
        port = open_port(only(path), BAUD_RATE)
    port.close()
