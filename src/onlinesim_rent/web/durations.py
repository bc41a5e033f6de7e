"""Says a number of seconds in words."""

from __future__ import annotations

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def duration(seconds: float) -> str:
    """Return a length of time as people say it: ``12 s``, ``3 min``, ``2 h 5 min``, ``3 d 4 h``."""
    whole = max(0, round(seconds))
    if whole < 2 * _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return _both(whole // _HOUR, "h", whole % _HOUR // _MINUTE, "min")
    return _both(whole // _DAY, "d", whole % _DAY // _HOUR, "h")


def _both(large: int, of_large: str, small: int, of_small: str) -> str:
    return f"{large} {of_large} {small} {of_small}" if small else f"{large} {of_large}"
