"""What the service is told by its environment: every wrong variable is named at once, and none is guessed."""

from __future__ import annotations

import ipaddress
import math
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value = TypeVar("Value")

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the directory in it is checked before it is used
"""Where Linux lets every user keep files in memory."""

HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.(?!-)[A-Za-z0-9_-]{1,63})*\.?")  # RFC 1123, 2.1, and _


class SettingsError(ValueError):
    """The environment is wrong; the text names every wrong variable, what is wrong and an example.

    No text ever holds a key.
    """


def runtime_dir(environ: Mapping[str, str]) -> Path:
    """Choose the service's own directory: systemd's, the login's, one in memory or a temporary one.

    Raises ValueError where nothing temporary can be written either.
    """
    by_systemd = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    if by_systemd:
        return Path(by_systemd)
    by_login = environ.get("XDG_RUNTIME_DIR")
    if by_login:
        return Path(by_login, "onlinesim-rent")
    name = f"onlinesim-rent-{os.getuid()}"
    if os.access(SHARED_MEMORY, os.W_OK):
        return SHARED_MEMORY / name
    try:
        return Path(tempfile.gettempdir(), name)
    except FileNotFoundError:
        raise ValueError("is not set, and no directory for temporary files can be written to") from None


@dataclass(frozen=True, slots=True)
class Settings:
    """One process's settings, each from the variable of its name: RENT_PORTS and so on.

    ``api_keys`` are all valid at the same time, so that one can be replaced without a refused request.
    ``ports`` are globs, absolute device paths and ``socket://host:port``, not yet expanded.
    ``cache_seconds`` is how long a census may be answered again, ``deadline_seconds`` how long after its
    arrival a request must be answered.
    """

    api_keys: tuple[str, ...] = field(repr=False)
    ports: tuple[str, ...]
    authorization_required: bool = True
    cache_seconds: float = 5.0
    deadline_seconds: float = 8.0
    baud_rate: int = 115200
    names_file: Path | None = None
    log_level: str = "info"
    runtime_dir: Path = field(default_factory=lambda: runtime_dir(os.environ))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from ``environ``, by default the process's own; raises SettingsError."""
        reader = _Reader(os.environ if environ is None else environ)
        settings = cls(
            api_keys=reader.api_keys(),
            ports=reader.read("RENT_PORTS", _ports, "", example="/dev/ttyUSB*"),
            authorization_required=reader.read("RENT_AUTHORIZATION", _authorization, "required"),
            cache_seconds=reader.read("RENT_CACHE_SECONDS", _cache_seconds, "5"),
            deadline_seconds=reader.read("RENT_DEADLINE_SECONDS", _deadline_seconds, "8"),
            baud_rate=reader.read("RENT_BAUD_RATE", _baud_rate, "115200"),
            names_file=reader.path("RENT_NAMES_FILE"),
            log_level=reader.read("RENT_LOG_LEVEL", _log_level, "info"),
            runtime_dir=reader.read("RENT_RUNTIME_DIR", reader.directory, "", example="/run/onlinesim-rent"),
        )
        # Gunicorn's own setting: with 0 it would listen, and nobody would answer.
        reader.read("WEB_CONCURRENCY", _workers, "2")
        reader.finish()
        return settings


class _Reader:
    """Reads variables one by one and remembers what is wrong with each; an empty one counts as not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = {name: value.strip() for name, value in environ.items()}
        self.problems: list[str] = []

    def read(
        self, name: str, parse: Callable[[str], Value], default: str, *, example: str | None = None
    ) -> Value:
        """Parse the variable's value, or the example in place of a wrong one."""
        example = example or default
        try:
            return parse(self.environ.get(name) or default)
        except ValueError as problem:
            self.problems.append(f"{name} {problem}; for example {name}={example}")
            return parse(example)

    def path(self, name: str) -> Path | None:
        value = self.environ.get(name)
        return Path(value) if value else None

    def directory(self, value: str) -> Path:
        return _directory(value or str(runtime_dir(self.environ)))

    def api_keys(self) -> tuple[str, ...]:
        in_place, file = self.environ.get("RENT_API_KEY", ""), self.path("RENT_API_KEY_FILE")
        example = "RENT_API_KEY_FILE=/etc/onlinesim-rent/api-key"
        try:
            return _api_keys(in_place, file)
        except ValueError as problem:
            self.problems.append(f"{problem}; for example {example}")
            return ()

    def finish(self) -> None:
        if self.problems:
            raise SettingsError("\n  ".join(["the settings are wrong:", *self.problems]))


def _api_keys(in_place: str, file: Path | None) -> tuple[str, ...]:
    if bool(in_place) == bool(file):
        raise ValueError("RENT_API_KEY and RENT_API_KEY_FILE: exactly one of them must be set")
    return _keys_in(file) if file else _printable("RENT_API_KEY", in_place.split())


def _keys_in(file: Path) -> tuple[str, ...]:
    """Read the keys of a file, one a line, behind the byte order mark that some editors write."""
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise ValueError(f"RENT_API_KEY_FILE: {file} is not UTF-8") from None
    except OSError as error:
        raise ValueError(f"RENT_API_KEY_FILE: {file} cannot be read: {error.strerror}") from None
    keys = [line.strip() for line in lines if line.strip()]
    if not keys:
        raise ValueError(f"RENT_API_KEY_FILE: {file} holds no key; write one a line")
    return _printable(f"RENT_API_KEY_FILE: {file}", keys)


def _printable(source: str, keys: list[str]) -> tuple[str, ...]:
    if not all(key.isprintable() for key in keys):
        raise ValueError(f"{source} holds a character that cannot be printed")
    return tuple(keys)


def _ports(value: str) -> tuple[str, ...]:
    ports = value.replace(",", " ").split()
    if not ports:
        raise ValueError("is not set: write globs, device paths or socket://host:port, and commas between")
    wrong = [f"{port!r} {problem}" for port in ports if (problem := _port_problem(port))]
    if wrong:
        raise ValueError("; ".join(wrong))
    return tuple(dict.fromkeys(ports))


def _port_problem(port: str) -> str:
    if port.startswith("socket://"):
        return "" if _is_socket(port) else "is not socket://host:port with a port from 1 to 65535"
    if "://" in port:
        return "is of a kind that is not served: only socket:// is"
    return "" if port.startswith("/") else "is not an absolute path"


def _is_socket(port: str) -> bool:
    try:
        url = urlsplit(port)
        host, number = url.hostname or "", url.port or 0
    except ValueError:
        return False
    bracketed = f"[{host}]" if ":" in host else host
    return _is_host(host) and number > 0 and url.netloc.lower() == f"{bracketed}:{number}" == port[9:].lower()


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return HOST_NAME.fullmatch(host) is not None
    return True


def _authorization(value: str) -> bool:
    if value not in {"required", "optional"}:
        raise ValueError(f"is {value!r}, neither 'required' nor 'optional'")
    return value == "required"


def _log_level(value: str) -> str:
    if value.lower() not in {"debug", "info", "warning", "error", "critical"}:
        raise ValueError(f"is {value!r}, none of debug, info, warning, error and critical")
    return value.lower()


def _cache_seconds(value: str) -> float:
    # What was counted more than a minute ago is not "now".
    return _number(value, float, 0, 60, "seconds from 0 to 60")


def _deadline_seconds(value: str) -> float:
    # The marketplace gives up after 10 seconds, a proxy in front a little earlier; the way back takes time.
    return _number(value, float, 1, 9.5, "seconds from 1 to 9.5")


def _baud_rate(value: str) -> int:
    # 4000000 is the highest rate of Linux's termios.
    return _number(value, int, 1, 4_000_000, "a whole number of bits a second from 1 to 4000000")


def _workers(value: str) -> int:
    return _number(value, int, 1, math.inf, "a whole number of workers, at least 1")


def _number(value: str, kind: Callable[[str], Value], least: float, most: float, wanted: str) -> Value:
    try:
        number = kind(value)
        fits = least <= number <= most  # type: ignore[operator]
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"is {value!r}, not {wanted}")
    return number


def _directory(value: str) -> Path:
    # A relative path would be another directory for the command line than for the workers.
    if not value.startswith("/"):
        raise ValueError(f"is {value!r}, not an absolute path")
    return Path(value)
