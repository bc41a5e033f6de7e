"""What the web wing asks of a census. The cache in census/ gives it; so can an object of your own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from onlinesim_rent.census.counting import Census


class LastCensusSource(Protocol):
    """Tells of the last census, for pages. It takes none."""

    def last(self) -> tuple[Census, float] | None:
        """Return the last census, however old, and its age in seconds."""

    def last_failure(self) -> str:
        """Return why the last attempt to get a census failed; empty if it did not."""


class CensusSource(LastCensusSource, Protocol):
    """Gives the census that is valid now, and tells of the last one."""

    def get(self, deadline: float, came_at: float | None = None) -> Census:
        """Return a census that is valid now, by ``deadline`` on boot_clock.

        A request may ask a second time, with the time when it came. It then gets the same census again if
        that is still valid. Raises CensusError if there is none by the deadline.
        """
