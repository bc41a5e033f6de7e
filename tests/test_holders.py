"""Who else uses a device: other processes and lock files that are really there."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from lines import IS_ROOT, LOCKS, holder, opened, pseudo_terminal, python

from onlinesim_rent.modem.holders import DeviceIdentity, is_exclusive, live_lock_files, processes_holding

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def identity(path: str) -> DeviceIdentity:
    return DeviceIdentity.of(os.stat(path))


def ended_process() -> int:
    """The pid of a process that is no more."""
    with subprocess.Popen([sys.executable, "-S", "-E", "-c", ""]) as process:
        pass
    return process.pid


@pytest.mark.parametrize("lock", LOCKS)
def test_note_1_whoever_holds_a_device_open_is_named(lock: str):
    with pseudo_terminal() as (_, path), pseudo_terminal() as (_, free):
        device = identity(path)
        with holder(path, lock) as pid:
            held = processes_holding([device, identity(free)])
            assert list(held) == [device]
            assert held[device].startswith(f"process {pid} (py")
        assert processes_holding([device]) == {}


def test_this_process_is_a_holder_too_unless_it_is_left_out():
    with pseudo_terminal() as (_, path), opened(path):
        device = identity(path)
        assert list(processes_holding([device])) == [device]
        assert processes_holding([device], but_for=os.getpid()) == {}


def test_a_master_does_not_hold_its_own_pseudo_terminal():
    with pseudo_terminal() as (_, path):
        assert processes_holding([identity(path)]) == {}


@pytest.mark.parametrize(
    ("content", "is_live"),
    [
        (lambda pid, _: f"{pid:>10}\n".encode(), True),  # HDB: ten places
        (lambda pid, _: f"{pid:>10} minicom root\n".encode(), True),
        (lambda pid, _: f"{pid}".encode(), True),
        (lambda pid, _: pid.to_bytes(4, sys.byteorder), True),
        (lambda _, ended: f"{ended:>10}\n".encode(), False),
        (lambda _, ended: ended.to_bytes(4, sys.byteorder), False),
        # what names no process is no proof that none is there
        (lambda *_: b"", True),
        (lambda *_: b"busy", True),
        (lambda *_: b"\0\0\0\0", True),
        (lambda *_: b"\xff\xff\xff\xff", True),
        (lambda *_: b"minicom was here\n", True),
        (lambda *_: b"0\n", True),
        (lambda *_: b"9" * 100_000, True),
    ],
)
def test_note_1_a_lock_file_is_live_with_its_process(
    tmp_path: Path, content: Callable[[int, int], bytes], *, is_live: bool
):
    lock_file = tmp_path / "LCK..ttyUSB0"
    lock_file.write_bytes(content(os.getpid(), ended_process()))
    assert live_lock_files([tmp_path]) == ({"ttyUSB0": str(lock_file)} if is_live else {})


def test_what_is_no_file_in_a_lock_directory_holds_nobody_up(tmp_path: Path):
    os.mkfifo(tmp_path / "LCK..pipe")
    (tmp_path / "LCK..directory").mkdir()
    (tmp_path / "LCK..gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "else").touch()
    assert set(live_lock_files([tmp_path, tmp_path / "missing"])) == {"pipe", "directory"}


def test_note_1_an_ordinary_user_takes_what_it_cannot_look_into_for_live(tmp_path: Path):
    unreadable, others = tmp_path / "LCK..unreadable", tmp_path / "LCK..others"
    unreadable.write_text("1")
    unreadable.chmod(0)
    others.write_text("1\n")
    for directory in (tmp_path, *tmp_path.parents[:3]):
        if directory.stat().st_uid == os.geteuid() and str(directory).startswith("/tmp/"):
            directory.chmod(0o755)
    code = """
import json, sys
from pathlib import Path
from onlinesim_rent.modem.holders import live_lock_files
print(json.dumps(sorted(live_lock_files([Path(sys.argv[1])]))))
"""
    assert python(code, str(tmp_path), ordinary=True)[0] == ["others", "unreadable"]


def test_note_1_tiocexcl_is_seen_on_an_open_terminal_and_nowhere_else():
    with pseudo_terminal() as (_, path), opened(path) as line:
        assert not is_exclusive(line)
        if IS_ROOT:
            with holder(path, "TIOCEXCL"):
                assert is_exclusive(line)
    with opened("/dev/null") as line:
        assert not is_exclusive(line)


def test_two_paths_to_one_device_are_one_and_two_pseudo_terminals_are_two(tmp_path: Path):
    with pseudo_terminal() as (_, path), pseudo_terminal() as (_, other):
        (tmp_path / "link").symlink_to(path)
        assert identity(str(tmp_path / "link")) == identity(path) != identity(other)
