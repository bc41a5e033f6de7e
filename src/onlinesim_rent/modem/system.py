"""What one census needs from the operating system. Tests replace it to run a census in virtual time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from selectors import BaseSelector
from typing import Protocol

from onlinesim_rent.finding import NotCounted
from onlinesim_rent.modem.background import Outcome, Task
from onlinesim_rent.modem.ports.find import Port
from onlinesim_rent.modem.ports.open import OpenPort
from onlinesim_rent.modem.ports.tcp import Address


class Background(Protocol):
    """Runs tasks that may block, beside the loop: see background.Background."""

    @property
    def has_waiting(self) -> bool:
        """Whether tasks wait for a thread."""

    def fileno(self) -> int:
        """The descriptor that is readable when there are outcomes."""

    def submit(self, *tasks: Task) -> None:
        """Queue tasks; threads start them in this order."""

    def reinforce(self) -> None:
        """Start threads for waiting tasks, to replace stuck threads."""

    def outcomes(self) -> list[Outcome]:
        """Return the outcomes of the tasks that ended since the last call, for the loop to call."""

    def close(self) -> None:
        """The loop ends here; threads finish the rest."""


class System(Protocol):
    """What a census needs from the operating system."""

    def clock(self) -> float:
        """Return the time in seconds, on the clock of the deadlines."""

    def selector(self) -> BaseSelector:
        """Return a new selector."""

    def background(self) -> Background:
        """Return a new Background."""

    def capacity(self, wanted: int) -> int:
        """Return how many of ``wanted`` ports may be open at once. Raises CensusError if not even one."""

    def signs_of_use(
        self, ports: Sequence[Port], ours: Collection[int], opening: Collection[Port]
    ) -> Mapping[str, NotCounted]:
        """Return the reasons, by port name, for the ports that another program holds or locks.

        ``ours`` are the census's own descriptors of ports: they do not count as use. The ports in ``opening``
        say nothing of other ports: the census may have them open, and does not know the descriptors yet.
        """

    def is_there(self, port: Port) -> bool:
        """Whether a port's name still leads to the device that was found."""

    def open_port(self, port: Port) -> OpenPort:
        """Open a serial device exclusively. May block. Raises NotCounted."""

    def addresses(self, host: str) -> list[Address]:
        """Look up the addresses of a terminal server. May block. Raises NoAnswer."""

    def connect(self, address: Address, port: Port) -> OpenPort:
        """Begin to connect to a TCP port; when it can be written to, its ``check`` tells how it went.

        Raises NotCounted.
        """
