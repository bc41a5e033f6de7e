"""A bank as JSON: ``{"modules": [{"imei": "...", "imsi": "...", "fault": "none"}, ...]}``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields

from .module import SimulatedModule

_NAMES = [field.name for field in fields(SimulatedModule) if field.init]


def read_bank(text: str) -> list[SimulatedModule]:
    """Read modules from JSON. ValueError says which one is wrong, and why."""
    document = json.loads(text)
    if not isinstance(document, dict) or not isinstance(document.get("modules"), list):
        raise ValueError(  # noqa: TRY004 - one kind of error for a wrong file
            'a bank is {"modules": [{"imei": "...", "imsi": "..."}, ...]}'
        )
    return [_read_module(number, entry) for number, entry in enumerate(document["modules"])]


def write_bank(modules: Iterable[SimulatedModule]) -> str:
    """Return modules as one line of JSON."""
    return json.dumps({"modules": [{name: getattr(module, name) for name in _NAMES} for module in modules]})


def _read_module(number: int, entry: object) -> SimulatedModule:
    try:
        return SimulatedModule(**entry)  # type: ignore[arg-type]  # a wrong type raises TypeError
    except (TypeError, ValueError) as error:
        reason = str(error).removeprefix("SimulatedModule.__init__() ")
        raise ValueError(f"module {number}: {reason}; it may have: {', '.join(_NAMES)}") from None
