"""Marks: what stands for an IMEI or an IMSI outside its host. Only the fleet's secret can make one."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

from onlinesim_rent.census.shown import PLMN_DIGITS
from onlinesim_rent.finding import Modem

_MARK_BYTES = 16
"""Of the 32 bytes of an HMAC-SHA256 (RFC 2104, section 5). So many are enough to tell all modules apart."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Makes the marks of a fleet, and signs what its hosts publish."""

    secret: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """The same text for the same secret. It does not tell the secret."""
        return self._mark("secret", "")

    def modem(self, modem: Modem) -> Modem:
        """Return a module with marks. The IMSI's mark begins with the IMSI's first six digits."""
        return Modem(self._mark("imei", modem.imei), self._imsi(modem.imsi) if modem.imsi else "")

    def claim(self, name: str) -> str:
        """Return the name of a claim on an IMEI or an IMSI with the same mark; empty for any other claim."""
        kind, _, number = name.partition("-")
        if kind == "imei":
            return f"imei-{self._mark('imei', number)}"
        return f"imsi-{self._imsi(number)}" if kind == "imsi" else ""

    def owner(self, text: str) -> str:
        """Return the mark of a host, from a text that only this host has."""
        return self._mark("owner", text)

    def signature(self, content: bytes, kind: str = "answer") -> bytes:
        """Return 64 hexadecimal digits that only a host with the secret can make for content of this kind."""
        return hmac.digest(self.secret, kind.encode() + b":" + content, "sha256").hex().encode()

    def _imsi(self, imsi: str) -> str:
        return imsi[:PLMN_DIGITS] + self._mark("imsi", imsi)

    def _mark(self, kind: str, text: str) -> str:
        """Each kind has its own label: an IMEI and an IMSI of the same digits have different marks."""
        digest = hmac.digest(self.secret, f"{kind}:{text}".encode(), "sha256")
        return urlsafe_b64encode(digest[:_MARK_BYTES]).rstrip(b"=").decode()
