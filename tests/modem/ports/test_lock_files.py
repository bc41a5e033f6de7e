"""Lock files of programs that use a device: their names, and which of them are live."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import indent
from typing import TYPE_CHECKING

import pytest
from lines import ask, pseudo_terminal, python
from namespaces import IN_FIRST_PID_NAMESPACE

from onlinesim_rent.modem.ports import signs_of_use
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.lock_files import live_lock_files, lock_file_names
from onlinesim_rent.modem.ports.names import kernel_names, udev_links

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TTY_USB_3 = DeviceIdentity(os.makedev(188, 3))
LOOK = """
import json, sys
from pathlib import Path
from onlinesim_rent.modem.ports.lock_files import live_lock_files
directory, *names = sys.argv[1:]
print(json.dumps(list(live_lock_files({name: [name] for name in names}, [Path(directory)]))))
"""


def ended_process() -> int:
    """The pid of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


@pytest.fixture
def shared_directory() -> Iterator[Path]:
    """A directory that an ordinary user may reach, unlike pytest's own."""
    with TemporaryDirectory() as directory:
        path = Path(directory)
        path.chmod(0o755)
        yield path


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/dev/ttyUSB3", {"LCK..ttyUSB3", "LOCK..ttyUSB3"}),
        ("/dev/pts/7", {"LCK..7", "LOCK..7", "LCK..pts_7", "LOCK..pts_7"}),
        ("pts_7", {"LCK..pts_7", "LOCK..pts_7"}),
        (
            "serial/by-id/usb-HUAWEI-if00-port0",
            {
                "LCK..usb-HUAWEI-if00-port0",
                "LOCK..usb-HUAWEI-if00-port0",
                "LCK..serial_by-id_usb-HUAWEI-if00-port0",
                "LOCK..serial_by-id_usb-HUAWEI-if00-port0",
            },
        ),
    ],
)
def test_a_lock_may_be_named_after_any_path(path: str, names: set[str]):
    assert set(lock_file_names([path], None)) == names
    assert set(lock_file_names(["/dev/modem0", path], None)) == names | {"LCK..modem0", "LOCK..modem0"}


@pytest.mark.parametrize(
    ("major", "minor", "name"),
    [(188, 3, "LK.000.188.003"), (4, 64, "LK.000.004.064"), (136, 1048575, "LK.000.136.1048575")],
)
def test_a_lock_may_be_named_after_the_device_number(major: int, minor: int, name: str):
    assert lock_file_names([], DeviceIdentity(os.makedev(major, minor))) == [name]


def test_udev_names_the_symlinks_of_a_device(tmp_path: Path):
    record = "S:serial/by-id/usb-HUAWEI-if00-port0\nS:modem0\nI:5114238\nE:ID_MODEL=S:x\nG:systemd\n"
    (tmp_path / "c188:3").write_text(record)
    (tmp_path / "c188:4").write_bytes(b"S:\xff\n")
    assert udev_links(TTY_USB_3, tmp_path) == ["serial/by-id/usb-HUAWEI-if00-port0", "modem0"]
    assert udev_links(DeviceIdentity(os.makedev(188, 4)), tmp_path) == ["\ufffd"]


def test_the_kernel_names_a_device_whose_node_has_another_name(tmp_path: Path):
    """As in a container, where --device gives /dev/ttyUSB3 another name."""
    (tmp_path / "188:3").symlink_to("../../devices/usb1/1-1/1-1:1.0/ttyUSB3/tty/ttyUSB3")
    assert kernel_names(TTY_USB_3, tmp_path) == ["ttyUSB3"]
    assert kernel_names(TTY_USB_3, tmp_path / "missing") == []
    assert kernel_names(None) == []


@pytest.mark.needs("/run/lock")
def test_a_lock_by_the_kernels_name_is_a_sign_of_use(monkeypatch: pytest.MonkeyPatch):
    name = f"ttyTEST{os.getpid()}"
    monkeypatch.setattr(signs_of_use, "kernel_names", lambda _: [name])
    lock_file = Path("/run/lock", f"LCK..{name}")
    with pseudo_terminal() as (_, path):
        lock_file.write_text(f"{os.getpid():>10}\n")
        try:
            assert ask(path)[path].reason == f"locked by another program ({lock_file})"
        finally:
            lock_file.unlink()


def test_without_udev_a_device_has_no_symlinks(tmp_path: Path):
    assert udev_links(TTY_USB_3, tmp_path) == []
    assert udev_links(TTY_USB_3, tmp_path / "missing") == []
    assert udev_links(None) == []


@pytest.mark.parametrize(
    ("content", "is_live"),
    [
        (lambda pid, _: f"{pid:>10}\n".encode(), True),  # HDB: ten places
        (lambda pid, _: f"{pid:>10} minicom root\n".encode(), True),
        (lambda pid, _: f"{pid}".encode(), True),
        (lambda pid, _: pid.to_bytes(4, sys.byteorder), True),
        (lambda pid, _: f"{pid} 17".encode(), True),  # chan_dongle
        (lambda _, ended: f"{ended} 17".encode(), False),
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
    wanted = {"port": str(lock_file)} if is_live or not IN_FIRST_PID_NAMESPACE else {}
    assert live_lock_files({"port": ["LCK..ttyUSB0"]}, [tmp_path]) == wanted


@pytest.mark.needs("unshare", "namespaces")
def test_in_another_pid_namespace_every_lock_is_live(tmp_path: Path):
    (tmp_path / "LCK..ttyUSB0").write_text(f"{ended_process():>10}\n")
    command = ["unshare", "--pid", "--fork", sys.executable, "-c", LOOK, str(tmp_path), "LCK..ttyUSB0"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == '["LCK..ttyUSB0"]\n'


def test_odd_files_in_a_lock_directory_do_not_block(tmp_path: Path):
    os.mkfifo(tmp_path / "LCK..pipe")
    (tmp_path / "LCK..directory").mkdir()
    (tmp_path / "stale").write_text(f"{ended_process()}\n")
    (tmp_path / "LCK..link").symlink_to(tmp_path / "stale")
    (tmp_path / "LCK..else").touch()
    names = {name: [f"LCK..{name}"] for name in ("pipe", "directory", "link", "missing")}
    assert set(live_lock_files(names, [tmp_path, tmp_path / "missing"])) == {"pipe", "directory", "link"}


def test_a_lock_is_found_in_any_directory_and_under_any_name(tmp_path: Path):
    (tmp_path / "lockdev").mkdir()
    (tmp_path / "lockdev" / "LCK..b").touch()
    names = {"port": ["LCK..a", "LCK..b"], "other": ["LCK..c"]}
    directories = [tmp_path, tmp_path / "lockdev"]
    assert live_lock_files(names, directories) == {"port": f"{tmp_path}/lockdev/LCK..b"}


def test_a_directory_with_two_paths_is_looked_into_once(tmp_path: Path):
    (tmp_path / "run").mkdir()
    (tmp_path / "var").symlink_to("run")
    (tmp_path / "run" / "LCK..a").touch()
    found = live_lock_files({"port": ["LCK..a"]}, [tmp_path / "run", tmp_path / "var"])
    assert found == {"port": f"{tmp_path}/run/LCK..a"}


@pytest.mark.needs("root")
def test_lock_files_are_looked_up_by_name_alone(shared_directory: Path):
    """The directory may be searched but not listed, so 200,000 other files cost nothing."""
    (shared_directory / "LCK..ttyUSB0").touch()
    shared_directory.chmod(0o711)
    names = ("LCK..ttyUSB0", "LCK..ttyUSB1")
    assert python(LOOK, str(shared_directory), *names, ordinary=True)[0] == ["LCK..ttyUSB0"]


@pytest.mark.needs("root")
def test_a_closed_lock_directory_is_no_sign_of_a_free_port(shared_directory: Path):
    shared_directory.chmod(0o700)
    code = f"""
from onlinesim_rent.finding import CensusError
try:{indent(LOOK, "    ")}
except CensusError as error:
    print(json.dumps(str(error)))
"""
    said, _ = python(code, str(shared_directory), "LCK..ttyUSB0", ordinary=True)
    assert said == f"cannot look for lock files in {shared_directory}: Permission denied"


def test_note_1_for_a_user_an_unreadable_lock_file_is_live(shared_directory: Path):
    unreadable, others = shared_directory / "LCK..unreadable", shared_directory / "LCK..others"
    unreadable.write_text("1")
    unreadable.chmod(0)
    others.write_text("1\n")
    names = ("LCK..others", "LCK..unreadable")
    assert python(LOOK, str(shared_directory), *names, ordinary=True)[0] == list(names)


@pytest.mark.parametrize("others", [0, 1000, 1001])
def test_a_lock_is_found_among_any_number_of_other_files(tmp_path: Path, others: int):
    """Few files are listed at once; among many, each name is looked up."""
    for number in range(others - 1):
        (tmp_path / f"other{number}").touch()
    names = {"rented": ["LCK..ttyUSB0", "LCK..ttyUSB1"], "free": ["LCK..ttyUSB2"]}
    assert live_lock_files(names, [tmp_path]) == {}
    (tmp_path / "LCK..ttyUSB1").write_text(f"{os.getpid():>10}\n")
    assert live_lock_files(names, [tmp_path]) == {"rented": f"{tmp_path}/LCK..ttyUSB1"}
