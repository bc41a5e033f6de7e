"""Reads the GET_SERVICES answer of the partner's own endpoint."""

from __future__ import annotations

from typing import Any

from onlinesim_rent.strict_json import NotJson, read_json
from onlinesim_rent.web.schemas import Status


def read_services_answer(body: bytes) -> dict[str, Any]:
    """Return the document, if the rent counts can be added to it.

    Raises ValueError with a sentence that does not quote the body. What is not needed for that is not
    checked: the names and numbers of other products are the endpoint's business.
    """
    document = _document(body)
    if document.get("status") != Status.SUCCESS:
        raise ValueError("the status is not SUCCESS")
    countries = document.get("countryList")
    if not isinstance(countries, list) or not all(map(_is_country, countries)):
        raise ValueError('the countryList is not a list of {"country": "...", "operatorMap": {...}}')
    if len({country["country"] for country in countries}) < len(countries):
        # Which of the two entries the marketplace uses is unknown.
        raise ValueError("the countryList names a country twice")
    return document


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = read_json(body)
    except NotJson:
        raise ValueError("the body is not JSON in UTF-8") from None
    if not isinstance(document, dict):
        raise ValueError("the body is not a JSON object")  # noqa: TRY004 - the endpoint's error, not ours
    return document


def _is_country(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("country"), str)
        and isinstance(operators := value.get("operatorMap"), dict)
        and all(isinstance(counts, dict) for counts in operators.values())
    )
