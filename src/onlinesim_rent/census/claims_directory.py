"""Reads the directory of claims (RENT_CLAIMS_DIR), and makes and removes claims in it."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from onlinesim_rent.census.claims import FORMS, Claims, is_claim, masked
from onlinesim_rent.census.file_identity import FileIdentity
from onlinesim_rent.finding import CensusError

SETTLED_SECONDS = 2.5
"""A directory that has not changed for this long shows its next change by another time of change.

File systems note that time in steps: of a few milliseconds, or of up to 2 seconds (FAT).
"""

_NOTE_BYTES = 4096
_NOTE_CHARACTERS = 60
_MODE = 0o664
"""The directory's group may write a new note; whoever may write to the directory may remove the claim."""


class ClaimsDirectory:
    """The claims in a directory. Without a path there are none.

    Every method raises CensusError if the directory is missing, cannot be used, or holds a name that is no
    claim: that name may be somebody's spelling of a rented number.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._last: tuple[FileIdentity, Claims] | None = None

    def current(self) -> Claims:
        """Return the claims of this moment. If nothing has changed, this costs one system call."""
        if self._path is None:
            return Claims()
        try:
            version = FileIdentity.of(os.stat(self._path))
            last = self._last
            if last and last[0] == version:
                return last[1]
            claims = Claims(frozenset(os.listdir(self._path)))
        except OSError as error:
            raise self._unusable(error) from error
        self._check(claims)
        self._last = (version, claims) if _has_settled(version) else None
        return claims

    def add(self, name: str, note: str = "") -> bool:
        """Make a claim that is valid at once; return False if there is one already."""
        try:
            descriptor = os.open(self._file(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        except FileExistsError:
            return False
        except OSError as error:
            raise self._unusable(error, "let the user of this program write to it") from error
        with open(descriptor, "w", encoding="utf-8") as file:
            # A umask must not keep the agents of the directory's group from writing a note.
            with suppress(OSError):
                os.fchmod(descriptor, _MODE)
            file.write(f"{note}\n" if note else "")
        return True

    def remove(self, name: str) -> bool:
        """Remove a claim; return False if there is none."""
        try:
            os.unlink(self._file(name))
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._unusable(error, "let the user of this program write to it") from error
        return True

    def note(self, name: str) -> str:
        """Return the first line of a claim's note, shortened, with its numbers masked; empty without one."""
        try:
            with open(self._file(name), "rb") as file:
                text = file.read(_NOTE_BYTES).decode(errors="replace")
        except OSError:
            return ""
        return masked(text.partition("\n")[0].strip())[:_NOTE_CHARACTERS]

    def _file(self, name: str) -> Path:
        if self._path is None:
            raise CensusError("RENT_CLAIMS_DIR is not set: name the directory of the claims")
        if not is_claim(name):
            raise CensusError(f"{masked(name)!r} is no claim; a claim is {FORMS}")
        return self._path / name

    def _check(self, claims: Claims) -> None:
        wrong = sorted(name for name in claims.names if not is_claim(name))
        if wrong:
            raise CensusError(
                f"RENT_CLAIMS_DIR ({self._path}) holds {masked(wrong[0])!r}, which is no claim; "
                f"rename or remove it: a claim is {FORMS}"
            )

    def _unusable(self, error: OSError, right: str = "let the service's user read it") -> CensusError:
        return CensusError(
            f"RENT_CLAIMS_DIR ({self._path}) cannot be used: {error.strerror}; "
            f"make the directory, and {right}"
        )


def _has_settled(version: FileIdentity) -> bool:
    # A file system's times are on the wall clock. After that clock steps back, nothing has settled.
    return max(version.mtime_ns, version.ctime_ns) < time.time_ns() - SETTLED_SECONDS * 1e9
