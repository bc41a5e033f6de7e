"""Connects the packages below HTTP: the settings become censuses of real modules."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

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
from onlinesim_rent.modem.details import Details
from onlinesim_rent.modem.ports.holders import cannot_see_all_holders
from onlinesim_rent.modem.probe import Prober
from onlinesim_rent.modem.probing import Progress, no_progress
from onlinesim_rent.modem.protocol.details import describe
from onlinesim_rent.networks.home_network import Names
from onlinesim_rent.settings import Settings

_log = logging.getLogger(__name__)


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


def module_details(settings: Settings, ports: Collection[str]) -> dict[str, Details]:
    """Ask the modules on some ports about themselves, for people; return the answers by port.

    Raises CensusError.
    """
    prober = Prober(settings.baud_rate, taken_by_holders=settings.taken_by_holders, ask=describe)
    directory = RuntimeDirectory(settings.runtime_dir)
    return describe_modules(settings.ports, ports, prober, directory, settings.deadline_seconds)


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
