"""The URL of an endpoint, as a partner types it."""

from __future__ import annotations

from urllib.parse import urlsplit


def checked_url(text: str) -> str:
    """Return the URL if it can be asked. Raises ValueError with words that do not quote it."""
    try:
        url = urlsplit(text)
        has_port = url.port != 0
    except ValueError:
        raise ValueError("its host or port is malformed") from None
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise ValueError("write it whole, for example https://rent.example.com/getServicesRent")
    if not has_port:
        raise ValueError("its port is 0")
    if url.username is not None:
        raise ValueError("leave out the name and the password; the marketplace sends only the key")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("write letters outside ASCII, spaces and control characters as %XX")
    return text.partition("#")[0]
