"""A small file in the runtime directory. Each version of it is parsed only once."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from onlinesim_rent.census.file_identity import FileIdentity
from onlinesim_rent.census.runtime_directory import RuntimeDirectory

T = TypeVar("T")


class ParsedFile(Generic[T]):
    """Gives the result of ``parse`` for a file: the same object until the file changes.

    Every call checks the directory and the file's identity, so it sees another process's file at once.
    Several threads may share one object; only one of them parses a new version.
    """

    def __init__(self, directory: RuntimeDirectory, name: str, parse: Callable[[bytes], T]) -> None:
        self._directory = directory
        self._name = name
        self._parse = parse
        self._parsing = Lock()
        self._parsed: tuple[FileIdentity, T] | None = None

    def value(self) -> T | None:
        """Return the parsed content; None if there is no such file.

        Raises CensusError if the directory cannot be used, and whatever ``parse`` raises.
        """
        parsed = self._unchanged()
        if parsed is None:
            with self._parsing:
                parsed = self._unchanged() or self._read()
        return parsed[1] if parsed else None

    def _unchanged(self) -> tuple[FileIdentity, T] | None:
        parsed = self._parsed
        return parsed if parsed and parsed[0] == self._directory.identity(self._name) else None

    def _read(self) -> tuple[FileIdentity, T] | None:
        version = self._directory.read_version(self._name)
        self._parsed = (version[0], self._parse(version[1])) if version else None
        return self._parsed
