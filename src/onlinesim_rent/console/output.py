"""Where the commands write: a terminal gets colours and lines of its width, a pipe gets plain whole lines."""

from __future__ import annotations

import sys
from io import TextIOWrapper

from rich.console import Console

WHOLE_LINES = 10_000
"""The width, in characters, of a line in a pipe or a file: nothing is shortened there."""


def console(*, stderr: bool = False) -> Console:
    """Return the console of standard output, or of standard error.

    NO_COLOR and TERM are obeyed (https://no-color.org). A letter that the locale cannot write becomes "?".
    Text is written as it is: brackets in it are no markup.
    """
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="replace")
    width = None if stream.isatty() else WHOLE_LINES
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False)
