"""Who may ask: the key in the Authorization header, and the key in the body."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from flask import request

from onlinesim_rent.web.errors import Unauthorized

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def check_header(keys: Iterable[bytes], *, required: bool) -> None:
    """Raise Unauthorized unless the Authorization header holds a valid key.

    A missing header passes if it is not required. Check the header before you read the body: then a stranger
    cannot make the service wait for a body or unpack it.
    """
    header = request.headers.get("Authorization")
    if header is None:
        if required:
            raise Unauthorized("the Authorization header is missing")
        return
    scheme, _, key = header.partition(" ")
    # WSGI decodes the header's bytes as Latin-1 (PEP 3333), where strip() would also remove the byte 0xA0.
    if scheme.lower() != "bearer" or not is_one_of(key.strip(" \t").encode("latin-1"), keys):
        raise Unauthorized("the Authorization header is not Bearer with a valid key")


def check_key(asked: Mapping[str, Any], keys: Iterable[bytes]) -> None:
    """Raise Unauthorized unless the request's body holds a valid key."""
    if "key" not in asked:
        raise Unauthorized("the key is missing from the body")
    # JSON can spell half a surrogate pair, which strict UTF-8 cannot encode.
    if not is_one_of(asked["key"].encode("utf-8", "surrogatepass"), keys):
        raise Unauthorized("the key in the body is not a valid one")


def is_one_of(given: bytes, keys: Iterable[bytes]) -> bool:
    """Tell whether a key is valid.

    All valid keys are compared, each in constant time: the duration says nothing about any of them.
    """
    return sum(hmac.compare_digest(given, key) for key in keys) > 0
