"""Tells the Onlinesim marketplace how many phone numbers can be rented right now."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onlinesim_rent.application import create_app, live_census

__all__ = ["create_app", "live_census"]


def __getattr__(name: str) -> Any:
    """Load the application when it is wanted (PEP 562): the simulator beside it starts without Flask."""
    if name in __all__:
        return getattr(import_module("onlinesim_rent.application"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
