"""Splits a module's input into command lines (ITU-T V.250, 5.2), and tells which of them only ask."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

LONGEST_LINE = 4096
"""Bytes. A module discards a longer command line (V.250, 5.2.2)."""

_READ_BY_EXECUTING = (
    "CGSN GSN CIMI CGMI GMI CGMM GMM CGMR GMR GCAP CPAS CSQ CBC CLCC CNUM CLAC CCID ICCID QCCID CICCID"
)
"""Commands of 27.007 and of vendors that report something in their execution form, without ``?``."""

_QUESTION = re.compile(
    rf"I\d?|(?:[+&^*$%#][A-Z]+|S\d+)=?\?|\+(?:{'|'.join(_READ_BY_EXECUTING.split())})|",
)


@lru_cache(maxsize=256)
def is_question(command: str) -> bool:
    """Whether a command, in upper case and without its ``AT``, changes nothing in the module.

    A list (``+CREG?;+CPAS``) is not a question: some modules refuse it.
    """
    return bool(_QUESTION.fullmatch(command))


_ECHO = re.compile(r"(?:&?[A-DF-Z] ?\d* ?)*E ?([01]?)")
"""Basic commands up to an E (V.250, 5.3.1 and 6.2.4). An extended command does not begin with a letter."""

_RESTART = re.compile(r"Z\d?|&F\d?")


def echo_after(command: str, *, echo: bool, stored: bool) -> bool:
    """Return whether the module echoes after a command; ``stored`` is what ATZ and AT&F bring back."""
    if _RESTART.match(command):
        echo = stored
    switch = _ECHO.match(command)
    return switch[1] == "1" if switch else echo


def take_lines(unread: bytearray) -> Iterator[bytes]:
    """Remove each complete line from ``unread``, and yield it with its CR."""
    while end := unread.find(b"\r") + 1:
        yield bytes(unread[:end])
        del unread[:end]
    if len(unread) > LONGEST_LINE:
        unread.clear()


@lru_cache(maxsize=256)
def read_command(line: bytes) -> str | None:
    """Return the text after ``AT``, in upper case; None for a line without ``AT``, which a module ignores."""
    _, prefix, command = line.decode("latin-1").strip().upper().partition("AT")
    return command if prefix else None
