"""GET /status: the last census for people, with a key. It takes no census."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Response, request

from onlinesim_rent.census.claims import Claims
from onlinesim_rent.census.history import Point
from onlinesim_rent.clock import boot_clock
from onlinesim_rent.finding import CensusError
from onlinesim_rent.web.authentication import check_login, check_loopback
from onlinesim_rent.web.history_picture import HistoryPicture, history_picture
from onlinesim_rent.web.pages import page, pages_blueprint
from onlinesim_rent.web.status_page import ClaimList, StatusPage, claim_list, last_census

if TYPE_CHECKING:
    from flask import Blueprint

    from onlinesim_rent.census.counting import Census
    from onlinesim_rent.settings import Settings
    from onlinesim_rent.web.census_source import LastCensusSource

RENEW_SECONDS = 30
"""How often the page renews itself. A reader can stop that: ``/status?renew=off``."""


@dataclass(frozen=True, slots=True)
class StatusSources:
    """Where the page gets what it shows.

    ``history`` and ``claims`` raise CensusError if they cannot be read. ``claims`` is None if the settings
    name no directory of claims. ``note`` returns a claim's note.
    """

    census: LastCensusSource
    history: Callable[[], Sequence[Point]]
    claims: Callable[[], Claims] | None
    note: Callable[[str], str]


def status_blueprint(settings: Settings, sources: StatusSources) -> Blueprint:
    """Make the route."""
    blueprint = pages_blueprint("status")
    keys = [key.encode() for key in settings.api_keys]

    @blueprint.get("/status", provide_automatic_options=False)
    def status() -> Response:
        check_loopback(forwarded=True)
        check_login(keys)
        renew = 0 if request.args.get("renew") == "off" else RENEW_SECONDS
        return page("status.html", status=status_now(sources), renew=renew)

    return blueprint


def status_now(sources: StatusSources) -> StatusPage:
    """Read what the page shows at this moment."""
    last = sources.census.last()
    return StatusPage(
        census=last_census(*last) if last else None,
        failure=sources.census.last_failure(),
        degraded=last[0].degraded if last else "",
        claims=_claims(sources, last[0] if last else None),
        picture=_picture(sources),
    )


def _claims(sources: StatusSources, census: Census | None) -> ClaimList | None:
    if sources.claims is None:
        return None
    try:
        claims = sources.claims()
        notes = {name: sources.note(name) for name in claims.names}
    except CensusError as error:
        return ClaimList(problem=str(error))
    return claim_list(claims, notes, census)


def _picture(sources: StatusSources) -> HistoryPicture | None:
    try:
        points = sources.history()
    except CensusError:
        # The runtime directory cannot be used: last_failure() says so.
        return None
    return history_picture(points, boot_clock())
