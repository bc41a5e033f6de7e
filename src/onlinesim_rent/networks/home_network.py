"""The home network of an IMSI, under the marketplace's names or the partner's own.

ITU-T E.212: an IMSI has at most 15 digits. The first three are the mobile country code (MCC), the next two or
three the mobile network code (MNC). Together they are the PLMN of the network that issued the SIM. An IMSI
does not say how long its MNC is, so the first six digits are looked up in a table, then the first five.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from onlinesim_rent.networks import tables
from onlinesim_rent.networks.names_file import NamesFile
from onlinesim_rent.networks.tables import Country

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_IMSI = re.compile(r"[0-9]{6,15}")


@dataclass(frozen=True, slots=True)
class HomeNetwork:
    """The network that issued a SIM, by the names that the marketplace gets."""

    plmn: str
    country: str
    operator: str
    named: bool  # False: no table names the network, so its operator is its PLMN


class Names:
    """The names of all countries and networks. The partner's own names replace the packaged ones.

    ``networks`` are by PLMN, and None if the country is in doubt; ``countries`` are by MCC.
    """

    def __init__(self, networks: Mapping[str, HomeNetwork | None], countries: Mapping[str, Country]) -> None:
        self._networks = networks
        self._countries = countries

    @classmethod
    def load(cls, path: Path | None = None) -> Names:
        """Read the packaged tables and the names file at ``path``. Raises ConfigurationError."""
        packaged = tables.countries()
        own = NamesFile.read(path, packaged) if path else NamesFile()
        countries = _countries(packaged, own)
        networks = dict(_packaged_networks(packaged, own))
        networks |= dict(_own_networks(networks, countries, own))
        return cls(networks, countries)

    @property
    def fingerprint(self) -> str:
        """A digest of all names: the same for the same names, in every process."""
        names = repr((sorted(self._networks.items(), key=str), sorted(self._countries.items(), key=str)))
        return sha256(names.encode()).hexdigest()

    @property
    def operators(self) -> dict[str, frozenset[str]]:
        """The names of all operators, by the name of their country; a country may have none."""
        found: dict[str, set[str]] = {country.name: set() for country in self._countries.values()}
        for network in filter(None, self._networks.values()):
            found.setdefault(network.country, set()).add(network.operator)
        return {country: frozenset(operators) for country, operators in found.items()}

    def home_network(self, imsi: str) -> HomeNetwork | None:
        """Name the network that issued the SIM; None if this is no IMSI or its country is not certain."""
        if not _IMSI.fullmatch(imsi):
            return None
        for plmn in (imsi[:6], imsi[:5]):
            if plmn in self._networks:
                return self._networks[plmn]
        return self._unlisted(imsi)

    def _unlisted(self, imsi: str) -> HomeNetwork | None:
        country = self._countries.get(imsi[:3])
        if country is None:
            return None
        plmn = imsi[: 3 + country.mnc_digits]
        return HomeNetwork(plmn, country.name, operator=plmn, named=False)


def _countries(packaged: Mapping[str, Country], own: NamesFile) -> dict[str, Country]:
    """Rename the packaged countries, and add the MCCs that only the names file has."""
    # Two digits: MNCs of three digits are used in America, where the packaged table has every MCC already.
    added = {mcc: Country("", name, 2) for mcc, name in own.countries.items() if mcc.isdigit()}
    return added | {
        mcc: replace(country, name=own.country(mcc, country.iso2, country.name))
        for mcc, country in packaged.items()
    }


def _packaged_networks(
    packaged: Mapping[str, Country], own: NamesFile
) -> Iterator[tuple[str, HomeNetwork | None]]:
    """Return every packaged network by its PLMN; None if its country is in doubt."""
    names = {country.iso2: country.name for country in packaged.values()}
    for network in tables.networks():
        plmn, iso2 = network.plmn, network.iso2
        country = own.country(plmn[:3], iso2, names[iso2]) if iso2 else ""
        yield plmn, HomeNetwork(plmn, country, network.operator, named=True) if country else None


def _own_networks(
    networks: Mapping[str, HomeNetwork | None], countries: Mapping[str, Country], own: NamesFile
) -> Iterator[tuple[str, HomeNetwork]]:
    """Return every network of the names file by its PLMN.

    Its country is that of the packaged network with this PLMN or, for six digits, with the first five. If
    there is none, it is the country of its MCC.
    """
    for plmn, operator in own.operators.items():
        known = networks.get(plmn) or networks.get(plmn[:5])
        country = known.country if known else countries[plmn[:3]].name
        yield plmn, HomeNetwork(plmn, country, operator, named=True)
