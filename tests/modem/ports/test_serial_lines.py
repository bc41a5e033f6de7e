"""The kernel's tables on many kinds of hosts, and the devices that they allow to open."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from onlinesim_rent.modem.ports.serial_lines import (
    CONSOLE,
    NOT_SERIAL,
    OWN_TERMINAL,
    SerialLines,
    console_devices,
    controlling_terminal,
    serial_drivers,
)

UBUNTU_PC = """\
/dev/tty             /dev/tty        5       0 system:/dev/tty
/dev/console         /dev/console    5       1 system:console
/dev/ptmx            /dev/ptmx       5       2 system
/dev/vc/0            /dev/vc/0       4       0 system:vtmaster
usbserial            /dev/ttyUSB   188 0-511 serial
rfcomm               /dev/rfcomm   216 0-255 serial
ttyprintk            /dev/ttyprintk   5       3 console
max310x              /dev/ttyMAX   204 209-224 serial
serial               /dev/ttyS       4 64-111 serial
pty_slave            /dev/pts      136 0-1048575 pty:slave
pty_master           /dev/ptm      128 0-1048575 pty:master
unknown              /dev/tty        4 1-63 console
"""
RASPBERRY_PI = """\
/dev/tty             /dev/tty        5       0 system:/dev/tty
/dev/console         /dev/console    5       1 system:console
/dev/ptmx            /dev/ptmx       5       2 system
/dev/vc/0            /dev/vc/0       4       0 system:vtmaster
acm                  /dev/ttyACM   166 0-255 serial
ttyAMA               /dev/ttyAMA   204 64-77 serial
ttyprintk            /dev/ttyprintk   5       3 console
max310x              /dev/ttyMAX   204 209-224 serial
serial               /dev/ttyS       4      64 serial
pty_slave            /dev/pts      136 0-1048575 pty:slave
pty_master           /dev/ptm      128 0-1048575 pty:master
unknown              /dev/tty        4 1-63 console
"""
WITH_OLD_PSEUDO_TERMINALS = """\
/dev/ptmx            /dev/ptmx       5       2 system
usbserial            /dev/ttyUSB   188 0-254 serial
pty_slave            /dev/pts      136 0-1048575 pty:slave
pty_master           /dev/ptm      128 0-1048575 pty:master
pty_slave            /dev/ttyp       3 0-255 pty:slave
pty_master           /dev/pty        2 0-255 pty:master
"""


@pytest.mark.parametrize(
    ("drivers", "served", "left_alone"),
    [
        (
            UBUNTU_PC,
            [(188, 0), (188, 511), (216, 0), (204, 209), (4, 64), (4, 111), (136, 0), (136, 1048575)],
            [(188, 512), (4, 0), (4, 1), (4, 63), (4, 112), (5, 0), (5, 1), (5, 2), (5, 3), (128, 0)],
        ),
        (
            RASPBERRY_PI,
            [(166, 0), (166, 255), (204, 64), (204, 77), (204, 209), (4, 64), (136, 3)],
            [(188, 0), (204, 63), (204, 78), (4, 65), (1, 3), (10, 130)],
        ),
        (WITH_OLD_PSEUDO_TERMINALS, [(188, 254), (3, 0), (136, 0)], [(2, 0), (188, 255), (4, 64)]),
        ("", [(136, 0), (143, 0)], [(188, 0), (135, 0), (144, 0)]),
        ("no table at all\n188 serial\n", [(136, 0)], [(188, 0)]),
    ],
)
def test_serial_drivers_and_slaves_are_read_from_the_table(
    drivers: str, served: list[tuple[int, int]], left_alone: list[tuple[int, int]]
):
    lines = SerialLines(serial_drivers(drivers))
    assert {lines.refusal(device(*numbers)) for numbers in served} == {""}
    assert {lines.refusal(device(*numbers)) for numbers in left_alone} == {NOT_SERIAL}


def test_this_kernels_own_tables_are_read():
    lines = SerialLines.now()
    assert lines.drivers == serial_drivers(Path("/proc/tty/drivers").read_text())
    assert lines.consoles == console_devices(Path("/proc/consoles").read_text())


def test_consoles_are_read_from_the_table():
    consoles = """\
ttyS0                -W- (EC  p a)    4:64
tty0                 -WU (E     )    4:7
netcon0              -W- (E     )
"""
    assert console_devices(consoles) == {os.makedev(4, 64), os.makedev(4, 7)}


def test_a_line_that_the_kernel_writes_to_is_not_opened():
    lines = SerialLines(serial_drivers(UBUNTU_PC), consoles=frozenset({os.makedev(4, 64)}))
    assert lines.refusal(device(4, 64)) == CONSOLE
    assert lines.refusal(device(4, 65)) == ""


@pytest.mark.parametrize(
    ("process", "terminal"),
    [
        ("812 (python3) S 1 812 812 34816 812 4194304 1 0 0 0", os.makedev(136, 0)),
        ("812 (a) 7 (b) c) S 1 812 812 34819 812 4194304", os.makedev(136, 3)),
        ("812 (python3) S 1 812 812 1083395 812 4194304", os.makedev(136, 259)),
        ("812 (python3) S 1 812 812 0 -1 4194304", 0),
    ],
)
def test_the_controlling_terminal_is_read_from_the_process(process: str, terminal: int):
    assert controlling_terminal(process) == terminal


def test_the_own_terminal_is_not_opened():
    lines = SerialLines(serial_drivers(UBUNTU_PC), own_terminal=os.makedev(136, 3))
    assert lines.refusal(device(136, 3)) == OWN_TERMINAL
    assert lines.refusal(device(136, 4)) == ""


def test_a_block_device_with_serial_numbers_is_not_serial():
    lines = SerialLines(serial_drivers(UBUNTU_PC))
    assert lines.refusal(device(188, 0, stat.S_IFBLK)) == NOT_SERIAL


def test_without_the_driver_table_a_device_is_doubtful():
    lines = SerialLines({}, unreadable="/proc/tty/drivers")
    reason = "cannot tell whether it is a serial line: /proc/tty/drivers cannot be read"
    assert lines.refusal(device(188, 0)) == reason
    assert lines.refusal(device(188, 0, stat.S_IFREG)) == NOT_SERIAL


def device(major: int, minor: int, kind: int = stat.S_IFCHR) -> os.stat_result:
    """What os.stat() gives for a device."""
    return os.stat_result((kind | 0o660, *[0] * 9), {"st_rdev": os.makedev(major, minor)})
