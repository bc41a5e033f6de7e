"""docs/one-endpoint.md is true to the code."""

from __future__ import annotations

import json
import re
from collections import Counter

from servers import PROJECT

from onlinesim_rent.settings import VARIABLES
from onlinesim_rent.web.merging import merge
from onlinesim_rent.web.schemas import dump_answer
from onlinesim_rent.web.services_client import ANSWER_LIMIT, MOST_AT_ONCE

TEXT = (PROJECT / "docs" / "one-endpoint.md").read_text()


def test_the_example_is_what_the_service_answers() -> None:
    before, after = map(json.loads, re.findall(r"```json\n(.*?)\n```", TEXT, re.DOTALL))
    [counted] = re.findall(r"The modules have (.*)\.", TEXT)
    numbers = re.findall(r"(\d+) (?:numbers )?of (\w+)", counted)
    country = {"beeline": "russia", "megafon": "russia", "kyivstar": "ukraine"}
    available = Counter({(country[operator], operator): int(number) for number, operator in numbers})

    assert json.dumps(merge(before, dump_answer(available))) == json.dumps(after)


def test_the_setting_and_the_limits_are_those_of_the_code() -> None:
    [described] = [variable for variable in VARIABLES if variable.name == "RENT_SERVICES_URL"]

    assert described.assignment in TEXT
    assert f"holds up {MOST_AT_ONCE} earlier requests" in TEXT
    assert f"more than {ANSWER_LIMIT >> 20} MiB" in TEXT
