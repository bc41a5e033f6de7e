"""The order of the verdicts, and what to do about each."""

from onlinesim_rent.census.attention import ADVICE, rank
from onlinesim_rent.finding import Verdict


def test_every_verdict_has_an_advice():
    assert ADVICE.keys() == set(Verdict)


def test_faults_come_first_and_what_counts_comes_last():
    verdicts = [Verdict.AVAILABLE, Verdict.DUPLICATE, Verdict.CLAIMED, Verdict.SILENT]

    assert sorted(verdicts, key=rank) == verdicts[::-1]
