"""The figures of the benchmark, and a small run of the parts that need no other program."""

from __future__ import annotations

import json

import pytest
import rounds
from banks import PSEUDO_TERMINALS, TCP, Bank
from census import measured_bank
from figures import Bar, Spread, Table, slope
from page import HEAD, TAIL
from servers import PROJECT
from starting import numbers


def test_a_spread_tells_the_median_the_least_and_the_most():
    assert Spread.of([3.0, 1.0, 2.5]).written(".1f") == "2.5 (1.0 to 3.0)"


def test_the_slope_is_that_of_the_straight_line():
    assert slope([(1, 5.0), (2, 7.0), (3, 9.0)]) == pytest.approx(2)


def test_a_bar_that_is_not_met_is_seen():
    assert Bar("fast", "slow", is_met=False).row == ("fast", "slow", "**no**")


def test_a_table_is_written_in_markdown():
    table = Table("Title", "Notes.", ["bank", "seconds"], [["one", "1.0"]])
    assert table.markdown == ("## Title\n\nNotes.\n\n| bank | seconds |\n| --- | ---: |\n| one | 1.0 |\n")


@pytest.mark.parametrize("transport", [PSEUDO_TERMINALS, TCP])
def test_a_census_of_each_transport_is_measured(transport):
    cost = measured_bank(Bank(3, 0.001, transport), rounds=2)
    assert cost.floor == pytest.approx(0.007)
    assert cost.ratio.least > 1
    assert cost.processor.least > 0
    assert cost.memory > 2**20
    assert cost.descriptors > 3


def test_a_bank_has_its_share_of_silent_modules():
    bank = Bank(40, 0.05, silent=0.05)
    assert bank.live == 38
    assert [module.fault for module in bank.modules].count("silent") == 2
    assert len({module.imei for module in bank.modules}) == 40


def test_a_round_that_counts_too_few_ends_the_benchmark():
    """A figure of half a census would look good."""
    with Bank(2, 0.001).serve() as ports, pytest.raises(SystemExit, match="2 of 3 modules were counted"):
        rounds.main(ports, "3", "1")


def test_the_numbers_of_an_answer_are_counted_once():
    operators = {"any": {"rent": 5}, "beeline": {"rent": 2}, "megafon": {"rent": 3}}
    answer = {"countryList": [{"country": "russia", "operatorMap": operators}]}
    assert numbers(json.dumps(answer).encode()) == 5


def test_the_kept_page_is_one_that_the_benchmark_wrote():
    kept = (PROJECT / "docs" / "benchmarks.md").read_text()
    assert kept.startswith(HEAD.partition("{machine}")[0])
    assert kept.endswith(TAIL)
