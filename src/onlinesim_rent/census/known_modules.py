"""Remembers which module each port showed in earlier censuses, because a held port shows nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping

from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.clock import boot_id
from onlinesim_rent.finding import Finding
from onlinesim_rent.modem.ports.find import Port

_FILE = "modules.json"


class KnownModules:
    """The IMEI that each port has shown, for all workers and the command line.

    It never makes a port count. It only tells that a held or lost port belongs to the same module as another
    port. A device that was plugged in again is unknown. After a reboot, every device is unknown. The file is
    in the runtime directory, which only the service's user can read. Both methods raise CensusError if that
    directory cannot be used.
    """

    def __init__(self, directory: RuntimeDirectory) -> None:
        self._directory = directory

    def of(self, ports: Iterable[Port]) -> dict[str, str]:
        """Return the IMEI of each port, by the port's name. Ports that never showed one are left out."""
        known = self._read()
        keys = {port.name: _key(port) for port in ports}
        return {name: known[key] for name, key in keys.items() if key in known}

    def learn(self, ports: Iterable[Port], findings: Iterable[Finding]) -> None:
        """Remember the IMEIs that the ports of a census showed, and forget ports that are gone.

        A census with another RENT_PORTS forgets no port that is still plugged in.
        """
        shown = {finding.port: finding.modem.imei for finding in findings if finding.modem}
        before = self._read()
        keys = {port.name: _key(port) for port in ports}
        imeis = {key: shown.get(name) or before.get(key) for name, key in keys.items()}
        others = {key: imei for key, imei in before.items() if key not in imeis and _is_there(key)}
        after = others | {key: imei for key, imei in imeis.items() if imei}
        if after != before:
            content = json.dumps({"boot": boot_id(), "imeis": after})
            self._directory.replace(_FILE, content.encode())

    def _read(self) -> Mapping[str, str]:
        try:
            record = json.loads(self._directory.read(_FILE) or b"{}")
            return dict(record["imeis"]) if record["boot"] == boot_id() else {}
        except (KeyError, TypeError, ValueError, RecursionError):
            # There is no file yet, another release wrote it, or the disk is broken.
            return {}


def _key(port: Port) -> str:
    return f"{port.name} {port.node}"


def _is_there(key: str) -> bool:
    """Whether the port of a key has not been unplugged since; always for a TCP port."""
    name, _, node = key.rpartition(" ")
    if Port(name).is_remote:
        return True
    try:
        return str(os.stat(name).st_ino) == node
    except OSError:
        return False
