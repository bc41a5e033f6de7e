"""Wires the rooms together: the only place that knows them all."""

from __future__ import annotations

import logging
import select
from functools import partial

from flask import Flask

from onlinesim_rent.census import journal
from onlinesim_rent.census.cache import CensusCache
from onlinesim_rent.census.known_modules import KnownModules
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.census.taking import take_census
from onlinesim_rent.configuration_error import ConfigurationError
from onlinesim_rent.modem.ports.holders import cannot_see_all_holders
from onlinesim_rent.modem.probe import Prober
from onlinesim_rent.networks.home_network import Names
from onlinesim_rent.settings import Settings
from onlinesim_rent.web.answers import refuse
from onlinesim_rent.web.census_source import CensusSource
from onlinesim_rent.web.monitoring import monitor
from onlinesim_rent.web.rent import rent_blueprint

_log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None, census: CensusSource | None = None) -> Flask:
    """Build the service as a WSGI application.

    The settings are the environment's unless given, and the counts are asked of the modules themselves
    unless they come from another source. Raises ConfigurationError.
    """
    # gevent's and eventlet's monkey-patching takes it away, and a census cannot be taken without.
    if not hasattr(select, "epoll"):
        raise ConfigurationError(
            "the server replaces select.epoll, which the service needs to ask the modems; "
            "run gunicorn with the worker class of gunicorn.conf.py, not with gevent or eventlet"
        )
    settings = settings or Settings.from_env()
    census = census or live_census(settings)
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(rent_blueprint(settings, census))
    app.register_error_handler(Exception, refuse)
    monitor(app, census)
    return app


def live_census(settings: Settings) -> CensusCache:
    """The counts as the modules on the settings' ports prove them. Raises ConfigurationError.

    Logs a warning if this process cannot see every program that holds a port.
    """
    names = Names.load(settings.names_file)
    if unseen := cannot_see_all_holders():
        _log.warning("%s", unseen)
    known = KnownModules(RuntimeDirectory(settings.runtime_dir))
    return CensusCache(
        settings.runtime_dir,
        settings.cache_seconds,
        partial(take_census, settings.ports, Prober(settings.baud_rate), names, known),
        record=journal.record,
        subject=repr((settings.ports, settings.baud_rate, names.fingerprint)),
    )
