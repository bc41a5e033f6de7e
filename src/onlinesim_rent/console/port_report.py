"""What `onlinesim-rent ports` says of the serial ports. Pure functions over values."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from onlinesim_rent.modem.ports.inventory import SerialDevice
from onlinesim_rent.modem.ports.selection import Selection, rent_ports, select_ports

NO_PORT = (
    "This host has no serial port. Is the module plugged in (lsusb)? Has a driver taken it (dmesg: option, "
    "cdc_acm, ftdi_sio, cp210x, ...)? A container needs the host's /sys and /dev."
)
_ASK = "`onlinesim-rent ports --ask` finds out which port answers AT"


@dataclass(frozen=True, slots=True)
class HostPorts:
    """The serial devices of a host, and what is known of their ports, by the paths of their devices.

    ``names`` are all names in by-path, by tty. ``in_use`` says why a port must be left alone. ``answers``
    tells whether a port answers AT, for the ports that were asked; None if none was to be asked.
    ``not_asked`` says why a port could not be asked.
    """

    devices: Sequence[SerialDevice]
    names: Mapping[str, Collection[str]]
    in_use: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, bool] | None = None
    not_asked: Mapping[str, str] = field(default_factory=dict)

    @property
    def selection(self) -> Selection:
        """One port of every module."""
        return select_ports(self.devices, self.answers or {})

    @property
    def line(self) -> str:
        """The RENT_PORTS line that takes one port of every module; empty if there is none to take."""
        ports = self.selection.ports
        return rent_ports(ports, self.names) if ports else ""


def headings(report: HostPorts) -> list[str]:
    """Return the headings of the table."""
    asked = [] if report.answers is None else ["AT"]
    return ["PORT", "SOCKET", "MODEL", "DRIVER", *asked, "NAME IN by-path", "IN USE"]


def rows(report: HostPorts) -> Iterator[list[str]]:
    """Yield the cells of each port."""
    for device in report.devices:
        for port in device.ports:
            asked = [] if report.answers is None else [_yes_or_no(report.answers.get(port.device))]
            name = os.path.basename(port.by_path[0]) if port.by_path else "-"
            used = report.in_use.get(port.device, "")
            yield [port.tty, device.socket or "-", _model(device), port.driver or "-", *asked, name, used]


def notes(report: HostPorts) -> Iterator[str]:
    """Yield what a person must know of the RENT_PORTS line."""
    for reason, ttys in _ttys_by_reason(report).items():
        yield f"Not asked: {', '.join(ttys)}. The reason: {reason}."
    selection = report.selection
    if selection.guesses and report.answers is None:
        yield f"It is a guess for {_modules(selection.guesses)}, which have several ports: {_ASK}."
    elif selection.guesses:
        yield (
            f"It is a guess for {_modules(selection.guesses)}: no port answered AT. "
            "If a program uses the module, ask when it is free."
        )
    unnamed = [port.tty for port in selection.ports if port.interface is not None and not port.by_path]
    if unnamed:
        yield f"These names may change at a replug: {', '.join(unnamed)}. Without udev, by-path has no names."
    left_out = [tty for device in report.devices if not device.socket for tty in _free(device, report)]
    if left_out and report.answers is None:
        yield f"A line of the board is taken only if a module answers on it ({', '.join(left_out)}): {_ASK}."


def document(report: HostPorts) -> dict[str, Any]:
    """Return everything as JSON has it. ``answers_at`` is null for a port that was not asked."""
    return {
        "devices": [_device(device, report) for device in report.devices],
        "rent_ports": report.line,
        "guesses": [device.socket for device in report.selection.guesses],
    }


def _device(device: SerialDevice, report: HostPorts) -> dict[str, Any]:
    ports = [
        asdict(port)
        | {
            "in_use": report.in_use.get(port.device, ""),
            "answers_at": (report.answers or {}).get(port.device),
            "not_asked": report.not_asked.get(port.device, ""),
        }
        for port in device.ports
    ]
    return asdict(device) | {"ports": ports}


def _ttys_by_reason(report: HostPorts) -> dict[str, list[str]]:
    ttys: dict[str, list[str]] = {}
    for port in (port for device in report.devices for port in device.ports):
        if reason := report.not_asked.get(port.device):
            ttys.setdefault(reason, []).append(port.tty)
    return ttys


def _model(device: SerialDevice) -> str:
    if not device.socket:
        return "a line of the board"
    kind = "" if device.is_module else "(adapter)"
    return " ".join(filter(None, (device.product, device.model, kind)))


def _yes_or_no(answers: bool | None) -> str:  # noqa: FBT001 - the value of a cell
    return "-" if answers is None else "yes" if answers else "no"


def _free(device: SerialDevice, report: HostPorts) -> list[str]:
    return [port.tty for port in device.ports if port.device not in report.in_use]


def _modules(devices: Sequence[SerialDevice]) -> str:
    sockets = ", ".join(device.socket for device in devices)
    return f"the module in {sockets}" if len(devices) == 1 else f"the {len(devices)} modules in {sockets}"
