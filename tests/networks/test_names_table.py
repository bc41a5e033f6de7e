from __future__ import annotations

import csv
import importlib.util
import json
import re
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
INPUTS = TOP / "tools" / "networks"
DATA = TOP / "src" / "onlinesim_rent" / "networks" / "data"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


NETWORKS = rows(DATA / "networks.csv")
COUNTRIES = rows(DATA / "countries.csv")
LISTED_COUNTRIES = {row["iso2"]: row["name"] for row in rows(INPUTS / "countries.csv")}
OPERATORS = json.loads((INPUTS / "operators.json").read_text("utf-8"))
BRANDS = tomllib.loads((INPUTS / "brands.toml").read_text("utf-8"))
HOMES = tomllib.loads((INPUTS / "homes.toml").read_text("utf-8"))
NAME_OF = {row["iso2"]: row["country"] for row in COUNTRIES}


def listed_operators(country: str) -> set[str]:
    physical = OPERATORS["usaphysical"] if country == "usa" else ()
    return {*OPERATORS.get(country, ()), *physical}


def letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def test_the_world_is_there():
    assert len(NETWORKS) > 1500
    assert len(NAME_OF) > 220


def test_every_plmn_is_five_or_six_digits_sorted_and_there_once():
    keys = [row["plmn"] for row in NETWORKS]
    assert [key for key in keys if not re.fullmatch(r"[0-9]{5,6}", key)] == []
    assert keys == sorted(set(keys))


def test_every_mcc_is_three_digits_sorted_and_there_once():
    keys = [row["mcc"] for row in COUNTRIES]
    assert [key for key in keys if not re.fullmatch(r"[2-7][0-9]{2}", key)] == []
    assert keys == sorted(set(keys))


def test_every_operator_has_a_plain_name_that_is_not_reserved():
    names = {row["operator"] for row in NETWORKS}
    assert [name for name in names if name == "any" or not re.fullmatch(r"[a-z0-9][a-z0-9_!-]*", name)] == []


def test_every_country_has_one_plain_name_that_is_not_reserved():
    names = {row["country"] for row in COUNTRIES}
    assert [name for name in names if name == "any" or not re.fullmatch(r"[a-z]+", name)] == []
    assert len({(row["iso2"], row["country"]) for row in COUNTRIES}) == len(NAME_OF)
    assert Counter(NAME_OF.values()).most_common(1)[0][1] == 1


def test_every_network_has_a_known_country_or_is_doubtful():
    doubtful = {row["plmn"] for row in NETWORKS if not row["iso2"]}
    assert doubtful == {plmn for plmn, iso2 in HOMES["plmn"].items() if not iso2}
    assert {row["iso2"] for row in NETWORKS} - {""} <= set(NAME_OF)


def test_every_network_has_an_mcc_of_the_table_but_abkhazias():
    table = {row["mcc"] for row in COUNTRIES}
    assert {row["plmn"] for row in NETWORKS if row["plmn"][:3] not in table} == {"28967"}


def test_every_country_of_the_marketplace_is_there():
    assert {iso2: NAME_OF.get(iso2) for iso2 in LISTED_COUNTRIES} == LISTED_COUNTRIES


def test_every_country_with_listed_operators_is_there():
    assert set(OPERATORS) - {"usaphysical"} <= set(NAME_OF.values())


def test_an_operator_is_spelt_as_the_marketplace_lists_it():
    near = []
    for row in NETWORKS:
        listed = listed_operators(NAME_OF.get(row["iso2"], ""))
        if row["operator"] not in listed and letters(row["operator"]) in map(letters, listed):
            near.append(row)
    assert near == []


def test_at_least_580_networks_have_a_listed_name():
    hits = sum(row["operator"] in listed_operators(NAME_OF.get(row["iso2"], "")) for row in NETWORKS)
    assert hits >= 580


@pytest.mark.parametrize(
    ("iso2", "plmn", "name"),
    [
        (iso2, plmn, name)
        for iso2, table in BRANDS.items()
        for plmn, name in table.items()
        if re.fullmatch(r"[0-9]{5,6}", plmn)
    ],
)
def test_a_network_named_by_hand_has_that_name(iso2, plmn, name):
    assert {"plmn": plmn, "iso2": iso2, "operator": name} in NETWORKS


@pytest.mark.parametrize(("plmn", "iso2"), HOMES["plmn"].items())
def test_a_network_placed_by_hand_is_there(plmn, iso2):
    assert [row["iso2"] for row in NETWORKS if row["plmn"] == plmn] == [iso2]


@pytest.mark.parametrize(("mcc", "iso2"), HOMES["mcc"].items())
def test_an_mcc_placed_by_hand_is_there(mcc, iso2):
    assert [row["iso2"] for row in COUNTRIES if row["mcc"] == mcc] == [iso2]


def test_no_company_form_ends_a_name():
    forms = ("_ltd", "_inc", "_llc", "_gmbh", "_ag", "_plc", "_jsc", "_sa", "_ab", "_bv", "_limited", "_corp")
    assert [row for row in NETWORKS if row["operator"].endswith(forms)] == []


@pytest.mark.parametrize(
    ("plmn", "name"),
    [
        ("21910", "a1"),
        ("73003", "claro"),
        ("20610", "orange"),
        ("62401", "mtn"),
        ("41902", "zain"),
        ("41601", "zain"),
    ],
)
def test_no_country_ends_a_brand(plmn, name):
    assert [row["operator"] for row in NETWORKS if row["plmn"] == plmn] == [name]


def test_few_plmns_of_six_digits_begin_with_another_plmn():
    plmns = {row["plmn"]: row["iso2"] for row in NETWORKS}
    nested = {plmn: iso2 for plmn, iso2 in plmns.items() if len(plmn) == 6 and plmn[:5] in plmns}
    assert nested == {"338050": "", "714020": "PA", "738002": "GY", "738003": "GY"}


def test_an_mncs_usual_length_is_that_of_most_keys_under_its_mcc():
    for row in COUNTRIES:
        lengths = Counter(len(key["plmn"]) - 3 for key in NETWORKS if key["plmn"].startswith(row["mcc"]))
        most = max(lengths.values(), default=0)
        usual = {length for length, count in lengths.items() if count == most} or {2, 3}
        assert int(row["mnc_digits"]) in usual, row


@pytest.fixture(scope="module")
def build():
    specification = importlib.util.spec_from_file_location("names_build", INPUTS / "build.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["names_build"] = module
    specification.loader.exec_module(module)
    yield module
    del sys.modules["names_build"]


@pytest.mark.parametrize(
    ("brand", "iso2", "country", "name"),
    [
        ("T-Mobile", "XK", "Kosovo", "tmobile"),
        ("U.S. Cellular", "US", "United States of America", "us_cellular"),
        ("IT&E Wireless", "GU", "Guam (United States of America)", "it_e_wireless"),
        ("Claro Puerto Rico", "PR", "Puerto Rico", "claro"),
        ("A1 HR", "HR", "Croatia", "a1"),
        ("Telecom Niue", "NU", "Niue", "telecom_niue"),
        ("PODA a.s.", "CZ", "Czech Republic", "poda"),
        ("AVATEL MÓVIL, S.L.U.", "ES", "Spain", "avatel_movil"),
        ("KORE Wireless Nederland B.V.", "NL", "Netherlands", "kore_wireless_nederland"),
        ("Lebara France Ltd", "FR", "France", "lebara"),
        ("Namaste / NT Mobile / Sky Phone", "NP", "Nepal", "namaste"),
        ("TKC/KFZO", "IR", "Iran", "tkc"),
        ("LG U+", "KR", "South Korea", "lg_uplus"),
        ("m:tel", "ME", "Montenegro", "mtel"),
        ("Føroya Tele", "FO", "Faroe Islands (Kingdom of Denmark)", "foroya_tele"),
        ("PCCW Mobile (2G)", "HK", "Hong Kong", "pccw_mobile"),
    ],
)
def test_an_unlisted_brand_becomes_a_plain_word(build, brand, iso2, country, name):
    row = build.Row(mcc="000", mnc="00", code=iso2, country=country, brand=brand, operational=True)
    inputs = build.Inputs(LISTED_COUNTRIES, {}, {"world": {}}, HOMES)
    assert build.operator(row, iso2, inputs) == name


def test_a_hand_kept_name_that_hits_no_network_stops_the_build(build):
    inputs = build.Inputs(LISTED_COUNTRIES, {}, {"world": {}, "RU": {"Nobody": "nobody"}}, HOMES)
    with pytest.raises(SystemExit, match="'Nobody' hits no network"):
        build.check([], inputs)


def test_an_mcc_of_two_countries_needs_an_owner(build):
    def row(code: str):
        return build.Row(mcc="700", mnc="00", code=code, country=code, brand="x", operational=True)

    inputs = build.Inputs(LISTED_COUNTRIES, {}, {"world": {}}, HOMES)
    with pytest.raises(SystemExit, match="lacks 700, claimed by"):
        build.check([row("BR"), row("AR")], inputs)
