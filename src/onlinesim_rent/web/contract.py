"""What all routes of the contract share: the caller's key, the deadline, and how errors are answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from flask import Blueprint, Response

from onlinesim_rent.clock import boot_clock
from onlinesim_rent.web.answers import refuse
from onlinesim_rent.web.authentication import check_header, check_key
from onlinesim_rent.web.body import read_request

if TYPE_CHECKING:
    from onlinesim_rent.settings import Settings

RENT = "onlinesim_rent"
SERVICES = "onlinesim_rent_services"
ROUTES_WITH_A_KEY = frozenset({RENT, SERVICES})
"""The blueprints of this contract. Only a request with a valid key gets the status 200 from them."""


class Due(NamedTuple):
    """When a request came, and by when it must be answered, on boot_clock."""

    came_at: float
    deadline: float


def contract_blueprint(
    name: str, path: str, settings: Settings, answer: Callable[[Due], Response]
) -> Blueprint:
    """Make the route ``POST path``, which calls ``answer`` for each request with a valid key.

    The route answers errors as the contract describes, in any application.
    """
    blueprint = Blueprint(name, __name__)
    keys = [key.encode() for key in settings.api_keys]

    @blueprint.post(path, provide_automatic_options=False)
    def get_services() -> Response:
        came_at = boot_clock()
        check_header(keys, required=settings.authorization_required)
        check_key(read_request(), keys)
        return answer(Due(came_at, came_at + settings.deadline_seconds))

    # Flask prefers an application's handler of a status to a blueprint's handler of Exception.
    # Reading a body can raise these two statuses.
    for kind in (Exception, 400, 413):
        blueprint.register_error_handler(kind, refuse)
    return blueprint
