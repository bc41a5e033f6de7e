"""Looks for other programs that use a port: they have it, or another port of its module, open or locked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from onlinesim_rent.clock import Deadline
from onlinesim_rent.finding import Held
from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.find import Port
from onlinesim_rent.modem.ports.holders import held_open, processes_holding
from onlinesim_rent.modem.ports.lock_files import live_lock_files, lock_file_names, may_be_locked
from onlinesim_rent.modem.ports.names import kernel_names, udev_links
from onlinesim_rent.modem.ports.topology import Others, Topology

_Key = DeviceIdentity | str
"""A port's device, or the name of a port that has none."""


class SignsOfUse:
    """Looks for signs of use, for one census that ends at ``latest``.

    Without ``topology``, a program that uses one port of a module says nothing of its other ports.
    """

    def __init__(self, latest: Deadline, topology: Topology | None) -> None:
        self._latest = latest
        self._topology = topology
        self._lock_file_names: dict[_Key, list[str]] = {}

    def look(
        self, ports: Sequence[Port], ours: Collection[int], opening: Collection[Port]
    ) -> dict[str, Held]:
        """Return the reasons, by port name, for the ports that are used: see System.signs_of_use."""
        devices = [port.device for port in ports if port.device]
        others = self._topology.others(devices) if self._topology else {}
        others = but_for(others, {port.device for port in opening})
        wanted = {*devices, *(device for names in others.values() for device in names)}
        held = processes_holding(wanted, ours, self._latest)
        locked = live_lock_files(self._names_of_locks(ports, wanted)) if may_be_locked() else {}
        return signs_of_use(ports, others, held, locked)

    def _names_of_locks(
        self, ports: Iterable[Port], devices: Iterable[DeviceIdentity]
    ) -> Mapping[_Key, Collection[str]]:
        keys: dict[_Key, tuple[str, ...]] = dict.fromkeys(devices, ())
        keys |= {port.device or port.name: port.aliases for port in ports}
        for key, aliases in keys.items():
            if key not in self._lock_file_names:
                self._lock_file_names[key] = _lock_file_names(key, aliases)
        return {key: self._lock_file_names[key] for key in keys}


def but_for(
    others: Mapping[DeviceIdentity, Others], devices: Collection[DeviceIdentity | None]
) -> dict[DeviceIdentity, Others]:
    """Return the other ports of each port's module without some devices."""
    return {
        device: {other: name for other, name in names.items() if other not in devices}
        for device, names in others.items()
    }


def signs_of_use(
    ports: Iterable[Port],
    others: Mapping[DeviceIdentity, Others],
    held: Mapping[DeviceIdentity, str],
    locked: Mapping[_Key, str],
) -> dict[str, Held]:
    """Return the reasons, by port name, for the ports that are used.

    ``others`` are the other ports of each port's module, ``held`` the holders and ``locked`` the lock files.
    """
    if not held and not locked:
        return {}
    reasons = {port.name: _reason(port, others, held, locked) for port in ports}
    return {name: Held(reason) for name, reason in reasons.items() if reason}


def _reason(
    port: Port,
    others: Mapping[DeviceIdentity, Others],
    held: Mapping[DeviceIdentity, str],
    locked: Mapping[_Key, str],
) -> str:
    if port.device and (holder := held.get(port.device)):
        return held_open(port.device, holder)
    if lock_file := locked.get(port.device or port.name):
        return f"locked by another program ({lock_file})"
    for device, name in others.get(port.device, {}).items() if port.device else ():
        if holder := held.get(device):
            return f"its module is held on {name} by {holder}"
        if lock_file := locked.get(device):
            return f"its module is locked on {name} by another program ({lock_file})"
    return ""


def _lock_file_names(key: _Key, aliases: Iterable[str]) -> list[str]:
    device = key if isinstance(key, DeviceIdentity) else None
    return lock_file_names([*aliases, *kernel_names(device), *udev_links(device)], device)
