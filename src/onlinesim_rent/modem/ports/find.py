"""Finds the ports that RENT_PORTS names, each device once."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from os.path import basename as _base

from onlinesim_rent.modem.holders import DeviceIdentity

_MOST_LINKS = 40
"""As many as Linux follows (path_resolution(7))."""


@dataclass(frozen=True, slots=True)
class Port:
    """A serial line that RENT_PORTS names.

    ``name`` is the path or URL people know it by, ``aliases`` the base names a lock file may use.
    ``device`` is None for a TCP port, and for a path that is no character device (yet).
    """

    name: str
    aliases: tuple[str, ...] = ()
    device: DeviceIdentity | None = None

    @property
    def is_remote(self) -> bool:
        """Whether it is reached over TCP."""
        return self.name.startswith("socket://")


def find_ports(patterns: Iterable[str]) -> list[Port]:
    """The ports that globs, paths and URLs name, each device once, in their natural order.

    A path without wildcards that does not exist is a port too, so that its verdict can say so.
    """
    names = dict.fromkeys(name for pattern in patterns for name in _expand(pattern))
    same: dict[object, list[Port]] = {}
    for port in map(_port, names):
        same.setdefault(port.device or port.name, []).append(port)
    return [_as_one(ports) for ports in same.values()]


def _expand(pattern: str) -> Iterator[str]:
    if pattern.startswith("socket://") or not glob.has_magic(pattern):
        yield pattern
    else:
        yield from sorted(glob.glob(pattern), key=_natural)


def _natural(name: str) -> list[str | int]:
    """ttyUSB2 before ttyUSB10."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]


def _as_one(ports: Sequence[Port]) -> Port:
    aliases = dict.fromkeys(chain.from_iterable(port.aliases for port in ports))
    return Port(ports[0].name, tuple(aliases), ports[0].device)


def _real(name: str) -> str:
    """Where links lead, by name alone: realpath() looks at every directory on the way, for every port."""
    for _ in range(_MOST_LINKS):
        try:
            name = os.path.normpath(os.path.join(os.path.dirname(name), os.readlink(name)))
        except OSError:
            break
    return name


def _port(name: str) -> Port:
    if name.startswith("socket://"):
        return Port(name)
    real = _real(name)
    aliases = dict.fromkeys((_base(name), _base(real), real.removeprefix("/dev/").replace("/", "_")))
    try:
        status = os.stat(name)
    except OSError:
        return Port(name, tuple(aliases))
    device = DeviceIdentity.of(status) if stat.S_ISCHR(status.st_mode) else None
    return Port(name, tuple(aliases), device)
