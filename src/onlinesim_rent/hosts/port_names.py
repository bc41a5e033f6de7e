"""How a port is named among those of several hosts: ``pool-1: /dev/ttyUSB3``."""

from __future__ import annotations

_SEPARATOR = ": "
"""No name of a host holds it."""


def named(host: str, port: str) -> str:
    """Return the name of a host's port."""
    return host + _SEPARATOR + port


def split(name: str) -> tuple[str, str]:
    """Return the host, and the port as its host names it."""
    host, _, port = name.partition(_SEPARATOR)
    return host, port
