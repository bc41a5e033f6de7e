"""Only serial lines are opened: to open another device can reboot the host or disturb a person's terminal."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest
from lines import PROBE, ask, opened, pseudo_terminal
from servers import PATIENCE_SECONDS, environment

from modem_simulator.open_watch import OpenWatch
from onlinesim_rent.finding import Verdict
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.modem.ports.serial_lines import NOT_SERIAL, OWN_TERMINAL

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


def names(*patterns: object) -> list[str]:
    return [port.name for port in find_ports(map(str, patterns))]


def test_a_glob_leaves_other_paths_alone_and_says_so_once(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "null").symlink_to("/dev/null")
    with pseudo_terminal() as (_, path):
        (tmp_path / "modem").symlink_to(path)
        for _ in range(3):
            assert names(f"{tmp_path}/*") == [f"{tmp_path}/modem"]
    [said] = caplog.messages
    assert said == (
        f"RENT_PORTS: {tmp_path}/* also matches 3 paths that are not serial lines, "
        f"such as '{tmp_path}/directory': they are ignored"
    )


def test_a_glob_of_serial_lines_alone_logs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pseudo_terminal() as (_, path):
        (tmp_path / "modem").symlink_to(path)
        assert names(f"{tmp_path}/*") == [f"{tmp_path}/dangling", f"{tmp_path}/modem"]
    assert caplog.messages == []


def test_a_glob_over_all_of_dev_finds_serial_lines_only():
    with pseudo_terminal() as (_, path):
        found = names("/dev/*", "/dev/pts/*")
    assert path in found
    assert not {"/dev/null", "/dev/tty", "/dev/console", "/dev/ptmx", "/dev/pts/ptmx"} & set(found)


def test_a_path_gets_a_verdict_even_if_a_glob_ignores_it(tmp_path: Path):
    (tmp_path / "null").symlink_to("/dev/null")
    assert names(f"{tmp_path}/*", tmp_path / "null") == [f"{tmp_path}/null"]
    assert names(tmp_path / "null", f"{tmp_path}/*") == [f"{tmp_path}/null"]


def test_a_path_that_is_not_a_serial_line_gets_a_reason(tmp_path: Path):
    (tmp_path / "file").touch()
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "socket"))
    for path in (tmp_path, tmp_path / "file", tmp_path / "socket", "/dev/null", "/dev/ptmx"):
        [finding] = ask(str(path)).values()
        assert (finding.verdict, finding.reason) == (Verdict.UNREACHABLE, NOT_SERIAL)


@pytest.mark.needs("root")
def test_no_driver_of_another_device_is_reached(tmp_path: Path):
    devices = {"null": (1, 3), "watchdog": (10, 130), "virtual console": (4, 1)}
    watch = OpenWatch()
    try:
        for name, numbers in devices.items():
            os.mknod(tmp_path / name, 0o600 | stat.S_IFCHR, os.makedev(*numbers))
            watch.add(str(tmp_path / name))
        by_name = ask(*(str(tmp_path / name) for name in devices))
        by_glob = ask(f"{tmp_path}/*")
        assert list(watch.opened()) == []
        # The watch does see an opening.
        with opened(str(tmp_path / "null")):
            assert list(watch.opened())
    finally:
        watch.close()
    assert by_glob == {}
    assert {finding.reason for finding in by_name.values()} == {NOT_SERIAL}


def test_the_own_terminal_is_left_alone():
    """A person uses this terminal: they would see AT, and could no longer type."""
    code = "import os, sys; os.close(os.open(sys.argv[1], os.O_RDWR))" + PROBE
    with pseudo_terminal() as (master, path), opened(path) as line:
        before = termios.tcgetattr(line)
        # The first terminal that a new session opens becomes its controlling terminal.
        done = subprocess.run(
            [sys.executable, "-c", code, path, "/dev/tty"],
            env=environment(),
            stdout=subprocess.PIPE,
            start_new_session=True,
            timeout=PATIENCE_SECONDS,
            check=True,
        )
        with pytest.raises(BlockingIOError):
            os.read(master, 1)
        assert termios.tcgetattr(line) == before
    assert json.loads(done.stdout) == {
        path: ["unreachable", OWN_TERMINAL],
        "/dev/tty": ["unreachable", NOT_SERIAL],
    }


@pytest.mark.needs("root", "unshare", "namespaces")
def test_without_proc_drivers_only_pseudo_terminals_are_opened(tmp_path: Path):
    code = """
import json, sys
from onlinesim_rent.finding import NotCounted
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.modem.ports.open import open_port
shown = []
for port in find_ports(sys.argv[1:]):
    try:
        open_port(port, 115200).close()
        shown.append("opened")
    except NotCounted as refused:
        shown.append(refused.reason)
print(json.dumps(shown))
"""
    os.mknod(tmp_path / "ttyUSB0", 0o600 | stat.S_IFCHR, os.makedev(188, 0))
    hidden = ("unshare", "--mount", "sh", "-c", 'mount -t proc -o subset=pid proc /proc && exec "$@"', "-")
    with pseudo_terminal() as (_, path):
        done = subprocess.run(
            [*hidden, sys.executable, "-c", code, path, f"{tmp_path}/*"],
            env=environment(),
            stdout=subprocess.PIPE,
            timeout=PATIENCE_SECONDS,
            check=True,
        )
    assert json.loads(done.stdout) == [
        "opened",
        "cannot tell whether it is a serial line: /proc/tty/drivers cannot be read",
    ]
