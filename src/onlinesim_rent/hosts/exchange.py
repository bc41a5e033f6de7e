"""Where the hosts of a fleet meet: the small interface that the front and the publisher see of Redis."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from onlinesim_rent.finding import CensusError
from onlinesim_rent.hosts.answer import Asked, Raised


class ExchangeError(CensusError):
    """The hosts cannot meet now. The text is a sentence that says why, and how to mend it."""


class FrontExchange(Protocol):
    """What a front does. Every method raises ExchangeError, and ends within a few seconds."""

    def raise_number(self, seconds: float, age: float) -> Raised:
        """Raise the number and announce it, with what is asked of every host (see Asked)."""

    def seen(self) -> tuple[str, ...]:
        """Return the hosts that were there in the last day."""

    def there(self, hosts: Collection[str]) -> frozenset[str]:
        """Return those of the hosts that are there now."""

    def answered(self, hosts: Collection[str]) -> Mapping[str, Raised]:
        """Return the number that each host has answered last; hosts that never did are left out."""

    def answers(self, hosts: Collection[str]) -> Mapping[str, bytes]:
        """Return the hosts' last answers; those that are gone are left out."""

    def kept(self, hosts: Collection[str]) -> Mapping[str, tuple[bytes, float]]:
        """Return the same, and for how many seconds Redis keeps each of them, on its own clock."""

    def claims(self, hosts: Collection[str]) -> Mapping[str, bytes]:
        """Return the claims that the hosts told last."""


class HostExchange(Protocol):
    """What a publisher does. Every method raises ExchangeError, and ends within a few seconds."""

    def listen(self) -> None:
        """Hear announcements from now on."""

    def wait(self, seconds: float) -> None:
        """Return when a number is announced, or after so many seconds."""

    def hold(self, host: str, owner: str) -> bool:
        """Say that a host is there, for HOLD_SECONDS; False if another owner has its name."""

    def asked(self) -> Asked | None:
        """Return the last number and what is asked with it; None if there is none."""

    def store(self, host: str, raised: Raised, content: bytes, seconds: float, claims: bytes = b"") -> None:
        """Store a host's answer to a number, for so many seconds on Redis' own clock.

        Its claims, if they are given, are kept for CLAIMS_SECONDS.
        """


HOLD_SECONDS = 15.0
"""How long a host counts as there after it was last seen, and how long its name is kept for it."""

CLAIMS_SECONDS = 7 * 86_400.0
"""How long the claims of a host hold after it has told them last, if it is missing."""
