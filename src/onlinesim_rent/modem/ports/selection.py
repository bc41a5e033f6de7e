"""Chooses one port of every module, and writes the choice as RENT_PORTS. Pure rules, without IO."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from onlinesim_rent.modem.ports.inventory import SerialDevice, SerialPort

_USUAL_INTERFACE = 2
"""Where most modules have an AT port: Qualcomm's order is diagnosis, positions, AT, modem.

ModemManager's udev rules for Quectel and SIMCom name it, and Huawei's three ports end with it.
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """One port of every module. ``guesses`` are the modules of which the port is not known to answer AT."""

    ports: tuple[SerialPort, ...]
    guesses: tuple[SerialDevice, ...] = ()


def select_ports(devices: Sequence[SerialDevice], answers: Mapping[str, bool]) -> Selection:
    """Select the ports to ask. ``answers`` tells by the path of a device whether it answers AT, if asked.

    Of a module, one port is selected; of an adapter, all; a serial line of the board, only if it answers AT.
    """
    chosen = [port for device in devices for port in _ports_of(device, answers)]
    guesses = [device for device in devices if _is_guess(device, answers)]
    return Selection(tuple(chosen), tuple(guesses))


def _ports_of(device: SerialDevice, answers: Mapping[str, bool]) -> Iterator[SerialPort]:
    answering = [port for port in device.ports if answers.get(port.device)]
    if device.is_module:
        yield answering[0] if answering else _usual(device)
    elif device.socket:
        yield from device.ports
    else:
        yield from answering


def _usual(device: SerialDevice) -> SerialPort:
    usual = [port for port in device.ports if port.interface == _USUAL_INTERFACE]
    return usual[0] if usual else device.ports[-1]


def _is_guess(device: SerialDevice, answers: Mapping[str, bool]) -> bool:
    has_answered = any(answers.get(port.device) for port in device.ports)
    return device.is_module and len(device.ports) > 1 and not has_answered


def rent_ports(selected: Sequence[SerialPort], names: Mapping[str, Collection[str]]) -> str:
    """Return the line for a shell or a file of variables.

    ``names`` are all names in by-path, by tty. One glob over them is written if it finds exactly these ports;
    otherwise, their names are.
    """
    value = _glob(selected, names) or " ".join(port.name for port in selected)
    return f"RENT_PORTS={shlex.quote(value)}"


def _glob(selected: Sequence[SerialPort], names: Mapping[str, Collection[str]]) -> str:
    """Return the shortest glob that finds exactly these ports; empty if none does."""
    wanted = {port.tty for port in selected}
    if len(wanted) < 2 or not all(port.by_path for port in selected):
        return ""
    for glob in _candidates([port.name for port in selected]):
        found = {tty for tty, paths in names.items() if any(fnmatchcase(path, glob) for path in paths)}
        if found == wanted:
            return glob
    return ""


def _candidates(paths: Sequence[str]) -> Iterator[str]:
    """Yield globs, the general ones first: such a glob also finds modules that are plugged in later.

    A name ends with the interface and the adapter's port, as in ``...-usb-0:1.4:1.2-port0``.
    """
    directory = os.path.dirname(paths[0])
    beginning = re.sub(r"[^-:./]*$", "", os.path.commonprefix(paths))  # noqa: RUF071 - of names, not of directories
    ends = ["", *(end for mark in "-:" if (end := _common_end(paths, mark)))]
    for start in (f"{directory}/", beginning):
        for end in ends:
            yield f"{start}*{end}"


def _common_end(paths: Sequence[str], mark: str) -> str:
    """Return what stands from the last mark on, if it is the same in all paths."""
    ends = {path[path.rindex(mark) :] if mark in path else "" for path in paths}
    return ends.pop() if len(ends) == 1 else ""
