"""Checks the text of each setting and turns it into a value.

Each function takes the text of one variable. It raises ValueError with the words that follow the variable's
name in the message, and these words never hold a key.
"""

from __future__ import annotations

import ipaddress
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from onlinesim_rent.modem.ports.tcp_names import SCHEME, host_of, single_names

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")

MOST_PORT = 65_535
"""The greatest number of a TCP port."""

# RFC 1123, section 2.1, and the underscore, which networks of containers use.
HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.(?!-)[A-Za-z0-9_-]{1,63})*\.?")


def api_keys(in_place: str, file: str) -> tuple[str, ...]:
    """Read the keys of RENT_API_KEY or of the file that RENT_API_KEY_FILE names; the error names which."""
    if bool(in_place) == bool(file):
        raise ValueError("RENT_API_KEY and RENT_API_KEY_FILE: exactly one of them must be set")
    if file:
        return keys_in(text_in("RENT_API_KEY_FILE", file), f"RENT_API_KEY_FILE: {file}")
    return _printable("RENT_API_KEY", in_place.split())


def keys_in(text: str, source: str) -> tuple[str, ...]:
    """Return the keys in a text, one a line; the error names its source."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not lines:
        raise ValueError(f"{source} holds no key; write one key a line")
    return _printable(source, lines)


def text_in(variable: str, file: str) -> str:
    """Read the file that a variable names, without the byte order mark that some editors write."""
    try:
        return Path(file).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{variable}: {file} is not UTF-8") from None
    except OSError as error:
        raise ValueError(f"{variable}: {file} cannot be read: {error.strerror}") from None


def _printable(source: str, keys: list[str]) -> tuple[str, ...]:
    if not all(key.isprintable() for key in keys):
        raise ValueError(f"{source} holds a character that cannot be printed")
    return tuple(keys)


def ports(text: str) -> tuple[str, ...]:
    """Split globs, device paths and socket:// addresses; each is kept once, and ranges are not expanded."""
    words = text.replace(",", " ").split()
    if not words:
        raise ValueError(
            "is not set; write globs, device paths, socket://host:port or socket://host:first-last, "
            "separated by spaces or commas"
        )
    wrong = [f"{word!r} {problem}" for word in words if (problem := _port_problem(word))]
    if wrong:
        raise ValueError("; ".join(wrong))
    return tuple(dict.fromkeys(words))


def optional_ports(text: str) -> tuple[str, ...]:
    """Split what ``ports`` takes, or nothing."""
    return ports(text) if text else ()


def _port_problem(port: str) -> str:
    if port.startswith(SCHEME):
        return _socket_problem(port)
    if "://" in port:
        return "is of a kind that is not supported; the only kind of address is socket://"
    return "" if port.startswith("/") else "is not an absolute path"


def _socket_problem(port: str) -> str:
    try:
        single_names(port)
        host = host_of(port)
    except ValueError as problem:
        return str(problem)
    return "" if _is_host(host) else f"is not socket://host:port: {host!r} is no name or address of a host"


def optional_url(text: str) -> str | None:
    """Check the address of an HTTP endpoint that may be left out. The words never hold the address."""
    if text and not _is_url(text):
        raise ValueError("is not http://host/path or https://host/path without user, password and fragment")
    return text or None


def _is_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        host, number = url.hostname or "", url.port
    except ValueError:
        return False
    is_written_plainly = text.isascii() and text.isprintable() and " " not in text
    has_only_these = url.username is None and url.password is None and "#" not in text
    return (
        is_written_plainly
        and has_only_these
        and url.scheme in {"http", "https"}
        and _is_host(host)
        and number != 0
    )


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return HOST_NAME.fullmatch(host) is not None
    return True


def authorization_required(text: str) -> bool:
    """Tell whether a request must have an Authorization header."""
    if text not in {"required", "optional"}:
        raise ValueError(f"is {text!r}, neither 'required' nor 'optional'")
    return text == "required"


def taken_by_holders(text: str) -> bool:
    """Tell whether a program that holds a port takes the port's module."""
    if text not in {"holders", "claims"}:
        raise ValueError(f"is {text!r}, neither 'holders' nor 'claims'")
    return text == "holders"


def switch(text: str) -> bool:
    """Tell whether something is on."""
    if text not in {"1", "0"}:
        raise ValueError(f"is {text!r}, neither '1' nor '0'")
    return text == "1"


def log_level(text: str) -> str:
    """Check the name of a level, in any case."""
    if text.lower() not in {"debug", "info", "warning", "error", "critical"}:
        raise ValueError(f"is {text!r}, none of debug, info, warning, error and critical")
    return text.lower()


def cache_seconds(text: str) -> float:
    """Check a number of seconds: an answer older than a minute does not show what is free now."""
    return _number(text, float, 0, 60, "seconds from 0 to 60")


def deadline_seconds(text: str) -> float:
    """Check a number of seconds: the marketplace waits 10, and a proxy and the network need some of them."""
    return _number(text, float, 1, 9.5, "seconds from 1 to 9.5")


def baud_rate(text: str) -> int:
    """Check a number of bits a second; the highest rate of Linux's termios is 4000000."""
    return _number(text, int, 1, 4_000_000, "a whole number of bits a second from 1 to 4000000")


def publish_seconds(text: str) -> float:
    """Check a number of seconds between two publications; 0 for none."""
    return _number(text, float, 0, 3600, "seconds from 0 to 3600")


def bind(text: str) -> str:
    """Check the port of an address: a traceback is all that gunicorn says of a number that is too large."""
    port = text.rpartition(":")[2]
    if not text.startswith("unix:") and port.isdecimal() and int(port) > MOST_PORT:
        raise ValueError(f"is {text!r}, whose port is greater than {MOST_PORT}")
    return text


def workers(text: str) -> int:
    """Check a number of workers."""
    return _number(text, int, 1, math.inf, "a whole number of workers, at least 1")


def _number(text: str, kind: Callable[[str], Value], least: float, most: float, wanted: str) -> Value:
    try:
        number = kind(text)
        fits = least <= number <= most  # type: ignore[operator]
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"is {text!r}, not {wanted}")
    return number


def optional_path(text: str) -> Path | None:
    """Take the path of a file that may be left out."""
    return Path(text) if text else None


def directory(text: str) -> Path:
    """Check that a directory's path is absolute: a relative one is not the same for all processes."""
    if not text.startswith("/"):
        raise ValueError(f"is {text!r}, not an absolute path")
    return Path(text)


def optional_directory(text: str) -> Path | None:
    """Check the path of a directory that may be left out."""
    return directory(text) if text else None
