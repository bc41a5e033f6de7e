"""The order of the verdicts, and what to do about each."""

import pytest

from onlinesim_rent.census.attention import ADVICE, in_general, rank
from onlinesim_rent.finding import Verdict


def test_every_verdict_has_an_advice():
    assert ADVICE.keys() == set(Verdict)


def test_faults_come_first_and_what_counts_comes_last():
    verdicts = [Verdict.AVAILABLE, Verdict.DUPLICATE, Verdict.CLAIMED, Verdict.SILENT]

    assert sorted(verdicts, key=rank) == verdicts[::-1]


@pytest.mark.parametrize(
    ("reason", "general"),
    [
        ("the same module as /dev/a, which is counted", "the same module as another port, which is counted"),
        (
            "shares its IMEI or its SIM with /dev/a, which does not count: in use",
            "shares its IMEI or its SIM with another port, which does not count: in use",
        ),
        (
            "its module is held on ttyUSB2 by process 812 (smsd)",
            "its module is held on another port by process 812 (smsd)",
        ),
        (
            "its module is locked on ttyUSB2 by another program (LCK..ttyUSB2)",
            "its module is locked on another port by another program",
        ),
        ("locked by another program (/run/lock/LCK..ttyUSB3)", "locked by another program"),
        ("taken by a claim: imsi-…7890, port-ttyUSB3", "taken by a claim"),
        ("held open by process 812 (smsd)", "held open by process 812 (smsd)"),
        ("its SIM is not ready: SIM PIN", "its SIM is not ready: SIM PIN"),
    ],
)
def test_ports_with_one_trouble_have_one_reason(reason, general):
    assert in_general(reason) == general
