"""Programs that people use on serial lines, each as a real process on a port of the simulated bank."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import termios
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from helpers import SOCKET, helper
from lines import IS_ROOT, ORDINARY_USER, PROBE, ask, opened, python, remove_shared_memory
from needs import PATH
from servers import PATIENCE_SECONDS, until

from modem_simulator import SimulatedModule, imei, imsi
from modem_simulator.bank import Bank
from modem_simulator.open_watch import OpenWatch
from onlinesim_rent.finding import Verdict
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.holders import processes_holding
from onlinesim_rent.modem.ports.lock_files import LOCK_DIRECTORIES, lock_file_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modem_simulator.bank import Port

PROGRAMS = {
    "cat": ["cat", "{port}"],
    "sh": ["sh", "-c", 'exec 3<>"$0" && read line', "{port}"],
    "picocom": ["picocom", "{port}"],
    "picocom --nolock": ["picocom", "--nolock", "{port}"],
    "minicom": ["minicom", "--noinit", "--device", "{port}"],
    "screen": ["screen", "-D", "-m", "-c", "/dev/null", "{port}", "115200"],
    "cu": ["cu", "--line", "{port}", "--speed", "115200"],
    "socat": ["socat", "-", "{port}"],
    "gammu-smsd": ["gammu-smsd", "--config", "{home}/gammu-smsdrc"],
    "smsd": ["smsd", "-t", "-c{home}/smsd.conf"],
}
"""The command of each program, in the foreground. The shell only opens the port."""
NEED_NO_PACKAGE = ("cat", "sh")

SETTINGS = {
    "gammu-smsdrc": "[gammu]\ndevice = {port}\nconnection = at\n[smsd]\nservice = null\n",
    "smsd.conf": (
        "devices = GSM1\n"
        "incoming = {home}/spool\noutgoing = {home}/spool\nchecked = {home}/spool\n"
        "logfile = {home}/log\ninfofile = {home}/running\npidfile = {home}/pid\n"
        "[GSM1]\ndevice = {port}\nincoming = yes\n"
    ),
}
USERS = [*dict.fromkeys([os.geteuid(), ORDINARY_USER])]
# Started by root, cu becomes another user, who may not open the port.
ROWS = [
    pytest.param(name, user, marks=[] if name in NEED_NO_PACKAGE else pytest.mark.needs(name.split()[0]))
    for name in PROGRAMS
    for user in USERS
    if (name, user) != ("cu", 0)
]
THIRD_USER = 1
"""Debian's daemon: minicom and screen do not run under a user without a name."""
# The ordinary user is the service's.
SHIPPED_ROWS = [
    (name, user)
    for name in PROGRAMS
    for user in (0, ORDINARY_USER, THIRD_USER)
    if (name, user) != ("cu", 0)  # It may not open the port, as above.
]

UNREAD = b"+CMTI: unread"


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iterator[Port]]:
    """The ports of a bank that runs here: only its own process has the masters of its terminals.

    Each is used once, because the kernel keeps TIOCEXCL on a terminal for as long as it has a master.
    """
    numbers = range(len(ROWS) + len(SHIPPED_ROWS))
    modules = [SimulatedModule(imei(number), imsi("25099", number)) for number in numbers]
    reading, writing = os.pipe()
    with Bank(modules, tmp_path_factory.mktemp("bank")) as bank:
        bank.listen(reading, bank.stop)
        serving = Thread(target=bank.serve)
        serving.start()
        try:
            yield iter(bank.ports.values())
        finally:
            os.close(writing)
            serving.join()
    os.close(reading)


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory that another user can reach, unlike pytest's own."""
    with TemporaryDirectory() as directory:
        yield Path(directory)


@contextmanager
def running(name: str, path: str, home: Path, user: int) -> Iterator[int]:
    """The process group of a program that uses a port, on a terminal of its own."""
    for file, text in SETTINGS.items():
        (home / file).write_text(text.format(port=path, home=home))
    spool = home / "spool"
    spool.mkdir()
    screen, terminal = pty.openpty()
    for own in (path, home, spool, os.ttyname(terminal)):
        os.chown(own, user, -1)
    process = subprocess.Popen(
        [word.format(port=path, home=home) for word in PROGRAMS[name]],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={"PATH": PATH, "TERM": "linux", "HOME": str(home), "SCREENDIR": str(home)},
        start_new_session=True,
        **({"user": user, "group": user, "extra_groups": []} if IS_ROOT else {}),
    )
    os.close(terminal)
    try:
        yield process.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(screen)
        remove_lock_files(path)
        remove_shared_memory(home / "gammu-smsdrc")


def remove_lock_files(path: str) -> None:
    """Remove what a killed program leaves behind."""
    for directory in LOCK_DIRECTORIES:
        for name in lock_file_names([path], None):
            (directory / name).unlink(missing_ok=True)


def holder_of(path: str) -> str | None:
    device = DeviceIdentity.of(os.stat(path))
    return processes_holding([device]).get(device)


def stop_with_the_port_open(group: int, path: str) -> None:
    """Stop a whole program while it holds a port: what comes then stays unread.

    Only its own processes are looked at: on a busy host, a program opens and closes its port several times
    while all processes are looked at.
    """

    def is_stopped_with_it() -> bool:
        os.killpg(group, signal.SIGCONT)
        until(lambda: has_open(group, path))
        os.killpg(group, signal.SIGSTOP)
        until(lambda: set(processes(group).values()) <= {"T", "Z"})
        return has_open(group, path)

    until(is_stopped_with_it)


def processes(group: int) -> dict[str, str]:
    """The state of each process of a group: proc(5), /proc/<pid>/stat."""
    found = {}
    for process in filter(str.isdigit, os.listdir("/proc")):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, _, its_group = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()[:3]
            if int(its_group) == group:
                found[process] = state
    return found


def has_open(group: int, path: str) -> bool:
    """Whether a process of a group has a file open."""
    for process in processes(group):
        with suppress(FileNotFoundError, ProcessLookupError):
            for link in Path(f"/proc/{process}/fd").iterdir():
                with suppress(FileNotFoundError):
                    if os.readlink(link) == path:
                        return True
    return False


def waiting_to_be_read(path: str) -> bytes:
    said = b""
    with opened(path) as line:
        while UNREAD not in said and select.select([line], [], [], PATIENCE_SECONDS)[0]:
            said += os.read(line, 4096)
    return said


def set_as_no_census_would(line: int) -> list[object]:
    attributes = termios.tcgetattr(line)
    attributes[2] |= termios.CSTOPB
    attributes[4] = attributes[5] = termios.B300
    termios.tcsetattr(line, termios.TCSANOW, attributes)
    return list(termios.tcgetattr(line))


def names(finding: list[str], program: str) -> bool:
    """Whether a verdict and its reason say that this program uses the port."""
    verdict, reason = finding
    shown = program.split(maxsplit=1)[0]
    return verdict == Verdict.IN_USE and bool(re.match(rf"held open by process \d+ \({shown}\)", reason))


@pytest.mark.parametrize(("name", "user"), ROWS)
def test_a_program_in_use_is_named_and_left_alone(name: str, user: int, ports: Iterator[Port], home: Path):
    port = next(ports)
    path = os.path.realpath(port.path)
    with running(name, path, home, user) as group:
        stop_with_the_port_open(group, path)
        attributes = set_as_no_census_would(port.master)
        os.write(port.master, UNREAD)
        opens = OpenWatch()
        opens.add(path)

        [finding] = ask(path).values()

        assert names([finding.verdict, finding.reason], name)
        assert termios.tcgetattr(port.master) == attributes
        assert list(opens.opened()) == []
        assert UNREAD in waiting_to_be_read(path)
        opens.close()
    until(lambda: holder_of(path) is None)


@pytest.mark.needs("root", "setpriv", *sorted({name.split()[0] for name in PROGRAMS} - {*NEED_NO_PACKAGE}))
def test_note_24_the_service_names_the_programs_of_every_user(ports: Iterator[Port], home: Path):
    """As installed: an ordinary user takes one census, and the helper tells what that user cannot see."""
    home.chmod(0o755)
    used = {os.path.realpath(port.path): (row, port) for row, port in zip(SHIPPED_ROWS, ports, strict=False)}
    groups = {}
    attributes = {}
    opens = OpenWatch()
    with helper() as asked, ExitStack() as programs:
        for number, (path, ((name, user), _)) in enumerate(used.items()):
            own = home / str(number)
            own.mkdir(0o700)
            groups[path] = programs.enter_context(running(name, path, own, user))
            # The service may open every port.
            os.chown(path, -1, ORDINARY_USER)
            os.chmod(path, 0o660)
        for path, (_, port) in used.items():
            stop_with_the_port_open(groups[path], path)
            attributes[path] = set_as_no_census_would(port.master)
            os.write(port.master, UNREAD)
            opens.add(path)

        found, _ = python(SOCKET + PROBE, asked.socket, *used, ordinary=True)

        unnamed = {row: found[path] for path, (row, _) in used.items() if not names(found[path], row[0])}
        assert unnamed == {}
        assert list(opens.opened()) == []
        for path, (_, port) in used.items():
            assert termios.tcgetattr(port.master) == attributes[path]
            assert UNREAD in waiting_to_be_read(path)
    opens.close()
