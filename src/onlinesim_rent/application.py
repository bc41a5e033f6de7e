"""Connects the packages. Only this file knows all of them."""

from __future__ import annotations

import select

from flask import Flask

from onlinesim_rent.census.claims_directory import ClaimsDirectory
from onlinesim_rent.census.history import History
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.censuses import front_directory, live_census, live_censuses, own_census
from onlinesim_rent.configuration_error import ConfigurationError
from onlinesim_rent.settings import Settings
from onlinesim_rent.web.answers import refuse
from onlinesim_rent.web.census_source import CensusSource, LastCensusSource
from onlinesim_rent.web.landing import landing_blueprint
from onlinesim_rent.web.monitoring import monitor
from onlinesim_rent.web.rent import rent_blueprint
from onlinesim_rent.web.services import services_blueprint
from onlinesim_rent.web.services_client import ServicesClient
from onlinesim_rent.web.status import StatusSources, status_blueprint

__all__ = ["create_app", "live_census", "own_census"]


def create_app(settings: Settings | None = None, census: CensusSource | None = None) -> Flask:
    """Build the service as a WSGI application.

    Without ``settings``, they are read from the environment. Without ``census``, the modules are asked.
    Raises ConfigurationError.
    """
    # The monkey-patching of gevent and eventlet removes epoll, and a census needs it.
    if not hasattr(select, "epoll"):
        raise ConfigurationError(
            "the server replaces select.epoll, which the service needs to ask the modems; "
            "run gunicorn with the worker class of gunicorn.conf.py, not with gevent or eventlet"
        )
    settings = settings or Settings.from_env()
    census, last = (census, census) if census else live_censuses(settings)
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(rent_blueprint(settings, census))
    if settings.services_url:
        app.register_blueprint(services_blueprint(settings, census, ServicesClient(settings.services_url)))
    app.register_blueprint(landing_blueprint(settings))
    if settings.status_page:
        app.register_blueprint(status_blueprint(settings, _status_sources(settings, last)))
    app.register_error_handler(Exception, refuse)
    monitor(app, last, each_port=settings.metrics_ports)
    return app


def _status_sources(settings: Settings, census: LastCensusSource) -> StatusSources:
    claims = ClaimsDirectory(settings.claims_dir)
    return StatusSources(
        census,
        history=History(RuntimeDirectory(front_directory(settings))).points,
        claims=claims.current if settings.claims_dir else None,
        note=claims.note,
    )
