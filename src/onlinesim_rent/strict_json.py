"""Reads JSON strictly (RFC 8259): UTF-8, no NaN or Infinity, and no name twice in an object."""

from __future__ import annotations

import json
from typing import NoReturn


class NotJson(ValueError):
    """A text is not strict JSON. The sentence does not quote it.

    ``at`` is the byte where the mistake is; None if it has no one place.
    """

    def __init__(self, problem: str, at: int | None = None) -> None:
        super().__init__(problem if at is None else f"{problem} at byte {at}")
        self.at = at


def read_json(text: bytes) -> object:
    """Return the value. Raises NotJson."""
    try:
        return _DECODER.decode(text.decode())
    except NotJson:
        raise
    except UnicodeDecodeError as error:
        raise NotJson("it is not UTF-8", error.start) from None
    except json.JSONDecodeError as error:
        if not text.strip():
            raise NotJson("it is empty") from None
        # The decoder's own words, such as "Expecting value". Some end with "at".
        raise NotJson(error.msg.removesuffix(" at"), len(error.doc[: error.pos].encode())) from None
    except RecursionError:
        raise NotJson("it nests too deep") from None
    except ValueError:
        # The only other error is of int().
        raise NotJson("a number in it has too many digits") from None


def _not_json(constant: str) -> NoReturn:
    raise NotJson(f"{constant} is not a JSON value")


def _named_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise NotJson("an object has two values of one name")
    return value


_DECODER = json.JSONDecoder(parse_constant=_not_json, object_pairs_hook=_named_once)
