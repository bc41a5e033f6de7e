"""One census keeps its deadline in all that it does, from the list of ports to the last look at /proc."""

from __future__ import annotations

import pytest

from onlinesim_rent.clock import Deadline
from onlinesim_rent.finding import CensusError
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.find import find_ports
from onlinesim_rent.modem.ports.holders import processes_holding


def clock_that_stands() -> float:
    return 1000.0


COME = Deadline(1000.0, clock_that_stands)
STILL_TO_COME = Deadline(1000.1, clock_that_stands)


def test_a_list_of_ports_that_takes_too_long_is_an_error():
    with pytest.raises(CensusError, match="time for the census was up while it was looking for ports"):
        find_ports(["/dev/null", "/dev/zero"], COME)
    assert len(find_ports(["/dev/null", "/dev/zero"], STILL_TO_COME)) == 2


def test_a_look_at_all_processes_that_takes_too_long_is_an_error():
    with pytest.raises(CensusError, match="looking for programs that use the ports"):
        processes_holding([DeviceIdentity(1)], deadline=COME)
    assert processes_holding([DeviceIdentity(1)], deadline=STILL_TO_COME) == {}
