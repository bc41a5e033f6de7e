"""Warns of names in /dev/serial/by-id that hide devices: devices without a serial number share one name."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from onlinesim_rent.modem.ports.sysfs import UsbTty, tty_entries, usb_tty

_log = logging.getLogger(__name__)
_WARNING = (
    "RENT_PORTS: %s finds %d of %d devices of the model %s, because devices without a serial number share "
    "one name: use /dev/serial/by-path"
)
_checked: set[tuple[str, int]] = set()
"""The globs, and how many ports each has found: to look again at each census would cost too much."""


def warn_of_shared_names(pattern: str, numbers: Collection[int], sysfs: Path) -> None:
    """Log, once, that a glob over by-id finds fewer devices than there are of their model.

    ``numbers`` are the device numbers of the ports that the glob finds.
    """
    if "/by-id/" not in pattern or (pattern, len(numbers)) in _checked:
        return
    _checked.add((pattern, len(numbers)))
    # Without sysfs there is nothing to compare with.
    with suppress(OSError):
        for model, found, there in hidden(numbers, sysfs):
            _log.warning(_WARNING, pattern, found, there, model)


def hidden(numbers: Collection[int], sysfs: Path) -> Iterator[tuple[str, int, int]]:
    """Yield the models of which some devices are not found: how many are found, and how many are there.

    Only models count of which one device is found. Raises OSError if sysfs cannot be read.
    """
    ttys = list(_usb_ttys(sysfs))
    models = {tty.device: tty.model for tty in ttys}
    there = Counter(models.values())
    found = Counter(models[device] for device in {tty.device for tty in ttys if tty.number in numbers})
    for model, count in found.items():
        if count < there[model]:
            yield model, count, there[model]


def _usb_ttys(sysfs: Path) -> Iterator[UsbTty]:
    for name, _ in sorted(tty_entries(sysfs)):
        # Leave out a device that is just being plugged in or out.
        with suppress(OSError):
            if tty := usb_tty(name, sysfs):
                yield tty
