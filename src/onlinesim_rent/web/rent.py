"""POST /getServicesRent, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onlinesim_rent.web.answers import CensusAnswers, respond
from onlinesim_rent.web.contract import RENT, Due, contract_blueprint

if TYPE_CHECKING:
    from flask import Blueprint, Response

    from onlinesim_rent.settings import Settings
    from onlinesim_rent.web.census_source import CensusSource


def rent_blueprint(settings: Settings, census: CensusSource) -> Blueprint:
    """Make the route, for this service's application or for one of your own.

    The route answers its errors as the contract describes. The application's other routes keep their own
    error pages. So does a path or method without a route: the application answers 404 and 405.
    """
    answers = CensusAnswers()

    def answer(due: Due) -> Response:
        return respond(answers.of(census.get(due.deadline)))

    return contract_blueprint(RENT, "/getServicesRent", settings, answer)
