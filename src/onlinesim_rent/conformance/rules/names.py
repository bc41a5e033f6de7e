"""Rules about the names: the marketplace counts nothing under a name that it does not know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

from onlinesim_rent.conformance.exchange import Recording
from onlinesim_rent.conformance.reading import first_countries, json_of
from onlinesim_rent.conformance.result import Remark, warning
from onlinesim_rent.conformance.shown import quoted
from onlinesim_rent.networks import ANY_OPERATOR


def countries(recording: Recording) -> Iterator[Remark]:
    """Every country has a name that is known."""
    for country in first_countries(recording):
        if country.name not in recording.known:
            yield _unknown(country.name, "country", recording.known)


def operators(recording: Recording) -> Iterator[Remark]:
    """Every operator has a name that is known in its country."""
    for country in first_countries(recording):
        known = recording.known.get(country.name)
        if known is None:
            continue
        for operator in country.counts:
            if operator != ANY_OPERATOR and operator not in known:
                yield _unknown(operator, f"operator of {quoted(country.name)}", known, recording.known)


def _unknown(
    name: str, kind: str, known: Iterable[str], by_country: Mapping[str, Iterable[str]] | None = None
) -> Remark:
    nearest = get_close_matches(name.lower(), sorted(known), n=1)
    if nearest:
        hint = f"; the nearest is {quoted(nearest[0])}"
    else:
        elsewhere = sorted(country for country, names in (by_country or {}).items() if name in names)
        hint = f"; it is one of {quoted(elsewhere[0])}" if elsewhere else ""
    return warning(f"{quoted(name)} is no known {kind}{hint}", json_of(name))
