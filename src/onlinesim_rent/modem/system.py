"""What one census needs of the operating system, so that it can also be played in virtual time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from selectors import BaseSelector
from typing import Protocol

from onlinesim_rent.finding import NotCounted
from onlinesim_rent.modem.background import Outcome, Task
from onlinesim_rent.modem.ports.find import Port
from onlinesim_rent.modem.ports.open import OpenPort


class Background(Protocol):
    """Does what may block, beside the loop: see background.Background."""

    @property
    def has_waiting(self) -> bool:
        """Whether tasks wait for a thread."""

    def fileno(self) -> int:
        """The descriptor that is readable once there are outcomes."""

    def submit(self, *tasks: Task) -> None:
        """Have tasks done soon, in their order."""

    def reinforce(self) -> None:
        """Start threads for waiting tasks in place of those that are stuck."""

    def outcomes(self) -> list[Outcome]:
        """What the tasks done since the last call left to do."""

    def close(self) -> None:
        """End the loop's part."""


class System(Protocol):
    """What a census needs of the operating system."""

    def clock(self) -> float:
        """The time in seconds, on the clock that deadlines are on."""

    def selector(self) -> BaseSelector:
        """A new selector."""

    def background(self) -> Background:
        """A new place for what may block."""

    def capacity(self, wanted: int) -> int:
        """How many ports may be open at once, ``wanted`` or fewer; raises CensusError where not even one."""

    def signs_of_use(self, ports: Sequence[Port], ours: Collection[int]) -> Mapping[str, NotCounted]:
        """Why ports must be left alone, by their names: somebody holds or locks them.

        ``ours`` are the census' own descriptors of ports, which are no sign of use.
        """

    def is_there(self, port: Port) -> bool:
        """Whether a port's device is still the one that was found."""

    def open_port(self, port: Port) -> OpenPort:
        """Open a port for this service alone. May block. Raises NotCounted."""
