"""Tells character devices apart, whatever their paths are."""

from __future__ import annotations

import os
from dataclasses import dataclass

_PTS_MAJORS = range(136, 144)


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """Identifies a character device: two paths to one device have equal identities.

    Every mount of devpts numbers its pseudo-terminals from 0, so their identity includes the mount.
    """

    number: int
    mount: int = 0

    @property
    def is_pseudo_terminal(self) -> bool:
        """Whether it is a terminal that a program has made, and no serial device."""
        return os.major(self.number) in _PTS_MAJORS

    @classmethod
    def of(cls, status: os.stat_result) -> DeviceIdentity:
        """Return the identity of a character device from its stat result."""
        return cls.of_numbers(status.st_rdev, status.st_dev)

    @classmethod
    def of_numbers(cls, rdev: int, dev: int) -> DeviceIdentity:
        """Return the identity from the device's number and the number of its file system's device."""
        return cls(rdev, dev if os.major(rdev) in _PTS_MAJORS else 0)
