"""Plays the marketplace: sends its request and reads the answer by the contract."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servers import Answer, Server

PATH = "/getServicesRent"
BODY = json.dumps({"action": "GET_SERVICES", "key": "secret-key"})
HEADERS = {"Authorization": "Bearer secret-key", "Content-Type": "application/json"}

PUBLISHED_ANSWER = {
    "countryList": [
        {
            "country": "russia",
            "operatorMap": {"any": {"rent": 19}, "beeline": {"rent": 9}, "megafon": {"rent": 10}},
        },
        {
            "country": "ukraine",
            "operatorMap": {
                "any": {"rent": 21},
                "kyivstar": {"rent": 5},
                "life": {"rent": 2},
                "vodafone": {"rent": 14},
            },
        },
    ],
    "status": "SUCCESS",
}
"""The contract's example, with the operators in our order."""


def ask(server: Server, **headers: str) -> Answer:
    return server.request("POST", PATH, BODY, HEADERS | headers)


def counts(answer: Answer) -> dict[tuple[str, str], int]:
    """Check that an answer keeps the contract; return its numbers by country and operator."""
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    document = json.loads(answer.body)
    assert document["status"] == "SUCCESS", document
    found = {}
    for country in document["countryList"]:
        operators = {name: count["rent"] for name, count in country["operatorMap"].items()}
        assert operators.pop("any") == sum(operators.values())
        found |= {(country["country"], name): count for name, count in operators.items()}
    return found
