"""GET / names the pages and the version, for people on this host. It needs no key and tells no secret."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from flask import Response

from onlinesim_rent.web.authentication import check_loopback
from onlinesim_rent.web.pages import page, pages_blueprint

if TYPE_CHECKING:
    from flask import Blueprint

    from onlinesim_rent.settings import Settings


def landing_blueprint(settings: Settings) -> Blueprint:
    """Make the route. A request that came through a proxy is refused: it is not for others."""
    blueprint = pages_blueprint("landing")
    release = version("onlinesim-rent")

    @blueprint.get("/", provide_automatic_options=False)
    def landing() -> Response:
        check_loopback(forwarded=False)
        return page("landing.html", release=release, status_page=settings.status_page)

    return blueprint
