"""Reads JSON strictly (RFC 8259): UTF-8, no NaN or Infinity, and no name twice in an object."""

from __future__ import annotations

import json
from typing import NoReturn


def read_json(text: bytes) -> object:
    """Return the value. Raises ValueError, whose sentence does not quote the text.

    It is a JSONDecodeError or UnicodeDecodeError where the position of the mistake is known.
    """
    try:
        return _DECODER.decode(text.decode())
    except RecursionError as error:
        raise ValueError(str(error)) from None


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON value")


def _named_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("an object has two values of one name")
    return value


_DECODER = json.JSONDecoder(parse_constant=_not_json, object_pairs_hook=_named_once)
