"""POST /getServices: the answer of the partner's own endpoint, with the rent counts added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import request

from onlinesim_rent.web.answers import Answer, respond
from onlinesim_rent.web.contract import SERVICES, Due, contract_blueprint
from onlinesim_rent.web.errors import ServicesError
from onlinesim_rent.web.merging import merge
from onlinesim_rent.web.schemas import dump_answer
from onlinesim_rent.web.services_client import ServicesClient, ServicesRequest

if TYPE_CHECKING:
    from flask import Blueprint, Response

    from onlinesim_rent.settings import Settings
    from onlinesim_rent.web.census_source import CensusSource

_OUR_NAME = "onlinesim-rent"
_PASSED_ON = ("Authorization", "Content-Type", "Content-Encoding")
_OUR_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": _OUR_NAME,
    # A request that comes back to us is known by it (RFC 9110, 7.6.3).
    "Via": f"1.1 {_OUR_NAME}",
}


def services_blueprint(settings: Settings, census: CensusSource, client: ServicesClient) -> Blueprint:
    """Make the route. It asks the endpoint and the modules at the same time.

    If either gives no answer by the deadline, the answer is an error: never the one without the other.
    """

    def answer(due: Due) -> Response:
        _check_loop()
        with client.asking(_request(), due.deadline) as exchange:
            census.get(due.deadline, due.came_at)
            services = exchange.answer()
        # The endpoint may have taken longer than the census, which may be too old by now.
        counted = census.get(due.deadline, due.came_at)
        return respond(_merged(services, dump_answer(counted.available)))

    return contract_blueprint(SERVICES, "/getServices", settings, answer)


def _check_loop() -> None:
    """Raise ServicesError if the request is our own: it would be sent on for ever."""
    if _OUR_NAME in request.headers.get("Via", ""):
        raise ServicesError("leads back to this service; set the address of your other service")


def _request() -> ServicesRequest:
    """Return the request that is answered, for the endpoint."""
    headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
    return ServicesRequest(headers | _OUR_HEADERS, request.get_data())


def _merged(services: dict[str, Any], rent: dict[str, Any]) -> Answer:
    try:
        return Answer(merge(services, rent))
    except (ValueError, RecursionError):
        # JSON allows 1e999, which Python reads as an infinity.
        raise ServicesError(
            "sent a number that is too large, or nests too deep; correct what it sends"
        ) from None
