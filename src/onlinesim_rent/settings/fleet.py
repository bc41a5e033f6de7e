"""The settings of a fleet: several hosts that give one answer."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from onlinesim_rent.settings.environment import Variable
from onlinesim_rent.settings.values import HOST_NAME, publish_seconds, text_in

if TYPE_CHECKING:
    from collections.abc import Collection

    from onlinesim_rent.settings.environment import Environment

SHORTEST_SECRET = 32
"""Characters. An IMEI has so few digits that a shorter secret could be guessed from the marks in Redis."""

_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_URL_OPTIONS = {*_FILES, "db"}
"""Others could change what the service relies on, such as its time limits."""

FLEET_VARIABLES = (
    Variable(
        "RENT_REDIS_URL",
        "the Redis through which several hosts give one answer: see docs/several-hosts.md",
        if_unset="none",
        example="rediss://onlinesim-rent:PASSWORD@redis.example:6379",
    ),
    Variable(
        "RENT_FLEET_SECRET",
        "with RENT_REDIS_URL: a secret that all hosts share, at least 32 characters",
        if_unset="none",
        example="32-CHARACTERS-THAT-ONLY-YOUR-HOSTS-KNOW",
        is_secret=True,
    ),
    Variable(
        "RENT_FLEET_SECRET_FILE",
        "a file that holds that secret",
        if_unset="none",
        example="/etc/onlinesim-rent/fleet-secret",
    ),
    Variable(
        "RENT_HOSTS",
        "the names of the hosts that must answer, separated by spaces or commas",
        if_unset="those of the last day",
        example="pool-1 pool-2 pool-3",
    ),
    Variable(
        "RENT_HOST_NAME",
        "this host's name among the others; each needs its own",
        if_unset="the host's own name",
        example="pool-1",
    ),
    Variable(
        "RENT_PUBLISH_SECONDS",
        "how often a host publishes its ports for the fronts' pages, 0 to 3600; 0: never",
        default="0",
    ),
    Variable(
        "RENT_REDIS_PREFIX",
        "how the names of all keys in Redis begin; the same on all hosts",
        default="onlinesim-rent",
    ),
)


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """Which Redis joins the hosts, and how. Without ``hosts``, those seen in the last day are expected."""

    redis_url: str = field(repr=False)
    secret: bytes = field(repr=False)
    hosts: tuple[str, ...]
    host_name: str
    publish_seconds: float
    redis_prefix: str


def read_fleet(environment: Environment, api_keys: Collection[str]) -> FleetSettings | None:
    """Read the settings of a fleet; None if RENT_REDIS_URL is not set."""
    if not environment.values.get("RENT_REDIS_URL"):
        return None
    read = environment.read
    return FleetSettings(
        redis_url=read("RENT_REDIS_URL", redis_url),
        secret=_secret(environment, api_keys),
        hosts=read("RENT_HOSTS", hosts),
        host_name=read("RENT_HOST_NAME", lambda text: host_name(text or socket.gethostname())),
        publish_seconds=read("RENT_PUBLISH_SECONDS", publish_seconds),
        redis_prefix=read("RENT_REDIS_PREFIX", redis_prefix),
    )


def redis_url(text: str) -> str:
    """Check the address of a Redis. It may hold a password, so the problem never quotes it."""
    try:
        url = urlsplit(text)
        is_address = bool(url.path) if url.scheme == "unix" else bool(url.hostname) and url.port != 0
    except ValueError:
        raise ValueError(
            "cannot be read; write a special character of a password as % and two digits"
        ) from None
    if url.scheme not in {"redis", "rediss", "unix"} or not is_address:
        raise ValueError("is not redis://host:port, rediss://host:port or unix:///path")
    options = dict(parse_qsl(url.query, keep_blank_values=True))
    if options.keys() - _URL_OPTIONS:
        raise ValueError(f"has an option that is not one of {', '.join(sorted(_URL_OPTIONS))}")
    for name in _FILES:
        _check_readable(name, options.get(name))
    return text


def _check_readable(option: str, file: str | None) -> None:
    """Otherwise, the client of Redis would only say that there is no connection."""
    if file is None:
        return
    try:
        Path(file).open("rb").close()
    except OSError as error:
        raise ValueError(f"names {file!r} as {option}, which cannot be read: {error.strerror}") from None


def hosts(text: str) -> tuple[str, ...]:
    """Split the names of hosts; each is kept once."""
    return tuple(dict.fromkeys(map(host_name, text.replace(",", " ").split())))


def host_name(text: str) -> str:
    """Check the name of a host: letters, digits, hyphens, underscores and dots."""
    if not HOST_NAME.fullmatch(text):
        raise ValueError(f"is {text!r}, not the name of a host; set one of letters, digits and hyphens")
    return text


def redis_prefix(text: str) -> str:
    """Check the beginning of keys. In an ACL of Redis, other characters could be patterns."""
    if not HOST_NAME.fullmatch(text):
        raise ValueError(f"is {text!r}; use letters, digits, hyphens, underscores and dots")
    return text


def _secret(environment: Environment, api_keys: Collection[str]) -> bytes:
    in_place, file = (
        environment.values.get(name, "") for name in ("RENT_FLEET_SECRET", "RENT_FLEET_SECRET_FILE")
    )
    try:
        return secret(in_place, file, api_keys)
    except ValueError as problem:
        environment.refuse(str(problem), instead="RENT_FLEET_SECRET_FILE")
        return b""


def secret(in_place: str, file: str, api_keys: Collection[str]) -> bytes:
    """Read the fleet's secret from RENT_FLEET_SECRET, or from the file that RENT_FLEET_SECRET_FILE names."""
    if bool(in_place) == bool(file):
        raise ValueError(
            "RENT_FLEET_SECRET and RENT_FLEET_SECRET_FILE: with RENT_REDIS_URL, exactly one must be set"
        )
    source = f"RENT_FLEET_SECRET_FILE: {file}" if file else "RENT_FLEET_SECRET"
    text = text_in("RENT_FLEET_SECRET_FILE", file).strip() if file else in_place
    if len(text) < SHORTEST_SECRET:
        raise ValueError(
            f"{source} holds fewer than {SHORTEST_SECRET} characters; "
            "write what `openssl rand -hex 32` prints"
        )
    if text in api_keys:
        raise ValueError(
            f"{source} holds an API key; a new key would split the fleet, so use a secret of its own"
        )
    return text.encode()
