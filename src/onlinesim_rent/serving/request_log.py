"""Gunicorn's log of requests: one line for each, without any part that could hold a key."""

from __future__ import annotations

import sys
from http import HTTPMethod
from typing import Any

from gunicorn.glogging import Logger, SafeAtoms
from gunicorn.http.errors import NoMoreData, ParseException

KNOWN_PATHS = frozenset({"/", "/getServices", "/getServicesRent", "/healthz", "/metrics", "/status"})
"""The paths that are logged. Any other path may hold a key, by a client's mistake."""

FORMAT = '%(t)s %(h)s "%({x-forwarded-for}i)s" "%(m)s %(U)s %(H)s" %(s)s %(b)s %(L)s'
"""Time, client, the proxy's X-Forwarded-For, method, path, protocol, status, bytes, seconds.

The query and all other headers are left out, because they could hold a key.
"""


class OneLineAtoms(SafeAtoms):  # type: ignore[misc]
    """The fields of an access line, without line breaks: a client could forge a log line with one."""

    def __init__(self, atoms: dict[str, object]) -> None:
        known = {"U": known_path(atoms.get("U")), "m": known_method(atoms.get("m"))}
        super().__init__({name: one_line(value) for name, value in (atoms | known).items()})


class RequestLogger(Logger):  # type: ignore[misc]
    """Gunicorn's own logger, but it never quotes what a client sent."""

    atoms_wrapper_class = OneLineAtoms

    def debug(self, msg: str, *args: object, **options: Any) -> None:
        """Log that a client disconnected in the middle of a request."""
        super().debug(msg, *map(unquoted, args), **options)

    def warning(self, msg: str, *args: object, **options: Any) -> None:
        """Log that a request was refused because it is not HTTP."""
        refusal = sys.exception()
        if isinstance(refusal, ParseException):
            msg = f"{msg.partition(': ')[0]}: {unquoted(refusal)}"
        super().warning(msg, *args, **options)

    def exception(self, msg: str, *args: object, **options: Any) -> None:
        """Log an error with its traceback. A client that is too slow is not an error."""
        if isinstance(sys.exception(), TimeoutError):
            self.info("closed a connection whose request did not arrive in time")
        else:
            # Gunicorn's message holds the method and the whole URI with its query.
            super().exception(msg.partition(" %s")[0] if args else msg, **options)


def known_path(path: object) -> object:
    """Return the path if it is served, else ``(unknown path)``."""
    return path if path in KNOWN_PATHS else "(unknown path)"


def known_method(method: object) -> object:
    """Return the method if HTTP defines it, else ``(unknown method)``."""
    return method if method in HTTPMethod.__members__ else "(unknown method)"


def unquoted(value: object) -> object:
    """Return only the class name of an error that quotes a client; return other objects unchanged."""
    return type(value).__name__ if isinstance(value, (NoMoreData, ParseException)) else value


def one_line(value: object) -> object:
    """Write control characters and non-ASCII characters as Python escapes."""
    return value.encode("unicode_escape").decode() if isinstance(value, str) else value
