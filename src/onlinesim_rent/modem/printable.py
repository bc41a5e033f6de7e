"""Words of a module or of another program, made safe for a log line and a table."""

from __future__ import annotations

import re

_MOST_CHARACTERS = 40


def printable(words: str) -> str:
    """The words in printable ASCII, cut, and without long numbers: they may be a subscriber's."""
    return re.sub(r"[^ -~]|[0-9]{5,}", "?", words)[:_MOST_CHARACTERS]
