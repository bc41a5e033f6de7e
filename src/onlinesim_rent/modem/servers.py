"""Tells which TCP ports to try: a terminal server that is down is given up with all its ports. No IO."""

from __future__ import annotations

from collections.abc import Sequence

from onlinesim_rent.modem.line import Line
from onlinesim_rent.modem.ports.tcp import Address, NoAnswer

TRIED_FIRST = 4
"""So many ports of a server are tried at once while it does not answer. If all are silent, it is down.

They are not one, because a firewall may drop some ports of a server that is up.
"""


class Server:
    """One terminal server in one census.

    ``addresses`` are empty until its name has been looked up; meanwhile ``looked_up_for`` are the ports that
    wait for it. ``down`` is the reason to try no other of its ports, None for a server that may be up.
    """

    def __init__(self) -> None:
        self.addresses: Sequence[Address] = ()
        self.looked_up_for: list[Line] = []
        self.down: NoAnswer | None = None
        self._answers = False
        self._trying = 0
        self._silent = 0
        self._held: list[Line] = []

    def admits(self, line: Line) -> bool:
        """Whether to try a port now. If not, it is held until the server answers or is down.

        A port that has answered in this census is always tried again.
        """
        is_admitted = self._answers or self._trying < TRIED_FIRST or line.modem is not None
        if is_admitted:
            self._trying += 1
        else:
            self._held.append(line)
        return is_admitted

    def answered(self) -> list[Line]:
        """Note that a port has answered, if only to refuse. Return the ports that were held."""
        self._trying -= 1
        self._answers = True
        self._silent = 0
        return self._release()

    def was_silent(self, reason: NoAnswer) -> list[Line]:
        """Note that a port has not answered. If the server is down, return the ports that were held."""
        self._trying -= 1
        self._answers = False
        self._silent += 1
        if self._trying or self._silent < TRIED_FIRST:
            return []
        # Without addresses, the reason is the name's, and the same for all ports.
        tried = f" (tried on {TRIED_FIRST} of its other ports)" if self.addresses else ""
        self.down = NoAnswer(reason.reason + tried)
        return self._release()

    def prefer(self, address: Address) -> None:
        """Let the other ports try this address first."""
        self.addresses = [address, *(other for other in self.addresses if other != address)]

    def _release(self) -> list[Line]:
        held, self._held = self._held, []
        return held
