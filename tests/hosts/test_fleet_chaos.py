"""Random faults in virtual time. For the 1,000 of a release: python tests/support/fleet_chaos.py."""

from __future__ import annotations

import pytest
from fleet_chaos import Chaos

from onlinesim_rent.networks.home_network import Names

NAMES = Names.load()


@pytest.mark.parametrize("seed", range(3))
def test_no_fault_makes_a_fleet_count_too_many(seed, tmp_path):
    chaos = Chaos(seed, tmp_path, NAMES)
    chaos.run(faults=25)
    assert chaos.over_counts == []
    # The test would show nothing if the fleet hardly answered.
    assert chaos.exact > 20
