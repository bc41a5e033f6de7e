"""What the command line says of a census."""

import pytest

from onlinesim_rent.census.attention import ADVICE, by_attention
from onlinesim_rent.census.counting import Census, PortReport
from onlinesim_rent.console.census_report import attention_lines, attentions, cells, summary
from onlinesim_rent.finding import Verdict

COUNTED = PortReport("/dev/ttyUSB0", Verdict.AVAILABLE, "answered all checks", 0.361, "russia", "beeline")


def taken(number: int, reason: str = "held open by process 812 (smsd)") -> PortReport:
    return PortReport(f"/dev/ttyUSB{number}", Verdict.IN_USE, reason, 0.0)


def test_faults_come_first_and_keep_the_order_of_their_ports():
    silent = PortReport("/dev/ttyUSB9", Verdict.SILENT, "no answer to AT", 2.7)

    assert by_attention([COUNTED, taken(2), taken(1), silent]) == [silent, taken(2), taken(1), COUNTED]


def test_equal_reasons_are_one_line_with_their_number():
    [attention] = attentions([taken(1), COUNTED, taken(2), taken(3, "is in a call")])

    assert list(attention_lines(attention)) == [
        "2 in use: held open by process 812 (smsd)",
        "1 in use: is in a call",
        f"  {ADVICE[Verdict.IN_USE]}",
    ]


def test_many_different_reasons_are_left_to_the_table():
    [attention] = attentions([taken(number, f"reason {number}") for number in range(5)])

    assert list(attention_lines(attention))[3] == "2 in use, for 2 more reasons: see the table"


def test_what_counts_needs_no_attention():
    assert not list(attentions([COUNTED]))


def test_a_row_names_the_module_and_no_reason_if_it_counts():
    report = PortReport("/dev/ttyUSB1", Verdict.AVAILABLE, "x", 0.361, "russia", "beeline", "/dev/ttyUSB0")

    assert cells(report) == ("/dev/ttyUSB1", "ttyUSB0", "russia", "beeline", "available", "", "0.36")


@pytest.mark.parametrize(("age", "when"), [(0.4, "asked in 2.70 s."), (3.6, "asked in 2.70 s, 4 s ago.")])
def test_the_summary_tells_the_age_of_a_census_that_was_kept(age, when):
    census = Census((COUNTED, taken(1)), 2.7)

    assert summary(census, age) == f"1 of 2 ports are available numbers; {when}"
