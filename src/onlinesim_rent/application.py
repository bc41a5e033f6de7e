"""Connects the packages. Only this file knows all of them."""

from __future__ import annotations

import logging
import select
from collections.abc import Callable, Collection

from flask import Flask

from onlinesim_rent.census import journal
from onlinesim_rent.census.cache import CensusCache
from onlinesim_rent.census.claims_directory import ClaimsDirectory
from onlinesim_rent.census.counting import Census
from onlinesim_rent.census.describing import describe_modules
from onlinesim_rent.census.history import History
from onlinesim_rent.census.known_modules import KnownModules
from onlinesim_rent.census.own_modules import Ask, OwnModules
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.census.taking import CensusTaker
from onlinesim_rent.configuration_error import ConfigurationError
from onlinesim_rent.modem.details import Details
from onlinesim_rent.modem.ports.holders import cannot_see_all_holders
from onlinesim_rent.modem.probe import Prober
from onlinesim_rent.modem.probing import Progress, no_progress
from onlinesim_rent.modem.protocol.details import describe
from onlinesim_rent.networks.home_network import Names
from onlinesim_rent.settings import Settings
from onlinesim_rent.web.answers import refuse
from onlinesim_rent.web.census_source import CensusSource
from onlinesim_rent.web.landing import landing_blueprint
from onlinesim_rent.web.monitoring import monitor
from onlinesim_rent.web.rent import rent_blueprint
from onlinesim_rent.web.services import services_blueprint
from onlinesim_rent.web.services_client import ServicesClient
from onlinesim_rent.web.status import StatusSources, status_blueprint

_log = logging.getLogger(__name__)


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
    census = census or live_census(settings)
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(rent_blueprint(settings, census))
    if settings.services_url:
        app.register_blueprint(services_blueprint(settings, census, ServicesClient(settings.services_url)))
    app.register_blueprint(landing_blueprint(settings))
    if settings.status_page:
        app.register_blueprint(status_blueprint(settings, _status_sources(settings, census)))
    app.register_error_handler(Exception, refuse)
    monitor(app, census, each_port=settings.metrics_ports)
    return app


def _status_sources(settings: Settings, census: CensusSource) -> StatusSources:
    claims = ClaimsDirectory(settings.claims_dir)
    return StatusSources(
        census,
        history=History(RuntimeDirectory(settings.runtime_dir)).points,
        claims=claims.current if settings.claims_dir else None,
        note=claims.note,
    )


def live_census(settings: Settings, progress: Progress = no_progress) -> CensusCache:
    """Return the census of the real modules on the settings' ports. Raises ConfigurationError.

    Logs a warning if this process cannot see every program that holds a port. While this process takes a
    census, ``progress(found, ports)`` is called with each finding.
    """
    names = Names.load(settings.names_file)
    if unseen := cannot_see_all_holders():
        _log.warning("%s", unseen)
    claims = ClaimsDirectory(settings.claims_dir)
    taker = CensusTaker(
        settings.ports,
        Prober(settings.baud_rate, taken_by_holders=settings.taken_by_holders, progress=progress),
        names,
        KnownModules(RuntimeDirectory(settings.runtime_dir)),
        claims,
    )
    subject = (settings.ports, settings.baud_rate, names.fingerprint, settings.taken_by_holders)
    return _cache(settings, taker.take, claims, subject)


def module_details(settings: Settings, ports: Collection[str], deadline: float) -> dict[str, Details]:
    """Ask the modules on some ports about themselves, for people; return the answers by port.

    Raises CensusError.
    """
    prober = Prober(settings.baud_rate, taken_by_holders=settings.taken_by_holders, ask=describe)
    directory = RuntimeDirectory(settings.runtime_dir)
    return describe_modules(settings.ports, ports, prober, directory, deadline)


def own_census(settings: Settings, ask: Ask) -> CensusCache:
    """The counts as your own application proves them: ``ask`` asks the modules on the ports that it holds.

    Only one thread at a time runs ``ask``. Raises ConfigurationError.
    """
    names = Names.load(settings.names_file)
    claims = ClaimsDirectory(settings.claims_dir)
    subject = ("own modules", settings.ports, names.fingerprint)
    return _cache(settings, OwnModules(ask, names, claims).take, claims, subject)


def _cache(
    settings: Settings, take: Callable[[float], Census], claims: ClaimsDirectory, subject: tuple[object, ...]
) -> CensusCache:
    history = History(RuntimeDirectory(settings.runtime_dir)) if settings.status_page else None

    def record(previous: Census | None, census: Census) -> None:
        journal.record(previous, census)
        if history:
            history.record(census)

    return CensusCache(
        settings.runtime_dir,
        settings.cache_seconds,
        take,
        record=record,
        record_failure=history.record_failure if history else lambda: None,
        subject=repr(subject),
        claims=lambda: claims.current().fingerprint,
    )
