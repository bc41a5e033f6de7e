"""Finds the ports that RENT_PORTS names, each device once."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from os.path import basename as _base
from pathlib import Path

from onlinesim_rent.clock import Deadline
from onlinesim_rent.modem.ports.by_id import warn_of_shared_names
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.names import natural
from onlinesim_rent.modem.ports.serial_lines import NOT_SERIAL, SerialLines
from onlinesim_rent.modem.ports.sysfs import SYSFS
from onlinesim_rent.modem.ports.tcp_names import SCHEME, host_of, number_of, single_names

_MOST_LINKS = 40
"""Linux follows as many symlinks (path_resolution(7))."""

_log = logging.getLogger(__name__)
_logged: set[str] = set()
"""The globs that a warning in the log has already named."""


@dataclass(frozen=True, slots=True)
class Port:
    """A serial line that RENT_PORTS names.

    ``name`` is the path or URL that people know, ``aliases`` are the base names that a lock file may use.
    ``refusal`` says why the path must not be opened; it is empty if the path may be opened. ``device`` is
    None for a TCP port, for a path that does not exist (yet), and for a port with a ``refusal``. ``node`` is
    the path's inode number: it changes when the device is plugged in again.
    """

    name: str
    aliases: tuple[str, ...] = ()
    device: DeviceIdentity | None = None
    refusal: str = ""
    node: int = 0

    @property
    def is_remote(self) -> bool:
        """Whether it is a TCP port."""
        return self.name.startswith(SCHEME)

    @property
    def host(self) -> str:
        """The host of a TCP port; empty for any other port."""
        return host_of(self.name) if self.is_remote else ""

    @property
    def number(self) -> int:
        """The port number of a TCP port."""
        return number_of(self.name)


def find_ports(patterns: Iterable[str], deadline: Deadline | None = None, sysfs: Path = SYSFS) -> list[Port]:
    """Return the ports that globs, paths, URLs and ranges of URLs name, each device once.

    They stand in the order of the patterns, and the ports of one glob in natural order. A path without
    wildcards is always a port: if it does not exist or must not be opened, its verdict says so. A glob leaves
    out everything that is not a serial line, and the log says so once. The log also names a glob over by-id
    that leaves out devices of ``sysfs``.
    Raises CensusError if the deadline comes first.
    """
    lines = SerialLines.now()
    names: dict[str, Port] = {}
    for pattern in patterns:
        for port in _ports(pattern, lines, sysfs):
            names[port.name] = port
        if deadline:
            deadline.check("looking for ports")
    same: dict[object, list[Port]] = {}
    for port in names.values():
        same.setdefault(port.device or port.name, []).append(port)
    return [_as_one(ports) for ports in same.values()]


def _ports(pattern: str, lines: SerialLines, sysfs: Path) -> Iterable[Port]:
    if pattern.startswith(SCHEME):
        return map(Port, single_names(pattern))
    return _matching(pattern, lines, sysfs) if glob.has_magic(pattern) else [_port(pattern, lines)]


def _matching(pattern: str, lines: SerialLines, sysfs: Path) -> list[Port]:
    ports = [_port(name, lines) for name in sorted(glob.glob(pattern), key=natural)]
    others = [port.name for port in ports if port.refusal == NOT_SERIAL]
    if others and pattern not in _logged:
        _logged.add(pattern)
        text = "RENT_PORTS: %s also matches %d paths that are not serial lines, such as %r: they are ignored"
        _log.warning(text, pattern, len(others), others[0])
    warn_of_shared_names(pattern, {port.device.number for port in ports if port.device}, sysfs)
    return [port for port in ports if port.refusal != NOT_SERIAL]


def _as_one(ports: Sequence[Port]) -> Port:
    if len(ports) == 1:
        return ports[0]
    aliases = dict.fromkeys(chain.from_iterable(port.aliases for port in ports))
    return replace(ports[0], aliases=tuple(aliases))


def _real(name: str) -> str:
    """Follow the path's symlinks. This costs less than realpath(), which looks at every directory."""
    for _ in range(_MOST_LINKS):
        try:
            target = os.readlink(name)
        except OSError:
            break
        name = os.path.normpath(os.path.join(os.path.dirname(name), target))
    return name


def _port(name: str, lines: SerialLines) -> Port:
    real = _real(name)
    aliases = dict.fromkeys((_base(name), _base(real), real.removeprefix("/dev/").replace("/", "_")))
    try:
        status = os.stat(name)
    except OSError:
        return Port(name, tuple(aliases))
    refusal = lines.refusal(status)
    device = None if refusal else DeviceIdentity.of(status)
    return Port(name, tuple(aliases), device, refusal, status.st_ino)
