"""The claims that each host told last. They hold while the host is missing: its numbers may still be rented.

On the wire: 64 hexadecimal digits (the signature), a line feed, and one JSON object.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from onlinesim_rent.hosts.marks import Marks


def written_claims(host: str, claims: Iterable[str], marks: Marks) -> bytes:
    """Return a host's claims, which are marks, as bytes."""
    content = json.dumps({"host": host, "claims": sorted(claims)}, separators=(",", ":")).encode()
    return marks.signature(content, "claims") + b"\n" + content


def read_claims(content: bytes, host: str, marks: Marks) -> frozenset[str] | None:
    """Read the claims of a host; None if the host did not write them with the fleet's secret."""
    signature, _, body = content.partition(b"\n")
    if not hmac.compare_digest(signature, marks.signature(body, "claims")):
        return None
    record = json.loads(body)
    return frozenset(record["claims"]) if record["host"] == host else None


@dataclass
class ToldClaims:
    """What a front remembers of the claims of all hosts, also while Redis is away or has lost its data."""

    by_host: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def learn(self, hosts: Collection[str], contents: Mapping[str, bytes], marks: Marks) -> None:
        """Remember what Redis keeps of these hosts now, and forget all other hosts."""
        before = {host: claims for host, claims in self.by_host.items() if host in hosts}
        read = {host: read_claims(content, host, marks) for host, content in contents.items()}
        self.by_host = before | {host: claims for host, claims in read.items() if claims is not None}

    def hear(self, host: str, claims: frozenset[str]) -> None:
        """Remember the claims in an answer."""
        self.by_host = {**self.by_host, host: claims}

    def without(self, answered: Collection[str]) -> frozenset[str]:
        """Return the claims of all hosts but those that have answered: theirs are in their answers."""
        return frozenset().union(*(claims for host, claims in self.by_host.items() if host not in answered))
