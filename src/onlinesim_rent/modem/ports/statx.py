"""Calls statx(2), which Python does not offer yet, to find devices without waiting for a file system.

os.stat() asks a network or FUSE file system for fresh values, and never returns if its server is gone.
If any process of the host has one such file open, os.stat() would stop every census.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable, Iterator
from struct import Struct

_AT_STATX_DONT_SYNC = 0x4000
_STATX_TYPE = 0x1
_FIELDS = Struct("=28xH98xIIII")
"""linux/stat.h, struct statx: the mode, then major and minor number of the device and of its file system."""
_STRUCT_BYTES = 256

_statx = ctypes.CDLL(None).statx


def character_devices(directory: int, names: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield ``st_rdev`` and ``st_dev`` of each character device among the named files of an open directory.

    Leaves out files that are gone, or that this user may not look at.
    """
    result = ctypes.create_string_buffer(_STRUCT_BYTES)
    for name in names:
        if _statx(directory, os.fsencode(name), _AT_STATX_DONT_SYNC, _STATX_TYPE, result):
            continue
        mode, *numbers = _FIELDS.unpack_from(result)
        if stat.S_ISCHR(mode):
            yield os.makedev(*numbers[:2]), os.makedev(*numbers[2:])
