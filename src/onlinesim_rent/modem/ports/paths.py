"""The names of a port and of its module's other ports: people, lock files and claims may use any of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from onlinesim_rent.modem.ports.device import DeviceIdentity
from onlinesim_rent.modem.ports.find import Port
from onlinesim_rent.modem.ports.names import kernel_names, udev_links
from onlinesim_rent.modem.ports.topology import Others


def all_paths(port: Port, others: Mapping[DeviceIdentity, Others]) -> list[str]:
    """Return all names and symlinks of a port, and those of its module's other ports.

    ``others`` are Topology's: a port of the module need not be in RENT_PORTS.
    """
    paths = [port.name, *port.aliases, *kernel_names(port.device), *udev_links(port.device)]
    for device, name in _others(port, others).items():
        paths += [name, *udev_links(device)]
    return paths


def siblings(ports: Iterable[Port], others: Mapping[DeviceIdentity, Others]) -> dict[str, list[str]]:
    """Return the other ports of each port's module that are among ``ports``, all by their names."""
    ports = list(ports)
    names = {port.device: port.name for port in ports}
    return {
        port.name: [names[device] for device in _others(port, others) if device in names] for port in ports
    }


def _others(port: Port, others: Mapping[DeviceIdentity, Others]) -> Others:
    return others.get(port.device, {}) if port.device else {}
