"""Asking modules about themselves must keep no request waiting for long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onlinesim_rent.census.describing import describe_modules
from onlinesim_rent.census.lock import CensusLock
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.modem.probe import Prober

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onlinesim_rent.finding import Finding
    from onlinesim_rent.modem.ports.find import Port


class ProberThatLooksAtTheLock(Prober):
    """Asks nothing. Notes how long it may ask, and whether another census could begin meanwhile."""

    def __init__(self, directory: RuntimeDirectory) -> None:
        super().__init__(115200)
        self._directory = directory

    def probe(self, ports: Sequence[Port], deadline: float) -> list[Finding]:
        self.seconds = deadline - self.clock()
        with CensusLock(self._directory, self.clock) as lock:
            self.is_alone = not lock.acquire(until=self.clock() + 1)
        return []


def test_a_request_that_waits_for_details_has_time_for_its_census(tmp_path: Path) -> None:
    directory = RuntimeDirectory(tmp_path / "runtime")
    prober = ProberThatLooksAtTheLock(directory)

    assert describe_modules(["/dev/ttyUSB*"], [], prober, directory, 8.0) == {}

    assert 0 < prober.seconds <= 0.4 * 8.0
    assert prober.is_alone
    with CensusLock(directory, boot_clock) as lock:
        assert lock.acquire(until=boot_clock() + 1)
