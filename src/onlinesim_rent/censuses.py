"""Connects the packages below HTTP: the settings become censuses of real modules."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

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
from onlinesim_rent.clock import boot_id
from onlinesim_rent.configuration_error import ConfigurationError
from onlinesim_rent.hosts.fleet import Fleet
from onlinesim_rent.hosts.last_union import LastUnion
from onlinesim_rent.hosts.marks import Marks
from onlinesim_rent.hosts.port_names import named, split
from onlinesim_rent.hosts.publishing import Publisher
from onlinesim_rent.modem.details import Details
from onlinesim_rent.modem.ports.holders import cannot_see_all_holders
from onlinesim_rent.modem.probe import Prober
from onlinesim_rent.modem.probing import Progress, no_progress
from onlinesim_rent.modem.protocol.details import describe
from onlinesim_rent.networks.home_network import Names
from onlinesim_rent.settings import Settings

if TYPE_CHECKING:
    from onlinesim_rent.hosts.redis_exchange import RedisExchange
    from onlinesim_rent.settings.fleet import FleetSettings

_log = logging.getLogger(__name__)


class Censuses(NamedTuple):
    """The census that answers requests, and the last one that pages show."""

    answered: CensusCache
    last: CensusCache | LastUnion


def live_census(settings: Settings, progress: Progress = no_progress) -> CensusCache:
    """Return the census of the real modules of this host or, with RENT_REDIS_URL, of all hosts.

    Logs a warning if this process cannot see every program that holds a port. While this process takes a
    census of its own ports, ``progress(found, ports)`` is called with each finding.
    Raises ConfigurationError.
    """
    return live_censuses(settings, progress).answered


def live_censuses(settings: Settings, progress: Progress = no_progress) -> Censuses:
    """Return the same, and the last census for pages."""
    if settings.fleet is None:
        census = _ports_census(settings, progress)
        return Censuses(census, census)
    own = _ports_census(settings, progress) if settings.ports else None
    return _fleet_censuses(settings, settings.fleet, own)


def publisher(settings: Settings) -> Publisher:
    """Return what publishes this host's ports for its fleet. Raises ConfigurationError."""
    fleet = settings.fleet
    if fleet is None:
        raise ConfigurationError(
            "RENT_REDIS_URL is not set: name the Redis through which hosts give one answer"
        )
    if not settings.ports:
        raise ConfigurationError("RENT_PORTS is not set: name the ports that this host publishes")
    marks = Marks(fleet.secret)
    return Publisher(
        _exchange(fleet),
        _ports_census(settings),
        marks,
        fleet.host_name,
        # It tells two hosts of one name apart, but not a publisher from itself after a restart.
        marks.owner(f"{boot_id()} {settings.runtime_dir}"),
        fleet.publish_seconds,
        settings.deadline_seconds,
        version("onlinesim-rent"),
    )


def _fleet_censuses(settings: Settings, fleet: FleetSettings, own: CensusCache | None) -> Censuses:
    """Return the census of all hosts. It has its own directory: this host's census is taken meanwhile."""
    names = Names.load(settings.names_file)
    marks = Marks(fleet.secret)
    front = Fleet(_exchange(fleet), marks, names, fleet.host_name, own, fleet.hosts, settings.cache_seconds)
    subject = (fleet, marks.fingerprint, settings.ports, names.fingerprint)
    claims = ClaimsDirectory(settings.claims_dir if own else None)
    directory = front_directory(settings)
    answered = _cache(replace(settings, runtime_dir=directory), front.take, claims, subject)
    return Censuses(answered, LastUnion(answered, front) if fleet.publish_seconds else answered)


def front_directory(settings: Settings) -> Path:
    """Return the directory of the census that is answered: of this host, or of the fleet."""
    return settings.runtime_dir / "fleet" if settings.fleet else settings.runtime_dir


def _exchange(fleet: FleetSettings) -> RedisExchange:
    """Return the fleet's Redis. Its client is imported only here: it is an optional extra."""
    try:
        from onlinesim_rent.hosts.redis_exchange import RedisExchange  # noqa: PLC0415 - see above
    except ModuleNotFoundError:
        raise ConfigurationError(
            "RENT_REDIS_URL is set, but the client of Redis is not installed; in the source's directory, "
            "run `make install` on a server, or .venv/bin/pip install '.[redis]' elsewhere"
        ) from None
    return RedisExchange(fleet.redis_url, fleet.redis_prefix)


def _ports_census(settings: Settings, progress: Progress = no_progress) -> CensusCache:
    """Return the census of the real modules on this host's ports."""
    names = Names.load(settings.names_file)
    if unseen := cannot_see_all_holders():
        _log.warning("%s", unseen)
    claims = ClaimsDirectory(settings.claims_dir)
    marks = Marks(settings.fleet.secret) if settings.fleet else None
    taker = CensusTaker(
        settings.ports,
        Prober(settings.baud_rate, taken_by_holders=settings.taken_by_holders, progress=progress),
        names,
        KnownModules(RuntimeDirectory(settings.runtime_dir)),
        claims,
        marks,
    )
    subject = (
        settings.ports,
        settings.baud_rate,
        names.fingerprint,
        settings.taken_by_holders,
        marks.fingerprint if marks else "",
    )
    return _cache(settings, taker.take, claims, subject)


def module_details(settings: Settings, ports: Collection[str]) -> dict[str, Details]:
    """Ask the modules on some ports about themselves, for people; return the answers by port.

    With RENT_REDIS_URL, only those on this host's own ports are asked. Raises CensusError.
    """
    if fleet := settings.fleet:
        alone = replace(settings, fleet=None)
        own = [port for host, port in map(split, ports) if host == fleet.host_name]
        details = module_details(alone, own)
        return {named(fleet.host_name, port): told for port, told in details.items()}
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
