"""docs/check.md lists the rules as the table of rules has them."""

from __future__ import annotations

import re

from servers import PROJECT

from onlinesim_rent.conformance.questions import QUESTIONS
from onlinesim_rent.conformance.rules import RULES

PAGE = (PROJECT / "docs" / "check.md").read_text()


def test_the_page_lists_every_rule_in_the_reports_order():
    listed = re.findall(r"^\| `([a-z0-9-]+)` \| (.*) \|$", PAGE, re.MULTILINE)
    assert listed == [(rule.name, rule.wants) for rule in RULES]


def test_the_page_counts_the_requests():
    alone = [question for question in QUESTIONS if question.times == 1]
    [at_once] = [question.times for question in QUESTIONS if question.times > 1]
    assert f"A check sends {len(alone)} requests one after the other, and {at_once} at once" in PAGE


def test_each_rule_has_a_name_of_its_own():
    assert len({rule.name for rule in RULES}) == len(RULES)
