"""The names of TCP ports: socket://host:port, and socket://host:first-last for a range of them."""

from __future__ import annotations

import re

SCHEME = "socket://"

_NAME = re.compile(
    SCHEME
    + r"(?P<host>[^\[\]:/?#@\s]+|\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]+(%[\w.-]+)?\])"
    + r":(?P<first>[0-9]+)(-(?P<last>[0-9]+))?"
)
_MOST = 65535


def host_of(name: str) -> str:
    """Return the host of a name or of a range, an IPv6 address without its brackets.

    Raises ValueError with the words that follow the name in a message.
    """
    return _parts(name)["host"].strip("[]")


def number_of(name: str) -> int:
    """Return the port number of the name of one port. Raises ValueError."""
    return int(_parts(name)["first"])


def single_names(name: str) -> list[str]:
    """Return the names of all ports of a range; a name of one port is returned as it is.

    Raises ValueError with the words that follow the name in a message.
    """
    parts = _parts(name)
    first, last = int(parts["first"]), int(parts["last"] or parts["first"])
    if first < 1 or last > _MOST:
        raise ValueError(f"is not within the ports 1 to {_MOST}")
    if last < first:
        raise ValueError(f"is a range that ends before it begins: write {last}-{first}")
    return [f"{SCHEME}{parts['host']}:{number}" for number in range(first, last + 1)]


def _parts(name: str) -> re.Match[str]:
    parts = _NAME.fullmatch(name)
    if parts is None:
        raise ValueError("is not socket://host:port or socket://host:first-last")
    if any(number and str(int(number)) != number for number in (parts["first"], parts["last"])):
        raise ValueError("is a port number with zeros before it: leave them out")
    return parts
