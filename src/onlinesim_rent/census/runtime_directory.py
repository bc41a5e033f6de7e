"""The directory for the files that workers and the command line share. No other module touches it."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from onlinesim_rent.census.file_identity import FileIdentity
from onlinesim_rent.finding import CensusError

_MEMORY_FILE_SYSTEMS = {"tmpfs", "ramfs"}
_MOUNTS = Path("/proc/self/mountinfo")


class RuntimeDirectory:
    """A directory that only this user may write to, and the few small files in it.

    Each method opens the directory again, checks it, and reaches the files only through that descriptor. So
    nobody can replace the directory between the check and the use, and a deleted directory is made again.
    Only ``identity`` opens nothing. Several threads may share one object.

    Every method raises CensusError if others may write to the directory, or if it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None if there is no such file."""
        version = self.read_version(name)
        return version[1] if version else None

    def read_version(self, name: str) -> tuple[FileIdentity, bytes] | None:
        """Return a file's identity and its content; None if there is no such file."""
        with self._opened() as directory:
            try:
                with open(_open(name, os.O_RDONLY, directory), "rb") as file:
                    # Take the identity before reading: a write during the reading then changes the identity.
                    identity = FileIdentity.of(os.fstat(file.fileno()))
                    return identity, file.read()
            except FileNotFoundError:
                return None

    def identity(self, name: str) -> FileIdentity | None:
        """Return a file's identity without reading the file; None if there is no such file.

        Each answer from a kept census does this, so it must be quick. If another directory takes this one's
        place between the two steps, its file has another identity.
        """
        try:
            directory = os.lstat(self._path)
            if not stat.S_ISDIR(directory.st_mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            self._check(directory)
            return FileIdentity.of(os.lstat(self._path / name))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from error

    def replace(self, name: str, content: bytes) -> None:
        """Replace a file's content: a reader gets the old content or the new content, never a mix."""
        temporary = f"{name}.{secrets.token_hex(8)}"
        with self._opened() as directory:
            try:
                with open(_open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, directory), "wb") as file:
                    file.write(content)
                os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
            except OSError:
                with suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=directory)
                raise

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with self._opened() as directory, suppress(FileNotFoundError):
            os.unlink(name, dir_fd=directory)

    def descriptor(self, name: str) -> int:
        """Open a file to lock it; make it if it is missing. The caller closes the descriptor."""
        with self._opened() as directory:
            return _open(name, os.O_RDWR | os.O_CREAT, directory)

    def is_in_memory(self) -> bool:
        """Whether the files are in memory, so that no slow disk can delay them.

        If the directory is missing, its nearest existing parent decides. Makes no directory.
        """
        try:
            there = next(path for path in (self._path, *self._path.parents) if path.exists())
            device = there.stat().st_dev
            mounts = [line.split() for line in _MOUNTS.read_text().splitlines()]
        except OSError as error:
            raise self._unusable(error) from error
        # proc_pid_mountinfo(5): the third field is the device; the type comes after the hyphen.
        return any(
            mount[2] == f"{os.major(device)}:{os.minor(device)}"
            and mount[mount.index("-") + 1] in _MEMORY_FILE_SYSTEMS
            for mount in mounts
        )

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Open the directory, make it if it is missing, and yield its descriptor."""
        try:
            directory = self._open()
            try:
                self._check(os.fstat(directory))
                yield directory
            finally:
                os.close(directory)
        except OSError as error:
            raise self._unusable(error) from error

    def _open(self) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(self._path, flags)
        except FileNotFoundError:
            # Not parents=True: that ignores the mode, and the fleet's directory is in this host's own.
            for path in (*reversed(self._path.parents), self._path):
                path.mkdir(mode=0o700, exist_ok=True)
            return os.open(self._path, flags)

    def _check(self, directory: os.stat_result) -> None:
        """Refuse a directory in which other users could put a forged census."""
        if directory.st_uid != os.geteuid() or stat.S_IMODE(directory.st_mode) & 0o022:
            raise CensusError(f"RENT_RUNTIME_DIR ({self._path}) must belong to the service's user, mode 0700")

    def _unusable(self, error: OSError) -> CensusError:
        # Path.is_symlink() raises where the path cannot be reached, or is too long.
        if os.path.islink(self._path):
            reason = "it is a symbolic link; name the directory itself"
        else:
            reason = f"{error.strerror}; name a directory that this service can write to"
        return CensusError(f"RENT_RUNTIME_DIR ({self._path}) cannot be used: {reason}")


def _open(name: str, flags: int, directory: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
