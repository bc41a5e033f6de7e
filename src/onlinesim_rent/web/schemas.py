"""The contract's two documents: the request in and the answer out."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from itertools import chain, groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from onlinesim_rent.networks import ANY_OPERATOR
from onlinesim_rent.strict_json import NotJson, read_json

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping


class Status(StrEnum):
    """Whether the marketplace may use the answer's counts."""

    SUCCESS = "SUCCESS"
    ERROR = "ERROR"


class GetServicesRequestSchema(Schema):
    """``{"action": "GET_SERVICES", "key": "<apiKey>"}``; authentication reports a missing key."""

    class Meta:
        """Ignore fields that a later version of the contract may add."""

        unknown = EXCLUDE

    action = fields.String(
        required=True,
        validate=validate.Equal("GET_SERVICES", error="the action is not GET_SERVICES"),
        error_messages={
            "required": "the action is missing",
            "null": "the action is null, not a string",
            "invalid": "the action is not a string",
        },
    )
    key = fields.String(
        error_messages={"null": "the key is null, not a string", "invalid": "the key is not a string"}
    )


class CountSchema(Schema):
    """How many numbers can be rented now."""

    rent = fields.Integer()


class CountrySchema(Schema):
    """A country and its operators; ``any`` among them is their sum."""

    country = fields.String()
    operator_map = fields.Dict(
        keys=fields.String(), values=fields.Nested(CountSchema), data_key="operatorMap"
    )


class GetServicesAnswerSchema(Schema):
    """The answer, with ``error`` only when the status is ERROR."""

    country_list = fields.List(fields.Nested(CountrySchema), data_key="countryList")
    status = fields.Enum(Status, by_value=True)
    error = fields.String()


_REQUEST = GetServicesRequestSchema()
_ANSWER = GetServicesAnswerSchema()


# The marketplace sends the same body each time.
@lru_cache(maxsize=16)
def load_request(body: bytes) -> Mapping[str, Any]:
    """Read the request in a body. Raises ValueError with a sentence that does not quote the body."""
    try:
        document = read_json(body)
    except NotJson as error:
        raise ValueError(f"the body is not JSON in UTF-8: {error}") from None
    if not isinstance(document, dict):
        raise ValueError("the body is not a JSON object")  # noqa: TRY004 - the caller's error, not ours
    try:
        request: dict[str, Any] = _REQUEST.load(document)
    except ValidationError as error:
        raise ValueError("; ".join(chain.from_iterable(error.messages_dict.values()))) from None
    return MappingProxyType(request)


def dump_answer(available: Counter[tuple[str, str]]) -> dict[str, Any]:
    """Write the answer for the numbers of each (country, operator)."""
    # Unary plus removes the operators that have no number.
    by_country = groupby(sorted((+available).items()), key=lambda item: item[0][0])
    countries = [
        _country(country, {operator: count for (_, operator), count in counts})
        for country, counts in by_country
    ]
    return _dump(country_list=countries, status=Status.SUCCESS)


def dump_error(text: str) -> dict[str, Any]:
    """Write the answer to a failed request. The text says what failed and how to mend it."""
    return _dump(country_list=[], status=Status.ERROR, error=text)


def _dump(**answer: object) -> dict[str, Any]:
    document: dict[str, Any] = _ANSWER.dump(answer)
    return document


def _country(country: str, operators: dict[str, int]) -> dict[str, object]:
    counts = {ANY_OPERATOR: sum(operators.values()), **operators}
    return {"country": country, "operator_map": {name: {"rent": count} for name, count in counts.items()}}
