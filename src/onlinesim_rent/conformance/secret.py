"""Puts the key into a request, and takes it out of an answer."""

from __future__ import annotations

import json
import re

from onlinesim_rent.conformance.questions import KEY, LONGER_KEY, SHORTER_KEY

SURE_LENGTH = 8
"""A key of fewer characters may occur in an answer by chance: then only whole words are taken for it."""

_PLACE = re.compile("|".join(map(re.escape, (LONGER_KEY, SHORTER_KEY, KEY))))


class Secret:
    """The key. Its text is in no representation of this object."""

    def __init__(self, key: str) -> None:
        self._spellings = {KEY: key, LONGER_KEY: f"{key}x", SHORTER_KEY: key[:-1]}
        # An answer may repeat the misspelt key too, so its last character may be missing.
        spellings = {key, json.dumps(key)[1:-1]}
        pattern = b"|".join(
            _pattern(spelling.encode()) for spelling in sorted(spellings, key=len, reverse=True)
        )
        self._in_answer = re.compile(pattern)

    def in_header(self, text: str) -> str:
        """Replace the place for the key. HTTP headers are bytes, which http.client takes as Latin-1."""
        return _PLACE.sub(lambda place: self._spellings[place[0]], text).encode().decode("latin-1")

    def in_json(self, text: str) -> bytes:
        """Replace the place for the key in a string of JSON."""
        return _PLACE.sub(lambda place: json.dumps(self._spellings[place[0]])[1:-1], text).encode()

    def removed(self, content: bytes) -> bytes:
        """Write the place for the key wherever the key stands."""
        return self._in_answer.sub(KEY.encode(), content)

    def is_in(self, text: str) -> bool:
        """Whether the key stands in a text."""
        return self._in_answer.search(text.encode()) is not None


def _pattern(key: bytes) -> bytes:
    if len(key) < SURE_LENGTH:
        return rb"(?<![A-Za-z0-9])" + re.escape(key) + rb"(?![A-Za-z0-9])"
    return re.escape(key[:-1]) + b"(?:" + re.escape(key[-1:]) + b")?"
