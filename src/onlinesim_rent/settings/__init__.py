"""The settings: what they are, and how they are read from the environment."""

from __future__ import annotations

import logging
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from onlinesim_rent.settings import values
from onlinesim_rent.settings.environment import Environment, Variable
from onlinesim_rent.settings.fleet import FLEET_VARIABLES, FleetSettings, read_fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_log = logging.getLogger(__name__)

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the directory in it is checked before it is used
"""Where Linux lets every user keep files in memory."""

VARIABLES = (
    Variable(
        "RENT_API_KEY",
        "the key; several keys, separated by spaces, are valid at the same time",
        if_unset="one is required",
        example="KEY-FROM-YOUR-ACCOUNT",
        is_secret=True,
    ),
    Variable(
        "RENT_API_KEY_FILE",
        "a file that holds the key; several keys, one a line, are valid at the same time",
        if_unset="one is required",
        example="/etc/onlinesim-rent/api-key",
    ),
    Variable(
        "RENT_PORTS",
        "globs, device paths, socket://host:port and ranges socket://host:7001-7064, "
        "separated by spaces or commas",
        if_unset="required without RENT_REDIS_URL",
        example="/dev/serial/by-path/*",
    ),
    Variable(
        "RENT_AUTHORIZATION",
        "'optional' accepts a request without an Authorization header if the key in its body is right",
        default="required",
    ),
    Variable("RENT_CACHE_SECONDS", "how long a census is answered again, 0 to 60", default="5"),
    Variable(
        "RENT_DEADLINE_SECONDS",
        "the time from a request's arrival to its answer, 1 to 9.5; the marketplace waits 10 seconds",
        default="8",
    ),
    Variable("RENT_BAUD_RATE", "the speed of the serial lines, in bits a second", default="115200"),
    Variable(
        "RENT_NAMES_FILE",
        "a file of your own names for countries and operators",
        if_unset="none",
        example="/etc/onlinesim-rent/names.toml",
    ),
    Variable(
        "RENT_CLAIMS_DIR",
        "a directory with one file for each number that is taken: see docs/agents.md",
        if_unset="none",
        example="/var/lib/onlinesim-rent/claims",
    ),
    Variable(
        "RENT_TAKEN_BY",
        "'holders': a program that has a port of a module open takes the module, and so does a claim; "
        "'claims': only claims do",
        default="holders",
    ),
    Variable(
        "RENT_SERVICES_URL",
        "your own GET_SERVICES endpoint: POST /getServices adds the rent counts to its answer",
        if_unset="none",
        example="http://127.0.0.1:9000/getServices",
    ),
    Variable(
        "RENT_STATUS_PAGE",
        "'1' shows the last census to people at /status, on loopback and with a key",
        default="0",
    ),
    Variable("RENT_METRICS_PORTS", "'1' adds one metric for each port to /metrics", default="0"),
    Variable("RENT_LOG_LEVEL", "debug, info, warning, error or critical", default="info"),
    Variable(
        "RENT_RUNTIME_DIR",
        "the directory where the workers share the census; only the service's user may access it",
        if_unset="systemd's, the login's, one in `/dev/shm` or a temporary one",
        example="/run/onlinesim-rent",
    ),
    *FLEET_VARIABLES,
    Variable("RENT_BIND", "where gunicorn listens: host:port or unix:/path", default="127.0.0.1:8000"),
    Variable("WEB_CONCURRENCY", "the number of gunicorn's workers, of 32 threads each", default="2"),
)
"""Every setting, described once. gunicorn.conf.py reads the last two itself."""


def runtime_dir(environ: Mapping[str, str]) -> tuple[Path, str]:
    """Choose the service's own directory, and say in words why it is this one.

    It is systemd's, the login's, one in memory or a temporary one. Raises ValueError if none of them can be
    written to.
    """
    by_systemd = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    if by_systemd:
        return Path(by_systemd), "systemd (RUNTIME_DIRECTORY)"
    by_login = environ.get("XDG_RUNTIME_DIR")
    if by_login:
        return Path(by_login, "onlinesim-rent"), "the login (XDG_RUNTIME_DIR)"
    name = f"onlinesim-rent-{os.getuid()}"
    if os.access(SHARED_MEMORY, os.W_OK):
        return SHARED_MEMORY / name, f"chosen: {SHARED_MEMORY} is in memory"
    try:
        return Path(tempfile.gettempdir(), name), f"chosen: {SHARED_MEMORY} cannot be written to"
    except FileNotFoundError:
        raise ValueError("is not set, and no directory for temporary files can be written to") from None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process, as values.

    ``api_keys`` are all valid at the same time, so that a key can be replaced without a refused request.
    ``ports`` are globs, absolute device paths, ``socket://host:port`` and ranges of these, not yet expanded.
    ``cache_seconds`` is how long a census may be answered again, ``deadline_seconds`` how long after its
    arrival a request must be answered. ``claims_dir`` is None if there are no claims. ``taken_by_holders``
    says whether a program that holds a port takes the port's module. ``services_url`` is the partner's
    endpoint whose answer gets the rent counts; None if there is none. ``status_page`` says whether /status is
    served, ``metrics_ports`` whether /metrics has a metric for each port. ``fleet`` is None if this host
    answers alone; without it, there is at least one port.
    """

    api_keys: tuple[str, ...] = field(repr=False)
    ports: tuple[str, ...]
    authorization_required: bool
    cache_seconds: float
    deadline_seconds: float
    baud_rate: int
    names_file: Path | None
    claims_dir: Path | None
    taken_by_holders: bool
    services_url: str | None
    status_page: bool
    metrics_ports: bool
    log_level: str
    runtime_dir: Path
    fleet: FleetSettings | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, *, needs_key: bool = True) -> Settings:
        """Read the settings from ``environ``, by default the process's own.

        A program that answers no requests needs no key.

        Raises ConfigurationError, which names every wrong variable at once. An unknown variable is only
        logged: a variable for a newer release must not stop this one.
        """
        environment = environment_of(environ)
        for problem in environment.unknown("RENT_"):
            _log.warning("%s", problem)
        settings = cls.read(environment, needs_key=needs_key)
        environment.finish()
        return settings

    @classmethod
    def read(cls, environment: Environment, *, needs_key: bool = True) -> Settings:
        """Read the settings from an environment, which collects what is wrong. Raises nothing.

        An example stands in the place of each wrong value.
        """
        read = environment.read
        api_keys = _api_keys(environment, needs_key=needs_key)
        fleet = read_fleet(environment, api_keys)
        settings = cls(
            api_keys=api_keys,
            ports=read("RENT_PORTS", values.optional_ports if fleet else values.ports),
            authorization_required=read("RENT_AUTHORIZATION", values.authorization_required),
            cache_seconds=read("RENT_CACHE_SECONDS", values.cache_seconds),
            deadline_seconds=read("RENT_DEADLINE_SECONDS", values.deadline_seconds),
            baud_rate=read("RENT_BAUD_RATE", values.baud_rate),
            names_file=read("RENT_NAMES_FILE", values.optional_path),
            claims_dir=read("RENT_CLAIMS_DIR", values.optional_directory),
            taken_by_holders=read("RENT_TAKEN_BY", values.taken_by_holders),
            services_url=read("RENT_SERVICES_URL", values.optional_url),
            status_page=read("RENT_STATUS_PAGE", values.switch),
            metrics_ports=read("RENT_METRICS_PORTS", values.switch),
            log_level=read("RENT_LOG_LEVEL", values.log_level),
            runtime_dir=read("RENT_RUNTIME_DIR", lambda text: _runtime_dir(text, environment)),
            fleet=fleet,
        )
        # Gunicorn reads both itself. With 0 workers it would listen and never answer.
        read("RENT_BIND", values.bind)
        read("WEB_CONCURRENCY", values.workers)
        return settings


def environment_of(environ: Mapping[str, str] | None = None) -> Environment:
    """Return the environment that holds the settings: by default, the process's own."""
    return Environment(VARIABLES, os.environ if environ is None else environ)


def claims_dir(environ: Mapping[str, str] | None = None) -> Path | None:
    """Read RENT_CLAIMS_DIR alone, for a program that makes claims and needs no other setting.

    Raises ConfigurationError.
    """
    return _alone(environ, "RENT_CLAIMS_DIR", values.optional_directory)


def api_keys(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Read the keys alone, for a program that asks a service. Raises ConfigurationError."""
    environment = environment_of(environ)
    keys = _api_keys(environment)
    environment.finish()
    return keys


def names_file(environ: Mapping[str, str] | None = None) -> Path | None:
    """Read RENT_NAMES_FILE alone. Raises ConfigurationError."""
    return _alone(environ, "RENT_NAMES_FILE", values.optional_path)


def baud_rate(environ: Mapping[str, str] | None = None) -> int:
    """Read RENT_BAUD_RATE alone, for a program that only looks at ports. Raises ConfigurationError."""
    return _alone(environ, "RENT_BAUD_RATE", values.baud_rate)


def _alone(
    environ: Mapping[str, str] | None, name: str, parse: Callable[[str], values.Value]
) -> values.Value:
    environment = environment_of(environ)
    value = environment.read(name, parse)
    environment.finish()
    return value


def _api_keys(environment: Environment, *, needs_key: bool = True) -> tuple[str, ...]:
    names = ("RENT_API_KEY", "RENT_API_KEY_FILE")
    in_place, file = (environment.values.get(name, "") for name in names)
    if not needs_key and not in_place and not file:
        return ()
    try:
        keys = values.api_keys(in_place, file)
    except ValueError as problem:
        wrong = [name for name in names if environment.values.get(name)] or names
        environment.refuse(str(problem), instead="RENT_API_KEY_FILE", wrong=wrong)
        return ()
    number = f"{len(keys)} key" if len(keys) == 1 else f"{len(keys)} keys"
    if file:
        environment.explain("RENT_API_KEY_FILE", f"{file} ({number})", _origin(file, environment))
    else:
        environment.explain("RENT_API_KEY", number, "environment")
    return keys


def _origin(file: str, environment: Environment) -> str:
    """Say where a file comes from: systemd.exec(5) tells a service the directory of its credentials."""
    credentials = environment.values.get("CREDENTIALS_DIRECTORY")
    is_credential = credentials and Path(file).is_relative_to(credentials)
    return "systemd credential" if is_credential else "environment"


def _runtime_dir(text: str, environment: Environment) -> Path:
    if text:
        return values.directory(text)
    directory, why = runtime_dir(environment.values)
    environment.explain("RENT_RUNTIME_DIR", str(directory), why)
    return values.directory(str(directory))
