"""Tells which serial devices are ports of one module: a program that holds one of them uses the module.

The ports of one USB device are one module's. Those of an adapter are not: a module hangs on each of them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from onlinesim_rent.finding import CensusError
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.sysfs import SYSFS, UsbTty, tty_entries, usb_tty

ADAPTER_DRIVERS = re.compile(
    "ark3116|belkin_sa|cp210x|cypress_m8|digi_acceleport|f81[0-9]+|ftdi_sio|io_edgeport|io_ti|keyspan|kl5kusb105|"
    "mct_u232|mos7[0-9]+|mxuport|oti6858|pl2303|quatech2|spcp8x5|ssu100|ti_usb_3410_5052|upd78f0730|whiteheat|"
    "xr_serial|(usb_)?ch[0-9]+x?"
)
"""The drivers of adapters: those of the kernel's drivers/usb/serial, and WCH's own (ch34x, usb_ch343).

Any other driver may be a modem's.
"""

ADAPTER_VENDORS = frozenset({"1a86", "04e2"})
"""WCH (CH342, CH344) and MaxLinear make adapters that cdc_acm drives, as it drives modems."""

Others = dict[DeviceIdentity, str]
"""Other ports of a module, with the kernel's name of each."""


class Topology:
    """Knows the ports of each module, and reads again only what was plugged in since.

    ``sysfs`` is where sysfs is mounted.
    """

    def __init__(self, sysfs: Path = SYSFS) -> None:
        self._sysfs = sysfs
        self._known: dict[tuple[str, int], UsbTty | None] = {}
        self._module_of: dict[int, list[UsbTty]] = {}

    def others(self, devices: Iterable[DeviceIdentity]) -> dict[DeviceIdentity, Others]:
        """Return the other ports of each device's module, for the devices whose module has others.

        Raises CensusError if sysfs cannot be read, unless all devices are pseudo-terminals.
        """
        devices = list(devices)
        try:
            self._look()
        except OSError as error:
            # sysfs has no pseudo-terminals: only they have a mount.
            if all(device.mount for device in devices):
                return {}
            raise CensusError(
                f"{error.filename} does not tell which ports are one module's: {error.strerror}; mount sysfs"
            ) from error
        return {
            device: {
                DeviceIdentity(tty.number, device.mount): tty.name
                for tty in self._module_of[device.number]
                if tty.number != device.number
            }
            for device in devices
            if device.number in self._module_of
        }

    def _look(self) -> None:
        entries = tty_entries(self._sysfs)
        if entries == self._known.keys():
            return
        known = {entry: self._known[entry] for entry in entries if entry in self._known}
        for name, node in entries - known.keys():
            # A device that is not complete yet is looked at again the next time.
            with suppress(OSError):
                tty = usb_tty(name, self._sysfs)
                known[name, node] = tty if tty and not is_of_an_adapter(tty) else None
        self._known = known
        self._module_of = _by_number(tty for tty in known.values() if tty)


def is_of_an_adapter(tty: UsbTty) -> bool:
    """Whether a module of its own may hang on the tty. Raises OSError if the device is gone."""
    driver = tty.driver
    return bool(ADAPTER_DRIVERS.fullmatch(driver)) or (driver == "cdc_acm" and tty.vendor in ADAPTER_VENDORS)


def _by_number(ttys: Iterable[UsbTty]) -> dict[int, list[UsbTty]]:
    """Return the ports of each module that has several, by the device number of each of them."""
    modules: dict[str, list[UsbTty]] = defaultdict(list)
    for tty in ttys:
        modules[tty.device].append(tty)
    return {tty.number: module for module in modules.values() if len(module) > 1 for tty in module}
