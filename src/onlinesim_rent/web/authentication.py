"""Who may ask: the key in the Authorization header, the key in the body, and people on this host."""

from __future__ import annotations

import hmac
import ipaddress
from typing import TYPE_CHECKING, Any

from flask import request

from onlinesim_rent.web.errors import LoginRequired, NotLoopback, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FORWARDING = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
"""A proxy adds one of these headers (RFC 7239, RFC 9110)."""


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
    if not _is_bearer(header, keys):
        raise Unauthorized("the Authorization header is not Bearer with a valid key")


def check_login(keys: Iterable[bytes]) -> None:
    """Raise LoginRequired unless the Authorization header is Bearer or Basic with a valid key.

    In Basic (RFC 7617), the key is the password, and the name is ignored.
    """
    header = request.headers.get("Authorization")
    if header is None:
        raise LoginRequired("this page needs a key")
    if not (_is_bearer(header, keys) or _is_basic(keys)):
        raise LoginRequired("the Authorization header holds no valid key")


def check_loopback(*, forwarded: bool) -> None:
    """Raise NotLoopback unless the request comes from this host.

    ``forwarded`` says whether a proxy on this host may have passed it on for somebody else. A peer on a unix
    socket has no address: the socket's permissions say who may connect.
    """
    is_forwarded = any(name in request.headers for name in _FORWARDING)
    if not is_loopback(request.remote_addr or "") or (is_forwarded and not forwarded):
        raise NotLoopback


def is_loopback(address: str) -> bool:
    """Tell whether a peer's address is of 127.0.0.0/8 or ::1, or empty, as on a unix socket."""
    if not address:
        return True
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    # Before Python 3.13, ::ffff:127.0.0.1 was not loopback. It is the peer on a socket of both versions.
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback


def check_key(asked: Mapping[str, Any], keys: Iterable[bytes]) -> None:
    """Raise Unauthorized unless the request's body holds a valid key."""
    if "key" not in asked:
        raise Unauthorized("the key is missing from the body")
    # JSON can spell half a surrogate pair, which strict UTF-8 cannot encode.
    if not is_one_of(asked["key"].encode("utf-8", "surrogatepass"), keys):
        raise Unauthorized("the key in the body is not a valid one")


def _is_bearer(header: str, keys: Iterable[bytes]) -> bool:
    scheme, _, key = header.partition(" ")
    # WSGI decodes the header's bytes as Latin-1 (PEP 3333), where strip() would also remove the byte 0xA0.
    return scheme.lower() == "bearer" and is_one_of(key.strip(" \t").encode("latin-1"), keys)


def _is_basic(keys: Iterable[bytes]) -> bool:
    given = request.authorization
    if given is None or given.type != "basic":
        return False
    return is_one_of((given.password or "").encode(), keys)


def is_one_of(given: bytes, keys: Iterable[bytes]) -> bool:
    """Tell whether a key is valid.

    All valid keys are compared, each in constant time: the duration says nothing about any of them.
    """
    return sum(hmac.compare_digest(given, key) for key in keys) > 0
