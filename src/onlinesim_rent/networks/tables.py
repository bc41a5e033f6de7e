"""The packaged tables of countries and networks; data/README.md tells where they come from."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Country:
    """The country of an MCC: its ISO 3166 code, its name, and how many digits most MNCs under this MCC have.

    ``iso2`` is empty if only the partner's names file has the MCC.
    """

    iso2: str
    name: str
    mnc_digits: int


@dataclass(frozen=True, slots=True)
class Network:
    """A network that issues SIMs; ``iso2`` is empty if its country is in doubt."""

    plmn: str
    iso2: str
    operator: str


def countries() -> dict[str, Country]:
    """Read the table of countries, by MCC."""
    return {
        row["mcc"]: Country(row["iso2"], row["country"], int(row["mnc_digits"]))
        for row in _rows("countries.csv")
    }


def networks() -> Iterator[Network]:
    """Read the table of networks."""
    for row in _rows("networks.csv"):
        yield Network(row["plmn"], row["iso2"], row["operator"])


def _rows(table: str) -> Iterator[dict[str, str]]:
    yield from csv.DictReader((files(__package__) / "data" / table).read_text("utf-8").splitlines())
