"""Undoes the gzip of a body, with a limit on what comes out of it."""

from __future__ import annotations

import zlib


class TooLarge(ValueError):
    """The content is larger than allowed."""


def unpack(body: bytes, encoding: str, limit: int) -> bytes:
    """Undo a Content-Encoding. ``limit`` is the largest content in bytes.

    Raises TooLarge, or ValueError with a sentence that does not quote the body.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _gunzip(body, limit)
        case _:
            raise ValueError("the Content-Encoding is not gzip")


def _gunzip(body: bytes, limit: int) -> bytes:
    """Unpack one complete gzip member, up to the limit."""
    unpacker = zlib.decompressobj(wbits=31)  # 16 + 15: a gzip header and trailer (zlib's manual)
    try:
        content = unpacker.decompress(body, limit + 1)
    except zlib.error:
        raise ValueError("the body is not the gzip that its Content-Encoding announces") from None
    if len(content) > limit:
        raise TooLarge("the body is too large when it is unpacked")
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("the body is not one whole gzip member")
    return content
