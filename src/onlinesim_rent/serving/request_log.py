"""What gunicorn logs of requests: one line each, and nothing that could hold a key."""

from __future__ import annotations

import sys
from http import HTTPMethod
from typing import Any

from gunicorn.glogging import Logger, SafeAtoms
from gunicorn.http.errors import NoMoreData, ParseException

KNOWN_PATHS = frozenset({"/getServicesRent", "/healthz", "/metrics"})
"""The paths that are logged as they are. A client may have put its key into any other."""

FORMAT = '%(t)s %(h)s "%({x-forwarded-for}i)s" "%(m)s %(U)s %(H)s" %(s)s %(b)s %(L)s'
"""When, who, whom a proxy says it speaks for, method, path, protocol, status, bytes, seconds.

A query could hold a key, and so could any other header.
"""


class OneLineAtoms(SafeAtoms):  # type: ignore[misc]
    """The fields of an access line. A line break in one of them would forge a line."""

    def __init__(self, atoms: dict[str, object]) -> None:
        known = {"U": known_path(atoms.get("U")), "m": known_method(atoms.get("m"))}
        super().__init__({name: one_line(value) for name, value in (atoms | known).items()})


class RequestLogger(Logger):  # type: ignore[misc]
    """Gunicorn's own logger, but it quotes nothing that a client has sent."""

    atoms_wrapper_class = OneLineAtoms

    def debug(self, msg: str, *args: object, **options: Any) -> None:
        """Log that a client has gone in the middle of a request."""
        super().debug(msg, *map(unquoted, args), **options)

    def warning(self, msg: str, *args: object, **options: Any) -> None:
        """Log that a request is refused because it is not HTTP."""
        refusal = sys.exception()
        if isinstance(refusal, ParseException):
            msg = f"{msg.partition(': ')[0]}: {unquoted(refusal)}"
        super().warning(msg, *args, **options)

    def exception(self, msg: str, *args: object, **options: Any) -> None:
        """Log an error with its traceback; a client that is too slow is no error."""
        if isinstance(sys.exception(), TimeoutError):
            self.info("closed a connection whose request did not arrive in time")
        else:
            # Gunicorn names the method and the whole URI, query included.
            super().exception(msg.partition(" %s")[0] if args else msg, **options)


def known_path(path: object) -> object:
    """Name a path that is not served by its kind alone."""
    return path if path in KNOWN_PATHS else "(unknown path)"


def known_method(method: object) -> object:
    """Name a method that is not one of HTTP's by its kind alone."""
    return method if method in HTTPMethod.__members__ else "(unknown method)"


def unquoted(value: object) -> object:
    """Name an error that quotes what a client has sent by its kind alone."""
    return type(value).__name__ if isinstance(value, (NoMoreData, ParseException)) else value


def one_line(value: object) -> object:
    """Spell control and non-ASCII characters out as Python escapes."""
    return value.encode("unicode_escape").decode() if isinstance(value, str) else value
