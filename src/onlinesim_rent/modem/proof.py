"""How old a module's proof may become during a census, and when to ask again. Pure rules over times."""

from __future__ import annotations

PROOF_SECONDS = 2.0
"""How old a proof may be when the census ends. A module with an older one is asked again, or not counted."""

PAUSE_SECONDS = 0.1
"""How long after its first dialogue a module is asked again at the earliest: its port must close first."""

_SHARE = 0.6
"""The second dialogue's time as a share of the first: four exchanges of seven, and a little more."""

NEVER = float("inf")


def is_too_old(proved_at: float, now: float, deadline: float) -> bool:
    """Tell whether a proof is too old to count.

    A busy host may notice the deadline late. That time does not count here: the cache judges it.
    """
    return min(now, deadline) - proved_at > PROOF_SECONDS


def again_at(asked_at: float, proved_at: float, deadline: float) -> float:
    """Return when to ask a module again, so that its proof is young enough at the deadline.

    Its first dialogue lasted from ``asked_at`` to ``proved_at``. Returns NEVER if that proof is young enough,
    or if no time is left to ask again. In the second case the proof still counts if the census ends early.
    """
    if deadline - proved_at <= PROOF_SECONDS:
        return NEVER
    first = proved_at - asked_at
    at = max(deadline - seconds_to_ask_again(first), proved_at + PAUSE_SECONDS)
    return at if at + _SHARE * first <= deadline else NEVER


def seconds_to_ask_again(first: float) -> float:
    """Return how many seconds before the deadline to ask a module again.

    ``first`` is how many seconds its first dialogue took. If the second dialogue began earlier and was quick,
    its proof would be too old at the deadline.
    """
    return min(first, _SHARE * first + 0.9) + 0.5
