"""The commands to a running bank, one a line. The answer to each is one line of JSON.

``stats``, ``reset``, ``fault NAME PORT``, ``{"port": "modem000", "fault": "silent", "imsi": "..."}``, or
``{"port": "modem000", "sender": "79161234567", "text": "..."}``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .bank import Bank, Port
from .module import Counts, SimulatedModule


class Control:
    """Obeys the commands to one bank. The answer to a wrong command is ``{"error": ...}``."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._ports: Mapping[str, Port] = bank.ports

    def answer(self, line: str) -> str:
        """Obey one command; return its answer as one line of JSON."""
        try:
            return json.dumps(self._obey(line.strip()))
        except (TypeError, ValueError) as error:
            return json.dumps({"error": str(error)})

    def _obey(self, line: str) -> dict[str, Any]:
        match line.split():
            case ["stats"]:
                return self._stats()
            case ["reset"]:
                return self._reset()
            case ["fault", fault, port]:
                return self._change(port, fault=fault)
            case [word, *_] if word.startswith("{"):
                wanted = json.loads(line)
                return self._deliver(**wanted) if "text" in wanted else self._change(**wanted)
        raise ValueError(
            "commands: stats, reset, fault NAME PORT, or a JSON object with port, and fault and imsi or "
            "sender and text"
        )

    def _stats(self) -> dict[str, Any]:
        self._bank.notice_opens()
        counts = {name: asdict(port.counts) for name, port in self._ports.items()}
        totals = {
            name: sum(each[name] for each in counts.values()) for name in ("opens", "dialogues", "commands")
        }
        settings = [setting for each in counts.values() for setting in each["settings"]]
        return {"ports": counts, "totals": {**totals, "settings": settings}}

    def _reset(self) -> dict[str, Any]:
        for port in self._ports.values():
            port.module.counts[port.index] = Counts()
        return {"reset": len(self._ports)}

    def _deliver(self, port: str, sender: str, text: str) -> dict[str, Any]:
        self._module(port).texts.deliver(sender, text)
        return {"port": port}

    def _change(self, port: str = "", fault: str | None = None, imsi: str | None = None) -> dict[str, Any]:
        module = self._module(port)
        module.change(fault=fault, imsi=imsi)
        return {"port": port, "fault": module.fault, "imsi": module.imsi}

    def _module(self, port: str) -> SimulatedModule:
        if port not in self._ports:
            raise ValueError(f"no port is called {port!r}; there are: {', '.join(self._ports)}")
        return self._ports[port].module
