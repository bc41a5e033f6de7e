"""Makes the bytes of an endpoint safe for a terminal and a report."""

from __future__ import annotations

import re

MOST_CHARACTERS = 200

_UNSAFE = re.compile(r"[^ -~]")
_LONG_NUMBER = re.compile(r"[0-9]{6,}(?=[0-9]{4})")


def shown(content: bytes, most: int = MOST_CHARACTERS) -> str:
    """Return printable ASCII of at most about ``most`` characters; other bytes are written as escapes.

    Of a number that can be an IMEI, an IMSI or a phone number, only the last four digits are shown.
    """
    text = content[: 4 * most].decode("utf-8", "backslashreplace")
    text = _UNSAFE.sub(lambda character: character[0].encode("unicode_escape").decode(), text)
    text = _LONG_NUMBER.sub("...", text)
    return text if len(text) <= most else f"{text[:most]}..."


def quoted(text: str) -> str:
    """Return a name or a header in quotes, safe and short."""
    return f'"{shown(text.encode("utf-8", "surrogatepass"), 60)}"'
