"""Build the tables of home networks that the package carries.

Run from the top of the repository, with the npm package `mcc-mnc-list`, or the JSON file in it:

    npm pack mcc-mnc-list@1.1.11
    python tools/networks/build.py mcc-mnc-list-1.1.11.tgz

Reads the files beside this script, which are kept by hand, and writes `networks.csv` and `countries.csv` into
`src/onlinesim_rent/networks/data`. The same input always makes the same bytes.
"""

from __future__ import annotations

import csv
import json
import re
import sys
import tarfile
import tomllib
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "src" / "onlinesim_rent" / "networks" / "data"

# Entries that name no network: their codes are shared or private. Their SIMs are listed under their digits.
PLACEHOLDERS = frozenset(
    ("No name", "Local", "private networks", "Celcom, DiGi, Maxis, Tune Talk, U Mobile, Unifi, XOX, Yes")
)

FORMS = """
    ab ag aps as asa bhd bv co corp corporation dooel doo gmbh inc jsc kft kg llc llp lp ltd ltda limited nv
    ohg ojsc ooo ou oy oyj pjsc plc prjsc pt pte pty pvt sa sapi sarl sas sau sdn sia slu sp spa sro srl uab
    zoo zrt
"""
COMPANY_FORMS = frozenset(FORMS.split())

# Words at the end of a brand that name a country, besides the country's own names.
COUNTRY_WORDS = {"GB": ("uk",), "IT": ("italia",), "LR": ("lbr",), "ES": ("espana",), "NO": ("norge",)}

# Words that need the country after them to name a network: "Telecom Niue" stays whole.
PLAIN_WORDS = frozenset(("telecom", "de"))

# Letters that Unicode does not decompose. Names in other alphabets are in brands.toml.
LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "\N{LATIN SMALL LETTER DOTLESS I}": "i", "æ": "ae", "ß": "ss"}
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the source, for a network that belongs to a country."""

    mcc: str
    mnc: str
    code: str
    country: str
    brand: str
    operational: bool

    @property
    def plmn(self) -> str:
        """MCC and MNC, the table's key."""
        return self.mcc + self.mnc


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files kept by hand: the marketplace's names, and which country a code belongs to."""

    names: dict[str, str]
    operators: dict[str, list[str]]
    brands: dict[str, dict[str, str]]
    homes: dict[str, dict[str, str]]

    @classmethod
    def read(cls) -> Inputs:
        """Read the files beside this script."""
        with (HERE / "countries.csv").open(encoding="utf-8", newline="") as lines:
            names = {row["iso2"]: row["name"] for row in csv.DictReader(lines)}
        operators = json.loads((HERE / "operators.json").read_text("utf-8"))
        # Physical and virtual SIMs of the United States are listed apart; here they are one country.
        operators["usa"] = sorted({*operators["usa"], *operators.pop("usaphysical")})
        brands = tomllib.loads((HERE / "brands.toml").read_text("utf-8"))
        homes = tomllib.loads((HERE / "homes.toml").read_text("utf-8"))
        return cls(names, operators, brands, homes)

    def listed(self, iso2: str) -> dict[str, str]:
        """Map letters and digits alone to the operator names listed for a country."""
        return {squeeze(name): name for name in self.operators.get(self.names.get(iso2, ""), [])}

    def home(self, row: Row) -> str:
        """Give the ISO code of the country whose SIMs carry this PLMN; empty where that is in doubt."""
        own = self.homes["codes"].get(row.code, row.code)
        return self.homes["plmn"].get(row.plmn, self.homes["mcc"].get(row.mcc, own))


def squeeze(name: str) -> str:
    """Keep letters and digits: "t-2" is t2."""
    return re.sub(r"[^a-z0-9]", "", name)


def plain(text: str) -> list[str]:
    """Split a name into lower case ASCII words: "U.S. Cellular" is us, cellular; "T-Mobile" is tmobile."""
    text = unicodedata.normalize("NFKC", text).lower().translate(LETTERS)
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    text = re.sub(r"\b(\w)\.(?=\w\b)|\b(\w)\.(?=\W|$)", r"\1\2", text)
    text = re.sub(r"(?<=\w)\+", "plus", text)
    text = re.sub(r"(?<=\w)[-:*!'](?=\w)", "", text)
    return re.findall(r"[a-z0-9]+", text)


def first(brand: str) -> str:
    """Keep the first of several brands, without words in brackets."""
    return re.split(r"\s/\s|(?<=\w\w\w)/|[,;]\s", re.sub(r"\s*\(.*?\)", "", brand))[0].strip()


def without_country(words: list[str], iso2: str, names: Iterable[str]) -> list[str]:
    """Drop a country at the end of a name: "A1 HR" is a1, "MTN Cameroon" is mtn."""
    for ending in map(plain, (iso2, *names, *COUNTRY_WORDS.get(iso2, ()))):
        rest = words[: -len(ending)]
        if rest and words == rest + ending and rest[-1] not in PLAIN_WORDS:
            return rest
    return words


def without_company_form(words: list[str]) -> list[str]:
    """Drop legal forms such as "ltd" before or after a name, but never the whole name."""
    while len(words) > 1 and words[-1] in COMPANY_FORMS:
        words = words[:-1]
    while len(words) > 1 and words[0] in COMPANY_FORMS:
        words = words[1:]
    return words


def slug(row: Row, iso2: str, inputs: Inputs) -> list[str]:
    """Reduce a row's brand to its own words. The legal form may be before or after the country."""
    names = (row.country, inputs.names.get(iso2, ""))
    return without_company_form(without_country(without_company_form(plain(first(row.brand))), iso2, names))


def operator(row: Row, iso2: str, inputs: Inputs) -> str:
    """Give the marketplace's name for the row's network, or a plain one made from its brand."""
    for table in (inputs.brands.get(iso2, {}), inputs.brands["world"]):
        for key in (row.plmn, row.brand):
            if key in table:
                return table[key]
    words = slug(row, iso2, inputs)
    if not words:
        raise SystemExit(f"brands.toml: [{iso2}] {row.brand!r} ({row.plmn}) needs a name in ASCII")
    return listed_name(words, inputs.listed(iso2))


def listed_name(words: list[str], listed: dict[str, str]) -> str:
    """Find the listed name with the same letters. "Lebara Mobile" may be listed as `lebara`."""
    for candidate in (words, words[:-1] if words[-1] == "mobile" else words):
        if "".join(candidate) in listed:
            return listed["".join(candidate)]
    return "_".join(words)


def networks(rows: list[Row], inputs: Inputs) -> Iterator[tuple[str, str, str]]:
    """Give PLMN, ISO code and operator of every network, sorted. A row of the PLMN's own country wins."""
    kept = {plmn for table in inputs.brands.values() for plmn in table if plmn.isdigit() and len(plmn) > 4}
    by_plmn: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if (row.operational or row.plmn in kept) and row.brand not in PLACEHOLDERS:
            by_plmn[row.plmn].append(row)
    for plmn, found in sorted(by_plmn.items()):
        iso2 = inputs.home(found[0])
        row = next((row for row in found if row.code == iso2), found[0])
        if iso2 or plmn in inputs.homes["plmn"]:
            yield plmn, iso2, operator(row, iso2, inputs)


def countries(rows: list[Row], inputs: Inputs) -> Iterator[tuple[str, str, str, int]]:
    """Give MCC, ISO code, name and usual MNC length of every MCC that belongs to a country, sorted."""
    codes = inputs.homes["codes"]
    owners = {row.mcc: codes.get(row.code, row.code) for row in rows} | inputs.homes["mcc"]
    own_names = {codes.get(row.code, row.code): row.country for row in reversed(rows)}
    for mcc, iso2 in sorted(owners.items()):
        if iso2:
            own = "".join(plain(first(own_names[iso2])))
            name = inputs.names.get(iso2) or inputs.homes["names"].get(iso2) or own
            yield mcc, iso2, name, usual_length([row for row in rows if row.mcc == mcc])


def usual_length(rows: list[Row]) -> int:
    """Give the number of digits that most MNCs of an MCC have; 3 if two and three are equally common."""
    lengths = [len(row.mnc) for row in rows if row.operational] or [len(row.mnc) for row in rows]
    return 3 if lengths.count(3) >= lengths.count(2) else 2


def source_text(path: Path) -> bytes:
    """Read the JSON file, directly or from the package's archive."""
    if path.suffix != ".tgz":
        return path.read_bytes()
    with tarfile.open(path) as archive:
        member = archive.extractfile("package/mcc-mnc-list.json")
        assert member is not None, "a directory stands where the list should be"
        return member.read()


def source_rows(path: Path) -> list[Row]:
    """Read the rows that have a country and a complete code, from the JSON file or its archive."""
    entries = json.loads(source_text(path))
    return [
        Row(
            mcc=entry["mcc"],
            mnc=entry["mnc"],
            code=entry["countryCode"],
            country=entry["countryName"],
            brand=entry["brand"] or entry["operator"] or "",
            operational=entry["status"] == "Operational",
        )
        for entry in entries
        if entry["countryCode"] and re.fullmatch(r"\d{2,3}", entry["mnc"])
    ]


def check(rows: list[Row], inputs: Inputs) -> None:
    """Stop if an entry kept by hand matches no network, or if an MCC of several countries has no owner."""
    seen = {(inputs.home(row), key) for row in rows for key in (row.plmn, row.brand)}
    seen |= {("world", key) for _, key in seen}
    wrong = [
        f"brands.toml: [{iso2}] {key!r} hits no network"
        for iso2, table in inputs.brands.items()
        for key in table
        if (iso2, key) not in seen
    ]
    codes: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        codes[row.mcc].add(row.code)
    wrong += [
        f"homes.toml: [mcc] lacks {mcc}, claimed by {sorted(claims)}"
        for mcc, claims in sorted(codes.items())
        if len(claims) > 1 and mcc not in inputs.homes["mcc"]
    ]
    if wrong:
        raise SystemExit("\n".join(wrong))


def write(path: Path, header: tuple[str, ...], lines: Iterable[tuple[object, ...]]) -> None:
    """Write a table with the same line ends on every system."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)


def main(arguments: list[str]) -> None:
    """Build both tables from the file that is the only argument."""
    if len(arguments) != 1:
        raise SystemExit(__doc__)
    rows, inputs = source_rows(Path(arguments[0])), Inputs.read()
    check(rows, inputs)
    write(DATA / "networks.csv", ("plmn", "iso2", "operator"), networks(rows, inputs))
    write(DATA / "countries.csv", ("mcc", "iso2", "country", "mnc_digits"), countries(rows, inputs))


if __name__ == "__main__":
    main(sys.argv[1:])
