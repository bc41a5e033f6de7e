"""Asks the kernel when a device is opened: inotify(7).

The master of a pseudo-terminal does not learn when its slave is opened, only when its last user closes it.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator

IN_CLOSE = 0x08 | 0x10
IN_OPEN = 0x20
_EVENT = struct.Struct("iIII")
_BUFFER_SIZE = 4096 * _EVENT.size
_libc = ctypes.CDLL(None, use_errno=True)


class OpenWatch:
    """Watches devices by path. It asks for closings too, because the kernel would merge two openings."""

    def __init__(self) -> None:
        self.descriptor = _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))

    def add(self, path: str) -> int:
        """Watch a device until it vanishes. Return the watch's number, which is never used again."""
        return _checked(_libc.inotify_add_watch(self.descriptor, path.encode(), IN_OPEN | IN_CLOSE))

    def opened(self) -> Iterator[int]:
        """Yield a watch's number for each opening since the last call. Does not wait."""
        try:
            events = os.read(self.descriptor, _BUFFER_SIZE)
        except BlockingIOError:
            return
        for watch, mask, _cookie, _length in _EVENT.iter_unpack(events):
            if mask & IN_OPEN:
                yield watch

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.descriptor)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"inotify: {os.strerror(number)}; see sysctl fs.inotify")
    return result
