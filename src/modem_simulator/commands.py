"""Command lines as a module reads them (ITU-T V.250, 5.2), and which of them only ask."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

LONGEST_LINE = 4096
"""A module forgets a command line that outgrows its buffer (V.250, 5.2.2)."""

_READ_BY_EXECUTING = "CGSN GSN CIMI CGMI GMI CGMM GMM CGMR GMR GCAP CPAS CSQ CBC CLCC CNUM CCID CLAC"
"""27.007's commands that report something in their execution form, without ``?``."""

_QUESTION = re.compile(
    rf"I\d?|(?:[+&^*$%#][A-Z]+|S\d+)=?\?|\+(?:{'|'.join(_READ_BY_EXECUTING.split())})|",
)


@lru_cache(maxsize=256)
def is_question(command: str) -> bool:
    """Whether a command, upper case and without its ``AT``, leaves the module as it was.

    A list (``+CREG?;+CPAS``) is none: some modules refuse it.
    """
    return bool(_QUESTION.fullmatch(command))


def take_lines(unread: bytearray) -> Iterator[bytes]:
    """Take every complete line, with its CR, out of what a port was sent."""
    while end := unread.find(b"\r") + 1:
        yield bytes(unread[:end])
        del unread[:end]
    if len(unread) > LONGEST_LINE:
        unread.clear()


@lru_cache(maxsize=256)
def read_command(line: bytes) -> str | None:
    """Return what follows ``AT`` in upper case, or None for a line without it, which a module ignores."""
    _, prefix, command = line.decode("latin-1").strip().upper().partition("AT")
    return command if prefix else None
