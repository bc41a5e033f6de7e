"""Tells one version of a file or directory from the next, without reading it."""

from __future__ import annotations

import os
from typing import NamedTuple, Self


class FileIdentity(NamedTuple):
    """Identifies one version of a file or directory, by what stat(2) tells."""

    device: int
    inode: int
    mtime_ns: int
    ctime_ns: int
    size: int

    @classmethod
    def of(cls, file: os.stat_result) -> Self:
        """Take the identity from a stat(2) result."""
        return cls(file.st_dev, file.st_ino, file.st_mtime_ns, file.st_ctime_ns, file.st_size)
