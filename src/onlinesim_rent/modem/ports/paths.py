"""All paths of a port: people, lock files and claims may name any of them."""

from __future__ import annotations

from onlinesim_rent.modem.ports.find import Port
from onlinesim_rent.modem.ports.lock_files import kernel_names, udev_links


def all_paths(port: Port) -> list[str]:
    """Return the name that RENT_PORTS gives, the kernel's name, and all symlinks that are known."""
    return [port.name, *port.aliases, *kernel_names(port.device), *udev_links(port.device)]
