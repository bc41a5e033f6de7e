"""POST /getServicesRent, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response

from onlinesim_rent.clock import boot_clock
from onlinesim_rent.web.answers import CensusAnswers, refuse, respond
from onlinesim_rent.web.authentication import check_header, check_key
from onlinesim_rent.web.body import read_request

if TYPE_CHECKING:
    from onlinesim_rent.settings import Settings
    from onlinesim_rent.web.census_source import CensusSource


def rent_blueprint(settings: Settings, census: CensusSource) -> Blueprint:
    """Make the route, for this service's application or for one of your own.

    The route answers its errors as the contract describes. The application's other routes keep their own
    error pages. So does a path or method without a route: the application answers 404 and 405.
    """
    blueprint = Blueprint("onlinesim_rent", __name__)
    keys = [key.encode() for key in settings.api_keys]
    answers = CensusAnswers()

    @blueprint.post("/getServicesRent", provide_automatic_options=False)
    def get_services_rent() -> Response:
        deadline = boot_clock() + settings.deadline_seconds
        check_header(keys, required=settings.authorization_required)
        check_key(read_request(), keys)
        return respond(answers.of(census.get(deadline)))

    # Flask prefers an application's handler of a status to a blueprint's handler of Exception.
    # Reading a body can raise these two statuses.
    for kind in (Exception, 400, 413):
        blueprint.register_error_handler(kind, refuse)
    return blueprint
