"""Finds the ports that RENT_PORTS names, each device once."""

from __future__ import annotations

import glob
import logging
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from os.path import basename as _base

from onlinesim_rent.clock import Deadline
from onlinesim_rent.modem.ports.holders import DeviceIdentity
from onlinesim_rent.modem.ports.serial_lines import NOT_SERIAL, SerialLines

_MOST_LINKS = 40
"""As many as Linux follows (path_resolution(7))."""

_log = logging.getLogger(__name__)
_logged: set[str] = set()
"""The globs whose other devices the log has named already."""


@dataclass(frozen=True, slots=True)
class Port:
    """A serial line that RENT_PORTS names.

    ``name`` is the path or URL people know it by, ``aliases`` the base names a lock file may use.
    ``device`` is None for a TCP port, for a path that does not exist (yet), and where there is a ``refusal``:
    why the path must not be opened. ``node`` is its inode: one that is plugged in anew has another.
    """

    name: str
    aliases: tuple[str, ...] = ()
    device: DeviceIdentity | None = None
    refusal: str = ""
    node: int = 0

    @property
    def is_remote(self) -> bool:
        """Whether it is reached over TCP."""
        return self.name.startswith("socket://")


def find_ports(patterns: Iterable[str], deadline: Deadline | None = None) -> list[Port]:
    """The ports that globs, paths and URLs name, each device once, in the patterns' and their natural order.

    A path without wildcards that does not exist, or that must not be opened, is a port too, so that its
    verdict can say so. What a glob names that is no serial line is left out, and the log says so once.
    Raises CensusError when the deadline comes first.
    """
    lines = SerialLines.now()
    names: dict[str, Port] = {}
    for pattern in patterns:
        is_glob = glob.has_magic(pattern) and not pattern.startswith("socket://")
        for port in _matching(pattern, lines) if is_glob else [_port(pattern, lines)]:
            names[port.name] = port
        if deadline:
            deadline.check("looking for ports")
    same: dict[object, list[Port]] = {}
    for port in names.values():
        same.setdefault(port.device or port.name, []).append(port)
    return [_as_one(ports) for ports in same.values()]


def _matching(pattern: str, lines: SerialLines) -> list[Port]:
    ports = [_port(name, lines) for name in sorted(glob.glob(pattern), key=_natural)]
    others = [port.name for port in ports if port.refusal == NOT_SERIAL]
    if others and pattern not in _logged:
        _logged.add(pattern)
        text = "RENT_PORTS: %s also names %d paths that are no serial lines, such as %r: they are left alone"
        _log.warning(text, pattern, len(others), others[0])
    return [port for port in ports if port.refusal != NOT_SERIAL]


def _natural(name: str) -> list[str | int]:
    """ttyUSB2 before ttyUSB10."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]


def _as_one(ports: Sequence[Port]) -> Port:
    aliases = dict.fromkeys(chain.from_iterable(port.aliases for port in ports))
    return replace(ports[0], aliases=tuple(aliases))


def _real(name: str) -> str:
    """Where links lead, by name alone: realpath() looks at every directory on the way, for every port."""
    for _ in range(_MOST_LINKS):
        try:
            name = os.path.normpath(os.path.join(os.path.dirname(name), os.readlink(name)))
        except OSError:
            break
    return name


def _port(name: str, lines: SerialLines) -> Port:
    if name.startswith("socket://"):
        return Port(name)
    real = _real(name)
    aliases = dict.fromkeys((_base(name), _base(real), real.removeprefix("/dev/").replace("/", "_")))
    try:
        status = os.stat(name)
    except OSError:
        return Port(name, tuple(aliases))
    refusal = lines.refusal(status)
    device = None if refusal else DeviceIdentity.of(status)
    return Port(name, tuple(aliases), device, refusal, status.st_ino)
