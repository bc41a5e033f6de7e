"""The partner's names file (TOML): own names for countries and operators replace the packaged ones."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from onlinesim_rent.configuration_error import ConfigurationError
from onlinesim_rent.networks import ANY_OPERATOR

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping
    from pathlib import Path

    from onlinesim_rent.networks.tables import Country

_COUNTRY_KEY = re.compile(r"[A-Za-z]{2}|[0-9]{3}")
_OPERATOR_KEY = re.compile(r"[0-9]{5,6}")

_EXAMPLE = """for example:
[countries]
US = "usaphysical"  # an ISO 3166 code of two letters, or an MCC of three digits
[operators]
25077 = "mts"  # an MCC and MNC, five or six digits"""


@dataclass(frozen=True, slots=True)
class NamesFile:
    """Names of countries by MCC or by ISO code in capitals, and names of operators by PLMN."""

    countries: Mapping[str, str] = field(default_factory=dict)
    operators: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, known: Mapping[str, Country]) -> NamesFile:
        """Read and check the file at ``path`` against the countries that are known by MCC.

        Raises ConfigurationError, which names every wrong entry at once.
        """
        document = _toml(path)
        problems = list(_problems(document, known))
        if problems:
            raise _error(path, *problems)
        countries = {key.upper(): name for key, name in document.get("countries", {}).items()}
        return cls(countries, document.get("operators", {}))

    def country(self, mcc: str, iso2: str, default: str) -> str:
        """Name a country. The name given to its MCC wins over the name given to its ISO code."""
        return self.countries.get(mcc) or self.countries.get(iso2) or default


def _error(path: Path, *problems: str) -> ConfigurationError:
    heading = f"RENT_NAMES_FILE: the names file {path} cannot be used:"
    return ConfigurationError("\n".join((heading, *(f"- {problem}" for problem in problems), _EXAMPLE)))


def _toml(path: Path) -> dict[str, Any]:
    try:
        # Editors on Windows write a byte order mark before UTF-8, and TOML does not allow one.
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise _error(path, f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise _error(path, f"is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise _error(path, f"is not TOML: {error}") from error


def _problems(document: Mapping[str, Any], known: Mapping[str, Country]) -> Iterator[str]:
    """Say what is wrong with each section and each entry."""
    countries = document.get("countries")
    named = list(countries) if isinstance(countries, dict) else []
    key_problem = {
        "countries": partial(_country_problem, iso_codes={country.iso2 for country in known.values()}),
        "operators": partial(_operator_problem, mccs={*known, *named}),
    }
    for section, entries in document.items():
        if section not in key_problem:
            yield f"[{section}] is not a section; there are [countries] and [operators]"
        elif not isinstance(entries, dict):
            yield f"{section} is not a section; write [{section}] on a line of its own"
        else:
            for key, name in entries.items():
                for problem in filter(None, (key_problem[section](key), _name_problem(name))):
                    yield f"[{section}] {key} = {name!r}: {problem}"
    for key, times in Counter(map(str.upper, named)).items():
        if times > 1:
            yield f"[countries] {key} is there {times} times"


def _country_problem(key: str, iso_codes: Container[str]) -> str:
    if not _COUNTRY_KEY.fullmatch(key):
        return "the key is neither an ISO code of two letters nor an MCC of three digits"
    if key.isalpha() and key.upper() not in iso_codes:
        return "no country of the table has this ISO code; name it by its MCC"
    return ""


def _operator_problem(key: str, mccs: Container[str]) -> str:
    if not _OPERATOR_KEY.fullmatch(key):
        return "the key is not a PLMN of five or six digits"
    if key[:3] not in mccs:
        return f"MCC {key[:3]} has no country; name it under [countries]"
    return ""


def _name_problem(name: object) -> str:
    if not isinstance(name, str):
        return "the name is not a string; write it in quotes"
    if not name or not name.isprintable() or " " in name:
        return "the name is empty, or has a space or a control character in it"
    if name.casefold() == ANY_OPERATOR:
        return f"{ANY_OPERATOR!r} is the marketplace's word for the sum over all operators"
    return ""
