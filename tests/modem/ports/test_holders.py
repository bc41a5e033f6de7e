"""Other processes that have a device open: with real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from lines import (
    BECOME_ORDINARY,
    IS_ROOT,
    LOCKS,
    ORDINARY_USER,
    PROBE,
    ask,
    holder,
    opened,
    pseudo_terminal,
    python,
)

from onlinesim_rent.clock import Deadline
from onlinesim_rent.finding import CensusError, Verdict
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.holders import held_open, is_exclusive, processes_holding
from onlinesim_rent.modem.ports.open_files import open_devices

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLD = """
import ctypes, os, sys, threading
line = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
{before}
print(flush=True)
sys.stdin.read()
"""
END_THE_MAIN_THREAD = """
def wait() -> None:
    while ") Z " not in open("/proc/self/stat").read():
        pass
    print(flush=True)
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=wait).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def identity(path: str) -> DeviceIdentity:
    return DeviceIdentity.of(os.stat(path))


@contextmanager
def started(*command: str) -> Iterator[int]:
    """Yield the pid of a process that has reported that it is ready. It ends with its standard input."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"\n"
        yield process.pid


def holding(path: str, before: str = "") -> tuple[str, ...]:
    return (sys.executable, "-S", "-E", "-c", HOLD.format(before=before), path)


@pytest.mark.parametrize("lock", LOCKS)
def test_note_1_the_process_that_holds_a_device_is_named(lock: str):
    with pseudo_terminal() as (_, path), pseudo_terminal() as (_, free):
        device = identity(path)
        with holder(path, lock) as pid:
            held = processes_holding([device, identity(free)])
            assert list(held) == [device]
            assert held[device].startswith(f"process {pid} (py")
        assert processes_holding([device]) == {}


def test_this_process_is_a_holder_but_for_its_census():
    with pseudo_terminal() as (_, path), opened(path) as ours:
        device = identity(path)
        assert processes_holding([device], ours=[ours]) == {}
        assert list(processes_holding([device])) == [device]
        with opened(path):
            assert processes_holding([device], ours=[ours])[device].startswith(f"process {os.getpid()} (")


def test_the_census_exempts_no_other_process():
    with pseudo_terminal() as (_, path), started(*holding(path)) as pid:
        [line] = [
            int(fd)
            for fd in os.listdir(f"/proc/{pid}/fd")
            if os.path.realpath(f"/proc/{pid}/fd/{fd}") == path
        ]
        assert list(processes_holding([identity(path)], ours=[line])) == [identity(path)]


@pytest.mark.needs("unshare", "namespaces")
def test_a_holder_behind_a_bind_mount_is_seen(tmp_path: Path):
    node = tmp_path / "modem"
    node.touch()
    script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    with pseudo_terminal() as (_, path):
        command = holding(str(node))
        with started("unshare", "--mount", "sh", "-c", script, "sh", path, str(node), *command) as pid:
            links = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
            assert not [link for link in links if link.startswith("/dev/pts/")]
            assert list(processes_holding([identity(path)])) == [identity(path)]


@pytest.mark.parametrize("ordinary", [False, True])
def test_a_holder_whose_main_thread_ended_is_seen(*, ordinary: bool):
    code = """
import json, os, sys
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.holders import processes_holding
print(json.dumps(list(processes_holding([DeviceIdentity.of(os.stat(sys.argv[1]))]).values())))
"""
    end = BECOME_ORDINARY * ordinary + END_THE_MAIN_THREAD
    with pseudo_terminal() as (_, path), started(*holding(path, end)) as pid:
        [shown], _ = python(code, path, ordinary=ordinary)
    assert shown.startswith(f"process {pid} (")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"a\x1b[2J\nERROR b", "a?[2J?ERROR b"),
        ("модем".encode(), "?????"),
        (b"352099001761481", "?"),
        (b"smsd 1234", "smsd 1234"),
    ],
)
def test_a_holders_name_cannot_forge_a_log_line(name: bytes, shown: str):
    rename = f"ctypes.CDLL(None).prctl(15, {name!r})  # PR_SET_NAME"
    with pseudo_terminal() as (_, path), started(*holding(path, rename)) as pid:
        assert processes_holding([identity(path)]) == {identity(path): f"process {pid} ({shown})"}


def test_a_process_with_many_files_does_not_break_the_deadline():
    with ExitStack() as stack:
        for _ in range(3000):
            stack.callback(os.close, os.dup(0))
        readings = iter([0.0, 0.0, 1.0])
        with pytest.raises(CensusError, match="the time for the census was up"):
            open_devices(str(os.getpid()), (), Deadline(1.0, readings.__next__))


def test_note_33_a_bridge_that_holds_its_own_port_says_what_to_do():
    rename = "ctypes.CDLL(None).prctl(15, b'socat')  # PR_SET_NAME"
    with pseudo_terminal() as (_, path), started(*holding(path, rename)) as pid:
        [finding] = ask(path).values()
    advice = "start socat with wait-slave,ignoreeof, or name the port that it bridges in RENT_PORTS"
    assert finding.verdict is Verdict.IN_USE
    assert finding.reason == f"held open by process {pid} (socat): {advice}"


@pytest.mark.parametrize(("major", "name"), [(188, "socat"), (136, "smsd"), (136, "socat-watch")])
def test_other_holders_are_only_named(major: int, name: str):
    device = DeviceIdentity(os.makedev(major, 0))
    assert held_open(device, f"process 812 ({name})") == f"held open by process 812 ({name})"


@pytest.mark.needs("unshare", "namespaces")
def test_a_proc_of_processes_only_still_shows_holders():
    script = 'mount -t proc -o subset=pid,hidepid=2 proc /proc && exec "$@"'
    probe = [sys.executable, "-c", BECOME_ORDINARY + PROBE]
    with pseudo_terminal() as (_, path):
        os.chown(path, ORDINARY_USER, -1)
        with holder(path, "nothing", ordinary=True) as pid:
            command = ["unshare", "--mount", "sh", "-c", script, "sh", *probe, path]
            shown = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    assert f"held open by process {pid} " in shown[path][1]


NOT_TOLD = """
import contextlib, json, os, resource, subprocess, sys
from onlinesim_rent.finding import CensusError
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.holders import processes_holding
{before}
try:
    processes_holding([DeviceIdentity(1)])
except CensusError as error:
    print(json.dumps(str(error)))
"""
TAKE_ALL_DESCRIPTORS = """
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
with contextlib.suppress(OSError):
    while True:
        os.dup(0)
"""
HIDE_PROC = """
import ctypes
libc = ctypes.CDLL(None)
assert libc.unshare(0x20000) == 0  # CLONE_NEWNS
subprocess.run(["mount", "--make-rprivate", "/"], check=True)
subprocess.run(["mount", "-t", "tmpfs", "none", "/proc"], check=True)
"""


@pytest.mark.parametrize(
    "before",
    [
        TAKE_ALL_DESCRIPTORS,
        TAKE_ALL_DESCRIPTORS + "os.close(19)",
        pytest.param(HIDE_PROC, marks=pytest.mark.needs("mount", "namespaces")),
    ],
)
def test_a_proc_that_cannot_be_read_is_no_sign_of_a_free_port(before: str):
    said, _ = python(NOT_TOLD.format(before=before))
    assert said.startswith("/proc does not tell who uses the ports: ")


def test_a_master_does_not_hold_its_own_pseudo_terminal():
    with pseudo_terminal() as (_, path):
        assert processes_holding([identity(path)]) == {}


def test_note_1_tiocexcl_is_seen_only_on_an_open_terminal():
    with pseudo_terminal() as (_, path), opened(path) as line:
        assert not is_exclusive(line)
        if IS_ROOT:
            with holder(path, "TIOCEXCL"):
                assert is_exclusive(line)
    with opened("/dev/null") as line:
        assert not is_exclusive(line)


def test_two_paths_share_an_identity_and_two_terminals_do_not(tmp_path: Path):
    with pseudo_terminal() as (_, path), pseudo_terminal() as (_, other):
        (tmp_path / "link").symlink_to(path)
        assert identity(str(tmp_path / "link")) == identity(path) != identity(other)
