"""Makes the text of a module or of another program safe for a log line and a table."""

from __future__ import annotations

import re

_MOST_CHARACTERS = 40


def printable(words: str) -> str:
    """Return the text as printable ASCII, at most 40 characters, with ``?`` for each character that is not.

    Numbers of five digits and more also become ``?``, because they may identify a subscriber.
    """
    return re.sub(r"[^ -~]|[0-9]{5,}", "?", words)[:_MOST_CHARACTERS]
