"""An IMSI's home network, and the marketplace's names for it.

ITU-T E.212: an IMSI is at most 15 digits. The first three are the mobile country code (MCC), the next two or
three the mobile network code (MNC); together they are the PLMN of the network that issued the SIM. Nothing in
an IMSI says how long its MNC is, so a table has to: six digits are looked up first, then five.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from onlinesim_rent.configuration_error import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping
    from pathlib import Path

RESERVED = "any"  # the marketplace's word for the sum over all operators

_IMSI = re.compile(r"[0-9]{6,15}")
_COUNTRY_KEY = re.compile(r"[A-Za-z]{2}|[0-9]{3}")
_OPERATOR_KEY = re.compile(r"[0-9]{5,6}")

_EXAMPLE = """for example:
[countries]
US = "usaphysical"  # an ISO 3166 code of two letters, or an MCC of three digits
[operators]
25077 = "mts"  # an MCC and MNC, five or six digits"""


@dataclass(frozen=True, slots=True)
class HomeNetwork:
    """The network that issued a SIM, under the names the marketplace is told."""

    plmn: str
    country: str
    operator: str
    named: bool  # False: the network is not in the table, and is listed under its digits


@dataclass(frozen=True, slots=True)
class _Place:
    """What is known of an MCC: whose it is, what that country is called, how long its MNCs usually are."""

    iso2: str
    country: str
    mnc_digits: int


@dataclass(frozen=True, slots=True)
class _Overrides:
    """A names file: countries by MCC or ISO code in capitals, operators by PLMN."""

    countries: Mapping[str, str]
    operators: Mapping[str, str]

    def country(self, mcc: str, iso2: str, default: str) -> str:
        """Name a country: what is said of its MCC wins over what is said of its ISO code."""
        return self.countries.get(mcc) or self.countries.get(iso2) or default


class Names:
    """The packaged tables of home networks, under the names of a partner's own file where it has any."""

    def __init__(self, networks: Mapping[str, HomeNetwork | None], places: Mapping[str, _Place]) -> None:
        self._networks = networks
        self._places = places

    @classmethod
    def load(cls, path: Path | None = None) -> Names:
        """Read the packaged tables and the names file at `path`. Raises ConfigurationError."""
        table = {row["mcc"]: _place(row) for row in _rows("countries.csv")}
        overrides = _read(path, table) if path else _Overrides({}, {})
        places = _renamed(table, overrides)
        networks = dict(_listed(table, overrides))
        networks |= dict(_overridden(networks, places, overrides))
        return cls(networks, places)

    @property
    def fingerprint(self) -> str:
        """The same digits for the same names, in every process."""
        names = repr((sorted(self._networks.items(), key=str), sorted(self._places.items(), key=str)))
        return sha256(names.encode()).hexdigest()

    def home_network(self, imsi: str) -> HomeNetwork | None:
        """Name the network that issued the SIM; None: no IMSI, or no telling which country's it is."""
        if not _IMSI.fullmatch(imsi):
            return None
        for plmn in (imsi[:6], imsi[:5]):
            if plmn in self._networks:
                return self._networks[plmn]
        return self._unlisted(imsi)

    def _unlisted(self, imsi: str) -> HomeNetwork | None:
        place = self._places.get(imsi[:3])
        if place is None:
            return None
        plmn = imsi[: 3 + place.mnc_digits]
        return HomeNetwork(plmn, place.country, operator=plmn, named=False)


def _rows(table: str) -> Iterator[dict[str, str]]:
    yield from csv.DictReader((files(__package__) / "data" / table).read_text("utf-8").splitlines())


def _place(row: Mapping[str, str]) -> _Place:
    return _Place(row["iso2"], row["country"], int(row["mnc_digits"]))


def _renamed(table: Mapping[str, _Place], overrides: _Overrides) -> dict[str, _Place]:
    """Give the table's MCCs the names file's names, and add the MCCs that only the names file has."""
    # Two digits: the usual length outside of America, where E.212 leaves no MCC for the names file to add.
    added = {mcc: _Place("", name, 2) for mcc, name in overrides.countries.items() if mcc.isdigit()}
    return added | {
        mcc: replace(place, country=overrides.country(mcc, place.iso2, place.country))
        for mcc, place in table.items()
    }


def _listed(table: Mapping[str, _Place], overrides: _Overrides) -> Iterator[tuple[str, HomeNetwork | None]]:
    """Every network of the packaged table; None where its row leaves the country open."""
    names = {place.iso2: place.country for place in table.values()}
    for row in _rows("networks.csv"):
        plmn, iso2 = row["plmn"], row["iso2"]
        country = overrides.country(plmn[:3], iso2, names[iso2]) if iso2 else ""
        yield plmn, HomeNetwork(plmn, country, row["operator"], named=True) if country else None


def _overridden(
    networks: Mapping[str, HomeNetwork | None], places: Mapping[str, _Place], overrides: _Overrides
) -> Iterator[tuple[str, HomeNetwork]]:
    """Place each network of the names file where its row is, or the five digits it refines, or its MCC."""
    for plmn, operator in overrides.operators.items():
        known = networks.get(plmn) or networks.get(plmn[:5])
        country = known.country if known else places[plmn[:3]].country
        yield plmn, HomeNetwork(plmn, country, operator, named=True)


def _read(path: Path, table: Mapping[str, _Place]) -> _Overrides:
    document = _toml(path)
    wrong = list(_wrong(document, table))
    if wrong:
        raise _error(path, *wrong)
    countries = {key.upper(): name for key, name in document.get("countries", {}).items()}
    return _Overrides(countries, document.get("operators", {}))


def _error(path: Path, *wrong: str) -> ConfigurationError:
    heading = f"RENT_NAMES_FILE: the names file {path} cannot be used:"
    return ConfigurationError("\n".join((heading, *(f"- {line}" for line in wrong), _EXAMPLE)))


def _toml(path: Path) -> dict[str, Any]:
    try:
        # Editors on Windows put a byte order mark before UTF-8, which TOML does not know.
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise _error(path, f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise _error(path, f"is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise _error(path, f"is not TOML: {error}") from error


def _wrong(document: Mapping[str, Any], table: Mapping[str, _Place]) -> Iterator[str]:
    """Say what is wrong with each section and entry."""
    countries = document.get("countries")
    named = list(countries) if isinstance(countries, dict) else []
    wrong_key = {
        "countries": partial(_wrong_country, known={place.iso2 for place in table.values()}),
        "operators": partial(_wrong_operator, known={*table, *named}),
    }
    for section, entries in document.items():
        if section not in wrong_key:
            yield f"[{section}] is not a section; there are [countries] and [operators]"
        elif not isinstance(entries, dict):
            yield f"{section} is not a section; write [{section}] on a line of its own"
        else:
            for key, name in entries.items():
                for wrong in filter(None, (wrong_key[section](key), _wrong_name(name))):
                    yield f"[{section}] {key} = {name!r}: {wrong}"
    for key, times in Counter(map(str.upper, named)).items():
        if times > 1:
            yield f"[countries] {key} is there {times} times"


def _wrong_country(key: str, known: Container[str]) -> str:
    if not _COUNTRY_KEY.fullmatch(key):
        return "the key is neither an ISO code of two letters nor an MCC of three digits"
    if key.isalpha() and key.upper() not in known:
        return "no country of the table has this ISO code; name it by its MCC"
    return ""


def _wrong_operator(key: str, known: Container[str]) -> str:
    if not _OPERATOR_KEY.fullmatch(key):
        return "the key is not a PLMN of five or six digits"
    if key[:3] not in known:
        return f"MCC {key[:3]} has no country; name it under [countries]"
    return ""


def _wrong_name(name: object) -> str:
    if not isinstance(name, str):
        return "the name is not a string; write it in quotes"
    if not name or not name.isprintable() or " " in name:
        return "the name is empty, or has a space or a control character in it"
    if name.casefold() == RESERVED:
        return f"{RESERVED!r} is the marketplace's word for the sum over all operators"
    return ""
