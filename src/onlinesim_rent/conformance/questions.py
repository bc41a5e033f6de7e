"""The requests that a check sends. Each holds a place for the key, never the key itself."""

from __future__ import annotations

from dataclasses import dataclass

KEY = "$RENT_API_KEY"
"""The place for the key, as a shell writes it."""

LONGER_KEY = "${RENT_API_KEY}x"
SHORTER_KEY = "${RENT_API_KEY%?}"
"""The key without its last character, as a POSIX shell writes it."""

WRONG_KEY = "not-the-key"


@dataclass(frozen=True, slots=True)
class Question:
    """One request, and how it is sent.

    ``packed``: the body is sent as gzip. ``kept``: it is sent on the connection of the request before.
    ``times``: so many are sent at once.
    """

    name: str
    method: str
    headers: tuple[tuple[str, str], ...]
    body: str = ""
    packed: bool = False
    kept: bool = False
    times: int = 1


def _question(
    name: str,
    *,
    bearer: str | None = KEY,
    key: str | None = KEY,
    action: str = "GET_SERVICES",
    headers: tuple[tuple[str, str], ...] = (("Accept-Encoding", "identity"),),
    packed: bool = False,
    kept: bool = False,
    times: int = 1,
) -> Question:
    """Make the contract's request with one difference; None leaves a key out."""
    given = [("Authorization", f"Bearer {bearer}")] if bearer else []
    given += [("Content-Type", "application/json"), *headers]
    given += [("Content-Encoding", "gzip")] if packed else []
    fields = {"action": action} | ({"key": key} if key else {})
    # The key is put in later, so this is not yet JSON that a library could write.
    body = "{" + ", ".join(f'"{field}": "{value}"' for field, value in fields.items()) + "}"
    return Question(name, "POST", tuple(given), body, packed, kept, times)


RIGHT = _question("the right request")
KEPT = _question("the right request on the same connection", kept=True)
AT_ONCE = _question("30 right requests at once", times=30)
GZIP_WANTED = _question("a request that accepts gzip", headers=(("Accept-Encoding", "gzip"),))
GZIP_SENT = _question("a request in gzip", packed=True)
ODD_HEADERS = _question(
    "a request with the marketplace's headers",
    headers=(
        ("Accept", "text/html, image/gif, image/jpeg, *, application/json"),
        ("Accept-Encoding", "gzip, deflate"),
        (
            "User-Agent",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:131.0) Gecko/20100101 Firefox/131.0",
        ),
    ),
)
NO_HEADER_KEY = _question("no key in the header", bearer=None)
WRONG_HEADER_KEY = _question("a wrong key in the header", bearer=WRONG_KEY)
LONGER_HEADER_KEY = _question("a key with one character more in the header", bearer=LONGER_KEY)
SHORTER_HEADER_KEY = _question("a key with one character less in the header", bearer=SHORTER_KEY)
NO_BODY_KEY = _question("no key in the body", key=None)
WRONG_BODY_KEY = _question("a wrong key in the body", key=WRONG_KEY)
LONGER_BODY_KEY = _question("a key with one character more in the body", key=LONGER_KEY)
SHORTER_BODY_KEY = _question("a key with one character less in the body", key=SHORTER_KEY)
WRONG_ACTION = _question("a wrong action", action="GET_NOTHING")
OTHER_METHOD = Question("another method", "GET", (("Authorization", f"Bearer {KEY}"),))

QUESTIONS = (
    RIGHT,
    KEPT,
    GZIP_WANTED,
    GZIP_SENT,
    ODD_HEADERS,
    AT_ONCE,
    NO_HEADER_KEY,
    WRONG_HEADER_KEY,
    LONGER_HEADER_KEY,
    SHORTER_HEADER_KEY,
    NO_BODY_KEY,
    WRONG_BODY_KEY,
    LONGER_BODY_KEY,
    SHORTER_BODY_KEY,
    WRONG_ACTION,
    OTHER_METHOD,
)
"""All requests, in the order in which they are sent."""
